"""Bodies' ends as values, here and on the way home."""

from __future__ import annotations

import sys
import threading

import cloudpickle
import pytest

from orchestra_nb.running import replies
from orchestra_nb.running.seams import Reply
from orchestra_nb.running.sending import pack

cloudpickle.register_pickle_by_value(sys.modules[__name__])


def raising(error, *args):
    def body():
        raise error(*args)

    return body


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class Locked(Exception):
    def __init__(self):
        super().__init__("locked")
        self.lock = threading.Lock()


class Poison:
    def __reduce__(self):
        return (int, ("not a number",))


def home(task):
    return replies.unpack(replies.call(pack(task))())


def test_a_reply_keeps_what_it_says_about_itself():
    reply = Reply("done", seconds=3.0, worker="mine")
    assert replies.perform(lambda: reply) is reply


def test_an_interrupt_is_a_cancelled_reply():
    assert replies.perform(raising(KeyboardInterrupt)).status == "cancelled"


@pytest.mark.parametrize("error", [ValueError, SystemExit, GeneratorExit, Mute, Locked])
@pytest.mark.parametrize("call", [replies.perform, home])
def test_anything_else_is_a_failed_reply(error, call):
    reply = call(raising(error))
    assert (reply.status, reply.ename) == ("failed", error.__name__)
    assert reply.traceback


def test_an_exception_that_cannot_travel_stays_behind_and_its_text_does_not():
    reply = home(raising(Locked))
    assert (reply.exception, reply.evalue) == (None, "locked")
    assert replies.perform(raising(Locked)).exception is not None


def test_a_result_that_cannot_travel_is_refused():
    assert "cannot be sent" in home(lambda: Reply("done", value=threading.Lock())).reason
    assert "could not be rebuilt" in home(lambda: Reply("done", value=Poison())).reason


def test_a_failure_whose_outputs_cannot_travel_is_still_a_failure():
    reply = home(lambda: Reply("failed", ename="E", evalue="v", outputs=({"lock": threading.Lock()},)))
    assert (reply.status, reply.ename, reply.outputs) == ("failed", "E", ())


def test_what_is_no_reply_is_a_failure():
    assert replies.perform(lambda: 3).ename == "TypeError"
    assert replies.unpack(cloudpickle.dumps(3)).ename == "TypeError"


def test_a_lost_worker_is_named_in_one_line():
    reply = replies.lost(OSError("first line\nand many more"))
    assert reply.evalue.endswith("first line")
    assert replies.lost(KeyboardInterrupt()).status == "cancelled"


def test_a_fault_of_the_library_keeps_its_own_traceback():
    lines = replies.perform(lambda: 3).traceback
    assert any("replies.py" in line for line in lines)
