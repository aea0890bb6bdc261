"""How a body's end becomes a value: in this process, and on the way home from another one.

Policy: whatever a body does (raise, ``sys.exit``, return what cannot be pickled) is *its* reply and nobody else's, so
nothing ever raises through a pool. Across processes only bytes travel, made here with cloudpickle on the sending side
and read here on the receiving side, because a payload that fails inside a pool's own (un)pickling breaks the pool for
everybody (loky), or is never answered (dask). An exception that does not survive the journey (a two-argument
``__init__``, a lock inside) stays behind; its name, text and traceback go home all the same. A *result* that does not
survive it is ``"refused"``: the body ran, and its value would have lost its meaning.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import traceback
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any

from orchestra_nb.running.seams import Reply, Task

_PACKAGE = str(Path(__file__).resolve().parent.parent) + os.sep
_LARGE = 1 << 20
"""Bytes from which an array travels beside the pickle: joblib's own default for memory-mapping."""


def worker_name() -> str:
    """Name the thread that is running, and of its process when that is a child."""
    from multiprocessing import parent_process

    if parent_process() is not None:
        return f"process {os.getpid()}"
    return threading.current_thread().name


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
        text = str(error)
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


def lost(error: BaseException) -> Reply:
    """Make the reply in place of one that will never come: the pool lost the worker that had the task in its hands."""
    if isinstance(error, KeyboardInterrupt):  # a terminal's Ctrl-C reaches the workers too
        return cancelled("interrupted")
    detail = str(error).strip().partition("\n")[0]
    text = f"its worker was lost while it ran (killed, out of memory, or os._exit): {detail}"
    return Reply("failed", ename=type(error).__name__, evalue=text, traceback=(text,), exception=error, reason="lost")


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


def pack(task: Task) -> tuple[Any, ...]:
    """Pack the task for another process: its bytes, then its large arrays, which joblib may memory-map.

    Raises
    ------
    Exception
        Whatever pickling raised: the caller refuses the task with it.
    """
    import cloudpickle

    numpy = sys.modules.get("numpy")
    if numpy is None:
        return (cloudpickle.dumps(task),)
    arrays: list[Any] = []

    def keep(buffer: pickle.PickleBuffer) -> bool:
        """Say whether the buffer stays within the bytes."""
        raw = buffer.raw()
        if raw.nbytes < _LARGE:
            return True
        arrays.append(numpy.frombuffer(raw, dtype=numpy.uint8))
        return False

    payload = cloudpickle.dumps(task, protocol=5, buffer_callback=keep)
    return (payload, *arrays)


def carry(payload: bytes, *arrays: Any) -> bytes:
    """In the worker process: unpack a task, perform it, pack the reply. Never raises."""
    try:
        task = pickle.loads(payload, buffers=arrays)
    except BaseException as error:
        return _dumps(_refusal("its inputs could not be rebuilt in the worker process", error))
    return _dumps(perform(task))


def _refusal(what: str, error: BaseException) -> Reply:
    return Reply("refused", reason=f"{what}: {type(error).__name__}: {error}", worker=worker_name())


def _dumps(reply: Reply) -> bytes:
    import cloudpickle

    if reply.exception is not None and not _travels(reply.exception):
        reply = replace(reply, exception=None)
    try:
        return bytes(cloudpickle.dumps(reply))
    except BaseException as error:
        if reply.status != "done":
            return bytes(cloudpickle.dumps(replace(reply, value=None, outputs=(), exception=None)))
        return bytes(cloudpickle.dumps(_refusal("its result cannot be sent between processes", error)))


def _travels(error: BaseException) -> bool:
    import cloudpickle

    try:
        pickle.loads(cloudpickle.dumps(error))
    except BaseException:
        return False
    return True


def unpack(data: bytes) -> Reply:
    """Back home: the reply, or a refusal when its value cannot be rebuilt here.

    Only bytes that :func:`carry` made in a worker of this very run come here.
    """
    try:
        reply = pickle.loads(data)
    except BaseException as error:
        return _refusal("its result could not be rebuilt from the worker process", error)
    if isinstance(reply, Reply):
        return reply
    return failure(TypeError(f"a worker sent {type(reply).__name__} instead of a Reply"))
