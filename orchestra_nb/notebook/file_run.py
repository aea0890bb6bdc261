"""Running a notebook file without a front end, in a kernel of its own.

Policy: the file is read and its graph checked here, before any kernel starts; bad input costs nothing and runs
nothing. A parallel run is one request to the kernel (:mod:`.kernel_side`). A linear run is one request per cell
through nbclient, exactly as Jupyter's own tools do it (:mod:`.linear`): it is what a parallel run is compared with.

Failure: a failed node is an outcome. A kernel that dies is an error that names the nodes which were running. An
interrupt stops the run in the kernel and returns what it has: done, cancelled and skipped nodes.

What child processes and C code write past Python arrives without a name on it; it is given to the node that was last
seen running on the main lane, else to the last that started.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from orchestra_nb.cells.effects.knowledge import Knowledge
from orchestra_nb.cells.effects.sources import knowledge_of
from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import BackendError, NodeCancelled
from orchestra_nb.events import NodeEnded, NodeStarted
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId, Outcome
from orchestra_nb.notebook.kernel_side import EVENT_MIME
from orchestra_nb.notebook.kernels import Message, kernel, kernel_name
from orchestra_nb.notebook.linear import run_linear
from orchestra_nb.notebook.outputs import OutputLog
from orchestra_nb.notebook.records import outcome_from, result_of, run_record
from orchestra_nb.running.result import RunResult

Listener = Callable[[Mapping[str, Any]], object]
_CALL = "__import__('importlib').import_module('orchestra_nb.notebook.kernel_side').run({request!r})"


@dataclass(frozen=True, slots=True)
class HeadlessRun:
    """What a headless run left behind.

    Parameters
    ----------
    run
        The result, without values: they ended with the kernel.
    fingerprints
        A digest of each of the user's variables, by name.
    """

    run: RunResult
    fingerprints: Mapping[str, str]

    @property
    def result(self) -> Mapping[str, Any]:
        """The run as one JSON object."""
        return run_record(self.run)

    @property
    def outcomes(self) -> Mapping[str, Outcome]:
        """How each node ended, by id, with its outputs."""
        return self.run.outcomes

    @property
    def dag(self) -> DAG:
        """What ran, with the measured seconds as costs."""
        return self.run.dag


def run_file(
    path: str | Path,
    config: RunConfig | None = None,
    *,
    targets: Iterable[str] = (),
    linear: bool = False,
    on_event: Listener | None = None,
) -> HeadlessRun:
    """Run a notebook file in a kernel of its own.

    Parameters
    ----------
    path
        The notebook.
    config
        Jobs, backend and so on.
    targets
        Run only these nodes and what they need.
    linear
        Run one cell after the other in document order, as Jupyter does, and stop at the first error.
    on_event
        Called with each event, as a mapping that has its ``name``.

    Raises
    ------
    DefinitionError
        The file or what it says is faulty; nothing has run.
    BackendError
        The kernel does not start, or died.
    """
    path = Path(path)
    config = config if config is not None else RunConfig()
    notebook = Notebook.read(path)
    wanted = tuple(targets)
    folder = path.absolute().parent
    with knowledge_of(folder) as known:
        dag = notebook.dag.subgraph(wanted) if wanted else notebook.dag
    name = kernel_name(notebook.document.metadata)
    tell = on_event if on_event is not None else _ignore
    if linear:
        run, names = run_linear(dag, name, folder, tell, config.timeout)
    else:
        run, names = _Parallel(dag, tell, known).run(path, name, config, wanted)
    return HeadlessRun(run, names)


class _Parallel:
    """One parallel run, as seen from outside."""

    def __init__(self, dag: DAG, tell: Listener, known: Knowledge) -> None:
        self._dag = dag
        self._known = known
        self._tell = tell
        self._lanes: dict[NodeId, str] = {}
        self._ended: dict[NodeId, Mapping[str, Any]] = {}
        self._latest = NodeId("")
        self._stray: dict[NodeId, OutputLog] = {}

    def run(
        self, path: Path, name: str, config: RunConfig, targets: tuple[str, ...]
    ) -> tuple[RunResult, Mapping[str, str]]:
        """Run it; returns the result and the fingerprints."""
        with tempfile.TemporaryDirectory(prefix="orchestra-", ignore_cleanup_errors=True) as private:
            copy = shutil.copyfile(path, Path(private, path.name))  # what was checked is what runs
            request, answer, journal = (Path(private, name) for name in ("request.json", "answer.json", "journal"))
            asked: dict[str, Any] = {"notebook": str(copy), "config": asdict(config), "targets": targets}
            asked |= {"answer": str(answer), "journal": str(journal), "effects": self._known.told}
            request.write_text(json.dumps(asked), encoding="utf-8")
            with kernel(name, path.absolute().parent) as running:
                try:
                    running.execute(_CALL.format(request=str(request)), self._listen)
                except BackendError as error:
                    raise BackendError(f"{error}{_culprits(journal)}") from None
            return self._result(answer, config)

    def _result(self, answer: Path, config: RunConfig) -> tuple[RunResult, Mapping[str, str]]:
        if not answer.exists():
            return self._unanswered(config), {}
        told = json.loads(answer.read_text(encoding="utf-8"))
        outcomes = {record["node"]: self._with_stray(outcome_from(record)) for record in told.pop("outcomes")}
        names = told.pop("names")
        return result_of(self._dag, outcomes, **told), names

    def _unanswered(self, config: RunConfig) -> RunResult:
        """The kernel was interrupted and did not come back: what the events said, the rest was cancelled."""
        outcomes = {}
        for node in self._dag.nodes.values():
            seen = self._ended.get(node.id)
            if seen is not None and seen["status"] == "done":
                outcomes[node.id] = Outcome(node.id, "done", started=seen["started"], ended=seen["ended"])
            elif node.id in self._lanes:
                error = NodeCancelled(f"node {node.id!r} was cancelled: interrupted", node.id)
                outcomes[node.id] = Outcome(node.id, "cancelled", error=error, reason="interrupted")
            else:
                outcomes[node.id] = Outcome(node.id, "skipped", reason="the run was interrupted")
        total = max((float(seen["ended"] or 0) for seen in self._ended.values()), default=0.0)
        jobs = config.jobs if config.jobs is not None and config.jobs > 0 else 1
        backend = config.backend or "threading"
        return result_of(self._dag, outcomes, total_time=total, jobs=jobs, backend=backend, stopped="interrupted")

    def _listen(self, message: Message) -> None:
        content = message["content"]
        data = content.get("data", {})
        if EVENT_MIME in data:
            self._event(data[EVENT_MIME])
        elif message["msg_type"] == "stream":
            self._stray_log().stream(content["name"], content["text"])
        elif message["msg_type"] == "display_data":
            self._stray_log().display(data, content.get("metadata"))

    def _event(self, event: Mapping[str, Any]) -> None:
        if event["name"] == NodeStarted.name:
            self._lanes[event["node"]] = event["lane"]
            self._latest = event["node"]
        elif event["name"] == NodeEnded.name:
            self._ended[event["node"]] = event
        self._tell(event)

    def _stray_log(self) -> OutputLog:
        main = [node for node, lane in self._lanes.items() if lane == "main" and node not in self._ended]
        return self._stray.setdefault(main[0] if main else self._latest, OutputLog())

    def _with_stray(self, outcome: Outcome) -> Outcome:
        log = self._stray.get(outcome.node)
        return outcome if log is None else replace(outcome, outputs=(*outcome.outputs, *log.outputs))


def _culprits(journal: Path) -> str:
    """The nodes that were running when the kernel died, as part of a sentence."""
    running: dict[str, None] = {}
    for line in journal.read_text(encoding="utf-8").splitlines() if journal.exists() else ():
        event = json.loads(line)
        if event["name"] == NodeStarted.name:
            running[event["node"]] = None
        elif event["name"] == NodeEnded.name:
            running.pop(event["node"], None)
    return f" (while it ran {', '.join(running)})" if running else ""


def _ignore(_: Mapping[str, Any]) -> None:
    """Nobody listens."""
