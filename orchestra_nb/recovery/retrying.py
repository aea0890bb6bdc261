"""Calling again what failed, under a :class:`~orchestra_nb.config.RetryPolicy`; tenacity turns the loop.

Policy
    ``attempts`` in all, the first one counts. Between them a rest: exponential backoff with jitter, as
    :meth:`.RetryPolicy.delay` draws it, or as long as the error asks for (``Retry-After``, see :mod:`.retry_after`)
    where that is longer, and at most ``max_delay`` in any case. The service's wish is a floor under the backoff, but
    ``max_delay`` is a promise to whoever waits: a header that says "come back in a day" must not put a notebook to
    sleep. Whoever wants to wait for such services gives a longer ``max_delay``.
    Another attempt is made for what the policy's ``on`` names (see :mod:`.matching`) and what ``when`` lets pass, which
    is a class, several, or a predicate; both must agree. Never for a cancellation, an interrupt, ``SystemExit``,
    ``GeneratorExit``, or another ``BaseException`` that is no ``Exception``.

Order
    attempt, judgement, draw of the rest, event, rest, attempt, ... The event is published before the rest, so whoever
    hears it can still set ``cancel``.

Failure
    What the last attempt raised is raised as itself, the same object with its traceback, so that ``except`` clauses and
    debuggers see what they would have seen without us. A note on it says how many attempts there were, over how long,
    and why there are no more.
    A rest ends at once when it is cancelled: a task by its cancellation, a thread by the ``cancel`` event, upon which
    the last failure is raised, or by ``KeyboardInterrupt``, which comes through.
    A predicate that raises ends the attempts with what it raised.

Rejected
    *tenacity's negated predicates* (``retry_if_not_exception_type``): they try again what was cancelled. *One Retrying
    object for all calls*: it keeps what the current call has come to in a thread-local, which tasks of one loop would
    share. *RetryError around the last failure* (tenacity's default): callers would have to know that it was retried.
    *stamina*: its switches and hooks are global, and ours belong to a node.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from inspect import isawaitable
from threading import Event as Flag
from typing import TYPE_CHECKING, Any

from orchestra_nb.config import RetryPolicy
from orchestra_nb.errors import ConfigError
from orchestra_nb.events import EventBus
from orchestra_nb.recovery.calling import NotAwaited, T, call_now, call_or_await
from orchestra_nb.recovery.events import CallRetrying
from orchestra_nb.recovery.matching import class_names, ended_on_purpose, in_words, matches
from orchestra_nb.recovery.retry_after import retry_after

if TYPE_CHECKING:
    from tenacity import RetryCallState

When = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What time and chance are.

    Parameters
    ----------
    clock
        Monotonic, in seconds.
    wall
        Seconds since the epoch, for errors that name a date.
    sleep
        Called with seconds, in place of a real rest; in a task, what it returns is awaited where it can be.
    chance
        A draw from 0 to 1, for the jitter.
    """

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], object] | None = None
    chance: Callable[[], float] = random.random


_REAL = Surroundings()


class Retries:
    """Calls functions again when they fail; may be shared by threads and tasks.

    Parameters
    ----------
    policy
        How often, and how long it rests in between.
    when
        Which exceptions are worth another attempt, beyond what the policy says: a class, several, or a predicate.
    bus
        Where :class:`.CallRetrying` is published; ``None``: nowhere.
    surroundings
        Clock, sleep and chance.

    Examples
    --------
    >>> answers = iter([ConnectionError("refused"), 42])
    >>> def load():
    ...     answer = next(answers)
    ...     if isinstance(answer, Exception):
    ...         raise answer
    ...     return answer
    >>> rests = []
    >>> retries = Retries(RetryPolicy(attempts=3, jitter=0), surroundings=Surroundings(sleep=rests.append))
    >>> retries.call(load), rests
    (42, [0.5])
    """

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        when: When | None = None,
        bus: EventBus | None = None,
        surroundings: Surroundings = _REAL,
    ) -> None:
        if not isinstance(policy, RetryPolicy):
            raise ConfigError(f"policy={policy!r} must be a RetryPolicy")
        self.policy = policy
        self.bus = EventBus() if bus is None else bus
        self.surroundings = surroundings
        self._when = _predicate(when)

    def call(self, fn: Callable[[], T], *, name: str = "", cancel: Flag | None = None) -> T:
        """Call a function until it succeeds, or no more attempts are to be made.

        Parameters
        ----------
        fn
            Takes nothing.
        name
            What events and notes call it; empty: the function's own.
        cancel
            Set from another thread, it ends a rest at once, and no attempt follows.

        Returns
        -------
        object
            What the function returns.

        Raises
        ------
        BaseException
            What its last attempt raised.
        ConfigError
            The function is async.
        """
        from tenacity import Retrying

        course = _Course(self, name or _named(fn), cancel)
        retrying = Retrying(sleep=course.rest, **course.turns())
        try:
            return retrying(lambda: call_now(fn))
        except Exception as error:
            course.note(error)
            raise

    async def call_async(self, fn: Callable[[], Awaitable[T] | T], *, name: str = "") -> T:
        """Call a function and await what it returns, until that succeeds; otherwise as :meth:`call`."""
        from tenacity import AsyncRetrying

        course = _Course(self, name or _named(fn), None)
        retrying = AsyncRetrying(sleep=course.rest_async, **course.turns())

        async def attempt() -> T:
            return await call_or_await(fn)

        try:
            return await retrying(attempt)
        except Exception as error:
            course.note(error)
            raise

    def worth_another(self, error: BaseException) -> bool:
        """Say whether what an attempt raised is worth another one, if there is one left."""
        if ended_on_purpose(error) or isinstance(error, NotAwaited) or not isinstance(error, Exception):
            return False
        return matches(class_names(error), self.policy.on) and self._when(error)

    def rest_after(self, attempt: int, error: BaseException | None) -> float:
        """Draw how long to rest after a failed attempt, in seconds."""
        rest = self.policy.delay(attempt, self.surroundings.chance())
        asked = None if error is None else retry_after(error, self.surroundings.wall())
        return rest if asked is None else max(rest, min(asked, self.policy.max_delay))


class _Course:
    """One call with all its attempts: what tenacity asks at each turn."""

    def __init__(self, retries: Retries, name: str, cancel: Flag | None) -> None:
        self.retries = retries
        self.name = name
        self.cancel = cancel
        self.began = retries.surroundings.clock()
        self.attempt = 0
        self.last: BaseException | None = None
        self.why = ""

    def turns(self) -> dict[str, Any]:
        """Give tenacity its callbacks."""
        return {
            "retry": self.failed,
            "stop": self.enough,
            "wait": self.drawn,
            "before_sleep": self.tell,
            "reraise": True,
        }

    def failed(self, state: RetryCallState) -> bool:
        """Judge an attempt: whether it is worth another one."""
        error = self.looked(state)
        if error is None:
            return False
        again = self.retries.worth_another(error)
        self.why = "" if again else f"; {type(error).__name__} is not worth another"
        return again

    def looked(self, state: RetryCallState) -> BaseException | None:
        """Take note of how the latest attempt ended."""
        self.attempt = state.attempt_number
        self.last = state.outcome.exception() if state.outcome is not None else None
        return self.last

    def drawn(self, state: RetryCallState) -> float:
        """Draw the rest; a body that raises tenacity's own ``TryAgain`` comes here without having been judged."""
        return self.retries.rest_after(state.attempt_number, self.looked(state))

    def enough(self, state: RetryCallState) -> bool:
        """Say whether there are no more attempts."""
        return self.attempt >= self.retries.policy.attempts or self.cancelled()

    def cancelled(self) -> bool:
        """Say whether somebody has set ``cancel``, and remember it as the reason."""
        if self.cancel is None or not self.cancel.is_set():
            return False
        self.why = "; it was cancelled"
        return True

    def tell(self, state: RetryCallState) -> None:
        """Publish that another attempt will follow."""
        if self.retries.bus.heard and self.last is not None:
            reason, rest = in_words(self.last), state.upcoming_sleep
            self.retries.bus.publish(CallRetrying(self.seconds(), self.name, self.attempt, rest, reason))

    def rest(self, seconds: float) -> None:
        """Sleep in this thread; raises the last failure when the rest is cancelled."""
        sleep = self.retries.surroundings.sleep or (time.sleep if self.cancel is None else self.cancel.wait)
        sleep(float(seconds))
        if self.cancelled() and self.last is not None:
            raise self.last

    async def rest_async(self, seconds: float) -> None:
        """Sleep in this task."""
        import asyncio

        rested = (self.retries.surroundings.sleep or asyncio.sleep)(float(seconds))
        if isawaitable(rested):
            await rested

    def seconds(self) -> float:
        """Seconds since the first attempt began."""
        return self.retries.surroundings.clock() - self.began

    def note(self, error: Exception) -> None:
        """Write on the last failure what it took to get there."""
        most = self.retries.policy.attempts
        if error is not self.last or most == 1:
            return
        with suppress(Exception):  # an exception whose class forbids notes is raised as it is
            error.add_note(f"{self.name}: attempt {self.attempt} of {most}, after {self.seconds():.3g} s{self.why}")


def _named(fn: Callable[..., object]) -> str:
    return str(getattr(fn, "__name__", None) or type(fn).__name__)


def _predicate(when: When | None) -> Callable[[Exception], bool]:
    """Read which exceptions are meant.

    Raises
    ------
    ConfigError
        It is neither classes nor a predicate.
    """
    if when is None:
        return lambda error: True
    classes = when if isinstance(when, tuple) else (when,)
    if all(isinstance(each, type) and issubclass(each, BaseException) for each in classes):
        return lambda error: isinstance(error, classes)  # type: ignore[arg-type]
    if isinstance(when, tuple | type) or not callable(when):
        raise ConfigError(f"when={when!r} must be exception classes, or a function from an exception to yes or no")
    return lambda error: bool(when(error))
