"""Progress: fair runs without end in which an operation is never finished."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from systems import Watcher, instance

from pvcheck.diagnostics import SpecError
from pvcheck.engines import liveness
from pvcheck.engines.base import Limits
from pvcheck.model.fairness import NoStarvation, starvation
from pvcheck.model.instance import Instance
from pvcheck.model.replay import Mismatch, ReplayError, follow, trace_of
from pvcheck.model.semantics import State, after
from pvcheck.model.trace import Trace
from pvcheck.model.verdict import Checked, Inconclusive, Verdict, Violated
from pvcheck.report.trace_file import TraceFileError, dumps, loads

Node = tuple[State, frozenset[int]]


def judged(text: str, limits: Limits | None = None, **sizes: int) -> dict[str, Verdict]:
    what = instance(text, **sizes)
    verdicts = liveness.check(what, what.model.properties, limits or Limits(), Watcher())
    for verdict in verdicts.values():
        if isinstance(verdict, Violated):
            assert not isinstance(follow(what.semantics, verdict.trace), Mismatch)
            assert loads(dumps(verdict.trace)) == verdict.trace
    return verdicts


def words(text: str, **sizes: int) -> dict[str, str]:
    return {n: type(v).__name__ for n, v in judged(text, **sizes).items()}


LOCKS = """
system locks; sort T; lock a: mutex; lock b: mutex; order a < b;
op work() { acquire a; release a; }
op spin() { while true { acquire b; if try a { release a; release b; break; } release b; } }
thread cpu[T] { while true { choose { { work(); } or { spin(); } } } }
"""


@pytest.mark.parametrize(
    ("fair", "violated"),
    [
        ("", {"spin"}),
        (" assuming fair threads, fair locks", {"spin"}),
        (" assuming fair threads", {"spin", "work"}),
        (" assuming fair locks", {"spin", "work"}),
        (" assuming nothing", {"spin", "work"}),
    ],
)
def test_what_fairness_is_worth(fair: str, violated: set[str]) -> None:
    found = words(LOCKS + f"progress work{fair}; progress spin{fair};", T=2)

    assert {n for n, v in found.items() if v == "Violated"} == {f"progress-{v}" for v in violated}


def test_who_may_be_stopped_is_stopped_only_by_unfair_schedulers() -> None:
    text = """
    system s; var x: bool = false atomic;
    op once() { x = true; x = false; } thread one { once(); } thread two { while true { ; } }
    """

    assert words(text + "progress once;") == {"progress-once": "Checked"}
    assert words(text + "progress once assuming nothing;") == {"progress-once": "Violated"}


def test_waiting_for_what_never_comes() -> None:
    text = """
    system s; var x: bool = false atomic;
    op wait() { await x; } op noise() { x = false; }
    thread one { wait(); } thread two { while true { noise(); } }
    progress wait; progress noise;
    """
    assert words(text) == {"progress-wait": "Violated", "progress-noise": "Checked"}


def test_a_chance_that_comes_and_goes_is_no_obligation() -> None:
    """Weak fairness is not enough for who waits for a condition, and more is not assumed."""
    text = """
    system s; var x: bool = false atomic;
    op wait() { await x; }
    thread one { wait(); } thread two { while true { x = true; x = false; } }
    progress wait;
    """
    assert words(text) == {"progress-wait": "Violated"}


def test_a_deadlock_is_no_progress() -> None:
    text = """
    system s; lock a: mutex; lock b: mutex; order a < b;
    op forth() { acquire a; acquire b; release b; release a; }
    op back() { acquire b; acquire a; release a; release b; }
    thread one { while true { forth(); } } thread two { while true { back(); } }
    progress forth;
    """
    (verdict,) = judged(text).values()

    assert isinstance(verdict, Violated)
    assert verdict.trace.loop == len(verdict.trace.steps)
    assert verdict.trace.why[:2] == ("one never finishes forth", "nobody can move")


def test_a_fault_or_a_limit_decides_nothing() -> None:
    (faulty,) = judged(
        "system s; op w() { ; } thread t { w(); assert false; } progress w;"
    ).values()
    assert faulty == Inconclusive(1, "runs end in a fault (assertion)")

    (limited,) = judged(LOCKS + "progress work;", Limits(states=3), T=2).values()
    assert isinstance(limited, Inconclusive)
    assert limited.reason == "state limit 3"


def violation(text: str, **sizes: int) -> tuple[Instance, Trace]:
    what = instance(text, **sizes)
    (verdict,) = liveness.check(what, what.model.properties, Limits(), Watcher()).values()
    assert isinstance(verdict, Violated)
    return what, verdict.trace


def test_what_the_starving_thread_waits_for() -> None:
    _, trace = violation(LOCKS + "progress work assuming fair threads;", T=2)

    assert trace.why == (
        "cpu[0] never finishes work",
        "steps 2 to 4 are taken again and again, fair to threads",
        "in each round cpu[0] takes no step",
        "cpu[0] waits for a, held by cpu[1] (step 3)",
    )


def test_no_other_run_is_a_counterexample() -> None:
    what, trace = violation(LOCKS + "progress spin;", T=2)
    moves = follow(what.semantics, trace)
    assert not isinstance(moves, Mismatch)
    assert trace.loop is not None
    (declared,) = what.model.progress

    assert starvation(what.semantics, declared, moves, trace.loop).threads == (0,)
    for wrong in range(len(moves) + 1):
        if wrong != trace.loop:
            with pytest.raises(NoStarvation):
                starvation(what.semantics, declared, moves, wrong)
    with pytest.raises(ReplayError, match="a run that ends starves nobody"):
        trace_of(what.semantics, declared.name, moves)


def test_a_file_with_an_impossible_loop_is_refused() -> None:
    _, trace = violation(LOCKS + "progress spin;", T=2)
    for wrong in ("-1", "99", "true", '"1"', "null"):
        with pytest.raises(TraceFileError, match="loop is not a number of steps from 0 to 7"):
            loads(dumps(trace).replace(f'"loop": {trace.loop}', f'"loop": {wrong}'))


@pytest.mark.parametrize(
    ("declaration", "error"),
    [
        ("progress nope;", "no op 'nope'"),
        ("progress work assuming fair weather;", "nothing is known of fair weather"),
        ("progress work; progress work;", "progress of 'work' is declared twice"),
        ("progress work; expect violated progress-spin;", "no property 'progress-spin'"),
    ],
)
def test_declarations_that_are_none(declaration: str, error: str) -> None:
    with pytest.raises(SpecError, match=error):
        instance(LOCKS + declaration, T=2)


# ---- a second way to the answer ---------------------------------------------------------------------


class Oracle:
    """Whether a fair run starves somebody in the operation ``work``.

    By guessing who takes steps again and again: the others take none, are kept from it somewhere, and never
    see a lock that they want. In the graph that remains, all who were guessed must step in one component.
    """

    def __init__(self, what: Instance) -> None:
        self.semantics = what.semantics
        (declared,) = what.model.progress
        self.fair = declared.fair
        self.threads = range(len(what.threads))
        self.graph = nx.MultiDiGraph()
        start: Node = (self.semantics.initial, frozenset())
        todo = [start]
        self.graph.add_node(start)
        while todo:
            node = todo.pop()
            for thread, target, finished in self.steps(node):
                if target not in self.graph:
                    todo.append(target)
                self.graph.add_edge(node, target, thread=thread, finished=finished)

    def steps(self, node: Node) -> Iterator[tuple[int, Node, bool]]:
        state, inside = node
        for thread in self.threads:
            local = state[1][thread]
            for outcome in self.semantics.outcomes(state[0], local, thread):
                result = self.semantics.run(state[0], local, thread, outcome.choices)
                reached = after(state, thread, outcome)
                assert result is not None
                assert reached is not None
                notes = [n[0] for n in result[1] if n[1] == "work"]
                now = inside
                for note in notes:
                    now = now | {thread} if note == "begin" else now - {thread}
                yield thread, (reached, now), "finish" in notes

    def able(self, node: Node) -> set[int]:
        return {t for _, _, t in self.graph.out_edges(node, data="thread")}

    def wants(self, node: Node, thread: int) -> bool:
        (shared, locals_), _ = node
        return self.semantics.want(shared, locals_[thread], thread) is not None

    def starves(self) -> bool:
        return any(
            any(victim in n[1] and not self.able(n) for n in self.graph)
            or any(
                self._starves(victim, set(movers))
                for count in range(1, len(self.threads) + 1)
                for movers in combinations(self.threads, count)
            )
            for victim in self.threads
        )

    def _starves(self, victim: int, movers: set[int]) -> bool:
        others = [t for t in self.threads if t not in movers]
        rest = nx.MultiDiGraph()
        for node in self.graph:
            offered = any(t in self.able(node) and self.wants(node, t) for t in others)
            if victim in node[1] and not ("locks" in self.fair and offered):
                rest.add_node(node)
        for source, target, data in self.graph.edges(data=True):
            leaves = data["thread"] == victim and data["finished"]
            if {source, target} <= rest.nodes and data["thread"] in movers and not leaves:
                rest.add_edge(source, target, thread=data["thread"])
        return any(
            {t for _, _, t in rest.subgraph(part).edges(data="thread")} == movers
            and (
                "threads" not in self.fair
                or all(any(t not in self.able(n) for n in part) for t in others)
            )
            for part in nx.strongly_connected_components(rest)
        )


ATOMS = [
    *(
        "acquire a; release a;",
        "acquire b; release b;",
        "atomic { x = 1 - x; }",
        "await x == 0; x = 1;",
    ),
    *(
        "if try a { release a; }",
        "while x == 1 { ; }",
        "acquire a; acquire b; release b; release a;",
    ),
    *("acquire a; x = 0; release a;", "while true { if try b { release b; break; } }", ";"),
]


@st.composite
def programs(draw: st.DrawFn) -> str:
    def body() -> str:
        return " ".join(draw(st.lists(st.sampled_from(ATOMS), min_size=1, max_size=2)))

    def thread(name: str) -> str:
        calls = draw(st.sampled_from(["work();", "other();", "work(); other();"]))
        loop = draw(st.booleans())
        return (
            f"thread {name} {{ while true {{ {calls} }} }}"
            if loop
            else f"thread {name} {{ {calls} }}"
        )

    fair = draw(
        st.sampled_from(["", " assuming nothing", " assuming fair threads", " assuming fair locks"])
    )
    threads = " ".join(thread(n) for n in draw(st.sampled_from([("p", "q"), ("p", "q", "r")])))
    return (
        "system s; lock a: mutex; lock b: mutex; order a < b; var x: 0..1 = 0 atomic;"
        f"op work() {{ {body()} }} op other() {{ {body()} }} {threads} progress work{fair};"
    )


def same_opinion(text: str) -> None:
    (verdict,) = judged(text).values()
    assert isinstance(verdict, Checked | Violated)
    assert isinstance(verdict, Violated) == Oracle(instance(text)).starves()


@settings(max_examples=60, deadline=None)
@given(programs())
def test_random_programs(text: str) -> None:
    same_opinion(text)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(programs())
def test_many_random_programs(text: str) -> None:
    same_opinion(text)


def test_the_random_programs_are_of_both_kinds() -> None:
    kinds: set[str] = set()

    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(programs())
    def look(text: str) -> None:
        kinds.update(words(text).values())

    look()
    assert kinds == {"Checked", "Violated"}
