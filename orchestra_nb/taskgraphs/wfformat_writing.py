"""WfFormat 1.5, written: a run as it was executed, or a graph with what its nodes are expected to take.

Policy: the schema wants ids of letters, digits, ``-``, ``_`` and ``.``; a node whose id has others gets a number, and
its id stands as its name, which is what :mod:`.wfformat` reads. The schema has no place for durations but those of an
execution. So a graph that has not run is written as one that took what is expected, without machines, and its
description says so; its makespan is then its critical path. Files and cores that a reader kept are written again.
Failure: a graph without nodes has no such file. What time it is and which machine this is are arguments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from orchestra_nb.errors import DefinitionError, Issue
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, Outcome
from orchestra_nb.running.result import RunResult

VERSION = "1.5"
_ID = re.compile(r"[0-9a-zA-Z_.-]+")
_FILE = re.compile(r"[0-9a-zA-Z_./:-]+")
Record = dict[str, Any]


def document(what: DAG | RunResult, now: str, machine: Mapping[str, Any], version: str) -> Record:
    """Make the document of a run or a graph.

    Parameters
    ----------
    what
        The run or the graph.
    now
        What time it is, as ISO 8601 has it.
    machine
        The machine of a run, as the schema has it.
    version
        Of this library.

    Raises
    ------
    DefinitionError
        The graph has no nodes.

    Examples
    --------
    >>> made = document(DAG([Node("a b", cost=2.0)]), "2024-05-01T00:00:00Z", {}, "1.0")
    >>> made["workflow"]["specification"]["tasks"]
    [{'name': 'a b', 'id': 'task-1', 'parents': [], 'children': []}]
    >>> made["workflow"]["execution"]["tasks"]
    [{'id': 'task-1', 'runtimeInSeconds': 2.0}]
    """
    run = what if isinstance(what, RunResult) else None
    dag = run.measured if run is not None else what
    assert isinstance(dag, DAG)
    if not dag.nodes:
        told = "a graph without nodes cannot be written as WfFormat, which wants one task at least"
        raise DefinitionError([Issue("no-tasks", told, suggestion="write it as .graphml or .json")])
    ids = _ids(dag)
    specification: Record = {"tasks": [_specified(dag, node, ids) for node in dag.nodes.values()]}
    files = dag.metadata.get("files")
    if isinstance(files, Mapping) and all(_FILE.fullmatch(str(n)) and type(size) is int for n, size in files.items()):
        specification["files"] = [{"id": str(name), "sizeInBytes": size} for name, size in files.items()]
    execution = _expected(dag, ids, now) if run is None else _executed(run, dag, ids, machine)
    about = "Expected durations; nothing was executed." if run is None else f"Run {run.run_id} of {len(dag)} nodes."
    return {
        "name": str(dag.metadata.get("name") or "graph"),
        "description": about,
        "createdAt": now,
        "schemaVersion": VERSION,
        "runtimeSystem": {"name": "orchestra_nb", "version": version},
        "workflow": {"specification": specification, "execution": execution},
    }


def _ids(dag: DAG) -> dict[str, str]:
    """Ids that the schema takes: the nodes' own, or numbers where one of them is odd."""
    fits = all(_ID.fullmatch(name) for name in dag.nodes)
    return {name: name if fits else f"task-{number}" for number, name in enumerate(dag.nodes, 1)}


def _specified(dag: DAG, node: Node, ids: Mapping[str, str]) -> Record:
    record: Record = {
        "name": node.id,
        "id": ids[node.id],
        "parents": [ids[name] for name in dag.predecessors(node.id)],
        "children": [ids[name] for name in dag.successors(node.id)],
    }
    for key, field in (("inputs", "inputFiles"), ("outputs", "outputFiles")):
        names = node.metadata.get(key)
        if isinstance(names, list | tuple) and names and all(_FILE.fullmatch(str(name)) for name in names):
            record[field] = [str(name) for name in names]
    return record


def _cores(node: Node) -> Record:
    cores = node.metadata.get("cores")
    known = isinstance(cores, int | float) and not isinstance(cores, bool) and cores >= 1
    return {"coreCount": cores} if known else {}


def _expected(dag: DAG, ids: Mapping[str, str], now: str) -> Record:
    tasks = [{"id": ids[n.id], "runtimeInSeconds": n.cost, **_cores(n)} for n in dag.nodes.values()]
    return {"makespanInSeconds": dag.critical_time, "executedAt": now, "tasks": tasks}


def _executed(run: RunResult, dag: DAG, ids: Mapping[str, str], machine: Mapping[str, Any]) -> Record:
    began = datetime.fromisoformat(run.started_at)
    tasks = []
    for node in dag.nodes.values():
        outcome: Outcome | None = run.outcomes.get(node.id)
        record: Record = {"id": ids[node.id], "runtimeInSeconds": outcome.seconds if outcome is not None else 0.0}
        if outcome is not None and outcome.started is not None:
            record["executedAt"] = (began + timedelta(seconds=outcome.started)).isoformat(timespec="milliseconds")
            record |= {"machines": [machine["nodeName"]]} if machine else {}
        tasks.append(record | _cores(node))
    told: Record = {"makespanInSeconds": run.total_time, "executedAt": run.started_at, "tasks": tasks}
    return told | ({"machines": [dict(machine)]} if machine else {})
