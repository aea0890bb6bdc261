"""The bus, with everybody speaking at once."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from orchestra_nb import DAG, ConfigError, Node, ParallelScheduler, RunConfig
from orchestra_nb.events import Event, EventBus, EventsLost, NodeEnded, RunEnded, RunStarted, Subscription
from orchestra_nb.model import NodeId, Outcome
from orchestra_nb.settling import _say_late

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
        assert bus.settle(60)
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
    assert bus.settle(60)
    assert len(heard) == 50


class Sleeper:
    """A subscriber that does not come back before the test is over."""

    def __init__(self) -> None:
        self.inside, self.may = threading.Event(), threading.Event()

    def __call__(self, event: Event) -> None:
        self.inside.set()
        assert self.may.wait(60)


@pytest.fixture
def sleeper() -> Iterator[Sleeper]:
    made = Sleeper()
    yield made
    made.may.set()


def chain(first: Callable[[], object] = lambda: 1) -> DAG:
    return DAG(
        [
            Node(NodeId("a"), fn=lambda: bool(first()) * 1),
            *(Node(NodeId(f"n{i}"), fn=lambda a: a + 1, after=("a",)) for i in range(8)),
        ]
    )


def told_of(bus: EventBus, jobs: int = 2, first: Callable[[], object] = lambda: 1) -> dict[str, tuple[str, object]]:
    result = ParallelScheduler(RunConfig(jobs=jobs, history=False), bus).execute(chain(first))
    return {name: (outcome.status, outcome.value) for name, outcome in result.outcomes.items()}


def raise_it(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    "error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError(), MemoryError()]
)
def test_a_run_is_the_same_beside_a_subscriber_that_raises(error: BaseException) -> None:
    bus, seen = EventBus(), []
    bus.on("*", lambda event: raise_it(error))
    bus.on("execution:node-ended", seen.append)
    assert told_of(bus) == told_of(EventBus())
    assert len(seen) == 9


def test_a_run_is_the_same_beside_one_that_sleeps_and_its_neighbour_hears_everything(
    sleeper: Sleeper, caplog: pytest.LogCaptureFixture
) -> None:
    bus, seen = EventBus(patience=0.01), []
    bus.on("*", sleeper)
    bus.on("execution:*", seen.append)
    assert told_of(bus, first=lambda: sleeper.inside.wait(60)) == told_of(EventBus())
    assert isinstance(seen[0], RunStarted)
    assert isinstance(seen[-1], RunEnded)
    assert sleeper.inside.is_set()
    assert sum("was dropped" in record.getMessage() for record in caplog.records) == 1
    told_of(bus)
    assert len(caplog.records) == 1, "it is said once"


def test_one_that_cancels_the_run_is_heard_as_anybody_would_be() -> None:
    started, bus = threading.Event(), EventBus()
    nodes = [Node(NodeId("a"), fn=lambda: started.wait(60)), Node(NodeId("b"), fn=lambda a: a, after=("a",))]
    scheduler = ParallelScheduler(RunConfig(jobs=2, history=False), bus)

    def cancel(event: Event) -> None:
        scheduler.cancel("enough")
        started.set()

    bus.on("execution:node-started", cancel)
    result = scheduler.execute(DAG(nodes))
    assert result.stopped == "cancelled"
    assert result.outcomes["b"].status == "skipped"


def test_publishing_never_waits_for_one_that_sleeps(sleeper: Sleeper) -> None:
    bus, seen = EventBus(), []
    bus.on("*", sleeper)
    bus.on("*", seen.append)
    for number in range(EVENTS):
        bus.publish(RunEnded(at=float(number), success=True))
    assert bus.settle(0.0) is False
    assert not sleeper.may.is_set(), "everything was published while it slept"


def test_one_that_is_behind_is_said_to_be_once_and_hears_the_rest_later(caplog: pytest.LogCaptureFixture) -> None:
    bus, seen, turns = EventBus(patience=0.01), [], threading.Semaphore(0)

    def slowly(event: Event) -> None:
        assert turns.acquire(timeout=60)
        seen.append(event.at)

    listener = bus.on("*", slowly).listener
    assert listener is not None
    for number in range(10):
        bus.publish(RunEnded(at=float(number), success=True))
    assert not bus.settle(0.0), "asking with less patience than the bus has drops nobody"
    assert not caplog.records
    moving = threading.Thread(target=lambda: [turns.release() for _ in range(3)])
    mark = listener.mark()
    moving.start()
    moving.join(60)
    _say_late(listener, 3600.0)  # as after an hour in which it came back from its calls
    assert "is behind" in caplog.text
    assert not bus.settle(), "nobody waits for one that is late"
    turns.release(20)
    assert mark.wait(60)
    assert bus.settle(60)
    assert seen == [float(number) for number in range(10)]
    assert len(caplog.records) == 1


def test_a_subscriber_may_use_the_bus_and_settle_and_never_waits_for_itself() -> None:
    bus, seen = EventBus(), []

    def answer(event: Event) -> None:
        seen.append(event.at)
        if event.at < 3:
            bus.publish(RunEnded(at=event.at + 1, success=True))
            assert bus.settle()
            bus.on("cache:*", seen.append)()

    bus.on("execution:*", answer)
    bus.publish(RunEnded(at=0.0, success=True))
    for _ in range(4):
        assert bus.settle(60)
    assert seen == [0.0, 1.0, 2.0, 3.0]


def test_two_subscribers_that_start_runs_on_their_own_bus_do_not_wait_for_each_other() -> None:
    bus, results = EventBus(), []
    both = threading.Barrier(2)

    def start_one(event: Event) -> None:
        if isinstance(event, RunEnded) and event.at == 99.0:
            both.wait(60)
            results.append(told_of(bus, jobs=1))

    bus.on("execution:run-ended", start_one)
    bus.on("execution:run-ended", lambda event: start_one(event))
    bus.publish(RunEnded(at=99.0, success=True))
    assert bus.settle(60)
    assert results == [told_of(EventBus())] * 2


def test_after_a_run_its_subscribers_have_heard_all_of_it() -> None:
    for jobs in (1, 3):
        bus, seen = EventBus(), []
        bus.on("execution:node-ended", lambda event, seen=seen: seen.append(event.outcome.node))
        told_of(bus, jobs)
        assert sorted(seen) == sorted(chain().nodes)


def test_who_was_too_far_behind_is_told_how_much_it_missed() -> None:
    bus, seen, gate = EventBus(backlog=10), [], threading.Event()
    inside = threading.Event()

    def hear(event: Event) -> None:
        inside.set()
        assert gate.wait(60)
        seen.append(event)

    bus.on("execution:*", hear)
    bus.publish(RunEnded(at=0.0, success=True))
    assert inside.wait(60)
    for number in range(1, 31):
        bus.publish(RunEnded(at=float(number), success=True))
    gate.set()
    assert bus.settle(60)
    assert [event.at for event in seen if isinstance(event, RunEnded)] == [0.0, *map(float, range(21, 31))]
    assert [event.count for event in seen if isinstance(event, EventsLost)] == [20]


def test_when_it_has_been_undone_no_call_begins_and_a_finished_one_hears_what_was_published_before() -> None:
    gate, inside = threading.Event(), threading.Event()

    def subscribe(bus: EventBus) -> tuple[Subscription, list[float]]:
        seen: list[float] = []

        def hear(event: Event) -> None:
            inside.set()
            assert gate.wait(60)
            seen.append(event.at)

        return bus.on("*", hear), seen

    bus = EventBus()
    (undo, cut), (last, whole) = subscribe(bus), subscribe(bus)
    for number in range(5):
        bus.publish(RunEnded(at=float(number), success=True))
    assert inside.wait(60)
    undo()
    last.finish()
    bus.publish(RunEnded(at=5.0, success=True))
    gate.set()
    assert last.listener is not None
    assert last.listener.mark().wait(60)
    assert whole == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert cut in ([], [0.0])
    assert not bus.heard


def test_in_step_a_subscriber_hears_before_the_one_who_speaks_goes_on() -> None:
    bus, seen = EventBus(), []
    bus.on("execution:*", seen.append, inline=True)
    bus.publish(RunEnded(at=0.0, success=True))
    assert len(seen) == 1


def test_whether_somebody_wants_an_event_follows_who_comes_and_goes() -> None:
    bus = EventBus()
    assert not bus.wants("cache:hit")
    undo = bus.on("cache:*", print)
    assert bus.wants("cache:hit")
    assert not bus.wants("cachehit")
    undo()
    assert not bus.wants("cache:hit")


@pytest.mark.parametrize("knob", ["patience", "backlog"])
def test_a_bus_without_patience_or_room_is_refused(knob: str) -> None:
    with pytest.raises(ConfigError, match=knob):
        EventBus(**{knob: 0})  # type: ignore[arg-type]


@pytest.mark.parametrize(("pattern", "subscriber"), [(print, "*"), ("*", None), ("*", 3)])
def test_what_cannot_listen_is_refused_when_it_wants_to(pattern: object, subscriber: object) -> None:
    with pytest.raises(ConfigError):
        EventBus().on(pattern, subscriber)  # type: ignore[arg-type]


def test_a_coroutine_function_is_refused_because_its_body_would_never_run() -> None:
    async def hear(event: Event) -> None:
        raise AssertionError("nobody awaits it")

    with pytest.raises(ConfigError, match="plain function"):
        EventBus().on("*", hear)
