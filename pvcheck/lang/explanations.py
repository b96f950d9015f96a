"""Comments that say why a mutant is no mistake: ``// equivalent KIND in SYSTEM because ...``.

They are comments to the parser, and read here from the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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
    places: dict[tuple[str, str, int], list[Derived]] = {}
    for mutant in mutants:
        for line in _lines(mutant, by_name[mutant.span.file]):
            places.setdefault((mutant.kind, mutant.span.file, line), []).append(mutant)
    meant = [(e, places.get((e.kind, e.span.file, e.line), ())) for e in given]
    stale = [_stale(e, mutants, by_name) for e, of in meant if not of]
    if stale:
        raise SpecError(stale, by_name)
    return {mutant.name: e for e, of in meant for mutant in of}


def _lines(mutant: Derived, source: Source) -> set[int]:
    """On which it can be explained: that of the label, and that of the statement itself."""
    starts = (mutant.span.start, mutant.statement.start)
    return {source.position(start)[0] for start in starts}


def _stale(e: Explanation, mutants: Sequence[Derived], sources: dict[str, Source]) -> Diagnostic:
    here = {
        m.kind: None
        for m in mutants
        if m.span.file == e.span.file and e.line in _lines(m, sources[m.span.file])
    }
    hint = f"here there is {', '.join(here)}" if here else "no mutant is made of what is here"
    message = f"this explains no mutant: there is no {e.kind} of the statement here"
    hint += "; an explanation stands on the line of its statement, or above it"
    return Diagnostic(Code.BAD_EDIT, message, Label(e.span, "left over?"), hint=hint)


_TOKEN = re.compile(r'"[^"\n]*"|//(?P<line>[^\n]*)|/\*(?:[^*]|\*+[^*/])*\*+/')
_EXPLANATION = re.compile(
    r"equivalent\s+(?P<kind>[\w-]+)(?:\s+in\s+(?P<systems>\w+(?:\s*,\s*\w+)*))?\s+because\b\s*(?P<why>.*)"
)
_MEANT = re.compile(r"equivalent\s+(?P<word>[\w-]+)")


def _of(source: Source, errors: list[Diagnostic]) -> Iterator[Explanation]:
    comments = list(_comments(source))
    for number, (match, own_line) in enumerate(comments):
        text = match["line"].strip()
        span = Span(source.name, match.start(), match.end())
        meant = _MEANT.match(text)
        form = _EXPLANATION.fullmatch(text)
        # A sentence of somebody who does not mean this.
        if meant is None or (form is None and meant["word"] not in KINDS):
            continue
        if form is None or not form["why"]:
            message = f"an explanation of {meant['word']} does not say why"
            errors.append(Diagnostic(Code.BAD_EDIT, message, Label(span), hint=f"say {FORM}"))
            continue
        if form["kind"] not in KINDS:
            message = f"no kind of mutant {form['kind']!r}"
            hint = did_you_mean(form["kind"], KINDS) or f"there are {', '.join(KINDS)}"
            errors.append(Diagnostic(Code.BAD_EDIT, message, Label(span), hint=hint))
            continue
        line = source.position(match.start())[0]
        why = [form["why"], *_continued(source, comments[number + 1 :], line)] if own_line else []
        systems = tuple(re.split(r"\s*,\s*", form["systems"])) if form["systems"] else ()
        place = _next_code(source, match.end(), comments[number + 1 :]) if own_line else line
        yield Explanation(form["kind"], systems, " ".join(why or [form["why"]]), span, place)


def _comments(source: Source) -> Iterator[tuple[re.Match[str], bool]]:
    """The comments of one line, and whether each has its line for itself."""
    for match in _TOKEN.finditer(source.text):
        if match["line"] is not None:
            begin = source.text.rfind("\n", 0, match.start()) + 1
            yield match, not source.text[begin : match.start()].strip()


def _continued(
    source: Source, following: Sequence[tuple[re.Match[str], bool]], line: int
) -> Iterator[str]:
    """The lines of comment that go on with what was said on ``line``."""
    for match, own_line in following:
        line += 1
        text = match["line"].strip()
        if source.position(match.start())[0] != line or not own_line or _MEANT.match(text):
            return
        yield text


def _next_code(source: Source, end: int, following: Sequence[tuple[re.Match[str], bool]]) -> int:
    """The line of the first text behind a comment that is no comment."""
    for match, _ in following:
        if source.text[end : match.start()].strip():
            break
        end = match.end()
    rest = source.text[end:]
    return source.position(end + len(rest) - len(rest.lstrip()))[0]
