"""Outcomes, events and whole runs as plain JSON.

A kernel sends it to the process that started it, and ``--json`` prints it. Values stay in the kernel; everything else
of an outcome survives the journey, the error's class included. Rejected: pickle, which would run code of the
notebook's environment in the command line's process. Events are told as in a log (:mod:`orchestra_nb.eventlog.codec`)
but for the end of a node, of which only how it went is told at once: its outcome follows in full when the run is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from orchestra_nb.errors import NodeCancelled, NodeError, NodeFailed, NodeTimeout, OrchestraError
from orchestra_nb.eventlog.codec import event_from_json, event_to_json
from orchestra_nb.events import Event, NodeEnded
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Edge, NodeId, Outcome, RunId, UnforeseenChange
from orchestra_nb.running.result import RunResult

Record = dict[str, Any]
_NODE_ERRORS: Mapping[str, type[NodeError]] = {"NodeTimeout": NodeTimeout, "NodeCancelled": NodeCancelled}
_PLAIN = (
    *("status", "started", "ended", "attempts", "worker", "reason"),
    *("queued", "lock_wait", "bytes_in", "bytes_out"),
)


def outcome_record(outcome: Outcome) -> Record:
    """An outcome as JSON, without its value.

    Examples
    --------
    >>> record = outcome_record(Outcome(NodeId("load"), "done", started=0.0, ended=1.5))
    >>> outcome_from(record).seconds
    1.5
    """
    record: Record = {"node": outcome.node, **{name: getattr(outcome, name) for name in _PLAIN}}
    record["outputs"] = [dict(output) for output in outcome.outputs]
    record["error"] = None if outcome.error is None else error_record(outcome.error)
    return record


def outcome_from(record: Mapping[str, Any]) -> Outcome:
    """An outcome from its JSON."""
    error = record["error"]
    return Outcome(
        node=NodeId(record["node"]),
        error=None if error is None else _error_from(error),
        outputs=tuple(record["outputs"]),
        **{name: record[name] for name in _PLAIN},
    )


def error_record(error: OrchestraError) -> Record:
    """An error as JSON: its class under ``code``, its text under ``message``."""
    record: Record = {"code": type(error).__name__, "message": str(error), "nodes": []}
    if isinstance(error, NodeError):
        record["nodes"] = [error.node] if error.node else []
    if isinstance(error, NodeFailed):
        record |= {"ename": error.ename, "evalue": error.evalue, "traceback": list(error.traceback)}
    return record


def _error_from(record: Mapping[str, Any]) -> OrchestraError:
    message, node = record["message"], "".join(record["nodes"][:1])
    if record["code"] == "NodeFailed":
        return NodeFailed(message, node, record["traceback"], record["ename"], record["evalue"])
    return _NODE_ERRORS.get(record["code"], NodeError)(message, node)


def event_record(event: Event) -> Record:
    """An event as JSON; ``name`` says which.

    Examples
    --------
    >>> from orchestra_nb.events import NodeStarted
    >>> event_record(NodeStarted(at=0.5, node=NodeId("load"), lane="thread"))
    {'name': 'execution:node-started', 'at': 0.5, 'node': 'load', 'lane': 'thread'}
    """
    if isinstance(event, NodeEnded):
        outcome = event.outcome
        record: Record = {"name": event.name, "at": event.at, "node": outcome.node, "status": outcome.status}
        return record | {name: getattr(outcome, name) for name in ("seconds", "reason", "started", "ended")}
    return event_to_json(event)


def event_from(record: Mapping[str, Any]) -> Event:
    """An event from its JSON.

    Raises
    ------
    EventLogError
        It is not what an event of that name says.

    Examples
    --------
    >>> event_from({"name": "execution:level-ended", "at": 2.0, "level": 1})
    LevelEnded(at=2.0, level=1)
    """
    if record.get("name") != NodeEnded.name:
        return event_from_json(record)
    known = {name: record[name] for name in ("status", "reason", "started", "ended")}
    return NodeEnded(record["at"], Outcome(NodeId(record["node"]), **known))


def undone_record(result: RunResult) -> Record | None:
    """What became of a failed run's work, as JSON; ``None`` when nothing was to be undone."""
    return None if result.undone is None else result.undone.to_json()


def change_record(change: UnforeseenChange) -> Record:
    """A change that no code showed, as JSON.

    Examples
    --------
    >>> change = UnforeseenChange("df", (NodeId("a"),))
    >>> change_from(change_record(change)) == change
    True
    """
    return {"name": change.name, "cells": list(change.cells), "beside": list(change.beside), "message": str(change)}


def change_from(record: Mapping[str, Any]) -> UnforeseenChange:
    """Such a change from its JSON."""
    return UnforeseenChange(record["name"], tuple(record["cells"]), tuple(record["beside"]))


def result_of(dag: DAG, outcomes: Mapping[NodeId, Outcome], *, total_time: float, **others: Any) -> RunResult:
    """A run's result from what another process told of it; without values."""
    measured: dict[str, float] = {
        name: outcome.seconds for name, outcome in outcomes.items() if outcome.status == "done"
    }
    began = datetime.now(UTC) - timedelta(seconds=total_time)
    told = {"run_id": RunId(""), "started_at": began.isoformat(timespec="milliseconds"), **others}
    return RunResult(
        outcomes=MappingProxyType({str(name): outcome for name, outcome in outcomes.items()}),
        values=MappingProxyType({}),
        dag=dag.with_costs(measured),
        total_time=total_time,
        **told,
    )


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
    """Write an edge as JSON has it, its evidence in full."""
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
