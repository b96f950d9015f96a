"""Strongly connected parts of a graph, without recursion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator


def components(nodes: Iterable[int], targets: Callable[[int], list[int]]) -> Iterator[list[int]]:
    """The strongly connected components, each after all that can be reached from it (Tarjan 1972)."""
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    open_: list[int] = []
    is_open: set[int] = set()
    for root in nodes:
        if root in number:
            continue
        stack = [(root, iter(targets(root)))]
        number[root] = low[root] = len(number)
        open_.append(root)
        is_open.add(root)
        while stack:
            node, rest = stack[-1]
            for other in rest:
                if other not in number:
                    number[other] = low[other] = len(number)
                    open_.append(other)
                    is_open.add(other)
                    stack.append((other, iter(targets(other))))
                    break
                if other in is_open:
                    low[node] = min(low[node], number[other])
            else:
                stack.pop()
                if stack:
                    low[stack[-1][0]] = min(low[stack[-1][0]], low[node])
                if low[node] == number[node]:
                    component: list[int] = []
                    while not component or component[-1] != node:
                        component.append(open_.pop())
                        is_open.discard(component[-1])
                    yield component
