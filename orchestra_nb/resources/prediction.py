"""Circles in the order in which locks are taken, found before anybody waits in one.

If one node takes ``db`` and then ``gpu`` and another one ``gpu`` and then ``db``, they deadlock when they meet. So
the orders make a graph of resources, in which an edge says who takes the second while holding the first, and a circle
is a warning, as in Goodlock (Havelund, "Using Runtime Analysis to Guide Model Checking of Java Programs", 2000). As
there, two things make a circle harmless: its edges cannot be of different nodes (a node does not meet itself), or all
of them hold the same further lock, which lets only one through (a gate). A third one here: there is so much of a
resource on the circle that all who hold it together cannot use it up.

For each edge a shortest circle through it is told, so the work is polynomial where the number of circles is not.
Rejected: listing all circles (exponentially many).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from orchestra_nb.errors import Issue
from orchestra_nb.resources.claims import wants_of

_Edge = tuple[str, str]
_Seen = Mapping[_Edge, Iterable[str]]


def predict(
    uses_by_node: Mapping[str, Sequence[str]],
    seen: _Seen | None = None,
    capacities: Mapping[str, float] | None = None,
) -> list[Issue]:
    """Find lock orders that could end in a deadlock.

    Parameters
    ----------
    uses_by_node
        For each node what it takes one after another without letting go, such as ``["db", "gpu:2"]``.
    seen
        Orders that were seen: who took the second resource while holding the first.
    capacities
        How much there is of what; 1 of what is not here.

    Returns
    -------
    list of Issue
        Warnings with the code ``"lock-order"``.

    Examples
    --------
    >>> print(*predict({"load": ["db", "gpu"], "clean": ["gpu", "db"]}))
    load takes 'gpu' while holding 'db', clean takes 'db' while holding 'gpu': they can deadlock; take them in one
    order, such as 'db', 'gpu', or together: lock('db', 'gpu')
    >>> predict({"load": ["door", "db", "gpu"], "clean": ["door", "gpu", "db"]})
    []
    """
    holds = _orders(uses_by_node, seen or {})
    amounts = {node: dict(wants_of(uses)) for node, uses in uses_by_node.items()}
    issues: dict[frozenset[_Edge], Issue] = {}
    after: dict[str, list[str]] = {}
    for first, second in sorted(holds):
        after.setdefault(first, []).append(second)
    for edge in sorted(holds):
        way = _shortest(edge[1], edge[0], after)
        if not way:
            continue
        circle = [edge, *pairwise(way)]
        if frozenset(circle) not in issues and not _has_room(circle, holds, amounts, capacities or {}):
            nodes = _different(circle, holds)
            if nodes:
                issues[frozenset(circle)] = _issue(circle, nodes)
    return list(issues.values())


def _orders(uses_by_node: Mapping[str, Sequence[str]], seen: _Seen) -> dict[_Edge, dict[str, frozenset[str]]]:
    """For each order who has it, and what else is held then."""
    found: dict[_Edge, dict[str, frozenset[str]]] = {}
    for node, uses in uses_by_node.items():
        names = [name for name, _ in wants_of(uses)]
        for place, second in enumerate(names):
            held = frozenset(names[:place])
            for first in held:
                found.setdefault((first, second), {})[node] = held
    for (first, second), nodes in seen.items():
        for node in nodes:
            found.setdefault((first, second), {}).setdefault(node, frozenset((first,)))
    return found


def _shortest(start: str, end: str, after: Mapping[str, Sequence[str]]) -> list[str]:
    came: dict[str, str] = {start: ""}
    todo = deque([start])
    while todo:
        name = todo.popleft()
        if name == end:
            way = [name]
            while came[way[-1]]:
                way.append(came[way[-1]])
            return way[::-1]
        for following in after.get(name, ()):
            if following not in came:
                came[following] = name
                todo.append(following)
    return []


def _different(circle: list[_Edge], holds: Mapping[_Edge, Mapping[str, frozenset[str]]]) -> tuple[str, ...]:
    """Give each edge a node of its own such that no two hold the same further lock; empty when there is no such way."""
    on_circle = {name for edge in circle for name in edge}
    chosen: list[str] = []
    gates: list[frozenset[str]] = []

    def choose() -> bool:
        if len(chosen) == len(circle):
            return True
        for node, held in sorted(holds[circle[len(chosen)]].items()):
            further = held - on_circle
            if node in chosen or any(further & other for other in gates):
                continue
            chosen.append(node)
            gates.append(further)
            if choose():
                return True
            chosen.pop()
            gates.pop()
        return False

    return tuple(chosen) if choose() else ()


def _has_room(
    circle: list[_Edge],
    holds: Mapping[_Edge, Mapping[str, frozenset[str]]],
    amounts: Mapping[str, Mapping[str, int]],
    capacities: Mapping[str, float],
) -> bool:
    """Whether some resource of the circle cannot be used up by all who hold it while they wait for another one."""
    for first, _ in circle:
        holders = {node for edge, nodes in holds.items() if edge[0] == first for node in nodes}
        waiting = max(
            (
                amounts.get(node, {}).get(first, 1)
                for before, after in circle
                if after == first
                for node in holds[before, after]
            ),
            default=1,
        )
        held = sum(amounts.get(node, {}).get(first, 1) for node in holders)
        if held + waiting <= capacities.get(first, 1):
            return True
    return False


def _issue(circle: list[_Edge], nodes: tuple[str, ...]) -> Issue:
    parts = [
        f"{node} takes {second!r} while holding {first!r}" for node, (first, second) in zip(nodes, circle, strict=True)
    ]
    names = sorted({name for edge in circle for name in edge})
    listed = ", ".join(map(repr, names))
    hint = f"take them in one order, such as {listed}, or together: lock({listed})"
    return Issue("lock-order", f"{', '.join(parts)}: they can deadlock", nodes, suggestion=hint, severity="warning")
