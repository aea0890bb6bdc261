"""An interrupt that Python notes and does not raise, or raises where nobody hears it, arrives all the same."""

from __future__ import annotations

import gc
import signal
import socket
import sys
import threading
import time
import weakref

import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.running import interrupts
from orchestra_nb.running.interrupts import interrupts_kept
from orchestra_nb.running.scheduler import ParallelScheduler


def interrupt(*_):
    signal.raise_signal(signal.SIGINT)


class Dying:
    def __del__(self):
        interrupt()


class Plain:
    pass


def in_a_destructor():
    Dying()


def in_a_destructor_that_the_collector_calls():
    body = Dying()
    body.itself = body
    del body
    gc.collect()


def in_the_callback_of_a_weak_reference():
    body = Plain()
    reference = weakref.ref(body, interrupt)
    del body
    assert reference() is None


def in_the_callback_of_a_weak_set():
    body = Plain()
    kept = weakref.WeakSet([body])
    weakref.finalize(body, interrupt)
    del body
    assert not kept


LOSSES = [
    in_a_destructor,
    in_a_destructor_that_the_collector_calls,
    in_the_callback_of_a_weak_reference,
    in_the_callback_of_a_weak_set,
]


def wait():
    assert not threading.Event().wait(60), "nobody sets it"


@pytest.mark.parametrize("lose", LOSSES)
def test_a_body_on_the_main_thread_is_interrupted_all_the_same(lose):
    scheduler = ParallelScheduler(RunConfig(jobs=1))

    def body():
        lose()
        wait()

    with pytest.raises(KeyboardInterrupt):
        scheduler.execute(DAG([Node("slow", fn=body)]))
    assert scheduler.last_result is not None
    assert scheduler.last_result.outcomes["slow"].status == "cancelled"


def test_a_wait_for_threads_is_interrupted_all_the_same():
    scheduler = ParallelScheduler(RunConfig(jobs=2))
    ended = threading.Event()
    calls = iter([in_a_destructor])

    def idle():
        for lose in calls:
            lose()

    try:
        with pytest.raises(KeyboardInterrupt):
            scheduler.execute(DAG([Node("slow", fn=lambda: ended.wait(60))]), idle=idle)
    finally:
        ended.set()
    assert scheduler.last_result is not None
    assert scheduler.last_result.stopped == "interrupted"


def test_an_interrupt_that_is_lost_again_and_again_comes_in_the_end():
    losses = []

    class Stubborn:
        def __del__(self):
            losses.append(self)
            wait()  # until the interrupt comes, and is lost again

    def body():
        with interrupts_kept():
            in_a_destructor()
            Stubborn()
            Stubborn()
            wait()

    with pytest.raises(KeyboardInterrupt):
        body()
    assert len(losses) == 2


def test_an_interrupt_that_the_block_does_not_live_to_see_is_raised_at_its_end(monkeypatch):
    monkeypatch.setattr(interrupts._Block, "remind", lambda self: None)
    with pytest.raises(KeyboardInterrupt), interrupts_kept():
        in_a_destructor()
    with interrupts_kept():
        pass


def sleep_and_be_interrupted_unseen():
    """Put the main thread where an interrupt leaves it that comes between its last look and its wait.

    The signal is noted in C and the wait goes on: here because it is delivered to another thread.
    """
    threading.Thread(target=interrupt).start()
    time.sleep(60)
    raise AssertionError("the interrupt was lost")


def test_a_wait_that_does_not_notice_an_interrupt_is_made_to_look():
    scheduler = ParallelScheduler(RunConfig(jobs=1))
    with pytest.raises(KeyboardInterrupt):
        scheduler.execute(DAG([Node("slow", fn=sleep_and_be_interrupted_unseen)]))
    assert scheduler.last_result is not None
    assert scheduler.last_result.outcomes["slow"].status == "cancelled"


@pytest.mark.parametrize("lose", LOSSES)
def test_an_interrupt_that_was_lost_just_before_an_inner_block_comes_in_that_one(lose):
    heard = []

    def inner():
        with interrupts_kept():
            heard.append("inner block")
            wait()

    with interrupts_kept():
        lose()
        with pytest.raises(KeyboardInterrupt):
            inner()
        heard.append("after it")
    assert heard == ["inner block", "after it"]


def test_an_interrupt_is_raised_once():
    def body():
        try:
            sleep_and_be_interrupted_unseen()
        except KeyboardInterrupt:
            reminded.wait(60)
            return "cleared up"

    reminded = threading.Event()
    remind = interrupts._Block.remind
    reminders = []

    def counted(self):
        remind(self)
        reminders.append(self)
        if len(reminders) == len(interrupts._PAUSES):
            reminded.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interrupts._Block, "remind", counted)
        values = ParallelScheduler(RunConfig(jobs=1)).execute(DAG([Node("slow", fn=body)])).values
    assert values["slow"] == "cleared up"
    assert reminded.is_set()


def test_what_belongs_to_others_is_left_to_them_and_what_was_taken_is_returned():
    def mine(*_):
        pass

    with interrupts_kept():
        outer = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(outer)
        with interrupts_kept():
            assert signal.getsignal(signal.SIGURG) is interrupts._look
        assert signal.getsignal(signal.SIGURG) is interrupts._look
    assert outer != -1
    assert signal.set_wakeup_fd(-1) == -1
    assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL
    ear, bell = socket.socketpair()
    with ear, bell:
        bell.setblocking(False)
        signal.set_wakeup_fd(bell.fileno())
        with interrupts_kept():
            assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL
        assert signal.set_wakeup_fd(-1) == bell.fileno()
        with interrupts_kept():
            signal.set_wakeup_fd(bell.fileno())
            signal.signal(signal.SIGURG, mine)
        assert signal.set_wakeup_fd(-1) == bell.fileno()
        with interrupts_kept():
            assert signal.set_wakeup_fd(-1) == -1
        assert signal.signal(signal.SIGURG, signal.SIG_DFL) is mine


@pytest.fixture
def reported(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: seen.append(unraisable.exc_type))
    return seen


class Faulty:
    def __del__(self):
        raise ValueError


def test_other_exceptions_of_destructors_go_where_they_went(reported):
    before = sys.unraisablehook
    with interrupts_kept():
        Faulty()
    assert reported == [ValueError]
    assert sys.unraisablehook is before


def test_a_hook_that_the_block_installed_stays_and_finds_the_one_from_before(reported):
    with interrupts_kept():
        inner = sys.unraisablehook
        sys.unraisablehook = lambda unraisable: inner(unraisable)
    in_a_destructor()
    assert reported == [KeyboardInterrupt]


def test_on_another_thread_nothing_is_changed():
    hooks = [sys.unraisablehook]

    def body():
        with interrupts_kept():
            hooks.append(sys.unraisablehook)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join(60)
    assert hooks[0] is hooks[1]


def test_an_interrupt_that_would_be_ignored_is_not_sent():
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        interrupts.interrupt_main_thread()  # would end the process
    finally:
        signal.signal(signal.SIGINT, before)
