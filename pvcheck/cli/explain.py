"""Explain the code of a diagnostic, a property or a verdict; alone, list what can be explained."""

from __future__ import annotations

import argparse
import re
from importlib import resources

from pvcheck.cli.console import Console
from pvcheck.cli.exit_status import ExitStatus
from pvcheck.diagnostics import Code, UsageError
from pvcheck.lang.suggest import did_you_mean

_DOCUMENTS = ("diagnostics.md", "words.md")
_HEADING = re.compile(r"^## (\S+)(.*)$", re.MULTILINE)


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    parser = commands.add_parser(
        "explain", help=__doc__, description=__doc__, parents=[common], allow_abbrev=False
    )
    parser.add_argument("word", nargs="?", metavar="CODE", help="as PV101, or deadlock")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> ExitStatus:
    sections = _sections()
    if args.word is None:
        console.out.write("".join(f"{title}\n" for title, _ in sections.values()))
        return ExitStatus.OK
    known = {word.lower(): word for word in sections}
    # A property about progress has the name of the operation in its own.
    asked = "progress" if args.word.lower().startswith("progress-") else args.word.lower()
    word = known.get(asked)
    if word is None:
        hint = did_you_mean(args.word.lower(), known)
        raise UsageError(
            f"nothing is known about {args.word!r}",
            hint or "'pvcheck explain' lists what can be explained",
        )
    title, body = sections[word]
    console.out.write(f"{title}\n\n{body}\n" if body else f"{title}\n")
    return ExitStatus.OK


def _sections() -> dict[str, tuple[str, str]]:
    """Title and text of each section, by its first word; codes first."""
    sections = {str(c): (f"{c} {c.name.replace('_', ' ').capitalize()}", "") for c in Code}
    for document in _DOCUMENTS:
        text = (resources.files("pvcheck") / "docs" / document).read_text(encoding="utf-8")
        starts = list(_HEADING.finditer(text))
        ends = [m.start() for m in starts[1:]] + [len(text)]
        for heading, end in zip(starts, ends, strict=True):
            title = f"{heading[1]}{heading[2]}".rstrip()
            sections[heading[1]] = (title, text[heading.end() : end].strip())
    return sections
