"""Calling again: how often, after how long, what for, and what never (target W7)."""

from __future__ import annotations

import asyncio
import concurrent.futures
import pickle
import random
import threading
import time
from types import SimpleNamespace
from types import coroutine as types_coroutine

import pytest

from orchestra_nb import ConfigError, EventBus, RetryPolicy
from orchestra_nb.recovery.retrying import Retries, Surroundings

LONG = 60.0
PURPOSE = [
    *(asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit, concurrent.futures.CancelledError),
]


class World:
    """Time that passes while somebody rests, chance that is given, and a body that fails as it is told."""

    def __init__(self, *errors, chance=0.0, takes=0.0):
        self.errors = list(errors)
        self.now = 100.0
        self.rests = []
        self.calls = 0
        self.takes = takes
        self.surroundings = Surroundings(
            clock=lambda: self.now, wall=lambda: 1_700_000_000.0, sleep=self.sleep, chance=lambda: chance
        )

    def sleep(self, seconds):
        self.rests.append(seconds)
        self.now += seconds

    def body(self):
        self.calls += 1
        self.now += self.takes
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    async def body_async(self):
        return self.body()

    def retries(self, policy=None, **given):
        policy = policy or RetryPolicy(attempts=4, initial_delay=1.0, jitter=0.0, max_delay=10.0)
        return Retries(policy, surroundings=self.surroundings, **given)


def call(world, retries, kind):
    """Through either door."""
    if kind == "sync":
        return retries.call(world.body)
    return asyncio.run(retries.call_async(world.body_async if kind == "async" else world.body))


@pytest.mark.parametrize("kind", ["sync", "async", "sync in a task"])
def test_it_rests_longer_each_time_until_an_attempt_succeeds(kind):
    world = World(OSError(1), OSError(2), OSError(3))
    assert call(world, world.retries(), kind) == "done"
    assert (world.calls, world.rests) == (4, [1.0, 2.0, 4.0])


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_the_last_failure_is_raised_as_itself_with_a_note_of_what_it_took(kind):
    last = OSError("the fourth")
    world = World(OSError(1), OSError(2), OSError(3), last, takes=0.5)
    with pytest.raises(OSError, match="the fourth") as caught:
        call(world, world.retries(), kind)
    assert caught.value is last
    assert caught.value.__cause__ is None
    assert last.__notes__ == [f"body{'_async' if kind == 'async' else ''}: attempt 4 of 4, after 9 s"]
    assert caught.traceback[-1].name == "body"
    assert world.rests == [1.0, 2.0, 4.0], "nobody rests after the last one"


def test_one_attempt_is_as_if_nobody_had_asked_for_more():
    world = World(OSError("the only"))
    with pytest.raises(OSError, match="the only") as caught:
        world.retries(RetryPolicy()).call(world.body)
    assert not hasattr(caught.value, "__notes__")
    assert (world.calls, world.rests) == (1, [])


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("error", PURPOSE)
@pytest.mark.parametrize("on", [None, ("BaseException", "CancelledError")])
def test_what_was_ended_on_purpose_is_never_tried_again(kind, error, on):
    world = World(error())
    with pytest.raises(error):
        call(world, world.retries(RetryPolicy(attempts=5, on=on), when=BaseException), kind)
    assert (world.calls, world.rests) == (1, [])


def test_a_coroutine_that_is_closed_ends_at_once():
    world = World()

    @types_coroutine
    def never():
        yield

    running = world.retries().call_async(never)
    running.send(None)
    running.close()
    assert world.rests == []


@pytest.mark.parametrize(
    ("policy", "when", "error", "calls"),
    [
        (("OSError",), None, ConnectionError(), 2),
        (("OSError",), None, ValueError(), 1),
        (None, OSError, ConnectionError(), 2),
        (None, OSError, ValueError(), 1),
        (None, (KeyError, OSError), ConnectionError(), 2),
        (None, (KeyError, OSError), ValueError(), 1),
        (None, lambda error: "busy" in str(error), ValueError("busy"), 2),
        (None, lambda error: "busy" in str(error), ValueError("broken"), 1),
        (("OSError",), lambda error: True, ValueError(), 1),  # both have to agree
        (("OSError",), lambda error: False, OSError(), 1),
    ],
)
def test_another_attempt_is_for_what_is_worth_it(policy, when, error, calls):
    world = World(error)
    retries = world.retries(RetryPolicy(attempts=3, on=policy), when=when)
    if calls == 2:
        assert retries.call(world.body) == "done"
    else:
        with pytest.raises(type(error)) as caught:
            retries.call(world.body)
        told = f"body: attempt 1 of 3, after 0 s; {type(error).__name__} is not worth another"
        assert caught.value.__notes__ == [told]
    assert world.calls == calls


@pytest.mark.parametrize("when", [3, "OSError", (OSError, 3), (), int])
def test_a_filter_that_cannot_be_meant_is_refused(when):
    if when == ():
        assert not Retries(RetryPolicy(), when=when).worth_another(OSError()), "none at all is a meaning"
        return
    with pytest.raises(ConfigError, match="must be exception classes, or a function"):
        Retries(RetryPolicy(), when=when)


def test_a_policy_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="policy=3 must be a RetryPolicy"):
        Retries(3)


def test_a_predicate_that_raises_ends_it_with_what_it_raised():
    world = World(OSError("the call's"))

    def broken(error):
        raise LookupError("the predicate's")

    with pytest.raises(LookupError, match="the predicate's"):
        world.retries(when=broken).call(world.body)
    assert world.calls == 1


def limited(**facts):
    error = OSError("too many")
    vars(error).update(facts)
    return error


@pytest.mark.parametrize(
    ("facts", "rest"),
    [
        ({"retry_after": 7}, 7.0),
        ({"retry_after": 0.2}, 1.0),  # the backoff is longer
        ({"retry_after": 86_400}, 10.0),  # nobody waits longer than the policy says
        ({"response": SimpleNamespace(headers={"Retry-After": "7"})}, 7.0),
        ({"response": SimpleNamespace(headers={"Retry-After": "Tue, 14 Nov 2023 22:13:27 GMT"})}, 7.0),
        ({"headers": {"retry-after": "7"}}, 7.0),
        ({"headers": {"retry-after": "nonsense"}}, 1.0),
    ],
)
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_service_that_says_for_how_long_is_left_alone_so_long(facts, rest, kind):
    world = World(limited(**facts))
    assert call(world, world.retries(), kind) == "done"
    assert world.rests == [rest]


def test_ten_thousand_rests_lie_within_the_bounds_of_their_jitter_and_fill_them():
    draw = random.Random(7)
    policy = RetryPolicy(attempts=9, initial_delay=0.5, multiplier=2.0, max_delay=8.0, jitter=0.5)
    retries = Retries(policy, surroundings=Surroundings(chance=draw.random))
    for attempt in range(1, 9):
        most = min(8.0, 0.5 * 2 ** (attempt - 1))
        rests = [retries.rest_after(attempt, None) for _ in range(1_250)]
        assert most / 2 <= min(rests) < most * 0.52
        assert most * 0.98 < max(rests) <= most


def test_an_event_tells_of_each_rest_before_it():
    bus, told = EventBus(), []
    world = World(OSError("one"), ValueError(), takes=0.25)
    bus.on("recovery:retrying", lambda event: told.append((event, list(world.rests))), inline=True)
    world.retries(bus=bus).call(world.body, name="load")
    (first, before), (second, _) = told
    assert (first.call, first.attempt, first.delay, first.reason, first.at) == ("load", 1, 1.0, "OSError: one", 0.25)
    assert (second.attempt, second.delay, second.reason, second.at) == (2, 2.0, "ValueError", 1.5)
    assert before == []


def test_a_thread_that_rests_is_woken_by_the_cancel_event_and_tries_no_more():
    bus, cancel, calls, ended = EventBus(), threading.Event(), [], []
    rests = threading.Event()
    bus.on("recovery:retrying", lambda event: rests.set(), inline=True)
    retries = Retries(RetryPolicy(attempts=3, initial_delay=3600.0, max_delay=3600.0), bus=bus)

    def body():
        calls.append(1)
        raise OSError("down")

    def work():
        with pytest.raises(OSError, match="down") as caught:
            retries.call(body, cancel=cancel)
        ended.append((time.monotonic(), caught.value.__notes__[0]))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert rests.wait(LONG)
    cancel.set()
    thread.join(LONG)
    ((_, note),) = ended
    assert note.endswith("s; it was cancelled")
    assert len(calls) == 1


def test_no_attempt_follows_one_that_failed_after_the_cancellation():
    world, cancel = World(OSError()), threading.Event()
    cancel.set()
    with pytest.raises(OSError) as caught:  # noqa: PT011
        world.retries().call(world.body, cancel=cancel)
    assert (world.calls, world.rests) == (1, [])
    assert caught.value.__notes__ == ["body: attempt 1 of 4, after 0 s; it was cancelled"]


def test_a_success_after_the_cancellation_is_a_success():
    world, cancel = World(), threading.Event()
    cancel.set()
    assert world.retries().call(world.body, cancel=cancel) == "done"


def test_an_interrupt_during_a_rest_comes_through():
    world = World(OSError())

    def interrupted(seconds):
        raise KeyboardInterrupt

    retries = Retries(RetryPolicy(attempts=3), surroundings=Surroundings(sleep=interrupted))
    with pytest.raises(KeyboardInterrupt):
        retries.call(world.body)
    assert world.calls == 1


def test_a_task_that_rests_is_cancelled_at_once():
    calls = []

    async def body():
        calls.append(1)
        raise OSError("down")

    async def main():
        bus, rests = EventBus(), asyncio.Event()
        bus.on("recovery:retrying", lambda event: rests.set(), inline=True)
        retries = Retries(RetryPolicy(attempts=3, initial_delay=3600.0, max_delay=3600.0), bus=bus)
        task = asyncio.ensure_future(retries.call_async(body))
        await rests.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(main(), LONG))
    assert len(calls) == 1


def test_a_sleep_that_is_awaitable_is_awaited():
    rests = []

    async def sleep(seconds):
        rests.append(seconds)

    world = World(OSError())
    retries = Retries(RetryPolicy(attempts=2, jitter=0), surroundings=Surroundings(sleep=sleep))
    assert asyncio.run(retries.call_async(world.body)) == "done"
    assert rests == [0.5]


def test_tasks_of_one_loop_do_not_disturb_one_another():
    async def sleep(seconds):
        await asyncio.sleep(0)

    retries = Retries(RetryPolicy(attempts=5), surroundings=Surroundings(sleep=sleep))

    async def one(number):
        left = number % 5

        async def body():
            nonlocal left
            await asyncio.sleep(0)
            left -= 1
            if left >= 0:
                raise OSError(number)
            return number

        return await retries.call_async(body)

    async def main():
        return await asyncio.gather(*(one(number) for number in range(100)))

    assert asyncio.run(main()) == list(range(100))


def test_a_body_may_retry_something_itself():
    inner, outer = World(OSError(), OSError()), World()
    outer.body = lambda: inner.retries().call(inner.body)
    assert outer.retries().call(outer.body) == "done"
    assert inner.calls == 3


def test_an_async_function_in_a_sync_call_is_refused_and_not_tried_again():
    world = World()
    with pytest.raises(ConfigError, match="body_async is async, and nothing here awaits it"):
        world.retries().call(world.body_async)
    assert world.rests == []


def test_a_body_that_asks_tenacity_for_another_attempt_gets_no_more_than_there_are():
    from tenacity import TryAgain

    world = World(*(TryAgain() for _ in range(9)))
    with pytest.raises(TryAgain):
        world.retries().call(world.body)
    assert world.calls == 4


def test_what_failed_still_pickles_with_its_note():
    world = World(*(ValueError("no") for _ in range(4)))
    with pytest.raises(ValueError, match="no") as caught:
        world.retries().call(world.body)
    assert pickle.loads(pickle.dumps(caught.value)).__notes__ == caught.value.__notes__
