"""What ranges over many values, written out: domains are finite and small."""

from __future__ import annotations

from collections.abc import Iterator

from pvcheck.export.lists import Lists
from pvcheck.export.program import Set
from pvcheck.export.syntax import FALSE, TRUE
from pvcheck.model.expr import Bound, Comprehension, Domain, Expr, Kind, Quantifier
from pvcheck.model.types import ListOf, SetOf, Type

MOST_TEXT = 400
"""Characters of a quantifier that is written without temporaries."""


class Domains(Lists):
    """Writes quantifiers, comprehensions, and what loops go through."""

    def bind(self, binder: Bound, value: str) -> None:
        self._bound[binder.number] = value

    def let(self, binder: Bound, value: Expr) -> None:
        self._bound[binder.number] = self.once(self.typed(value, binder.type))
        self.ranges.bind(binder.number, value)

    def elements(self, domain: Domain, type_: Type) -> Iterator[tuple[str, str]]:
        """What a domain may hold: conditions and values."""
        if domain.within is None:
            for value in self.values(domain.type):
                yield TRUE, value
            return
        of = domain.within.type
        assert isinstance(of, ListOf | SetOf), "only lists and sets have elements"
        items = self.once(self.number(domain.within))
        if isinstance(of, SetOf):
            for value in self.values(of.of):
                code = self.syntax.minus(value, self.constant_low(of.of))
                yield self.bit(items, code), self.coerce(value, of.of, type_)
            return
        most, _ = self.encoding.list_of(of)
        for k in range(most):
            inside = self.syntax.less(str(k), self.length(items, of))
            value = self.once(self.from_code(self.item(items, of, k), of.of))
            yield inside, self.coerce(value, of.of, type_)

    def among(self, collection: Expr, value: str) -> str:
        """Whether a value of the element type is in a list or set."""
        of = collection.type
        assert isinstance(of, ListOf | SetOf), "only lists and sets have elements"
        code = self.syntax.minus(value, self.constant_low(of.of))
        items = self.once(self.number(collection))
        return self.bit(items, code) if isinstance(of, SetOf) else self.found(items, of, code)

    def _bodies(
        self, q: Quantifier | Comprehension, known: list[str] | None = None
    ) -> Iterator[str]:
        """Per element, with the variable bound to it, the condition under which it counts.

        ``known``: each is looked at only if these hold. They become more as elements are looked at, and where
        they are used again, for a temporary or an assertion, what they are is kept in one.
        """
        for inside, value in self.elements(q.domain, q.binder.type):
            self._bound[q.binder.number] = value
            if known and self.block is not None and len(known) > 1:
                known[:] = [self._kept(self.syntax.all(known))]
            with self.under(*(known or ())):
                with self.under(inside):
                    selected = TRUE if q.where is None else self.condition(q.where)
                yield self.syntax.all([inside, selected])

    def quantified(self, q: Quantifier) -> str:
        if self.block is not None and (alone := self._alone(q)) is not None:
            return alone
        syntax, every = self.syntax, q.kind is Kind.FORALL
        known: list[str] = []
        """Of the elements so far: what lets the search for a witness go on."""
        for counts in self._bodies(q, known):
            with self.under(counts):
                body = self.condition(q.body)
            found = syntax.all([counts, syntax.negated(body) if every else body])
            known.append(syntax.negated(found))
        everything = syntax.all(known)
        return everything if every else syntax.negated(everything)

    def _alone(self, q: Quantifier) -> str | None:
        """The quantifier without temporaries, if it is short and nothing in it can go wrong."""
        block, doubts = self.block, self.doubts
        self.block, self.doubts = None, []
        text = self.quantified(q)
        short = len(text) <= MOST_TEXT and not self.doubts
        self.block, self.doubts = block, doubts
        return text if short else None

    def _kept(self, condition: str) -> str:
        """A condition as a temporary."""
        if condition in (TRUE, FALSE):
            return condition
        assert self.block is not None, "asked where there is one"
        name = self.temporaries.name()
        self.block.append(Set(name, self.syntax.chosen(condition, "1", "0")))
        return self.syntax.same(name, "1")

    def counted(self, q: Quantifier) -> str:
        ones: list[str] = []
        for counts in self._bodies(q):
            with self.under(counts):
                body = self.condition(q.body)
            ones.append(self.syntax.chosen(self.syntax.all([counts, body]), "1", "0"))
        return self.syntax.sum(*ones)

    def comprehension(self, c: Comprehension) -> str:
        assert isinstance(c.type, SetOf), "what a comprehension makes"
        codes: list[tuple[str, str]] = []
        for counts in self._bodies(c):
            with self.under(counts):
                value = self.coerce(self._bound[c.binder.number], c.binder.type, c.type.of)
                codes.append((counts, self.to_code(value, c.type.of)))
        return self.of_codes(codes, c.type.of)
