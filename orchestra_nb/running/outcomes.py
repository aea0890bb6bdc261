"""From a reply to an outcome: what the user is told about one node.

``Outcome.seconds`` is the time in the body and not the journey to the worker: a body that says how long it took began
that long before its reply came.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestra_nb.errors import NodeCancelled, NodeError, NodeFailed, NodeTimeout
from orchestra_nb.model import Node, Outcome, Status
from orchestra_nb.running.decisions import Attempt, Ending
from orchestra_nb.running.parcels import Several, at_home
from orchestra_nb.running.pickling import told
from orchestra_nb.running.seams import Reply, is_kept

__all__ = ["Ending", "brought_home", "given_up", "never_begun", "not_tried_again", "replied", "timed_out", "with_value"]
_new = object.__new__
_LEFT_BEHIND = {
    "thread": "abandoned: it does not stop, and may still be running in its thread",
    "async": "abandoned: it does not stop, and may still be running on the event loop",
    "process": "its process was ended, or it was taken back from its cluster",
    "main": "the thread that called for the run had left it",
}


def replied(attempt: Attempt, reply: Reply, value: Any, now: float, *, late: bool = False) -> Outcome:
    """Make the outcome of an attempt that was answered at ``now``.

    Every node has one, so it is made as :func:`.replies.done` makes its reply: a frozen class that sets its fields one
    by one takes three times as long.

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
    status: Status = "done" if attempt.look is None else "cached"
    error: NodeError | None = None
    reason = attempt.reason or reply.reason
    if attempt.reason and reply.reason:
        reason = f"{attempt.reason}; {reply.reason}"
    if reply.status != "done" or attempt.ending:
        status, reason, error = _gone_wrong(attempt, reply, late)
    seconds = reply.seconds
    started = attempt.started
    if seconds and now - seconds > started:
        started = now - seconds
    outcome = _new(Outcome)
    fields = outcome.__dict__
    fields.update(
        node=attempt.node.id,
        status=status,
        value=value,
        started=started,
        ended=now,
        attempts=attempt.number,
        worker=reply.worker,
        queued=attempt.queued,
    )
    if error is not None or reason or reply.outputs or attempt.lock_wait or reply.bytes_in or reply.bytes_out:
        fields.update(
            error=error,
            reason=reason,
            outputs=reply.outputs,
            lock_wait=attempt.lock_wait,
            bytes_in=reply.bytes_in,
            bytes_out=reply.bytes_out,
        )
    return outcome


def _gone_wrong(attempt: Attempt, reply: Reply, late: bool) -> tuple[Status, str, NodeError]:
    node = attempt.node
    if attempt.ending == "timeout":
        return "failed", reply.reason, _overdue(node)
    if attempt.ending == "stop":
        return "cancelled", attempt.why, _cancelled(node, attempt.why, late)
    if reply.status == "cancelled":
        return "cancelled", reply.reason, _cancelled(node, reply.reason, late)
    return "failed", attempt.reason, _failed(node, reply)


def brought_home(outcome: Outcome) -> Outcome:
    """Put the value itself where an outcome has one that was kept elsewhere; if that is lost, the node has failed."""
    if not is_kept(outcome.value) and type(outcome.value) is not Several:
        return outcome
    try:
        return replace(outcome, value=at_home(outcome.value))
    except Exception as fault:
        text = f"its value could not be brought home: {told(fault)}"
        error = NodeFailed(f"node {outcome.node!r}: {text}", outcome.node, (), type(fault).__name__, text)
        return replace(outcome, status="failed", value=None, error=error, reason=text)


def timed_out(attempt: Attempt, now: float, *, late: bool = False) -> Outcome:
    """Make the outcome of an attempt that outlived its node's timeout and was not waited for."""
    return _unanswered(attempt, "failed", _overdue(attempt.node), _LEFT_BEHIND[attempt.lane], now)


def given_up(attempt: Attempt, now: float, *, late: bool = False) -> Outcome:
    """Make the outcome of an attempt that a stopping run no longer waits for."""
    error = _cancelled(attempt.node, attempt.why, late)
    return _unanswered(attempt, "cancelled", error, f"{attempt.why}; {_LEFT_BEHIND[attempt.lane]}", now)


def never_begun(attempt: Attempt, why: str, now: float) -> Outcome:
    """Make the outcome of an attempt that waited for a place when the run stopped; earlier ones may have begun."""
    if attempt.number <= 1:
        return Outcome(attempt.node.id, "skipped", reason=why, queued=attempt.queued)
    attempt.started = now
    outcome = _unanswered(attempt, "cancelled", _cancelled(attempt.node, why, False), why, now)
    return replace(outcome, attempts=attempt.number - 1)


def not_tried_again(attempt: Attempt, why: str, now: float) -> Outcome:
    """Make the outcome of a node that failed and rested before another attempt when the run stopped."""
    told = f"{why}, before it was tried again"
    return _unanswered(attempt, "cancelled", _cancelled(attempt.node, told, False), told, now)


def with_value(reply: Reply, value: Any) -> Reply:
    """Give a reply another value."""
    return replace(reply, value=value)


def _unanswered(attempt: Attempt, status: Status, error: NodeError, reason: str, now: float) -> Outcome:
    return Outcome(
        attempt.node.id,
        status,
        error=error,
        started=attempt.started,
        ended=now,
        attempts=attempt.number,
        reason=reason,
        queued=attempt.queued,
        lock_wait=attempt.lock_wait,
    )


def _overdue(node: Node) -> NodeTimeout:
    return NodeTimeout(f"node {node.id!r} outlived its timeout of {node.timeout:g} s", node.id)


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
