"""Declared invariants that are proved for all sizes, and what they rest on."""

from __future__ import annotations

from pathlib import Path

import pytest
from systems import model as model_of_text
from test_all_sizes import proved, violated

from pvcheck.load import instances, load
from pvcheck.model.model import Model

FOLDER = Path(__file__).parent / "invariants"
SPECS = sorted(FOLDER.glob("*.pv"))


def names(model: Model) -> set[str]:
    return {i.name for i in model.invariants}


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_proved(path: Path) -> None:
    model = load(path)

    assert names(model)
    assert names(model) <= proved(model)
    assert not violated(instances(model))


@pytest.mark.parametrize(
    ("spec", "right", "wrong"),
    [
        ("proved_pair", "y[p] = x[p];", "y[p] = true;"),
        ("proved_pair", "acquire m[p]; x[p] = true; y[p] = true;", "acquire m[p]; x[p] = true;"),
        ("proved_pair", "when free(m[p]): ", ""),
        ("proved_lists", "pv_list[p] = pv_list[p] | {v};", ""),
        ("proved_lists", "pte[v] = none;", ""),
        ("proved_elements", "pte[m] = p;", ""),
        ("proved_elements", "{Entry(m, false)};", "{Entry(m, true)};"),
        ("proved_elements", "pv_list[p] = pv_list[p] - {Entry(m, false)};", ""),
        ("proved_transfer", "append(pv_list[p], Entry(m, p));", ""),
        ("proved_transfer", "remove(pv_list[p], Entry(m, p));", ""),
        ("proved_transfer", "mapped[m][r] = false;", ""),
        (
            "proved_transfer",
            "for p in pages(r) ascending { remove",
            "for p in pages(r) - {Page(0)} ascending { remove",
        ),
        ("proved_promotion", "pte[m][v] = p;", ""),
        ("proved_promotion", "{ remove(pv_list[p], Entry(m, va_at(g, p))); }", "{ }"),
        (
            "proved_transfer",
            "    lock_run(r);\n    mapped[m][r] = true;",
            "    mapped[m][r] = true;\n    lock_run(r);",
        ),
    ],
)
def test_not_proved_when_broken(spec: str, right: str, wrong: str) -> None:
    text = (FOLDER / f"{spec}.pv").read_text()
    assert right in text
    model = model_of_text(text.replace(right, wrong, 1))

    wrong = violated(instances(model)) & names(model)
    assert wrong
    assert not proved(model) & wrong


def test_locals_that_double_what_they_are_made_of_take_no_time() -> None:
    doubled = "\n".join(f"let x{n + 1} = x{n} == x{n};" for n in range(60))
    model = model_of_text(f"""
        system doubled;
        ordered sort P;
        lock m[P]: mutex;
        var x[p: P]: bool = false guarded by m[p];
        op look() {{
          for p in P ascending {{
            acquire m[p];
            let x0 = x[p];
            {doubled}
            release m[p];
            if x60 {{ return; }}
          }}
        }}
        invariant never(p: P): !x[p];
        thread t {{ while true {{ look(); }} }}
        """)

    assert "never" in proved(model)
