"""One loop for the whole process."""

from __future__ import annotations

import _thread
import asyncio
import contextvars
import os
import threading

import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.running.loop import LOOP, BackgroundLoop
from orchestra_nb.running.scheduler import ParallelScheduler


async def where():
    return asyncio.get_running_loop(), threading.current_thread()


def test_coroutines_share_one_loop_in_a_thread_of_its_own():
    first, second = LOOP.run(where()), LOOP.run(where())
    assert first == second
    assert first[1] is not threading.current_thread()


def test_what_a_coroutine_raises_is_raised():
    async def bad():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        LOOP.run(bad())


def test_a_coroutine_sees_the_callers_context_and_cannot_change_it():
    var = contextvars.ContextVar("var", default=0)

    async def change():
        before = var.get()
        var.set(2)
        return before

    context = contextvars.copy_context()
    context.run(var.set, 1)
    assert context.run(LOOP.run, change()) == 1
    assert context[var] == 1


def test_an_interrupted_wait_cancels_the_coroutine():
    cancelled = threading.Event()

    async def body():
        try:
            _thread.interrupt_main()
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(KeyboardInterrupt):
        LOOP.run(body())
    assert cancelled.wait(60)


def test_coroutines_of_several_threads_run_together():
    met = []

    async def meet():
        met.append(1)
        while len(met) < 3:
            await asyncio.sleep(0)

    threads = [threading.Thread(target=LOOP.run, args=(meet(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def test_cancelling_from_another_thread_ends_it():
    running = []

    async def forever():
        running[0]()
        await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        LOOP.run(forever(), running)
    running[0]()


def test_a_forked_child_gets_a_loop_of_its_own(monkeypatch):
    loop = BackgroundLoop()
    first = loop.run(where())
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    second = loop.run(where())
    assert second[0] is not first[0]
    for each, thread in (first, second):
        each.call_soon_threadsafe(each.stop)
        thread.join(60)
        assert each.is_closed()


def test_cancelling_on_a_loop_that_is_gone_is_harmless():
    loop, running = BackgroundLoop(), []

    async def body():
        return await where()

    each, thread = loop.run(body(), running)
    each.call_soon_threadsafe(each.stop)
    thread.join(60)
    running[0]()


def test_a_coroutine_that_was_interrupted_before_it_began_is_closed(monkeypatch):
    loop = BackgroundLoop()
    each, thread = loop.run(where())
    schedule, calls = each.call_soon_threadsafe, []

    def interrupted(callback, *args):
        calls.append(callback)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return schedule(callback, *args)

    monkeypatch.setattr(each, "call_soon_threadsafe", interrupted)
    coroutine = where()
    with pytest.raises(KeyboardInterrupt):
        loop.run(coroutine)
    schedule(each.stop)
    thread.join(60)
    assert coroutine.cr_frame is None


def test_one_that_is_cancelled_between_its_beginning_and_its_first_step_is_over(monkeypatch):
    loop, running, go_on = BackgroundLoop(), [], threading.Event()
    each, thread = loop.run(where())
    schedule, calls = each.call_soon_threadsafe, []

    def cancelled_at_once(callback, *args):
        calls.append(callback)
        schedule(callback, *args)
        if len(calls) == 1:
            running[0]()
            go_on.set()

    schedule(go_on.wait, 60)  # the loop stands still: what comes meanwhile happens in one turn of it
    monkeypatch.setattr(each, "call_soon_threadsafe", cancelled_at_once)
    coroutine = where()
    with pytest.raises(asyncio.CancelledError):
        loop.run(coroutine, running)
    schedule(each.stop)
    thread.join(60)
    assert coroutine.cr_frame is None


def test_code_that_does_not_await_borrows_the_loop_and_starts_tasks_on_it():
    async def double(value):
        await asyncio.sleep(0)
        return 2 * value, threading.current_thread()

    async def outcome():
        return await task

    assert LOOP.lend(asyncio.get_running_loop) is LOOP.run(where())[0]
    task = LOOP.lend(lambda: asyncio.get_running_loop().create_task(double(4)))
    assert LOOP.run(outcome()) == (8, LOOP.run(where())[1])
    assert asyncio._get_running_loop() is None


def test_the_loop_stands_still_while_it_is_lent():
    seen = []
    loop, _ = LOOP.run(where())
    done = threading.Event()

    def body():
        loop.call_soon_threadsafe(seen.append, 1)
        loop.call_soon_threadsafe(done.set)
        assert not seen

    LOOP.lend(body)
    assert done.wait(60)
    assert seen == [1]


def test_an_interrupt_gives_a_lent_loop_back():
    def body():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LOOP.lend(body)
    assert LOOP.run(where())[1] is not threading.current_thread()


@pytest.mark.parametrize("step", [1, 2])
def test_an_interrupt_that_lands_in_the_giving_back_leaves_the_loop_going_on(monkeypatch, step):
    loop = BackgroundLoop()
    each, thread = loop.run(where())
    change, changes = asyncio._set_running_loop, []

    def interrupted(running):
        changes.append(running)
        change(running)
        if len(changes) == step:
            raise KeyboardInterrupt  # as Python does after a call into C, whose effect has then been had

    monkeypatch.setattr(asyncio, "_set_running_loop", interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop.lend(int)
    assert (changes, asyncio._get_running_loop()) == ([each, None], None)
    going_on = threading.Event()
    each.call_soon_threadsafe(going_on.set)
    assert going_on.wait(60)
    each.call_soon_threadsafe(each.stop)
    thread.join(60)


def test_a_body_that_borrowed_the_loop_may_run_a_graph_that_needs_it():
    """As a cell of a notebook does in which a run goes on already."""

    async def one():
        return (await where())[1]

    graph = DAG([Node("first", fn=one), Node("second", fn=one, after=["first"])])
    result = LOOP.lend(lambda: ParallelScheduler(RunConfig(jobs=2, history=False)).execute(graph))
    assert set(result.values.values()) == {LOOP.run(where())[1]}
