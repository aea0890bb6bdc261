"""The saga machine: compensations exactly for what was done, the latest first, and on past a failing one."""

from __future__ import annotations

import itertools
import random

import pytest

from orchestra_nb.config import RetryPolicy
from orchestra_nb.errors import CheckpointError, CycleError, DefinitionError

from .saga_model import (
    ERROR,
    Compensate,
    Fact,
    Failure,
    Finished,
    Part,
    Rest,
    Run,
    Saga,
    Undo,
    expected_undos,
    forward_in_parallel,
    random_parts,
)

SAGAS = 10_000


def chain(*names, **settings):
    return [Part(name, before[-1:], **settings) for name, before in ((n, names[:i]) for i, n in enumerate(names))]


def done(saga, *names):
    for name in names:
        saga.note(Fact("step-begun", name))
        saga.note(Fact("step-done", name))
    return saga


def undone(saga, fails=()):
    """Compensate to the end; gives the steps as their undo is begun."""
    if not saga.compensating:
        saga.note(Fact("compensating"))
    begun = []
    while not isinstance(decision := saga.decide(), Finished):
        if isinstance(decision, Rest):
            saga.rested()
            continue
        begun.append(decision.step)
        saga.note(Fact("undo-begun", decision.step, decision.attempt))
        bad = decision.step in fails
        saga.note(saga.failing(decision.step, ERROR) if bad else Fact("undo-done", decision.step, decision.attempt))
    return begun


def test_a_chain_is_undone_from_its_end():
    assert undone(done(Saga(chain("a", "b", "c", "d")), "a", "b", "c")) == ["c", "b", "a"]


def test_among_independent_steps_the_one_that_was_done_last_is_undone_first():
    assert undone(done(Saga([Part("a"), Part("b"), Part("c")]), "b", "c", "a")) == ["a", "c", "b"]


def test_a_step_is_undone_after_what_used_it_through_a_step_without_an_undo():
    saga = Saga([Part("base"), Part("look", ("base",), undo=False), Part("top", ("look",)), Part("side")])
    assert undone(done(saga, "base", "look", "top", "side")) == ["side", "top", "base"]


def test_a_failed_step_is_not_undone():
    saga = done(Saga(chain("a", "b")), "a")
    saga.note(Fact("step-begun", "b"))
    saga.note(saga.failing("b", ERROR))
    assert saga.decide() == Compensate()
    assert undone(saga) == ["a"]
    assert saga.steps["b"].state == "failed"


def test_a_step_without_an_end_is_in_doubt_and_undone_first():
    saga = done(Saga([Part("a"), Part("b")]), "b")
    saga.note(Fact("step-begun", "a"))
    assert saga.decide() == Compensate()
    assert undone(saga) == ["a", "b"]
    assert saga.steps["a"].in_doubt
    assert not saga.steps["b"].in_doubt


def test_a_failing_compensation_is_tried_again_then_needs_a_person_and_the_rest_goes_on():
    saga = done(Saga(chain("a", "b", "c", compensation_retry=RetryPolicy(attempts=3))), "a", "b", "c")
    assert undone(saga, fails={"b"}) == ["c", "b", "b", "b", "a"]
    assert {name: of.state for name, of in saga.steps.items()} == {"a": "undone", "b": "needs-person", "c": "undone"}
    assert saga.steps["a"].despite == ("b",)
    assert (saga.steps["b"].undo_attempts, saga.steps["b"].undo_error) == (3, ERROR)


def test_who_could_not_be_undone_is_told_through_a_step_without_an_undo():
    saga = Saga([Part("base"), Part("look", ("base",), undo=False), Part("top", ("look",))])
    undone(done(saga, "base", "look", "top"), fails={"top"})
    assert saga.steps["base"].despite == ("top",)


def test_an_error_that_the_policy_does_not_name_is_not_tried_again():
    policy = RetryPolicy(attempts=5, on=("OSError",))
    saga = done(Saga([Part("a", compensation_retry=policy)]), "a")
    saga.note(Fact("compensating"))
    saga.note(Fact("undo-begun", "a"))
    assert saga.failing("a", Failure("ValueError"), ["ValueError", "Exception"]).final
    assert not saga.failing("a", Failure("ConnectionError"), ["ConnectionError", "OSError"]).final


@pytest.mark.parametrize("name", ["CancelledError", "KeyboardInterrupt", "SystemExit", "GeneratorExit"])
def test_who_wants_an_end_is_not_tried_again(name):
    saga = Saga([Part("a", retry=RetryPolicy(attempts=5))])
    saga.note(Fact("step-begun", "a"))
    assert saga.failing("a", Failure(name)).final


def test_rests_are_those_of_the_policy_and_chance_shortens_them():
    policy = RetryPolicy(attempts=4, initial_delay=1.0, multiplier=3.0, jitter=0.5)
    saga = done(Saga([Part("a", compensation_retry=policy)]), "a")
    saga.note(Fact("compensating"))
    rests = []
    for attempt in (1, 2, 3):
        saga.note(Fact("undo-begun", "a", attempt))
        saga.note(saga.failing("a", ERROR))
        rests.append((saga.decide(0.0).seconds, saga.decide(1.0).seconds))
        saga.rested()
        assert saga.decide() == Undo("a", attempt + 1)
    assert rests == [(1.0, 0.5), (3.0, 1.5), (9.0, 4.5)]


def test_an_interrupted_compensation_is_begun_again_as_the_same_attempt():
    saga = done(Saga([Part("a", compensation_retry=RetryPolicy(attempts=1))]), "a")
    saga.note(Fact("compensating"))
    for _ in range(5):
        assert saga.decide() == Undo("a", 1)
        saga.note(Fact("undo-begun", "a", 1))
    saga.note(Fact("undo-done", "a", 1))
    assert saga.decide() == Finished()


def test_steps_without_a_choice_run_in_the_order_of_definition():
    saga = Saga([Part("late", ("early",)), Part("other"), Part("early")])
    order = []
    while isinstance(decision := saga.decide(), Run):
        order.append(decision.step)
        done(saga, decision.step)
    assert order == ["other", "early", "late"]
    assert saga.decide() == Finished()


def test_asking_changes_nothing():
    saga = done(Saga(chain("a", "b")), "a")
    assert {saga.decide() for _ in range(3)} == {Run("b", 1)}


def test_a_chain_of_many_thousands_is_undone_without_recursion():
    names = [f"s{number}" for number in range(20_000)]
    saga = done(Saga([Part(names[0]), *chain(*names[1:-1], undo=False), Part(names[-1])]), *names)
    assert undone(saga) == [names[-1], names[0]]


IMPOSSIBLE = {
    "an unknown step": [Fact("step-begun", "x")],
    "begun before what it uses": [Fact("step-begun", "b")],
    "begun twice": [Fact("step-begun", "a"), Fact("step-begun", "a")],
    "done without a beginning": [Fact("step-done", "a")],
    "an attempt too many": [Fact("step-begun", "a", 2)],
    "undone on the way forward": [Fact("step-begun", "a"), Fact("step-done", "a"), Fact("undo-begun", "a")],
    "undone and never begun": [Fact("compensating"), Fact("undo-begun", "a")],
    "begun on the way back": [Fact("compensating"), Fact("step-begun", "a")],
    "back twice": [Fact("compensating"), Fact("compensating")],
    "undone without a beginning": [
        *(Fact("step-begun", "a"), Fact("step-done", "a")),
        *(Fact("compensating"), Fact("undo-done", "a")),
    ],
    "undone before what used it": [
        *(Fact("step-begun", "a"), Fact("step-done", "a"), Fact("step-begun", "b"), Fact("step-done", "b")),
        *(Fact("compensating"), Fact("undo-begun", "a")),
    ],
}


@pytest.mark.parametrize("facts", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_a_fact_that_cannot_have_happened_is_refused_and_changes_nothing(facts):
    saga = Saga(chain("a", "b"), facts[:-1])
    before = (saga.decide(), {name: of.state for name, of in saga.steps.items()})
    with pytest.raises(CheckpointError):
        saga.note(facts[-1])
    assert (saga.decide(), {name: of.state for name, of in saga.steps.items()}) == before


def test_every_fault_of_the_steps_is_named_at_once():
    with pytest.raises(DefinitionError) as caught:
        Saga([Part("seat"), Part("seat"), Part("pay", ("saet", "bank"))])
    assert [issue.code for issue in caught.value.issues] == ["duplicate-step", "unknown-step", "unknown-step"]
    assert "did you mean 'seat'?" in str(caught.value)


def test_steps_that_use_each_other_are_refused_with_their_circle():
    with pytest.raises(CycleError) as caught:
        Saga([Part("a", ("b",)), Part("b", ("a",))])
    assert set(caught.value.path) == {"a", "b"}


def test_ten_thousand_random_sagas_do_as_the_obvious_model_says():
    """Each is also read back from its facts at a random place, and goes on as if nothing had happened."""
    compensated = given_up = doubted = 0
    for seed in range(SAGAS):
        dice = random.Random(seed)
        parts = random_parts(dice)
        saga = Saga(parts)
        facts, doubtful = forward_in_parallel(saga, dice)
        fails = {part.name: dice.choice([0, 0, 0, 1, 2, 9]) for part in parts}
        expected = expected_undos(parts, list(saga.done), doubtful, fails)
        saga.note(Fact("compensating"))
        facts.append(Fact("compensating"))
        seen = []
        for _ in itertools.count():
            if dice.random() < 0.1:  # a crash, and reading from the journal
                saga = Saga(parts, facts)
            decision = saga.decide(dice.random())
            if isinstance(decision, Finished):
                break
            if isinstance(decision, Rest):
                saga.rested()
                continue
            name, attempt = decision.step, decision.attempt
            begun = Fact("undo-begun", name, attempt)
            saga.note(begun)
            facts.append(begun)
            if dice.random() < 0.05:
                continue  # interrupted
            ended = saga.failing(name, ERROR) if attempt <= fails[name] else Fact("undo-done", name, attempt)
            saga.note(ended)
            facts.append(ended)
            if ended.kind == "undo-done" or ended.final:
                seen.append((name, attempt, ended.kind == "undo-done"))
        assert seen == expected, f"seed {seed}"
        states = {name: of.state for name, of in saga.steps.items()}
        assert all(states[name] == ("undone" if good else "needs-person") for name, _, good in seen), f"seed {seed}"
        assert saga.undone == [name for name, _, good in seen if good]
        assert {name for name, of in saga.steps.items() if of.in_doubt} == set(doubtful)
        compensated += bool(seen)
        given_up += not all(good for *_, good in seen)
        doubted += bool(doubtful)
    assert min(compensated, given_up, doubted) > SAGAS // 20, "the sagas are all alike"
