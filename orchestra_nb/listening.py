"""One listener: its own queue, and a thread that serves it while there is something to hear.

Whoever speaks puts an item into the queue and goes on; that is all it ever pays, whatever the listener does with it.
The thread begins with the first item and ends some time after the last one, so that a bus at which nothing happens
keeps no thread alive. It holds the listener and nothing else.

Order: items are heard one at a time, in the order in which they were put. **One serves at a time**: whoever wants to
serve must have the ``_serving`` lock, and whoever leaves it looks once more whether something came meanwhile. So a
second thread, begun by two speakers at once, does no harm, and no step here needs a lock around it (the same thought
as the seat of a run: :mod:`orchestra_nb.running.run`).

After each round the thread rests for two milliseconds before it says that it has to be woken. A burst so costs one
wake-up and not one for each item; waking is what a speaker would pay for most.

Failure: what the listener raises ends it, and is told once. A backlog has a bound; beyond that the oldest go, and the
listener is told how many (:class:`Loss`). After a fork the child begins with an empty queue: what was said before is
the parent's. Where no thread can be begun, nothing is heard until one can, and that is told once.

Rejected: one thread for all listeners (who sleeps would hold up the others), waking for each item (a system call, and
two threads that fight for the interpreter, for each event of a run), a bound that makes speakers wait.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import get_ident
from time import monotonic
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_REST = 0.002
"""Seconds between two rounds."""
_LINGER = 1.0
"""Seconds that the thread waits for more before it ends."""

_at_work: set[Listener[Any]] = set()
"""Those that are being served, or are about to be."""
_process = object()


def _forked() -> None:
    global _process
    _process = object()
    _at_work.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_forked)


def this_process() -> object:
    """What is another object in a forked child."""
    return _process


_here = threading.local()


def serves_one() -> bool:
    """Whether this thread serves a listener."""
    return bool(getattr(_here, "serves", False))


def served() -> list[Listener[Any]]:
    """Those that are being served now, or are about to be."""
    return list(_at_work)


class Mark(threading.Event):
    """Stands in a queue: set when everything before it has been heard, or never will be."""


class Loss:
    """Stands in place of items that were thrown away, for want of room: how many."""

    def __init__(self, count: int) -> None:
        self.count = count


class Listener(Generic[T]):
    """A function that is called in the background.

    Parameters
    ----------
    hear
        Called with each item; or with a :class:`Loss` before the next one, where items were lost.
    most
        How many items may wait.
    told
        Called once when something is wrong, with words for it and, where the listener raised, what that was; and
        whether it hears nothing any more.
    drained
        Called when everything that was there has been heard.

    Examples
    --------
    >>> heard = []
    >>> listener = Listener(heard.append, most=10, told=print)
    >>> listener.take("news")
    >>> listener.mark().wait(10)
    True
    >>> heard
    ['news']
    """

    def __init__(
        self,
        hear: Callable[[T | Loss], object],
        *,
        most: int,
        told: Callable[[str, BaseException | None, bool], object],
        drained: Callable[[], object] | None = None,
    ) -> None:
        self._hear = hear
        self._most = most
        self._told = told
        self._drained = drained
        self._warned: dict[str, object] = {}
        self.closed = False
        self.left = False
        """Whether it was closed by its own wish: then there is nothing that it should have heard."""
        self._renew()

    def _renew(self) -> None:
        self._queue: deque[Any] = deque()
        self._bell = threading.Lock()
        self._bell.acquire()
        self._serving = threading.Lock()
        self._thread: threading.Thread | None = None
        self._asleep = True
        self._lost = 0
        self.late = False
        """Whether somebody has waited for it in vain, and it has not caught up since."""
        self.since: float | None = None
        """When the call began that it is in."""
        self.ident: int | None = None
        """Of the thread that serves it."""
        self._process = _process

    # Whoever speaks.

    def take(self, item: T) -> None:
        """Put an item into the queue; returns at once."""
        if self._process is not _process:
            self._renew()
        queue = self._queue
        if len(queue) >= self._most:
            self._make_room()
        queue.append(item)
        if self._asleep:
            self._wake()

    def mark(self) -> Mark:
        """Put a mark into the queue."""
        if self._process is not _process:
            self._renew()
        mark = Mark()
        self._queue.append(mark)
        if self.closed:
            self._clear()
        self._wake()
        return mark

    def leave(self) -> None:
        """Close by its own wish: whoever waits for it waits for nothing, and not in vain."""
        self.left = True
        self.close()

    def close(self) -> None:
        """Hear nothing more, also of what waits; a call that is under way goes on."""
        self.closed = True
        self._clear()

    def warn(self, what: str, error: BaseException | None = None, *, over: bool = False) -> None:
        """Tell that something is wrong, once for each thing."""
        mine = object()
        if self._warned.setdefault(what, mine) is mine:  # one step, for several may find it at the same time
            self._told(what, error, over)

    def _make_room(self) -> None:
        with suppress(IndexError):  # it has just been served
            oldest = self._queue.popleft()
            if isinstance(oldest, Mark):
                oldest.set()
            else:
                self._lost += 1
        self.warn(f"does not keep up; of more than {self._most:,} events that wait, the oldest are dropped")

    def _wake(self) -> None:
        if self._bell.locked():
            with suppress(RuntimeError):  # somebody else has just rung
                self._bell.release()
        thread = self._thread
        if (thread is None or not (thread.is_alive() or thread.ident is None)) and not self.closed:
            self._begin()

    def _begin(self) -> None:
        thread = threading.Thread(target=self._serve, name="orchestra-listener", daemon=True)
        try:
            self._thread = thread
            _at_work.add(self)
            thread.start()
        except BaseException as error:
            self._thread = None
            _at_work.discard(self)
            if not isinstance(error, RuntimeError):  # an interrupt; whoever speaks next begins another
                raise
            self.warn("is not told of what happens: no thread could be begun for it")

    # The thread.

    def _serve(self) -> None:
        if not self._serving.acquire(blocking=False):
            return  # whoever serves looks once more before it leaves
        self.ident, _here.serves = get_ident(), True
        _at_work.add(self)
        try:
            while not self.closed and self._round():
                pass
        finally:
            _at_work.discard(self)
            self.ident = self._thread = None
            self._asleep = True
            self._serving.release()
        if self.closed:
            self._clear()
        elif self._queue:
            self._wake()

    def _round(self) -> bool:
        """Hear everything that is there, and wait for more; whether there is more to do."""
        self._asleep = False
        self._thread = threading.current_thread()  # a second one may have been begun, and have gone
        self._hear_all()
        if self._bell.acquire(timeout=_REST) or self._queue:
            return True
        self._asleep = True
        if self._queue:  # put there before it could be known that it takes a bell
            return True
        return self._bell.acquire(timeout=_LINGER) or bool(self._queue)

    def _hear_all(self) -> None:
        queue = self._queue
        while queue and not self.closed:
            try:
                item = queue.popleft()
            except IndexError:  # whoever speaks has just made room
                break
            if isinstance(item, Mark):
                self._call(self._drained)
                item.set()
            else:
                self.since = monotonic()
                if self._lost:
                    lost, self._lost = self._lost, 0
                    self._call(self._hear, Loss(lost))
                self._call(self._hear, item)
                self.since = None
            del item  # while this thread waits, it must not keep alive what it heard last
        if not self.closed:
            self._call(self._drained)
            self.late = False

    def _call(self, function: Callable[..., object] | None, *args: Any) -> None:
        if function is None or self.closed:
            return
        try:
            function(*args)
        except BaseException as error:  # also one that means to end its thread, which is ours
            self.warn("raised and was dropped", error, over=True)
            self.close()  # last: then whoever waits goes on

    def _clear(self) -> None:
        """Let go what waits; whoever waits for it need not."""
        with suppress(IndexError):
            while True:
                item = self._queue.popleft()
                if isinstance(item, Mark):
                    item.set()
