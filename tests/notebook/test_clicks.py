"""What is clicked while a cell is busy: heard at once on each line of ipykernel, and nothing else is touched by it."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Iterator
from typing import Any

import pytest

from orchestra_nb.notebook.clicks import Clicks

from .front_end import FrontEnd, front_end
from .older_kernels import OLDER

SETUP = """
import threading, time
from orchestra_nb.display.live.widget import DashboardWidget, Redraw
from orchestra_nb.notebook.clicks import Clicks
heard, order = [], []
widget = DashboardWidget(lambda action, panel: heard.append((action, panel, threading.current_thread().name)))
clicks = Clicks(get_ipython().kernel)
clicks.listen(widget.comm)
def busy():
    widget.show(Redraw(status='busy'))
    print('begun')
    end = time.monotonic() + 60
    while not heard and time.monotonic() < end:
        clicks.look()
        time.sleep(0.01)
    order.append('busy')
"""


@pytest.fixture(params=["python3", *OLDER])
def kernel(request: pytest.FixtureRequest, specs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    with front_end(tmp_path_factory.mktemp("clicks"), request.param) as started:
        started.run(SETUP, "setup")
        yield started


def test_a_click_is_heard_while_the_cell_is_busy_and_queued_cells_stay_in_their_order(kernel: FrontEnd) -> None:
    pumped = kernel.manager.kernel_name == "ipykernel-6.31.0"
    comm = literal_eval(kernel.value("widget.comm.comm_id"))
    subshell = None if pumped else kernel.subshell()
    request = kernel.send("busy()", "busy")
    kernel.begun(request, "stream")
    later = [kernel.send(f"order.append({number})", f"later-{number}") for number in range(3)]
    kernel.say("of another widget", {"method": "custom", "content": {"action": "pause"}}, subshell)
    kernel.say(comm, {"method": "custom", "content": {"action": "burn the house down"}}, subshell)
    kernel.say(comm, {"method": "custom", "content": {"action": "frame", "panel": "locks"}}, subshell)
    assert [kernel.reply(each)["status"] for each in (request, *later)] == ["ok"] * 4
    kernel.wait(later[-1])
    ((action, panel, thread),) = literal_eval(kernel.value("heard"))
    assert (action, panel) == ("frame", "locks")
    assert ("MainThread" in thread) == pumped
    assert literal_eval(kernel.value("order")) == ["busy", 0, 1, 2]


class Queue:
    """What a kernel has not done yet."""

    def __init__(self, *items: Any) -> None:
        self._queue = list(items)


class Kernel:
    """One of the older line, without a queue that anybody knows."""

    shell_stream = None

    def __init__(self, *items: Any) -> None:
        self.msg_queue = Queue(*items)


class Comm:
    comm_id = "ours"


ODD = [(0, print, ()), (1, print, ("a text",)), (2, print, ([b"<IDS|MSG>", b"", b"{"],)), "no call"]


def test_what_is_no_message_stays_in_the_queue() -> None:
    kernel = Kernel(*ODD)
    clicks = Clicks(kernel)
    clicks.listen(Comm())
    assert clicks.look() == 0
    assert kernel.msg_queue._queue == ODD


def test_a_kernel_with_another_kind_of_queue_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    kernel = Kernel()
    del kernel.msg_queue._queue
    clicks = Clicks(kernel)
    clicks.listen(Comm())
    assert [clicks.look(), clicks.look()] == [0, 0]
    assert len(caplog.records) == 1


@pytest.mark.parametrize("kernel", [None, object()])
def test_outside_of_such_a_kernel_there_is_nothing_to_look_at(kernel: object) -> None:
    clicks = Clicks(kernel)
    clicks.listen(Comm())
    assert clicks.look() == 0
