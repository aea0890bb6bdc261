"""How long a list schedule takes, on index lists: what an optimisation asks before it changes a graph.

The very decisions of :func:`.simulation.simulate` under its default policy (most urgent ready node first, by priority,
upward rank and document order; every free worker takes one), without slots, names or states. The graph may not know
the planning above it, and an optimiser asks for dozens of numbers of workers and hundreds of variants, so this answers
with one number in a seventh of the time; a law in the tests holds it to the simulator, float for float. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heappop, heappush

from orchestra_nb.graph.paths import Adjacency, upward_ranks


@dataclass(frozen=True)
class Jobs:
    """A graph, or a part of one, ready to be scheduled.

    Parameters
    ----------
    levels
        The positions that take part: each before all that need it.
    succs
        For each position, those that need it; of the part only.
    costs
        Seconds.
    priorities
        Higher goes first among ready nodes.

    Examples
    --------
    >>> jobs = Jobs([[0, 1], [2]], [[2], [], []], [1.0, 2.0, 3.0], [0, 0, 0])
    >>> jobs.makespan(1), jobs.makespan(2), jobs.peak
    (6.0, 4.0, 2)
    """

    levels: Adjacency
    succs: Adjacency
    costs: Sequence[float]
    priorities: Sequence[int]

    @cached_property
    def _order(self) -> list[int]:
        """Positions, the most urgent first."""
        ranks = upward_ranks(self.levels, self.succs, self.costs)
        positions = [i for level in self.levels for i in level]
        return sorted(positions, key=lambda i: (-self.priorities[i], -ranks[i], i))

    @cached_property
    def _turn(self) -> dict[int, int]:
        return {i: n for n, i in enumerate(self._order)}

    @cached_property
    def _needs(self) -> list[int]:
        needs = [0] * len(self.succs)
        for level in self.levels:
            for i in level:
                for j in self.succs[i]:
                    needs[j] += 1
        return needs

    @cached_property
    def peak(self) -> int:
        """How many workers suffice for every node to start at once when it is ready; more change nothing."""
        starts = [0.0] * len(self.succs)
        bends = []
        for level in self.levels:
            for i in level:
                start, end = starts[i], starts[i] + self.costs[i]
                bends += [(start, 1, 1), (end, 0 if end > start else 2, -1)]
                for j in self.succs[i]:
                    starts[j] = max(starts[j], end)
        most = now = 0
        for _, _, change in sorted(bends):
            now += change
            most = max(most, now)
        return most

    def makespan(self, workers: int) -> float:
        """Seconds until the last node has ended."""
        order, turn, succs, costs = self._order, self._turn, self.succs, self.costs
        needs = self._needs.copy()
        ready = [turn[i] for i in order if not needs[i]]
        heapify(ready)
        ends: list[tuple[float, int]] = []
        now, free = 0.0, workers
        while ready or ends:
            while free and ready:
                i = order[heappop(ready)]
                heappush(ends, (now + costs[i], i))
                free -= 1
            now = ends[0][0]
            while ends and ends[0][0] == now:
                free += 1
                for j in succs[heappop(ends)[1]]:
                    needs[j] -= 1
                    if not needs[j]:
                        heappush(ready, turn[j])
        return now
