"""The census of all states: locks that are held, taken and waited for."""

from __future__ import annotations

from random import Random

import pytest
from systems import Watcher, instance

from pvcheck.engines.base import Limits
from pvcheck.engines.census import census
from pvcheck.model.census import Blocking, Census, LocksTaken
from pvcheck.model.instance import Instance
from pvcheck.model.verdict import Violated

ALIASED = """
system aliased;
param LOCKS = 1;
sort Thread; ordered sort Page; ordered sort PvLock = LOCKS;
lock pv[PvLock]: mutex;
fn pv_index(p: Page): PvLock = PvLock(int(p) % LOCKS);
var mapped[p: Page]: bool = false guarded by pv[pv_index(p)];
op change(p: Page) {
  acquire pv[pv_index(p)];
  mapped[p] = !mapped[p];
  release pv[pv_index(p)];
}
thread cpu[Thread] { while true { any p: Page; change(p); } }
"""


def counted(text: str, **settings: int | bool) -> Census:
    found = census(instance(text, **settings), (), Limits(), Watcher())[1]
    assert isinstance(found, Census), found
    return found


def taken(text: str, operation: str, **settings: int | bool) -> LocksTaken:
    (found,) = [t for t in counted(text, **settings).taken if t.operation == operation]
    return found


def blocked(text: str, lock: str = "pv", **settings: int | bool) -> Blocking:
    (found,) = [b for b in counted(text, **settings).blocking if b.lock == lock]
    return found


# --- undeserved blocking ---------------------------------------------------------------------------


def test_one_lock_for_two_pages_makes_threads_wait_for_nothing() -> None:
    found = blocked(ALIASED, Thread=2, Page=2)

    # A waiter and a holder: 2 ways; what the holder has still to do: 2 steps, the page mapped or not; the
    # pages of both: 4 ways, in half of which they differ; the other page mapped or not.
    assert (found.waiting, found.undeserved) == (2 * 2 * 4 * 4, 2 * 2 * 2 * 4)


def test_the_example_is_a_shortest_run_and_says_who_works_on_what() -> None:
    example = blocked(ALIASED, Thread=2, Page=2).example
    assert example is not None

    last = example.steps[-1]
    assert [w.lock for w in last.waits] == ["pv[0]"]
    assert {line.split(" works on ")[1] for line in example.why[1:]} == {"Page 0", "Page 1"}
    assert len(example.steps) == 3


def test_a_lock_of_its_own_for_each_page_makes_nobody_wait_for_nothing() -> None:
    found = blocked(ALIASED, Thread=2, Page=2, LOCKS=2)

    assert found.waiting > 0
    assert (found.undeserved, found.example) == (0, None)


def test_waiting_for_the_same_page_is_deserved() -> None:
    found = blocked(ALIASED, Thread=2, Page=1)

    assert found.waiting > 0
    assert found.undeserved == 0


SHARED = """
system shared;
sort Thread; sort Page;
lock pv: rw;
var mapped[p: Page]: bool = false guarded by pv;
op look(p: Page) { acquire read pv; let m = mapped[p]; assert m || !m || p == p; release pv; }
op change(p: Page) { acquire pv; mapped[p] = !mapped[p]; release pv; }
thread reader[Thread] { while true { any p: Page; look(p); } }
thread writer { while true { any p: Page; change(p); } }
"""


def test_everybody_in_the_way_has_to_work_elsewhere() -> None:
    one, both = blocked(SHARED, Thread=1, Page=2), blocked(SHARED, Thread=2, Page=2)

    assert 0 < one.undeserved < one.waiting
    # The second reader is on the page of the writer, or done with its own, in some of the others.
    assert both.undeserved / both.waiting < one.undeserved / one.waiting


RUNS = """
system runs;
ordered sort Page; ordered sort Run = size(Page) / 2;
lock pv: mutex;
var list[p: Page]: bool = false guarded by pv;
var pvh[r: Run]: bool = false guarded by pv;
op page(p: Page) { acquire pv; list[p] = !list[p]; release pv; }
op run(r: Run) { acquire pv; pvh[r] = !pvh[r]; release pv; }
thread one { while true { any p: Page; page(p); } }
thread two { while true { any r: Run; run(r); } }
"""


def test_a_page_and_a_run_of_pages_are_not_held_against_each_other() -> None:
    found = blocked(RUNS, Page=4)

    assert found.waiting > 0
    assert found.undeserved == 0


# --- locks held and taken --------------------------------------------------------------------------

BRANCHES = """
system branches;
lock a: mutex; lock b: mutex; lock g: ghost;
op work(more: bool) {
  acquire g;
  acquire a;
  if more { acquire b; release b; acquire b; release b; }
  release a;
  release g;
}
thread one { while true { any more: bool; work(more); } }
"""


def test_the_fewest_and_the_most_locks_of_the_runs_of_an_operation() -> None:
    assert taken(BRANCHES, "work") == LocksTaken("work", fewest=1, most=3, most_alone=3)


def test_the_most_locks_held_at_once_without_ghosts() -> None:
    assert counted(BRANCHES).most_held == 2


DISTURBED = """
system disturbed;
lock a: mutex; lock b: mutex;
var n: bool = false atomic;
op work() {
  let before = n;
  acquire a;
  let after = n;
  if before != after { acquire b; release b; }
  release a;
}
op other() { atomic { n = !n; } }
thread one { while true { work(); } }
thread two { OTHER }
"""


def test_what_others_add_is_counted_apart() -> None:
    text = DISTURBED.replace("OTHER", "while true { other(); }")

    assert taken(text, "work") == LocksTaken("work", fewest=1, most=2, most_alone=1)
    assert taken(text, "other") == LocksTaken("other", fewest=0, most=0, most_alone=0)


def test_one_that_starts_again_has_no_bound() -> None:
    text = DISTURBED.replace("OTHER", "while true { other(); }")
    again = "if before != after { release a; goto retry; }"
    retried = text.replace("if before != after { acquire b; release b; }", again)
    retried = retried.replace("let before = n;", "retry: let before = n;")

    assert taken(retried, "work") == LocksTaken("work", fewest=1, most=None, most_alone=1)


def test_one_that_is_disturbed_only_once_has_a_bound() -> None:
    text = DISTURBED.replace("OTHER", "other();")
    again = "if before != after { release a; goto retry; }"
    retried = text.replace("if before != after { acquire b; release b; }", again)
    retried = retried.replace("let before = n;", "retry: let before = n;")

    assert taken(retried, "work") == LocksTaken("work", fewest=1, most=2, most_alone=1)


def test_tries_count_if_they_take_the_lock() -> None:
    text = BRANCHES.replace(
        "acquire b; release b; acquire b;", "if try b { release b; } acquire b;"
    )

    assert taken(text, "work") == LocksTaken("work", fewest=1, most=3, most_alone=3)


def test_an_operation_that_nobody_completes_is_left_out() -> None:
    text = BRANCHES.replace("acquire g;\n", "acquire g; await false;\n")

    assert counted(text).taken == ()


# --- what is not known -----------------------------------------------------------------------------


def test_a_limit_leaves_it_open() -> None:
    limited = instance(ALIASED, Thread=2, Page=2)

    assert census(limited, (), Limits(states=5), Watcher())[1] == "state limit 5"
    assert census(limited, (), Limits(depth=2), Watcher())[1] == "depth limit 2"


def test_without_an_initial_state_there_is_nothing_to_count() -> None:
    text = BRANCHES.replace("thread one {", "var x: 0..9 = NUMBER atomic; thread one {")
    text = text.replace("NUMBER", "int(Page(7 - size(Page)))").replace(
        "lock a:", "ordered sort Page; lock a:"
    )
    result, found = census(instance(text, Page=2), ("bounds",), Limits(), Watcher())

    assert isinstance(result.verdicts["bounds"], Violated)
    assert found == "there is no initial state"


def test_the_result_is_that_of_a_search() -> None:
    result, _ = census(instance(ALIASED, Thread=2, Page=2), ("deadlock",), Limits(), Watcher())

    assert list(result.verdicts) == ["deadlock"]
    assert result.statistics.reductions == ()


# --- what counts as working on something -----------------------------------------------------------

NAMED = """
system named;
sort Thread; ordered sort Page; ordered sort Run = size(Page) / 2;
lock pv[Run]: mutex;
fn run(p: Page): Run = Run(int(p) / 2);
var list[p: Page]: bool = false guarded by pv[run(p)];
var pvh[r: Run]: bool = false guarded by pv[r];
proc flip(q: Page) { list[q] = !list[q]; }
op change(p: Page) {
  let held: Run? = run(p);
  acquire pv[held];
  flip(p);
  release pv[held];
}
thread cpu[Thread] { while true { any p: Page; change(p); } }
"""


def test_a_local_that_names_the_lock_names_no_data() -> None:
    found = blocked(NAMED, Thread=2, Page=2)

    # The holder has its page before it; then only the lock to release, and its page is forgotten.
    assert (found.waiting, found.undeserved) == (2 * (4 + 2) * 4, 2 * 2 * 4)


def test_data_is_found_through_calls_and_loops() -> None:
    through = "for q in {x: Page where x == p} { flip(q); }"
    found = blocked(NAMED.replace("flip(p);", through), Thread=2, Page=2)

    assert found.undeserved == 2 * 2 * 4


GHOSTLY = """
system ghostly;
sort Thread; sort Page;
lock real: mutex; lock pv[Page]: ghost; lock other: mutex;
var list[p: Page]: bool = false guarded by pv[p];
var n: bool = false guarded by other;
op change(p: Page) {
  acquire real; acquire pv[p];
  list[p] = !list[p];
  release pv[p]; release real;
  acquire other; n = !n; release other;
}
thread cpu[Thread] { while true { any p: Page; change(p); } }
"""


def test_data_under_a_ghost_is_that_of_the_locks_without_data() -> None:
    census_ = counted(GHOSTLY, Thread=2, Page=2)

    (only,) = census_.blocking
    assert only.lock == "real"
    assert 0 < only.undeserved < only.waiting


# --- against random walks --------------------------------------------------------------------------


def walked(what: Instance, steps: int) -> dict[str, set[int]]:
    """Per operation, the numbers of locks that runs of it took in a random walk."""
    semantics, random = what.semantics, Random(1)
    state = semantics.initial
    inside: dict[int, tuple[str, int]] = {}
    seen: dict[str, set[int]] = {}
    for _ in range(steps):
        thread, outcome, after = random.choice(list(semantics.successors(state)))
        assert after is not None
        result = semantics.run(state[0], state[1][thread], thread, outcome.choices)
        assert result is not None
        taken = len(semantics.held(after[0], thread) - semantics.held(state[0], thread))
        if thread in inside:
            inside[thread] = (inside[thread][0], inside[thread][1] + taken)
        for what_, name, *_ in result[1]:
            if what_ == "finish":
                seen.setdefault(name, set()).add(inside.pop(thread)[1])
            elif what_ == "begin":
                inside[thread] = (name, 0)
        state = after
    return seen


@pytest.mark.parametrize(
    "text",
    [
        ALIASED,
        NAMED,
        SHARED,
        GHOSTLY.replace(": ghost", ": mutex"),
        DISTURBED.replace("OTHER", "while true { other(); }"),
    ],
)
def test_no_walk_takes_more_or_fewer_locks(text: str) -> None:
    sizes = {"Thread": 2} if "sort Thread" in text else {}
    sizes |= {"Page": 2} if "sort Page" in text else {}
    what = instance(text, **sizes)

    bounds = {t.operation: (t.fewest, t.most) for t in counted(text, **sizes).taken}
    assert {name: (min(n), max(n)) for name, n in walked(what, 5000).items()} == bounds
