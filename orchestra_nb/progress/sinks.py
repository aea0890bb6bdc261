"""Where progress goes: a JSON file, a Markdown checklist, any function. What a sink is given, and the ready-made ones.

A sink is called with one :class:`Report`, on the thread of :mod:`.delivery` and never on the run's; what it raises is
counted. Files are replaced in one step, so that whoever reads them sees a whole state; only their owner can read them.
Failure: an ``OSError`` of the file, to the caller, and the file is what it was.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orchestra_nb.errors import CommandError
from orchestra_nb.progress.state import Progress
from orchestra_nb.progress.stats import ProgressStats
from orchestra_nb.progress.todos import Todo, checklist, todos_of


@dataclass(frozen=True)  # without slots: the todos are made when somebody wants them
class Report:
    """One state of a run, for a sink.

    Parameters
    ----------
    stats
        The numbers.
    progress
        How each node stands; the sink's own copy.
    by_phase
        Whether todos stand beneath their phases.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node, ProgressTracker
    >>> reports = []
    >>> tracker = ProgressTracker([reports.append])
    >>> tracker.initialize(DAG([Node("load")]))
    >>> tracker.mark_completed("load")
    >>> tracker.complete(), reports[-1].stats.percent
    (True, 100.0)
    """

    stats: ProgressStats
    progress: Progress
    by_phase: bool = False

    @cached_property
    def todos(self) -> list[Todo]:
        """The todos.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, ProgressTracker
        >>> tracker = ProgressTracker()
        >>> tracker.initialize(DAG([Node("load")]))
        >>> tracker.report().todos
        [{'content': 'Run load', 'status': 'pending', 'activeForm': 'Running load'}]
        """
        return todos_of(self.progress, by_phase=self.by_phase)

    @property
    def checklist(self) -> str:
        """The todos as Markdown.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, ProgressTracker
        >>> tracker = ProgressTracker()
        >>> tracker.initialize(DAG([Node("load")]))
        >>> print(tracker.report().checklist, end="")
        - [ ] Run load
        """
        return checklist(self.progress, title=self.stats.name, by_phase=self.by_phase)


Sink = Callable[[Report], object]


class JsonSink:
    """Writes the numbers and the todos to a JSON file.

    Parameters
    ----------
    path
        The file; its folder must exist.

    Examples
    --------
    >>> from orchestra_nb.progress.tracker import ProgressTracker
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.model import Node
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "progress.json")
    ...     tracker = ProgressTracker([JsonSink(path)])
    ...     tracker.initialize(DAG([Node("load")]), "today")
    ...     tracker.mark_completed("load")
    ...     all_in_time = tracker.complete()
    ...     json.loads(path.read_text())["todos"]
    [{'content': 'Run load', 'status': 'completed', 'activeForm': 'Running load'}]
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def __call__(self, report: Report) -> None:
        """Write one state."""
        told = {**report.stats.as_mapping(), "todos": report.todos}
        _replace(self._path, json.dumps(told, indent=1, allow_nan=False))

    def __repr__(self) -> str:
        return f"JsonSink({str(self._path)!r})"


class MarkdownSink:
    """Writes a checklist to a Markdown file.

    Parameters
    ----------
    path
        The file; its folder must exist.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.model import Node
    >>> from orchestra_nb.progress.tracker import ProgressTracker
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "todos.md")
    ...     tracker = ProgressTracker([MarkdownSink(path)])
    ...     tracker.initialize(DAG([Node("load"), Node("plot", after=["load"])]), "today")
    ...     for name in ("load", "plot"):
    ...         tracker.mark_completed(name)
    ...     all_in_time = tracker.complete()
    ...     path.read_text().splitlines()[-2:]
    ['- [x] Run load', '- [x] Run plot']
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def __call__(self, report: Report) -> None:
        """Write one state."""
        _replace(self._path, report.checklist)

    def __repr__(self) -> str:
        return f"MarkdownSink({str(self._path)!r})"


_BY_SUFFIX: Mapping[str, Callable[[Path], Sink]] = {".md": MarkdownSink, ".json": JsonSink}


def todo_file(name: str | os.PathLike[str]) -> Sink:
    """Choose what writes a file by its name: a Markdown checklist or JSON.

    Raises
    ------
    CommandError
        It is a folder, its folder is not there or cannot be written to, or its name ends otherwise.

    Examples
    --------
    >>> todo_file("todos.md")
    MarkdownSink('todos.md')
    >>> todo_file("todos.txt")
    Traceback (most recent call last):
    orchestra_nb.errors.CommandError: --todos todos.txt: give a name that ends with .md or .json
    """
    path = Path(name)
    folder = path.absolute().parent
    if path.suffix.lower() not in _BY_SUFFIX:
        raise CommandError(f"--todos {name}: give a name that ends with .md or .json")
    if path.is_dir():
        raise CommandError(f"--todos {name}: is a folder; give a file's name")
    if not folder.is_dir():
        raise CommandError(f"--todos {name}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise CommandError(f"--todos {name}: the folder {folder} cannot be written to; give another one")
    return _BY_SUFFIX[path.suffix.lower()](path)


class TodoSink:
    """Hands the list of todos to a function: fresh mappings each time, which it may keep and change."""

    def __init__(self, write: Callable[[list[Todo]], object]) -> None:
        self._write = write

    def __call__(self, report: Report) -> None:
        """Hand over one state."""
        self._write([todo.copy() for todo in report.todos])

    def __repr__(self) -> str:
        return f"TodoSink({self._write!r})"


def _replace(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8", "replace"))
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
