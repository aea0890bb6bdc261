"""The lock table behind a lock: how threads and tasks ask, wait and give back.

* **One lock, held briefly.** A call takes it, asks the table, tells those that are settled (:mod:`.waiting`), and
  leaves. Nobody waits for a resource under it, and events are published outside of it.
* **No thread.** Each waiter times itself: it sleeps until it is told, or until the table says that time may make room
  for it. A lease that expires while nobody waits is taken back at the next call, since until then nobody misses it.
* **Interrupts.** A ``KeyboardInterrupt``, or what another thread raises here, may come at any line. The lock is a
  re-entrant one, because that knows whether this thread holds it; a flag says whether the table was being changed.
  Whoever is hit takes the lock (again), has the table mended if it was, lets everybody look again, and undoes
  what it asked for: a request that was granted and could not be delivered is given back. A release goes on to its end.
  The same path serves a task that is cancelled in the very moment of its grant.
* **Orphans.** Destructors (a ``with`` block that was left in the middle, a thread that ended) may run anywhere, also in
  the middle of a call of the same thread. They only leave a note, and whoever holds the lock reads the notes when it
  leaves; a note that comes later finds the lock free.

Rejected: a thread that keeps the table (a switch of threads for each lock costs more than all of this); putting signals
off for the time of a call (two system calls' worth for each, and does not help against what threads raise in others).
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress

from orchestra_nb.errors import ResourceError
from orchestra_nb.events import Event, EventBus, Subscriber
from orchestra_nb.resources.owners import Owners
from orchestra_nb.resources.placing import Decision
from orchestra_nb.resources.pools import Pool
from orchestra_nb.resources.requests import LockId, Receipt, Request
from orchestra_nb.resources.table import LockTable
from orchestra_nb.resources.waiting import Signal, TaskSignal, ThreadSignal

Orphan = Request | Hashable


class Front:
    """What stands between threads and the table.

    Parameters
    ----------
    clock
        Monotonic, in seconds; the front counts from now on.
    resolve
        Whether deadlocks are resolved when they are found.
    bus
        Where events are published; ``None``: on one of its own.
    """

    def __init__(self, clock: Callable[[], float], resolve: bool, bus: EventBus | None = None) -> None:
        self._clock = clock
        self._began = clock()
        self.bus = bus if bus is not None else EventBus()
        self.pools: dict[str, Pool] = {}
        self.closed = False
        self.table = LockTable(resolve, lambda: self.bus.heard)
        self._mutex = threading.RLock()
        self._inside = False
        self._orphans: deque[Orphan] = deque()
        self._sleepers: dict[Request, None] = {}
        self._unheard: set[int] = set()
        """Threads in which a subscriber was interrupted."""
        mine = weakref.ref(self)
        self.owners = Owners(lambda owner: _leave_note(mine(), owner))

    def now(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began

    def on(self, pattern: str, subscriber: Subscriber) -> Callable[[], None]:
        """Subscribe; an interrupt that hits a subscriber is the caller's, and is raised when all have been told."""

        def told(event: Event) -> None:
            try:
                subscriber(event)
            except KeyboardInterrupt:
                self._unheard.add(threading.get_ident())

        return self.bus.on(pattern, told, inline=True)

    # What is asked.

    def acquire(self, request: Request) -> LockId | None:
        """Wait for a request in this thread; ``None``: timed out. Raises what it was refused with."""
        try:
            wait = self.asked(request, ThreadSignal)
            while request.status == "waiting":
                request.signal.wait(wait)
                if request.status == "waiting":
                    wait = self._until(request)
            return self.settled(request)
        except ResourceError:
            raise
        except BaseException:
            self._recover(lambda now: self._undone(request, now))
            raise

    async def acquire_async(self, request: Request) -> LockId | None:
        """Wait for a request in this task; ``None``: timed out. Raises what it was refused with."""
        try:
            wait = self.asked(request, TaskSignal)
            while request.status == "waiting":
                await request.signal.wait(wait)
                if request.status == "waiting":
                    wait = self._until(request)
            return self.settled(request)
        except ResourceError:
            raise
        except BaseException:
            self._recover(lambda now: self._undone(request, now))
            raise

    def release(self, token: LockId) -> bool:
        """Give a lock back; ``False`` when it was not held."""
        try:
            self._mutex.acquire()
            self._inside = True
            found = self.table.held.get(token)
            out = self._tell(self.table.release(found, self.now())) if found is not None else []
            self._inside = False
            self._mutex.release()
            if out or self._orphans:
                self._afterwards(out)
            return found is not None and found.status == "over"
        except BaseException:
            self._recover(lambda now: self._given_back(token, now))
            raise

    def change(self, step: Callable[[float], list[Decision]]) -> None:
        """Do something with the table; it is done again after an interrupt, so twice must be as good as once."""
        try:
            self._mutex.acquire()
            self._inside = True
            out = self._tell(step(self.now()))
            self._inside = False
            self._mutex.release()
            self._afterwards(out)
        except ResourceError:
            self._recover(lambda now: [])
            raise
        except BaseException:
            self._recover(step)
            raise

    def drop(self, request: Request) -> None:
        """See to it that a request neither waits nor holds."""
        self.change(lambda now: self._undone(request, now))

    def note(self, orphan: Orphan) -> None:
        """Have somebody's lock given back some time soon; never waits, and may be called from anywhere."""
        self._orphans.append(orphan)
        self._read_notes()

    def close(self) -> None:
        """Grant nothing more, let nobody wait, and hold nothing."""

        def shut(now: float) -> list[Decision]:
            self.closed = True
            out = [
                d for request in tuple(self.table.waiting.values()) for d in self.table.cancel(request, now, _closed())
            ]
            return out + [d for request in tuple(self.table.held.values()) for d in self.table.release(request, now)]

        self.change(shut)

    # How it is done.

    def asked(self, request: Request, signal: Callable[[], Signal]) -> float | None:
        """Ask the table; returns for how many seconds one that has to wait may sleep."""
        wait: float | None = None
        self._mutex.acquire()
        self._inside = True
        if self.closed:
            request.status, request.error = "refused", _closed()
            out: list[Decision] = []
        else:
            now = self.now()
            out = self.table.ask(request, now)
            if request.status == "waiting":
                request.signal = signal()
                self._sleepers[request] = None
                wake = self.table.wake(request, now)
                wait = None if wake is None else wake - now
        events = self._tell(out) if out else []
        self._inside = False
        self._mutex.release()
        if events or self._orphans:
            self._afterwards(events)
        return wait

    def _until(self, request: Request) -> float | None:
        """Look at the time for one that waits: for how many seconds it may sleep."""
        self._mutex.acquire()
        self._inside = True
        now = self.now()
        events = self._tell(self.table.tick(now))
        wake = self.table.wake(request, now) if request.status == "waiting" else now
        self._inside = False
        self._mutex.release()
        if events or self._orphans:
            self._afterwards(events)
        return None if wake is None else wake - now

    def settled(self, request: Request) -> LockId | None:
        """Answer for a request that does not wait any more; ``None``: timed out. Raises what it was refused with."""
        if request.signal is not None:
            self._sleepers.pop(request, None)
            request.signal = None
        if request.status == "held":
            if request.wants[0][0].kind != "held" and not request.scoped and request.is_spent:
                self.release(request.token)
                return LockId(Receipt(request.token))
            return request.token
        if request.error is not None:
            raise request.error
        if request.status == "timed-out":
            return None
        if request.status == "expired":  # before its owner came to know that it had it
            raise self.table.refusal(request.token, request)
        raise ResourceError(f"{request.owner} waits no more for {' and '.join(request.resources)}: it was cancelled")

    def _tell(self, out: Iterable[Decision]) -> list[Event]:
        """Wake whom it concerns; returns what is to be published when the lock is left."""
        events: list[Event] = []
        todo = deque(out)
        while todo:
            decision = todo.popleft()
            if isinstance(decision, Event):
                events.append(decision)
            elif decision.signal is not None and not decision.signal.tell():  # its loop is closed
                todo += self._undone(decision, self.now())
        return events

    def _afterwards(self, events: list[Event]) -> None:
        self._publish(events)
        self._read_notes()

    def _publish(self, events: list[Event]) -> None:
        for event in events:
            self.bus.publish(event)
        if self._unheard:
            here = threading.get_ident()
            if here in self._unheard:
                self._unheard.discard(here)
                raise KeyboardInterrupt

    def _read_notes(self) -> None:
        while self._orphans:
            mine = False
            try:
                mine = self._mutex.acquire(blocking=False)
                if not mine or self._inside:  # who is in a call, perhaps this very thread, reads them when it leaves
                    return
                self._inside = True
                orphan, now = self._orphans[0], self.now()
                events = self._tell(
                    self.table.release(orphan, now) if isinstance(orphan, Request) else self._ended(orphan, now)
                )
                self._orphans.popleft()
                self._inside = False
            except BaseException:
                self._recover(lambda now: [])
                raise
            finally:
                if mine:
                    with suppress(RuntimeError):  # after an interrupt it is free already
                        self._mutex.release()
            self._publish(events)

    def _ended(self, owner: Hashable, now: float) -> list[Decision]:
        out: list[Decision] = []
        for request in self.table.waits_of(owner):
            out += self.table.cancel(request, now)
        for request in self.table.held_by(owner):
            out += self.table.release(request, now)
        return out

    def _undone(self, request: Request, now: float) -> list[Decision]:
        self._sleepers.pop(request, None)
        request.signal = None
        return self.table.undo(request, now)

    def _given_back(self, token: LockId, now: float) -> list[Decision]:
        held = self.table.held.get(token)
        return [] if held is None else self.table.release(held, now)

    def _recover(self, finish: Callable[[float], list[Decision]]) -> None:
        """After an interrupt: leave the table whole, and the lock free; also when another one comes meanwhile."""
        try:
            self._made_whole(finish)
        except BaseException:
            self._made_whole(finish)
            raise

    def _made_whole(self, finish: Callable[[float], list[Decision]]) -> None:
        self._mutex.acquire()
        torn, self._inside = self._inside, True
        now = self.now()
        out: list[Decision] = []
        if torn:
            out += self.table.mend(self.pools.values(), now)
            out += self._sleepers  # somebody may have been settled and not been told
        out += finish(now)
        events = self._tell(out)
        self._inside = False
        with suppress(RuntimeError):
            while True:
                self._mutex.release()
        self._afterwards(events)


def _leave_note(front: Front | None, owner: Hashable) -> None:
    if front is not None:
        front.note(owner)


def _closed() -> ResourceError:
    return ResourceError("this manager is closed; make another ResourceManager")
