"""Outcomes and graphs as JSON, as far as a log needs them: everything but values, and nothing without a bound.

An outcome's value is told by the name of its class only: reading a log must never run anybody's code, and a log must
not grow with the data. Texts of errors and outputs are cut where they are too long, and say so where they are cut. A
graph is told by the names, phases, costs, kinds and levels of its nodes, by who compensates whom, and by its edges:
what a picture, a todo list and an estimate need.
"""

from __future__ import annotations

import json
import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from orchestra_nb import errors
from orchestra_nb.definitions.command import Agent
from orchestra_nb.errors import NodeError, OrchestraError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Edge, EdgeKind, Node, NodeId, NodeKind, Outcome, Output, Status

Record = dict[str, Any]
_TEXT = 10_000
"""Characters of an error's text that are told."""
_LINES = 200
"""Lines of a traceback that are told: the last ones, where the error is."""
_TIMES = ("started", "ended", "queued")
_WORDS = ("worker", "reason")
_COUNTS = ("attempts", "bytes_in", "bytes_out")


@dataclass(frozen=True, slots=True)
class NotLogged:
    """Stands for a value that a log does not have: the name of its class."""

    kind: str


def outcome_record(outcome: Outcome, outputs: int = 0) -> Record:
    """Write an outcome.

    Parameters
    ----------
    outcome
        How a node ended.
    outputs
        How many bytes of its outputs are told.

    Examples
    --------
    >>> record = outcome_record(Outcome(NodeId("load"), "done", value=[1, 2], started=0.0, ended=1.5))
    >>> outcome_from(record).seconds, outcome_from(record).value
    (1.5, NotLogged(kind='list'))
    """
    value = outcome.value
    record: Record = {"node": str(outcome.node), "status": outcome.status}
    record |= {name: getattr(outcome, name) for name in (*_TIMES, *_COUNTS, "lock_wait", "worker")}
    record["reason"] = _cut(outcome.reason)
    record["value"] = None if value is None else value.kind if isinstance(value, NotLogged) else type(value).__name__
    record["error"] = None if outcome.error is None else error_record(outcome.error)
    if outcome.outputs:
        kept = _within(outcome.outputs, outputs)
        record |= {"outputs": kept, "outputs_left_out": len(outcome.outputs) - len(kept)}
    return record


def outcome_from(record: Any) -> Outcome:
    """Read an outcome; raises ``ValueError``, ``KeyError`` or ``TypeError`` for what is none."""
    if not isinstance(record, Mapping):
        raise ValueError("is no outcome")
    status, value, error = record["status"], record["value"], record["error"]
    if status not in get_args(Status):
        raise ValueError(f"has the status {status!r}, which is none")
    given: dict[str, Any] = {name: _time(record[name]) for name in _TIMES}
    given |= {name: _of(record[name], int) for name in _COUNTS}
    given |= {name: _of(record[name], str) for name in _WORDS}
    return Outcome(
        NodeId(_of(record["node"], str)),
        status,
        None if value is None else NotLogged(_of(value, str)),
        error=None if error is None else error_from(error),
        lock_wait=float(record["lock_wait"]),
        outputs=tuple(_of(record.get("outputs", []), list)),
        **given,
    )


def error_record(error: OrchestraError) -> Record:
    """Write an error: its class under ``code``, its text, its node, and the lines of the node's own traceback."""
    record: Record = {"code": type(error).__name__, "message": _cut(str(error))}
    for name in ("node", "ename", "evalue"):
        if isinstance(told := getattr(error, name, None), str):
            record[name] = _cut(told)
    if isinstance(lines := getattr(error, "traceback", None), tuple):
        left = len(lines) - _LINES
        if left > 1:
            lines = (f"… ({left:,} more lines)", *lines[-_LINES:])
        record["traceback"] = list(map(_cut, lines))
    return record


def error_from(record: Any) -> OrchestraError:
    """Read an error; one of a class that is not known is a :class:`.NodeError`."""
    if not isinstance(record, Mapping):
        raise ValueError("has an error that is none")
    message = _of(record["message"], str)
    kind = getattr(errors, str(record["code"]), None)
    if not (isinstance(kind, type) and issubclass(kind, OrchestraError)):
        kind = NodeError
    error: OrchestraError = kind.__new__(kind, message)
    error.args = (message,)
    for name in ("node", "ename", "evalue"):
        if name in record:
            setattr(error, name, _of(record[name], str))
    if "traceback" in record:
        error.traceback = tuple(_of(line, str) for line in _of(record["traceback"], list))  # type: ignore[attr-defined]
    return error


def dag_record(dag: DAG) -> Record:
    """Write a graph.

    Examples
    --------
    >>> dag = DAG([Node(NodeId("load"), cost=2.0), Node(NodeId("plot"), after=("load",), phase="Show")])
    >>> record = dag_record(dag)
    >>> record["edges"], dag_from(record).levels, dag_from(record).nodes["plot"].phase
    ([[0, 1, 'declared']], (('load',), ('plot',)), 'Show')
    """
    level = {name: number for number, names in enumerate(dag.levels) for name in names}
    index = dag.table.index
    edges = dict.fromkeys((index[edge.source], index[edge.target], edge.kind) for edge in dag.edges)
    return {
        "nodes": [_node_record(n, level[n.id], index) for n in dag.nodes.values()],
        "edges": [list(edge) for edge in edges],
    }


def dag_from(record: Any) -> DAG:
    """Read a graph; raises ``ValueError``, ``KeyError`` or ``TypeError`` for what is none."""
    if not isinstance(record, Mapping):
        raise ValueError("is no graph")
    nodes = [_node_from(each, index) for index, each in enumerate(_of(record["nodes"], list))]
    edges = []
    for source, target, kind in _of(record["edges"], list):
        if kind not in get_args(EdgeKind) or min(source, target) < 0 or max(source, target) >= len(nodes):
            raise ValueError("has an edge that is none")
        edges.append(Edge(nodes[source].id, nodes[target].id, kind))
    try:
        return DAG(nodes, edges)
    except OrchestraError as fault:
        raise ValueError(f"is no graph: {fault}") from None


def _node_record(node: Node, level: int, known: Container[NodeId]) -> Record:
    record: Record = {"id": str(node.id), "cost": float(node.cost), "level": level}
    if node.phase is not None:
        record["phase"] = node.phase
    if node.kind != "function":
        record["kind"] = node.kind
    if isinstance(node.undo, str) and node.undo in known:  # a function has no name that a reader could look up
        record["undo"] = node.undo
    if isinstance(agent := node.metadata.get("agent"), Agent) and agent.task:
        record["task"] = _cut(agent.task)
    return record


def _node_from(record: Any, index: int) -> Node:
    kind, name = record.get("kind", "function"), _of(record["id"], str)
    if kind not in get_args(NodeKind):
        raise ValueError(f"has a node of the kind {kind!r}, which is none")
    metadata = {"agent": Agent(name, task=_of(record["task"], str))} if "task" in record else {}
    try:
        return Node(
            NodeId(name),
            cost=record["cost"],
            phase=None if record.get("phase") is None else _of(record["phase"], str),
            undo=None if record.get("undo") is None else _of(record["undo"], str),
            kind=kind,
            index=index,
            metadata=metadata,
        )
    except OrchestraError as fault:
        raise ValueError(str(fault)) from None


def _within(outputs: Sequence[Output], most: int) -> list[Any]:
    """The first outputs that together take no more bytes than that; what JSON cannot take ends them."""
    kept: list[Any] = []
    for output in outputs if most > 0 else ():
        try:
            text = json.dumps(output, allow_nan=False)
        except (TypeError, ValueError):
            break
        most -= len(text)
        if most < 0:
            break
        kept.append(json.loads(text))
    return kept


def _cut(text: str) -> str:
    left = len(text) - _TEXT
    return text if left <= 100 else f"{text[:_TEXT]}… ({left:,} more characters)"


def _time(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (number and math.isfinite(value)):
        raise ValueError(f"has the time {value!r}, which is none")
    return None if value is None else float(value)


def _of(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"has {str(value)[:60]!r} where a {kind.__name__} should be")
    return value
