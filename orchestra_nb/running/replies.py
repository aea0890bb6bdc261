"""How a body's end becomes a value: in this process, and on the way home from another one.

Policy: whatever a body does (raise, ``sys.exit``, return what cannot be pickled) is *its* reply and nobody else's, so
nothing ever raises through a pool. Across processes only bytes travel, made here with cloudpickle on the sending side
and read here on the receiving side, because a payload that fails inside a pool's own (un)pickling breaks the pool for
everybody (loky), or is never answered (dask). An exception that does not survive the journey (a two-argument
``__init__``, a lock inside) stays behind; its name, text and traceback go home all the same. A *result* that does not
survive it is ``"refused"``: the body ran, and its value would have lost its meaning. Each text names the part: an input
by its parameter, the result, the outputs. What is large travels in files: :mod:`.outbox` on the way there,
:mod:`.parcels` on the way back.
"""

from __future__ import annotations

import os
import pickle
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any

from orchestra_nb.model import Expand
from orchestra_nb.running.parcels import parcelled, received
from orchestra_nb.running.pickling import NotSendable, dumps, told
from orchestra_nb.running.seams import Reply, Task
from orchestra_nb.running.sending import Packed, Segment, Sent
from orchestra_nb.running.shelf import Shelf
from orchestra_nb.running.stages import enter, stage

_PACKAGE = str(Path(__file__).resolve().parent.parent) + os.sep
_new = object.__new__
_current_thread = threading.current_thread
_child: dict[str, str] = {}
"""This process's name if it is a child, else nothing; settled once, and anew after a fork."""
os.register_at_fork(after_in_child=_child.clear)


def worker_name() -> str:
    """Name the thread that is running, or its process when that is a child."""
    name = _child.get("name")
    if name is None:
        from multiprocessing import parent_process

        name = _child["name"] = f"process {os.getpid()}" if parent_process() is not None else ""
    return name or _current_thread().name


def _body_frames(tb: TracebackType | None) -> TracebackType | None:
    """Cut the traceback to where the user's code begins; keep it whole when the fault is the library's own."""
    inner = tb
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        inner = inner.tb_next
    return inner or tb


def failure(error: BaseException, seconds: float = 0.0) -> Reply:
    """Make the reply of a body that raised.

    Parameters
    ----------
    error
        What it raised.
    seconds
        Time in the body, in seconds.

    Examples
    --------
    >>> reply = failure(ValueError("no rows"))
    >>> reply.status, reply.ename, reply.evalue
    ('failed', 'ValueError', 'no rows')
    """
    try:
        text = str.__str__(str(error))  # a plain one, which pickles
    except Exception as fault:  # an exception's own __str__ is user code too
        text = f"(its text could not be made: {type(fault).__name__})"
    try:
        lines = traceback.format_exception(type(error), error, _body_frames(error.__traceback__))
    except Exception:
        lines = [f"{type(error).__name__}: {text}\n"]
    return Reply(
        "failed",
        ename=type(error).__name__,
        evalue=text,
        traceback=tuple(line for part in lines for line in part.splitlines()),
        exception=error,
        seconds=seconds,
        worker=worker_name(),
    )


def lost(error: BaseException, culprit: bool | None = None) -> Reply:
    """Make the reply in place of one that will never come: the pool lost the worker that had the task in its hands.

    Parameters
    ----------
    error
        What the pool says.
    culprit
        As in :class:`.Reply`.
    """
    if isinstance(error, KeyboardInterrupt):  # a terminal's Ctrl-C reaches the workers too
        return cancelled("interrupted")
    detail = str(error).strip().partition("\n")[0]
    text = f"its worker was lost while it ran (killed, out of memory, or os._exit): {detail}"
    name = type(error).__name__
    return Reply("lost", ename=name, evalue=text, traceback=(text,), exception=error, culprit=culprit)


def done(value: Any, seconds: float) -> Reply:
    """Make the reply of a body that ended well.

    Every node has one, so it is made the short way: a frozen class sets its thirteen fields one by one, which costs
    more than many a body. Those that are not set here have their defaults from the class.

    Parameters
    ----------
    value
        What it returned.
    seconds
        Time in the body, in seconds.

    Examples
    --------
    >>> reply = done(5, seconds=0.1)
    >>> reply == Reply("done", 5, seconds=0.1, worker=worker_name())
    True
    """
    reply = _new(Reply)
    reply.__dict__.update(status="done", value=value, seconds=seconds, worker=worker_name())
    return reply


def cancelled(reason: str, seconds: float = 0.0) -> Reply:
    """Make the reply of a body that was stopped."""
    return Reply("cancelled", reason=reason, seconds=seconds, worker=worker_name())


def perform(task: Task) -> Reply:
    """Call a task; whatever happens, the answer is a reply with its time and its worker filled in.

    Examples
    --------
    >>> import sys
    >>> perform(lambda: sys.exit(3)).ename
    'SystemExit'
    """
    began = perf_counter()
    try:
        reply = task()
        if not isinstance(reply, Reply):
            raise TypeError(f"a task must return a Reply, not {type(reply).__name__}")
    except KeyboardInterrupt:
        return cancelled("interrupted", perf_counter() - began)
    except BaseException as error:
        return failure(error, perf_counter() - began)
    if reply.seconds and reply.worker:
        return reply
    seconds = reply.seconds or perf_counter() - began
    return replace(reply, seconds=seconds, worker=reply.worker or worker_name())


def call(task: Packed | Sent, shelf: Shelf | None = None, mark: str | None = None) -> Callable[[], bytes]:
    """Make what a worker process is to call: :func:`carry` with its arguments.

    Parameters
    ----------
    task
        Its pickle, or that and what was written for it.
    shelf
        Where the worker is to leave what is large.
    mark
        A file in which the worker notes its process id before it begins, so that it is known whose task it had.
    """
    return partial(carry, mark, shelf, task.payload, *task.buffers)


def carry(mark: str | None, shelf: Shelf | None, payload: Any, *buffers: Any) -> bytes:
    """In the worker process: unpack a task, perform it, pack the reply. Never raises."""
    if mark is not None:
        _note(mark)
    try:
        enter("")
        task = pickle.loads(_view(payload), buffers=[_view(buffer) for buffer in buffers])
    except BaseException as error:
        return packed(refusal(f"{stage('its inputs')} could not be rebuilt in the worker process: {told(error)}"))
    reply = perform(task)
    del task  # what it maps is not needed beside what it made
    return packed(reply, shelf)


def _note(mark: str) -> None:
    with suppress(OSError):
        file = os.open(mark, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, str(os.getpid()).encode())
        finally:
            os.close(file)


def _view(piece: Any) -> Any:
    return piece.view() if type(piece) is Segment else piece


def refusal(reason: str) -> Reply:
    """Make the reply of a task whose inputs or result cannot travel."""
    return Reply("refused", reason=reason, worker=worker_name())


def packed(reply: Reply, shelf: Shelf | None = None) -> bytes:
    """Pack a reply for its journey; what does not travel of it becomes a refusal."""
    if reply.exception is not None and not _travels(reply.exception):
        reply = replace(reply, exception=None)
    if reply.value is not None:
        try:
            here = None if type(reply.value) is Expand else shelf  # which the driver is to see, however large it is
            reply = replace(reply, value=parcelled(reply.value, here))
        except NotSendable as error:
            reply = refusal(str(error)) if reply.status == "done" else replace(reply, value=None)
    try:
        return dumps(reply)
    except BaseException as error:  # what is left is its outputs, and the odd exception
        if reply.status == "done":
            return dumps(refusal(f"its outputs cannot be sent between processes: {told(error)}"))
        return dumps(replace(reply, value=None, outputs=(), exception=None))


def _travels(error: BaseException) -> bool:
    try:
        pickle.loads(dumps(error))
    except BaseException:
        return False
    return True


def unpack(data: bytes, sent: int = 0) -> Reply:
    """Back home: the reply, or a refusal when its value cannot be rebuilt here.

    Only bytes that :func:`carry` made in a worker of this very run come here.

    Parameters
    ----------
    data
        From :func:`carry`.
    sent
        How many bytes had travelled to the worker.
    """
    try:
        reply = pickle.loads(data)
    except BaseException as error:
        return refusal(f"its reply could not be rebuilt from the worker process: {told(error)}")
    if not isinstance(reply, Reply):
        return failure(TypeError(f"a worker sent {type(reply).__name__} instead of a Reply"))
    try:
        value, left = received(reply.value)
    except NotSendable as error:
        return replace(refusal(str(error)), bytes_in=sent, bytes_out=len(data))
    return replace(reply, value=value, bytes_in=sent, bytes_out=len(data) + left)
