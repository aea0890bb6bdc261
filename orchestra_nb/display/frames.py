"""The numbers behind every view, as tidy pandas frames.

Policy: one row per thing, columns in a fixed order that an empty frame has too, seconds as floats, names as strings.
pandas is imported when the first frame is asked for: text and pictures do without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestra_nb.context.metrics import CacheMetrics, KeyMetrics
from orchestra_nb.errors import Issue
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Outcome
from orchestra_nb.planning.simulator import Schedule
from orchestra_nb.progress.state import STANDINGS
from orchestra_nb.progress.stats import ProgressStats
from orchestra_nb.recovery.saga_result import SagaResult
from orchestra_nb.recovery.statistics import BreakerStats, RecoveryStats
from orchestra_nb.resources.circles import DeadlockResult
from orchestra_nb.resources.statistics import ResourceStats
from orchestra_nb.running import not_kept

if TYPE_CHECKING:
    import pandas as pd

_NODE = {
    **{"id": "object", "level": "int64", "cost": "float64", "critical": "bool", "slack": "float64"},
    **{"earliest": "float64", "latest": "float64", "rank": "float64", "gain": "float64"},
    **dict.fromkeys(("kind", "reads", "writes", "mutates", "after"), "object"),
}
_EDGE = ("source", "target", "kind", "certainty", "evidence", "variable", "source_line", "target_line")
_LEVEL = ("level", "nodes", "width", "cost", "longest")
_ISSUE = ("severity", "code", "message", "nodes", "path", "suggestion")
_SLOT = ("node", "worker", "start", "end", "seconds")
_OUTCOME = (
    *("node", "level", "status", "seconds", "worker", "queued", "lock_wait", "started", "ended"),
    *("attempts", "cached", "bytes_in", "bytes_out", "reason"),
)

_COUNTED = (
    *("hits", "misses", "hit_rate", "sets", "evictions", "expirations", "invalidations", "refusals"),
    *("promotions", "computations", "joined", "seconds_saved"),
)
_KEY = ("key", "cached", "bytes", "ttl", *_COUNTED)
_CACHE = ("entries", "bytes", "max_bytes", "deduplicated", *_COUNTED)
_RATES = {"hit_rate": "float64", "seconds_saved": "float64"}


_RESOURCE = {
    **dict.fromkeys(("resource", "type", "scope", "kind"), "object"),
    **dict.fromkeys(("capacity", "period", "used", "left", "utilisation"), "float64"),
    **dict.fromkeys(("holders", "waiting"), "object"),
    **dict.fromkeys(("granted", "timed_out", "victims", "expired"), "int64"),
    **dict.fromkeys(("wait_p50", "wait_p90", "wait_p99", "wait_max"), "float64"),
}
_SAGA = {
    **dict.fromkeys(("step", "fate"), "object"),
    **dict.fromkeys(("attempts", "undo_attempts"), "int64"),
    **dict.fromkeys(("error", "undo_error"), "object"),
    "in_doubt": "bool",
    "despite": "object",
}
_PROGRESS = {
    **{"name": "object", "percent": "float64"},
    **dict.fromkeys((*STANDINGS, "total"), "int64"),
    **dict.fromkeys(("elapsed", "eta_low", "eta_expected", "eta_high"), "float64"),
    **{"over": "bool", "paused": "bool"},
}
_ACTION = {"action": "object", **dict.fromkeys(("calls", "attempts", "succeeded", "failed"), "int64")}
_CIRCUIT = {
    **{"circuit": "object", "state": "object", "since": "float64", "retry_after": "float64"},
    **{"failures_in_a_row": "int64", "failure_rate": "float64", "probes": "int64", "last_failure": "object"},
    **dict.fromkeys(("succeeded", "failed", "abandoned", "late", "rejected", "opened"), "int64"),
}
_WAIT = ("circle", "owner", "resource", "holder")


def _frame(rows: Iterable[Sequence[Any]], columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([tuple(row) for row in rows], columns=list(columns))


def nodes(dag: DAG) -> pd.DataFrame:
    """One row per node, in document order.

    ``critical`` nodes have no slack: they lie on a longest way, of which there may be several. ``earliest`` and
    ``latest`` are starts, ``rank`` is the time from the start to the end of all that needs the node, ``gain`` what the
    whole would save if the node were twice as fast. ``verdict_*`` says for each backend why a node must not run there.
    Where any node says ``cache``, ``not_kept`` says why the result of a node that does will not be kept.
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
    verdicts = [f"verdict_{backend}" for backend in backends]
    return _frame(rows, [*_NODE, *verdicts, *(["not_kept"] if caching else [])]).astype(_NODE)


def edges(dag: DAG) -> pd.DataFrame:
    """One row per edge and piece of evidence; an edge without evidence has one row."""
    rows = [
        (*(edge.source, edge.target, edge.kind, edge.certainty), *_evidence(item))
        for edge in dag.edges
        for item in edge.evidence or (None,)
    ]
    return _frame(rows, _EDGE).astype({"source_line": "Int64", "target_line": "Int64"})


def _evidence(item: Any) -> tuple[Any, ...]:
    return (str(item), item.variable, item.source_line, item.target_line) if item else ("", "", None, None)


def levels(dag: DAG) -> pd.DataFrame:
    """One row per level: its nodes, their number, their seconds in all, and the longest."""
    costs = {name: float(node.cost) for name, node in dag.nodes.items()}
    rows = [
        (number, ", ".join(names), len(names), sum(costs[n] for n in names), max(costs[n] for n in names))
        for number, names in enumerate(dag.levels)
    ]
    return _frame(rows, _LEVEL)


def issues(found: Iterable[Issue]) -> pd.DataFrame:
    """One row per fault."""
    rows = [(i.severity, i.code, i.message, ", ".join(i.nodes), i.path, i.suggestion) for i in found]
    return _frame(rows, _ISSUE)


def schedule(planned: Schedule) -> pd.DataFrame:
    """One row per node of a simulated schedule, by start."""
    return _frame([(s.node, s.worker, s.start, s.end, s.end - s.start) for s in planned.rows], _SLOT)


def outcomes(ended: Mapping[str, Outcome], dag: DAG) -> pd.DataFrame:
    """One row per node of a run.

    ``queued`` is when all that a node needs had ended, ``started`` and ``ended`` enclose its body: seconds since the
    run began, missing where a node never got so far. ``lock_wait`` is the part of the wait that was for resources, in
    seconds; ``bytes_in`` and ``bytes_out`` travelled to and from another process.
    """
    level_of = {name: number for number, names in enumerate(dag.levels) for name in names}
    rows = [
        (
            *(name, level_of.get(o.node, 0), o.status, o.seconds, o.worker, o.queued, o.lock_wait, o.started, o.ended),
            *(o.attempts, o.status == "cached", o.bytes_in, o.bytes_out, o.reason),
        )
        for name, o in ended.items()
    ]
    types = {
        **dict.fromkeys(("queued", "lock_wait", "started", "ended"), "float64"),
        "level": "int64",
        "cached": "bool",
    }
    return _frame(rows, _OUTCOME).astype(types)


def cache_keys(counted: Iterable[KeyMetrics]) -> pd.DataFrame:
    """One row per key that a cache has a value of, or had.

    ``ttl`` is what the value has left, in seconds, missing where it has no end or where there is none; ``bytes`` counts
    what the key shares with others, ``seconds_saved`` is what its hits would have taken to compute.
    """
    whole = {name: "int64" for name in _KEY if name not in ("key", "cached", "ttl", *_RATES)}
    rows = [tuple(getattr(each, name) for name in _KEY) for each in counted]
    return _frame(rows, _KEY).astype({"cached": "bool", "ttl": "float64", **whole, **_RATES})


def cache(counted: CacheMetrics) -> pd.DataFrame:
    """One row: how a cache did."""
    return _frame([tuple(getattr(counted, name) for name in _CACHE)], _CACHE)


def resources(stats: ResourceStats) -> pd.DataFrame:
    """One row per resource: how much there is, who holds and who waits, and how long grants had to wait, in seconds.

    ``utilisation`` is the share that was held on average since the resource was registered.
    """
    named = ("holders", "waiting")
    rows = [
        [_listed(getattr(use, column)) if column in named else getattr(use, column) for column in _RESOURCE]
        for use in stats.resources.values()
    ]
    return _frame(rows, list(_RESOURCE)).astype(_RESOURCE)


def _listed(amounts: Mapping[str, float]) -> str:
    return ", ".join(f"{owner} {amount:g}" for owner, amount in amounts.items())


def progress(stats: ProgressStats) -> pd.DataFrame:
    """One row: how far a run is; times in seconds."""
    counts, eta = stats.counts, stats.eta
    counted = [getattr(counts, standing) for standing in STANDINGS]
    row = (
        stats.name,
        stats.percent,
        *counted,
        counts.total,
        stats.elapsed,
        eta.low,
        eta.expected,
        eta.high,
        stats.over,
        stats.paused,
    )
    return _frame([row], list(_PROGRESS)).astype(_PROGRESS)


def deadlocks(result: DeadlockResult) -> pd.DataFrame:
    """One row per wait: in which circle, who waits, for what, and who holds it."""
    return _frame(((number, *wait) for number, circle in enumerate(result.circles) for wait in circle), _WAIT)


def saga(report: SagaResult) -> pd.DataFrame:
    """One row per step of a saga: what became of it, how often it was tried, and what it raised last."""
    rows = [
        [", ".join(step.despite) if column == "despite" else getattr(step, column) for column in _SAGA]
        for step in report.steps
    ]
    return _frame(rows, list(_SAGA)).astype(_SAGA)


def actions(stats: RecoveryStats) -> pd.DataFrame:
    """One row per action that was called with retries, and what became of its calls."""
    rows = [[getattr(each, column) for column in _ACTION] for each in stats.actions.values()]
    return _frame(rows, list(_ACTION)).astype(_ACTION)


def circuits(stats: BreakerStats) -> pd.DataFrame:
    """One row per circuit: its state, since when (seconds), and what became of its calls."""
    rows = [[getattr(each, column) for column in _CIRCUIT] for each in stats.circuits.values()]
    return _frame(rows, list(_CIRCUIT)).astype(_CIRCUIT)
