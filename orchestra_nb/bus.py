"""The bus: it carries frozen facts to whoever asked for their kind.

Event names are namespaced as ``execution:node-started``; a subscriber gives a glob such as ``"execution:*"``.

**No subscriber can slow, break or cancel a run.** Each has a queue and, while there is something to hear, a thread of
its own (:mod:`.listening`); whoever publishes puts the fact there and goes on. Promised to a subscriber: it hears the
facts of one publishing thread in their order, of several threads in the order in which they were published, one at a
time, and each once; and when ``execute`` returns, it has heard everything of that run, unless it takes longer than the
bus has patience. The end of the interpreter waits a second for what was published last.

**In step** (``inline=True``) a subscriber is called by the thread that publishes, before it goes on. That is for parts
of this library that are quick and never wait, and for whoever needs to act at that very moment; it pays for it.

Failure: one that raises, whatever it raises, is dropped and logged once. One that sleeps costs a run nothing but the
patience at its end: if it was in one single call for most of that time, it is dropped, and logged once; one
that moves on but is behind hears the rest later, is logged once, and no run waits for it until it has caught up. A
subscriber may publish, subscribe, unsubscribe, settle, and start runs: it never waits for itself, nor for one that
waits. Beyond ``backlog`` facts that wait, the oldest go, and the subscriber is told (:class:`EventsLost`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from inspect import iscoroutinefunction
from threading import Lock
from typing import ClassVar

from orchestra_nb.errors import ConfigError
from orchestra_nb.knobs import positive
from orchestra_nb.listening import Listener, Loss, this_process
from orchestra_nb.settling import settled

_log = logging.getLogger("orchestra_nb.events")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened ``at`` seconds after the run began.

    Examples
    --------
    A kind of one's own is a class with another name, outside of the library's namespaces:

    >>> @dataclass(frozen=True, slots=True)
    ... class RowsRead(Event):
    ...     name: ClassVar[str] = "mine:rows-read"
    ...     count: int
    >>> bus, seen = EventBus(), []
    >>> _ = bus.on("mine:*", lambda event: seen.append(event.count))
    >>> bus.publish(RowsRead(at=1.0, count=42))
    >>> bus.settle(), seen
    (True, [42])
    """

    name: ClassVar[str] = "event"
    at: float


@dataclass(frozen=True, slots=True)
class EventsLost(Event):
    """So many facts before this one were dropped, because this subscriber was so far behind; told to nobody else."""

    name: ClassVar[str] = "execution:events-lost"
    count: int


Subscriber = Callable[[Event], object]


class EventBus:
    """Delivers events to whoever asked for their kind.

    Parameters
    ----------
    patience
        Seconds that :meth:`settle` waits, and with it the end of a run.
    backlog
        How many facts may wait for one subscriber.

    Raises
    ------
    ConfigError
        A number that is not positive.

    Examples
    --------
    >>> bus, seen = EventBus(), []
    >>> stop = bus.on("*", seen.append)
    >>> bus.publish(Event(at=1.0))
    >>> bus.settle()
    True
    >>> stop()
    >>> bus.publish(Event(at=2.0))
    >>> [event.at for event in seen]
    [1.0]
    """

    def __init__(self, *, patience: float = 5.0, backlog: int = 100_000) -> None:
        positive("patience", patience)
        positive("backlog", backlog)
        self.patience = patience
        self._backlog = backlog
        self._lock, self._process = Lock(), this_process()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._takers: dict[str, tuple[Callable[[Event], None], ...]] = {}
        """For each name that was published, who takes it; made anew with each change of the subscriptions."""
        self.heard = False
        """Whether anybody listens; a plain attribute, because a run asks for each node."""

    def on(self, pattern: str, subscriber: Subscriber, *, inline: bool = False) -> Subscription:
        """Have ``subscriber(event)`` called for each event whose name matches the glob.

        Parameters
        ----------
        pattern
            As ``"cache:*"``; matched against whole names.
        subscriber
            Called in the background, one event at a time. If it has a method ``drained``, that is called whenever it
            has heard everything that there was.
        inline
            Call it in step instead: on the thread that publishes, which waits for it.

        Returns
        -------
        Subscription
            Calling it undoes it: when that returns, no call begins any more.

        Raises
        ------
        ConfigError
            It cannot be called, its body would never run because it is a coroutine function, or the pattern is no text.

        Examples
        --------
        >>> bus, seen = EventBus(), []
        >>> stop = bus.on("ev*", lambda event: seen.append(event.at), inline=True)
        >>> bus.publish(Event(at=1.0))
        >>> stop()
        >>> bus.publish(Event(at=2.0))
        >>> seen
        [1.0]
        """
        if not isinstance(pattern, str):
            raise ConfigError(f"a pattern is a text such as 'cache:*', not {pattern!r}; it comes before the subscriber")
        if not callable(subscriber) or iscoroutinefunction(subscriber):
            raise ConfigError(f"a subscriber is a plain function of an event, not {subscriber!r}")
        made = Subscription(self, pattern, subscriber, inline)
        with self._mutex():
            self._changed((*self._subscriptions, made))
        return made

    def publish(self, event: Event) -> None:
        """Deliver one event; never raises for a subscriber's sake.

        Examples
        --------
        One that raises is dropped and logged; whoever publishes does not notice:

        >>> bus = EventBus()
        >>> _ = bus.on("*", lambda event: 1 / 0, inline=True)
        >>> logging.getLogger("orchestra_nb.events").disabled = True
        >>> bus.publish(Event(at=1.0))
        >>> logging.getLogger("orchestra_nb.events").disabled = False
        >>> bus.wants("event")
        False
        """
        takers = self._takers.get(event.name)
        if takers is None:
            takers = self._found(event.name)
        for take in takers:
            take(event)

    def wants(self, name: str) -> bool:
        """Whether somebody listens to events of that name.

        Examples
        --------
        >>> bus = EventBus()
        >>> _ = bus.on("cache:*", print)
        >>> bus.wants("cache:hit"), bus.wants("execution:node-started")
        (True, False)
        """
        return bool(self._takers[name] if name in self._takers else self._found(name))

    def settle(self, timeout: float | None = None) -> bool:
        """Wait until everybody has heard what has been published so far.

        Parameters
        ----------
        timeout
            Seconds to wait at most; ``None``: as long as this bus has patience.

        Returns
        -------
        bool
            Whether they have. A subscriber that asks does not wait for itself, and nobody waits for one that was late
            before and has not caught up. Whoever is late when the bus has no more patience is said to be.

        Examples
        --------
        >>> bus, seen = EventBus(), []
        >>> _ = bus.on("*", lambda event: seen.append(event.at))
        >>> for at in (1.0, 2.0):
        ...     bus.publish(Event(at))
        >>> bus.settle(), seen
        (True, [1.0, 2.0])
        """
        listeners = [each.listener for each in self._subscriptions if each.listener is not None]
        return settled(listeners, self.patience if timeout is None else max(0.0, timeout), self.patience)

    def _found(self, name: str) -> tuple[Callable[[Event], None], ...]:
        known = self._takers  # first: what is found now must not outlive a change that comes meanwhile
        found = tuple(each.take for each in self._subscriptions if fnmatchcase(name, each.pattern))
        known[name] = found
        return found

    def _changed(self, subscriptions: tuple[Subscription, ...]) -> None:
        self._subscriptions = subscriptions
        self._takers = {}
        self.heard = bool(subscriptions)

    def _without(self, subscription: Subscription) -> bool:
        """Take a subscriber off; ``False`` when somebody else has."""
        with self._mutex():
            before = self._subscriptions
            self._changed(tuple(each for each in before if each is not subscription))
            return len(self._subscriptions) < len(before)

    def _mutex(self) -> Lock:
        """The lock of changes; a new one in a forked child, where nobody is left to give the old one back."""
        if self._process is not this_process():
            self._lock, self._process = Lock(), this_process()
        return self._lock


class Subscription:
    """One subscriber of a bus. Calling it ends it: when that returns, no call begins any more.

    Examples
    --------
    >>> bus, seen = EventBus(), []
    >>> subscription = bus.on("*", seen.append)
    >>> subscription.pattern
    '*'
    >>> subscription()
    >>> bus.publish(Event(at=1.0))
    >>> bus.settle(), seen
    (True, [])
    """

    def __init__(self, bus: EventBus, pattern: str, subscriber: Subscriber, inline: bool) -> None:
        self._bus = bus
        self.pattern = pattern
        self.subscriber = subscriber
        self.listener: Listener[Event] | None = None
        if inline:
            self.take: Callable[[Event], None] = self._call
        else:
            drained = getattr(subscriber, "drained", None)
            self.listener = Listener(self._hear, most=bus._backlog, told=self._told, drained=drained)
            self.take = self.listener.take

    def __call__(self) -> None:
        """End it."""
        self.finish()
        if self.listener is not None:
            self.listener.leave()

    def finish(self) -> None:
        """Hear nothing that is published from now on; what was published before is still heard.

        Examples
        --------
        >>> bus, seen = EventBus(), []
        >>> subscription = bus.on("*", lambda event: seen.append(event.at))
        >>> bus.publish(Event(at=1.0))
        >>> subscription.finish()
        >>> bus.publish(Event(at=2.0))
        >>> bus.settle(), seen
        (True, [1.0])
        """
        self._bus._without(self)

    def _call(self, event: Event) -> None:
        try:
            self.subscriber(event)
        except BaseException as error:  # also one that means to end its thread: that is the run's, or a worker's
            if self._bus._without(self):  # once, though several threads may find it at the same time
                self._told("raised and was dropped", error, False)

    def _hear(self, item: Event | Loss) -> None:
        if isinstance(item, Loss):
            if fnmatchcase(EventsLost.name, self.pattern):
                self.subscriber(EventsLost(self._at, item.count))
        else:
            self._at = item.at
            self.subscriber(item)

    _at = 0.0
    """Of what was heard last."""

    def _told(self, what: str, error: BaseException | None, over: bool) -> None:
        how = logging.WARNING if error is None else logging.ERROR
        try:
            _log.log(how, "an event subscriber %s: %r", what, self.subscriber, exc_info=error)
        finally:
            if over:  # last: whoever settles waits for those who are on the bus, and then finds it in the log
                self._bus._without(self)
