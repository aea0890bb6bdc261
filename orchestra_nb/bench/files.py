r"""Results in a file: lines of JSON to which sweeps append, and how they are read again.

Policy: a sweep writes a line when it begins (what is measured, where, in how many runs) and one for each run as soon as
it is over, so that hours of measuring survive whatever ends the process. Lines carry the sweep's id: two sweeps may
write to one file, and are told apart. A line is written in one call to a file that is open for appending, and is with
the disk (fsync) before the next run begins; where the last line of a file is cut short, a new one begins behind it.

Each line says which form it has (``"bench": 1``). Fields that a reader does not know are passed over, so that a newer
version may add some. A line that cannot be read is a fault that names it, and costs that line; a run whose beginning
cannot be read is one too.

Failure: a file that has no line of this form, and is not empty, is refused before anything is measured or appended, for
it is somebody else's.
"""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from orchestra_nb.bench.environment import environment_of
from orchestra_nb.bench.measuring import Measured
from orchestra_nb.bench.records import Sweep
from orchestra_nb.bench.turns import Setting, Turn
from orchestra_nb.errors import ConfigError, Issue
from orchestra_nb.model import is_duration
from orchestra_nb.wording import clean, short

FORMAT = 1
_MOST = 10**15
"""Of runs, workers and nodes; no sweep has more, and no frame has room for it."""
_NUMBERS = ("at", "wall", "seconds", "work", "bound", "load_before", "load_after")
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError)


@dataclass(frozen=True, slots=True)
class ResultsFile:
    """A file of results to which a sweep is written.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    ConfigError
        It has something else in it, or cannot be read.

    Examples
    --------
    >>> ResultsFile("no-such-file.jsonl").path
    PosixPath('no-such-file.jsonl')
    """

    path: Path
    _place: Path

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, str | os.PathLike):
            raise ConfigError(f"file={path!r:.60} must be the path of a file of results")
        object.__setattr__(self, "path", Path(path))
        object.__setattr__(self, "_place", self.path.absolute())  # what is measured may go to another folder
        if not self.path.absolute().parent.is_dir():
            raise ConfigError(f"{_named(self.path)}: there is no folder {clean(self.path.absolute().parent)}; make it")
        try:
            there = self.path.exists()
        except (OSError, ValueError) as error:  # too long, or with a character that no name has
            raise ConfigError(f"{_named(path)} cannot be the name of a file: {clean(error)}") from None
        if there or "\0" in os.fspath(path):
            read(self.path)

    def begin(self, sweep: Sweep) -> None:
        """Write what a sweep is about; its runs follow with :meth:`add`.

        Raises
        ------
        ConfigError
            It cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from orchestra_nb.bench.environment import Environment
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = ResultsFile(f"{folder}/results.jsonl")
        ...     file.begin(Sweep("1", "graph", (), 0, Environment("3.11", "Linux")))
        ...     file.path.read_text()[:33]
        '{"bench": 1, "line": "sweep", "id'
        """
        self._append([_head(sweep)])

    def add(self, sweep_id: str, run: Measured) -> None:
        """Write a run that is over.

        Raises
        ------
        ConfigError
            It cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from orchestra_nb.bench.environment import Environment
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = ResultsFile(f"{folder}/results.jsonl")
        ...     file.begin(Sweep("1", "graph", (), 1, Environment("3.11", "Linux")))
        ...     file.add("1", Measured(Turn(1, "graph", Setting(2), 1), 0.0, 1.0, 0.9))
        ...     load(file.path)[0].runs[0].seconds
        0.9
        """
        self._append([{"line": "run", "id": sweep_id, **run_to_json(run)}])

    def add_whole(self, sweep: Sweep) -> None:
        """Write a sweep that is over, in one go.

        Raises
        ------
        ConfigError
            It cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from orchestra_nb.bench.environment import Environment
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = ResultsFile(f"{folder}/results.jsonl")
        ...     file.add_whole(Sweep("1", "graph", (), 0, Environment("3.11", "Linux")))
        ...     len(load(file.path))
        1
        """
        self._append([_head(sweep), *({"line": "run", "id": sweep.id, **run_to_json(run)} for run in sweep.runs)])

    def _append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        data = "".join(json.dumps({"bench": FORMAT, **line}) + "\n" for line in lines).encode("ascii")
        try:
            with open(self._place, "a+b", buffering=0) as file:
                if file.seek(0, os.SEEK_END) and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                    data = b"\n" + data  # a line that was cut short stands for itself
                file.write(data)
                os.fsync(file.fileno())
        except OSError as error:
            raise ConfigError(f"{_named(self.path)} cannot be written: {clean(error.strerror or error)}") from error


def _head(sweep: Sweep) -> dict[str, Any]:
    told = {"name": sweep.name, "planned": sweep.planned, "confidence": sweep.confidence}
    return {"line": "sweep", "id": sweep.id, **told, "environment": sweep.environment.to_json()}


def run_to_json(run: Measured) -> dict[str, Any]:
    """Write a run as JSON has it; what is not known is ``null``.

    Examples
    --------
    >>> run_to_json(Measured(Turn(1, "graph", Setting(2), 1), 0.0, 1.0))["seconds"] is None
    True
    """
    turn = asdict(run.turn)
    told = {name: None if math.isnan(value := getattr(run, name)) else value for name in _NUMBERS}
    return {**turn, **told, "nodes": run.nodes, "error": run.error}


def run_of(told: Mapping[str, Any]) -> Measured:
    """Read what :func:`run_to_json` wrote.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError
        It is something else.

    Examples
    --------
    >>> run = Measured(Turn(1, "graph", Setting(2), 1), 0.0, 1.0, error="it failed")
    >>> run_of(run_to_json(run)).error
    'it failed'
    """
    how = told["setting"]
    setting = Setting(_whole(how["jobs"], 1), *(str(how[name]) for name in ("backend", "schedule", "policy")))
    turn = Turn(_whole(told["number"], 0), str(told["graph"]), setting, _whole(told["round"], -_MOST))
    numbers = {name: math.nan if told.get(name) is None else _number(told[name]) for name in _NUMBERS}
    run = Measured(turn, **numbers, nodes=_whole(told.get("nodes", 0), 0), error=str(told.get("error", "")))
    if run.ok and not run.seconds > 0:
        raise ValueError(f"a run that ended well took {run.seconds} seconds")
    return run


def read(path: str | os.PathLike[str]) -> tuple[tuple[Sweep, ...], tuple[Issue, ...]]:
    """Read a file of results, and what is wrong with it.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    tuple of Sweep, tuple of Issue
        In the order in which they began; a fault for each line that was passed over.

    Raises
    ------
    ConfigError
        The file is not there, cannot be read, or has no line of results and is not empty.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".csv") as file:
    ...     _ = file.write(b"time;value")
    ...     file.flush()
    ...     read(file.name)
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: ....csv is no file of bench results: ...; give one that a sweep has written
    """
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            told = "is a folder" if Path(path).is_dir() else "is no ordinary file"
            raise ConfigError(f"{_named(path)} {told}; give a file that a sweep has written")
        lines = Path(path).read_bytes().split(b"\n")
    except OSError as error:
        raise ConfigError(f"{_named(path)} cannot be read: {clean(error.strerror or error)}") from None
    except ValueError as error:
        raise ConfigError(f"{_named(path)} cannot be the name of a file: {clean(error)}") from None
    sweeps: dict[str, Sweep] = {}
    runs: dict[str, list[Measured]] = {}
    faults = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                _take(_object(line), sweeps, runs)
            except _UNREADABLE as error:
                faults.append(_fault(path, number, error))
    if faults and not sweeps:
        reason = faults[0].message.partition(": ")[2]
        raise ConfigError(f"{_named(path)} is no file of bench results: {reason}; give one that a sweep has written")
    return tuple(replace(sweep, runs=tuple(runs[name])) for name, sweep in sweeps.items()), tuple(faults)


def load(path: str | os.PathLike[str]) -> tuple[Sweep, ...]:
    """Read the sweeps of a file, in the order in which they began.

    Parameters
    ----------
    path
        The file. Lines that are damaged are left out with a warning that names them.

    Raises
    ------
    ConfigError
        As for :func:`read`.

    Examples
    --------
    >>> load("no-such-file.jsonl")
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: no-such-file.jsonl cannot be read: No such file or directory
    """
    sweeps, faults = read(path)
    for fault in faults:
        warnings.warn(str(fault), stacklevel=2)
    return sweeps


def _object(line: bytes) -> Mapping[str, Any]:
    told = json.loads(line)
    if not isinstance(told, dict) or "bench" not in told:
        raise ValueError("it has no line of results")
    if told["bench"] != FORMAT:
        raise ValueError(f"it is of form {told['bench']!r}, and this version reads {FORMAT}")
    return told


def _take(told: Mapping[str, Any], sweeps: dict[str, Sweep], runs: dict[str, list[Measured]]) -> None:
    """Take note of what a line says."""
    name = str(told["id"])
    if told["line"] == "sweep":
        where = environment_of(told["environment"])
        confidence = _number(told.get("confidence", 0.95))
        if not 0 < confidence < 1:
            raise ValueError(f"a confidence of {confidence}")
        made = Sweep(name, str(told["name"]), (), _whole(told["planned"], 0), where, confidence)
        if sweeps.setdefault(name, made) is not made:
            raise ValueError(f"the sweep {name!r} begins a second time")
        runs[name] = []
    elif told["line"] == "run":
        if name not in runs:
            raise ValueError(f"the beginning of its sweep {name!r} is not there")
        runs[name].append(run_of(told))


def _fault(path: str | os.PathLike[str], number: int, error: Exception) -> Issue:
    reason = f"it is no JSON ({error})" if isinstance(error, json.JSONDecodeError | UnicodeDecodeError) else str(error)
    told = reason if not isinstance(error, KeyError) else f"it has no {error}"
    return Issue(
        "damaged-line",
        f"this line is left out: {short(told, 200)}",
        path=f"{_named(path)}, line {number}",
        severity="warning",
    )


def _whole(value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
        raise ValueError(f"{value!r:.40} is no whole number from {least} to {_MOST}")
    return value


def _number(value: Any) -> float:
    if not is_duration(value):
        raise ValueError(f"{value!r:.40} is no number from 0")
    return float(value)


def _named(path: str | os.PathLike[str]) -> str:
    return short(os.fspath(path), 200)
