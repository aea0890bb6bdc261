"""Retries, circuits, sagas and checkpoints by the names of actions: the one entry point to recovery outside of a run.

What is promised is written where it is kept: attempts and rests in :mod:`.retrying`, circuits in :mod:`.breaker` and
:mod:`.breakers`, sagas in :mod:`.saga` and :mod:`.sagas`, named states in
:mod:`orchestra_nb.durable.states`. Here policies get their names, all events go to one bus, and what was done is
counted. ``execute_…`` is awaited, ``run_…`` is the same from a thread; actions may be sync or async for the first, and
are sync for the second (steps of sagas may be either for both).

Together: ``execute_with_retry(id, lambda: manager.execute_with_circuit_breaker(circuit, action))`` asks the circuit
before each attempt, and rests as long as an open circuit does, at most ``max_delay``. The other way round, with the
retry inside, the circuit would see only one failure for many.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from os import PathLike
from threading import Lock
from typing import Any, TypeVar

from orchestra_nb.config import BreakerPolicy, RetryPolicy
from orchestra_nb.durable.place import cache_folder
from orchestra_nb.durable.states import States
from orchestra_nb.errors import CheckpointError, ConfigError
from orchestra_nb.events import EventBus, Subscriber
from orchestra_nb.presentation import Presented
from orchestra_nb.recovery.breakers import Breakers
from orchestra_nb.recovery.retrying import Retries
from orchestra_nb.recovery.retrying import Surroundings as RetrySurroundings
from orchestra_nb.recovery.saga_result import SagaResult
from orchestra_nb.recovery.saga_running import Surroundings as SagaSurroundings
from orchestra_nb.recovery.sagas import SagaStep, execute_saga, execute_saga_async, resume_saga, resume_saga_async
from orchestra_nb.recovery.statistics import ActionStats, RecoveryStats

T = TypeVar("T")
_NOTHING: Mapping[str, Any] = {}
_THREE_TIMES = RetryPolicy(attempts=3)
_PLAIN = BreakerPolicy()


class RecoveryManager(Presented):
    """Makes calls that may fail, and takes back what a failure leaves half-done.

    Parameters
    ----------
    retry, breaker
        Policies of actions and circuits that have none of their own.
    clock
        Monotonic, in seconds.
    sleep
        Called with seconds in place of a real rest; what it returns is awaited where it can be. ``None``: a real one.
    seed
        Of the chance in rests; ``None``: another one each time.
    bus
        Where events are published; ``None``: on one of its own, see :meth:`on`.
    folder
        The cache folder, for checkpoints; ``None``: ``.cache/orchestration``, or where ``ORCHESTRA_NB_CACHE`` says.

    Examples
    --------
    >>> rests = []
    >>> manager = RecoveryManager(sleep=rests.append, seed=1)
    >>> manager.set_retry_config("load", RetryPolicy(attempts=3, jitter=0))
    >>> answers = iter([OSError("busy"), 42])
    >>> def load():
    ...     answer = next(answers)
    ...     if isinstance(answer, Exception):
    ...         raise answer
    ...     return answer
    >>> manager.run_with_retry("load", load), rests
    (42, [0.5])
    >>> manager.get_recovery_stats().actions["load"].attempts
    2
    """

    def __init__(
        self,
        *,
        retry: RetryPolicy = _THREE_TIMES,
        breaker: BreakerPolicy = _PLAIN,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Any] | None = None,
        seed: int | None = None,
        bus: EventBus | None = None,
        folder: str | PathLike[str] | None = None,
    ) -> None:
        if not isinstance(retry, RetryPolicy):
            raise ConfigError(f"retry={retry!r} must be a RetryPolicy")
        chance = random.Random(seed).random
        self._retry = retry
        self._policies: dict[str, RetryPolicy] = {}
        self._clock, self._began = clock, clock()
        self._bus = EventBus() if bus is None else bus
        self._breakers = Breakers(breaker, clock=clock, bus=self._bus)
        self._around_calls = RetrySurroundings(clock=clock, sleep=sleep, chance=chance)
        self._around_sagas = SagaSurroundings(clock=clock, sleep=sleep, chance=chance, events=self._bus)
        self._folder = folder
        self._lock = Lock()
        self._actions: dict[str, Counter[str]] = {}
        self._sagas: Counter[str] = Counter()

    @property
    def circuits(self) -> Breakers:
        """All its circuits, to be shared with whoever goes through the same ones.

        Examples
        --------
        >>> manager = RecoveryManager()
        >>> manager.run_with_circuit_breaker("weather", lambda: "rain")
        'rain'
        >>> manager.circuits.statistics()["weather"].state
        'closed'
        """
        return self._breakers

    def on(self, pattern: str, subscriber: Subscriber) -> Callable[[], None]:
        """Call ``subscriber(event)`` for each event of that name, such as ``"recovery:*"``; returns what undoes it.

        It is called in step, by the thread whose call made it happen, and before that returns.

        Examples
        --------
        >>> manager, seen = RecoveryManager(breaker=BreakerPolicy(threshold=1)), []
        >>> stop = manager.on("recovery:circuit-*", lambda event: seen.append(event.name))
        >>> try:
        ...     manager.run_with_circuit_breaker("weather", lambda: 1 / 0)
        ... except ZeroDivisionError:
        ...     print(seen)
        ['recovery:circuit-opened']
        >>> stop()
        """
        return self._bus.on(pattern, subscriber, inline=True)

    # Retries.

    def set_retry_config(self, id: str, policy: RetryPolicy) -> None:
        """Give an action a policy of its own, from its next call on.

        Raises
        ------
        ConfigError
            The name or the policy cannot be meant.

        Examples
        --------
        >>> rests = []
        >>> manager = RecoveryManager(sleep=rests.append)
        >>> manager.set_retry_config("load", RetryPolicy(attempts=4, initial_delay=1, multiplier=3, jitter=0))
        >>> answers = iter(["one", "two", "three", "4"])
        >>> manager.run_with_retry("load", lambda: int(next(answers))), rests
        (4, [1.0, 3.0, 9.0])
        """
        if not isinstance(policy, RetryPolicy):
            raise ConfigError(f"action {id!r}: policy={policy!r} must be a RetryPolicy")
        self._policies[_named(id)] = policy

    async def execute_with_retry(self, id: str, action: Callable[[], Awaitable[T] | T]) -> T:
        """Call an action, and again when it fails, as its policy says.

        Parameters
        ----------
        id
            The action's name: of its policy, in events, in the statistics.
        action
            Takes nothing; sync or async.

        Returns
        -------
        object
            What the action returns.

        Raises
        ------
        BaseException
            What its last attempt raised, with a note that says how many there were.

        Examples
        --------
        >>> import asyncio
        >>> manager = RecoveryManager(retry=RetryPolicy(attempts=3, initial_delay=0))
        >>> answers = iter(["not a number", "42"])
        >>> async def load():
        ...     return int(next(answers))
        >>> asyncio.run(manager.execute_with_retry("load", load))
        42
        """
        counts = self._counts(id)

        def attempt() -> Awaitable[T] | T:
            self._count(counts, "attempts")
            return action()

        with _Counted(self, counts):
            return await self._retries(id).call_async(attempt, name=id)

    def run_with_retry(self, id: str, action: Callable[[], T]) -> T:
        """Call a sync action from a thread; otherwise as :meth:`execute_with_retry`.

        Examples
        --------
        >>> manager = RecoveryManager(retry=RetryPolicy(attempts=3, initial_delay=0))
        >>> answers = iter(["not a number", "42"])
        >>> manager.run_with_retry("load", lambda: int(next(answers)))
        42
        >>> manager.run_with_retry("load", lambda: int("never a number"))
        Traceback (most recent call last):
        ValueError: invalid literal for int() with base 10: 'never a number'
        load: attempt 3 of 3, after ... s
        """
        counts = self._counts(id)

        def attempt() -> T:
            self._count(counts, "attempts")
            return action()

        with _Counted(self, counts):
            return self._retries(id).call(attempt, name=id)

    # Circuits.

    def set_breaker_config(self, id: str, policy: BreakerPolicy) -> None:
        """Give a circuit a policy of its own, before its first call; once more the same is fine.

        Raises
        ------
        ConfigError
            The circuit has another policy already, or one of the two cannot be meant.

        Examples
        --------
        >>> manager = RecoveryManager()
        >>> manager.set_breaker_config("weather", BreakerPolicy(threshold=2, rest=10))
        >>> manager.set_breaker_config("weather", BreakerPolicy(threshold=3))
        Traceback (most recent call last):
        orchestra_nb.errors.ConfigError: circuit 'weather' has BreakerPolicy(threshold=2, rest=10, ...) already, ...
        """
        self._breakers.configure(id, policy)

    async def execute_with_circuit_breaker(self, id: str, action: Callable[[], Awaitable[T] | T]) -> T:
        """Call an action through a circuit.

        Parameters
        ----------
        id
            The circuit's name; whoever uses the same name shares it.
        action
            Takes nothing; sync or async.

        Returns
        -------
        object
            What the action returns; what it raises comes through.

        Raises
        ------
        CircuitOpenError
            The circuit lets nothing through, and says until when; the action was not called.

        Examples
        --------
        >>> import asyncio
        >>> manager = RecoveryManager()
        >>> async def ask():
        ...     return "rain"
        >>> asyncio.run(manager.execute_with_circuit_breaker("weather", ask))
        'rain'
        """
        return await self._breakers.call_async(id, action)

    def run_with_circuit_breaker(self, id: str, action: Callable[[], T]) -> T:
        """Call a sync action from a thread; otherwise as :meth:`execute_with_circuit_breaker`.

        Examples
        --------
        >>> from orchestra_nb import CircuitOpenError
        >>> manager = RecoveryManager(breaker=BreakerPolicy(threshold=2, rest=10), clock=lambda: 0.0)
        >>> for attempt in range(3):
        ...     try:
        ...         manager.run_with_circuit_breaker("weather", lambda: 1 / 0)
        ...     except ZeroDivisionError:
        ...         print("called, and failed")
        ...     except CircuitOpenError as error:
        ...         print("not called; again in", error.retry_after, "s")
        called, and failed
        called, and failed
        not called; again in 10.0 s
        """
        return self._breakers.call(id, action)

    def reset_circuit_breaker(self, id: str) -> None:
        """Close a circuit and forget its failures.

        Raises
        ------
        ConfigError
            There is no such circuit.

        Examples
        --------
        >>> manager = RecoveryManager(breaker=BreakerPolicy(threshold=1))
        >>> try:
        ...     manager.run_with_circuit_breaker("weather", lambda: 1 / 0)
        ... except ZeroDivisionError:
        ...     manager.reset_circuit_breaker("weather")
        >>> manager.run_with_circuit_breaker("weather", lambda: "rain")
        'rain'
        """
        self._breakers.reset(id)

    # Sagas.

    async def execute_saga(
        self,
        steps: Iterable[SagaStep],
        context: Mapping[str, Any] = _NOTHING,
        *,
        journal: str | PathLike[str] | None = None,
    ) -> SagaResult:
        """Run steps; when one fails for good, undo those that were done, the latest first.

        Parameters
        ----------
        steps
            What to do; see :class:`.SagaStep`.
        context
            Values for the actions, by name.
        journal
            Path of a new file, so that :meth:`resume_saga` can go on after a crash.

        Returns
        -------
        SagaResult
            Also of a saga that failed: what was done, undone, and could not be undone, and its ``error``.

        Raises
        ------
        DefinitionError, CheckpointError
            As :func:`.execute_saga` does: nothing has run, or the saga has stopped where it was.

        Examples
        --------
        >>> import asyncio
        >>> async def reserve(context):
        ...     return 7
        >>> async def free(context, seat):
        ...     print("free again:", seat)
        >>> def pay(context):
        ...     raise ValueError("the card was refused")
        >>> steps = [SagaStep("seat", reserve, free), SagaStep("pay", pay)]
        >>> print(asyncio.run(RecoveryManager().execute_saga(steps)))
        free again: 7
        failed at step 'pay': ValueError: the card was refused
        undone: seat
        """
        around = self._around_sagas
        return self._saga(await execute_saga_async(steps, context, journal=journal, raises=False, around=around))

    def run_saga(
        self,
        steps: Iterable[SagaStep],
        context: Mapping[str, Any] = _NOTHING,
        *,
        journal: str | PathLike[str] | None = None,
    ) -> SagaResult:
        """Run a saga from a thread; otherwise as :meth:`execute_saga`.

        Examples
        --------
        >>> steps = [SagaStep("seat", lambda context: 7), SagaStep("ticket", lambda context: f"seat {context['seat']}")]
        >>> result = RecoveryManager().run_saga(steps)
        >>> result.success, result.values["ticket"]
        (True, 'seat 7')
        """
        return self._saga(execute_saga(steps, context, journal=journal, raises=False, around=self._around_sagas))

    async def resume_saga(
        self, steps: Iterable[SagaStep], journal: str | PathLike[str], context: Mapping[str, Any] = _NOTHING
    ) -> SagaResult:
        """Go on with a saga whose process ended; what is done does not run again. See :func:`.resume_saga`.

        Examples
        --------
        A step that had begun and never ended is in doubt, so what was done before it is undone:

        >>> import asyncio, tempfile
        >>> from pathlib import Path
        >>> def pay(context):
        ...     raise KeyboardInterrupt  # as if the process ended here
        >>> seat = SagaStep("seat", lambda context: 7, lambda context, seat: print("free:", seat))
        >>> steps = [seat, SagaStep("pay", pay)]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     journal, manager = Path(folder, "saga.jsonl"), RecoveryManager()
        ...     try:
        ...         manager.run_saga(steps, journal=journal)
        ...     except KeyboardInterrupt:
        ...         print(asyncio.run(manager.resume_saga(steps, journal)))
        free: 7
        failed at step 'pay': KeyboardInterrupt
        undone: seat
        in doubt, and nothing undoes it: pay
        """
        return self._saga(await resume_saga_async(steps, journal, context, raises=False, around=self._around_sagas))

    def run_resumed_saga(
        self, steps: Iterable[SagaStep], journal: str | PathLike[str], context: Mapping[str, Any] = _NOTHING
    ) -> SagaResult:
        """Go on with a saga from a thread; otherwise as :meth:`resume_saga`.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> steps = [SagaStep("seat", lambda context: 7), SagaStep("pay", lambda context: "paid")]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     journal, manager = Path(folder, "saga.jsonl"), RecoveryManager()
        ...     first = manager.run_saga(steps, journal=journal)
        ...     manager.run_resumed_saga(steps, journal) == first
        True
        """
        return self._saga(resume_saga(steps, journal, context, raises=False, around=self._around_sagas))

    # Named states.

    def create_checkpoint(self, id: str, state: Any) -> None:
        """Keep a state under a name, on the disk: it survives this process, and a power cut.

        Parameters
        ----------
        id
            The name; an earlier state of that name is replaced, in one step.
        state
            Whatever pickles. The oldest states go when there are more than 64, or more than 256 MB.

        Raises
        ------
        CheckpointError
            It could not be kept; an earlier one of the name is still there.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     RecoveryManager(folder=folder).create_checkpoint("epoch", {"number": 3})
        ...     RecoveryManager(folder=folder).restore_checkpoint("epoch")
        {'number': 3}
        """
        self._states().create(id, state)

    def restore_checkpoint(self, id: str) -> Any:
        """Give back a state that was kept under a name, by this process or another: a new object each time.

        Raises
        ------
        CheckpointError
            There is none, or it is not what was written.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     manager = RecoveryManager(folder=folder)
        ...     manager.create_checkpoint("epoch", {"number": 3})
        ...     manager.create_checkpoint("epoch", {"number": 4})
        ...     manager.restore_checkpoint("epoch")
        {'number': 4}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     RecoveryManager(folder=folder).restore_checkpoint("epoch")
        Traceback (most recent call last):
        orchestra_nb.errors.CheckpointError: there is no checkpoint 'epoch'; none was created here
        """
        return self._states().restore(id)

    def get_checkpoints(self) -> tuple[str, ...]:
        """Name the states that are kept, the oldest first.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     manager = RecoveryManager(folder=folder)
        ...     manager.create_checkpoint("epoch", 3)
        ...     manager.create_checkpoint("best", 2)
        ...     manager.get_checkpoints()
        ('epoch', 'best')
        """
        return self._states().names()

    def clear_checkpoints(self) -> int:
        """Remove all states that are kept; says how many there were.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     manager = RecoveryManager(folder=folder)
        ...     manager.create_checkpoint("epoch", 3)
        ...     manager.clear_checkpoints(), manager.get_checkpoints()
        (1, ())
        """
        return self._states().clear()

    def _states(self) -> States:
        folder = cache_folder() if self._folder is None else self._folder
        if not folder:
            raise CheckpointError("checkpoints are kept nowhere: ORCHESTRA_NB_CACHE is empty; give folder='…'")
        return States(folder)

    # What was done.

    def undone(self, report: SagaResult) -> None:
        """Take note of a saga that somebody else ran, such as the compensations of a run that failed.

        Examples
        --------
        >>> from orchestra_nb.recovery.saga_result import StepFate
        >>> manager = RecoveryManager()
        >>> manager.undone(SagaResult(False, (StepFate("seat", "undone", 1, 1),), ("seat",), ("seat",)))
        >>> stats = manager.get_recovery_stats()
        >>> stats.failed_sagas, stats.compensations
        (1, 1)
        """
        self._saga(report)

    def tried(self, id: str, attempts: int, status: str) -> None:
        """Take note of an action that was tried by somebody else, such as a node of a run.

        Parameters
        ----------
        id
            Its name.
        attempts
            How often it was tried, in all.
        status
            ``"done"`` or ``"failed"``; what was cancelled neither succeeded nor failed.

        Examples
        --------
        >>> manager = RecoveryManager()
        >>> manager.tried("train", attempts=3, status="done")
        >>> found = manager.get_recovery_stats().actions["train"]
        >>> found.calls, found.attempts, found.succeeded
        (1, 3, 1)
        """
        counts = self._counts(id)
        with self._lock:
            counts["calls"] += 1
            counts["attempts"] += attempts
            counts["succeeded"] += status == "done"
            counts["failed"] += status == "failed"

    def get_recovery_stats(self) -> RecoveryStats:
        """Take a snapshot of what was tried again, of all circuits, and of the sagas.

        Examples
        --------
        >>> manager = RecoveryManager(retry=RetryPolicy(attempts=3, initial_delay=0))
        >>> answers = iter(["not a number", "42"])
        >>> _ = manager.run_with_retry("load", lambda: int(next(answers)))
        >>> stats = manager.get_recovery_stats()
        >>> stats.actions["load"].attempts, stats.sagas
        (2, 0)
        """
        with self._lock:
            actions = {id: ActionStats(id, **counts) for id, counts in sorted(self._actions.items())}
            sagas = self._sagas.copy()
        return RecoveryStats(
            at=self._clock() - self._began,
            actions=actions,
            circuits=self._breakers.statistics(),
            sagas=sagas["sagas"],
            failed_sagas=sagas["failed"],
            compensations=sagas["compensated"],
            failed_compensations=sagas["stuck"],
        )

    def _retries(self, id: str) -> Retries:
        policy = self._policies.get(_named(id), self._retry)
        return Retries(policy, bus=self._bus, surroundings=self._around_calls)

    def _counts(self, id: str) -> Counter[str]:
        with self._lock:
            return self._actions.setdefault(_named(id), Counter())

    def _count(self, counts: Counter[str], what: str) -> None:
        with self._lock:
            counts[what] += 1

    def _saga(self, result: SagaResult) -> SagaResult:
        with self._lock:
            self._sagas["sagas"] += 1
            self._sagas["failed"] += not result.success
            self._sagas["compensated"] += len(result.compensated)
            self._sagas["stuck"] += len(result.failed_compensations)
        return result


class _Counted:
    """Counts how a call ended; what was cancelled or interrupted neither succeeded nor failed."""

    def __init__(self, manager: RecoveryManager, counts: Counter[str]) -> None:
        self._manager, self._counts = manager, counts

    def __enter__(self) -> None:
        self._manager._count(self._counts, "calls")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._manager._count(self._counts, "succeeded")
        elif issubclass(kind, Exception):
            self._manager._count(self._counts, "failed")


def _named(id: object) -> str:
    if not isinstance(id, str) or not id:
        raise ConfigError(f"{id!r} must be the name of an action, such as 'load'")
    return id
