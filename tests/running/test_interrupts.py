"""An interrupt before every line that the calling thread executes: never a hang, never half a state."""

from __future__ import annotations

import sys
import threading

import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.running import replies, run, scheduler
from orchestra_nb.running.functions import FunctionProgram
from orchestra_nb.running.scheduler import ParallelScheduler

FILES = {scheduler.__file__, run.__file__, replies.__file__}


class Injector:
    """Raises ``KeyboardInterrupt`` before the given lines, counted over the traced files.

    A trace function that raises is taken off by Python; the profile function puts it back, so that a second interrupt
    can hit the handling of the first.
    """

    def __init__(self, moments):
        self.moments = set(moments)
        self.lines = 0
        self.raised = 0

    def __call__(self, frame, event, arg):
        if frame.f_code.co_filename not in FILES:
            return None
        if event == "line":
            self.lines += 1
            if self.lines in self.moments:
                self.raised += 1
                raise KeyboardInterrupt
        return self

    def rearm(self, frame, event, arg):
        if sys.gettrace() is None:
            sys.settrace(self)
            while frame is not None:
                if frame.f_code.co_filename in FILES:
                    frame.f_trace = self
                frame = frame.f_back

    def __enter__(self):
        self.before = sys.gettrace()
        sys.setprofile(self.rearm)
        sys.settrace(self)
        return self

    def __exit__(self, *exc):
        sys.setprofile(None)
        sys.settrace(self.before)


class Mixed(FunctionProgram):
    def lane(self, node, backend):
        return ("main" if node.id in "ac" else "thread"), ""


def nodes():
    return [
        Node("a", fn=lambda: 1),
        Node("b", fn=lambda a: a + 1, after=["a"]),
        Node("c", fn=lambda b: b + 1, after=["b"]),
    ]


def one_run(moments):
    dag = DAG(nodes())
    made = ParallelScheduler(RunConfig(jobs=2))
    program = Mixed(dag)
    interrupted = False
    with Injector(moments) as injector:
        try:
            made.execute(dag, program=program)
        except KeyboardInterrupt:
            interrupted = True
    for thread in threading.enumerate():
        if thread.name == "orchestra-driver":
            thread.join(30)
            assert not thread.is_alive(), "the driver goes on for ever"
    return made, interrupted, injector


@pytest.mark.parametrize("gap", [0, 1, 2, 4])
def test_an_interrupt_at_any_line_of_the_calling_thread_ends_the_run(gap):
    moment = twice = 0
    while True:
        moment += 1
        made, interrupted, injector = one_run([moment, moment + gap])
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
