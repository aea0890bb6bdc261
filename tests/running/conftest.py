"""What the tests of running share."""

from __future__ import annotations

import threading
from importlib.util import find_spec

import pytest

collect_ignore = [] if find_spec("ray") else ["test_ray.py"]


class Box:
    """Takes replies from any thread; hands them out in the order in which they came."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.replies: list[tuple[object, object]] = []

    def sink(self, key=None):
        def on_done(reply):
            with self._changed:
                self.replies.append((key, reply))
                self._changed.notify_all()

        return on_done

    def wait(self, count=1):
        """The replies by key, when so many have come."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.replies) >= count, timeout=60), self.replies
            return dict(self.replies)


@pytest.fixture
def box():
    return Box()


@pytest.fixture
def gate():
    """An event that is set when the test ends, whatever happens: no thread outlives its test for want of it."""
    event = threading.Event()
    yield event
    event.set()
