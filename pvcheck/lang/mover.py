"""A procedure's code with its slots renamed to those of the thread it is inlined in."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pvcheck.model import code as c
from pvcheck.model.expr import Expr, Local, LockRef
from pvcheck.model.parts import rebuild, rebuild_domain, rebuild_lock


@dataclass(frozen=True)
class Mover:
    slots: tuple[int, ...]
    """The thread's slot for each of the procedure's."""

    def expr(self, expr: Expr) -> Expr:
        if isinstance(expr, Local):
            return Local(self.slots[expr.slot], expr.type)
        return rebuild(expr, self.expr)

    def lock(self, lock: LockRef) -> LockRef:
        return rebuild_lock(lock, self.expr)

    def pick(self, pick: c.Pick) -> c.Pick:
        where = None if pick.where is None else self.expr(pick.where)
        domain = rebuild_domain(pick.domain, self.expr)
        return replace(pick, slot=self.slots[pick.slot], domain=domain, where=where)

    def place(self, place: c.Place) -> c.Place:
        path = tuple(
            s if s.index is None else replace(s, index=self.expr(s.index)) for s in place.path
        )
        slot = None if place.slot is None else self.slots[place.slot]
        indices = tuple(map(self.expr, place.indices))
        return replace(place, slot=slot, indices=indices, path=path)

    def code(self, code: c.Code) -> c.Code:
        return tuple(map(self.instruction, code))

    def instruction(self, instruction: c.Instruction) -> c.Instruction:
        match instruction:
            case c.Assign(place, value):
                return replace(instruction, place=self.place(place), value=self.expr(value))
            case c.Lock(lock=lock):
                return replace(instruction, lock=self.lock(lock))
            case c.Bump(indices=indices):
                return replace(instruction, indices=tuple(map(self.expr, indices)))
            case c.Check(condition) | c.Assume(condition):
                return replace(instruction, condition=self.expr(condition))
            case c.Pick():
                return self.pick(instruction)
            case c.If(condition, then, otherwise):
                return replace(
                    instruction,
                    condition=self.expr(condition),
                    then=self.code(then),
                    otherwise=self.code(otherwise),
                )
            case c.ForEach(slot, domain, _, body):
                return replace(
                    instruction,
                    slot=self.slots[slot],
                    domain=rebuild_domain(domain, self.expr),
                    body=self.code(body),
                )
            case c.Choose(alternatives):
                return replace(instruction, alternatives=tuple(map(self.code, alternatives)))
            case c.Reached():
                return instruction
        raise AssertionError(f"{instruction} is made here, not moved")
