"""The way to a missing value: board the flight of its key, and either compute it or wait for whoever does.

Order, for whoever leads: a ticket; memory once more, because the flight before may have landed since the question; the
store; then the function, with no lock held; then the value is kept, unless the key has changed meanwhile; and only then
the flight lands, so that whoever comes later finds the value in memory.

Who computed gets the value itself, those who waited get copies of what is kept. What cannot be copied is kept by nobody
and shared by all of them, as if there were no cache. What is said of failing, dying and waiting for oneself in
:mod:`.flights` is done here: an ``Exception`` of the function goes to all that wait, with the traceback that it had and
no longer one for each; for anything else that ends a computing the next one tries.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import Token
from types import TracebackType
from typing import Any, TypeVar

from orchestra_nb.context import events
from orchestra_nb.context.entries import Offer, Ticket
from orchestra_nb.context.flights import Crashed, Flight, Landed, Seat, above
from orchestra_nb.context.tiers import Tiers
from orchestra_nb.errors import CacheError

_T = TypeVar("_T")
Keep = Callable[[str, Any, float], Offer | None]


class Computing:
    """Computes what is missing, each key once at a time.

    Parameters
    ----------
    tiers
        Where values are kept.
    offer
        Makes of a key, a value and the seconds that it took what can be kept, or ``None``.
    """

    def __init__(self, tiers: Tiers, offer: Keep) -> None:
        self._tiers = tiers
        self._flights = tiers.flights
        self._offer = offer
        self._below = tiers.below.there

    def run(self, key: str, fn: Callable[[], Any], ttl: float | None) -> Any:
        """Find, compute or await the value of a key in this thread."""
        while True:
            seat = Seat(loop=_loop_of_this_thread())
            try:
                try:
                    outcome = self._turn(seat, key, fn, ttl)
                finally:
                    self._flights.leave(seat)
            finally:  # once more: an interrupt may have come before the line above
                self._flights.leave(seat)
            if outcome is not None:
                return _given(outcome)

    async def run_async(self, key: str, fn: Callable[[], Any], ttl: float | None) -> Any:
        """Find, compute or await the value of a key in this task."""
        while True:
            seat = Seat(loop=_loop_of_this_thread(), awaits=True)
            try:
                try:
                    outcome = await self._turn_async(seat, key, fn, ttl)
                finally:
                    self._flights.leave(seat)
            finally:
                self._flights.leave(seat)
            if outcome is not None:
                return _given(outcome)

    def _turn(self, seat: Seat, key: str, fn: Callable[[], Any], ttl: float | None) -> Landed | Crashed | None:
        flight = self._flights.join(key, seat)
        if not seat.leads:
            self._tiers.missed(key, joined=True)
            flight.wait()
            return flight.outcome
        ticket = self._tiers.ticket(key)
        flight.outcome = self._known(key, ticket)
        if flight.outcome is not None:
            return flight.outcome
        began = self._tiers.clock()
        with _Computation(self._tiers, flight):
            value = fn()
            if inspect.iscoroutine(value):
                value.close()  # nobody will await it, and it is not to complain of that
                raise CacheError(
                    f"what computes {key!r} has to be awaited; use 'await cache.get_or_compute_async(...)'"
                )
        return self._landed(flight, value, ttl, ticket, self._tiers.clock() - began)

    async def _turn_async(
        self, seat: Seat, key: str, fn: Callable[[], Any], ttl: float | None
    ) -> Landed | Crashed | None:
        flight = self._flights.join(key, seat)
        if not seat.leads:
            self._tiers.missed(key, joined=True)
            await flight.landing()
            return flight.outcome
        ticket = self._tiers.ticket(key)
        flight.outcome = await _in_thread(self._known, key, ticket) if self._below else self._known(key, ticket)
        if flight.outcome is not None:
            return flight.outcome
        began = self._tiers.clock()
        with _Computation(self._tiers, flight):
            value = await _called(fn)
        return self._landed(flight, value, ttl, ticket, self._tiers.clock() - began)

    def _known(self, key: str, ticket: Ticket) -> Landed | None:
        """Look into memory once more, and into the store."""
        entry = self._tiers.find(key)
        if entry is not None:
            return Landed(entry.value, entry.copier)
        self._tiers.missed(key)
        found = self._tiers.promote(key, ticket)
        return None if found is None else Landed(found.value, found.copier)

    def _landed(self, flight: Flight, value: Any, ttl: float | None, ticket: Ticket, seconds: float) -> Landed:
        """Keep what was computed, and let the flight land with it; returns what its leader is given."""
        key = flight.key
        self._tiers.count("computations", key)
        self._tiers.tell(events.CacheComputed, key, seconds)
        offer = self._offer(key, value, seconds)
        if offer is None:
            flight.outcome = Landed(value, None)
        else:
            self._tiers.put(key, offer, ttl, ticket)
            flight.outcome = Landed(offer.value, offer.copier)
        return Landed(value, None)


class _Computation:
    """The time in which a function computes: what asks meanwhile asks for its flight, and an error is the flight's."""

    def __init__(self, tiers: Tiers, flight: Flight) -> None:
        self._tiers = tiers
        self._flight = flight
        self._mark: Token[Flight | None] | None = None

    def __enter__(self) -> None:
        self._mark = above.set(self._flight)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            self._flight.outcome = Crashed(error, traceback)
            self._tiers.tell(events.CacheFailed, self._flight.key, f"{type(error).__name__}: {error}")
        if self._mark is not None:
            with suppress(ValueError):  # a coroutine that was dropped ends in a context that is not its own
                above.reset(self._mark)


async def _called(fn: Callable[[], Any]) -> Any:
    """Call a function in a thread, or await it; an error of it never touches a future, which refuses some of them."""
    if inspect.iscoroutinefunction(fn):
        return await fn()
    value, error = await _in_thread(_tried, fn)
    if error is not None:
        raise error
    return await value if inspect.isawaitable(value) else value


async def _in_thread(fn: Callable[..., _T], *args: Any) -> _T:
    import asyncio

    return await asyncio.to_thread(fn, *args)


def _tried(fn: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return fn(), None
    except Exception as error:
        return None, error


def _given(outcome: Landed | Crashed) -> Any:
    if isinstance(outcome, Landed):
        return outcome.value if outcome.copier is None else outcome.copier(outcome.value)
    try:
        raise outcome.error.with_traceback(outcome.traceback)
    finally:
        del outcome  # the error holds this frame, which must not hold the error


def _loop_of_this_thread() -> Any:
    asyncio = sys.modules.get("asyncio")
    return None if asyncio is None else asyncio._get_running_loop()
