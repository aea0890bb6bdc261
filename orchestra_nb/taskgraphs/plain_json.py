"""A graph or a run as our own JSON: what ``orchestra plan --json``, ``run --json`` and exports have; read back too.

Nodes have ``id`` and ``seconds``, edges ``source`` and ``target`` with kind, certainty and evidence. What a run adds
(outcomes, errors) is written and not read: the graph that is read has the seconds that were measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Certainty, Edge, EdgeKind, Evidence, NodeId, NodeKind
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.run_records import edge_record, run_record
from orchestra_nb.taskgraphs.drafts import Draft


def recognises(data: object) -> bool:
    """Whether a JSON document is a graph of ours.

    Examples
    --------
    >>> recognises({"nodes": [], "edges": []}), recognises({"nodes": []})
    (True, False)
    """
    return isinstance(data, Mapping) and isinstance(data.get("nodes"), list) and isinstance(data.get("edges"), list)


def read(data: Mapping[str, Any], draft: Draft) -> DAG:
    """Read a graph.

    Raises
    ------
    DefinitionError
        Every fault, with its place.

    Examples
    --------
    >>> nodes = [{"id": "load", "seconds": 2.0}, {"id": "fit", "seconds": 1.0}]
    >>> read({"nodes": nodes, "edges": [{"source": "load", "target": "fit"}]}, Draft("a.json")).levels
    (('load',), ('fit',))
    """
    for i, node in enumerate(data["nodes"]):
        place = f"nodes[{i}]"
        if not isinstance(node, Mapping):
            draft.fault("not-a-task", f"a node must be a mapping, not {node!r:.60}", place)
            continue
        name = draft.task(node.get("id"), f"{place}.id")
        if name:
            seconds = draft.seconds(node.get("seconds"), f"{place}.seconds", name, "seconds")
            kind = node.get("kind") if node.get("kind") in get_args(NodeKind) else "function"
            phase = node.get("phase") if isinstance(node.get("phase"), str) else None
            draft.settle(name, cost=seconds, kind=kind, phase=phase)
    for i, edge in enumerate(data["edges"]):
        _edge(edge, f"edges[{i}]", draft)
    return draft.made({"format": "json"})


def _edge(edge: object, place: str, draft: Draft) -> None:
    if not isinstance(edge, Mapping):
        draft.fault("not-an-edge", f"an edge must be a mapping, not {edge!r:.60}", place)
        return
    ends = [edge.get(key) for key in ("source", "target")]
    if not all(isinstance(end, str) and end for end in ends):
        draft.fault("no-name", f"an edge must name its source and its target, not {ends!r:.60}", place)
        return
    source, target = map(NodeId, map(str, ends))
    kind = edge.get("kind", "declared")
    if kind not in get_args(EdgeKind):
        told = f"an edge must be one of {', '.join(get_args(EdgeKind))}, not {kind!r:.60}"
        draft.fault("not-an-edge", told, f"{place}.kind")
        kind = "declared"
    certainty = edge.get("certainty") if edge.get("certainty") in get_args(Certainty) else "certain"
    listed = edge.get("evidence", [])
    evidence = tuple(
        _evidence(each) for each in (listed if isinstance(listed, list) else ()) if isinstance(each, Mapping)
    )
    draft.need(source, target, place, Edge(source, target, kind, certainty, evidence))  # type: ignore[arg-type]


def _evidence(record: Mapping[str, Any]) -> Evidence:
    lines = [record.get(key) if isinstance(record.get(key), int) else None for key in ("source_line", "target_line")]
    return Evidence(str(record.get("variable", "")), lines[0], lines[1], str(record.get("reason", "")))


def document(what: DAG | RunResult) -> dict[str, Any]:
    """Make the object of a graph or a run.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> document(DAG([Node("load", cost=2.0)]))["nodes"]
    [{'id': 'load', 'level': 0, 'seconds': 2.0, 'kind': 'function', 'phase': None}]
    """
    if isinstance(what, RunResult):
        return run_record(what)
    level = {name: number for number, names in enumerate(what.levels) for name in names}
    nodes = [
        {"id": node.id, "level": level[node.id], "seconds": node.cost, "kind": node.kind, "phase": node.phase}
        for node in what.nodes.values()
    ]
    return {
        "levels": [list(names) for names in what.levels],
        "critical_path": list(what.critical_path),
        "critical_time": what.critical_time,
        "total_time": what.total_time,
        "nodes": nodes,
        "edges": [edge_record(edge) for edge in what.edges],
    }
