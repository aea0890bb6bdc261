"""From a reply to an outcome: what the user is told about one node.

``Outcome.seconds`` is the time in the body and not the journey to the worker: a body that says how long it took began
that long before its reply came.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestra_nb.errors import NodeCancelled, NodeError, NodeFailed, NodeTimeout
from orchestra_nb.model import Node, Outcome, Status
from orchestra_nb.running.decisions import Attempt
from orchestra_nb.running.seams import Reply

_LEFT_BEHIND = {
    "thread": "a thread cannot be stopped, and this one may still be running",
    "process": "its process was ended",
    "main": "the thread that called for the run had left it",
}


def replied(attempt: Attempt, reply: Reply, value: Any, now: float, *, late: bool = False) -> Outcome:
    """Make the outcome of an attempt that was answered at ``now``.

    Parameters
    ----------
    attempt, reply
        What was tried, and the answer.
    value
        What the program made of a good answer.
    now
        Seconds since the run began.
    late
        The run is over its time, so that what is cancelled now is a timeout.
    """
    node = attempt.node
    if attempt.expired:
        return replace(timed_out(attempt, now), reason=reply.reason, worker=reply.worker, outputs=reply.outputs)
    status: Status
    error: NodeError | None = None
    reason = attempt.reason
    if reply.status == "done":
        status = "done"
    elif reply.status == "cancelled":
        status, reason, error = "cancelled", reply.reason, _cancelled(node, reply.reason, late)
    else:
        status, error = "failed", _failed(node, reply)
    started = max(attempt.started, now - reply.seconds) if reply.seconds else attempt.started
    return Outcome(node.id, status, value, error, started, now, attempt.number, reply.worker, reason, reply.outputs)


def timed_out(attempt: Attempt, now: float) -> Outcome:
    """Make the outcome of an attempt that outlived its node's timeout."""
    node = attempt.node
    error = NodeTimeout(f"node {node.id!r} outlived its timeout of {node.timeout:g} s", node.id)
    return _unanswered(attempt, "failed", error, f"abandoned: {_LEFT_BEHIND[attempt.lane]}", now)


def given_up(attempt: Attempt, why: str, now: float, *, late: bool = False) -> Outcome:
    """Make the outcome of an attempt that a stopping run no longer waits for."""
    return _unanswered(
        attempt, "cancelled", _cancelled(attempt.node, why, late), f"{why}; {_LEFT_BEHIND[attempt.lane]}", now
    )


def _unanswered(attempt: Attempt, status: Status, error: NodeError, reason: str, now: float) -> Outcome:
    return Outcome(
        attempt.node.id,
        status,
        error=error,
        started=attempt.started,
        ended=now,
        attempts=attempt.number,
        reason=reason,
    )


def _cancelled(node: Node, why: str, late: bool) -> NodeError:
    kind = NodeTimeout if late else NodeCancelled
    return kind(f"node {node.id!r} was cancelled: {why}", node.id)


def _failed(node: Node, reply: Reply) -> NodeFailed:
    if reply.status == "refused":
        return NodeFailed(f"node {node.id!r}: {reply.reason}", node.id, (), "Refused", reply.reason)
    text = f"{reply.ename}: {reply.evalue}" if reply.evalue else reply.ename
    error = NodeFailed(f"node {node.id!r} failed: {text}", node.id, reply.traceback, reply.ename, reply.evalue)
    error.__cause__ = reply.exception
    return error
