"""A task's journey to a worker process: its pickle, and its large buffers beside it.

The inputs of a task go in one pickle, so that what they share stays shared. Where their large buffers go is the
business of :mod:`.outbox`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

from orchestra_nb.running.pickling import NotSendable, parted, told
from orchestra_nb.running.shelf import view
from orchestra_nb.running.stages import enter, stage


@dataclass(frozen=True, slots=True)
class Segment:
    """A buffer, or a large pickle, in a file.

    Parameters
    ----------
    path, start, size
        The file, and where in it (bytes).
    readonly
        Whether the worker may not change it.
    """

    path: str
    start: int
    size: int
    readonly: bool = False

    def view(self) -> memoryview:
        """Map it: copy-on-write unless it is to be read-only."""
        return view(self.path, self.readonly)[self.start : self.start + self.size]


Piece = bytes | bytearray | Segment


@dataclass(frozen=True, slots=True)
class Packed:
    """A task in its pickle, and the buffers that are not in it.

    Parameters
    ----------
    payload
        The pickle.
    buffers
        Views of the memory of its inputs; dropped once they are written.
    """

    payload: bytes
    buffers: list[memoryview] = field(default_factory=list)


def pack(task: Any, least: int = sys.maxsize) -> Packed:
    """Pack a task for another process.

    Parameters
    ----------
    task
        Whatever is to be called there.
    least
        Bytes from which a buffer stays out of the pickle.

    Raises
    ------
    NotSendable
        It does not pickle; the text says which of its parts.
    """
    enter("")
    try:
        return Packed(*parted(task, least))
    except BaseException as error:
        text = f"{stage('it')} cannot be sent to another process: {told(error)}"
        raise NotSendable(text) from error


@dataclass(frozen=True, slots=True)
class Sent:
    """A packed task on its way.

    Parameters
    ----------
    payload, buffers
        What to hand to the worker.
    nbytes
        How much of it had to travel.
    """

    payload: Piece
    buffers: tuple[Piece, ...]
    nbytes: int
