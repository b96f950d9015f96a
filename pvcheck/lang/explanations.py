"""Comments that say why a mutant is no mistake: ``// equivalent KIND in SYSTEM because ...``.

They are comments to the parser, and read here from the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pvcheck.diagnostics import Code, Diagnostic, Label, SpecError
from pvcheck.lang.derive import KINDS, Derived
from pvcheck.lang.suggest import did_you_mean
from pvcheck.source import Source, Span

FORM = "// equivalent KIND because WHY, or: // equivalent KIND in SYSTEM, SYSTEM because WHY"


@dataclass(frozen=True, slots=True)
class Explanation:
    kind: str
    systems: tuple[str, ...]
    """In which it is so; none: in all that have the statement."""
    why: str
    span: Span
    line: int
    """On which the statement begins, or its first label."""


def explanations(sources: Sequence[Source], system: str) -> tuple[Explanation, ...]:
    """All that are for this system, in the order of the text.

    Raises:
        SpecError: one has not the form, or names no kind.
    """
    errors: list[Diagnostic] = []
    found = [e for source in sources for e in _of(source, errors)]
    if errors:
        raise SpecError(errors, {s.name: s for s in sources})
    return tuple(e for e in found if not e.systems or system in e.systems)


def explained(
    mutants: Sequence[Derived], given: Sequence[Explanation], sources: Sequence[Source]
) -> dict[str, Explanation]:
    """By the names of mutants what is said of them.

    Raises:
        SpecError: an explanation is of no mutant.
    """
    by_name = {s.name: s for s in sources}
    places: dict[tuple[str, int], dict[str, list[Derived]]] = {}
    for mutant in mutants:
        for line in _lines(mutant, by_name[mutant.span.file]):
            here = places.setdefault((mutant.span.file, line), {})
            here.setdefault(mutant.kind, []).append(mutant)
    found: dict[str, Explanation] = {}
    stale: list[Diagnostic] = []
    for explanation in given:
        here = places.get((explanation.span.file, explanation.line), {})
        if explanation.kind not in here:
            stale.append(_stale(explanation, here))
        found.update({m.name: explanation for m in here.get(explanation.kind, ())})
    if stale:
        raise SpecError(stale, by_name)
    return found


def _lines(mutant: Derived, source: Source) -> set[int]:
    """On which it can be explained: that of the label, and that of the statement itself."""
    starts = (mutant.span.start, mutant.statement.start)
    return {source.position(start)[0] for start in starts}


def _stale(explanation: Explanation, here: Iterable[str]) -> Diagnostic:
    kinds = ", ".join(here)
    hint = f"here there is {kinds}" if kinds else "no mutant is made of what is here"
    message = f"this explains no mutant: there is no {explanation.kind} of the statement here"
    hint += "; an explanation stands on the line of its statement, or above it"
    return Diagnostic(Code.BAD_EDIT, message, Label(explanation.span, "left over?"), hint=hint)


_TOKEN = re.compile(r'"[^"\n]*"|//(?P<line>[^\n]*)|/\*(?:[^*]|\*+[^*/])*\*+/')
_EXPLANATION = re.compile(
    r"equivalent\s+(?P<kind>[\w-]+)(?:\s+in\s+(?P<systems>\w+(?:\s*,\s*\w+)*))?\s+because\b\s*(?P<why>.*)"
)
_MEANT = re.compile(r"equivalent\s+(?P<word>[\w-]+)")


def _of(source: Source, errors: list[Diagnostic]) -> Iterator[Explanation]:
    comments = _comments(source)
    for number, comment in enumerate(comments):
        meant = _MEANT.match(comment.text)
        form = _EXPLANATION.fullmatch(comment.text)
        # A sentence of somebody who does not mean this.
        if meant is None or (form is None and meant["word"] not in KINDS):
            continue
        label = Label(comment.span)
        if form is None or not form["why"]:
            message = f"an explanation of {meant['word']} does not say why"
            errors.append(Diagnostic(Code.BAD_EDIT, message, label, hint=f"say {FORM}"))
            continue
        if form["kind"] not in KINDS:
            message = f"no kind of mutant {form['kind']!r}"
            hint = did_you_mean(form["kind"], KINDS) or f"there are {', '.join(KINDS)}"
            errors.append(Diagnostic(Code.BAD_EDIT, message, label, hint=hint))
            continue
        systems = tuple(re.split(r"\s*,\s*", form["systems"])) if form["systems"] else ()
        why = " ".join([form["why"], *_continued(comments, number)])
        yield Explanation(form["kind"], systems, why, comment.span, comment.of)


@dataclass(frozen=True, slots=True)
class _Comment:
    """A comment to the end of its line."""

    text: str
    span: Span
    line: int
    alone: bool
    """Whether nothing is before it on its line."""
    of: int
    """The line of what it is about: its own, or the next that has more than comments."""


def _comments(source: Source) -> list[_Comment]:
    found: list[_Comment] = []
    end, behind = len(source.text), source.position(len(source.text))[0]
    for match in reversed(list(_TOKEN.finditer(source.text))):
        between = source.text[match.end() : end]
        if between.strip():
            behind = source.position(match.end() + len(between) - len(between.lstrip()))[0]
        line = source.position(match.start())[0]
        end = match.start()
        if match["line"] is not None:
            begin = source.text.rfind("\n", 0, end) + 1
            alone = not source.text[begin:end].strip()
            span = Span(source.name, end, match.end())
            of = behind if alone else line
            found.append(_Comment(match["line"].strip(), span, line, alone, of))
        elif match[0].startswith('"'):
            behind = line
    return found[::-1]


def _continued(comments: Sequence[_Comment], number: int) -> Iterator[str]:
    """The lines of comment that go on with what was said in the one of that number."""
    if not comments[number].alone:
        return
    for index in range(number + 1, len(comments)):
        comment = comments[index]
        follows = comment.alone and comment.line == comments[index - 1].line + 1
        if not follows or _MEANT.match(comment.text):
            return
        yield comment.text
