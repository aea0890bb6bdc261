"""The routers: while a run lasts, and only then, what the process says passes by whoever is speaking.

Six places are fronted: ``sys.stdout``, ``sys.stderr``, ``sys.displayhook``, the shell's display publisher, the
shell's way of showing a traceback (formatters that fail use it) and what output widgets send. A router asks
:func:`.capture.current_sink` who is speaking; when it is no node, the real thing gets the call, and every other
attribute is the real one's. So are two more, for their sake: ``Thread.start``, which tells a new thread whose it is,
and the streams of logging handlers that were made before. All are put back when the last run ends, unless user code has
replaced them meanwhile.

Rejected: ``redirect_stdout`` and IPython's ``capture_output``, which swap the streams of the whole process for one
caller; ipykernel's thread-local publisher hooks, which cannot tell apart the async nodes that share one event loop.
"""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from orchestra_nb.notebook.capture import current_sink, main_thread_sink, own_thread
from orchestra_nb.notebook.output_widgets import fronted_comms


class StreamRouter(io.TextIOBase):
    """Stands in for a standard stream; stays usable for ever, since a logging handler may keep it."""

    def __init__(self, real: Any, name: str) -> None:
        super().__init__()
        self._real = real
        self._name = name

    def write(self, text: str) -> int:
        """To the speaking node's log, or to the real stream."""
        sink = current_sink()
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if sink is None or not sink.record("stream", self._name, text):
            return int(self._real.write(text) or 0)
        return len(text)

    def writable(self) -> bool:
        """That is what it is for."""
        return True

    def flush(self) -> None:
        """Of the speaking node's log, or of the real stream."""
        sink = current_sink()
        if sink is None or not sink.record("flush", self._name):
            self._real.flush()

    def close(self) -> None:
        """The real stream is not this router's to close."""

    def isatty(self) -> bool:
        """As the real stream."""
        return bool(self._real.isatty())

    def fileno(self) -> int:
        """As the real stream."""
        return int(self._real.fileno())

    @property
    def encoding(self) -> Any:  # type: ignore[override]
        """As the real stream."""
        return self._real.encoding

    @property
    def errors(self) -> Any:  # type: ignore[override]
        """As the real stream."""
        return self._real.errors

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_real"], name)


class PublisherRouter:
    """Stands in for the shell's display publisher."""

    def __init__(self, real: Any) -> None:
        object.__setattr__(self, "_real", real)

    def publish(
        self, data: Any, metadata: Any = None, *, transient: Any = None, update: bool = False, **others: Any
    ) -> Any:
        """To the speaking node's log, or to the real publisher."""
        sink = current_sink()
        if sink is None or not sink.publish(data, metadata, transient, update):
            return self._real.publish(data, metadata, transient=transient, update=update, **others)
        return None

    def clear_output(self, wait: bool = False) -> None:
        """Of the speaking node, or of the running cell."""
        sink = current_sink()
        if sink is None or not sink.record("clear", wait):
            self._real.clear_output(wait)

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "_real"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)


class _DisplayHookRouter:
    def __init__(self, real: Any) -> None:
        self._real = real

    def __call__(self, value: Any = None) -> Any:
        sink = current_sink()
        return self._real(value) if sink is None else sink.show(value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_real"], name)


class _Installed:
    """The routers of the running runs, and what they stand for."""

    def __init__(self, shell: Any) -> None:
        self.undo: list[Callable[[], None]] = []
        try:
            self._install(shell)
        except BaseException:  # an interrupt: what is fronted already would stay so
            self.remove()
            raise

    def remove(self) -> None:
        """Put everything back; an interrupt that comes meanwhile is raised when that is done.

        So that none finds something half done, how to undo each thing is known before it is done, and may be called
        twice.
        """
        interrupt: KeyboardInterrupt | None = None
        while self.undo:
            try:
                self.undo[-1]()
                self.undo.pop()
            except KeyboardInterrupt as late:
                interrupt = late
        if interrupt is not None:
            raise interrupt

    def _install(self, shell: Any) -> None:
        for name in ("stdout", "stderr"):
            real = getattr(sys, name)
            if not isinstance(real, StreamRouter):
                self._front(sys, name, StreamRouter(real, name))
                self._front_watcher(real, name)
        self._front_display_hook(shell)
        self._front(threading.Thread, "start", _starter(threading.Thread.start))
        if shell is not None:
            self._front(shell, "display_pub", PublisherRouter(shell.display_pub))
            self._front_tracebacks(shell)
            fronted_comms(self._front)
        self._front_handlers()

    def _front_display_hook(self, shell: Any) -> None:
        """Also that which the shell puts there for each cell, and puts back after it: a run may outlast its cell."""
        self.undo.append(_put_back_display_hook)
        trap = getattr(shell, "display_trap", None)
        if trap is not None:
            for name in ("hook", "old_hook"):
                real = getattr(trap, name)
                if real is not None and not isinstance(real, _DisplayHookRouter):
                    self._front(trap, name, _DisplayHookRouter(real))
        if trap is not None and isinstance(trap.hook, _DisplayHookRouter) and sys.displayhook is trap.hook._real:
            sys.displayhook = trap.hook
        elif not isinstance(sys.displayhook, _DisplayHookRouter):
            sys.displayhook = _DisplayHookRouter(sys.displayhook)

    def _front(self, owner: Any, name: str, router: Any) -> None:
        real = getattr(owner, name)

        def undo() -> None:
            if getattr(owner, name) is router:  # else user code put something there, which stays, as it would have
                setattr(owner, name, real)

        self.undo.append(undo)
        setattr(owner, name, router)

    def _front_watcher(self, real: Any, name: str) -> None:
        """What ipykernel reads from a file descriptor, it writes to its own stream, past ``sys.stdout``."""
        watcher = getattr(real, "watch_fd_thread", None)
        if watcher is None:
            return
        write = real.write

        def routed(text: str) -> Any:
            sink = main_thread_sink() if threading.current_thread() is watcher else None
            if sink is not None and sink.record("stream", name, text):
                return len(text)
            return write(text)

        self.undo.append(lambda: real.__dict__.pop("write", None))
        real.write = routed

    def _front_tracebacks(self, shell: Any) -> None:
        real = shell._showtraceback

        def show(etype: type[BaseException], evalue: BaseException, stb: list[str]) -> None:
            sink = current_sink()
            if sink is None or not sink.record("error", etype.__name__, str(evalue), stb):
                real(etype, evalue, stb)

        self.undo.append(lambda: shell.__dict__.pop("_showtraceback", None))
        shell._showtraceback = show

    def _front_handlers(self) -> None:
        """Logging handlers that were made before the run hold the real streams."""
        loggers = [logging.getLogger(), *logging.root.manager.loggerDict.values()]
        handlers = {handler for logger in loggers for handler in getattr(logger, "handlers", ())}
        routers = [router for router in (sys.stdout, sys.stderr) if isinstance(router, StreamRouter)]
        for handler in handlers:
            for router in routers:
                if isinstance(handler, logging.StreamHandler) and handler.stream is router._real:
                    self._front(handler, "stream", router)


def _starter(real: Callable[[threading.Thread], None]) -> Callable[[threading.Thread], None]:
    def start(self: threading.Thread) -> None:
        own_thread(self)
        real(self)

    return start


def _put_back_display_hook() -> None:
    hook = sys.displayhook
    if isinstance(hook, _DisplayHookRouter):
        sys.displayhook = hook._real


_lock = threading.Lock()
_depth = 0
_lingering = 0
_installed: _Installed | None = None


@contextmanager
def routing(shell: Any = None) -> Iterator[None]:
    """Front the process's streams and the shell's displays for the time of the block; re-entrant.

    Parameters
    ----------
    shell
        The IPython shell whose displays to route; the outermost block's counts.
    """
    global _depth, _installed
    with _lock:
        if _depth == 0:
            _put_back()
            _installed = _Installed(shell)
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == _lingering == 0:
                _put_back()


@contextmanager
def lingering() -> Iterator[None]:
    """Let the routers of a run stay until this block ends too: a body that was given up may outlive its run.

    The next run fronts everything anew, for the shell that it has.
    """
    global _lingering
    with _lock:
        _lingering += 1
    try:
        yield
    finally:
        with _lock:
            _lingering -= 1
            if _depth == _lingering == 0:
                _put_back()


def _put_back() -> None:
    global _installed
    if _installed is not None:
        installed, _installed = _installed, None
        installed.remove()
