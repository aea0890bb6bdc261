"""A plan as text that can be kept: what it follows from as a key, the plan itself as JSON.

Policy: the key is a digest of everything that can change a plan: each field of each cell, the code of the analysis, its
table of libraries, Python, IPython (which translates magics), and the builtins that the cells could mean. The text has
what the analysis found; what the user wrote (sources, retries, circuits) is not in it and comes from the cells, so
that nobody's code lies about in a second place.

Types are part of the text, so that a plan comes back exactly: a list of JSON is a tuple; whatever else JSON lacks is
named. What has no place here (a node that carries a fault, a value of an unknown type) makes the plan one that is not
kept, never one that is kept almost.

Order: that of the nodes and of the edges as they were found. Failure: a plan that cannot be written is ``None``, and so
is a text that is not one. Rejected: pickle, with which a file from elsewhere runs code; only the edges, because
interpreting the cells is what takes the time.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from orchestra_nb._version import __version__
from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.conditions import breaker_of, retry_policy_of
from orchestra_nb.cells.effects.names import BUILTINS
from orchestra_nb.errors import OrchestraError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Edge, Evidence, Node

_FORMAT = 1
_FROM_CELL = ("source", "retry", "breaker")
_FOUND = tuple(field.name for field in fields(Node) if field.name not in _FROM_CELL)
_FAULTS = (TypeError, ValueError, KeyError, RecursionError, OverflowError, OrchestraError)


def key_of(cells: Sequence[Cell], analysis: str) -> str | None:
    """Digest what the plan of some cells follows from.

    Parameters
    ----------
    cells
        In document order.
    analysis
        A digest of the code that makes plans, and of its table of libraries.

    Returns
    -------
    str or None
        64 hexadecimal digits; ``None`` when a cell holds something that cannot be digested.

    Examples
    --------
    >>> key_of([Cell(1, "x = 1")], "") == key_of([Cell(1, "x = 1")], "")
    True
    >>> key_of([Cell(1, "x = 1")], "") == key_of([Cell(1, "x = 2")], "")
    False
    """
    rows = [{field.name: getattr(cell, field.name) for field in fields(Cell)} for cell in cells]
    try:
        said = json.dumps(rows, sort_keys=True, default=_as_json)
        text = unicodedata.normalize("NFKC", " ".join(cell.source for cell in cells)) + said
        meant = sorted(name for name in BUILTINS if name in text)
        around = [_FORMAT, __version__, analysis, sys.version, sys.implementation.name, _ipython(), meant]
    except _FAULTS:
        return None
    return hashlib.sha256(f"{json.dumps(around)}\n{said}".encode("ascii")).hexdigest()


def encode(dag: DAG, cells: Sequence[Cell]) -> str | None:
    """Write down a plan, if it can be read back exactly.

    Examples
    --------
    >>> from orchestra_nb.cells.inference import cell_dag
    >>> cells = [Cell(1, "x = 1"), Cell(2, "print(x)")]
    >>> decode(encode(cell_dag(cells), cells), cells).edges == cell_dag(cells).edges
    True
    """
    try:
        text = _text(dag)
    except _FAULTS:
        return None
    again = decode(text, cells)
    nodes = zip(dag.nodes.values(), cells, strict=False)
    own = all(getattr(node, name) == wanted for node, cell in nodes for name, wanted in _from(cell).items())
    return text if own and not dag.metadata and again is not None and _text(again) == text else None


def decode(text: str, cells: Sequence[Cell]) -> DAG | None:
    """Read a plan of these cells; ``None`` when the text is not one."""
    try:
        nodes, edges = json.loads(text)
        return DAG([_node(row, cell) for row, cell in zip(nodes, cells, strict=True)], map(_edge, edges))
    except _FAULTS:
        return None


def _ipython() -> str:
    """The version of IPython that is loaded, else of the one that would be."""
    loaded = sys.modules.get("IPython")
    return str(loaded.__version__) if loaded is not None else version("ipython")


def _text(dag: DAG) -> str:
    nodes = [[_tagged(getattr(node, name)) for name in _FOUND] for node in dag.nodes.values()]
    edges = [
        [
            *(_tagged(value) for value in (edge.source, edge.target, edge.kind, edge.certainty)),
            [[_tagged(getattr(item, field.name)) for field in fields(Evidence)] for item in edge.evidence],
        ]
        for edge in dag.given
    ]
    return json.dumps([nodes, edges], separators=(",", ":"), allow_nan=False)


def _node(row: Sequence[Any], cell: Cell) -> Node:
    found = {name: _untagged(value) for name, value in zip(_FOUND, row, strict=True)}
    if found["id"] != cell.id:
        raise ValueError(f"{found['id']!r} is not {cell.id!r}")
    return Node(**found, **_from(cell))


def _from(cell: Cell) -> dict[str, Any]:
    """What a node has from its cell as it is; the names are those of :data:`_FROM_CELL`."""
    said = cell.settings
    return {"source": cell.source, "retry": retry_policy_of(said.retry), "breaker": breaker_of(said.breaker)}


def _edge(row: Sequence[Any]) -> Edge:
    source, target, kind, certainty, evidence = row
    return Edge(source, target, kind, certainty, tuple(Evidence(*item) for item in evidence))


def _tagged(value: Any) -> Any:
    """Write a value so that its type can be told; a list is a tuple."""
    kind = type(value)
    if value is None or kind in (bool, int, str) or (kind is float and math.isfinite(value)):
        return value
    if kind is tuple:
        return [_tagged(item) for item in value]
    if kind is list:
        return {"list": [_tagged(item) for item in value]}
    if kind in (dict, MappingProxyType) and all(type(name) is str for name in value):
        return {kind.__name__: {name: _tagged(item) for name, item in value.items()}}
    raise TypeError(f"{kind.__name__} has no place in a record")


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return tuple([_untagged(item) for item in value])
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "list":
        return list(_untagged(content))
    made = {name: _untagged(item) for name, item in content.items()}
    return made if kind == "dict" else MappingProxyType(made)


def _as_json(value: object) -> Any:
    """What a cell holds beside JSON's own types."""
    if isinstance(value, BaseModel):
        return [type(value).__name__, dict(value)]
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be digested")
