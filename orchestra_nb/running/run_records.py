"""A run that is over as plain JSON: the object that ``orchestra run --json`` prints and a file of a run holds.

Values stay where they are. What a kernel sends while a run goes on is in :mod:`orchestra_nb.notebook.records`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestra_nb.errors import NodeError, NodeFailed, OrchestraError
from orchestra_nb.model import Edge, UnforeseenChange
from orchestra_nb.running.result import RunResult

Record = dict[str, Any]


def error_record(error: OrchestraError) -> Record:
    """An error as JSON: its class under ``code``, its text under ``message``.

    Examples
    --------
    >>> error_record(OrchestraError("odd"))
    {'code': 'OrchestraError', 'message': 'odd', 'nodes': []}
    """
    record: Record = {"code": type(error).__name__, "message": str(error), "nodes": []}
    if isinstance(error, NodeError):
        record["nodes"] = [error.node] if error.node else []
    if isinstance(error, NodeFailed):
        record |= {"ename": error.ename, "evalue": error.evalue, "traceback": list(error.traceback)}
    return record


def undone_record(result: RunResult) -> Record | None:
    """What became of a failed run's work, as JSON; ``None`` when nothing was to be undone."""
    return None if result.undone is None else result.undone.to_json()


def change_record(change: UnforeseenChange) -> Record:
    """A change that no code showed, as JSON.

    Examples
    --------
    >>> change = UnforeseenChange("df", ("a",))
    >>> change_from(change_record(change)) == change
    True
    """
    return {"name": change.name, "cells": list(change.cells), "beside": list(change.beside), "message": str(change)}


def change_from(record: Mapping[str, Any]) -> UnforeseenChange:
    """Such a change from its JSON.

    Examples
    --------
    >>> change_from({"name": "df", "cells": ["a", "b"], "beside": []}).cells
    ('a', 'b')
    """
    return UnforeseenChange(record["name"], tuple(record["cells"]), tuple(record["beside"]))


def run_record(result: RunResult) -> Record:
    """A whole run as JSON, the object that ``orchestra run --json`` prints; its critical path is of what it took."""
    dag = result.measured
    return {
        "success": result.success,
        "stopped": result.stopped,
        "jobs": result.jobs,
        "backend": result.backend,
        "levels": [list(level) for level in dag.levels],
        "critical_path": list(dag.critical_path),
        "critical_time": dag.critical_time,
        "total_time": result.total_time,
        "lower_bound": result.lower_bound,
        "speedup": result.speedup,
        "nodes": [
            {"id": o.node, "status": o.status, "seconds": o.seconds, "reason": o.reason}
            for o in result.outcomes.values()
        ],
        "edges": [edge_record(edge) for edge in dag.edges],
        "output": None,
        "errors": [error_record(error) for error in result.errors],
        "unforeseen": [change_record(change) for change in result.unforeseen],
        "undone": undone_record(result),
    }


def edge_record(edge: Edge) -> Record:
    """Write an edge as JSON has it, its evidence in full.

    Examples
    --------
    >>> edge_record(Edge("load", "fit", "value"))["kind"]
    'value'
    """
    evidence = [
        {"variable": e.variable, "source_line": e.source_line, "target_line": e.target_line, "reason": e.reason}
        for e in edge.evidence
    ]
    return {
        "source": edge.source,
        "target": edge.target,
        "kind": edge.kind,
        "certainty": edge.certainty,
        "evidence": evidence,
    }
