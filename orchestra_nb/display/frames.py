"""The numbers behind every view, as tidy pandas frames: rows from values; the columns are told in :mod:`.tables`.

Policy: one row per thing, columns in a fixed order that an empty frame has too, each of one kind (:mod:`.columns`).
pandas is imported when the first frame is asked for: text and pictures do without it. Views and widgets read these
frames or the snapshots that they are made of, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestra_nb.context.metrics import CacheMetrics, KeyMetrics
from orchestra_nb.display import tables
from orchestra_nb.display.columns import Column, after, epoch_of, framed, text
from orchestra_nb.errors import Issue
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Outcome
from orchestra_nb.progress.state import STANDINGS
from orchestra_nb.progress.stats import ProgressStats
from orchestra_nb.recovery.saga_result import SagaResult
from orchestra_nb.recovery.statistics import BreakerStats, RecoveryStats
from orchestra_nb.resources.circles import DeadlockResult
from orchestra_nb.resources.statistics import ResourceStats
from orchestra_nb.running import not_kept
from orchestra_nb.running.history import Remembered

if TYPE_CHECKING:
    import pandas as pd


def nodes(dag: DAG) -> pd.DataFrame:
    """One row per node, in document order.

    ``critical`` nodes have no slack: they lie on a longest way, of which there may be several. ``verdict_*`` says for
    each backend why a node must not run there. Where any node says ``cache``, ``not_kept`` says why the result of a
    node that does will not be kept.
    """
    level_of = {name: number for number, names in enumerate(dag.levels) for name in names}
    caching = any(node.cache for node in dag.nodes.values())
    against = not_kept.reasons(dag.nodes.values()) if caching else {}
    backends = sorted({backend for node in dag.nodes.values() for backend in node.verdicts})
    times = (dag.slack, dag.earliest_start, dag.latest_start, dag.upward_rank, dag.gains)
    rows = [
        (
            *(name, level_of[node.id], float(node.cost), dag.slack[name] == 0, *(of[name] for of in times), node.kind),
            *(", ".join(names) for names in (node.reads, node.writes, node.mutates, dag.predecessors(name))),
            *(node.verdicts.get(backend, "") or "safe" for backend in backends),
            *([against.get(node.id, "")] if caching else []),
        )
        for name, node in dag.nodes.items()
    ]
    more = {f"verdict_{backend}": text(tables.SAFE) for backend in backends}
    more |= {"not_kept": text("why its result will not be kept")} if caching else {}
    return framed({**tables.NODES.columns, **more}, rows)


def edges(dag: DAG) -> pd.DataFrame:
    """One row per edge and piece of evidence; an edge without evidence has one row."""
    rows = [
        (*(edge.source, edge.target, edge.kind, edge.certainty), *_evidence(item))
        for edge in dag.edges
        for item in edge.evidence or (None,)
    ]
    return framed(tables.EDGES.columns, rows)


def _evidence(item: Any) -> tuple[Any, ...]:
    return (str(item), item.variable, item.source_line, item.target_line) if item else ("", "", None, None)


def levels(dag: DAG) -> pd.DataFrame:
    """One row per level: its nodes, their number, their seconds in all, and the longest."""
    costs = {name: float(node.cost) for name, node in dag.nodes.items()}
    rows = [
        (number, ", ".join(names), len(names), sum(costs[n] for n in names), max(costs[n] for n in names))
        for number, names in enumerate(dag.levels)
    ]
    return framed(tables.LEVELS.columns, rows)


def issues(found: Iterable[Issue]) -> pd.DataFrame:
    """One row per fault."""
    rows = [(i.severity, i.code, i.message, ", ".join(i.nodes), i.path, i.suggestion) for i in found]
    return framed(tables.ISSUES.columns, rows)


def outcomes(ended: Mapping[str, Outcome], dag: DAG, started_at: str = "") -> pd.DataFrame:
    """One row per node of a run.

    Parameters
    ----------
    ended
        How each node ended.
    dag
        What ran.
    started_at
        When the run began, in ISO 8601; empty where that is not known, and then no time of the wall clock is.
    """
    level_of = {name: number for number, names in enumerate(dag.levels) for name in names}
    began, known = epoch_of(started_at), dag.nodes
    rows = []
    for name, o in ended.items():
        node = known.get(o.node)
        kind, phase = ("function", None) if node is None else (node.kind, node.phase)
        rows.append(
            (
                *(name, level_of.get(o.node, 0), o.status, o.seconds, o.worker, o.queued, o.lock_wait),
                *(o.started, o.ended, o.attempts, o.status == "cached", o.bytes_in, o.bytes_out, o.reason),
                *(kind, phase, place_of(o.worker), *(after(began, time) for time in (o.queued, o.started, o.ended))),
            )
        )
    return framed(tables.OUTCOMES.columns, rows)


def place_of(worker: str) -> str | None:
    """Say of which kind a worker is, by its name; ``None`` for none.

    Examples
    --------
    >>> [place_of(name) for name in ("MainThread", "orchestra-1", "process 42", "event loop", "dask worker 0", "")]
    ['main', 'thread', 'process', 'async', 'cluster', None]
    """
    if not worker:
        return None
    if worker in ("MainThread", "event loop"):
        return "main" if worker == "MainThread" else "async"
    if worker.startswith("process "):
        return "process"
    return "cluster" if worker.startswith(("dask worker ", "ray ")) else "thread"


def run_levels(ended: Mapping[str, Outcome], dag: DAG, started_at: str = "") -> pd.DataFrame:
    """One row per level of a run: how its nodes ended, from when to when, and what they took together."""
    began = epoch_of(started_at)
    return framed(tables.RUN_LEVELS.columns, _run_levels(ended, dag, began))


def _run_levels(ended: Mapping[str, Outcome], dag: DAG, began: float | None) -> Iterator[tuple[Any, ...]]:
    for number, names in enumerate(dag.levels):
        found = [ended[name] for name in names if name in ended]
        statuses = [outcome.status for outcome in found]
        tally = [statuses.count(status) for status in tables.OUTCOMES.columns["status"].values]  # type: ignore[arg-type]
        first = min((o.started for o in found if o.started is not None), default=None)
        last = max((o.ended for o in found if o.started is not None and o.ended is not None), default=None)
        took = last - first if first is not None and last is not None else None
        work = sum(outcome.seconds for outcome in found)
        times = (first, last, took, work, after(began, first), after(began, last))
        yield (number, ", ".join(names), len(names), *tally, *times)


def history(remembered: Iterable[Remembered]) -> pd.DataFrame:
    """One row per node and earlier run that is remembered, the newest first."""
    rows = [
        (each.node, ago, seconds, each.expected, each.source)
        for each in remembered
        for ago, seconds in enumerate(reversed(each.seconds), 1)
    ]
    return framed(tables.HISTORY.columns, rows)


def cache_keys(counted: Iterable[KeyMetrics]) -> pd.DataFrame:
    """One row per key that a cache has a value of, or had.

    ``ttl`` is what the value has left, in seconds, missing where it has no end or where there is none; ``bytes`` counts
    what the key shares with others, ``seconds_saved`` is what its hits would have taken to compute.
    """
    return framed(tables.CACHE_KEYS.columns, _attributes(counted, tables.CACHE_KEYS.columns))


def cache(counted: CacheMetrics) -> pd.DataFrame:
    """One row: how a cache did."""
    return framed(tables.CACHE.columns, _attributes([counted], tables.CACHE.columns))


def results(numbers: tuple[str, int, int, int, int, int]) -> pd.DataFrame:
    """One row: where results of nodes are kept, how many, and what the last run found of them."""
    return framed(tables.RESULTS.columns, [numbers])


def resources(stats: ResourceStats) -> pd.DataFrame:
    """One row per resource: how much there is, who holds and who waits, and how long grants had to wait, in seconds."""
    columns, named = tables.RESOURCES.columns, ("holders", "waiting")
    rows = [
        [_listed(getattr(use, name)) if name in named else getattr(use, name) for name in columns]
        for use in stats.resources.values()
    ]
    return framed(columns, rows)


def _listed(amounts: Mapping[str, float]) -> str:
    return ", ".join(f"{owner} {amount:g}" for owner, amount in amounts.items())


def _attributes(values: Iterable[object], columns: Mapping[str, Column]) -> list[Sequence[Any]]:
    return [[getattr(value, name) for name in columns] for value in values]


def progress(stats: ProgressStats) -> pd.DataFrame:
    """One row: how far a run is; times in seconds."""
    counts, eta = stats.counts, stats.eta
    counted = [getattr(counts, standing) for standing in STANDINGS]
    times = (stats.elapsed, eta.low, eta.expected, eta.high)
    row = (stats.name, stats.percent, *counted, counts.total, *times, stats.over, stats.paused)
    return framed(tables.PROGRESS.columns, [row])


def deadlocks(result: DeadlockResult) -> pd.DataFrame:
    """One row per wait: in which circle, who waits, for what, and who holds it."""
    rows = ((number, *wait) for number, circle in enumerate(result.circles) for wait in circle)
    return framed(tables.WAITS.columns, rows)


def saga(report: SagaResult) -> pd.DataFrame:
    """One row per step of a saga: what became of it, how often it was tried, and what it raised last."""
    columns = tables.SAGA.columns
    rows = [
        [", ".join(step.despite) if name == "despite" else getattr(step, name) for name in columns]
        for step in report.steps
    ]
    return framed(columns, rows)


def actions(stats: RecoveryStats) -> pd.DataFrame:
    """One row per action that was called with retries, and what became of its calls."""
    return framed(tables.ACTIONS.columns, _attributes(stats.actions.values(), tables.ACTIONS.columns))


def circuits(stats: BreakerStats) -> pd.DataFrame:
    """One row per circuit: its state, since when (seconds), and what became of its calls."""
    return framed(tables.CIRCUITS.columns, _attributes(stats.circuits.values(), tables.CIRCUITS.columns))
