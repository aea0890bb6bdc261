"""A queue for one reader that waits with a timeout, in a thread that signals may reach.

``queue.SimpleQueue`` would do, but for a fault of CPython (seen on 3.11): when a signal ends its wait at the very
moment at which the time is up, what is left of the time is negative, which its lock takes for "no limit", and the
reader waits for ever. A plain lock counts its time right. Here it is the bell: taken means that nothing has come since
the reader last looked.

Every step is one that an interrupt cannot split: an item is either still in the deque or has been returned, and a bell
that was heard in vain only makes the reader look once more.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from queue import Empty
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Items from any thread for one reader.

    Examples
    --------
    >>> box = Mailbox()
    >>> box.put("news")
    >>> box.get(timeout=1.0)
    'news'
    >>> box.get(timeout=0.0)
    Traceback (most recent call last):
    _queue.Empty
    """

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._bell = threading.Lock()
        self._bell.acquire()

    def put(self, item: T) -> None:
        """Add an item, and wake the reader; never blocks."""
        self._items.append(item)
        if self._bell.locked():
            with suppress(RuntimeError):  # somebody else has just rung
                self._bell.release()

    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return not self._items

    def get(self, *, timeout: float) -> T:
        """Take the oldest item.

        Parameters
        ----------
        timeout
            Seconds to wait for one.

        Raises
        ------
        queue.Empty
            None came in that time.
        """
        if not self._items:
            self._bell.acquire(timeout=max(0.0, timeout))
        try:
            return self._items.popleft()
        except IndexError:
            raise Empty from None
