"""Circuit breakers by name, shared by threads and tasks: the front of :mod:`.breaker`.

* **No lock is held during a call.** A circuit's lock is taken for the question and for the report, a few microseconds
  each; calls through a closed circuit run side by side. The clock is read under it, so time does not go back for the
  core. Circuits do not wait for one another.
* **The lock is a re-entrant one**: a destructor or a signal handler that makes a call through the same circuit, in the
  middle of a question of the same thread, must not wait for itself. The core stands that, since each of its changes
  is one assignment.
* **Interrupts.** A ``KeyboardInterrupt``, or what another thread raises here, may come at any line, also between the
  last line of a ``with`` block and its end. So the lock is taken and given back by hand: whoever is hit gives back what
  it holds. An interrupt between the question and the call, or during the report, loses a report; where that was a
  probe's, its lease ends it.
* **What counts.** What the policy's ``on`` names is a failure. Another exception is an answer of the service, such as
  "there is no such page", and counts as a success. A cancellation or an interrupt says nothing, see :mod:`.matching`.
* **Events** are published outside of the lock.

Only the words of a failure are kept, never the exception: its traceback would keep alive all that the call had.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress

from orchestra_nb.config import BreakerPolicy
from orchestra_nb.errors import CircuitOpenError, ConfigError, nearest
from orchestra_nb.events import Event, EventBus, Subscriber
from orchestra_nb.presentation import Presented
from orchestra_nb.recovery.breaker import Breaker, Phase, Refusal, Result, Ticket
from orchestra_nb.recovery.calling import NotAwaited, T, call_now, call_or_await
from orchestra_nb.recovery.events import CircuitClosed, CircuitHalfOpen, CircuitOpened, CircuitRejected
from orchestra_nb.recovery.matching import NEVER, class_names, ended_on_purpose, in_words, matches
from orchestra_nb.recovery.statistics import BreakerStats, CircuitStats

_PLAIN = BreakerPolicy()


class _Circuit:
    """A breaker with its lock, and what its calls came to."""

    __slots__ = ("breaker", "counts", "lock", "name", "opened", "rejected")

    def __init__(self, name: str, policy: BreakerPolicy, now: float) -> None:
        self.name = name
        self.breaker = Breaker(policy, now)
        self.lock = threading.RLock()
        self.counts = {"success": 0, "failure": 0, "abandoned": 0, "late": 0}
        self.rejected = self.opened = 0

    def seen(self, now: float) -> CircuitStats:
        """Take a snapshot."""
        phase, counts = self.breaker.phase, self.counts
        return CircuitStats(
            circuit=self.name,
            state=phase.state,
            since=phase.since,
            retry_after=phase.until - now if phase.state == "open" else 0.0,
            failures_in_a_row=phase.failures,
            failure_rate=phase.failed / len(phase.calls) if phase.calls else 0.0,
            probes=len(phase.leases),
            last_failure=phase.last_failure,
            succeeded=counts["success"],
            failed=counts["failure"],
            abandoned=counts["abandoned"],
            late=counts["late"],
            rejected=self.rejected,
            opened=self.opened,
        )


class Breakers(Presented):
    """Circuits with names, each made when it is first used.

    Parameters
    ----------
    policy
        Of circuits that have none of their own.
    clock
        Monotonic, in seconds.
    bus
        Where events are published; ``None``: on one of its own, see :meth:`on`.

    Examples
    --------
    >>> breakers = Breakers(BreakerPolicy(threshold=1, rest=30.0), clock=lambda: 100.0)
    >>> breakers.call("db", lambda: "answer")
    'answer'
    >>> breakers.call("db", lambda: {}["gone"])
    Traceback (most recent call last):
    KeyError: 'gone'
    >>> breakers.call("db", lambda: "answer")
    Traceback (most recent call last):
    orchestra_nb.errors.CircuitOpenError: circuit 'db' is open for another 30 s, because of KeyError: 'gone'; try
    again after that, or reset it
    >>> breakers.statistics()["db"].rejected
    1
    """

    def __init__(
        self,
        policy: BreakerPolicy = _PLAIN,
        *,
        clock: Callable[[], float] = time.monotonic,
        bus: EventBus | None = None,
    ) -> None:
        if not isinstance(policy, BreakerPolicy):
            raise ConfigError(f"policy={policy!r} must be a BreakerPolicy")
        self._policy = policy
        self._clock = clock
        self._began = clock()
        self._bus = EventBus() if bus is None else bus
        self._circuits: dict[str, _Circuit] = {}

    def configure(self, name: str, policy: BreakerPolicy) -> None:
        """Give a circuit a policy of its own, before its first call; once more the same is fine.

        Raises
        ------
        ConfigError
            It has another policy already, or one of the two cannot be meant.
        """
        if not isinstance(policy, BreakerPolicy):
            raise ConfigError(f"circuit {name!r}: policy={policy!r} must be a BreakerPolicy")
        known = self._made(name, policy).breaker.policy
        if known != policy:
            raise ConfigError(f"circuit {name!r} has {known} already, and not {policy}; take another name, or the same")

    def call(self, name: str, fn: Callable[[], T]) -> T:
        """Call a function through a circuit.

        Parameters
        ----------
        name
            The circuit's.
        fn
            Takes nothing.

        Returns
        -------
        object
            What the function returns; what it raises comes through.

        Raises
        ------
        CircuitOpenError
            The circuit is open, or half-open with all its probes under way; the function was not called.
        ConfigError
            The name cannot be meant, or the function is async.
        """
        circuit = self._circuits.get(name) or self._made(name, self._policy)
        ticket = self._asked(circuit)
        try:
            value = call_now(fn)
        except BaseException as error:
            self._raised(circuit, ticket, error)
            raise
        self._reported(circuit, ticket, "success")
        return value

    async def call_async(self, name: str, fn: Callable[[], Awaitable[T] | T]) -> T:
        """Call a function through a circuit, and await what it returns; otherwise as :meth:`call`, from any loop."""
        circuit = self._circuits.get(name) or self._made(name, self._policy)
        ticket = self._asked(circuit)
        try:
            value = await call_or_await(fn)
        except BaseException as error:
            self._raised(circuit, ticket, error)
            raise
        self._reported(circuit, ticket, "success")
        return value

    def ask(self, name: str, policy: BreakerPolicy | None = None) -> Leave:
        """Ask for leave to make a call that is made elsewhere, such as in another process.

        Parameters
        ----------
        name
            The circuit's.
        policy
            That it has from now on, whatever it had before; ``None``: the one that it has.

        Returns
        -------
        Leave
            To be told how the call ended.

        Raises
        ------
        CircuitOpenError
            The call is not to be made.
        ConfigError
            The name cannot be meant.

        Examples
        --------
        >>> breakers = Breakers()
        >>> breakers.ask("db", BreakerPolicy(threshold=1)).failed(["OSError"], "OSError: refused")
        >>> breakers.statistics()["db"].state
        'open'
        """
        circuit = self._circuits.get(name) or self._made(name, self._policy if policy is None else policy)
        if policy is not None:
            circuit.breaker.policy = policy  # one assignment, and the core reads it anew each time
        return Leave(self, circuit, self._asked(circuit))

    def reset(self, name: str) -> None:
        """Close a circuit and forget its failures; calls that are under way do not count any more.

        Raises
        ------
        ConfigError
            There is no such circuit.
        """
        circuit = self._circuits.get(name)
        if circuit is None:
            hint = nearest(str(name), self._circuits) or "none was used so far"
            raise ConfigError(f"there is no circuit {name!r}; {hint}")
        breaker = circuit.breaker

        def close(now: float) -> tuple[bool, float]:
            before = breaker.phase.state
            breaker.reset(now)
            return before != "closed", now

        closed, now = self._alone(circuit, close)
        if closed:
            self._tell(CircuitClosed, now, name, True)

    def statistics(self) -> BreakerStats:
        """Take a snapshot of all circuits."""
        taken = {name: self._look(circuit) for name, circuit in sorted(self._circuits.copy().items())}
        return BreakerStats(self._now(), taken)

    def on(self, pattern: str, subscriber: Subscriber) -> Callable[[], None]:
        """Call ``subscriber(event)`` for each event of that name, such as ``"recovery:*"``; returns what undoes it.

        It is called in step, by the thread whose call made it happen, and before that returns.
        """
        return self._bus.on(pattern, subscriber, inline=True)

    def _now(self) -> float:
        return self._clock() - self._began

    def _made(self, name: str, policy: BreakerPolicy) -> _Circuit:
        if not isinstance(name, str) or not name:
            raise ConfigError(f"{name!r} must be the name of a circuit, such as 'db'")
        return self._circuits.setdefault(name, _Circuit(name, policy, self._now()))

    def _alone(self, circuit: _Circuit, step: Callable[[float], T]) -> T:
        """Take a step, given the time, that no other thread takes at the same time."""
        lock = circuit.lock
        try:
            lock.acquire()
            made = step(self._now())
            lock.release()
            return made
        except BaseException:
            with suppress(RuntimeError):  # this thread does not hold it, or not any more
                while True:
                    lock.release()
            raise

    def _asked(self, circuit: _Circuit) -> Ticket:
        breaker = circuit.breaker

        def ask(now: float) -> tuple[Ticket | Refusal, bool, float]:
            before, answer = breaker.phase, breaker.ask(now)
            circuit.rejected += type(answer) is Refusal
            return answer, breaker.phase is not before, now

        answer, half_opened, now = self._alone(circuit, ask)
        if half_opened:
            self._tell(CircuitHalfOpen, now, circuit.name, breaker.policy.probes)
        if isinstance(answer, Ticket):
            return answer
        rest = max(0.0, answer.until - now) if answer.state == "open" else 0.0
        self._tell(CircuitRejected, now, circuit.name, rest)
        raise CircuitOpenError(
            _told(circuit.name, answer, rest), circuit.name, answer.last_failure, self._began + answer.until, rest
        )

    def _raised(self, circuit: _Circuit, ticket: Ticket, error: BaseException) -> None:
        if ended_on_purpose(error) or isinstance(error, NotAwaited):
            self._reported(circuit, ticket, "abandoned")
        elif matches(class_names(error), circuit.breaker.policy.on):
            self._reported(circuit, ticket, "failure", in_words(error))
        else:
            self._reported(circuit, ticket, "success")

    def _reported(self, circuit: _Circuit, ticket: Ticket, result: Result, reason: str = "") -> None:
        breaker = circuit.breaker

        def report(now: float) -> tuple[Phase | None, float]:
            before = breaker.phase
            counted = breaker.report(ticket, result, now, reason)
            circuit.counts[result if counted else "late"] += 1
            if breaker.phase is before:
                return None, now
            circuit.opened += breaker.phase.state == "open"
            return breaker.phase, now

        after, now = self._alone(circuit, report)
        if after is None:
            return
        if after.state == "open":
            self._tell(CircuitOpened, now, circuit.name, after.until - now, after.last_failure)
        else:
            self._tell(CircuitClosed, now, circuit.name)

    def _look(self, circuit: _Circuit) -> CircuitStats:
        breaker = circuit.breaker

        def look(now: float) -> tuple[CircuitStats, bool, float]:
            before = breaker.phase
            breaker.pass_time(now)
            return circuit.seen(now), breaker.phase is not before, now

        taken, half_opened, now = self._alone(circuit, look)
        if half_opened:
            self._tell(CircuitHalfOpen, now, circuit.name, breaker.policy.probes)
        return taken

    def _tell(self, kind: Callable[..., Event], *facts: object) -> None:
        if self._bus.heard:
            self._bus.publish(kind(*facts))


class Leave:
    """Leave to make one call, good for one report; made by :meth:`Breakers.ask`."""

    __slots__ = ("_breakers", "_circuit", "_ticket")

    def __init__(self, breakers: Breakers, circuit: _Circuit, ticket: Ticket) -> None:
        self._breakers = breakers
        self._circuit = circuit
        self._ticket = ticket

    def succeeded(self) -> None:
        """The call was answered."""
        self._breakers._reported(self._circuit, self._ticket, "success")

    def failed(self, names: Collection[str], reason: str) -> None:
        """The call raised an exception of these classes; one that the policy does not name is an answer, too."""
        if not NEVER.isdisjoint(names):
            self.abandoned()
        elif matches(names, self._circuit.breaker.policy.on):
            self._breakers._reported(self._circuit, self._ticket, "failure", reason)
        else:
            self.succeeded()

    def abandoned(self) -> None:
        """The call was cancelled or lost, which says nothing about the service."""
        self._breakers._reported(self._circuit, self._ticket, "abandoned")


def _told(name: str, refusal: Refusal, rest: float) -> str:
    """Say why a call was not made, and what to do."""
    why = f"because of {refusal.last_failure}" if refusal.last_failure else "because calls failed"
    if refusal.state == "open":
        return f"circuit {name!r} is open for another {rest:.3g} s, {why}; try again after that, or reset it"
    return f"circuit {name!r} was opened {why}, and a probe is under way; try again when that has ended, or reset it"
