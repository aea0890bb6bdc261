"""A cell's body: run here, in the user's namespace, whichever thread this is; what happened comes back as a reply.

The namespace is the user's own dictionary and is written directly, as in a linear run; the plan has made sure that
nobody else touches the same names. Cells that await run on the one background event loop of the session, all of them,
so that a client made in one cell works in the next: as coroutines of it (:func:`run_async_body`), or, where one job
runs everything in turn, from a thread that waits (:func:`run_body`). In a kernel, a cell that runs on the main
thread and does not await borrows that loop: a task that it starts is then one that the next cell can await. After
either, the loop takes some turns before the cell is over, so that tasks which only wait for it have acted.

Failure: whatever the body raises, ``SystemExit`` too, is that cell's outcome. Its traceback is the one that IPython
would show, beginning at the cell: our frames are dropped. An interrupt is not a failure but a cancellation. Only the
cell's own code can be stopped from another thread, and not what is done here before and after it.

Rejected: ``shell.run_cell``. It is not thread-safe: it swaps ``sys.displayhook``, the builtins and the history, and
triggers events that other extensions take for the user's own cell.
"""

from __future__ import annotations

import asyncio
import threading
import time
import traceback as tracebacks
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from types import CodeType, TracebackType
from typing import Any

from orchestra_nb.notebook.capture import Sink, drain_descriptors, flush_figures, speaking
from orchestra_nb.notebook.code import CellCode, awaits, compiled, is_quiet, register
from orchestra_nb.notebook.execution import Execution
from orchestra_nb.notebook.slots import without_slots
from orchestra_nb.running.loop import current_loop
from orchestra_nb.running.seams import Reply
from orchestra_nb.running.stopping import exposed

_formatting = threading.Lock()
_TURNS = 50
"""Of the loop, after each cell that has to do with it: a kernel's loop takes more of them before its next cell."""
_INTERRUPTED = Reply("cancelled", reason="interrupted")
_NO_FRAMES = "An exception has occurred, use %tb to see the full traceback.\n"


def run_body(code: CellCode, namespace: dict[str, Any], shell: Any = None, execution: Execution | None = None) -> Reply:
    """Run one cell in this thread. What it prints is captured within :func:`.routing.routing`.

    Parameters
    ----------
    code
        The cell.
    namespace
        Where it reads and writes.
    shell
        The IPython shell whose display and error formatting to use.
    execution
        By which the cell is reached from another thread.

    Returns
    -------
    Reply
        ``"done"``, ``"failed"`` or ``"cancelled"``, with the outputs. Never raises.
    """
    execution = execution if execution is not None else Execution()
    sink = execution.speaks(Sink(shell, quiet=is_quiet(code.text), drained=code.foreign))
    started = time.perf_counter()
    try:
        with speaking(sink):
            reply = exposed(partial(_attempt, code, namespace, shell, execution))
            seconds = time.perf_counter() - started
            _conclude(code, sink, reply, execution)
    except KeyboardInterrupt:  # before the body, or when it had ended
        reply, seconds = _INTERRUPTED, time.perf_counter() - started
    return _concluded(code, sink, reply, seconds, threading.current_thread().name)


async def run_async_body(code: CellCode, namespace: dict[str, Any], shell: Any, execution: Execution) -> Reply:
    """Run one cell that awaits, as a coroutine of the loop; what is left to say is as for :func:`run_body`."""
    sink = execution.speaks(Sink(shell, quiet=is_quiet(code.text), drained=code.foreign))
    started = time.perf_counter()
    filename = register(code, shell)
    try:
        with speaking(sink):
            try:
                await _awaited(compiled(code, filename, shell), namespace, execution)
                reply = Reply("done")
            except asyncio.CancelledError:
                reply = Reply("cancelled", reason="cancelled while it awaited")
            except KeyboardInterrupt:  # the loop's to hear of
                raise
            except BaseException as error:
                reply = failure(error.error if isinstance(error, _Passed) else error, filename, shell)
            seconds = time.perf_counter() - started
            _conclude(code, sink, reply, execution)
    except BaseException:
        sink.close()
        raise
    return _concluded(code, sink, reply, seconds, "event loop")


def _conclude(code: CellCode, sink: Sink, reply: Reply, execution: Execution) -> None:
    """Say what is to be said when the body has ended, while its cell still speaks."""
    if code.foreign:
        drain_descriptors()
    if reply.ename:
        sink.record("error", reply.ename, reply.evalue, reply.traceback)
    if code.figures and not execution.abandoned:  # they may be another cell's by now
        flush_figures()


def _concluded(code: CellCode, sink: Sink, reply: Reply, seconds: float, worker: str) -> Reply:
    """Complete the reply with what was said."""
    shell = sink.shell
    if reply.status == "done" and sink.unshown and _fails_unshown(shell):
        ename, evalue, lines = sink.unshown
        reply = Reply("failed", ename=ename, evalue=evalue, traceback=tuple(lines))
    if code.may_raise and reply.status == "failed":
        reply = replace(reply, status="done")
    return replace(reply, outputs=sink.close(), seconds=seconds, worker=worker)


def _attempt(code: CellCode, namespace: dict[str, Any], shell: Any, execution: Execution) -> Reply:
    filename = register(code, shell)
    try:
        units = compiled(code, filename, shell)
        if code.is_async:
            _run_on_loop(units, namespace, execution)
        else:
            body = partial(_execute, units, namespace, execution)
            if asyncio._get_running_loop() is None:
                body()
            else:  # in a kernel, on its main thread
                current_loop().lend(body)
                current_loop().run(_turns())
    except KeyboardInterrupt:
        return _INTERRUPTED
    except _Cancelled:
        return Reply("cancelled", reason="cancelled while it awaited")
    except BaseException as error:  # a worker never raises: SystemExit is this cell's failure and nobody else's
        return failure(error, filename, shell)
    return Reply("done")


def _execute(units: Iterator[CodeType], namespace: dict[str, Any], execution: Execution) -> None:
    for unit in units:
        execution.go_on()
        exec(unit, namespace, execution.names)


def _fails_unshown(shell: Any) -> bool:
    """Whether a cell whose value cannot be shown counts as failed: since ipykernel 7.4 it does."""
    return hasattr(shell, "_last_traceback_during_displayhook")


class _Cancelled(BaseException):
    """The body was cancelled from outside, as opposed to having awaited something that was."""


class _Passed(Exception):
    """Carries a ``CancelledError`` of the body's own making, which is a failure like any other."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


async def _turns() -> None:
    """Let tasks act on what the cell did, as they would between two cells of a linear run."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


async def _awaited(units: Iterator[CodeType], namespace: dict[str, Any], execution: Execution) -> None:
    try:
        for unit in units:
            execution.go_on()
            if awaits(unit):
                await eval(unit, namespace, execution.names)
            else:
                exec(unit, namespace, execution.names)
        await _turns()
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise _Passed(error) from None


def _run_on_loop(units: Iterator[CodeType], namespace: dict[str, Any], execution: Execution) -> None:
    try:
        current_loop().run(_awaited(units, namespace, execution), execution.cancels)
    except _Passed as passed:
        raise passed.error from None
    except asyncio.CancelledError as error:
        raise _Cancelled from error


def failure(error: BaseException, filename: str = "", shell: Any = None) -> Reply:
    """A ``"failed"`` reply with the cell's own traceback.

    Parameters
    ----------
    error
        What the body raised.
    filename
        Of the cell's code: its first frame is the one that the traceback begins with.
    shell
        Whose traceback style to use.
    """
    if isinstance(error, NameError):
        _name_plainly(error)
    lines = _formatted(error, own_traceback(error.__traceback__, filename), shell)
    return Reply("failed", ename=type(error).__name__, evalue=_text(error), traceback=lines, exception=error)


def _name_plainly(error: NameError) -> None:
    """Say the name that the user wrote, not that of its version."""
    error.args = tuple(without_slots(part) if isinstance(part, str) else part for part in error.args)
    if isinstance(error.name, str):
        error.name = error.name.partition(" @")[0]


def own_traceback(trace: TracebackType | None, filename: str) -> TracebackType | None:
    """The part of a traceback that begins in the file; ``None`` when it never got there."""
    while trace is not None and trace.tb_frame.f_code.co_filename != filename:
        trace = trace.tb_next
    return trace


def _formatted(error: BaseException, trace: TracebackType | None, shell: Any) -> tuple[str, ...]:
    try:
        if isinstance(error, SystemExit):  # IPython shows no frames of it
            return (_NO_FRAMES, *_styled(error, None, shell))
        if hasattr(error, "_render_traceback_"):
            return tuple(error._render_traceback_())
        if isinstance(error, BaseExceptionGroup):
            return tuple(tracebacks.format_exception(type(error), error, trace))
        with _formatting:  # IPython's formatters keep the traceback they work on
            return tuple(_styled(error, trace, shell))
    except Exception:  # a __str__ that raises, source that is gone: a plain traceback is better than none
        return tuple(tracebacks.format_exception_only(type(error), None))


def _styled(error: BaseException, trace: TracebackType | None, shell: Any) -> list[str]:
    if shell is not None:
        verbose, syntax = shell.InteractiveTB, shell.SyntaxTB
    else:
        from IPython.core import ultratb

        verbose = ultratb.FormattedTB(mode="Context")
        syntax = verbose
    if trace is None:
        if isinstance(error, SyntaxError):
            return list(syntax.structured_traceback(type(error), error, []))
        return list(verbose.get_exception_only(type(error), error))
    return list(verbose.structured_traceback(type(error), error, trace, tb_offset=0))


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return f"<{type(error).__name__} whose text cannot be made>"
