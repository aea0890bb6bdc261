"""A log, read back: its events by run, and what is wrong with it.

What is whole is used, whatever else is wrong: a line that was cut off (a crash, a full disk), a line that is no JSON or
no event, a run whose beginning is missing. Each is a fault with its line, and what is still true in spite of it. A run
without its beginning has a graph of the nodes that its events name, with no edges. A log that ends before its run does
is told as such: the process died, or it is still running.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from orchestra_nb.bus import Event, EventsLost
from orchestra_nb.errors import EventLogError, Issue
from orchestra_nb.eventlog.codec import event_from_json
from orchestra_nb.eventlog.writer import FORM
from orchestra_nb.events import GraphGrown, NodeEnded, RunEnded
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.model import Node, NodeId, RunId

_MOST_FAULTS = 50


@dataclass(frozen=True)
class LoggedRun:
    r"""What a log says of one run.

    Parameters
    ----------
    built
        Its beginning, with its graph.
    events
        All else, in order.
    lines
        The line of each.

    Examples
    --------
    >>> log = b'{"run": "r", "name": "execution:run-ended", "at": 2.0, "success": true}\n'
    >>> runs, faults = parse_log(log)
    >>> runs[0].built.run, [event.name for event in runs[0].events], runs[0].lines
    ('r', ['execution:run-ended'], (1,))
    """

    built: DagBuilt
    events: tuple[Event, ...]
    lines: tuple[int, ...]

    @property
    def ended(self) -> bool:
        r"""Whether its end is there.

        Examples
        --------
        >>> log = b'{"run": "r", "name": "execution:run-paused", "at": 1.0, "reason": "for a look"}\n'
        >>> parse_log(log)[0][0].ended
        False
        """
        return any(isinstance(event, RunEnded) for event in reversed(self.events[-50:]))


@dataclass
class _Found:
    built: DagBuilt | None = None
    events: list[Event] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def read_log(path: str | os.PathLike[str]) -> tuple[tuple[LoggedRun, ...], tuple[Issue, ...]]:
    """Read a log: its runs in the order of their beginnings, and its faults.

    Raises
    ------
    EventLogError
        There is no such file, or it is no log of events.
    """
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as fault:
        why = getattr(fault, "strerror", None) or fault
        raise EventLogError(f"{path} cannot be read: {why}; give a file that a run with log= has written") from None
    return parse_log(data, str(path))


def parse_log(data: bytes, path: str = "the log") -> tuple[tuple[LoggedRun, ...], tuple[Issue, ...]]:
    """Read what a log holds; see :func:`read_log`."""
    found: dict[str, _Found] = {}
    faults = _Faults()
    lines = data.split(b"\n")
    whole = lines.pop() == b""
    if not whole:
        lines.append(data[data.rfind(b"\n") + 1 :])
    read = 0
    for number, line in enumerate(lines, 1):
        if line.strip():
            cut = number == len(lines) and not whole
            read += _take_down(number, line, cut, found, faults)
    if not read:
        raise EventLogError(
            f"{path} is no log of events: {_first_words(data)}; give a file written by --log", faults.all()
        )
    runs = tuple(_run_of(run, each, faults) for run, each in found.items())
    return runs, faults.all()


def _take_down(number: int, line: bytes, cut: bool, found: dict[str, _Found], faults: _Faults) -> bool:
    """Take down one line; whether it was whole."""
    try:
        record = json.loads(line)
        if not isinstance(record, Mapping):
            raise ValueError(f"it is no object but {str(record)[:60]}")
        form, run = record.get("log", FORM), record.get("run")
        if not isinstance(form, int) or form > FORM:
            raise ValueError(f"it has the form {form!r} of a newer version, and this one knows up to {FORM}")
        if not isinstance(run, str):
            raise ValueError("it does not say of which run it is")
        event = event_from_json({key: value for key, value in record.items() if key not in ("log", "version")})
        if not math.isfinite(event.at):
            raise ValueError(f"it is of {event.at} seconds, which is no moment")
    except (ValueError, OverflowError, RecursionError, EventLogError) as fault:
        if cut:
            faults.add(
                "cut-off", f"the last line is cut off after {len(line):,} bytes", number, "all before it is true"
            )
        else:
            broken = isinstance(fault, json.JSONDecodeError) and _is_a_beginning(line)
            told = f"the line is cut off after {len(line):,} bytes" if broken else str(fault)
            faults.add("damaged-line", told, number, "what the other lines say is true")
        return False
    of_run = found.setdefault(run, _Found())
    if isinstance(event, DagBuilt) and of_run.built is None:
        of_run.built = event
    else:
        if isinstance(event, EventsLost):
            told = f"{event.count:,} events before it were not written: the disk was slower than the run"
            faults.add("events-lost", told, number, "what the other lines say is true")
        of_run.events.append(_own(event))
        of_run.lines.append(number)
    return True


def _is_a_beginning(line: bytes) -> bool:
    """Whether a line that is no JSON may be the beginning of one that was."""
    return line.lstrip().startswith(b"{") and not line.rstrip().endswith(b"}")


def _own(event: Event) -> Event:
    """An event without the name of its run, which is not part of one that is not known."""
    from orchestra_nb.eventlog.registry import UnknownEvent

    if isinstance(event, UnknownEvent):
        return replace(event, fields={key: value for key, value in event.fields.items() if key != "run"})
    return event


def _run_of(run: str, found: _Found, faults: _Faults) -> LoggedRun:
    built = found.built
    if built is None:
        nodes = _named_in(found.events)
        told = f"the beginning of run {run or '(without a name)'} is missing, and with it its graph"
        true = f"its events are true; {len(nodes):,} nodes are known by name"
        faults.add("no-beginning", told, found.lines[0], true)
        built = DagBuilt(0.0, RunId(run), "", DAG([Node(name, index=i) for i, name in enumerate(nodes)]))
    made = LoggedRun(built, tuple(found.events), tuple(found.lines))
    if not made.ended:
        ended = sum(isinstance(event, NodeEnded) for event in made.events)
        told = f"the log ends before run {run or '(without a name)'} does: it was ended from outside, or goes on"
        line = found.lines[-1] if found.lines else 1
        faults.add("unfinished", told, line, f"the ends of {ended:,} of its {len(built.dag):,} nodes are true")
    return made


def _named_in(events: Iterable[Event]) -> list[NodeId]:
    """The nodes that events speak of, without those that joined later."""
    named: dict[NodeId, None] = {}
    joined: set[NodeId] = set()
    for event in events:
        if isinstance(event, GraphGrown):
            joined.update(event.nodes)
        name: Any = event.outcome.node if isinstance(event, NodeEnded) else getattr(event, "node", None)
        if isinstance(name, str):
            named[NodeId(name)] = None
    return [name for name in named if name not in joined]


class _Faults:
    """What is wrong, the first of it in full."""

    def __init__(self) -> None:
        self._found: list[Issue] = []
        self._more = 0

    def add(self, code: str, message: str, line: int, true: str) -> None:
        severity: Any = "warning" if code == "unfinished" else "error"
        if len(self._found) < _MOST_FAULTS or code in ("unfinished", "no-beginning"):
            self._found.append(Issue(code, message, path=f"line {line}", suggestion=true, severity=severity))
        else:
            self._more += 1

    def all(self) -> tuple[Issue, ...]:
        more = [Issue("more-faults", f"and {self._more:,} more faults")] if self._more else []
        return (*self._found, *more)


def _first_words(data: bytes) -> str:
    return "it is empty" if not data.strip() else f"it begins with {data[:40]!r}"
