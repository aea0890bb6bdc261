"""A graph or a run to a file, in any format that is known. The shell: it looks at the clock and at the machine.

A run in WfFormat names the machine it ran on, its system and its cores, because the format is there for comparing
executions; the other formats say nothing of the kind. Failure: a file that is there is left as it is unless it may be
written over, and so is everything where something is wrong.
"""

from __future__ import annotations

import os
import platform
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestra_nb._version import __version__
from orchestra_nb.durable.written_files import check_name, write_text
from orchestra_nb.errors import CommandError, ConfigError, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.running.result import RunResult
from orchestra_nb.taskgraphs.formats import FORMATS, Format, Surroundings, named, usual_for

_HOST = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z.-]*[0-9A-Za-z])?")
_SYSTEMS = {"Linux": "linux", "Darwin": "macos", "Windows": "windows"}


def write_graph(
    what: DAG | RunResult, path: str | os.PathLike[str], *, format: str | None = None, force: bool = False
) -> Path:
    """Write a graph, or a run with what it took.

    Parameters
    ----------
    what
        The graph or the run.
    path
        Where to. Its ending says how: ``.json``, ``.graphml``, ``.stg``, ``.dot``.
    format
        ``"wfformat"`` or ``"fabric"`` for other JSON; or any other format, whatever the ending.
    force
        Write over a file that is there.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    CommandError
        There is such a file, no such folder, or nobody knows how to write what ends so.
    ConfigError
        There is no such format, or this is neither a graph nor a run.
    DefinitionError
        The format cannot hold such a graph, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from orchestra_nb import taskgraphs
    >>> folder = tempfile.TemporaryDirectory()
    >>> written = write_graph(taskgraphs.fft(4), Path(folder.name, "fft.json"), format="wfformat")
    >>> taskgraphs.read_graph(written).levels == taskgraphs.fft(4).levels
    True
    >>> folder.cleanup()
    """
    if not isinstance(path, str | os.PathLike):
        raise ConfigError(f"write_graph: path must be the path of a file, not {path!r:.60}")
    place = Path(path)
    with suppress(RuntimeError):  # no such user: then it is a folder's name as any other
        place = place.expanduser()
    chosen = format_for(str(path), format)
    check_name(f"write {path}", str(place))
    if place.exists() and not force:
        raise CommandError(f"write {path}: is there already; give another name, or force=True to write over it")
    write_text(place, graph_text(what, chosen.name))
    return place


def graph_text(what: DAG | RunResult, format: str) -> str:
    """Make the text of a graph, or of a run with what it took, in a format.

    Parameters
    ----------
    what
        The graph or the run.
    format
        As for :func:`write_graph`.

    Raises
    ------
    ConfigError
        There is no such format, or this is neither a graph nor a run.
    DefinitionError
        The format cannot hold such a graph.

    Examples
    --------
    >>> from orchestra_nb import taskgraphs
    >>> print(graph_text(taskgraphs.chain(1), "fabric"))
    {
     "activities": [
      {
       "name": "step_0",
       "path": "step_0",
       "dependencies": []
      }
     ]
    }
    <BLANKLINE>
    """
    if not isinstance(what, DAG | RunResult):
        raise ConfigError(f"only a DAG or a RunResult can be written, not {type(what).__name__}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    around = Surroundings(now, _machine() if isinstance(what, RunResult) else {}, __version__)
    return _named(format).write(what, around)


def format_for(path: str, format: str | None = None) -> Format:
    """Find the format of a file that is to be written.

    Raises
    ------
    CommandError
        Nothing is written that ends so.
    ConfigError
        There is no such format.

    Examples
    --------
    >>> format_for("a.json").name, format_for("a.json", "wfformat").name
    ('json', 'wfformat')
    """
    if format is not None:
        return _named(format)
    ending = Path(path).suffix.lower()
    found = usual_for(ending)
    if found is None:
        endings = [suffix for each in FORMATS for suffix in each.suffixes]
        hint = nearest(ending, endings) if ending else f"let it end with one of {', '.join(dict.fromkeys(endings))}"
        raise CommandError(f"write {path}: no graph is written that ends with {ending!r}; {hint}")
    return found


def _named(format: str) -> Format:
    found = named(format)
    if found is None:
        raise ConfigError(f"no format is called {format!r}; {nearest(str(format), [each.name for each in FORMATS])}")
    return found


def _machine() -> dict[str, Any]:
    """Describe this machine, as WfFormat does."""
    host = platform.node()
    told: dict[str, Any] = {"nodeName": host if _HOST.fullmatch(host) else "localhost"}
    system, release, kind = platform.system(), platform.release(), platform.machine()
    told |= {"system": _SYSTEMS[system]} if system in _SYSTEMS else {}
    told |= {"architecture": kind} if kind else {}
    told |= {"release": release} if release else {}
    return told | {"cpu": {"coreCount": os.cpu_count() or 1}}
