"""The shortest schedule of a small graph, and whether that is proved.

Policy: first the schedules that cost nothing, by HEFT and by each policy; where one of them is as short as the lower
bound, it is the answer and its own proof. Else a constraint solver searches (CP-SAT of OR-tools, the extra
``optimum``): an interval for each node, needs between them, workers that are equal and resources that are held as
cumulative constraints; where workers differ, an optional interval for each kind of worker, of which one is there. It
begins with the best that is known. Its numbers are whole (:mod:`.ticks`); the schedule that is shown is made anew in
seconds from the order that it found, each node as early as its place allows (:mod:`.board`), so no rounding is in it.

What is said is what is known: ``proved`` only where the bound in seconds, with all that rounding may have cost, meets
the makespan; else the best found and what no schedule can be below. Order: the solver's strategies take
turns and its seed is fixed, so a search that ends by itself ends the same each time; one that time cuts short depends
on the machine. An interrupt ends the search, too.

Failure: more than a hundred nodes are refused unless a time is given, since a proof is then unlikely; rates and budgets
of resources are refused; without OR-tools a :class:`.ConfigError` says how to get it. Rejected: a branch-and-bound of
our own (two orders of magnitude behind), communication (no node would know its worker early enough to prune).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.util import find_spec

from orchestra_nb.errors import ConfigError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import is_duration
from orchestra_nb.planning.policies import POLICIES
from orchestra_nb.simulation.board import Board, Place, Task, placed
from orchestra_nb.simulation.heft import schedule_of
from orchestra_nb.simulation.machines import Machines, Speeds, held_by, machines_of
from orchestra_nb.simulation.schedule import Schedule
from orchestra_nb.simulation.simulator import simulate
from orchestra_nb.simulation.ticks import Effort, Ticks, ticks_of

MOST_NODES = 100
"""Beyond, one has to say how long the search may take."""
TIMEOUT = 10.0
MOST_THREADS = 256
MOST_APART = 400
"""Up to so many pairs of a node and a worker, workers are told apart even if they are equal."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Optimum(Schedule):
    """The shortest schedule that was found, and what is known of shorter ones.

    Parameters
    ----------
    proved
        Whether no schedule is shorter; :attr:`error` says how exactly that is known.
    shortest
        No schedule is shorter than this (seconds).
    error
        What rounding to whole numbers may have hidden at most (seconds); 0 where nothing was rounded.
    searched
        Seconds that the solver took; 0 where a bound was proof enough. It counts for no comparison.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> found = optimum(DAG([Node("a", cost=3), Node("b", cost=3), Node("c", cost=2), Node("d", cost=2)]), 2)
    >>> found.makespan, found.proved
    (5.0, True)
    """

    proved: bool = False
    shortest: float = 0.0
    error: float = 0.0
    searched: float = field(default=0.0, compare=False)


def solvable() -> bool:
    """Tell whether the solver is there, without importing it.

    Examples
    --------
    >>> isinstance(solvable(), bool)
    True
    """
    return find_spec("ortools") is not None


def optimum(
    dag: DAG,
    workers: Speeds,
    *,
    timeout: float | None = None,
    resources: Mapping[str, int | str] | None = None,
    threads: int | None = None,
) -> Optimum:
    """Search the shortest schedule.

    Parameters
    ----------
    dag
        What needs what, how long it takes and what it uses.
    workers
        A number of equal workers, a sequence of speeds, or for each worker's name what each node takes there, as in
        :func:`.heft`.
    timeout
        Seconds that the search may take; ``None``: ten, for graphs of up to a hundred nodes.
    resources
        How much there is of what nodes use, as in :class:`.RunConfig`; what is not named is there once.
    threads
        How many strategies race, each in a thread of its own: often much faster, and of several schedules that are
        equally short another may come each time. ``None``: they take turns, and the same one comes.

    Returns
    -------
    Optimum
        A schedule that says whether it is proved to be the shortest.

    Raises
    ------
    ConfigError
        Workers, times or resources that cannot be meant; a graph that is too large without a time; no OR-tools.

    Examples
    --------
    Longest first needs seven seconds here, and so does the critical path:

    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node(f"n{i}", cost=cost) for i, cost in enumerate([3, 3, 2, 2, 2])])
    >>> optimum(dag, 2).makespan
    6.0
    """
    machines = machines_of(dag, workers)
    held, wants = held_by(dag, resources)
    _check(dag, timeout, threads)
    problem = _Problem(dag, machines, held, [Task(t, want) for t, want in zip(machines.times, wants, strict=True)])
    best = min(problem.cheap(), key=_last)
    ticks = ticks_of([problem.tasks[i].times for i in problem.taking], _last(best))
    found = schedule_of(dag, machines, best, "optimum", held)
    least = ticks.at_least(ticks.least(found.lower_bound))
    if found.makespan <= max(least, found.lower_bound) * (1 + _ROUNDING):
        return _told(found, True, found.makespan)
    if not solvable():
        raise ConfigError("the optimum needs OR-tools, a constraint solver: pip install 'orchestra_nb[optimum]'")
    return _searched(problem, ticks, best, Effort(TIMEOUT if timeout is None else timeout, threads))


def _check(dag: DAG, timeout: float | None, threads: int | None) -> None:
    odd = isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= MOST_THREADS
    if threads is not None and odd:
        told = f"a whole number from 1 to {MOST_THREADS}, or None for strategies that take turns"
        raise ConfigError(f"threads={threads!r} must be {told}")
    if timeout is not None and (not is_duration(timeout) or timeout == 0):
        raise ConfigError(f"timeout={timeout!r} must be a positive number of seconds")
    if timeout is None and len(dag) > MOST_NODES:
        hint = "give timeout=60 to search for so many seconds all the same"
        raise ConfigError(f"a proof for {len(dag):,} nodes is unlikely, above {MOST_NODES} nobody waits for it; {hint}")


@dataclass(frozen=True, slots=True)
class _Problem:
    """What is to be placed, and where."""

    dag: DAG
    machines: Machines
    held: Mapping[str, int]
    tasks: Sequence[Task]

    @property
    def taking(self) -> list[int]:
        """Who takes part, in an order in which everybody comes after what they need."""
        return [i for level in self.dag.table.levels for i in level if self.tasks[i].times]

    def place(self, order: Sequence[int], tasks: Sequence[Task] | None = None) -> dict[int, Place]:
        """Place nodes in an order, each where it ends first."""
        board = Board(max(map(len, self.machines.times), default=0), self.held)
        return placed(order, tasks or self.tasks, self.dag.table.preds, board)

    def cheap(self) -> Iterator[dict[int, Place]]:
        """Make the schedules that cost nothing: the orders that each policy would begin the nodes in."""
        means = self.machines.means()
        costed = self.dag.with_costs(dict(zip(self.dag.table.ids, means, strict=True)))
        rank = costed.upward_rank
        yield self.place(sorted(self.taking, key=lambda i: -rank[self.dag.table.ids[i]]))
        for policy in POLICIES:
            rows = simulate(costed, self.machines.speeds or self.machines.count, policy, resources=self.held).rows
            begun = [self.dag.table.index[slot.node] for slot in rows]
            order = dict.fromkeys([*begun, *self.taking])  # once each, and also who was cut short, or never began
            yield self.place([i for i in order if self.tasks[i].times])

    def kinds(self, rows: Sequence[Sequence[int]]) -> list[list[int]]:
        """Group workers on which every node takes the same; each by itself where there are few nodes and workers."""
        workers = max(map(len, rows), default=0)
        if workers * len(rows) <= MOST_APART:
            return [[worker] for worker in range(workers)]
        found: dict[tuple[int, ...], list[int]] = {}
        for worker in range(workers):
            found.setdefault(tuple(row[worker] for row in rows), []).append(worker)
        return list(found.values())


def _last(places: Mapping[int, Place]) -> float:
    return max((place.end for place in places.values()), default=0.0)


def _searched(problem: _Problem, ticks: Ticks, best: Mapping[int, Place], effort: Effort) -> Optimum:
    """Let the solver search, and make a schedule in seconds of what it finds."""
    from orchestra_nb.simulation.constraints import Model

    taking = problem.taking
    kinds = problem.kinds(ticks.rows)
    known = dict(zip(taking, ticks.rows, strict=True))
    model = Model(problem.dag, known, kinds, [task.wants for task in problem.tasks])
    hint = problem.place(
        sorted(taking, key=lambda i: (best[i].start, taking.index(i))),
        [_only(problem.tasks[i]._replace(times=known.get(i, ())), best, i) for i in range(len(problem.tasks))],
    )
    least = ticks.least(problem.machines.lower_bound(problem.dag, problem.held))
    answer = model.solve(problem.held, hint, effort._replace(least=least))
    order = sorted(taking, key=lambda i: (answer.starts[i], taking.index(i)))
    chosen = [
        task._replace(times=_within(task.times, kinds[answer.kinds[i]])) if i in known else task
        for i, task in enumerate(problem.tasks)
    ]
    again = problem.place(order, chosen)
    shorter = min((best, again), key=_last)
    found = schedule_of(problem.dag, problem.machines, shorter, "optimum", problem.held)
    return _verdict(found, ticks, answer.bound, answer.seconds)


def _only(task: Task, best: Mapping[int, Place], i: int) -> Task:
    return task if i not in best else task._replace(times=_within(task.times, [best[i].worker]))


def _within(times: Sequence[float], workers: Sequence[int]) -> list[float]:
    return [seconds if worker in workers else math.inf for worker, seconds in enumerate(times)]


def _verdict(found: Schedule, ticks: Ticks, bound: float, seconds: float) -> Optimum:
    shortest = max(ticks.at_least(bound), found.lower_bound)
    error = 0.0 if ticks.exact else ticks.rounded * ticks.tick
    proved = found.makespan <= (shortest + error) * (1 + _ROUNDING)
    return _told(found, proved, min(shortest, found.makespan), error, seconds)


def _told(found: Schedule, proved: bool, shortest: float, error: float = 0.0, seconds: float = 0.0) -> Optimum:
    known = {each.name: getattr(found, each.name) for each in fields(found)}
    return Optimum(**known, proved=proved, shortest=shortest, error=error, searched=seconds)
