"""Deadlock freedom for any number of threads: what has to be shown besides the lock order.

Theorem and proof: pvcheck/docs/proofs.md. The lock order itself is the property ``lock-order``.
"""

from __future__ import annotations

from collections.abc import Iterator

from pvcheck.model.code import Assume, Choose, Code, ForEach, If, Pick, TryLock
from pvcheck.model.expr import OpAllowed
from pvcheck.model.model import DEADLOCK
from pvcheck.proof.stepping import Claim
from pvcheck.proof.unfolding import Node
from pvcheck.proof.z3_terms import FALSE, TRUE, is_true


def claims(node: Node) -> Iterator[Claim]:
    """What a thread at this location must give for the whole system to go on."""
    step, location = node.step, node.location
    if step is None:
        return
    if step.awaits_condition:
        # Nobody has to wait for who may wait for ever.
        for lock, goal in step.world.none_held():
            if not is_true(goal):
                yield Claim(DEADLOCK, (), goal, location.span, f"awaits without {lock} locks")
    stuck = _may_be_stuck(location.code)
    can = TRUE if stuck is None else FALSE
    yield Claim(DEADLOCK, (), can, location.span, stuck or "the step can be taken")


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
            case ForEach(body=body):
                found = _may_be_stuck(body)
                if found:
                    return found
            case TryLock(success=success, failure=failure):
                found = _may_be_stuck(success) or _may_be_stuck(failure)
                if found:
                    return found
    return None
