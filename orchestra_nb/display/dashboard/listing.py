"""The long tables below a dashboard: each node and how it ended, each edge and why it is there."""

from __future__ import annotations

from orchestra_nb.display.dashboard.looks import state_cell
from orchestra_nb.display.dashboard.sheet import Column, Sheet, again, seconds
from orchestra_nb.display.dashboard.snapshot import Snapshot
from orchestra_nb.replay.fold import STATES

_NODES = (
    Column("node", heading="node"),
    Column("state", STATES, "state", markup=state_cell, narrow=True),
    Column("seconds", "seconds", "took", seconds),
    Column("worker", heading="worker"),
    Column("attempts", "count", "attempts", again),
    Column("reason", heading="why"),
)
_EDGES = tuple(
    Column(name, heading=heading)
    for name, heading in (
        *(("source", "from"), ("target", "to"), ("kind", "kind"), ("certainty", "certainty")),
        ("evidence", "why"),
    )
)


def nodes_sheet(snapshot: Snapshot) -> Sheet:
    """Make the table of nodes, in document order."""
    outcomes = snapshot.state.outcomes
    rows = []
    for name, node in snapshot.state.nodes.items():
        outcome = outcomes.get(name)
        took = outcome.seconds if outcome is not None and outcome.started is not None else None
        rows.append((name, node.state, took, node.worker, node.attempts, node.reason))
    return Sheet(_NODES, rows)


def edges_sheet(snapshot: Snapshot) -> Sheet:
    """Make the table of edges."""
    edges = snapshot.state.dag.edges
    rows = [(edge.source, edge.target, edge.kind, edge.certainty, "; ".join(map(str, edge.evidence))) for edge in edges]
    return Sheet(_EDGES, rows)
