"""The program of a run of cells: what each node does, where it may run, and how its results become visible.

Policy. A cell that is unsafe in threads runs on the main lane; one that is unsafe in a process runs in a thread even if
a process was asked for, with the reason. In this process a cell writes the user's namespace directly, so there is
nothing to commit but the ``from __future__`` features that it turned on; from another process come copies, checked
there, which are bound here, on the driver's thread.

``from __future__`` in a cell holds for all later cells of a notebook. Which features a cell has is read from the code
above it in document order, so this costs no edge.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

from orchestra_nb.cells.versions import Slots
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId, Outcome, UnforeseenChange
from orchestra_nb.notebook.body import run_body
from orchestra_nb.notebook.code import FUTURES, CellCode, Interactivity, cell_code, future_flags
from orchestra_nb.notebook.edits import apply
from orchestra_nb.notebook.guard import Guard
from orchestra_nb.notebook.process_body import Parcel, ProcessTask
from orchestra_nb.notebook.routing import routing
from orchestra_nb.notebook.shipping import NotShippable, pack_inputs
from orchestra_nb.notebook.slots import Versions
from orchestra_nb.running.loop import Cancel
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.scheduler import ParallelScheduler
from orchestra_nb.running.seams import Lane, Reply, Task

_IN_THREADS = ("threading", "sequential", "async")


class CellProgram:
    """Runs the cells of a DAG in one namespace.

    Parameters
    ----------
    dag
        Its nodes are cells.
    namespace
        The user's.
    shell
        The IPython shell whose displays, errors and compiler to use; ``None`` for plain ones.
    guard
        Share of each cell's time that may go into noticing changes which its code did not show.
    """

    def __init__(self, dag: DAG, namespace: dict[str, Any], shell: Any = None, guard: float = 0.0) -> None:
        self._namespace = namespace
        self.shell = shell
        self._codes = _codes(dag, shell)
        self._versions = Versions(dag, namespace)
        self._guard = Guard(dag, namespace, guard)
        self._running: dict[NodeId, list[Cancel]] = {}

    def task(self, node: Node, lane: Lane) -> Task:
        """The cell's body, with copies of what it reads when it goes to a process."""
        code = self._codes[node.id]
        if node.metadata.get("keeps_place"):
            self._versions.settle()
        if lane != "process":
            running = self._running[node.id] = []
            return partial(self._run, node, partial(run_body, code, self._namespace, self.shell, running))
        names = dict.fromkeys((*node.reads, *node.mutates))
        try:
            inputs, present = pack_inputs(self._namespace, {name: code.slots.before.get(name, name) for name in names})
        except NotShippable as error:
            return partial(_refuse, str(error))
        plain = replace(code, slots=Slots())
        return ProcessTask(plain, inputs, present, frozenset(node.writes), frozenset(node.mutates))

    def _run(self, node: Node, body: Callable[[], Reply]) -> Reply:
        """Run a cell in this process, and look at what it shares."""
        self._guard.started(node)
        reply = body()
        self._guard.ended(node, reply.seconds)
        return reply

    @property
    def unforeseen(self) -> tuple[UnforeseenChange, ...]:
        """What cells have changed although their code did not show it."""
        return self._guard.found

    def cancel(self, node: Node) -> None:
        """Cancel the node's coroutine, if it is one."""
        for cancel in tuple(self._running.get(node.id, ())):
            cancel()

    def commit(self, node: Node, reply: Reply) -> dict[str, Any]:
        """Bind what came from a process; returns the values of the names that the cell writes."""
        self._running.pop(node.id, None)
        code = self._codes[node.id]
        slots = {name: code.slots.after.get(name, name) for name in node.writes}
        parcel = reply.value
        if isinstance(parcel, Parcel):
            values, fresh = parcel.unpack(self._namespace)
            self._guard.replaced(node)
            before = code.slots.before
            apply(parcel.edits, fresh, {e.name: self._namespace[before.get(e.name, e.name)] for e in parcel.edits})
            self._namespace.update({slots[name]: value for name, value in values.items()})
            for name in parcel.deleted:
                self._namespace.pop(slots[name], None)
        if self.shell is not None:
            self.shell.compile.flags |= future_flags(code.text)
        made = {name: self._namespace[slot] for name, slot in slots.items() if slot in self._namespace}
        self._versions.ended(node.id)
        return made

    def settle(self) -> None:
        """Leave the namespace as a linear run would: each name is bound to its last version."""
        self._versions.settle()

    def lane(self, node: Node, backend: str) -> tuple[Lane, str]:
        """Where the cell may run: its own wish or the run's, unless its verdicts forbid it."""
        alone = node.verdicts.get("threading", "")
        if alone:
            return "main", alone
        wanted = backend if node.backend == "inherit" else node.backend
        if wanted in _IN_THREADS:
            return "thread", node.verdicts.get("async", "") if wanted == "async" else ""
        reason = node.verdicts.get("loky", "")
        return ("thread", reason) if reason else ("process", "")

    def results(self, outcomes: Mapping[NodeId, Outcome]) -> dict[str, Any]:
        """The variables that the cells left, by name."""
        names = {name for outcome in outcomes.values() if outcome.ok for name in outcome.value or ()}
        return {name: self._namespace[name] for name in sorted(names) if name in self._namespace}


def run_cells(
    dag: DAG, program: CellProgram, scheduler: ParallelScheduler, idle: Callable[[], object] | None = None
) -> RunResult:
    """Run cells with their output captured per node.

    Parameters
    ----------
    dag, program
        What to run.
    scheduler
        What runs it.
    idle
        Called on this thread now and then while it waits.

    Raises
    ------
    KeyboardInterrupt
        As :meth:`.ParallelScheduler.execute` does.
    """
    with routing(program.shell), _filters_kept(dag):
        try:
            result = scheduler.execute(dag, program=program, idle=idle)
            return replace(result, unforeseen=program.unforeseen)
        finally:
            program.settle()


def _filters_kept(dag: DAG) -> AbstractContextManager[object]:
    """Put the warnings filters back after the run, unless a cell is there to set them.

    Libraries change them for a moment (``catch_warnings``), which before Python 3.14 concerns the whole process: two
    threads that overlap in it can leave each other's filters behind for good.
    """
    sets = any({"warnings", "*", "unknown code"} & set(node.metadata.get("sets", ())) for node in dag.nodes.values())
    return nullcontext() if sets else warnings.catch_warnings()


def _refuse(reason: str) -> Reply:
    return Reply("refused", reason=reason)


def _codes(dag: DAG, shell: Any) -> dict[NodeId, CellCode]:
    flags = shell.compile.flags & FUTURES if shell is not None else 0
    interactivity: Interactivity = shell.ast_node_interactivity if shell is not None else "last_expr"
    codes = {}
    for node in dag.nodes.values():
        codes[node.id] = code = cell_code(node, flags, interactivity)
        flags |= future_flags(code.text)
    return codes
