"""Who is served when, and that no sink can hold up, break or end anything. Gates order the threads, and never time."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from orchestra_nb.config import SinkPolicy
from orchestra_nb.errors import ConfigError
from orchestra_nb.progress.delivery import Delivery
from orchestra_nb.progress.turns import Turns

LONG = 60.0
"""Seconds after which something hangs."""
AT_ONCE = SinkPolicy(period=1e-6, first_pause=1e-6, longest_pause=1e-6, patience=LONG)


def turns(*sinks, **policy):
    made = Turns(SinkPolicy(**policy))
    for sink in sinks:
        made.add(sink)
    return made


def serve(made, now, error=None):
    """Serve everybody who is due; who that was."""
    due = made.due(now)
    for turn in due:
        made.served(turn, made.newest, now, error)
    if due:
        made.round_ended(now, 0.0)
    return [turn.sink for turn in due]


def test_nobody_is_due_without_news():
    assert turns("a").due(0.0) == []
    assert turns("a").wake(0.0) is None


def test_news_in_between_are_one_and_wait_for_the_period():
    made = turns("a", period=2.0)
    made.news()
    assert serve(made, 0.0) == ["a"]
    for _ in range(5):
        made.news()
    assert (made.due(1.9), made.wake(1.5)) == ([], 0.5)
    assert serve(made, 2.0) == ["a"]
    assert made.stats()[0].delivered == 2


def test_pauses_after_failures_double_up_to_the_longest_and_one_success_ends_them():
    made = turns("a", period=0.1, first_pause=1.0, longest_pause=5.0)
    made.news()
    now, waits = 0.0, []
    for _ in range(5):
        assert serve(made, now, ValueError("no")) == ["a"]
        waits.append(made.wake(now))
        now += waits[-1]
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert serve(made, now) == ["a"]
    made.news()
    assert serve(made, now + 0.1, ValueError("no")) == ["a"]
    assert made.wake(now + 0.1) == pytest.approx(1.0)
    assert made.stats()[0].failures == 6
    assert made.stats()[0].error == "ValueError: no"


def test_the_last_call_serves_everybody_who_lacks_it_once_whatever_their_pause():
    made = turns("a", "b", period=100.0, first_pause=100.0)
    made.news()
    serve(made, 0.0, ValueError("no"))
    made.add("c")
    made.news()
    made.last_call()
    assert serve(made, 0.1, ValueError("no")) == ["a", "b", "c"]
    assert made.due(0.2) == []
    assert (made.settled, made.satisfied, made.idle) == (True, False, True)


def test_a_state_that_takes_long_to_make_is_made_less_often():
    made = turns("a", period=1.0)
    made.news()
    (turn,) = made.due(0.0)
    made.served(turn, 1, 0.2, None)
    made.round_ended(0.2, making=0.2)
    made.news()
    assert made.wake(0.2) == pytest.approx(10.0)


@pytest.mark.parametrize("knob", ["period", "first_pause", "longest_pause", "patience"])
def test_a_policy_takes_positive_seconds(knob):
    with pytest.raises(ConfigError, match=knob):
        SinkPolicy(**{knob: 0.0})


class Numbers:
    """What is reported: a number that is told."""

    def __init__(self):
        self.number = 0

    def make(self):
        return self.number


def test_only_the_newest_state_is_delivered_and_never_on_the_thread_that_tells():
    numbers, got, at, gate = Numbers(), [], threading.Event(), threading.Event()

    def slow(number):
        got.append((number, threading.current_thread()))
        at.set()
        assert gate.wait(LONG)

    delivery = Delivery(numbers.make, AT_ONCE)
    delivery.add(slow)
    assert at.wait(LONG)
    for numbers.number in range(1, 1_000):  # the sink sleeps, and nobody waits for it
        delivery.news()
    assert not delivery.flush(0.0)
    gate.set()
    assert delivery.flush(LONG)
    assert [number for number, _ in got] == [0, 999]
    assert {thread.name for _, thread in got} == {"orchestra-progress"}


RAISED = [
    ValueError("no"),
    KeyboardInterrupt(),
    SystemExit(1),
    asyncio.CancelledError(),
    GeneratorExit(),
    MemoryError(),
]


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_what_a_sink_raises_is_logged_once_counted_and_kept_from_everybody(error, caplog):
    got = []

    def bad(report):
        raise error

    delivery = Delivery(Numbers().make, AT_ONCE)
    delivery.add(bad)
    delivery.add(got.append)
    with caplog.at_level(logging.WARNING, "orchestra_nb.progress"):
        for _ in range(5):
            delivery.news()
            assert not delivery.flush(LONG)
    assert got
    bad_one, good_one = delivery.stats()
    assert bad_one.failures >= 5
    assert (bad_one.delivered, good_one.failures) == (0, 0)
    assert len(caplog.records) == 1


def test_a_sink_that_recovers_has_the_newest_state_without_more_news():
    numbers, got, tries, done = Numbers(), [], [], threading.Event()

    def moody(number):
        tries.append(number)
        if len(tries) < 4:
            raise OSError("not now")
        got.append(number)
        done.set()

    delivery = Delivery(numbers.make, AT_ONCE)
    delivery.add(moody)
    assert done.wait(LONG)
    assert got == [0]


def test_a_state_that_cannot_be_made_counts_as_a_failure_of_everybody():
    def make():
        raise RuntimeError("no state")

    delivery = Delivery(make, AT_ONCE)
    delivery.add(print)
    assert not delivery.flush(LONG)
    assert delivery.stats()[0].error == "RuntimeError: no state"


def test_a_sink_cannot_wait_for_itself():
    answers, done = [], threading.Event()

    def asks(report):
        answers.append(delivery.flush(LONG))
        done.set()

    delivery = Delivery(Numbers().make, AT_ONCE)
    delivery.add(asks)
    assert done.wait(LONG)
    assert answers[0] is False
    assert delivery.flush(LONG)


def test_a_sink_that_cannot_even_be_named_is_named_by_its_class():
    class Odd:
        def __call__(self, report):
            raise Unsayable

        def __repr__(self):
            raise ValueError

    class Unsayable(Exception):
        def __str__(self):
            raise ValueError

    delivery = Delivery(Numbers().make, AT_ONCE)
    delivery.add(Odd())
    assert not delivery.flush(LONG)
    assert (delivery.stats()[0].name, delivery.stats()[0].error) == ("<Odd>", "Unsayable")


def test_where_no_thread_can_be_begun_nothing_is_delivered_and_that_is_logged_once(monkeypatch, caplog):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    delivery = Delivery(Numbers().make, AT_ONCE)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        delivery.add(print)
        delivery.news()
        assert not delivery.flush(0.0)
    assert [record.name for record in caplog.records].count("orchestra_nb.progress") == 1
    got = []
    delivery.add(got.append)
    assert delivery.flush(LONG)
    assert got == [0]


def test_without_sinks_there_is_no_thread():
    delivery = Delivery(Numbers().make, AT_ONCE)
    delivery.news()
    assert delivery.flush(0.0)
    assert delivery._thread is None


def test_the_thread_ends_when_there_is_nothing_left_to_say(monkeypatch):
    monkeypatch.setattr("orchestra_nb.progress.delivery._LINGER", 0.0)
    got = []
    delivery = Delivery(Numbers().make, AT_ONCE)
    delivery.add(got.append)
    thread = delivery._thread
    assert delivery.flush(LONG)
    if thread is not None:
        thread.join(LONG)
        assert not thread.is_alive()
    delivery.news()
    assert delivery.flush(LONG)
    assert got == [0, 0]
