"""What is known of every state before anything is asked: it is well formed, and each thread is in one of the
situations that its control flow allows (see ``pvcheck.reduce.lock_facts``)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from pvcheck.engines.symbolic.circuit import Literal, constant
from pvcheck.engines.symbolic.system import System
from pvcheck.model.code import Mode
from pvcheck.model.semantics import STUCK
from pvcheck.model.situation import Analysis, Holding, Situation


def facts(system: System, analysis: Analysis) -> Literal:
    """Whether a state is as all states are that can be reached."""
    circuit = system.judging.circuit
    known = [system.judging.well_formed()]
    for thread, found in enumerate(analysis(system.instance.semantics)):
        if found is not None:
            known.append(_Facts(system, thread).hold(found))
    return circuit.every(known)


class _Facts:
    """Of one thread."""

    def __init__(self, system: System, thread: int) -> None:
        self.system = system
        self.thread = thread
        self.circuit = system.judging.circuit
        self.state = system.judging.state
        self.family, _ = system.instance.threads[thread]
        self.bits = system.bits.families[self.family.name]
        self._equal: dict[tuple[int, int], Literal] = {}

    def hold(self, found: Iterable[Situation]) -> Literal:
        """Whether the thread is in one of the situations, or can never begin."""
        at: dict[int, dict[Holding, list[Situation]]] = defaultdict(lambda: defaultdict(list))
        for situation in sorted(found, key=repr):
            at[situation.location][situation.held].append(situation)
        c = self.circuit
        ways: list[Literal] = []
        initial = self.system.instance.semantics.initial[1][self.thread]
        for location in self.bits.locations:
            here = self.system.judging.builder.at(self.thread, location)
            if location == STUCK and initial[0] == STUCK:
                ways.append(here)
                continue
            held = [
                c.conj(self._holds(holding), c.some(map(self._locals, alike)))
                for holding, alike in at[location].items()
            ]
            ways.append(c.conj(here, c.some(held)))
        return c.some(ways)

    def _holds(self, holding: Holding) -> Literal:
        """Whether the thread holds these locks and no others."""
        modes = dict(holding)
        bits, parts = self.system.bits, []
        for cell in range(bits.layout.lock_cells):
            value, mode = self.state.cells[cell], modes.get(cell)
            alone = bits.holds(self.circuit, value, self.thread, True)
            parts.append(alone ^ int(mode is not Mode.EXCLUSIVE))
            if value.sharers:
                parts.append(value.sharers[self.thread] ^ int(mode is not Mode.SHARED))
        return self.circuit.every(parts)

    def _locals(self, situation: Situation) -> Literal:
        encoding = self.system.bits.encoding
        row = self.state.threads[self.thread].row
        parts: list[Literal] = []
        for slot, value in situation.locals:
            start, width = self.bits.slots[slot]
            code = encoding.code(value, self.family.locals[slot].type)
            if (slot, code) not in self._equal:
                here = constant(code, width)
                self._equal[slot, code] = self.circuit.equal(row[start : start + width], here)
            parts.append(self._equal[slot, code])
        return self.circuit.every(parts)
