"""Engines that prove: what one tries, and what it may claim."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from pvcheck.engines.base import Limits, Progress
from pvcheck.engines.explicit import ExplicitEngine
from pvcheck.engines.meter import Meter
from pvcheck.engines.symbolic.bmc import FAULTS, UNSUPPORTED, Search
from pvcheck.engines.symbolic.circuit import FALSE, Literal, TooLargeCircuit
from pvcheck.engines.symbolic.facts import facts
from pvcheck.engines.symbolic.solver import Maker
from pvcheck.engines.symbolic.system import System, system
from pvcheck.model.encoding import Unsupported
from pvcheck.model.instance import Instance
from pvcheck.model.model import Fault
from pvcheck.model.reduction import UNREDUCED, Reduction
from pvcheck.model.result import Result, Statistics
from pvcheck.model.situation import Analysis
from pvcheck.model.verdict import Checked, Inconclusive, Verdict


def goals(made: System, analysis: Analysis) -> tuple[Literal, dict[str, Literal]]:
    """What is known of all states, and what must not be, by the name of the property."""
    wrong = dict(made.violated)
    wrong |= {str(kind): literal for kind, literal in made.faults.items()}
    wrong[UNSUPPORTED] = made.unsupported
    wrong |= {kind: FALSE for kind in FAULTS if kind not in wrong}
    return facts(made, analysis), wrong


@dataclass
class Attempt:
    """All properties of an instance, to be proved or refuted."""

    system: System
    maker: Maker
    analysis: Analysis
    properties: frozenset[str]
    depth: int = -1
    """How far it got."""
    proved: dict[str, Checked] = field(default_factory=dict)
    """True if no run ends in a fault."""
    found: dict[str, Verdict] = field(default_factory=dict)
    """What is known of others."""

    def __post_init__(self) -> None:
        self.base = Search(self.system, self.maker, None, self.properties)
        self.fact, self.goals = goals(self.system, self.analysis)

    @property
    def noun(self) -> str:
        return "transaction" if self.system.transactions else "step"

    def counted(self, number: int) -> str:
        return f"{number} {self.noun}{'' if number == 1 else 's'}"

    def missing(self) -> list[str]:
        """What is neither proved nor refuted."""
        refuted = {*self.base.faults, *self.base.found, *self.found}
        if self.base.unsupported is not None:
            refuted.add(UNSUPPORTED)
        return [n for n in self.goals if n not in self.proved and n not in refuted]

    def verdict(self, name: str, reason: str) -> Verdict:
        """``reason``: why it ended."""
        known = self.base.found.get(name) or self.found.get(name)
        if known is not None:
            return known
        if name in self.proved:
            open_ = sorted({*FAULTS, UNSUPPORTED} - self.proved.keys())
            if not open_:
                return self.proved[name]
            if open_ == [UNSUPPORTED]:
                return Inconclusive(
                    None, "inductive, but runs may need a number beyond what there is room for"
                )
            end = next(filter(None, open_))
            return Inconclusive(None, f"inductive, but runs may end before, at the {end}")
        if self.depth < 0:
            return Inconclusive(None, reason)
        return Inconclusive(None, f"{self.tried()}: {reason}" if reason else self.tried())

    def tried(self) -> str:
        """What did not come to a proof."""
        raise NotImplementedError

    def run(self, depth: int, meter: Meter, stop: Collection[str]) -> str:
        """Why it ended; nothing if all was tried."""
        raise NotImplementedError


@dataclass(frozen=True)
class ProvingEngine:
    """What it calls checked holds in all reachable states, and no run ends in a fault."""

    name: str
    attempt: Callable[[System, Maker, Analysis, frozenset[str]], Attempt]
    depth: int
    """How far it goes."""
    maker: Maker
    analysis: Analysis
    """Of control flow."""

    @property
    def visits_states(self) -> bool:
        return False

    def without_checkpoints(self) -> ProvingEngine:
        return self

    def with_workers(self, workers: int) -> ProvingEngine:
        return self

    def check(
        self,
        instance: Instance,
        properties: Collection[str],
        limits: Limits,
        progress: Progress,
        *,
        stop_when_violated: Collection[str] = (),
        reduction: Reduction = UNREDUCED,
    ) -> Result:
        if instance.semantics.initial_fault is not None:
            return ExplicitEngine().check(instance, properties, limits, progress)
        meter = Meter(limits, progress)
        attempt: Attempt | None = None
        interrupted = False
        try:
            made = system(instance, reduction.movers, properties)
            attempt = self.attempt(made, self.maker, self.analysis, frozenset(properties))
            reason = attempt.run(self.depth, meter, stop_when_violated)
        except KeyboardInterrupt:
            interrupted, reason = True, "interrupted"
        except (Unsupported, TooLargeCircuit) as error:
            reason = f"it cannot be said in bits: {error}"
        except MemoryError:
            reason = "out of memory"
        depth = 0 if attempt is None else max(0, attempt.depth)
        faults = [] if attempt is None else attempt.base.faults
        return Result(
            verdicts={
                name: self._verdict(name, instance, attempt, reason)
                for name in instance.model.properties
                if name in properties
            },
            statistics=Statistics(
                states=depth,
                transitions=0,
                depth=depth,
                seconds=meter.seconds,
                reductions=("transactions",) if reduction.movers is not None else (),
            ),
            coverage=None,
            lock_edges=(),
            interrupted=interrupted,
            fault=Fault(faults[0]) if faults else None,
        )

    def _verdict(
        self, name: str, instance: Instance, attempt: Attempt | None, reason: str
    ) -> Verdict:
        if name not in instance.model.safety:
            return Inconclusive(None, f"{self.name} judges no progress")
        return Inconclusive(None, reason) if attempt is None else attempt.verdict(name, reason)
