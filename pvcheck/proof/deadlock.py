"""Deadlock freedom for any number of threads: what has to be shown besides the lock order.

Theorem and proof: pvcheck/docs/proofs.md. The lock order itself is the property ``lock-order``.
"""

from __future__ import annotations

from collections.abc import Iterator

from pvcheck.model.code import Assume, Choose, Code, If, Pick, TryLock
from pvcheck.model.expr import OpAllowed
from pvcheck.model.model import DEADLOCK
from pvcheck.proof.stepping import Claim
from pvcheck.proof.unfold import Node, Unfolding
from pvcheck.proof.values import negation
from pvcheck.proof.z3_terms import FALSE, TRUE, for_all, is_true


def claims(unfolding: Unfolding, node: Node) -> Iterator[Claim]:
    """What a thread at this location must give for the whole system to go on."""
    step, location = node.step, node.location
    if step is None:
        return
    if step.awaits is not None:
        yield from _holds_nothing(unfolding, node)
    stuck = _may_be_stuck(location.code)
    can = TRUE if stuck is None else FALSE
    yield Claim(DEADLOCK, (), can, location.span, stuck or "the step can be taken")


def _holds_nothing(unfolding: Unfolding, node: Node) -> Iterator[Claim]:
    """Who waits for a condition holds no lock: nobody has to wait for who may wait for ever."""
    assert node.step is not None
    world = node.step.world
    for declared in unfolding.setting.theory.model.locks:
        x = tuple(
            t for type_ in declared.indices for t in unfolding.setting.theory.variables("h", type_)
        )
        held = world.held(declared.name, x)
        goal = for_all(x, negation(held), held)
        if not is_true(goal):
            what = f"awaits without {declared.name} locks"
            yield Claim(DEADLOCK, (), goal, node.location.span, what)


def _may_be_stuck(code: Code) -> str | None:
    """Why it is not plain that the step can be taken, once what it waits for is there."""
    for instruction in code:
        match instruction:
            case Assume(condition=OpAllowed()):
                pass
            case Assume():
                return "a step that an assume may forbid"
            case Pick(where=where) if where is not None:
                return "a choice of which there may be none"
            case Choose(alternatives=alternatives):
                if all(_may_be_stuck(a) is not None for a in alternatives):
                    return "a choice of which there may be none"
            case If(then=then, otherwise=otherwise):
                found = _may_be_stuck(then) or _may_be_stuck(otherwise)
                if found:
                    return found
            case TryLock(success=success, failure=failure):
                found = _may_be_stuck(success) or _may_be_stuck(failure)
                if found:
                    return found
    return None
