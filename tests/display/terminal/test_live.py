"""The view of a run on a terminal: it follows the tracker, costs little, and is gone in the end."""

from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from orchestra_nb.config import RunConfig
from orchestra_nb.display.terminal.live import Newest, live_run
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.running.history import open_history


class Clock:
    """Moves on by itself at each look, by what a state is to take."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def follow(nodes: int) -> ProgressTracker:
    tracker = ProgressTracker(history=open_history(RunConfig(history=False)))
    tracker.initialize(DAG([Node(f"n{i}") for i in range(nodes)]), "a.ipynb", workers=2)
    return tracker


def drawn(newest: Newest) -> str:
    console = Console(width=100, height=30, color_system=None)
    with console.capture() as captured:
        console.print(newest())
    return captured.get()


def test_the_view_is_that_of_the_tracker_as_it_is_now():
    tracker = follow(2)
    newest = Newest(tracker, clock=Clock(0.0))
    assert "0 of 2" in drawn(newest)
    tracker.mark_completed("n0")
    assert "1 of 2" in drawn(newest)


def test_a_view_that_takes_long_to_make_is_made_seldom():
    tracker = follow(9)
    clock = Clock(0.1)
    newest = Newest(tracker, clock)
    assert "0 of 9" in drawn(newest)
    tracker.mark_completed("n0")
    assert "0 of 9" in drawn(newest)
    clock.now += 50 * 0.1
    assert "1 of 9" in drawn(newest)


def test_it_is_drawn_and_gone_and_so_is_its_thread():
    tracker, file = follow(1), io.StringIO()
    before = set(threading.enumerate())  # some of which an earlier test has left, and may end
    with live_run(tracker, Console(file=file, force_terminal=True, width=120)):
        (new,) = set(threading.enumerate()) - before
    assert "a.ipynb" in file.getvalue()
    assert file.getvalue().endswith("\x1b[?25h\r\x1b[1A\x1b[2K")  # the cursor is shown, and the view erased
    new.join(60.0)
    assert not new.is_alive()


class Gone(Exception):
    """What ends a context early."""


def test_the_cursor_is_shown_again_whichever_way_the_context_is_left():
    tracker, file = follow(1), io.StringIO()
    for error in (Gone, KeyboardInterrupt):
        with pytest.raises(error), live_run(tracker, Console(file=file, force_terminal=True, width=120)):
            raise error
        written = file.getvalue()
        assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")
        assert written.endswith("\x1b[2K")
