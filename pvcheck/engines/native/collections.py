"""Sets and lists as C, and what ranges over many values."""

from __future__ import annotations

from typing import NamedTuple, assert_never

from pvcheck.engines.native.operands import Operands
from pvcheck.engines.native.values import literal, mask, within
from pvcheck.model.encoding import Unsupported
from pvcheck.model.expr import Apply, Comprehension, Domain, Expr, Kind, Op, Quantifier
from pvcheck.model.types import INT, Bool, Enum, Int, ListOf, SetOf, Sort, Type

LISTS = {
    Op.FIRST: "first",
    Op.LAST: "last",
    Op.APPEND: "append",
    Op.PREPEND: "prepend",
    Op.NEXT: "following",
    Op.REMOVE: "without",
}
SETS = {Op.UNION: "({0} | {1})", Op.INTERSECT: "({0} & {1})", Op.MINUS: "({0} & ~{1})"}


class Loop(NamedTuple):
    """A loop in C, to be written around its body."""

    begin: str
    end: str
    items: str = ""
    """The name of the collection it goes through, if any."""
    at: str = ""
    """The name of the position in that collection."""


class Collections(Operands):
    """Writes the operators of sets and lists, loops and quantifiers."""

    def of_collection(self, apply: Apply) -> str:
        """An operator that takes or makes a set or list."""
        op, args = apply.op, apply.args
        match op:
            case Op.UNION | Op.INTERSECT | Op.MINUS | Op.SET | Op.INSERT | Op.DISCARD:
                return self._set(apply)
            case Op.MIN | Op.MAX:
                lowest = "least" if op is Op.MIN else "greatest"
                return self.may_fault(f"{lowest}{self.size(args[0].type)}(x, {self.expr(args[0])})")
            case Op.IN:
                return self._in(args[0], args[1])
            case Op.EMPTY:
                return self._empty(args[0])
            case Op.SIZE:
                return self._length(args[0])
            case _:
                return self._of_list(apply)

    def _set(self, apply: Apply) -> str:
        type_, args = apply.type, apply.args
        assert isinstance(type_, SetOf), "what set operators make"
        word, of = self.word(type_), type_.of
        match apply.op:
            case Op.SET:
                first, codes = self.codes_of(args, *[of] * len(args))
                bits = [f"(({word})1 << {code})" for code in codes]
                return within(first, "(" + " | ".join(bits) + ")" if bits else "0")
            case Op.DISCARD if isinstance(of, Int):
                low, high = map(literal, self.encoding.bounds(of))
                first, (before, gone) = self.values_of(args, type_, INT)
                r, v = self.name("r"), self.name("v")
                return (
                    f"({{ {first}{word} {r} = {before}; i64 {v} = {gone}; {v} < {low} || {v} > {high} "
                    f"? {r} : {r} & ~(({word})1 << ({v} - {low})); }})"
                )
            case Op.INSERT | Op.DISCARD:
                first, (before, code) = self.codes_of(args, type_, of)
                bit = f"(({word})1 << {code})"
                changed = f"| {bit}" if apply.op is Op.INSERT else f"& ~{bit}"
                return within(first, f"({before} {changed})")
            case op:
                first, both = self.values_of(args, type_, type_)
                return within(first, SETS[op].format(*both))

    def _in(self, element: Expr, collection: Expr) -> str:
        if isinstance(collection, Apply) and collection.op in (Op.LIST, Op.SET):
            return self._among(element, collection.args)
        of = collection.type
        assert isinstance(of, ListOf | SetOf), "only lists and sets have elements"
        c, e, v = (self.name(letter) for letter in "cev")
        inside = f"(int)({c} >> {e} & 1)"
        if isinstance(of, ListOf):
            inside = f"find{self.size(of)}({c}, {e}, {self.shape(of)}) >= 0"
        items = f"{self.word(of)} {c} = "
        if isinstance(of.of, Int):
            low, high = map(literal, self.encoding.bounds(of.of))
            value = self.expr(element)
            return (
                f"({{ i64 {v} = {value}; {items}{self.expr(collection)}; u64 {e} = (u64)({v} - {low}); "
                f"{v} >= {low} && {v} <= {high} && {inside}; }})"
            )
        item = f"{self.word(of.of)} {e} = {self.code(element, of.of)}"
        return f"({{ {item}; {items}{self.expr(collection)}; {inside}; }})"

    def _among(self, element: Expr, items: tuple[Expr, ...]) -> str:
        """Whether the element is one of the items, all of which are evaluated."""
        type_ = element.type
        for item in items:
            type_ = self.encoding.join(type_, item.type)
        v, r = self.name("v"), self.name("r")
        sought = f"{self.declared(type_)} {v} = {self.typed(element, type_)}; int {r} = 0;"
        tests = "".join(f" {r} |= {v} == {self.typed(item, type_)};" for item in items)
        return f"({{ {sought}{tests} {r}; }})"

    def _empty(self, of: Expr) -> str:
        if isinstance(of.type, SetOf):
            return f"(!{self.expr(of)})"
        return f"({self._length(of)} == 0)"

    def _length(self, of: Expr) -> str:
        if isinstance(of, Apply) and of.op is Op.LIST:
            return (
                f"({{ {''.join(f'(void){self.expr(a)}; ' for a in of.args)}(i64){len(of.args)}; }})"
            )
        if isinstance(of.type, SetOf):
            return f"size{self.size(of.type)}({self.expr(of)})"
        assert isinstance(of.type, ListOf), "only lists and sets have a size"
        capacity, width = self.encoding.list_of(of.type)
        return f"(i64)({self.expr(of)} >> {capacity * width})"

    def _of_list(self, apply: Apply) -> str:
        op, args = apply.op, apply.args
        if op is Op.LIST:
            assert isinstance(apply.type, ListOf), "what LIST makes"
            return self._list_literal(args, apply.type)
        of = args[0].type
        assert isinstance(of, ListOf), "an operator of lists"
        function, shape = f"{LISTS[op]}{self.size(of)}", self.shape(of)
        if op in (Op.FIRST, Op.LAST):
            code = self.may_fault(f"{function}(x, {self.expr(args[0])}, {shape})")
            return self.from_code(code, of.of)
        self.lates |= op in (Op.APPEND, Op.PREPEND)
        if op in (Op.NEXT, Op.REMOVE) and isinstance(of.of, Int):
            low, high = map(literal, self.encoding.bounds(of.of))
            first, (list_, item) = self.values_of(args, of, INT)
            item = f"sought({item}, {low}, {high})"
        else:
            first, (list_, item) = self.codes_of(args, of, of.of)
        self.faults |= op in (Op.NEXT, Op.REMOVE)
        return within(first, f"{function}(x, {list_}, {item}, {shape})")

    def _list_literal(self, args: tuple[Expr, ...], type_: ListOf) -> str:
        capacity, width = self.encoding.list_of(type_)
        if len(args) > capacity:
            raise Unsupported(f"a list of {len(args)} elements of type {type_}")
        first, codes = self.codes_of(args, *[type_.of] * len(args))
        shifts = [(capacity - 1 - n) * width for n in range(len(args))]
        packed = self.packed(type_, [str(len(args)), *codes], [capacity * width, *shifts])
        return within(first, packed)

    def packed(self, type_: Type, codes: list[str], shifts: list[int]) -> str:
        """The code that has these codes at these bits."""
        word = self.word(type_)
        parts = [f"({word}){c} << {n}" for c, n in zip(codes, shifts, strict=True)]
        return "(" + " | ".join(parts) + ")" if parts else "0"

    def loop(self, name: str, type_: Type, domain: Domain, *, descending: bool = False) -> Loop:
        """A loop over a domain, in whose body ``name`` is declared as a value of ``type_``."""
        declared = f"{self.declared(type_)} {name}"
        if domain.within is not None:
            return self._loop_within(declared, type_, domain.within, descending)
        if (numbers := self.consecutive(domain)) is not None:
            low, end = literal(numbers.start), literal(numbers.stop)
            head = f"{declared} = {low}; {name} < {end}; ++{name}"
            if descending:
                head = f"{declared} = {end}; {name}-- > {low}; "
            return Loop(f"for ({head}) {{ ", "}")
        k, table = self.name("k"), self.state.table(domain.type)
        count = len(self.encoding.all(domain.type))
        head = f"int {k} = 0; {k} < {count}; ++{k}"
        if descending:
            head = f"int {k} = {count}; {k}-- > 0; "
        return Loop(f"for ({head}) {{ {declared} = {table}[{k}]; ", "}")

    def consecutive(self, domain: Domain) -> range | None:
        """The values of a domain, if their C values are consecutive."""
        match domain:
            case Domain(Bool(), None):
                return range(2)
            case Domain(Sort() | Enum() as type_, None):
                return range(self.encoding.size(type_))
            case Domain(Int() as type_, None):
                low, high = self.encoding.bounds(type_)
                return range(low, high + 1)
        return None

    def _loop_within(self, declared: str, type_: Type, within: Expr, descending: bool) -> Loop:
        of = within.type
        assert isinstance(of, ListOf | SetOf), "only lists and sets have elements"
        items, k, word = self.name("c"), self.name("k"), self.word(of)
        begin = f"{word} {items} = {self.expr(within)}; "
        if isinstance(of, ListOf):
            most, width = self.encoding.list_of(of)
            length = f"(int)({items} >> {most * width})"
            code = f"({self.word(of.of)})({items} >> ({most - 1} - {k}) * {width} & {mask(width)})"
            head = f"int {k} = 0, {k}n = {length}; {k} < {k}n; ++{k}"
            if descending:
                head = f"int {k} = {length}; {k}-- > 0; "
        else:
            function = f"{'highest' if descending else 'lowest'}{self.size(of)}"
            head = f"u64 {k}; {items} && ({k} = {function}({items}), 1); {items} &= ~(({word})1 << {k})"
            code = k
        value = self.coerce(self.from_code(code, of.of), of.of, type_)
        return Loop(f"{{ {begin}for ({head}) {{ {declared} = {value}; ", "} }", items, k)

    def quantifier(self, q: Quantifier) -> str:
        loop = self.loop(f"b{q.binder.number}", q.binder.type, q.domain)
        begin, end = loop.begin, loop.end
        where = "" if q.where is None else f"if (!{self.expr(q.where)}) continue; "
        body = self.expr(q.body)
        r = self.name("r")
        match q.kind:
            case Kind.FORALL:
                return f"({{ int {r} = 1; {begin}{where}if (!{body}) {{ {r} = 0; break; }} {end} {r}; }})"
            case Kind.EXISTS:
                return f"({{ int {r} = 0; {begin}{where}if ({body}) {{ {r} = 1; break; }} {end} {r}; }})"
            case Kind.COUNT:
                return f"({{ i64 {r} = 0; {begin}{where}if ({body}) ++{r}; {end} {r}; }})"
            case _:
                assert_never(q.kind)

    def comprehension(self, c: Comprehension) -> str:
        assert isinstance(c.type, SetOf), "what a comprehension makes"
        name = f"b{c.binder.number}"
        loop = self.loop(name, c.binder.type, c.domain)
        r, word = self.name("r"), self.word(c.type)
        code = self.to_code(self.coerce(name, c.binder.type, c.type.of), c.type.of)
        where = self.expr(c.where)
        add = f"if ({where}) {r} |= ({word})1 << {code};"
        return f"({{ {word} {r} = 0; {loop.begin}{add} {loop.end} {r}; }})"
