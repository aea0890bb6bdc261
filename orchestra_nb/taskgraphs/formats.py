"""The formats of files of graphs: what each is called, how its files end, how it is known, read and written.

One table, :data:`FORMATS`; whoever adds a format adds a line there. JSON is told apart by what is in it and not by its
name; the order of the table is the order in which formats are tried. Readers get the text, or what JSON has made of it,
and a :class:`.Draft` for their faults.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestra_nb.graph.dag import DAG
from orchestra_nb.running.result import RunResult
from orchestra_nb.taskgraphs import fabric, graphml, plain_json, stg, wfformat, wfformat_writing
from orchestra_nb.taskgraphs.drafts import Draft

Written = DAG | RunResult


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a written file says of where and when.

    Parameters
    ----------
    now
        What time it is, as ISO 8601 has it.
    machine
        The machine, as WfFormat has it.
    version
        Of this library.

    Examples
    --------
    >>> Surroundings("2024-05-01T00:00:00Z").machine
    {}
    """

    now: str
    machine: Mapping[str, Any] = None  # type: ignore[assignment]
    version: str = "0"

    def __post_init__(self) -> None:
        object.__setattr__(self, "machine", self.machine or {})


@dataclass(frozen=True, slots=True)
class Format:
    """One format of files.

    Parameters
    ----------
    name
        What ``format=`` calls it.
    title
        What people call it.
    suffixes
        How its files end; the first file of such a name is written in it unless another is asked for.
    is_json
        Whether readers get what JSON has made of the text.
    recognises
        Whether a text, or what JSON has made of it, is of this format.
    read, write
        ``None`` where this is not done.

    Examples
    --------
    >>> named("stg").title, [each.name for each in FORMATS if each.read is None]
    ('Standard Task Graph', ['dot'])
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    is_json: bool
    recognises: Callable[[Any], bool]
    read: Callable[[Any, Draft], DAG] | None
    write: Callable[[Written, Surroundings], str]


def _dag_of(what: Written) -> DAG:
    return what.measured if isinstance(what, RunResult) else what


def _dumped(record: object) -> str:
    return json.dumps(record, ensure_ascii=True, default=str, indent=1) + "\n"


def _wfformat(what: Written, around: Surroundings) -> str:
    return _dumped(wfformat_writing.document(what, around.now, around.machine, around.version))


def _is_dot(text: str) -> bool:
    return text.lstrip().startswith(("digraph", "strict digraph", "graph {", "strict graph"))


FORMATS: tuple[Format, ...] = (
    Format("wfformat", "WfFormat", (".json",), True, wfformat.recognises, wfformat.read, _wfformat),
    Format(
        *("fabric", "Fabric pipeline", (".json",), True, fabric.recognises, fabric.read),
        lambda what, _: _dumped(fabric.document(_dag_of(what))),
    ),
    Format(
        *("json", "graph as JSON", (".json",), True, plain_json.recognises, plain_json.read),
        lambda what, _: _dumped(plain_json.document(what)),
    ),
    Format(
        *("graphml", "GraphML", (".graphml",), False, graphml.recognises, graphml.read),
        lambda what, _: graphml.text_of(what),
    ),
    Format(
        *("stg", "Standard Task Graph", (".stg",), False, stg.recognises, stg.read),
        lambda what, _: stg.text_of(_dag_of(what)),
    ),
    Format(
        *("dot", "DOT", (".dot", ".gv"), False, _is_dot, None),
        lambda what, _: str((what.dag if isinstance(what, RunResult) else what).to_graphviz().source),
    ),
)
"""All of them, in the order in which a file is tried."""
SUFFIXES = (".stg", ".graphml", ".dot", ".gv")
"""Endings that say a file is a graph, whatever is in it."""
_USUAL = {".json": "json"}


def named(name: str) -> Format | None:
    """Find a format by its name.

    Examples
    --------
    >>> named("csv") is None
    True
    """
    return next((each for each in FORMATS if each.name == name), None)


def usual_for(suffix: str) -> Format | None:
    """Find the format in which a file of such an ending is written.

    Examples
    --------
    >>> usual_for(".json").name, usual_for(".gv").name, usual_for(".svg")
    ('json', 'dot', None)
    """
    usual = _USUAL.get(suffix)
    return next((each for each in FORMATS if each.name == usual or (usual is None and suffix in each.suffixes)), None)
