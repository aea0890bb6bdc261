"""Outcomes and events as plain JSON; whole runs are in :mod:`orchestra_nb.running.run_records`.

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
from orchestra_nb.model import NodeId, Outcome, RunId
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.run_records import error_record

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
