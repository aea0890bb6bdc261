"""An interrupt before every line that a caller executes: no lock stays held, nobody stays queued, nobody sleeps on."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
import warnings
from contextlib import suppress

import pytest

from orchestra_nb import ResourceManager
from orchestra_nb.resources import deadlock, front, grants, manager, placing, pools, queues, table, waiting

from ..interrupting import Injector, apart

FILES = {each.__file__ for each in (deadlock, front, grants, manager, placing, pools, queues, table, waiting)}
MOST = 4000


def made():
    rm = ResourceManager()
    rm.register_resource("db")
    rm.register_resource("gpu", max_concurrent=2)
    rm.register_resource("calls", rate="1000/s")
    rm.register_resource("money", budget=100.0)
    return rm


def alone(rm, others):
    rm.release_lock(rm.acquire_lock("db", "me"))


def block(rm, others):
    with rm.lock("db", "gpu:2", "calls", "money:1", owner="me", lease=50.0) as grant:
        grant.renew()


def nested(rm, others):
    with rm.lock("gpu", owner="me"), rm.lock("gpu:2", owner="me"):
        pass


def in_vain(rm, others):
    assert rm.acquire_lock("db", "me", timeout=0.0) is None


def late(rm, others):
    assert rm.acquire_lock("db", "me", timeout=0.0001) is None


def everything(rm, others):
    rm.acquire_lock("db", "me")
    rm.acquire_lock("gpu", "me")
    rm.release_all_locks("me")


def own(rm, others):
    with rm.lock("db"):
        pass


async def _task(rm):
    async with rm.lock("db", owner="me"):
        await asyncio.sleep(0)


def task(rm, others):
    asyncio.run(_task(rm))


ALONE = [alone, block, nested, everything, own, task]


def free(rm):
    """Nothing held by the one who was interrupted, nobody queued, and the lock of the front can be had."""
    mine = rm.get_resource_stats().owners.get("me")
    return not (mine and (mine.holds or mine.waits)) and not rm._front._sleepers and not rm._front.table.waiting


def interrupted(act, rm, moment, others=None):
    with warnings.catch_warnings(), Injector(FILES, [moment]) as injector, suppress(KeyboardInterrupt):
        warnings.simplefilter("ignore")
        act(rm, others)
    return injector


@pytest.fixture(autouse=True)
def _destructors_may_be_interrupted(monkeypatch):
    """What is raised there nobody hears: Python says so here, and goes on."""
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: None)


@pytest.mark.parametrize("act", ALONE)
@apart
def test_an_interrupt_at_any_line_leaves_no_lock_held(act):
    for moment in range(1, MOST):
        rm = made()
        injector = interrupted(act, rm, moment)
        gc.collect(0)
        if act is everything and injector.lines >= moment:
            rm.release_all_locks("me")  # between two calls the locks are the caller's
        elif act is alone:
            rm.release_all_locks("me")
        assert free(rm), moment
        with rm.lock("db", "gpu:2", owner="after", timeout=0):
            pass
        if injector.lines < moment:
            return
    raise AssertionError("it was never undisturbed")


@pytest.mark.parametrize("name", ["db", "gpu:2", "calls"])
@pytest.mark.parametrize("lease", [None, 50.0])
@apart
def test_an_acquire_that_is_interrupted_at_any_line_has_acquired_nothing(name, lease):
    for moment in range(1, MOST):
        rm = made()
        injector = interrupted(lambda rm, _: rm.acquire_lock(name, "me", lease=lease), rm, moment)
        if injector.lines < moment:
            return
        assert free(rm), moment
    raise AssertionError("it was never undisturbed")


@pytest.mark.parametrize("act", [in_vain, late])
@apart
def test_an_interrupt_at_any_line_of_a_wait_leaves_nobody_queued(act):
    for moment in range(1, MOST):
        rm = made()
        lock_id = rm.acquire_lock("db", "holder")
        injector = interrupted(act, rm, moment)
        assert free(rm), moment
        assert rm.release_lock(lock_id)
        if injector.lines < moment:
            return
    raise AssertionError("it was never undisturbed")


@apart
def test_an_interrupt_at_any_line_of_a_release_lets_those_who_wait_go():
    for moment in range(1, MOST):
        rm = made()
        lock_id = rm.acquire_lock("db", "me")
        waits, got = threading.Event(), []
        undo = rm.on("resource:lock-queued", lambda event, waits=waits: waits.set())
        thread = threading.Thread(target=lambda rm=rm, got=got: got.append(rm.acquire_lock("db", "other", timeout=60)))
        thread.start()
        assert waits.wait(60)
        undo()
        injector = interrupted(lambda rm, lock_id: rm.release_lock(lock_id), rm, moment, lock_id)
        if injector.lines >= moment:
            rm.release_all_locks("me")  # the interrupt may have come before the call had begun
        thread.join(60)
        assert got, moment
        assert got[0] is not None, moment
        if injector.lines < moment:
            return
    raise AssertionError("it was never undisturbed")


@apart
def test_an_interrupt_while_it_waits_ends_the_wait():
    rm = made()
    rm.acquire_lock("db", "holder")
    main, out = threading.main_thread().ident, threading.Event()

    def press():
        while not rm._front._sleepers:
            pass
        while rm._front._sleepers:  # one that comes in the moment before the wait Python only notes
            signal.pthread_kill(main, signal.SIGINT)
            out.wait(0.05)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            rm.acquire_lock("db", "me")
    finally:
        out.set()
        thread.join(60)
    assert free(rm)


@apart
def test_an_interrupt_that_hits_a_subscriber_is_not_lost():
    rm = made()
    rm.on("resource:lock-granted", lambda event: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        rm.acquire_lock("db", "me")
    assert free(rm)
