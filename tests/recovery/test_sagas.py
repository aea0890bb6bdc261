"""Sagas as users write them: from a thread, from a task, and what is said when they fail."""

from __future__ import annotations

import asyncio
import json
import pickle
import threading

import pytest

from orchestra_nb.config import RetryPolicy
from orchestra_nb.errors import CycleError, DefinitionError, OrchestraError, SagaFailed
from orchestra_nb.events import EventBus
from orchestra_nb.recovery.saga_result import Unknown
from orchestra_nb.recovery.saga_running import Surroundings
from orchestra_nb.recovery.sagas import SagaStep, execute_saga, execute_saga_async


class World:
    """Steps that write down what is called; time stands still but for rests."""

    def __init__(self):
        self.calls, self.rests, self.events, bus = [], [], [], EventBus()
        bus.on("*", self.events.append, inline=True)
        self.around = Surroundings(clock=lambda: 0.0, sleep=self.rests.append, chance=lambda: 0.0, events=bus)

    def step(self, name, fails=0, undo_fails=0, error=OSError, coroutine=False, **settings):
        left = {"do": fails, "undo": undo_fails}

        def act(what, *seen):
            self.calls.append((what, name))
            left[what] -= 1
            if left[what] >= 0:
                raise error(f"{what} {name}")
            return f"{name}!"

        def do(context):
            return act("do")

        def undo(context, result):
            assert isinstance(result, Unknown) or result == f"{name}!"
            return act("undo")

        async def do_later(context):
            await asyncio.sleep(0)
            return act("do")

        async def undo_later(context, result):
            await asyncio.sleep(0)
            return act("undo")

        return SagaStep(name, *((do_later, undo_later) if coroutine else (do, undo)), **settings)

    def run(self, steps, **options):
        return execute_saga(steps, around=self.around, **options)


def executed(how, world, steps, **options):
    if how == "thread":
        return world.run(steps, **options)
    return asyncio.run(execute_saga_async(steps, around=world.around, **options))


@pytest.fixture(params=["thread", "task"])
def how(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["functions", "coroutines"])
def coroutine(request):
    return request.param


def test_every_step_runs_and_sees_the_results_so_far(how):
    seen = []
    steps = [SagaStep("a", lambda context: 1), SagaStep("b", lambda context: seen.append(dict(context)) or 2)]
    report = executed(how, World(), steps, context={"given": 0})
    assert (report.success, dict(report.values), seen) == (True, {"a": 1, "b": 2}, [{"given": 0, "a": 1}])


def test_a_failure_undoes_what_was_done_the_latest_first(how, coroutine):
    world = World()
    steps = [world.step(name, coroutine=coroutine) for name in "abc"] + [world.step("d", fails=1, coroutine=coroutine)]
    report = executed(how, world, [*steps, world.step("e")], raises=False)
    assert world.calls[4:] == [("undo", "c"), ("undo", "b"), ("undo", "a")]
    assert (report.completed, report.compensated, report.never_begun) == (("a", "b", "c"), ("c", "b", "a"), ("e",))
    assert type(report.error) is OSError
    assert report.clean


def test_a_failure_raises_an_error_that_says_what_is_still_true(how):
    world = World()
    steps = [world.step("a"), world.step("b", undo_fails=9), SagaStep("mail", lambda context: None), world.step("c", 1)]
    with pytest.raises(SagaFailed) as caught:
        executed(how, world, steps)
    assert str(caught.value).splitlines() == [
        "the saga failed at step 'c': OSError: do c",
        "undone: a",
        "needs a person: b (tried 3 times: OSError: undo b)",
        "undone although what used it was not: a (used by b)",
        "still done, and nothing undoes it: mail",
        "undo by hand what needs a person",
    ]
    assert type(caught.value.__cause__) is OSError
    assert isinstance(caught.value, OrchestraError)
    (stuck,) = caught.value.report.failed_compensations
    assert (stuck.step, stuck.undo_attempts, stuck.undo_error) == ("b", 3, "OSError: undo b")
    assert caught.value.report.steps[0].despite == ("b",)


def test_actions_and_undos_are_tried_again_after_the_rests_of_their_policies(how):
    world = World()
    policy = RetryPolicy(attempts=3, initial_delay=1.0)
    undo_policy = RetryPolicy(attempts=3, initial_delay=10.0)
    steps = [world.step("a", 2, 2, retry=policy, compensation_retry=undo_policy), world.step("b", 9, retry=policy)]
    report = executed(how, world, steps, raises=False)
    assert world.rests == [1.0, 2.0, 1.0, 2.0, 10.0, 20.0]
    assert [(step.fate, step.attempts, step.undo_attempts) for step in report.steps] == [
        ("undone", 3, 3),
        ("failed", 3, 0),
    ]


def test_an_interrupt_of_an_action_is_raised_after_everything_was_undone(how, coroutine):
    world = World()
    error = asyncio.CancelledError if how == "task" else KeyboardInterrupt
    steps = [world.step("a"), world.step("b", fails=1, error=error, coroutine=coroutine), world.step("c")]
    with pytest.raises(error) as caught:
        executed(how, world, steps)
    assert world.calls == [("do", "a"), ("do", "b"), ("undo", "b"), ("undo", "a")]
    assert any("undone: b, a" in note for note in caught.value.__notes__)


def test_an_interrupt_of_an_undo_is_raised_at_once_and_says_what_is_left(how):
    world = World()
    error = asyncio.CancelledError if how == "task" else KeyboardInterrupt
    steps = [world.step("a"), world.step("b", undo_fails=1, error=error), world.step("c", fails=1)]
    with pytest.raises(error) as caught:
        executed(how, world, steps)
    assert world.calls[-1] == ("undo", "b")
    assert "still to be undone: a, b" in "\n".join(caught.value.__notes__)


def test_an_interrupt_of_a_rest_turns_the_saga_back():
    world = World()

    def stop(seconds):
        raise KeyboardInterrupt

    around = Surroundings(sleep=stop, events=world.around.events)
    steps = [world.step("a"), world.step("b", fails=1, retry=RetryPolicy(attempts=2))]
    with pytest.raises(KeyboardInterrupt):
        execute_saga(steps, around=around)
    assert world.calls == [("do", "a"), ("do", "b"), ("undo", "a")], "b failed, and is not in doubt"


def test_a_real_cancellation_undoes_and_is_passed_on():
    world, begun = World(), []

    async def forever(context):
        begun.append(True)
        await asyncio.Event().wait()

    async def main():
        task = asyncio.create_task(execute_saga_async([world.step("a"), SagaStep("b", forever)], around=world.around))
        while not begun:
            await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert world.calls == [("do", "a"), ("undo", "a")]


def test_coroutines_of_a_thread_share_one_loop_that_ends_with_the_saga():
    loops = []

    async def look(context):
        loops.append(asyncio.get_running_loop())

    before = set(threading.enumerate())  # some of which an earlier test has left, and may end
    execute_saga([SagaStep("a", look), SagaStep("b", look)])
    assert loops[0] is loops[1]
    assert loops[0].is_closed()
    assert set(threading.enumerate()) <= before


def test_a_saga_with_coroutines_runs_where_a_loop_is_running():
    async def one(context):
        return 1

    async def main():
        return execute_saga([SagaStep("a", one)])

    assert asyncio.run(main()).values == {"a": 1}


def test_the_context_cannot_be_changed():
    def change(context):
        context["a"] = 1

    with pytest.raises(SagaFailed, match="does not support item assignment"):
        execute_saga([SagaStep("a", change)])


def test_a_step_is_undone_after_all_that_used_it():
    world = World()
    steps = [
        world.step("base", after=()),
        world.step("side", after=()),
        world.step("left", after=("base",)),
        world.step("right", after=["base"]),
        world.step("end", fails=1, after=("left", "right", "side")),
    ]
    report = world.run(steps, raises=False)
    assert report.compensated == ("right", "left", "side", "base")


def test_events_tell_it_all_in_order():
    world = World()
    steps = [world.step("a", undo_fails=1), world.step("b", fails=1)]
    world.run(steps, raises=False)
    assert [event.name.removeprefix("recovery:") for event in world.events] == [
        *("saga-started", "step-done", "undo-started", "undo-failed", "undo-started", "undone", "saga-ended")
    ]
    assert (world.events[3].reason, world.events[3].final) == ("OSError: undo a", False)
    assert (world.events[-1].success, world.events[-1].undone) == (False, ("a",))


def test_an_observer_that_raises_hurts_nobody():
    world = World()
    world.around.events.on("*", lambda event: 1 / 0, inline=True)
    assert world.run([world.step("a")]).success


def yields(*given):
    yield


BAD = {
    "no-step": [print],
    "duplicate-step": [SagaStep("a", print), SagaStep("a", print)],
    "no-action": [SagaStep("a", None)],
    "no-compensation": [SagaStep("a", print, 5)],
    "generator-action": [SagaStep("a", yields)],
    "generator-compensation": [SagaStep("a", print, yields)],
    "no-policy": [SagaStep("a", print, retry=3)],
    "no-name": [SagaStep("", print)],
    "bad-after": [SagaStep("a", print, after="a")],
    "unknown-step": [SagaStep("a", print, after=("b",))],
}


@pytest.mark.parametrize(("code", "steps"), BAD.items(), ids=BAD.keys())
def test_steps_that_cannot_be_meant_are_refused_before_anything_runs(code, steps, tmp_path):
    world = World()
    with pytest.raises(DefinitionError) as caught:
        world.run([world.step("first"), *steps], journal=tmp_path / "saga")
    assert [issue.code for issue in caught.value.issues] == [code]
    assert (world.calls, list(tmp_path.iterdir())) == ([], [])


def test_every_fault_of_the_steps_is_named_at_once():
    with pytest.raises(DefinitionError) as caught:
        execute_saga([SagaStep("a", None, 5, retry=1), SagaStep("", print), 7])
    assert [issue.code for issue in caught.value.issues] == [
        "no-action",
        "no-compensation",
        "no-policy",
        "no-name",
        "no-step",
    ]


def test_what_is_no_list_of_steps_is_refused():
    with pytest.raises(DefinitionError, match="steps=3 is no list of steps"):
        execute_saga(3)


def test_a_generator_has_undone_nothing():
    def fails(context):
        raise ValueError

    undo_once = SagaStep("a", lambda context: 1, lambda *given: yields(), compensation_retry=RetryPolicy(attempts=1))
    (fate, _) = execute_saga([undo_once, SagaStep("b", fails)], raises=False).steps
    assert (fate.fate, fate.undo_error) == ("needs-person", "TypeError: it gave a generator, whose body nobody has run")


def test_a_circle_is_refused():
    with pytest.raises(CycleError):
        execute_saga([SagaStep("a", print, after=("b",)), SagaStep("b", print, after=("a",))])


def test_a_context_that_hides_a_step_is_refused():
    with pytest.raises(DefinitionError, match=r"those of steps: \['a'\]"):
        execute_saga([SagaStep("a", print)], {"a": 1})


class Odd(Exception):
    def __init__(self, one, two):
        super().__init__(one)


@pytest.mark.parametrize("error", [lambda text: Odd(text, 2), ValueError])
def test_the_error_and_its_report_pickle(error):
    world = World()
    with pytest.raises(SagaFailed) as caught:
        world.run([SagaStep("lock", lambda context: threading.Lock()), world.step("a", fails=1, error=error)])
    back = pickle.loads(pickle.dumps(caught.value))
    assert (str(back), back.report) == (str(caught.value), caught.value.report)
    assert "do a" in str(back.report.error)
    assert "lock" in caught.value.report.values


def test_a_report_has_a_frame_a_json_form_and_a_picture():
    world = World()
    report = world.run([world.step("a", undo_fails=9), world.step("<b>", fails=1)], raises=False)
    assert list(report.frame.step) == ["a", "<b>"]
    assert list(report.frame.fate) == ["needs-person", "failed"]
    assert json.loads(json.dumps(report.to_json()))["failed_compensations"] == ["a"]
    assert "<b>" not in report._repr_mimebundle_()["text/html"]


def test_an_error_whose_text_cannot_be_made_is_a_failure_like_others():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError

    world = World()
    report = world.run([world.step("a"), world.step("b", fails=1, error=lambda text: Mute())], raises=False)
    assert (report.compensated, report.cause) == (("a",), "step 'b': Mute")


def test_no_steps_are_a_saga_that_is_done():
    assert execute_saga([]).success
