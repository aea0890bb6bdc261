"""What is heard of a run beside its outcomes, by the run's own clock, bounded, and at no cost to plain nodes."""

from __future__ import annotations

from orchestra_nb.context.events import CacheHit
from orchestra_nb.events import CacheHit as NodeFound
from orchestra_nb.events import EventBus, NodeEnded, NodeQueued, NodeRetrying, NodeStarted
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.model import NodeId, Outcome, RunId
from orchestra_nb.notebook.heard import MOST, Heard
from orchestra_nb.recovery.breakers import Breakers
from orchestra_nb.recovery.events import CircuitOpened
from orchestra_nb.resources.events import LockGranted


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def begun() -> tuple[EventBus, EventBus, Heard, Clock]:
    bus, circuits, clock = EventBus(), EventBus(), Clock()
    return bus, circuits, Heard(bus, Breakers(bus=circuits), clock), clock


def test_what_others_tell_is_noted_by_the_clock_of_the_run():
    bus, circuits, heard, clock = begun()
    bus.publish(LockGranted(7.0, "early", ("db",), 1, 0.0))
    bus.publish(DagBuilt(0.0, RunId("r"), "", DAG([])))
    clock.now = 102.5
    bus.publish(LockGranted(9.0, "load", ("db",), 1, 0.0))
    circuits.publish(CircuitOpened(999.0, "api", 30.0, "no"))
    bus.publish(CacheHit(5.0, "key"))
    bus.publish(NodeRetrying(2.0, "load", 1, 0.5, "no"))
    found = [(event.at, type(event)) for event in heard.facts]
    assert found == [(0.0, LockGranted), (2.0, NodeRetrying), (2.5, LockGranted), (2.5, CircuitOpened), (2.5, CacheHit)]


def test_circuits_are_told_again_to_whoever_follows_the_run():
    bus, circuits, heard, _ = begun()
    seen: list[object] = []
    bus.on("recovery:*", seen.append, inline=True)
    circuits.publish(CircuitOpened(999.0, "api", 30.0, "no"))
    heard.close()
    circuits.publish(CircuitOpened(999.0, "late", 30.0, "no"))
    assert [event.circuit for event in seen] == ["api"]  # type: ignore[attr-defined]


def test_nobody_listens_to_what_outcomes_tell():
    bus, _, heard, _ = begun()
    assert not any(bus.wants(kind.name) for kind in (NodeQueued, NodeStarted, NodeEnded))
    bus.publish(NodeEnded(1.0, Outcome("load", "done")))
    assert heard.facts == ()


def test_a_result_that_was_found_keeps_its_own_time():
    bus, _, heard, clock = begun()
    clock.now = 500.0
    bus.publish(NodeFound(0.25, NodeId("load")))
    assert [event.at for event in heard.facts] == [0.25]


def test_the_newest_facts_are_kept():
    bus, _, heard, _ = begun()
    for number in range(MOST + 5):
        bus.publish(NodeRetrying(float(number), "load", 1, 0.5, "no"))
    assert len(heard.facts) == MOST
    assert heard.facts[0].at == 5.0
