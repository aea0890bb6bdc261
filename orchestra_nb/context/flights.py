"""Single flight: however many threads and tasks ask for one missing key, one of them computes it.

A *flight* is one computing of one key. Whoever asks takes a :class:`Seat`; the first one in leads and calls the
function, the others wait for the flight to land. No lock is held meanwhile.

How a flight ends:

* **With a value**, or **with an error** (any ``Exception`` of the function): all that wait get it. An error is not
  remembered: who asks next computes anew.
* **Without either**: whoever led it is gone. His task was cancelled, his thread was interrupted (whatever is no
  ``Exception``: ``KeyboardInterrupt``, ``CancelledError``, ``SystemExit``), his coroutine was dropped. That says
  nothing about the key, so one of those who wait leads the next flight.
* **Detached**: the key was set or invalidated meanwhile. Those who wait get what they waited for, whoever comes later
  does not, and what is computed is not kept (:class:`.table.Ticket`).

Waiting for oneself is told at once instead of hanging: flights form a graph of who needs whom, over all caches, kept
under one lock. The flight on whose behalf somebody asks is known from a context variable, which tasks and
``asyncio.to_thread`` inherit; a thread that a function starts by other means is not known, and a circle through it is
not seen. It is also an error to wait, without ``await``, for what the event loop of this very thread computes.

Interrupts: :meth:`Flights.leave` may be called again and again, and each of its steps may be repeated; askers call it
in a ``finally`` within a ``finally``, so that an interrupt before any line of one leaves the other.

Rejected: a future per flight (its result is taken or cancelled once, while here a death passes the lead on); a lock per
key (cannot be awaited, and who waits learns nothing of errors).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestra_nb.context.guard import Guard
from orchestra_nb.errors import CacheError

if TYPE_CHECKING:
    import asyncio


class Landed(NamedTuple):
    """A value, and how those who waited get their own of it."""

    value: Any
    copier: Callable[[Any], Any] | None


class Crashed(NamedTuple):
    """An error of the function, with the traceback that it had then."""

    error: Exception
    traceback: TracebackType | None


@dataclass(eq=False, slots=True)
class Flight:
    """One computing of one key."""

    key: str
    loop: object
    """The event loop whose task leads it; ``None``: a thread does."""
    outcome: Landed | Crashed | None = None
    over: bool = False
    """Without an outcome: whoever led it is gone."""
    needs: dict[Seat, Flight] = field(default_factory=dict)
    """What it waits for, by who waits on its behalf."""
    _bell: threading.Event = field(default_factory=threading.Event)
    _futures: list[asyncio.Future[None]] = field(default_factory=list)

    def wait(self) -> None:
        """Wait in this thread until it is over."""
        self._bell.wait()

    async def landing(self) -> None:
        """Wait in this task until it is over."""
        import asyncio

        future = asyncio.get_running_loop().create_future()
        _graph(self._listen, future)
        await future

    def _listen(self, future: asyncio.Future[None]) -> None:
        self._futures.append(future)
        if self.over:
            future.set_result(None)

    def wake(self) -> None:
        """Tell all that wait; may be called again."""
        self._bell.set()
        for future in self._futures:
            with suppress(RuntimeError):  # its loop is closed, and nobody waits there
                future.get_loop().call_soon_threadsafe(_tell, future)


def _tell(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


above: ContextVar[Flight | None] = ContextVar("orchestra_nb_flight", default=None)
"""The flight whose function is running here."""


def _open_above() -> Flight | None:
    """Find the flight on whose behalf somebody asks here; one that is over waits for nobody."""
    flight = above.get()
    return None if flight is None or flight.over else flight


@dataclass(eq=False, slots=True)
class Seat:
    """One asker: made before anything is entered anywhere, so that an interrupt always finds what to undo."""

    loop: object = None
    """The event loop that runs in this thread."""
    awaits: bool = False
    """Whether that loop goes on while the asker waits."""
    flight: Flight | None = None
    leads: bool = False
    above: Flight | None = field(default_factory=_open_above)


class Flights:
    """The open flights of one cache.

    Examples
    --------
    >>> flights, first, second = Flights(), Seat(), Seat()
    >>> flights.join("key", first) is flights.join("key", second), first.leads, second.leads
    (True, True, False)
    >>> flights.leave(first)
    >>> second.flight.over, second.flight.outcome
    (True, None)
    """

    def __init__(self) -> None:
        self._open: dict[str, Flight] = {}

    def join(self, key: str, seat: Seat) -> Flight:
        """Take a seat on the flight of a key, which leads it where there was none.

        Raises
        ------
        CacheError
            The asker would wait for himself.
        """
        return _graph(self._join, key, seat)

    def leave(self, seat: Seat) -> None:
        """Give up a seat; where it led, the flight is over. May be called again."""
        flight = seat.flight
        if flight is None:
            return
        _graph(self._leave, seat, flight)
        if seat.leads:
            flight.wake()
        seat.flight = None

    def keys(self) -> list[str]:
        """List the keys that are being computed."""
        return list(self._open)

    def detach(self, key: str) -> None:
        """Let nobody else board the flight of a key: what it brings is not true any more."""
        self._open.pop(key, None)

    def detach_all(self) -> None:
        """Let nobody else board any flight."""
        self._open.clear()

    def _join(self, key: str, seat: Seat) -> Flight:
        flight = self._open.get(key)
        if flight is None:
            seat.flight = flight = Flight(key, seat.loop if seat.awaits else None)
            seat.leads = True
            self._open[key] = flight
        else:
            _refuse_circle(seat, flight)
            seat.flight = flight
        if seat.above is not None:
            seat.above.needs[seat] = flight
        return flight

    def _leave(self, seat: Seat, flight: Flight) -> None:
        if seat.above is not None:
            seat.above.needs.pop(seat, None)
        if seat.leads:
            flight.over = True
            if self._open.get(flight.key) is flight:
                del self._open[flight.key]


def _refuse_circle(seat: Seat, flight: Flight) -> None:
    for way in _ways(flight):
        last = way[-1]
        if last is seat.above:
            names = " → ".join(repr(each.key) for each in (last, *way))
            raise CacheError(
                f"computing {last.key!r} would wait for itself: {names}; compute one of them without asking the cache"
            )
        if seat.loop is not None and not seat.awaits and last.loop is seat.loop:
            raise CacheError(
                f"waiting here for {flight.key!r} would stop the event loop that computes {last.key!r}; "
                "use 'await cache.get_or_compute_async(...)'"
            )


def _ways(flight: Flight) -> Iterator[tuple[Flight, ...]]:
    """Walk all that a flight needs, each once, with one way to it."""
    seen = {flight}
    ahead: list[tuple[Flight, ...]] = [(flight,)]
    while ahead:
        way = ahead.pop()
        if way[-1].over:
            continue
        yield way
        for needed in way[-1].needs.values():
            if needed not in seen:
                seen.add(needed)
                ahead.append((*way, needed))


_graph = Guard()
