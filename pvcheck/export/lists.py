"""Sets and lists as text: sets are bits, lists a length above the codes of their elements."""

from __future__ import annotations

from pvcheck.export.syntax import TRUE
from pvcheck.export.writing import Writing
from pvcheck.model.expr import Apply, Expr, Op
from pvcheck.model.model import Fault
from pvcheck.model.types import Int, ListOf, SetOf, Type


class Lists(Writing):
    """Writes the operators of sets and lists."""

    def asked(self, apply: Apply) -> str:
        """``IN`` and ``EMPTY``, as a condition."""
        if apply.op is Op.EMPTY:
            return self.syntax.same(self._size(apply.args[0], count=False), "0")
        element, collection = apply.args
        if isinstance(collection, Apply) and collection.op in (Op.LIST, Op.SET):
            return self._among(element, collection.args)
        of = collection.type
        assert isinstance(of, SetOf | ListOf), "only lists and sets have elements"
        inside, code = self._code_in(element, of.of)
        items = self.once(self.number(collection))
        if isinstance(of, SetOf):
            return self.syntax.all([inside, self.bit(items, code)])
        return self.syntax.all([inside, self.found(items, of, code)])

    def collected(self, apply: Apply) -> str:
        """An operator that takes or makes a set or list, as a number."""
        match apply.op:
            case Op.UNION | Op.INTERSECT | Op.MINUS:
                return self._merged(apply)
            case Op.SET:
                return self._set(apply)
            case Op.INSERT | Op.DISCARD:
                return self._changed(apply)
            case Op.SIZE:
                return self._size(apply.args[0], count=True)
            case Op.MIN | Op.MAX:
                return self._extreme(apply)
            case _:
                return self._of_list(apply)

    # Sets

    def bit(self, bits: str, position: str) -> str:
        """Whether a bit is set, as a condition."""
        syntax = self.syntax
        return syntax.same(syntax.low_bits(syntax.right(bits, position), 1), "1")

    def _bits(self, of: Type) -> range:
        return range(self.encoding.top(of) + 1)

    def _merged(self, apply: Apply) -> str:
        assert isinstance(apply.type, SetOf), "what set operators make"
        syntax = self.syntax
        a, b = (self.once(self.typed(arg, apply.type)) for arg in apply.args)
        bits: list[str] = []
        for k in map(str, self._bits(apply.type.of)):
            in_a, in_b = self.bit(a, k), self.bit(b, k)
            match apply.op:
                case Op.UNION:
                    inside = syntax.any([in_a, in_b])
                case Op.INTERSECT:
                    inside = syntax.all([in_a, in_b])
                case _:
                    inside = syntax.all([in_a, syntax.negated(in_b)])
            bits.append(syntax.chosen(inside, syntax.left("1", k), "0"))
        return syntax.sum(*bits)

    def _set(self, apply: Apply) -> str:
        assert isinstance(apply.type, SetOf), "what SET makes"
        codes = [self.once(self.code(a, apply.type.of)) for a in apply.args]
        if len(codes) == 1:
            return self.syntax.left("1", codes[0])
        return self.of_codes([(TRUE, code) for code in codes], apply.type.of)

    def of_codes(self, codes: list[tuple[str, str]], of: Type) -> str:
        """The set of the codes whose conditions hold."""
        syntax = self.syntax
        return syntax.sum(
            *(
                syntax.chosen(
                    syntax.any(syntax.all([c, syntax.same(code, str(k))]) for c, code in codes),
                    str(1 << k),
                    "0",
                )
                for k in self._bits(of)
            )
        )

    def _changed(self, apply: Apply) -> str:
        assert isinstance(apply.type, SetOf), "what INSERT and DISCARD make"
        syntax = self.syntax
        bits = self.once(self.typed(apply.args[0], apply.type))
        if apply.op is Op.INSERT:
            code = self.once(self.code(apply.args[1], apply.type.of))
            more = syntax.sum(bits, syntax.left("1", code))
            return syntax.chosen(self.bit(bits, code), bits, more)
        inside, code = self._code_in(apply.args[1], apply.type.of)
        less = syntax.minus(bits, syntax.left("1", code))
        return syntax.chosen(syntax.all([inside, self.bit(bits, code)]), less, bits)

    def _code_in(self, element: Expr, of: Type) -> tuple[str, str]:
        """Whether the element is one of the values of a type, and its code."""
        if not isinstance(of, Int):
            return TRUE, self.once(self.code(element, of))
        low, high = self.encoding.bounds(of)
        value, syntax = self.once(self.number(element)), self.syntax
        inside = syntax.all([syntax.at_most(str(low), value), syntax.at_most(value, str(high))])
        # Without bits outside, so that nothing is shifted by less than nothing.
        return inside, syntax.chosen(inside, syntax.minus(value, str(low)), "0")

    def _size(self, of: Expr, *, count: bool) -> str:
        """The number of elements; without ``count`` a number that is 0 if there are none."""
        type_ = of.type
        if isinstance(of, Apply) and of.op is Op.LIST:
            for arg in of.args:
                self.number(arg)
            return str(len(of.args))
        if isinstance(type_, ListOf):
            return self.length(self.number(of), type_)
        assert isinstance(type_, SetOf), "only lists and sets have a size"
        if not count:
            return self.number(of)
        bits, syntax = self.once(self.number(of)), self.syntax
        return syntax.sum(
            *(syntax.low_bits(syntax.right(bits, str(k)), 1) for k in self._bits(type_.of))
        )

    def _extreme(self, apply: Apply) -> str:
        type_ = apply.args[0].type
        assert isinstance(type_, SetOf), "only sets have a least element"
        bits, syntax = self.once(self.number(apply.args[0])), self.syntax
        self.doubt(Fault.EMPTY_LIST, syntax.differ(bits, "0"))
        result = "0"
        order = list(self._bits(type_.of))
        for k in reversed(order) if apply.op is Op.MIN else order:
            result = syntax.chosen(self.bit(bits, str(k)), str(k), result)
        return self.from_code(result, type_.of)

    def _among(self, element: Expr, items: tuple[Expr, ...]) -> str:
        type_ = element.type
        for item in items:
            type_ = self.encoding.join(type_, item.type)
        sought = self.once(self.typed(element, type_))
        return self.syntax.any([self.syntax.same(sought, self.typed(i, type_)) for i in items])

    # Lists

    def length(self, items: str, type_: ListOf) -> str:
        most, width = self.encoding.list_of(type_)
        return self.syntax.right(items, str(most * width))

    def item(self, items: str, type_: ListOf, k: int) -> str:
        """The code of the element at a place."""
        most, width = self.encoding.list_of(type_)
        return self.syntax.low_bits(
            self.syntax.right(items, str((most - 1 - k) * width)), self.encoding.width(type_.of)
        )

    def _is_at(self, items: str, type_: ListOf, code: str, k: int) -> str:
        syntax = self.syntax
        inside = syntax.less(str(k), self.length(items, type_))
        return syntax.all([inside, syntax.same(self.item(items, type_, k), code)])

    def found(self, items: str, type_: ListOf, code: str) -> str:
        most, _ = self.encoding.list_of(type_)
        return self.syntax.any([self._is_at(items, type_, code, k) for k in range(most)])

    def _place_of(self, items: str, type_: ListOf, code: str) -> str:
        """Where a code is first; the greatest length if nowhere."""
        most, _ = self.encoding.list_of(type_)
        place = str(most)
        for k in reversed(range(most)):
            place = self.syntax.chosen(self._is_at(items, type_, code, k), str(k), place)
        return place

    def _of_list(self, apply: Apply) -> str:
        op, args, syntax = apply.op, apply.args, self.syntax
        if op is Op.LIST:
            assert isinstance(apply.type, ListOf), "what LIST makes"
            return self._made([self.code(a, apply.type.of) for a in args], apply.type)
        type_ = args[0].type
        assert isinstance(type_, ListOf), "an operator of lists"
        most, width = self.encoding.list_of(type_)
        items = self.once(self.number(args[0]))
        length = self.length(items, type_)
        if op in (Op.FIRST, Op.LAST):
            self.doubt(Fault.EMPTY_LIST, syntax.differ(length, "0"))
            code = self.item(items, type_, 0)
            for k in range(1, most if op is Op.LAST else 0):
                last = syntax.same(length, str(k + 1))
                code = syntax.chosen(last, self.item(items, type_, k), code)
            return self.from_code(code, type_.of)
        if op in (Op.APPEND, Op.PREPEND):
            code = self.once(self.code(args[1], type_.of))
            self.doubt(Fault.BOUNDS, syntax.less(length, str(most)))
            longer = str(1 << most * width)
            if op is Op.APPEND:
                distance = syntax.times(syntax.minus(str(most - 1), length), str(width))
                return syntax.sum(items, longer, syntax.left(code, distance))
            behind = syntax.right(syntax.low_bits(items, most * width), str(width))
            front = syntax.left(code, str((most - 1) * width))
            higher = syntax.left(syntax.sum(length, "1"), str(most * width))
            return syntax.sum(higher, front, behind)
        inside, code = self._code_in(args[1], type_.of)
        place = self.once(syntax.chosen(inside, self._place_of(items, type_, code), str(most)))
        self.doubt(Fault.EMPTY_LIST, syntax.less(place, str(most)))
        if op is Op.NEXT:
            return self._next(items, type_, place)
        codes = [
            syntax.chosen(
                syntax.less(str(k), place),
                self.item(items, type_, k),
                self.item(items, type_, k + 1) if k + 1 < most else "0",
            )
            for k in range(most)
        ]
        return self._made(codes, type_, syntax.minus(length, "1"))

    def _next(self, items: str, type_: ListOf, place: str) -> str:
        syntax = self.syntax
        most, _ = self.encoding.list_of(type_)
        result = "0"
        for k in reversed(range(1, most)):
            here = syntax.same(place, str(k - 1))
            inside = syntax.less(str(k), self.length(items, type_))
            code = syntax.sum(self.item(items, type_, k), "1")
            result = syntax.chosen(syntax.all([here, inside]), code, result)
        return result

    def _made(self, codes: list[str], type_: ListOf, length: str | None = None) -> str:
        most, width = self.encoding.list_of(type_)
        places = [
            self.syntax.left(code, str((most - 1 - k) * width)) for k, code in enumerate(codes)
        ]
        count = str(len(codes)) if length is None else length
        return self.syntax.sum(self.syntax.left(count, str(most * width)), *places)

    def list_as(self, value: str, given: ListOf, wanted: ListOf) -> str:
        """A list as one of another capacity or element type."""
        (most, _), (room, width) = self.encoding.list_of(given), self.encoding.list_of(wanted)
        syntax, items = self.syntax, self.once(value)
        length = self.length(items, given)
        self.doubt(Fault.BOUNDS, syntax.at_most(length, str(room)) if most > room else TRUE)
        places = []
        for k in range(min(most, room)):
            element = self.from_code(self.item(items, given, k), given.of)
            code = self.to_code(self.coerce(element, given.of, wanted.of), wanted.of)
            shifted = syntax.left(code, str((room - 1 - k) * width))
            places.append(syntax.chosen(syntax.less(str(k), length), shifted, "0"))
        return syntax.sum(syntax.left(length, str(room * width)), *places)
