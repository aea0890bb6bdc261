"""The tables of a plan: how each node stands, what it still waits for, and what follows when one ends.

Policy: nodes are positions in the document. Priorities and the policy's keys are turned into one rank per node
beforehand, what is ready is a heap of ranks, and a count per node says how many it waits for. Each end costs O(log n)
plus the edges that it settles. Growth makes the tables anew from what has ended, in O(n log n) plus the edges: simple,
and next to nothing beside the bodies of the nodes that a graph grows by.

A node that lacks a value which it needs is passed over only when all else that it waits for has ended (``_doomed``):
what comes after it waits through it for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappush
from typing import Literal

from orchestra_nb.errors import ConfigError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId, Status
from orchestra_nb.planning.barriers import lay_out
from orchestra_nb.planning.passing import NeedsValue, Passed
from orchestra_nb.planning.policies import Policy

State = Literal["waiting", "ready", "running"] | Status

GOOD: frozenset[State] = frozenset({"done", "cached"})
ENDED: frozenset[State] = frozenset({"done", "cached", "failed", "skipped", "cancelled"})


@dataclass(frozen=True, slots=True)
class Skip:
    """A node that will not run, and why."""

    node: NodeId
    reason: str


class Ledger:
    """The tables, and the steps that keep them true; :class:`.Plan` says which step may be taken when."""

    def __init__(self, dag: DAG, policy: Policy, by_level: bool, needs_value: NeedsValue) -> None:
        self._policy = policy
        self._by_level = by_level
        self._state: list[State] = []
        self._running: dict[int, None] = {}
        self._spoilt: dict[int, str] = {}
        """What those are told that need a node which failed, was cancelled or skipped for another's failure."""
        self._passed = Passed(needs_value)
        self._lacking = self._passed.roots
        self._doomed: list[int] = []
        self._stopped: str | None = None
        self._left = self._complete = 0
        self._adopt(dag)

    def _adopt(self, dag: DAG) -> None:
        """Go on with a DAG that begins with the nodes of the one so far; of a fresh plan, with any."""
        order = _order(dag, self._policy)  # may raise: nothing has changed yet
        if self._lacking:
            self._passed.look_at(dag)
        table, state = dag.table, self._state
        self.dag, self._order = dag, order
        self._ids, self._index, self._succs = table.ids, table.index, table.succs
        self._rank = [0] * len(order)
        for rank, i in enumerate(order):
            self._rank[i] = rank
        self._left += len(order) - len(state)
        state[:] = ["waiting" if now == "ready" else now for now in state]
        state += ["waiting"] * (len(order) - len(state))
        self._needs = self._count_needs(table.preds)
        over = [now in ENDED for now in state]
        self._members, self._left_in, self._level_of = lay_out(table.levels, over, self._complete)
        self._heap: list[int] = []
        for i in [i for i, count in enumerate(self._needs) if not count]:
            self._free(i)
        heapify(self._heap)

    def _count_needs(self, preds: Sequence[Sequence[int]]) -> list[int]:
        """For each node, how many it still waits for."""
        settled = {i for i, now in enumerate(self._state) if now in GOOD}.union(self._lacking)
        if not settled:
            return [len(before) for before in preds]
        return [len(before) - len(settled.intersection(before)) for before in preds]

    def _end(self, i: int, status: State) -> None:
        self._state[i] = status
        self._left -= 1
        self._left_in[self._level_of[i]] -= 1

    def _release(self, i: int) -> None:
        """Count an end for all that waits for it; free what has nothing left to wait for."""
        needs = self._needs
        for j in self._succs[i]:
            needs[j] -= 1
            if not needs[j]:
                self._free(j)

    def _free(self, i: int) -> None:
        """A node waits for nothing any more: it is ready, unless its level is not, or a value that it needs is lost."""
        if self._state[i] != "waiting":
            return
        if self._lacking and self._passed.lost(i):
            self._doomed.append(i)
        elif self._stopped is None and not (self._by_level and self._level_of[i] > self._complete):
            self._state[i] = "ready"
            heappush(self._heap, self._rank[i])

    def _cross_barriers(self) -> None:
        while self._complete < len(self._left_in) - 1 and not self._left_in[self._complete]:
            self._complete += 1
            if self._by_level:
                for i in self._members[self._complete]:  # which wait for nothing below their level
                    self._free(i)

    def _pass_on(self) -> list[Skip]:
        """Pass over all that is doomed, and what is in its turn."""
        skipped = []
        for i in self._doomed:  # which gets longer meanwhile
            roots = self._lacking[i] = self._passed.lost(i)
            skipped.append(Skip(self._ids[i], self._passed.told(roots)))
            self._end(i, "skipped")
            self._release(i)
        self._doomed.clear()
        return skipped

    def _waiting_for(self, i: int) -> list[int]:
        found: dict[int, None] = {}
        stack = [i]
        while stack:
            for j in self._succs[stack.pop()]:
                if j not in found and self._state[j] not in ENDED:
                    found[j] = None
                    stack.append(j)
        return list(found)

    def _skip(self, positions: Iterable[int], reason: str) -> list[Skip]:
        skipped = []
        for i in positions:
            self._end(i, "skipped")
            self._spoilt[i] = reason
            skipped.append(Skip(self._ids[i], reason))
        return skipped


def _order(dag: DAG, policy: Policy) -> list[int]:
    """Positions of all nodes, the most urgent first."""
    keys = policy(dag)
    try:
        urgency = [(-node.priority, keys[node.id]) for node in dag.nodes.values()]
        return sorted(range(len(urgency)), key=urgency.__getitem__)
    except (LookupError, TypeError) as error:
        name = getattr(policy, "__name__", repr(policy))
        told = f"it gave {keys!r:.60}" if not isinstance(keys, Mapping) else f"{type(error).__name__}: {error}"
        raise ConfigError(f"policy {name} must give a mapping with a number for each node; {told}") from error
