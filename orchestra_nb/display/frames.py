"""The numbers behind every view, as tidy pandas frames.

Policy: one row per thing, columns in a fixed order that an empty frame has too, seconds as floats, names as strings.
pandas is imported when the first frame is asked for: text and pictures do without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestra_nb.errors import Issue
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Outcome
from orchestra_nb.planning.simulator import Schedule

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
_OUTCOME = ("node", "status", "seconds", "started", "ended", "worker", "attempts", "reason")


def _frame(rows: Iterable[Sequence[Any]], columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([tuple(row) for row in rows], columns=list(columns))


def nodes(dag: DAG) -> pd.DataFrame:
    """One row per node, in document order.

    ``critical`` nodes have no slack: they lie on a longest way, of which there may be several. ``earliest`` and
    ``latest`` are starts, ``rank`` is the time from the start to the end of all that needs the node, ``gain`` what the
    whole would save if the node were twice as fast. ``verdict_*`` says for each backend why a node must not run there.
    """
    level_of = {name: number for number, names in enumerate(dag.levels) for name in names}
    backends = sorted({backend for node in dag.nodes.values() for backend in node.verdicts})
    times = (dag.slack, dag.earliest_start, dag.latest_start, dag.upward_rank, dag.gains)
    rows = [
        (
            *(name, level_of[node.id], float(node.cost), dag.slack[name] == 0, *(of[name] for of in times), node.kind),
            *(", ".join(names) for names in (node.reads, node.writes, node.mutates, dag.predecessors(name))),
            *(node.verdicts.get(backend, "") or "safe" for backend in backends),
        )
        for name, node in dag.nodes.items()
    ]
    return _frame(rows, [*_NODE, *(f"verdict_{backend}" for backend in backends)]).astype(_NODE)


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


def outcomes(ended: Mapping[str, Outcome]) -> pd.DataFrame:
    """One row per node of a run; times in seconds since it began, missing where a node never started."""
    rows = [
        (name, o.status, o.seconds, o.started, o.ended, o.worker, o.attempts, o.reason) for name, o in ended.items()
    ]
    return _frame(rows, _OUTCOME).astype({"started": "float64", "ended": "float64"})
