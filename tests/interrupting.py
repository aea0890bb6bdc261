"""Interrupts before chosen lines of the code under test, and what keeps the tests that follow clean of them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


class Injector:
    """Sends an interrupt before the given lines, counted over the traced files.

    A trace function that raises is taken off by Python; the profile function puts it back, so that a second interrupt
    can hit the handling of the first. None comes up in a destructor: whatever is raised there, Python only tells of.
    """

    def __init__(self, files: Iterable[str], moments: Iterable[int]) -> None:
        self.files = frozenset(files)
        self.moments = frozenset(moments)
        self.lines = 0
        self.raised = 0

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename not in self.files or frame.f_code.co_name == "__del__":
            return None
        if event == "line":
            self.lines += 1
            if self.lines in self.moments:
                self.raised += 1
                signal.raise_signal(signal.SIGINT)
        return self

    def rearm(self, frame: FrameType, event: str, arg: Any) -> None:
        if sys.gettrace() is None:
            sys.settrace(self)
            above: FrameType | None = frame
            while above is not None:
                if above.f_code.co_filename in self.files:
                    above.f_trace = self
                above = above.f_back

    def __enter__(self) -> Injector:
        self.before = sys.gettrace()
        sys.setprofile(self.rearm)
        sys.settrace(self)
        return self

    def __exit__(self, *exc: object) -> None:
        sys.setprofile(None)
        sys.settrace(self.before)


def set_apart(fn: Callable[[], T]) -> T:
    """Call a function so that what it handled is forgotten, and the handler of interrupts is the one from before.

    An exception that comes up between two lines of an ``except`` block, where Python itself would never raise one, can
    leave the one that was handled there behind: every later exception of the thread would have it as its context. A
    generator has a state of its own for what is being handled, and it goes with the generator.
    """

    def apart() -> Iterator[T]:
        yield fn()

    handler = signal.getsignal(signal.SIGINT)
    try:
        return next(apart())
    finally:
        signal.signal(signal.SIGINT, handler)


def apart(test: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a test so that it runs :func:`set_apart`."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> Any:
        return set_apart(lambda: test(*args, **kwargs))

    return run
