"""The files of one run's process tasks, as its executor sees them: made at the first need, gone at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from orchestra_nb.running import replies
from orchestra_nb.running.outbox import Outbox
from orchestra_nb.running.seams import Reply
from orchestra_nb.running.sending import Packed, Sent
from orchestra_nb.running.shelf import Memmapping, Shelf


class Files:
    """Large inputs and results of the tasks that one executor sends.

    Parameters
    ----------
    wishes
        What the user told joblib; ``None`` where workers cannot read this machine's files.
    """

    def __init__(self, wishes: Memmapping | None) -> None:
        self._wishes = wishes
        self._outbox: Outbox | None = None
        self.shelf: Shelf | None = None

    @property
    def least(self) -> int:
        """Bytes from which a buffer does not travel in a pickle. Makes the folders."""
        if self._wishes is not None and self.shelf is None:
            self.shelf = Shelf.open(self._wishes)
            if self.shelf is None:
                self._wishes = None
            else:
                self._outbox = Outbox(self.shelf)
        return sys.maxsize if self.shelf is None else self.shelf.least

    def mark(self, ticket: int) -> str | None:
        """Name the file in which the worker that begins a task notes its process id, where it can."""
        return None if self.shelf is None else self.shelf.mark(ticket)

    def post(self, packed: Packed) -> Sent:
        """Write what a task needs."""
        if self._outbox is None:
            return Sent(packed.payload, (), len(packed.payload))
        return self._outbox.post(packed)

    def home(self, sent: Sent, result: Callable[[], Any]) -> Reply:
        """Make a reply of what gives a task's result, and tidy up after the task."""
        try:
            return replies.unpack(result(), sent.nbytes)
        finally:
            if self._outbox is not None:
                self._outbox.landed(sent)

    def close(self) -> None:
        """Remove everything; what is mapped stays mapped."""
        if self.shelf is not None:
            self.shelf.close()
            self.shelf = self._outbox = None
