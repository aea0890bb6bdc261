"""What a headless run asks of the kernel: one call that runs the whole notebook there, and one that looks at the names.

The call is an ordinary execute request without history, and leaves no name behind. Its answer is a JSON file in a
private folder, written in one step, so that there is a whole answer or none. Events go out as display messages of a
type of their own, and into a journal beside the answer: messages under way when a process dies are lost, lines are not.

Fingerprints are computed here, where the values are. What IPython itself put into the namespace is left out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestra_nb.config import RunConfig
from orchestra_nb.events import Event, EventBus
from orchestra_nb.model import NodeId, Outcome
from orchestra_nb.notebook.outputs import settle
from orchestra_nb.notebook.records import event_record, outcome_record
from orchestra_nb.running.result import RunResult

EVENT_MIME = "application/vnd.orchestra-nb.event+json"
_IPYTHON = frozenset({"In", "Out", "exit", "quit", "get_ipython"})


def run(request: str) -> None:
    """Run a notebook in this kernel.

    Parameters
    ----------
    request
        Path of a JSON file: ``notebook`` (a path), ``config`` (fields of a RunConfig), ``targets``, ``effects`` (what
        the user says of libraries), and ``answer`` and ``journal``, the paths to write to.
    """
    from orchestra_nb.cells.effects.sources import knowledge_told
    from orchestra_nb.cells.notebook_file import Notebook
    from orchestra_nb.notebook.program import CellProgram, run_cells
    from orchestra_nb.running.scheduler import ParallelScheduler

    asked = json.loads(Path(request).read_text(encoding="utf-8"))
    shell = _shell()
    with knowledge_told(asked["effects"]):
        dag = Notebook.read(asked["notebook"]).dag
    if asked["targets"]:
        dag = dag.subgraph(asked["targets"])
    bus = EventBus()
    bus.on("*", _Teller(shell, asked["journal"]))
    scheduler = ParallelScheduler(RunConfig(**asked["config"]), bus)
    try:
        result: RunResult | None = run_cells(dag, CellProgram(dag, shell.user_ns, shell), scheduler)
    except KeyboardInterrupt:  # the one who asked knows: it sent the interrupt
        result = scheduler.last_result
    if result is not None:
        _write(asked["answer"], {**_told(result), "names": fingerprints(shell.user_ns, shell.user_ns_hidden)})


def look(answer: str) -> None:
    """Write the fingerprints of this kernel's names to a file."""
    shell = _shell()
    _write(answer, {"names": fingerprints(shell.user_ns, shell.user_ns_hidden)})


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
    }


class _Teller:
    """Tells of events; called on the driver's thread only."""

    def __init__(self, shell: Any, journal: str) -> None:
        self._shell = shell
        self._journal = Path(journal)

    def __call__(self, event: Event) -> None:
        record = event_record(event)
        with self._journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        self._shell.display_pub.publish({EVENT_MIME: record, "text/plain": str(record["name"])})


def _write(path: str, content: Mapping[str, Any]) -> None:
    partial = f"{path}.part"
    Path(partial).write_text(json.dumps(content), encoding="utf-8")
    os.replace(partial, path)


def _shell() -> Any:
    from IPython.core.getipython import get_ipython

    return get_ipython()
