"""Which node is speaking, and where it goes.

Who is speaking is a :class:`~contextvars.ContextVar`, which asyncio tasks, ``asyncio.to_thread`` and copied contexts
carry along by themselves. Plain threads do not inherit it before Python 3.14, so a thread belongs to the node that
started it (:mod:`.routing` sees the start). That is exact except for a pool which several nodes share; its threads
belong to the node for which the pool started them. What a thread says after its node has ended goes to the real
stream. What the body of a node that was given up still says is dropped: the real stream may be another cell's by then.

Lines of different nodes are never mixed, because each node has a log of its own. Order within a node is that of the
calls. What child processes and C code write to the file descriptors has no speaker. The kernel watches them; what it
finds is given to the body on the main thread, where code that may start processes runs alone, or else left to the
running cell.
"""

from __future__ import annotations

import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

from orchestra_nb.model import Output
from orchestra_nb.notebook.outputs import UPDATE, OutputLog

_DRAINING = 1.0
"""Seconds to wait at most for a pipe that a child process left open keeps filling."""


class Sink:
    """Takes one node's outputs, from whichever thread, until it is closed.

    Parameters
    ----------
    shell
        Whose formatters make the rich form of a value; ``None`` for IPython's defaults.
    quiet
        Whether expression values stay unshown, as after a trailing semicolon.
    drained
        Whether what child processes wrote comes before a value that is shown after it.
    """

    def __init__(self, shell: Any = None, quiet: bool = False, drained: bool = False) -> None:
        self.shell = shell
        self._quiet = quiet
        self._drained = drained
        self._lock = threading.RLock()  # a formatter may print
        self._log = OutputLog(time.monotonic)
        self._outer: list[OutputLog] = []
        """The logs that wait while what is said goes elsewhere."""
        self._apart: dict[str, tuple[OutputLog, Callable[[tuple[Output, ...]], None]]] = {}
        self._showing = False
        self.closed = False
        self.dropped = False
        self.unshown: tuple[Any, ...] = ()
        """Name, text and traceback of the error that kept an expression's value from being shown."""

    def record(self, method: str, *args: Any) -> bool:
        """Call one method of the :class:`OutputLog`; ``False`` when the sink has been closed meanwhile."""
        if self.dropped:
            return True
        with self._lock:
            if self.closed:
                return False
            getattr(self._log, method)(*args)
            if method == "error" and self._showing:
                self.unshown = args
            return True

    def publish(
        self, data: Mapping[str, Any], metadata: Any = None, transient: Any = None, update: bool = False
    ) -> bool:
        """A display message, in the shape of IPython's publisher."""
        display_id = (transient or {}).get("display_id")
        if update and display_id is not None:
            return self.record("update", data, metadata, display_id)
        return self.record("display", data, metadata, display_id)

    def show(self, value: Any) -> None:
        """The value of an expression: shown as IPython shows it, or not at all when it is ``None`` or kept quiet."""
        if value is None or self._quiet or self.dropped:
            return
        if self._drained:
            drain_descriptors()
        self._showing = True
        try:
            data, metadata = _formatter(self.shell).format(value)
        finally:
            self._showing = False
        if data:  # empty when the value displayed itself
            self.record("result", data, metadata)

    def divert(self, key: str, outputs: Iterable[Output], deliver: Callable[[tuple[Output, ...]], None]) -> None:
        """Collect what comes from now on apart, until :meth:`resume`.

        Parameters
        ----------
        key
            Where it goes; what is said for one key in several places is collected together.
        outputs
            What is there already.
        deliver
            Called when the sink is closed, with everything that is there then.
        """
        with self._lock:
            log, _ = self._apart.setdefault(key, (OutputLog(time.monotonic, outputs), deliver))
            self._outer.append(self._log)
            self._log = log

    def resume(self) -> None:
        """Go on with the log from before."""
        with self._lock:
            self._log.flush()
            if self._outer:
                self._log = self._outer.pop()

    def drop(self) -> None:
        """Let all that is said from now on be lost: the node was given up. Never waits for whoever is speaking."""
        self.dropped = True

    def close(self) -> tuple[Output, ...]:
        """Take nothing more; returns the outputs. What was said apart is lost with a node that was given up."""
        if self.dropped:
            return (self._outer[0] if self._outer else self._log).outputs
        with self._lock:
            while self._outer:
                self.resume()
            for log, _ in self._apart.values():
                self._log.forward(log.outputs)
            self.closed = True
        for log, deliver in self._apart.values():
            deliver(tuple(output for output in log.outputs if output["output_type"] != UPDATE))
        return self._log.outputs


_on_main_thread: list[Sink] = []
"""The sinks of the bodies on the main thread, the innermost last."""
_speaker: ContextVar[Sink | None] = ContextVar("orchestra_nb_speaker", default=None)
_threads: WeakKeyDictionary[threading.Thread, Sink] = WeakKeyDictionary()


def current_sink() -> Sink | None:
    """The sink of the node whose code is calling, if it is one's."""
    sink = _speaker.get()
    if sink is None:
        sink = _threads.get(threading.current_thread())
    return None if sink is None or (sink.closed and not sink.dropped) else sink


def main_thread_sink() -> Sink | None:
    """The sink of the body on the main thread, if one runs there."""
    return _on_main_thread[-1] if _on_main_thread else None


def own_thread(thread: threading.Thread) -> None:
    """A thread is about to start: it belongs to the node whose code is calling, if it is one's."""
    sink = current_sink()
    if sink is not None:
        _threads[thread] = sink


@contextmanager
def speaking(sink: Sink) -> Iterator[Sink]:
    """What the block says goes to ``sink``."""
    token = _speaker.set(sink)
    main = threading.current_thread() is threading.main_thread()
    if main:
        _on_main_thread.append(sink)
    try:
        yield sink
    finally:
        if main:
            _on_main_thread.remove(sink)
        _speaker.reset(token)


def drain_descriptors() -> None:
    """Wait until the kernel has read what child processes wrote; at once where nothing is watched."""
    for router in (sys.stdout, sys.stderr):
        pipe = getattr(router, "_fid", None)
        if pipe is None:
            continue
        import fcntl
        import termios

        unread = array("i", [1])
        deadline = time.monotonic() + _DRAINING
        while unread[0] and time.monotonic() < deadline:
            time.sleep(0.001)  # also lets the watcher hand over what it has just read
            fcntl.ioctl(pipe, termios.FIONREAD, unread)


def flush_figures() -> None:
    """Show and close the inline figures that the node drew, as IPython does after each cell.

    Nothing happens unless matplotlib's inline backend is loaded and something was drawn with it. Figures are global to
    the process, so this is for nodes that are known to use them, and are therefore kept apart.
    """
    inline = sys.modules.get("matplotlib_inline.backend_inline")
    if inline is not None:
        inline.flush_figures()


def _formatter(shell: Any) -> Any:
    if shell is not None:
        return shell.display_formatter
    from IPython.core.formatters import DisplayFormatter

    return DisplayFormatter()
