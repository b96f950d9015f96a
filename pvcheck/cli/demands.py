"""What continuous integration demands of specifications: ``pvcheck.toml``.

The file is as untrusted as the specifications that it names: they must lie in its folder or below.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pvcheck.cli.options import specification
from pvcheck.diagnostics import UsageError
from pvcheck.files import MAX_FILE_BYTES, contents
from pvcheck.lang.suggest import did_you_mean
from pvcheck.model.model import Model
from pvcheck.model.types import Bool


@dataclass(frozen=True, slots=True)
class Demand:
    """What must hold of one specification: everything checked as declared, and some proved."""

    specification: Path
    proved: tuple[str, ...] | None
    """Properties that must be proved for all sizes; ``None``: all that are not declared violated."""
    fixed: Mapping[str, bool] = field(default_factory=dict)
    """Truth parameters whose value alone a proof is for."""


def read_demands(path: Path) -> tuple[Demand, ...]:
    """The demands of a file, in its order.

    Raises:
        UsageError: it is no such file.
        OSError: it cannot be read.
    """
    data = contents(path)
    if len(data) > MAX_FILE_BYTES:
        raise UsageError(f"{path} is larger than {MAX_FILE_BYTES} bytes")
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None
    except RecursionError:
        raise UsageError(f"{path}: tables and lists are nested too deeply") from None
    _only(path, "the file", document, ("require",))
    entries = document.get("require", [])
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"{path} demands nothing", 'say [[require]] and specification = "FILE.pv"')
    demands = tuple(_demand(path, entry) for entry in entries)
    for one, times in Counter(d.specification for d in demands).items():
        if times > 1:
            raise UsageError(f"{path}: {one} is there more than once")
    return demands


def check(demand: Demand, model: Model) -> None:
    """Return if there can be a proof as it is demanded.

    Raises:
        UsageError: the specification has no such property or truth parameter.
    """
    for one in demand.proved or ():
        if one not in model.properties:
            raise UsageError(
                f"{model.name} has no property {one!r}", did_you_mean(one, model.properties)
            )
    check_parameters(model, demand.fixed)


def check_parameters(model: Model, fixed: Mapping[str, bool]) -> None:
    """
    Raises:
        UsageError: the specification has no such truth parameter.
    """
    truths = [p.name for p in model.parameters if isinstance(p.type, Bool)]
    for name in fixed:
        if name not in truths:
            hint = did_you_mean(name, truths) or (
                "only those of type bool can be set: numbers are all proved"
            )
            raise UsageError(f"{model.name} has no truth parameter {name!r}", hint)


def _demand(path: Path, entry: Any) -> Demand:
    if not isinstance(entry, dict):
        raise UsageError(f"{path}: require is a list of tables", "say [[require]]")
    _only(path, "[[require]]", entry, ("specification", "proved", "fixed"))
    name = entry.get("specification")
    if not isinstance(name, str):
        raise UsageError(f"{path}: [[require]] names no file", 'say specification = "FILE.pv"')
    proved, fixed = entry.get("proved", []), entry.get("fixed", {})
    if not isinstance(proved, list) or not all(isinstance(p, str) for p in proved):
        raise UsageError(f"{path}: proved is a list of properties")
    if not isinstance(fixed, dict) or not all(isinstance(v, bool) for v in fixed.values()):
        raise UsageError(f"{path}: fixed says true or false of parameters")
    return Demand(_inside(path, name), tuple(proved), fixed)


def _inside(path: Path, name: str) -> Path:
    folder = path.parent
    file = specification(str(folder / name))
    if not file.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"{path}: {name} is outside of its folder")
    return file


def _only(path: Path, where: str, table: Mapping[str, Any], known: Collection[str]) -> None:
    for key in table:
        if key not in known:
            raise UsageError(f"{path}: {where} has no {key!r}", did_you_mean(key, known))
