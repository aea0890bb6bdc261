"""A listener by itself: its queue, its thread, and what becomes of both."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref

import pytest

from orchestra_nb import listening
from orchestra_nb.listening import Listener, Loss
from orchestra_nb.settling import settled

LONG = 60.0


class Gate:
    """Hears, and lets itself be held up: it says when it is in a call, and goes on when it may."""

    def __init__(self):
        self.heard, self.inside, self.may = [], threading.Event(), threading.Event()

    def __call__(self, item):
        self.inside.set()
        assert self.may.wait(LONG)
        self.heard.append(item)


def listener_of(hear, most=1000, **others):
    told = []
    return Listener(hear, most=most, told=lambda *what: told.append(what), **others), told


def test_it_hears_everything_in_order_and_one_at_a_time():
    heard = []
    listener, told = listener_of(heard.append)
    for number in range(500):
        listener.take(number)
    assert listener.mark().wait(LONG)
    assert heard == list(range(500))
    assert told == []


def test_who_speaks_does_not_wait_for_one_that_is_in_a_call():
    gate = Gate()
    listener, _ = listener_of(gate)
    for number in range(100):
        listener.take(number)
    assert gate.inside.wait(LONG)
    assert gate.heard == []
    gate.may.set()
    assert listener.mark().wait(LONG)
    assert len(gate.heard) == 100


def test_of_too_many_that_wait_the_oldest_go_and_it_is_told_how_many():
    gate = Gate()
    listener, told = listener_of(gate, most=10)
    listener.take("first")
    assert gate.inside.wait(LONG)
    for number in range(25):
        listener.take(number)
    gate.may.set()
    assert listener.mark().wait(LONG)
    first, loss, *rest = gate.heard
    assert first == "first"
    assert isinstance(loss, Loss)
    assert loss.count == 15
    assert rest == list(range(15, 25))
    assert [(error, over) for _, error, over in told] == [(None, False)]
    assert "the oldest are dropped" in told[0][0]


def test_a_mark_that_is_thrown_away_lets_go_who_waits_for_it():
    gate = Gate()
    listener, _ = listener_of(gate, most=3)
    listener.take("first")
    assert gate.inside.wait(LONG)
    mark = listener.mark()
    for number in range(5):
        listener.take(number)
    assert mark.is_set()
    gate.may.set()
    assert listener.mark().wait(LONG)


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
def test_what_it_raises_ends_it_and_is_told_once(error):
    def fail(item):
        raise error

    listener, told = listener_of(fail)
    for number in range(10):
        listener.take(number)
    assert listener.mark().wait(LONG)
    listener.take("more")
    assert listener.mark().wait(LONG)
    assert told == [("raised and was dropped", error, True)]
    assert listener.closed


def test_closed_it_hears_nothing_more_also_of_what_waits():
    gate = Gate()
    listener, _ = listener_of(gate)
    listener.take("first")
    assert gate.inside.wait(LONG)
    listener.take("second")
    listener.close()
    listener.take("third")
    gate.may.set()
    mark = listener.mark()
    assert mark.is_set()
    thread = listener._thread
    if thread is not None:
        thread.join(LONG)
    assert gate.heard == ["first"]


def test_who_waits_for_one_that_leaves_by_its_own_wish_does_not_wait_in_vain():
    leaving, dropped = (Listener(print, most=10, told=lambda *_: None) for _ in range(2))
    leaving.leave()
    dropped.close()
    assert settled([leaving], 60, 60)
    assert not settled([dropped], 60, 60)


def test_it_says_when_it_has_heard_all_that_was_there():
    story = []
    listener, _ = listener_of(story.append, drained=lambda: story.append("all"))
    listener.take(1)
    listener.take(2)
    assert listener.mark().wait(LONG)
    assert story[-1] == "all"
    assert [item for item in story if item != "all"] == [1, 2]


def test_an_idle_one_keeps_no_thread_and_begins_another_when_there_is_news(monkeypatch):
    monkeypatch.setattr(listening, "_LINGER", 0.001)
    heard = []
    listener, _ = listener_of(heard.append)
    for number in range(5):
        listener.take(number)
        assert listener.mark().wait(LONG)
        thread = listener._thread
        if thread is not None:
            thread.join(LONG)
            assert not thread.is_alive()
    assert heard == list(range(5))


def test_nothing_is_lost_when_its_thread_ends_while_others_speak(monkeypatch):
    """The thread ends at every chance, and begins again: whoever leaves looks once more."""
    monkeypatch.setattr(listening, "_LINGER", 0.0)
    monkeypatch.setattr(listening, "_REST", 0.0)
    heard, inside = [], []

    def hear(item):
        inside.append(item)
        assert len(inside) == 1, "two at a time"
        heard.append(item)
        inside.clear()

    listener, told = listener_of(hear, most=100_000)
    start = threading.Barrier(4)

    def speak(who):
        start.wait(LONG)
        for number in range(2_500):
            listener.take((who, number))

    threads = [threading.Thread(target=speak, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert listener.mark().wait(LONG)
    assert told == []
    assert len(heard) == 10_000
    for who in range(4):
        assert [number for name, number in heard if name == who] == list(range(2_500))


def test_it_does_not_keep_alive_what_it_heard_last():
    class Fact:
        pass

    listener, _ = listener_of(lambda item: None)
    fact = Fact()
    gone = weakref.ref(fact)
    listener.take(fact)
    del fact
    assert listener.mark().wait(LONG)
    gc.collect()
    assert gone() is None


def test_where_no_thread_can_be_begun_that_is_told_once_and_what_came_is_heard_later(monkeypatch):
    heard, start = [], threading.Thread.start
    listener, told = listener_of(heard.append)

    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    listener.take(1)
    listener.take(2)
    monkeypatch.setattr(threading.Thread, "start", start)
    listener.take(3)
    assert listener.mark().wait(LONG)
    assert heard == [1, 2, 3]
    assert len(told) == 1
    assert "no thread could be begun" in told[0][0]


_FORK = """
import os, sys, threading
from orchestra_nb.events import EventBus, RunEnded

bus, inside, may, seen = EventBus(), threading.Event(), threading.Event(), []

def hear(event):
    inside.set()
    may.wait(60)
    seen.append(event.at)

bus.on("*", hear)
bus.publish(RunEnded(1.0, True))
inside.wait(60)
bus.publish(RunEnded(2.0, True))
child = os.fork()
may.set()
bus.publish(RunEnded(3.0, True))
assert bus.settle(60)
if child == 0:
    assert seen == [3.0], seen
    undo = bus.on("*", hear)
    undo()
    os._exit(7)
assert seen == [1.0, 2.0, 3.0], seen
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) - 7)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_child_begins_with_an_empty_queue_and_a_thread_of_its_own():
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", _FORK], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")


_LAST_WORDS = """
import sys, threading
from orchestra_nb.events import EventBus, RunEnded

bus = EventBus()
if "asleep" in sys.argv:
    bus.on("*", lambda event: threading.Event().wait())
bus.on("*", lambda event: print(event.at))
for number in range(200):
    bus.publish(RunEnded(float(number), True))
"""


@pytest.mark.parametrize("how", ["awake", "asleep"])
def test_the_end_of_the_interpreter_waits_for_what_was_said_last_and_not_for_one_that_sleeps(how):
    ended = subprocess.run([sys.executable, "-c", _LAST_WORDS, how], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == [f"{number}.0" for number in range(200)]
