"""A linear run: one request per cell, top to bottom, through nbclient, as every Jupyter tool does it.

This is the yardstick, so nothing of ours takes part in it: the cells are sent as they were written, outputs are what
nbclient collected, and the first error ends the run unless the cell is tagged ``raises-exception``. Only afterwards
is the kernel asked for the fingerprints of its names. A cell's condition is asked about before its turn, and what it
passes over is settled by the plan, as in any other run. Cells that compensate others do not run, and nothing is
undone.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from orchestra_nb.errors import BackendError, NodeCancelled, NodeError, NodeFailed, NodeTimeout
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.undoing import compensators, runs_later
from orchestra_nb.model import Node, NodeId, Outcome, Status
from orchestra_nb.notebook.kernels import environment, private_sockets
from orchestra_nb.notebook.outputs import joined
from orchestra_nb.notebook.records import result_of
from orchestra_nb.notebook.widget_state import widget_metadata
from orchestra_nb.planning import Plan, Skip
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.undoing import not_needed

if TYPE_CHECKING:
    from nbclient import NotebookClient

_SIDE = "__import__('importlib').import_module('orchestra_nb.notebook.kernel_side')"
_new_cell: Callable[..., nbformat.NotebookNode] = nbformat.v4.new_code_cell
_new_notebook: Callable[..., nbformat.NotebookNode] = nbformat.v4.new_notebook
Tell = Callable[[Mapping[str, Any]], object]


def run_linear(
    dag: DAG, name: str, folder: Path, tell: Tell, timeout: float | None = None
) -> tuple[RunResult, Mapping[str, Any]]:
    """Run the cells of a DAG in document order, in a fresh kernel.

    Parameters
    ----------
    dag
        Its nodes are cells.
    name
        The kernelspec.
    folder
        Where the kernel works.
    tell
        Called with each event, as a mapping.
    timeout
        Seconds for the whole run.

    Returns
    -------
    RunResult, mapping
        The result, and what the kernel said: of the ``names`` that were left (nothing when it could not be asked), and
        what a file of this run says in the notebook's own ``metadata``.

    Raises
    ------
    BackendError
        The kernel does not start, or died.
    """
    from nbclient import NotebookClient

    cells = [_cell(node) for node in dag.nodes.values()]
    resources = {"metadata": {"path": str(folder)}}
    with tempfile.TemporaryDirectory(prefix="orchestra-", ignore_cleanup_errors=True) as private:
        client = NotebookClient(
            _new_notebook(cells=cells), kernel_name=name, resources=resources, config=private_sockets(private)
        )
        run = _Linear(dag, client, tell, timeout)
        left, metadata = _ran(client, run)
    result = result_of(dag, run.outcomes, total_time=run.total_time, jobs=1, backend="linear", stopped=run.stopped)
    return result, {**left, "metadata": metadata}


def _ran(client: NotebookClient, run: _Linear) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Run the cells in a kernel; returns what it left, and what a file of the run says of it."""
    from nbclient.exceptions import DeadKernelError

    try:
        with tempfile.TemporaryFile() as log, client.setup_kernel(env=environment(), stdout=log, stderr=log):
            metadata = {"language_info": run.language()}
            run.cells()
            metadata |= widget_metadata(client)
            return run.look() if not run.busy else {}, metadata
    except DeadKernelError:
        raise BackendError(f"the kernel died while it ran {run.current}") from None


class _Linear:
    def __init__(self, dag: DAG, client: NotebookClient, tell: Tell, timeout: float | None) -> None:
        self.outcomes: dict[NodeId, Outcome] = {}
        self.current = NodeId("")
        self.stopped = ""
        self.busy = False
        """Whether the kernel was left in the middle of a cell, so that it cannot be asked anything."""
        self.total_time = 0.0
        self._nodes = tuple(dag.nodes.values())
        self._plan = Plan(dag)
        self._aside = compensators(self._nodes)
        self._passed: dict[NodeId, str] = {}
        self._client = client
        self._tell = tell
        self._timeout = timeout
        self._began = time.monotonic()

    def language(self) -> Mapping[str, Any]:
        """Ask the kernel about its language."""
        channels: Any = self._client.kc
        reply = self._client.wait_for_reply(channels.kernel_info())
        told: Mapping[str, Any] = (reply or {}).get("content", {}).get("language_info", {})
        return told

    def cells(self) -> None:
        """Run one after the other; what comes after an error or an interrupt is skipped."""
        self._began = time.monotonic()
        total = len(self._nodes)
        self._event("run-started", total=total, jobs=1, backend="linear")
        because = ""
        for position, node in enumerate(self._nodes):
            outcome = self._skipped(node, because) or self._cell(position, node)
            self._end(outcome)
            if outcome.status == "done":
                self._went_well(node)
            elif outcome.status != "skipped":
                because = f"stopped after {node.id!r} {outcome.status}"
                self.stopped = "interrupted" if outcome.status == "cancelled" else ""
        self.total_time = self._now()
        for node, cell in zip(self._nodes, self._client.nb.cells, strict=True):  # later cells update earlier displays
            self.outcomes[node.id] = replace(self.outcomes[node.id], outputs=joined(cell.outputs))
        self.outcomes.update(not_needed(self.outcomes, self._aside, self.stopped))
        self._event("run-ended", success=not because)

    def _skipped(self, node: Node, because: str) -> Outcome | None:
        """Say that a cell does not run, if so; a condition that cannot be decided is its failure."""
        if node.id in self._aside:
            return Outcome(node.id, "skipped", reason=runs_later(self._aside[node.id]))
        if not because and node.when is not None and node.id not in self._passed:
            told = self._ask("holds", node.when)
            if told["error"]:
                text = f"node {node.id!r} failed: {told['error']}"
                return Outcome(node.id, "failed", error=NodeFailed(text, node.id, (), "ConditionError", told["error"]))
            if told["false"]:
                self._pass(self._plan.pass_over(node.id, told["false"]))
        reason = because or self._passed.get(node.id, "")
        return Outcome(node.id, "skipped", reason=reason) if reason else None

    def _went_well(self, node: Node) -> None:
        if self._plan.status(node.id) == "ready":  # a cell may be told to come after one that stands below it
            self._plan.start(node.id)
            self._pass(self._plan.finish(node.id))

    def _pass(self, skipped: Iterable[Skip]) -> None:
        self._passed |= {skip.node: skip.reason for skip in skipped}

    def look(self) -> Mapping[str, Any]:
        """Ask the kernel for the fingerprints and descriptions of its names."""
        return self._ask("look")

    def _ask(self, function: str, *arguments: str) -> Mapping[str, Any]:
        """Call a function of :mod:`.kernel_side` in the kernel, which leaves its answer in a file."""
        client = self._client
        with tempfile.TemporaryDirectory(prefix="orchestra-", ignore_cleanup_errors=True) as private:
            answer = Path(private, "answer.json")
            given = ", ".join(map(repr, (str(answer), *arguments)))
            cell = _new_cell(f"{_SIDE}.{function}({given})")
            before = client.timeout, client.allow_errors
            client.timeout, client.allow_errors = None, True
            client.nb.cells.append(cell)
            try:
                client.execute_cell(cell, len(self._nodes), store_history=False)
            finally:
                client.nb.cells.pop()
                client.timeout, client.allow_errors = before
            if not answer.exists():
                said = next((o.evalue for o in cell.outputs if o.output_type == "error"), "no answer")
                raise BackendError(f"the kernel could not be asked: {said}")
            left: Mapping[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
            return left

    def _cell(self, position: int, node: Node) -> Outcome:
        from nbclient.exceptions import CellExecutionError, CellTimeoutError

        self.current = node.id
        started = self._now()
        self._event("node-started", node=node.id, lane="main")
        if self._timeout is not None:
            self._client.timeout = max(1, ceil(self._timeout - started))
        cell = self._client.nb.cells[position]
        status: Status = "done"
        error: NodeError | None = None
        try:
            self._client.execute_cell(cell, position)
        except CellExecutionError as failed:
            lines: list[str] = next((o.traceback for o in cell.outputs if o.output_type == "error"), [])
            text = f"node {node.id!r} failed: {failed.ename}: {failed.evalue}"
            status, error = "failed", NodeFailed(text, node.id, lines, failed.ename, failed.evalue)
        except CellTimeoutError:
            limit = f"the run outlived its timeout of {self._timeout:g} s"
            status, error = "failed", NodeTimeout(f"node {node.id!r}: {limit}", node.id)
            self.busy = True
        except KeyboardInterrupt:
            status, error = "cancelled", NodeCancelled(f"node {node.id!r} was cancelled: interrupted", node.id)
            self.busy = True
        return Outcome(node.id, status, None, error, started, self._now(), attempts=1, worker="MainThread")

    def _end(self, outcome: Outcome) -> None:
        self.outcomes[outcome.node] = outcome
        told = {"node": outcome.node, "status": outcome.status, "seconds": outcome.seconds, "reason": outcome.reason}
        self._event("node-ended", **told, started=outcome.started, ended=outcome.ended)

    def _event(self, name: str, **fields: Any) -> None:
        self._tell({"name": f"execution:{name}", "at": self._now(), **fields})

    def _now(self) -> float:
        return time.monotonic() - self._began


def _cell(node: Node) -> nbformat.NotebookNode:
    cell = _new_cell(node.source)
    cell.metadata["tags"] = list(node.metadata.get("tags", ()))
    return cell
