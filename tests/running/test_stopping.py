"""Stops hit the body they are meant for, wherever it is, and nothing else, however close it is."""

from __future__ import annotations

import gc
import os
import random
import sys
import threading
import time
from collections import Counter
from queue import SimpleQueue

import pytest

from orchestra_nb.running import stopping, thread_exceptions
from orchestra_nb.running.seams import Reply
from orchestra_nb.running.stopping import Gate, Stopped, exposed, shelter


@pytest.fixture(autouse=True)
def the_collector_calls_nobody():
    """Hypothesis leaves it a callback, in Python; a stop that comes up there is lost, with a warning."""
    callbacks, gc.callbacks[:] = gc.callbacks[:], []
    yield
    gc.callbacks[:] = callbacks


class Worker:
    """A thread with a gate, which performs what it is sent and keeps every reply."""

    def __init__(self):
        self.tasks = SimpleQueue()
        self.replies = SimpleQueue()
        self.raised = []
        ready = SimpleQueue()
        self.thread = threading.Thread(target=self._serve, args=(ready,))
        self.thread.start()
        self.gate = ready.get()

    def _serve(self, ready):
        try:
            gate = Gate()
            ready.put(gate)
            while (item := self.tasks.get()) is not None:
                self.replies.put(gate.perform(*item))
        except BaseException as error:
            self.raised.append(error)
            self.replies.put(None)

    def perform(self, ticket, task, wanted=None):
        self.tasks.put((ticket, task, wanted))

    def reply(self):
        return self.replies.get(timeout=60)


@pytest.fixture
def worker():
    made = Worker()
    yield made
    made.tasks.put(None)
    made.thread.join(60)
    assert not made.thread.is_alive()
    assert not made.raised


@pytest.fixture
def started():
    """What a body says when it has begun."""
    return threading.Event()


def done():
    return Reply("done")


def spinning(started):
    def body():
        started.set()
        while True:
            pass

    return body


def ended(seconds=60):
    """Wait until the thread that asks again has ended."""
    for thread in threading.enumerate():
        if thread.name == "orchestra-stop":
            thread.join(seconds)
            assert not thread.is_alive()


class Barrage:
    """Bodies of a few bytecodes, one right after the other in one thread, and stops at any moment."""

    def __init__(self, trace=None):
        self.now = 0
        self.over = False
        self.replies = []
        self.raised = []
        self.trace = trace
        self.reply = Reply("done", seconds=1.0, worker="w")

    def few(self):
        a = 1
        for b in (1, 2):
            a += b
        return self.reply

    def work(self, ready):
        gate = Gate()
        ready.put(gate)
        before = sys.gettrace()
        sys.settrace(self.trace)
        try:
            while not self.over:
                self.now += 1
                self.replies.append((self.now, gate.perform(self.now, self.few).status))
            for _ in range(100_000):
                pass
        except BaseException as error:
            self.raised.append(error)
        finally:
            sys.settrace(before)

    def fire(self, stops, interval, seed=7):
        """Returns the tickets that were asked to stop."""
        chance, asked, ready = random.Random(seed), set(), SimpleQueue()
        before = sys.getswitchinterval()
        thread = threading.Thread(target=self.work, args=(ready,))
        sys.setswitchinterval(interval)
        try:
            thread.start()
            gate = ready.get(timeout=60)
            for _ in range(stops):
                time.sleep(chance.random() * 1e-4)  # lets the worker go on; nothing depends on how far
                ticket = self.now + chance.choice((-1, 0, 0, 0, 1))
                asked.add(ticket)
                gate.stop(ticket)
        finally:
            self.over = True
            sys.setswitchinterval(before)
        thread.join(60)
        assert not thread.is_alive()
        return asked


@pytest.mark.parametrize("interval", [3e-4, 1e-6])
def test_a_stop_at_any_moment_hits_its_own_body_or_nothing(interval):
    barrage = Barrage()
    asked = barrage.fire(2000, interval)
    assert not barrage.raised
    assert [ticket for ticket, _ in barrage.replies] == list(range(1, barrage.now + 1))
    assert {ticket for ticket, status in barrage.replies if status != "done"} <= asked
    assert {status for _, status in barrage.replies} == {"done", "cancelled"}


def test_a_body_is_answered_for_once_although_a_tracer_lets_stops_in_everywhere():
    def trace(frame, event, arg):
        return trace if frame.f_code.co_filename in (stopping.__file__, __file__) else None

    barrage = Barrage(trace)
    asked = barrage.fire(300, 1e-5)
    assert not [error for error in barrage.raised if not isinstance(error, Stopped)]
    answered = [ticket for ticket, _ in barrage.replies]
    assert answered == list(range(1, len(answered) + 1))
    assert {ticket for ticket, status in barrage.replies if status != "done"} <= asked


def test_a_tight_loop_ends(worker, started):
    worker.perform(1, spinning(started))
    assert started.wait(60)
    worker.gate.stop(1)
    assert worker.reply().status == "cancelled"


def test_a_body_that_swallows_stops_is_asked_again(worker, started):
    swallowed = []

    def body():
        started.set()
        while len(swallowed) < 3:
            try:
                while True:
                    pass
            except BaseException as error:
                swallowed.append(type(error))
        while True:
            pass

    worker.perform(1, body)
    assert started.wait(60)
    worker.gate.stop(1)
    assert worker.reply().status == "cancelled"
    assert swallowed == [Stopped] * 3


def test_a_body_that_cleans_up_is_left_in_peace(worker, started):
    cleaned = []

    def body():
        try:
            started.set()
            while True:
                pass
        finally:
            until = time.monotonic() + 0.3
            while time.monotonic() < until:
                pass
            cleaned.append(True)

    worker.perform(1, body)
    assert started.wait(60)
    worker.gate.stop(1)
    assert worker.reply().status == "cancelled"
    assert cleaned


def test_locks_that_the_body_holds_are_released(worker, started):
    lock = threading.Lock()

    def body():
        with lock:
            return spinning(started)()

    worker.perform(1, body)
    assert started.wait(60)
    worker.gate.stop(1)
    assert worker.reply().status == "cancelled"
    assert not lock.locked()


def test_a_body_that_sleeps_is_hit_when_it_wakes(worker, started):
    went_on = []

    def body():
        started.set()
        time.sleep(2)  # long enough for the other thread to ask for the stop meanwhile
        went_on.append(True)
        return done()

    worker.perform(1, body)
    assert started.wait(60)
    worker.gate.stop(1)
    assert worker.reply().status == "cancelled"
    assert not went_on


def test_no_traced_thread_waits_for_a_body_that_sits_in_c_code(worker, started):
    woken = threading.Event()

    def body():
        started.set()
        woken.wait(60)
        return done()

    def trace(frame, event, arg):
        return trace

    worker.perform(1, body)
    assert started.wait(60)
    worker.gate.stop(1)
    late = threading.Timer(15, woken.set)
    late.start()
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        done()
    finally:
        sys.settrace(before)
    assert not woken.is_set()
    late.cancel()
    woken.set()
    assert worker.reply().status == "cancelled"


def test_what_a_callback_from_c_code_loses_is_asked_again(worker, started, monkeypatch):
    """``__del__`` swallows whatever it raises: here the first stop."""

    class Deaf:
        def __del__(self):
            spinning(started)()

    def body():
        Deaf()
        while True:
            pass

    lost = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: lost.append(told.exc_type))
    worker.perform(1, body)
    assert started.wait(60)
    worker.gate.stop(1)
    assert worker.reply().status == "cancelled"
    assert lost == [Stopped]


def test_the_code_of_a_tracer_is_left_in_peace(worker):
    """It takes locks by hand, which a stop would leave locked."""
    began, go_on, left = [], [], []
    space = {"__name__": "coverage.collector", "began": began, "go_on": go_on, "left": left}
    exec("def locked():\n    began.append(1)\n    while not go_on:\n        pass\n    left.append(1)", space)

    def body():
        space["locked"]()
        while True:
            pass

    worker.perform(1, body)
    while not began:
        time.sleep(0.001)
    worker.gate.stop(1)
    go_on.append(1)
    assert worker.reply().status == "cancelled"
    assert left


def test_the_next_task_in_the_thread_runs_as_if_nothing_had_been(worker, started):
    worker.perform(1, spinning(started))
    worker.perform(2, done)
    assert started.wait(60)
    worker.gate.stop(1)
    worker.gate.stop(1)
    assert worker.reply().status == "cancelled"
    assert worker.reply().status == "done"


@pytest.mark.parametrize("ticket", [1, 3, 99])
def test_stopping_what_is_over_or_never_was_is_harmless(worker, started, ticket):
    worker.perform(1, done)
    assert worker.reply().status == "done"
    go_on = threading.Event()

    def body():
        started.set()
        assert go_on.wait(60)
        return done()

    worker.perform(2, body)
    assert started.wait(60)
    worker.gate.stop(ticket)
    go_on.set()
    assert worker.reply().status == "done"
    worker.perform(4, done)
    assert worker.reply().status == "done"


def test_a_task_that_nobody_wants_any_more_does_not_begin(worker):
    began = []
    worker.perform(1, lambda: began.append(True), wanted={2})
    assert worker.reply().status == "cancelled"
    assert not began


def test_only_what_is_exposed_can_be_stopped(worker, started):
    seen = []
    go_on = threading.Event()

    def task():
        shelter()
        started.set()
        assert go_on.wait(60)
        for _ in range(1000):
            pass
        seen.append("before")
        try:
            exposed(lambda: seen.append("never"))
        except Stopped:
            seen.append("stopped")
        for _ in range(1000):
            pass
        return Reply("done", value="after")

    worker.perform(1, task)
    assert started.wait(60)
    worker.gate.stop(1)
    go_on.set()
    assert worker.reply().value == "after"
    assert seen == ["before", "stopped"]


def test_what_is_exposed_outside_of_a_gate_is_just_called():
    shelter()
    assert exposed(lambda: 3) == 3


def test_a_body_that_fails_or_exits_is_answered_as_ever(worker):
    worker.perform(1, lambda: 1 / 0)
    worker.perform(2, lambda: sys.exit(3))
    worker.perform(3, lambda: "no reply")
    assert [worker.reply().ename for _ in range(3)] == ["ZeroDivisionError", "SystemExit", "TypeError"]


def test_the_thread_that_asks_again_ends_when_nothing_is_left(worker, started):
    worker.perform(1, spinning(started))
    assert started.wait(60)
    worker.gate.stop(1)
    assert worker.reply().status == "cancelled"
    ended()


def test_a_forked_child_asks_again_by_itself(worker, started, monkeypatch):
    ended()
    stopping._POKER._serving.acquire()  # as in a child whose parent had such a thread
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    test_a_body_that_swallows_stops_is_asked_again(worker, started)
    ended()
    stopping._POKER.__init__()


def test_where_nothing_can_be_stopped_tasks_run_all_the_same(monkeypatch):
    thread_exceptions._interpreter.cache_clear()
    monkeypatch.setattr(sys, "implementation", type("Other", (), {"name": "other"}))
    try:
        gate = Gate()
        assert gate.perform(1, lambda: Reply("done", value=gate.stop(1))).status == "done"
        assert gate.perform(2, done).status == "done"
    finally:
        thread_exceptions._interpreter.cache_clear()


def test_stops_from_many_threads_at_once_end_every_body():
    workers = [Worker() for _ in range(4)]
    events = [threading.Event() for _ in workers]
    for made, event in zip(workers, events, strict=True):
        made.perform(1, spinning(event))
    assert all(event.wait(60) for event in events)
    threads = [threading.Thread(target=made.gate.stop, args=(1,)) for made in workers for _ in range(3)]
    for thread in threads:
        thread.start()
    counted = Counter(made.reply().status for made in workers)
    for thread in threads:
        thread.join(60)
    for made in workers:
        made.tasks.put(None)
        made.thread.join(60)
    assert counted == {"cancelled": 4}


def test_a_poke_that_was_on_its_way_when_another_landed_does_not_hit_the_clean_up(monkeypatch):
    """Two threads poke: the second has seen that nothing had landed, and goes on once the first has."""
    caught, go_on, begun = threading.Event(), threading.Event(), threading.Event()
    raised = []

    def body():
        begun.set()
        try:
            while True:
                time.sleep(0.001)
        except Stopped:
            caught.set()
            try:
                while not go_on.wait(0.001):
                    pass
            except Stopped as error:
                raised.append(error)
            raise

    worker = Worker()
    try:
        worker.perform(1, body)
        assert begun.wait(60)
        door = worker.gate.door

        def look(frame):  # of the second, where it has looked and not yet poked
            monkeypatch.setattr(stopping, "delicate", lambda frame: False)
            worker.gate.stop(1)
            assert caught.wait(60)
            return False

        monkeypatch.setattr(stopping, "delicate", look)
        door.poke()
        time.sleep(0.01)
        go_on.set()
        assert worker.reply().status == "cancelled"
    finally:
        worker.tasks.put(None)
    assert not raised


class Stillborn(threading.Thread):
    """Ends before it can say that it has begun, as a thread does that is hit while it is being started."""

    def _bootstrap(self):
        pass


def test_a_body_whose_thread_ended_before_it_began_does_not_wait_for_it_for_ever():
    starting = threading.Event()

    def body():
        starting.set()
        Stillborn(daemon=True).start()
        while True:
            time.sleep(0.01)

    worker = Worker()
    try:
        worker.perform(1, body)
        assert starting.wait(60)
        time.sleep(0.1)  # it is in `start` by now, or will be soon: the stop has to do in either case
        worker.gate.stop(1)
        assert worker.reply().status == "cancelled"
    finally:
        worker.tasks.put(None)


def test_threads_that_a_body_starts_are_never_hit_in_its_place():
    """Until it runs, such a thread goes by the identity of the one that starts it (before Python 3.12)."""
    hit = []

    def child():
        try:
            for _ in range(3):
                pass
        except Stopped as error:
            hit.append(error)

    def body():
        started.set()
        while True:
            thread = threading.Thread(target=child)
            thread.start()
            thread.join()

    lost = []
    before, sys.unraisablehook = sys.unraisablehook, lambda told: lost.append(str(told.object))
    worker = Worker()
    try:
        for ticket in range(300):
            started = threading.Event()
            worker.perform(ticket, body)
            assert started.wait(60)
            worker.gate.stop(ticket)
            assert worker.reply().status == "cancelled"
    finally:
        sys.unraisablehook = before
        worker.tasks.put(None)
    assert not hit
    assert not [thing for thing in lost if "_bootstrap" in thing]
