"""The proof, as a procedure that runs nothing itself: a notebook's linear run set against trials.

Order: the linear run; the trials of the plan (:mod:`.trials`); and only if something differs, the linear run once more,
to learn what differs even between two linear runs (clocks, unseeded draws), which is *noise* and held against nobody;
then the search for the missing edges (:mod:`.search`), within a bound of its own. So a proof without a difference costs
one linear run and the trials that were asked for, and nothing else.

Whoever calls gives the function that runs a trial: kernels for users, a dictionary for the tests.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestra_nb.cells.comparison import Difference, RunRecord, compare
from orchestra_nb.cells.search import MissingEdge, Runner, Search, Subjects, Suspect, without_noise
from orchestra_nb.cells.trials import LINEAR, Trial, TrialPlan
from orchestra_nb.errors import ComparisonError
from orchestra_nb.graph.dag import DAG

SEARCH_RUNS = 40
"""At most so many runs look for what made a trial differ."""


@dataclass(frozen=True, slots=True)
class TrialResult:
    """A trial, what it left, and what of that the linear run did not leave (noise among it)."""

    trial: Trial
    record: RunRecord
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """What a proof came to.

    Parameters
    ----------
    linear
        What the linear run left.
    results
        The trials.
    plan
        What was planned, with the number of pairs that it turned round.
    noise
        What differs between two linear runs.
    missing
        The edges that the differences prove to be missing.
    suspects
        Pairs that overlapped where no order is to blame.
    in_document_order
        What differs already when the cells run one after the other in document order.
    unsteady
        What differed once and not again.
    search_runs
        How many runs the search took.
    complete
        Whether the search came to its end within its bound.
    """

    linear: RunRecord
    results: tuple[TrialResult, ...]
    plan: TrialPlan
    noise: Subjects = frozenset()
    missing: tuple[MissingEdge, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    in_document_order: tuple[Difference, ...] = ()
    unsteady: tuple[Difference, ...] = ()
    search_runs: int = 0
    complete: bool = True

    @property
    def differences(self) -> tuple[tuple[int, Difference], ...]:
        """Each difference that is no noise, with the number of its trial, from 1."""
        return tuple(
            (number, difference)
            for number, result in enumerate(self.results, 1)
            for difference in without_noise(result.differences, self.noise)
        )

    @property
    def equal(self) -> bool:
        """Whether every trial had the results of the linear run."""
        return not self.differences


def verify(dag: DAG, run: Runner, plan: TrialPlan, limit: int = SEARCH_RUNS) -> Verification:
    """Compare a linear run with trials, and find the edges that are missing where they differ.

    Parameters
    ----------
    dag
        What needs what.
    run
        Runs a trial and says what it left.
    plan
        The trials.
    limit
        At most so many runs to search for missing edges.

    Raises
    ------
    ComparisonError
        The linear run failed, so there is nothing to compare with.
    """
    linear = run(LINEAR)
    if linear.failures:
        first = next(iter(linear.failures.values()))
        raise ComparisonError(f"the linear run failed, so there is nothing to compare with: {first}")
    results = []
    for trial in plan.trials:
        record = run(trial)
        results.append(TrialResult(trial, record, compare(linear, record)))
    if not any(result.differences for result in results):
        return Verification(linear, tuple(results), plan)
    noise = frozenset(difference.subject for difference in compare(linear, run(LINEAR)))
    search = Search(dag, run, linear, noise, limit)
    for result in sorted(results, key=lambda result: result.trial.kind != "serial"):
        if without_noise(result.differences, noise):
            search.explain(result.trial, result.record)
    return Verification(
        linear,
        tuple(results),
        plan,
        noise=noise,
        missing=tuple(search.missing),
        suspects=tuple(search.suspects),
        in_document_order=search.in_document_order,
        unsteady=tuple(search.unsteady),
        search_runs=search.runs,
        complete=search.complete,
    )
