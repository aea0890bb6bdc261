"""What a headless run asks of the kernel: one call that runs the whole notebook there, and one that looks at the names.

The call is an ordinary execute request without history, and leaves no name behind. Its answer is a JSON file in a
private folder, written in one step, so that there is a whole answer or none. Events go out as display messages of a
type of their own, and into a journal beside the answer: messages under way when a process dies are lost, lines are not.

Fingerprints are computed here, where the values are. What IPython itself put into the namespace is left out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import CheckpointError, ConditionError
from orchestra_nb.events import Event, EventBus
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.model import Node, NodeId, Outcome
from orchestra_nb.notebook.outputs import settle
from orchestra_nb.notebook.plan_parcel import unpack_plan
from orchestra_nb.notebook.records import event_record, outcome_record
from orchestra_nb.running.conditions import Conditions
from orchestra_nb.running.recall import open_recall
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.run_records import change_record, undone_record

EVENT_MIME = "application/vnd.orchestra-nb.event+json"
_IPYTHON = frozenset({"In", "Out", "exit", "quit", "get_ipython"})


def run(request: str) -> None:
    """Run a notebook in this kernel.

    Parameters
    ----------
    request
        Path of a JSON file in a private folder: ``plan`` (the path of the pickled DAG that is to run), ``config``
        (fields of a RunConfig), ``run`` (whose run it is, as a :class:`.Where`), and ``answer`` and ``journal``, the
        paths to write to.
    """
    from orchestra_nb.notebook.program import CellProgram, run_cells
    from orchestra_nb.notebook.resuming import Where, stored_run
    from orchestra_nb.running.scheduler import ParallelScheduler

    asked = json.loads(Path(request).read_text(encoding="utf-8"))
    shell = _shell()
    config = RunConfig(**asked["config"])
    dag = numbered(unpack_plan(Path(asked["plan"]).read_bytes()))
    bus = EventBus()
    bus.on("*", _Teller(shell, asked["journal"]), inline=True)
    scheduler = ParallelScheduler(config, bus)
    try:
        stored = stored_run(dag, shell.user_ns, config, Where(**asked["run"]), shell)
    except CheckpointError as error:
        _write(asked["answer"], {"refused": str(error)})
        return
    try:
        recall = open_recall(scheduler.config, dag.nodes.values())
        checkpoint = None if stored is None else stored.checkpoint
        program = CellProgram(dag, shell.user_ns, shell, scheduler.config.guard, recall, checkpoint)
        result: RunResult | None = run_cells(dag, program, scheduler)
    except KeyboardInterrupt:  # the one who asked knows: it sent the interrupt
        result = scheduler.last_result
    if result is not None:
        language = dict(shell.kernel.language_info)
        kept = {} if stored is None else stored.ended(result.success, result.stopped)
        _write(asked["answer"], {**_told(result), **_left(shell), "language_info": language, "kept": kept})


def numbered(dag: DAG) -> DAG:
    """Give each cell the number that it has in the written file: tracebacks name the cell by it."""
    places = sorted({node.metadata["position"] for node in dag.nodes.values()})
    number = {place: count for count, place in enumerate(places, 1)}
    nodes = [
        replace(node, metadata={**node.metadata, "number": number[node.metadata["position"]]})
        for node in dag.nodes.values()
    ]
    return DAG(nodes, dag.edges)


def look(answer: str) -> None:
    """Write what is in this kernel's namespace to a file."""
    _write(answer, _left(_shell()))


def holds(answer: str, when: str) -> None:
    """Write whether a condition holds in this kernel's namespace to a file: why not, or why that cannot be said."""
    node = Node(NodeId("cell"), when=when)
    try:
        told = {"false": Conditions([node], []).false(node.id, _shell().user_ns.__getitem__), "error": ""}
    except ConditionError as error:
        told = {"false": "", "error": str(error)}
    _write(answer, told)


def _left(shell: Any) -> dict[str, Any]:
    """The fingerprints and descriptions of the user's names."""
    names = fingerprints(shell.user_ns, shell.user_ns_hidden)
    return {"names": names, "values": descriptions(shell.user_ns, names)}


def fingerprints(namespace: Mapping[str, Any], hidden: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Digest each of the user's names by content.

    Parameters
    ----------
    namespace
        The user's.
    hidden
        What IPython put there; a name that the user has bound anew counts.

    Examples
    --------
    >>> sorted(fingerprints({"x": 1, "_x": 2, "In": []}))
    ['x']
    """
    from orchestra_nb.cells.fingerprint import OPAQUE, fingerprint

    own = hidden or {}
    found = {}
    for name, value in sorted(namespace.items()):
        if name.startswith("_") or name in _IPYTHON or (name in own and own[name] is value):
            continue
        try:
            found[name] = fingerprint(value)
        except Exception as error:  # a value's own code may fail while it is walked
            found[name] = f"{OPAQUE}{type(value).__qualname__}: {type(error).__name__}"
    return found


def descriptions(namespace: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Describe some of the user's names, each in a few kilobytes at most."""
    from orchestra_nb.cells.description import describe

    found = {}
    for name in names:
        with suppress(Exception):  # a value's own code may fail while it is looked at
            found[name] = describe(namespace[name])
    return found


def settled(outcomes: Mapping[str, Outcome]) -> dict[NodeId, tuple[Any, ...]]:
    """Each node's outputs in plain nbformat, updates applied across nodes."""
    return settle({outcome.node: outcome.outputs for outcome in outcomes.values()})


def _told(result: RunResult) -> dict[str, Any]:
    outputs = settled(result.outcomes)
    records = [{**outcome_record(o), "outputs": outputs[o.node]} for o in result.outcomes.values()]
    return {
        "outcomes": records,
        "total_time": result.total_time,
        "jobs": result.jobs,
        "backend": result.backend,
        "stopped": result.stopped,
        "run_id": result.run_id,
        "started_at": result.started_at,
        "unforeseen": [change_record(change) for change in result.unforeseen],
        "undone": undone_record(result),
    }


class _Teller:
    """Tells of events; called on the driver's thread only.

    It keeps the publisher that was there when the run began: a cell under ``%%capture`` puts another in its place.
    """

    def __init__(self, shell: Any, journal: str) -> None:
        self._publisher = shell.display_pub
        self._journal = Path(journal)

    def __call__(self, event: Event) -> None:
        if isinstance(event, DagBuilt):  # who asked for the run has the graph
            return
        record = event_record(event)
        with self._journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        self._publisher.publish({EVENT_MIME: record, "text/plain": str(record["name"])})


def _write(path: str, content: Mapping[str, Any]) -> None:
    partial = f"{path}.part"
    Path(partial).write_text(json.dumps(content), encoding="utf-8")
    os.replace(partial, path)


def _shell() -> Any:
    from IPython.core.getipython import get_ipython

    return get_ipython()
