"""The one entry point: policies by name, everything counted, the same from a task and from a thread."""

from __future__ import annotations

import asyncio

import pytest

from orchestra_nb.config import BreakerPolicy, RetryPolicy
from orchestra_nb.errors import CircuitOpenError, ConfigError, DefinitionError
from orchestra_nb.recovery.manager import RecoveryManager
from orchestra_nb.recovery.sagas import SagaStep

TWICE = RetryPolicy(attempts=2, jitter=0)


class Lab:
    """A manager whose time is its rests, and what was called and told."""

    def __init__(self, **settings):
        self.now, self.rests, self.told, self.calls = 100.0, [], [], []
        self.manager = RecoveryManager(clock=lambda: self.now, sleep=self.rest, seed=1, **settings)
        self.manager.on("*", lambda event: self.told.append(event.name))

    def rest(self, seconds):
        self.rests.append(seconds)
        self.now += seconds

    def action(self, *ends, coroutine=False):
        """Make an action that ends in turn as it is told, the last for ever."""
        left = list(ends)

        def act(*_):
            self.calls.append(len(left))
            end = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(end, BaseException):
                raise end
            return end

        async def act_later(*_):
            await asyncio.sleep(0)
            return act()

        return act_later if coroutine else act

    def stats(self):
        return self.manager.get_recovery_stats()


def awaited(how, manager, what, *args, **kwargs):
    """Call one of the twins, ``execute_…`` or ``run_…``."""
    if how == "thread":
        return getattr(manager, f"run_{what}")(*args, **kwargs)
    return asyncio.run(getattr(manager, f"execute_{what}")(*args, **kwargs))


HOW = pytest.mark.parametrize(("how", "coroutine"), [("thread", False), ("task", False), ("task", True)])


@HOW
def test_an_action_has_the_policy_of_its_name_and_others_the_usual_one(how, coroutine):
    lab = Lab()
    lab.manager.set_retry_config("a", TWICE)
    for id, attempts in (("a", 2), ("b", 3)):
        lab.calls.clear()
        with pytest.raises(OSError, match="no") as caught:
            awaited(how, lab.manager, "with_retry", id, lab.action(OSError("no"), coroutine=coroutine))
        assert len(lab.calls) == attempts
        assert f"{id}: attempt {attempts} of {attempts}" in caught.value.__notes__[0]
    assert lab.rests[0] == TWICE.delay(1, 0.0)
    assert {id: (each.calls, each.attempts, each.failed) for id, each in lab.stats().actions.items()} == {
        "a": (1, 2, 1),
        "b": (1, 3, 1),
    }
    assert lab.told == ["recovery:retrying"] * 3


@HOW
def test_an_action_that_succeeds_at_last_counts_once(how, coroutine):
    lab = Lab()
    action = lab.action(OSError(), 42, coroutine=coroutine)
    assert awaited(how, lab.manager, "with_retry", "a", action) == 42
    (stats,) = lab.stats().actions.values()
    assert (stats.calls, stats.attempts, stats.succeeded, stats.failed) == (1, 2, 1, 0)


def test_what_was_cancelled_neither_succeeded_nor_failed():
    lab = Lab()

    async def main():
        task = asyncio.create_task(lab.manager.execute_with_retry("a", lambda: asyncio.sleep(3600)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    (stats,) = lab.stats().actions.values()
    assert (stats.calls, stats.attempts, stats.succeeded, stats.failed) == (1, 1, 0, 0)


def test_the_same_seed_gives_the_same_rests():
    def rests(seed):
        found = []
        manager = RecoveryManager(sleep=found.append, seed=seed)
        with pytest.raises(OSError, match="no"):
            manager.run_with_retry("a", Lab().action(OSError("no")))
        return found

    assert rests(1) == rests(1) != rests(2)


@HOW
def test_a_circuit_opens_rests_and_closes(how, coroutine):
    lab = Lab(breaker=BreakerPolicy(threshold=2, rest=30.0))
    action = lab.action(OSError("down"), OSError("down"), 42, coroutine=coroutine)
    for _ in range(2):
        with pytest.raises(OSError, match="down"):
            awaited(how, lab.manager, "with_circuit_breaker", "db", action)
    with pytest.raises(CircuitOpenError, match="down"):
        awaited(how, lab.manager, "with_circuit_breaker", "db", action)
    assert len(lab.calls) == 2
    lab.now += 30.0
    assert awaited(how, lab.manager, "with_circuit_breaker", "db", action) == 42
    assert lab.stats().circuits["db"].state == "closed"
    assert lab.told == [f"recovery:circuit-{state}" for state in ("opened", "rejected", "half-open", "closed")]


def test_a_circuit_that_is_reset_is_asked_again_at_once():
    lab = Lab()
    lab.manager.set_breaker_config("db", BreakerPolicy(threshold=1))
    action = lab.action(OSError("no"), 42)
    with pytest.raises(OSError, match="no"):
        lab.manager.run_with_circuit_breaker("db", action)
    lab.manager.reset_circuit_breaker("db")
    assert lab.manager.run_with_circuit_breaker("db", action) == 42


@pytest.mark.parametrize("how", ["thread", "task"])
def test_retries_around_a_circuit_rest_as_long_as_it_does(how):
    lab = Lab(breaker=BreakerPolicy(threshold=1, rest=7.0), retry=RetryPolicy(attempts=3, jitter=0))
    action = lab.action(OSError(), 42)
    if how == "thread":
        assert lab.manager.run_with_retry("a", lambda: lab.manager.run_with_circuit_breaker("db", action)) == 42
    else:
        retried = lab.manager.execute_with_retry("a", lambda: lab.manager.execute_with_circuit_breaker("db", action))
        assert asyncio.run(retried) == 42
    assert len(lab.calls) == 2
    assert lab.rests == [0.5, 6.5]  # the second attempt met the open circuit


@HOW
def test_a_saga_that_fails_is_a_result_and_is_counted(how, coroutine):
    lab = Lab()
    steps = [
        SagaStep("a", lab.action(1, coroutine=coroutine), lab.action(None, coroutine=coroutine)),
        SagaStep("b", lab.action(2), lab.action(OSError()), compensation_retry=TWICE),
        SagaStep("c", lab.action(ValueError("no"))),
    ]
    result = awaited(how, lab.manager, "saga", steps, {"given": 0})
    assert (result.success, result.completed, result.compensated) == (False, ("a", "b"), ("a",))
    assert [step.step for step in result.failed_compensations] == ["b"]
    assert isinstance(result.error, ValueError)
    assert awaited(how, lab.manager, "saga", [SagaStep("a", lab.action(1, coroutine=coroutine))]).values == {"a": 1}
    stats = lab.stats()
    assert (stats.sagas, stats.failed_sagas, stats.compensations, stats.failed_compensations) == (2, 1, 1, 1)
    assert "recovery:saga-ended" in lab.told


def test_a_saga_goes_on_from_its_journal(tmp_path):
    lab = Lab()
    steps = [SagaStep("a", lab.action(1)), SagaStep("b", lab.action(2))]
    assert lab.manager.run_saga(steps, journal=tmp_path / "saga").success
    lab.calls.clear()
    assert lab.manager.run_resumed_saga(steps, tmp_path / "saga").values == {"a": 1, "b": 2}
    assert asyncio.run(lab.manager.resume_saga(steps, tmp_path / "saga")).success
    assert lab.calls == []


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        (lambda manager: RecoveryManager(retry=3), ConfigError, "retry=3 must be a RetryPolicy"),
        (lambda manager: RecoveryManager(breaker=3), ConfigError, "policy=3 must be a BreakerPolicy"),
        (lambda manager: manager.set_retry_config("a", 3), ConfigError, "action 'a': policy=3 must be a RetryPolicy"),
        (lambda manager: manager.set_retry_config("", TWICE), ConfigError, "'' must be the name of an action"),
        (lambda manager: manager.run_with_retry(7, print), ConfigError, "7 must be the name of an action"),
        (lambda manager: manager.reset_circuit_breaker("db"), ConfigError, "there is no circuit 'db'"),
        (lambda manager: manager.run_saga([3]), DefinitionError, "3 is no SagaStep"),
    ],
)
def test_what_cannot_be_meant_is_named_before_anything_is_called(wrong, error, said):
    manager = RecoveryManager()
    with pytest.raises(error, match=said):
        wrong(manager)
    assert manager.get_recovery_stats().actions == {}


def test_it_shows_itself_with_names_that_do_no_harm():
    lab = Lab(breaker=BreakerPolicy(threshold=1))
    lab.manager.run_with_retry("<b>a</b>", lambda: 1)
    lab.manager.run_with_circuit_breaker("<i>db</i>", lambda: 1)
    bundle = lab.manager._repr_mimebundle_()
    assert bundle["text/plain"].splitlines()[0] == "1 action"
    assert "0 sagas, 0 failed; 0 steps undone, 0 could not be" in bundle["text/plain"]
    assert "<b>" not in bundle["text/html"]
    assert "<i>" not in bundle["text/html"]
    frame = lab.manager.frame
    assert frame.to_dict("records") == [{"action": "<b>a</b>", "calls": 1, "attempts": 1, "succeeded": 1, "failed": 0}]
    empty = RecoveryManager().frame
    assert (len(empty), list(empty.dtypes)) == (0, list(frame.dtypes))
