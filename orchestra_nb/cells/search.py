"""From a trial that differs to the edge that is missing.

Policy. The document's order is run first, one cell after the other, through the machinery of a parallel run: if already
that differs from the linear run, no order is to blame, and the search ends. Otherwise the order of the trial that
differs is run the same way, and the swap of neighbours that makes the difference is found by halving
(:mod:`orchestra_nb.planning.bisection`). Both sides of the swap are then run once more: what does not differ again is
*unsteady*, and nobody is accused. An edge that was found is added to the graph, the order mended accordingly and tried
again, until nothing differs; so one trial may show several edges.

If no serial order shows the difference, cells were in each other's way while they ran at the same time: then the
*suspects* are the unordered pairs that overlapped in the trial.

Cost: a search has a bound on its runs; when it is reached, or the user interrupts, what was found so far stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestra_nb.cells.comparison import Difference, RunRecord, compare
from orchestra_nb.cells.trials import Trial
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Edge, NodeId
from orchestra_nb.planning.bisection import Path, bisect
from orchestra_nb.planning.orders import Order, nearest_order, unordered_pairs

Runner = Callable[[Trial], RunRecord]
Subjects = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class MissingEdge:
    """Two cells that must not change places, although the DAG lets them.

    Parameters
    ----------
    source, target
        The cell that must come first, and the other one.
    differences
        Between the linear run and one that is right but for these two cells.
    """

    source: str
    target: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Suspect:
    """Two unordered cells that ran at the same time in a run that went wrong; ``seconds`` long."""

    first: str
    second: str
    seconds: float


class OutOfRunsError(Exception):
    """The bound on runs was reached."""


class Search:
    """Looks for the causes of differences, within a number of runs.

    Parameters
    ----------
    dag
        What the trials ran.
    run
        Runs a trial.
    linear
        What the linear run left.
    noise
        What differs between linear runs, and so counts for nothing.
    limit
        At most so many runs.
    """

    def __init__(self, dag: DAG, run: Runner, linear: RunRecord, noise: Subjects, limit: int) -> None:
        self.missing: list[MissingEdge] = []
        self.unsteady: list[Difference] = []
        self.in_document_order: tuple[Difference, ...] = ()
        self.suspects: list[Suspect] = []
        self.runs = 0
        self.complete = True
        self._dag = dag
        self._graph = dag
        self._base = nearest_order(dag)
        self._run = run
        self._linear = linear
        self._noise = noise
        self._limit = limit
        self._known: dict[Order, tuple[Difference, ...]] = {}

    def explain(self, trial: Trial, record: RunRecord) -> None:
        """Look for what made a trial differ."""
        if trial.kind == "serial":
            self._known[trial.order] = self._differences(record)
        try:
            self._explain(trial, record)
        except OutOfRunsError:
            self.complete = False
        except KeyboardInterrupt:  # what was found so far is worth more than nothing
            self.complete = False
            self._limit = self.runs

    def _explain(self, trial: Trial, record: RunRecord) -> None:
        self.in_document_order = self._of(self._base)
        if self.in_document_order:
            return
        wishes = [trial.order] if trial.kind == "serial" else _observed(self._base, record)
        if any(self._follow(wish) for wish in wishes):
            return
        overlapping = _overlapping(self._dag, record)
        accused = {(edge.source, edge.target) for edge in self.missing}
        if trial.kind == "parallel" and not _broken(accused, record):
            self.suspects += [pair for pair in overlapping if pair not in self.suspects]

    def _follow(self, wish: Sequence[str]) -> bool:
        """Find the edges that an order breaks; says whether it differs at all."""
        found = False
        while True:
            order = nearest_order(self._graph, wish)
            if order == self._base or not self._of(order):
                return found
            found = True
            if not self._accuse(order):
                return found

    def _accuse(self, order: Order) -> bool:
        """Find the swap that makes an order differ; says whether it does so again."""
        path = Path(self._base, order)
        step = bisect(path, lambda trial: bool(self._of(trial)))
        right, wrong = path.at(step - 1), path.at(step)
        differences = self._of(wrong)
        again = {difference.subject for difference in self._once(wrong)}
        steady = tuple(difference for difference in differences if difference.subject in again)
        if not steady or self._once(right):
            self.unsteady += differences
            return False
        source, target = path.swap(step)
        self.missing.append(MissingEdge(source, target, steady))
        added = Edge(NodeId(source), NodeId(target), "order")
        self._graph = DAG(self._graph.nodes.values(), [*self._graph.given, added])
        return True

    def _of(self, order: Order) -> tuple[Difference, ...]:
        if order not in self._known:
            self._known[order] = self._once(order)
        return self._known[order]

    def _once(self, order: Order) -> tuple[Difference, ...]:
        if self.runs >= self._limit:
            raise OutOfRunsError
        self.runs += 1
        return self._differences(self._run(Trial("serial", order)))

    def _differences(self, record: RunRecord) -> tuple[Difference, ...]:
        return without_noise(compare(self._linear, record), self._noise)


def without_noise(differences: Iterable[Difference], noise: Subjects) -> tuple[Difference, ...]:
    """Drop what differs between linear runs too."""
    return tuple(difference for difference in differences if difference.subject not in noise)


def _observed(base: Order, record: RunRecord) -> list[Order]:
    """The orders in which the cells of a run began and ended; those that did not run come last."""
    never = (float("inf"), float("inf"))
    return [tuple(sorted(base, key=lambda node: record.times.get(node, never)[side])) for side in (0, 1)]


def _overlapping(dag: DAG, record: RunRecord) -> list[Suspect]:
    found = []
    for first, second in unordered_pairs(dag):
        if first in record.times and second in record.times:
            (began, ended), (began_2, ended_2) = record.times[first], record.times[second]
            both = min(ended, ended_2) - max(began, began_2)
            if both > 0:
                found.append(Suspect(first, second, both))
    return found


def _broken(edges: Iterable[tuple[str, str]], record: RunRecord) -> bool:
    """Whether a run broke an edge: the target began before the source had ended."""
    times: Mapping[str, tuple[float, float]] = record.times
    return any(a in times and b in times and times[b][0] < times[a][1] for a, b in edges)
