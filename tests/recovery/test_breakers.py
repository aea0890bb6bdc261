"""Circuits that threads and tasks share: who is let through, what counts, and what is told."""

from __future__ import annotations

import asyncio
import pickle
import threading
from contextlib import suppress
from functools import partial

import pytest

from orchestra_nb import BreakerPolicy, CircuitOpenError, ConfigError, EventBus
from orchestra_nb.recovery import breaker, breakers
from orchestra_nb.recovery.breakers import Breakers

from ..interrupting import Injector, set_apart

LONG = 60.0


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def circuits(clock):
    return Breakers(BreakerPolicy(threshold=2, rest=30.0), clock=clock)


def fails(error=None):
    def fn():
        raise error if error is not None else ConnectionError("refused")

    return fn


def failed(circuits, times=2, name="db", error=None):
    for _ in range(times):
        with pytest.raises(BaseException):  # noqa: B017, PT011
            circuits.call(name, fails(error))


def test_what_a_call_returns_and_raises_comes_through_as_itself(circuits):
    assert circuits.call("db", lambda: 42) == 42
    error = ConnectionError("refused")
    with pytest.raises(ConnectionError) as caught:
        circuits.call("db", fails(error))
    assert caught.value is error


def test_an_open_circuit_makes_no_call_and_says_why_and_until_when(circuits, clock):
    failed(circuits)
    clock.now += 10.0
    with pytest.raises(CircuitOpenError) as caught:
        circuits.call("db", lambda: pytest.fail("it was called"))
    error = caught.value
    told = "circuit 'db' is open for another 20 s, because of ConnectionError: refused; try again after that, or reset"
    assert str(error).startswith(told)
    assert (error.circuit, error.last_failure) == ("db", "ConnectionError: refused")
    assert (error.until, error.retry_after) == (1030.0, 20.0)


def test_the_error_pickles_with_all_that_it_says(circuits):
    failed(circuits)
    with pytest.raises(CircuitOpenError) as caught:
        circuits.call("db", fails())
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert vars(again) == vars(caught.value)


def test_circuits_do_not_know_of_one_another(circuits):
    failed(circuits, name="db")
    assert circuits.call("api", lambda: 1) == 1


@pytest.mark.parametrize("kind", [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_was_ended_on_purpose_counts_neither_way(circuits, kind):
    failed(circuits, 1)
    failed(circuits, 5, error=kind())
    assert circuits.statistics()["db"].state == "closed"
    failed(circuits, 1)
    assert circuits.statistics()["db"].state == "open", "the row of failures went on"
    assert circuits.statistics()["db"].abandoned == 5


@pytest.mark.parametrize("kind", [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_probe_that_was_ended_on_purpose_lets_the_next_one_probe(circuits, clock, kind):
    failed(circuits)
    clock.now += 30.0
    failed(circuits, 1, error=kind())
    assert circuits.call("db", lambda: "back") == "back"
    assert circuits.statistics()["db"].state == "closed"


def test_only_named_exceptions_are_failures_and_another_is_an_answer(clock):
    circuits = Breakers(BreakerPolicy(threshold=2, on="OSError"), clock=clock)
    failed(circuits, 1, error=ConnectionError("a subclass"))
    failed(circuits, 1, error=KeyError("an answer"))
    failed(circuits, 1, error=TimeoutError())
    assert circuits.statistics()["db"].state == "closed"
    failed(circuits, 1)
    assert circuits.statistics()["db"].state == "open"


def test_a_circuit_has_the_policy_that_it_was_given_and_no_second_one(circuits):
    mine = BreakerPolicy(threshold=1)
    circuits.configure("api", mine)
    circuits.configure("api", BreakerPolicy(threshold=1))
    failed(circuits, 1, name="api")
    with pytest.raises(CircuitOpenError):
        circuits.call("api", fails())
    with pytest.raises(ConfigError, match=r"circuit 'api' has BreakerPolicy.* already"):
        circuits.configure("api", BreakerPolicy(threshold=3))


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda circuits: circuits.call("", fails()), "'' must be the name of a circuit"),
        (lambda circuits: circuits.call(3, fails()), "3 must be the name of a circuit"),
        (lambda circuits: circuits.reset("dbs"), "there is no circuit 'dbs'; did you mean 'db'"),
        (lambda circuits: Breakers().reset("db"), "none was used so far"),
        (
            lambda circuits: circuits.configure("db", {"threshold": 2}),
            "circuit 'db': policy=.* must be a BreakerPolicy",
        ),
        (lambda circuits: Breakers({"threshold": 2}), "policy=.* must be a BreakerPolicy"),
    ],
)
def test_bad_input_is_one_clear_error(circuits, act, told):
    circuits.call("db", lambda: 1)
    with pytest.raises(ConfigError, match=told):
        act(circuits)


def test_an_async_function_in_a_sync_call_is_refused_and_counts_neither_way(circuits):
    async def load():
        """Never awaited."""

    for _ in range(5):
        with pytest.raises(ConfigError, match="load is async, and nothing here awaits it; use call_async"):
            circuits.call("db", load)
    stats = circuits.statistics()["db"]
    assert (stats.state, stats.succeeded, stats.failed) == ("closed", 0, 0)


def test_a_reset_lets_calls_through_and_forgets_those_under_way(circuits):
    def resets_meanwhile():
        failed(circuits)
        circuits.reset("db")
        raise ConnectionError("late")

    with pytest.raises(ConnectionError):
        circuits.call("db", resets_meanwhile)
    stats = circuits.statistics()["db"]
    assert (stats.state, stats.failures_in_a_row, stats.late) == ("closed", 0, 1)


def test_events_tell_the_story_in_order(clock):
    bus, story = EventBus(), []
    circuits = Breakers(BreakerPolicy(threshold=1, rest=30.0), clock=clock, bus=bus)

    def told(event):
        story.append((event.name.partition("-")[2], event.at, event.circuit))

    bus.on("recovery:circuit-*", told, inline=True)
    failed(circuits, 1)
    failed(circuits, 1)
    clock.now += 30.0
    failed(circuits, 1)
    clock.now += 30.0
    circuits.call("db", lambda: 1)
    failed(circuits, 1)
    circuits.reset("db")
    circuits.reset("db")
    assert story == [
        ("opened", 0.0, "db"),
        ("rejected", 0.0, "db"),
        ("half-open", 30.0, "db"),
        ("opened", 30.0, "db"),
        ("half-open", 60.0, "db"),
        ("closed", 60.0, "db"),
        ("opened", 60.0, "db"),
        ("closed", 60.0, "db"),
    ]


def test_events_say_for_how_long_and_why(circuits):
    seen = []
    undo = circuits.on("recovery:*", seen.append)
    failed(circuits, 3)
    opened, rejected = seen
    assert (opened.rest, opened.reason) == (30.0, "ConnectionError: refused")
    assert rejected.retry_after == 30.0
    undo()
    failed(circuits, 1)
    assert len(seen) == 2


def test_a_subscriber_may_use_the_circuit(circuits):
    circuits.on("recovery:circuit-opened", lambda event: circuits.reset(event.circuit))
    failed(circuits)
    assert circuits.call("db", lambda: 1) == 1


def test_a_snapshot_is_frozen_and_notices_that_the_rest_is_over(circuits, clock):
    failed(circuits, 3)
    clock.now += 10.0
    before = circuits.statistics()
    stats = before["db"]
    assert (stats.state, stats.since, stats.retry_after, stats.opened, stats.rejected) == ("open", 0.0, 20.0, 1, 1)
    assert (before.at, stats.failed, stats.last_failure) == (10.0, 2, "ConnectionError: refused")
    clock.now += 20.0
    assert circuits.statistics()["db"].state == "half-open"
    assert stats.state == "open"


def test_the_rate_of_failures_is_shown(clock):
    circuits = Breakers(BreakerPolicy(rate=0.9), clock=clock)
    failed(circuits, 1)
    for _ in range(3):
        circuits.call("db", lambda: 1)
    assert circuits.statistics()["db"].failure_rate == 0.25


def test_a_thousand_threads_at_a_half_open_circuit_give_exactly_one_probe(circuits, clock):
    failed(circuits)
    clock.now += 30.0
    count, called, refused, all_refused = 1000, [], [], threading.Event()
    start = threading.Barrier(count)

    def probe():
        called.append(threading.get_ident())
        assert all_refused.wait(LONG)

    def work():
        start.wait(LONG)
        try:
            circuits.call("db", probe)
        except CircuitOpenError as error:
            refused.append(error)
            if len(refused) == count - 1:
                all_refused.set()

    before = threading.stack_size(256 * 1024)
    try:
        threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
    finally:
        threading.stack_size(before)
    for thread in threads:
        thread.join(LONG)
    assert (len(called), len(refused)) == (1, count - 1)
    assert "a probe is under way" in str(refused[0])
    assert refused[0].retry_after == 0.0
    assert circuits.statistics()["db"].state == "closed"


def test_a_thousand_tasks_at_a_half_open_circuit_give_exactly_one_probe(circuits, clock):
    failed(circuits)
    clock.now += 30.0

    async def main():
        called, others = [], asyncio.Event()

        async def probe():
            called.append(1)
            await others.wait()

        async def refused():
            try:
                await circuits.call_async("db", probe)
            except CircuitOpenError:
                return True
            return False

        tasks = [asyncio.ensure_future(refused()) for _ in range(1000)]
        while sum(task.done() for task in tasks) < 999:
            await asyncio.sleep(0)
        others.set()
        return len(called), sum(await asyncio.gather(*tasks))

    assert asyncio.run(main()) == (1, 999)


def test_calls_through_a_closed_circuit_run_side_by_side(circuits):
    together = threading.Barrier(8)
    threads = [
        threading.Thread(target=lambda: circuits.call("db", lambda: together.wait(LONG)), daemon=True) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert circuits.statistics()["db"].succeeded == 8, "each waited within its call for all others to be in theirs"


def test_a_task_awaits_what_is_awaitable_and_takes_what_is_not(circuits):
    async def value():
        return 1

    async def main():
        return await circuits.call_async("db", value), await circuits.call_async("db", lambda: 2)

    assert asyncio.run(main()) == (1, 2)
    assert circuits.statistics()["db"].succeeded == 2


def test_a_cancelled_task_gives_its_probe_back(circuits, clock):
    failed(circuits)
    clock.now += 30.0

    async def main():
        begun = asyncio.Event()

        async def hangs():
            begun.set()
            await asyncio.Event().wait()

        task = asyncio.ensure_future(circuits.call_async("db", hangs))
        await begun.wait()
        assert circuits.statistics()["db"].probes == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert circuits.statistics()["db"].probes == 0
        return await circuits.call_async("db", lambda: "back")

    assert asyncio.run(main()) == "back"


def test_async_failures_open_the_circuit(circuits):
    async def refuses():
        raise ConnectionError("refused")

    async def main():
        for _ in range(2):
            with pytest.raises(ConnectionError):
                await circuits.call_async("db", refuses)
        with pytest.raises(CircuitOpenError):
            await circuits.call_async("db", refuses)

    asyncio.run(main())


def prepared(story):
    """Circuits at the beginning of a story, their clock, and the function that is to be called."""
    clock = Clock()
    circuits = Breakers(BreakerPolicy(threshold=1, rest=30.0), clock=clock)
    circuits.call("db", lambda: 1)
    if story in ("probe", "failing probe", "refused"):
        failed(circuits, 1)
        clock.now += 0.0 if story == "refused" else 30.0
    return circuits, clock, fails() if story in ("failure", "failing probe") else lambda: 1


def interrupted(circuits, fn, moment):
    """Whether an interrupt came before that line of ours."""
    injector = Injector({breaker.__file__, breakers.__file__}, [moment])
    with suppress(KeyboardInterrupt, ConnectionError, CircuitOpenError), injector:
        circuits.call("db", fn)
    return injector.raised


@pytest.mark.parametrize("story", ["success", "failure", "probe", "failing probe", "refused"])
def test_an_interrupt_before_any_line_leaves_a_circuit_that_works(story):
    moment = 1
    while True:
        circuits, clock, fn = prepared(story)
        if not set_apart(partial(interrupted, circuits, fn, moment)):
            break
        worker = threading.Thread(target=circuits.statistics, daemon=True)
        worker.start()
        worker.join(LONG)
        assert not worker.is_alive(), "the lock stayed taken"
        clock.now += 60.0  # a rest and a lease
        assert circuits.call("db", lambda: "back") == "back"
        assert circuits.statistics()["db"].state == "closed"
        moment += 1
    assert moment > 20
