"""An interrupt before every line that the calling thread executes: never a hang, never half a state."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress

import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.running import calling_thread, deferral, replies, run, scheduler
from orchestra_nb.running.functions import FunctionProgram
from orchestra_nb.running.scheduler import ParallelScheduler

from ..interrupting import Injector, set_apart

FILES = {each.__file__ for each in (scheduler, run, calling_thread, replies, deferral)}


class Mixed(FunctionProgram):
    def lane(self, node, backend):
        return ("main" if node.id in "ac" else "thread"), ""


def nodes():
    return [
        Node("a", fn=lambda: 1),
        Node("b", fn=lambda a: a + 1, after=["a"]),
        Node("c", fn=lambda b: b + 1, after=["b"]),
    ]


def one_run(moments, jobs=2):
    """Run with interrupts; say also whether the handler of interrupts was put back."""
    return set_apart(lambda: disturbed(moments, jobs))


def disturbed(moments, jobs):
    handler = signal.getsignal(signal.SIGINT)
    dag = DAG(nodes())
    made = ParallelScheduler(RunConfig(jobs=jobs, history=False))
    program = Mixed(dag)
    interrupted = False
    with Injector(FILES, moments) as injector:
        try:
            made.execute(dag, program=program)
        except KeyboardInterrupt:
            interrupted = True
    for thread in threading.enumerate():
        if thread.name == "orchestra-driver":
            thread.join(30)
            assert not thread.is_alive(), "the driver goes on for ever"
    return made, interrupted, injector, signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize(("gap", "jobs"), [(0, 2), (1, 2), (2, 2), (4, 2), (0, 1)])
def test_an_interrupt_at_any_line_of_the_calling_thread_ends_the_run(gap, jobs):
    moment = twice = 0
    while True:
        moment += 1
        made, interrupted, injector, put_back = one_run([moment, moment + gap], jobs)
        assert gap or put_back, "the handler of interrupts is not put back"
        result = made.last_result
        if result is not None:
            assert list(result.outcomes) == ["a", "b", "c"]
            assert result.success == (not result.stopped)
            if result.stopped:
                assert interrupted
        twice += injector.raised == 2
        if injector.lines < moment:
            assert not interrupted
            break
        if moment > 2000:
            raise AssertionError("no run was ever undisturbed")
    assert bool(twice) == bool(gap)
    assert made.execute(DAG(nodes())).success


def test_a_handler_that_two_interrupts_have_kept_in_place_goes_with_the_next_run():
    def disturbed():
        before = signal.getsignal(signal.SIGINT)
        made = ParallelScheduler(RunConfig(jobs=2, history=False))
        kept, moment = [], 0
        while not kept:
            moment += 1
            with Injector(FILES, [moment, moment + 2]) as injector, suppress(KeyboardInterrupt):
                made.execute(DAG(nodes()))
            assert injector.lines >= moment, "no two interrupts have kept it in place"
            kept = [handler for handler in [signal.getsignal(signal.SIGINT)] if handler is not before]
        made.execute(DAG(nodes()))
        return before, signal.getsignal(signal.SIGINT)

    before, after = set_apart(disturbed)
    assert after is before
