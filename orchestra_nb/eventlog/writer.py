r"""A log of events: a file of lines, each one JSON object, to which runs append.

**The form.** Every line has ``run`` (whose it is), ``name``, ``at`` and the fields of its event (:mod:`.codec`). A run
begins with its ``dag:built``, which also says ``log`` (the number of this form) and ``version`` (of this library): with
the graph, so that a reader needs nothing else. Several runs stand one behind another, or mixed when they ran at once.

**Order and durability.** Lines are written in the order of events, whole lines in one call, at the end of a file that
is opened for appending: two processes may write to one file. A line is with the operating system some milliseconds
after it happened, and survives the end of the process by any means; a power cut may take the last ones, because nothing
of a run depends on its log. What a crash has cut off is closed with a newline before the next run begins.

**Cost.** A log is a subscriber like any: it is served in the background, events are turned into text there, and a run
only puts them into a queue. When ``execute`` returns, everything is written, unless the disk is slower than the bus has
patience: then the rest is written afterwards.

**Whose events.** A bus may be shared by runs that go on at the same time, and events do not say whose they are. So a
run with ``log=`` publishes on a bus of its own, which the log hears and which hands everything on; what caches, locks
and circuits tell on the shared one is everybody's. An :class:`EventLog` that somebody attaches to a shared bus is for
runs that come one after another.

**Failure.** A place where no file can be, or where one is that is no log (somebody's notebook), is an
:class:`.EventLogError` before anything has run, and nothing is written there. A disk that is full, or
anything else that goes wrong later, ends the log with one warning; the run goes on. The file is its owner's alone
(0600), because names, errors and outputs are.

Rejected: a file that stays open (somebody has to close it, also after a fork and at the end of the interpreter; one
opening for each batch costs some microseconds), fsync (milliseconds for what nothing depends on), a line for each write
(a system call each).
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestra_nb._version import __version__
from orchestra_nb.bus import Event, EventBus, Subscription
from orchestra_nb.errors import ConfigError, EventLogError
from orchestra_nb.eventlog.codec import event_to_json
from orchestra_nb.graph.events import DagBuilt

FORM = 1
"""Of the lines; a reader takes those up to its own."""
_log = logging.getLogger("orchestra_nb.eventlog")
_BATCH = 2**18
"""Bytes that are written at once."""
_FIRST = 8
"""Bytes that tell a log from another file."""


class EventLog:
    """Appends what it hears to a file.

    Parameters
    ----------
    path
        The file; it is made if it is not there, and its folder must exist.
    outputs
        How many bytes of each node's outputs are logged; 0: only how many outputs there were.

    Raises
    ------
    EventLogError
        There can be no such file.
    ConfigError
        ``outputs`` is no number of bytes.

    Examples
    --------
    >>> import tempfile
    >>> from orchestra_nb import DAG, EventBus, Node, ParallelScheduler, RunConfig
    >>> bus = EventBus()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "run.jsonl")
    ...     stop = EventLog(path).attach(bus)
    ...     result = ParallelScheduler(RunConfig(jobs=1), bus).execute(DAG([Node("load", fn=lambda: 1)]))
    ...     stop()
    ...     [json.loads(line)["name"] for line in path.read_text().splitlines()][:3]
    ['dag:built', 'execution:run-started', 'execution:node-queued']
    """

    def __init__(self, path: str | os.PathLike[str], *, outputs: int = 0) -> None:
        if isinstance(outputs, bool) or not isinstance(outputs, int) or outputs < 0:
            raise ConfigError(f"outputs={outputs!r} must be a number of bytes, or 0 for none")
        self.path = Path(path).absolute()
        self.stopped = False
        """Whether something went wrong, and nothing is written any more."""
        self._outputs = outputs
        self._run = ""
        self._lines: list[bytes] = []
        self._size = 0
        try:
            self._close_what_was_cut_off()
        except (OSError, ValueError) as fault:
            why = getattr(fault, "strerror", None) or fault
            raise EventLogError(f"no log can be written to {path}: {why}; name a file in a folder of yours") from None

    def attach(self, bus: EventBus) -> Subscription:
        """Listen to a bus; returns what ends that.

        Examples
        --------
        >>> import tempfile
        >>> bus = EventBus()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "run.jsonl")
        ...     stop = EventLog(path).attach(bus)
        ...     bus.publish(Event(at=1.5))
        ...     on_the_disk = bus.settle()
        ...     stop()
        ...     json.loads(path.read_text())["at"]
        1.5
        """
        return bus.on("*", self)

    def __call__(self, event: Event) -> None:
        """Take down one event; it is written with the next batch."""
        if self.stopped:
            return
        if isinstance(event, DagBuilt):
            self._run = event.run
        head: dict[str, Any] = {"run": self._run}
        if isinstance(event, DagBuilt):
            head = {"log": FORM, "version": __version__, **head}
        try:
            line = json.dumps({**head, **event_to_json(event, self._outputs)}, allow_nan=False).encode() + b"\n"
        except Exception as fault:  # somebody's own event, with what JSON cannot take
            line = json.dumps({**head, "name": event.name, "at": event.at, "fault": repr(fault)}).encode() + b"\n"
        self._lines.append(line)
        self._size += len(line)
        if self._size >= _BATCH:
            self.drained()

    def drained(self) -> None:
        """Write what has been taken down.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = EventLog(Path(folder, "run.jsonl"))
        ...     log(Event(at=1.5))
        ...     before = log.path.read_bytes()
        ...     log.drained()
        ...     before, json.loads(log.path.read_bytes())["name"]
        (b'', 'event')
        """
        if not self._lines or self.stopped:
            return
        batch, self._lines, self._size = b"".join(self._lines), [], 0
        try:
            self._append(batch)
        except OSError as fault:
            self.stopped = True
            _log.warning("the log of events ends here, the run goes on: %s: %s", self.path, fault)

    def _append(self, data: bytes) -> None:
        file = self._open()
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file, rest) :]
        finally:
            os.close(file)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        return os.open(self.path, flags, 0o600)

    def _close_what_was_cut_off(self) -> None:
        """Make the file; end its last line, if the process that wrote it did not come to that."""
        file = self._open()
        try:
            size = os.fstat(file).st_size
            if size and not _begins_a_log(os.read(file, _FIRST)):
                raise ValueError("it is there already and is no log")
            if size and os.lseek(file, size - 1, os.SEEK_SET) is not None and os.read(file, 1) != b"\n":
                os.write(file, b"\n")
        finally:
            os.close(file)

    def __repr__(self) -> str:
        return f"EventLog({str(self.path)!r})"


def _begins_a_log(data: bytes) -> bool:
    """Whether a file that begins so was written by a log, also if the first line was cut off; else it is a user's."""
    return any(data.startswith(word[: len(data)]) for word in (b'{"log": ', b'{"run": '))


_OF_RUNS = ("dag:", "execution:", "cache:node-")
"""How the names begin that runs publish; each hands its own to its log."""


@contextmanager
def logged(path: str | None, bus: EventBus) -> Iterator[EventBus]:
    """Log one run; gives the bus that it is to publish on, which hands everything on to the bus of its users.

    Parameters
    ----------
    path
        The file; ``None``: the run publishes on ``bus`` itself, and nothing is logged.
    bus
        Where its users listen.

    Raises
    ------
    EventLogError
        There can be no such file.
    """
    if path is None:
        yield bus
        return
    own = EventBus(patience=bus.patience)
    logging_it = EventLog(path).attach(own)
    own.on("*", bus.publish, inline=True)

    def of_others(event: Event) -> None:
        if not event.name.startswith(_OF_RUNS):
            logging_it.take(event)

    no_more = bus.on("*", of_others, inline=True)
    try:
        yield own
    finally:
        no_more()
        own.settle()
        logging_it.finish()  # what was published before is still written, however slow the disk
