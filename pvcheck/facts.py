"""The facts that a proof rests on, kept beside the specification.

They are hints: each is proved again whenever it is used, so that a file that is old, or wrong, costs time
and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pvcheck.diagnostics import UsageError
from pvcheck.files import MAX_FILE_BYTES, contents, write_text
from pvcheck.proof.prove import PartResult

Facts = Mapping[str, frozenset[str]]
"""By the title of a part: names of facts. By its other title: of those about invariants that are not."""


def file_of(specification: Path) -> Path:
    return specification.with_suffix(".facts")


def read(specification: Path) -> Facts:
    """Those of the specification; none if there is no file.

    Raises:
        UsageError: what is there is something else.
        OSError: it cannot be read.
    """
    file = file_of(specification)
    if not file.exists():
        return {}
    remedy = f"delete it, or have it written anew: pvcheck prove {specification} --infer"
    if file.is_symlink():
        raise UsageError(f"{file} is a symbolic link, which is not followed", remedy)
    data = contents(file)
    if len(data) > MAX_FILE_BYTES:
        raise UsageError(f"{file} is larger than {MAX_FILE_BYTES:,} bytes", remedy)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not _is_facts(document):
        raise UsageError(f"{file} is no file of facts", remedy)
    return {title: frozenset(names) for title, names in document.items()}


def write(specification: Path, results: Sequence[PartResult], known: Facts) -> Path:
    """Keep what a proof has found, and what was ``known`` of parts that came to no end; an older file is
    replaced.

    Raises:
        OSError: it cannot be written.
    """
    file = file_of(specification)
    document: dict[str, list[str]] = {}
    for r in results:
        document[r.part.title] = sorted(r.facts or known.get(r.part.title, frozenset()))
        title = r.part.title_of_lacking
        if lacking := r.lacking or known.get(title, frozenset()):
            document[title] = sorted(lacking)
    write_text(file, json.dumps(document, indent=0) + "\n")
    return file


def _is_facts(document: object) -> bool:
    return isinstance(document, dict) and all(
        isinstance(names, list) and all(isinstance(name, str) for name in names)
        for names in document.values()
    )
