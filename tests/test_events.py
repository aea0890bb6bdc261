"""The bus, with everybody speaking at once."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator

import pytest

from orchestra_nb.events import Event, EventBus, NodeEnded, RunEnded
from orchestra_nb.model import NodeId, Outcome

EVENTS = 10_000
SPEAKERS = 8


@pytest.fixture(autouse=True)
def _often() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(*works: object) -> None:
    """Call each on a thread of its own, the last on this one."""
    start = threading.Barrier(len(works))
    faults: list[BaseException] = []

    def speak(work: object) -> None:
        start.wait(60)
        try:
            work()  # type: ignore[operator]
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=speak, args=(work,)) for work in works[:-1]]
    for thread in threads:
        thread.start()
    speak(works[-1])
    for thread in threads:
        thread.join(60)
    assert not faults
    assert not any(thread.is_alive() for thread in threads)


def test_no_event_is_lost_when_the_main_thread_a_subshell_and_workers_speak_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = EventBus()
    seen: list[Event] = []
    last: dict[str, str] = {}

    def note(event: Event) -> None:
        assert isinstance(event, NodeEnded)
        last[event.outcome.node] = event.outcome.status

    def refuse(event: Event) -> None:
        raise ValueError("no")

    def speaker(number: int) -> None:
        for step in range(EVENTS // SPEAKERS):
            status = "done" if step == EVENTS // SPEAKERS - 1 else "cancelled"
            bus.publish(NodeEnded(at=float(step), outcome=Outcome(NodeId(f"n{number}"), status)))

    def come_and_go() -> None:
        for _ in range(500):
            undo = bus.on("execution:*", lambda event: None)
            undo()
            undo()

    bus.on("*", seen.append)
    bus.on("execution:node-ended", note)
    bus.on("execution:node-*", refuse)
    with caplog.at_level(logging.ERROR, "orchestra_nb.events"):
        at_once(come_and_go, *[lambda number=number: speaker(number) for number in range(SPEAKERS)])
    assert len(seen) == EVENTS
    assert last == {f"n{number}": "done" for number in range(SPEAKERS)}
    assert [record.getMessage()[:33] for record in caplog.records] == ["an event subscriber raised and wa"]
    for number in range(SPEAKERS):
        mine = [event.at for event in seen if isinstance(event, NodeEnded) and event.outcome.node == f"n{number}"]
        assert mine == sorted(mine)


def test_who_comes_while_others_speak_hears_all_that_is_said_afterwards() -> None:
    bus, heard = EventBus(), []
    at_once(*[lambda: bus.on("*", heard.append) for _ in range(50)])
    bus.publish(RunEnded(at=0.0, success=True))
    assert len(heard) == 50
