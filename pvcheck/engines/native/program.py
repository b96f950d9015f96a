"""The generated C as a program of its own, to read, to measure and to run under other tools."""

from __future__ import annotations

import re
from collections.abc import Collection

from pvcheck.engines.native.compiler import RUNTIME
from pvcheck.engines.native.generate import generate
from pvcheck.engines.native.text import table
from pvcheck.model.reduction import UNREDUCED
from pvcheck.model.semantics import Semantics

_INCLUDE = re.compile(r'^#include "([a-z]+\.[ch])"\n', re.M)


def program(semantics: Semantics, properties: Collection[str], *, whole: bool = True) -> str:
    """C that searches the instance without reductions, and prints how many states there are and what is
    violated.

    ``whole``: with the text of the search; else that is included.

    Raises:
        Unsupported: the instance cannot be represented.
    """
    generated = generate(semantics, UNREDUCED)
    quoted = ", ".join(f'"{name}"' for name in generated.properties)
    text = "\n".join(
        [
            generated.header,
            "",
            *generated.steps,
            generated.main,
            f"static const char *const NAMES[PROPERTIES] = {{{quoted}}};",
            table(
                "u8", "ASKED", [name in properties for name in generated.properties], "[PROPERTIES]"
            ),
            "",
            '#include "program.c"\n',
        ]
    )
    while whole and _INCLUDE.search(text):
        text = _INCLUDE.sub(lambda m: (RUNTIME / m[1]).read_text(encoding="ascii"), text)
    return text
