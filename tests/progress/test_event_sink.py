"""A tracker's states as events, where everything else is told."""

from __future__ import annotations

from orchestra_nb import DAG, EventBus, Node, ParallelScheduler, ProgressTracker, RunConfig
from orchestra_nb.config import SinkPolicy
from orchestra_nb.events import ProgressUpdated
from orchestra_nb.progress.event_sink import EventSink
from orchestra_nb.running.history import open_history


def test_states_are_told_on_the_bus_of_the_run_itself_and_the_last_one_is_its_end():
    bus, told = EventBus(), []
    dag = DAG([Node("a", fn=lambda: 1), Node("b", fn=lambda: 1 // 0), Node("c", fn=lambda b: b, after=["b"])])
    policy = SinkPolicy(period=1e-6, patience=60.0)
    tracker = ProgressTracker([EventSink(bus)], policy=policy, history=open_history(RunConfig(history=False)))
    tracker.initialize(dag, "nightly")
    tracker.attach(bus)
    bus.on("progress:*", told.append)
    ParallelScheduler(RunConfig(jobs=1, keep_going=True, history=False), bus).execute(dag)
    assert tracker.complete()
    assert bus.settle(60)
    assert all(isinstance(event, ProgressUpdated) and event.tracked == "nightly" for event in told)
    last = told[-1]
    assert (last.percent, last.done, last.failed, last.total, last.eta, last.over) == (100.0, 3, 1, 3, 0.0, True)
    assert [event.percent for event in told] == sorted(event.percent for event in told)
