"""What a run is at a glance: its first line and its last, without what is between.

So a listing costs little, however long the runs are. It decides what is shown and what goes first, and nothing else:
whoever goes on with a run reads all of it. Failure: none; a run that cannot be believed has no summary.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from orchestra_nb.durable.fact_lines import fact_from_json, head_from_json
from orchestra_nb.durable.facts import Ended, Head
from orchestra_nb.durable.files import JournalFiles, check_owner
from orchestra_nb.durable.journal import JOURNAL
from orchestra_nb.durable.lines import unsealed
from orchestra_nb.durable.values import FOLDER
from orchestra_nb.errors import CheckpointError
from orchestra_nb.model import RunId

_LONGEST_END = 4096
"""Bytes at the end of a journal in which its last line is looked for."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run that is on the disk.

    Parameters
    ----------
    head
        Its first line.
    ended
        Whether it is over.
    success
        Whether it ended well.
    changed
        When something was last written: seconds of the wall clock.
    nbytes
        Bytes of its journal and values; a file that others have too counts for each.
    """

    head: Head
    ended: bool
    success: bool
    changed: float
    nbytes: int

    @property
    def run_id(self) -> RunId:
        """Which run."""
        return self.head.run_id


def summary_of(folder: Path, files: JournalFiles) -> RunSummary | None:
    """Look at a run; ``None`` for one that cannot be believed."""
    try:
        descriptor = files.open(folder / JOURNAL)
        try:
            check_owner(descriptor, folder.name)
            status = os.fstat(descriptor)
            with open(os.dup(descriptor), "rb") as file:
                first = unsealed(file.readline().rstrip(b"\n"), "")
                file.seek(max(0, status.st_size - _LONGEST_END))
                last = file.read()
        finally:
            files.close(descriptor)
        if first is None:
            return None
        head, ended = head_from_json(first[0]), _end(last)
        nbytes = status.st_size + sum(entry.stat().st_size for entry in os.scandir(folder / FOLDER))
    except (OSError, ValueError, CheckpointError):
        return None
    if head.run_id != folder.name:
        return None
    return RunSummary(head, ended is not None, ended is not None and ended.success, status.st_mtime, nbytes)


def _end(data: bytes) -> Ended | None:
    """Give the fact that a run has ended, if the end of its journal is that; whether it is true is seen on reading."""
    line = data.rstrip(b"\n").rpartition(b"\n")[2]
    try:
        fact = fact_from_json(line[36:-1])
    except ValueError:
        return None
    return fact if isinstance(fact, Ended) else None
