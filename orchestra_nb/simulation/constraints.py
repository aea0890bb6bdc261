"""A schedule as constraints for CP-SAT of OR-tools: the only place that knows the solver.

Policy: times are whole ticks. Where all workers are equal, a node is one interval and the workers are one cumulative
constraint; else a node has one optional interval for each kind of worker, exactly one of which is there, and each kind
is a cumulative constraint. Workers of one kind need not be told apart: who has which is settled afterwards, among
intervals of which no more overlap than there are workers. In small graphs they are, each a kind of its own: what each
does in all then bounds the makespan, which proves in a tenth of a second what takes minutes else where times are no
round numbers; of equal ones, the longest node has the first, the next one the first or the second, and so on. What is
held is a cumulative constraint of its own. Two
things help: a hint that is a whole schedule, and the time that must lie behind each node as a bound on its start. Eight
strategies search in turns, with a fixed seed: the same course each time, which a race of threads has not, and with far
more proofs than one strategy alone.

Failure: none; a hint is a schedule, which is the answer when time was too short even to check it. An interrupt ends the
search and goes on as ``KeyboardInterrupt``: the solver's own handler of it would call the best so far an answer, and
whoever pressed stop would see the next line run. So the search has a thread of its own, which the caller's waits for.
This module imports
OR-tools and is imported by :mod:`.optimum` alone, when somebody wants the optimum.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any

from ortools.sat.python import cp_model

from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.paths import upward_ranks
from orchestra_nb.resources.claims import Wants
from orchestra_nb.simulation.board import Place
from orchestra_nb.simulation.ticks import Effort

_STRATEGIES = 8
_LOOKS = 0.2
"""Seconds after which whoever waits for the solver looks whether it was interrupted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the solver found.

    Parameters
    ----------
    starts
        For each node its begin, in ticks.
    kinds
        For each node the kind of its worker.
    bound
        No schedule is shorter, in ticks.
    seconds
        What the search took.

    Examples
    --------
    >>> Answer({0: 0, 1: 2}, {0: 0, 1: 0}, bound=3.0, seconds=0.1).starts[1]
    2
    """

    starts: Mapping[int, int]
    kinds: Mapping[int, int]
    bound: float
    seconds: float


def _attended(solver: Any, model: Any) -> Any:
    """Let the solver search in a thread of its own, and stop it when the one that waits is interrupted."""
    solver.parameters.catch_sigint_signal = False
    found: Future[Any] = Future()

    def search() -> None:
        try:
            found.set_result(solver.solve(model))
        except BaseException as error:
            found.set_exception(error)

    try:
        threading.Thread(target=search, name="optimum", daemon=True).start()
        while not found.done():
            wait([found], timeout=_LOOKS)  # a signal that another thread was given wakes nobody who waits without end
        return found.result()
    except KeyboardInterrupt:
        solver.stop_search()
        raise


class Model:
    """Constraints of a graph.

    Parameters
    ----------
    dag
        What needs what.
    ticks
        For each node that takes part, what it takes on each worker.
    kinds
        Workers on which every node takes the same, kind by kind.
    wants
        For each node of the graph what it holds.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> pair = DAG([Node("load"), Node("fit", after=["load"])])
    >>> model = Model(pair, {0: [2], 1: [3]}, [[0]], [(), ()])
    >>> model.solve({}, {0: Place(0, 0, 2), 1: Place(0, 4, 7)}, Effort(5.0)).starts
    {0: 0, 1: 2}
    """

    def __init__(
        self, dag: DAG, ticks: Mapping[int, Sequence[int]], kinds: Sequence[Sequence[int]], wants: Sequence[Wants]
    ) -> None:
        self._dag = dag
        self._ticks = {i: [row[workers[0]] for workers in kinds] for i, row in ticks.items()}
        self._kinds = kinds
        self._wants = wants
        self._model = cp_model.CpModel()
        self._starts: dict[int, Any] = {}
        self._whole: dict[int, Any] = {}
        self._chosen: dict[int, list[Any]] = {}

    def solve(self, held: Mapping[str, int], hint: Mapping[int, Place], effort: Effort) -> Answer:
        """Search the shortest schedule.

        Parameters
        ----------
        held
            How much there is of each resource.
        hint
            A schedule in ticks, which the search begins with.
        effort
            How long is searched.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> model = Model(DAG([Node("a"), Node("b")]), {0: [2], 1: [2]}, [[0, 1]], [(("db", 1),), (("db", 1),)])
        >>> model.solve({"db": 1}, {0: Place(0, 0, 2), 1: Place(1, 3, 5)}, Effort(5.0)).bound
        4.0
        """
        model = self._model
        horizon = int(max(place.end for place in hint.values()))
        parts: list[list[Any]] = [[] for _ in self._kinds]
        for i, row in self._ticks.items():
            self._node(i, row, horizon, parts)
        for intervals, workers in zip(parts, self._kinds, strict=True):
            if len(workers) == 1:
                model.add_no_overlap(intervals)
            elif len(workers) < len(intervals):
                model.add_cumulative(intervals, [1] * len(intervals), len(workers))
        for name, capacity in held.items():
            using = [(self._whole[i], a) for i in self._ticks for n, a in self._wants[i] if n == name]
            model.add_cumulative([interval for interval, _ in using], [amount for _, amount in using], capacity)
        makespan = model.new_int_var(min(effort.least, horizon), horizon, "makespan")
        self._needs(makespan)
        self._shares(makespan)
        model.minimize(makespan)
        self._hint(hint)
        model.add_hint(makespan, horizon)
        return self._answer(effort, hint)

    def _node(self, i: int, row: Sequence[int], horizon: int, parts: Sequence[list[Any]]) -> None:
        """Add the interval of a node, or one for each kind of worker."""
        model = self._model
        start = self._starts[i] = model.new_int_var(0, horizon, f"start {i}")
        if len(row) == 1:
            self._whole[i] = model.new_fixed_size_interval_var(start, row[0], f"node {i}")
            self._chosen[i] = []
            parts[0].append(self._whole[i])
            return
        end = model.new_int_var(0, horizon, f"end {i}")
        size = model.new_int_var_from_domain(cp_model.Domain.from_values(row), f"size {i}")
        self._whole[i] = model.new_interval_var(start, size, end, f"node {i}")
        self._chosen[i] = [model.new_bool_var(f"node {i} on {kind}") for kind in range(len(row))]
        model.add_exactly_one(self._chosen[i])
        for kind, (ticks, there) in enumerate(zip(row, self._chosen[i], strict=True)):
            parts[kind].append(model.new_optional_interval_var(start, ticks, end, there, f"node {i} on {kind}"))

    def _needs(self, makespan: Any) -> None:
        table, model = self._dag.table, self._model
        least = [float(min(self._ticks.get(i, [0]))) for i in range(len(table.ids))]
        ranks = upward_ranks(table.levels, table.succs, least)
        for i, start in self._starts.items():
            model.add(start + int(ranks[i]) <= makespan)
            end = self._whole[i].end_expr()
            model.add(end <= makespan)
            for p in table.preds[i]:
                if p in self._whole:
                    model.add(start >= self._whole[p].end_expr())

    def _shares(self, makespan: Any) -> None:
        """Say what each kind does in all, and that of equal kinds the first few nodes may only take the first few."""
        for kind, workers in enumerate(self._kinds):
            done = [self._ticks[i][kind] * chosen[kind] for i, chosen in self._chosen.items() if chosen]
            if done:
                self._model.add(sum(done) <= len(workers) * makespan)
        for alike in self._alike():
            for place, i in enumerate(self._longest_first()[: len(alike) - 1]):
                for kind in alike[place + 1 :]:
                    self._model.add(self._chosen[i][kind] == 0)

    def _alike(self) -> list[list[int]]:
        """Group single workers on which every node takes the same."""
        found: dict[tuple[int, ...], list[int]] = {}
        for kind, workers in enumerate(self._kinds):
            if len(workers) == 1:
                found.setdefault(tuple(row[kind] for row in self._ticks.values()), []).append(kind)
        return [group for group in found.values() if len(group) > 1]

    def _longest_first(self) -> list[int]:
        return sorted(self._ticks, key=lambda i: -min(self._ticks[i]))

    def _hint(self, hint: Mapping[int, Place]) -> None:
        kind_of = {
            i: next(k for k, some in enumerate(self._kinds) if place.worker in some) for i, place in hint.items()
        }
        for alike in self._alike():  # the same schedule, its workers named in the order that is asked for
            used = dict.fromkeys(kind_of[i] for i in self._longest_first() if kind_of[i] in alike)
            called = dict(zip([*used, *(kind for kind in alike if kind not in used)], alike, strict=True))
            kind_of = {i: called.get(kind, kind) for i, kind in kind_of.items()}
        for i, place in hint.items():
            self._model.add_hint(self._starts[i], int(place.start))
            for kind, there in enumerate(self._chosen[i]):
                self._model.add_hint(there, kind == kind_of[i])

    def _answer(self, effort: Effort, hint: Mapping[int, Place]) -> Answer:
        solver = cp_model.CpSolver()
        solver.parameters.max_time_in_seconds = effort.timeout
        solver.parameters.num_workers = effort.threads or _STRATEGIES
        solver.parameters.interleave_search = effort.threads is None
        solver.parameters.random_seed = 0
        status = _attended(solver, self._model)
        if status == cp_model.UNKNOWN:
            known = {i: place.worker for i, place in hint.items()}
            kinds = {i: next(k for k, some in enumerate(self._kinds) if worker in some) for i, worker in known.items()}
            return Answer({i: int(p.start) for i, p in hint.items()}, kinds, effort.least, solver.wall_time)
        assert status in (cp_model.OPTIMAL, cp_model.FEASIBLE), solver.status_name(status)
        kinds = {i: next((k for k, on in enumerate(c) if solver.value(on)), 0) for i, c in self._chosen.items()}
        starts = {i: solver.value(start) for i, start in self._starts.items()}
        return Answer(starts, kinds, solver.best_objective_bound, solver.wall_time)
