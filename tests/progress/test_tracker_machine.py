"""The tracker under Hypothesis, against a model that is slow and obvious."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import ProgressError
from orchestra_nb.graph import DAG, grown
from orchestra_nb.model import Node
from orchestra_nb.progress.state import ENDS, STANDINGS
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.running.history import open_history

PLACES = st.integers(0, 99)


class Machine(RuleBasedStateMachine):
    """Whoever drives a tracker by hand, in any order."""

    @initialize(count=st.integers(0, 5))
    def begin(self, count):
        self.now = 0.0
        self.dag = DAG(Node(f"n{i}", after=[f"n{i - 1}"] if i % 2 else []) for i in range(count))
        self.tracker = ProgressTracker(clock=lambda: self.now, history=open_history(RunConfig(history=False)))
        self.tracker.initialize(self.dag, "by hand")
        self.model = dict.fromkeys(self.dag.nodes, "pending")
        self.began = {}
        self.over, self.percent = False, 0.0

    @rule(seconds=st.sampled_from([0.0, 0.5, 100.0]))
    def time(self, seconds):
        self.now += seconds

    @rule(place=PLACES, standing=st.sampled_from(STANDINGS))
    def update(self, place, standing):
        if not self.model:
            return
        name = list(self.model)[place % len(self.model)]
        now = self.model[name]
        same = standing == now and standing not in ("in_progress",)
        fits = now not in ENDS and not self.over and (standing != "pending" or now == "pending")
        if same or fits:
            self.tracker.update(name, standing)
            self.model[name] = standing
            if standing == "in_progress":
                self.began.setdefault(name)
        else:
            with pytest.raises(ProgressError):
                self.tracker.update(name, standing)

    @rule(place=PLACES, new=st.integers(1, 3))
    def grow(self, place, new):
        if not self.model:
            return
        by = list(self.model)[place % len(self.model)]
        names = [f"g{len(self.model) + i}" for i in range(new)]
        dag = grown(self.dag, by, [Node(name) for name in names])
        if self.over:
            with pytest.raises(ProgressError):
                self.tracker.grow(dag)
            return
        self.tracker.grow(dag)
        self.dag = dag
        self.model |= dict.fromkeys(names, "pending")

    @rule()
    def unknown(self):
        with pytest.raises(ProgressError):
            self.tracker.mark_started("nobody")

    @rule()
    def complete(self):
        assert self.tracker.complete()
        if not self.over:
            early = {"pending": "skipped", "in_progress": "cancelled"}
            self.model = {name: early.get(standing, standing) for name, standing in self.model.items()}
        self.over = True

    @invariant()
    def it_is_as_the_model_says(self):
        stats = self.tracker.get_stats()
        standings = list(self.model.values())
        assert {name: getattr(stats.counts, name) for name in STANDINGS} == {
            name: standings.count(name) for name in STANDINGS
        }
        assert list(stats.active) == [name for name in self.began if self.model[name] == "in_progress"]
        assert stats.percent >= self.percent
        assert (stats.percent == 100.0) == self.over == stats.over
        self.percent = stats.percent
        assert 0.0 <= stats.eta.low <= stats.eta.expected <= stats.eta.high
        assert (stats.eta.high == 0.0) or not self.over
        assert sum(phase.counts.total for phase in stats.phases) == len(self.model)
        ticked = [todo["status"] == "completed" for todo in self.tracker.todos]
        assert ticked == [standing == "completed" for standing in standings]


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=150, stateful_step_count=25)
