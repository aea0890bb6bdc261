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
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from orchestra_nb.cells.description import Description
from orchestra_nb.cells.learned import NOTHING_LEARNED, with_changes
from orchestra_nb.cells.learned_store import remember
from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import BackendError, CheckpointError, NodeCancelled
from orchestra_nb.events import NodeEnded, NodeStarted
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId, Outcome
from orchestra_nb.notebook.kernel_side import EVENT_MIME
from orchestra_nb.notebook.kernels import Message, kernel, kernel_name
from orchestra_nb.notebook.linear import run_linear
from orchestra_nb.notebook.outputs import OutputLog
from orchestra_nb.notebook.plan_parcel import pack_plan
from orchestra_nb.notebook.records import outcome_from, result_of
from orchestra_nb.notebook.resuming import Where
from orchestra_nb.notebook.widget_state import WidgetState
from orchestra_nb.planning.variation import AS_IT_IS, Variation
from orchestra_nb.recovery.saga_result import SagaResult
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.run_records import change_from, run_record

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
    values
        A description of each, to say where two runs part.
    metadata
        What a file of this run says in the notebook's own metadata: ``language_info`` as the kernel told it, and
        ``widgets``, where there were any.
    kept
        Of the run that is stored to be gone on with: its name under ``run``, of how many cells the results are
        ``stored``, and the ``trouble`` that ended the storing; empty where nothing is stored.
    """

    run: RunResult
    fingerprints: Mapping[str, str]
    values: Mapping[str, Description] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    kept: Mapping[str, Any] = field(default_factory=dict)

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
    path: str | Path | Notebook,
    config: RunConfig | None = None,
    *,
    targets: Iterable[str] = (),
    parameters: Mapping[str, Any] | None = None,
    linear: bool = False,
    on_event: Listener | None = None,
    variation: Variation = AS_IT_IS,
    run_id: str = "",
    note: Mapping[str, Any] | None = None,
) -> HeadlessRun:
    """Run a notebook file in a kernel of its own.

    Parameters
    ----------
    path
        The notebook's file, or the notebook as it was read from there.
    config
        Jobs, backend and so on.
    targets
        Run only these nodes and what they need.
    parameters
        Values by name, as in :meth:`.Notebook.read`; for a file.
    linear
        Run one cell after the other in document order, as Jupyter does, and stop at the first error.
    on_event
        Called with each event, as a mapping that has its ``name``.
    variation
        What is to be different in the notebook's graph, for a run that is to prove something.
    run_id
        Of a run of this notebook that was cut short, and is to be gone on with; empty: a new run.
    note
        What was asked for, as JSON: it is stored with the run, for who goes on with it.

    Raises
    ------
    DefinitionError
        The file or what it says is faulty; nothing has run.
    BackendError
        The kernel does not start, or died.
    CheckpointError
        There is no such run to go on with, or another process has it.
    TypeError
        Parameters were given with a notebook that has been read.
    """
    if parameters and isinstance(path, Notebook):
        raise TypeError("give the parameters to Notebook.read")
    config = _at_home(config if config is not None else RunConfig())
    notebook = path if isinstance(path, Notebook) else Notebook.read(path, parameters, plan_cache=config.plan_cache)
    wanted = tuple(targets)
    whole = variation.of(notebook.planned(keep_going=config.keep_going))
    dag = whole.subgraph(wanted) if wanted else whole
    name = kernel_name(notebook.document.metadata)
    tell = on_event if on_event is not None else _ignore
    folder = Path.cwd() if notebook.path is None else notebook.path.absolute().parent
    if linear:
        run, left = run_linear(dag, name, folder, tell, config.timeout)
    else:
        where = Where(str(notebook.path.absolute()) if notebook.path is not None else "", run_id, note or {})
        if not where.path:
            config = replace(config, checkpoint="memory")  # nobody could ask for it
        run, left = _Parallel(dag, tell).run(name, folder, config, where)
        if run.unforeseen:
            remember(notebook.learned_at, with_changes(NOTHING_LEARNED, run.unforeseen, dict(dag.nodes)))
    return HeadlessRun(run, *(left.get(key, {}) for key in ("names", "values", "metadata", "kept")))


def _at_home(config: RunConfig) -> RunConfig:
    """The kernel has a working directory of its own, and files are named from here."""
    return config if config.log is None else replace(config, log=str(Path(config.log).absolute()))


class _Parallel:
    """One parallel run, as seen from outside."""

    def __init__(self, dag: DAG, tell: Listener) -> None:
        self._dag = dag
        self._tell = tell
        self._lanes: dict[NodeId, str] = {}
        self._ended: dict[NodeId, Mapping[str, Any]] = {}
        self._latest = NodeId("")
        self._stray: dict[NodeId, OutputLog] = {}
        self._widgets = WidgetState()

    def run(self, name: str, folder: Path, config: RunConfig, where: Where) -> tuple[RunResult, Mapping[str, Any]]:
        """Run it; returns the result, and what the kernel said of names and of itself."""
        with tempfile.TemporaryDirectory(prefix="orchestra-", ignore_cleanup_errors=True) as private:
            plan, request, answer, journal = (
                Path(private, name) for name in ("plan", "request.json", "answer.json", "journal")
            )
            plan.write_bytes(pack_plan(self._dag))  # what was checked is what runs
            asked = {"plan": str(plan), "config": asdict(config), "answer": str(answer), "journal": str(journal)}
            asked["run"] = asdict(where)
            request.write_text(json.dumps(asked), encoding="utf-8")
            with kernel(name, folder) as running:
                try:
                    running.execute(_CALL.format(request=str(request)), self._listen)
                except BackendError as error:
                    raise BackendError(f"{error}{_culprits(journal)}") from None
            return self._result(answer, config)

    def _result(self, answer: Path, config: RunConfig) -> tuple[RunResult, Mapping[str, Any]]:
        if not answer.exists():
            return self._unanswered(config), {}
        told = json.loads(answer.read_text(encoding="utf-8"))
        if "refused" in told:
            raise CheckpointError(told["refused"])
        outcomes = {record["node"]: self._with_stray(outcome_from(record)) for record in told.pop("outcomes")}
        left = {key: told.pop(key) for key in ("names", "values", "kept")}
        left["metadata"] = {"language_info": told.pop("language_info"), **self._widgets.metadata}
        told["unforeseen"] = tuple(change_from(record) for record in told["unforeseen"])
        told["undone"] = SagaResult.from_json(told["undone"]) if told["undone"] else None
        return result_of(self._dag, outcomes, **told), left

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
            self._stray_log().flush(content["name"])  # the kernel has let it wait long enough
        elif message["msg_type"] == "display_data":
            self._stray_log().display(data, content.get("metadata"))
        elif message["msg_type"].startswith("comm_"):
            self._widgets.take(message)

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
