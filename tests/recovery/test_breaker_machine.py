"""The breaker under Hypothesis, beside a model that works everything out from the whole history."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orchestra_nb.config import BreakerPolicy
from orchestra_nb.recovery.breaker import Breaker, Refusal

from .breaker_worlds import Model

EXAMPLES = max(50, int(os.environ.get("ORCHESTRA_NB_SEEDS", "100000")) // 200)
POLICIES = st.builds(
    BreakerPolicy,
    threshold=st.sampled_from([1, 2]),
    rest=st.just(1.0),
    rate=st.sampled_from([None, 0.5]),
    window=st.just(2.0),
    minimum=st.integers(1, 3),
    probes=st.integers(1, 3),
    lease=st.sampled_from([None, 0.5]),
    multiplier=st.sampled_from([1.0, 2.0]),
    max_rest=st.just(8.0),
)


class Machine(RuleBasedStateMachine):
    """A breaker and its model, asked and told the same."""

    @initialize(policy=POLICIES)
    def begin(self, policy):
        self.breaker, self.model = Breaker(policy, 0.0), Model(policy)
        self.tickets = []

    @rule()
    def ask(self):
        answer, expected = self.breaker.ask(self.model.now), self.model.ask()
        if isinstance(answer, Refusal):
            assert (answer.state, answer.until) == expected
            assert answer.last_failure == "because"
        else:
            assert isinstance(expected, int)
            self.tickets.append((answer, expected))

    @precondition(lambda self: self.tickets)
    @rule(place=st.integers(0, 99), result=st.sampled_from(["success", "failure", "abandoned"]))
    def report(self, place, result):
        ticket, number = self.tickets[place % len(self.tickets)]  # also one that has reported before
        assert self.breaker.report(ticket, result, self.model.now, "because") == self.model.report(number, result)

    @rule(seconds=st.sampled_from([1.0, 0.5, 3.0]))
    def time(self, seconds):
        self.model.now += seconds

    @rule(asks=st.integers(1, 4), results=st.lists(st.sampled_from(["success", "failure"]), max_size=4))
    def a_turn_of_calls(self, asks, results):
        for _ in range(asks):
            self.ask()
        for place, result in enumerate(results[: len(self.tickets)]):
            self.report(len(self.tickets) - 1 - place, result)

    @precondition(lambda self: self.model.state != "closed")
    @rule()
    def reset(self):
        self.breaker.reset(self.model.now)
        self.model.enter("closed")

    @rule()
    def look(self):
        self.breaker.pass_time(self.model.now)
        if self.model.state == "open" and self.model.now >= self.model.until:
            self.model.enter("half-open")

    @invariant()
    def they_agree(self):
        if not hasattr(self, "model"):
            return
        phase, model = self.breaker.phase, self.model
        assert (phase.state, phase.generation) == (model.state, model.generation)
        if model.state == "closed":
            assert phase.failures == model.failures()
        if model.state == "half-open":
            assert len([end for end in phase.leases.values() if end > model.now]) == len(model.running())
            assert len(model.running()) <= model.policy.probes


TestMachine = pytest.mark.timeout(600)(Machine.TestCase)
TestMachine.settings = settings(max_examples=EXAMPLES, stateful_step_count=40)
