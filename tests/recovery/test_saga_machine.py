"""The saga machine under Hypothesis, which looks for the shortest way to break a law."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orchestra_nb.config import RetryPolicy

from .saga_model import ERROR, Compensate, Fact, Part, Rest, Saga, Undo, expected_undos

PLACES = st.integers(0, 99)


class Machine(RuleBasedStateMachine):
    """A saga whose steps run in parallel, are interrupted, and are read back from their facts at any moment."""

    @initialize(
        uses=st.lists(st.sets(PLACES, max_size=3), min_size=1, max_size=6),
        undoes=st.lists(st.booleans(), min_size=6, max_size=6),
        attempts=st.integers(1, 3),
    )
    def begin(self, uses, undoes, attempts):
        self.parts = [
            Part(
                f"s{number}",
                tuple({f"s{place % number}" for place in places}) if number else (),
                undo,
                RetryPolicy(attempts=attempts),
                RetryPolicy(attempts=attempts),
            )
            for number, (places, undo) in enumerate(zip(uses, undoes, strict=False))
        ]
        self.saga, self.facts = Saga(self.parts), []
        self.running, self.failures, self.settled = [], {}, []
        self.expected = None

    def note(self, fact):
        self.saga.note(fact)
        self.facts.append(fact)

    def forward(self):
        return not self.saga.compensating

    @precondition(forward)
    @rule(place=PLACES)
    def begin_a_step(self, place):
        steps = self.saga.steps
        can = [
            name
            for name, of in steps.items()
            if of.state in ("waiting", "resting") and all(steps[used].state == "done" for used in of.part.uses)
        ]
        if can:
            name = can[place % len(can)]
            self.note(Fact("step-begun", name, steps[name].attempts + 1))
            self.running.append(name)

    @precondition(lambda self: self.forward() and self.running)
    @rule(place=PLACES, good=st.booleans())
    def end_a_step(self, place, good):
        name = self.running.pop(place % len(self.running))
        attempt = self.saga.steps[name].attempts + 1
        self.note(Fact("step-done", name, attempt, value="1") if good else self.saga.failing(name, ERROR))

    @precondition(forward)
    @rule()
    def turn_back(self):
        if self.running:
            assert self.saga.decide() == Compensate()
        done = list(self.saga.done)
        self.note(Fact("compensating"))
        self.done, self.doubtful, self.running = done, self.running, []

    @precondition(lambda self: self.saga.compensating)
    @rule(how=st.sampled_from(["good", "good", "bad", "interrupted"]))
    def undo_a_step(self, how):
        decision = self.saga.decide()
        if isinstance(decision, Rest):
            self.saga.rested()
            decision = self.saga.decide()
        if not isinstance(decision, Undo):
            return
        name, attempt = decision.step, decision.attempt
        assert name not in [each for each, *_ in self.settled], "a compensation that was settled is begun again"
        self.note(Fact("undo-begun", name, attempt))
        if how == "interrupted":
            return
        fact = Fact("undo-done", name, attempt) if how == "good" else self.saga.failing(name, ERROR)
        self.note(fact)
        self.failures[name] = self.failures.get(name, 0) + (how == "bad")
        if how == "good" or fact.final:
            self.settled.append((name, attempt, how == "good"))

    @rule()
    def read_it_back(self):
        before = self.saga
        self.saga = Saga(self.parts, self.facts)
        assert self.saga.steps == before.steps
        assert (self.saga.done, self.saga.undone) == (before.done, before.undone)

    @invariant()
    def what_is_settled_is_what_the_model_says_so_far(self):
        if getattr(self, "saga", None) is not None and self.saga.compensating:
            fails = {part.name: self.failures.get(part.name, 0) for part in self.parts}
            expected = expected_undos(self.parts, self.done, self.doubtful, fails)
            assert self.settled == expected[: len(self.settled)]

    def teardown(self):
        if not hasattr(self, "saga"):
            return
        if self.forward():
            self.turn_back()
        for _ in range(100):
            self.undo_a_step("good")
        self.what_is_settled_is_what_the_model_says_so_far()
        undone = {name for name, *_ in self.settled}
        assert undone == {part.name for part in self.parts if part.undo and part.name in {*self.done, *self.doubtful}}


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=300, stateful_step_count=30)
