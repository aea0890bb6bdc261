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
from typing import Any, cast

from orchestra_nb.cells.versions import Slots
from orchestra_nb.errors import DefinitionError, Issue
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId, Outcome, UnforeseenChange
from orchestra_nb.notebook.body import run_async_body, run_body
from orchestra_nb.notebook.cell_checkpoint import CellCheckpoint
from orchestra_nb.notebook.cell_results import KeptCell
from orchestra_nb.notebook.code import CellCode, codes_of, future_flags
from orchestra_nb.notebook.compensation import run_call
from orchestra_nb.notebook.edits import apply
from orchestra_nb.notebook.execution import Execution, Names, looks_at_locals
from orchestra_nb.notebook.guard import Guard
from orchestra_nb.notebook.kept_cells import CellKeeper
from orchestra_nb.notebook.process_body import Parcel, ProcessTask
from orchestra_nb.notebook.routing import lingering, routing
from orchestra_nb.notebook.shipping import NotShippable, pack_inputs
from orchestra_nb.notebook.slots import Versions
from orchestra_nb.planning.passing import needs_value
from orchestra_nb.running.conditions import Conditions
from orchestra_nb.running.parcels import at_home
from orchestra_nb.running.recall import Recall
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.scheduler import ParallelScheduler
from orchestra_nb.running.seams import Lane, Reply, Task, Undo
from orchestra_nb.running.stopping import shelter

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
    recall
        Has the results of earlier runs, for cells that say ``cache``.
    checkpoint
        Stores what cells make, and has what is taken over from a run that was cut short.
    """

    def __init__(
        self,
        dag: DAG,
        namespace: dict[str, Any],
        shell: Any = None,
        guard: float = 0.0,
        recall: Recall | None = None,
        checkpoint: CellCheckpoint | None = None,
    ) -> None:
        self._namespace = namespace
        self.shell = shell
        self._codes = codes_of(dag, shell) if checkpoint is None else checkpoint.codes
        self._versions = Versions(dag, namespace)
        self._guard = Guard(dag, namespace, guard)
        self._keeper = CellKeeper(recall, dag, self._codes, namespace) if recall is not None else None
        self._checkpoint = checkpoint
        self.recalls_all = checkpoint is not None and bool(checkpoint.taken)
        self._running: dict[NodeId, Execution] = {}
        issues: list[Issue] = []
        self._conditions = Conditions(dag.nodes.values(), issues)
        if issues:
            raise DefinitionError(issues)
        there = frozenset(namespace)

        def needs(source: Node, target: Node, name: str) -> bool:
            """Whether a cell cannot do without what another binds: it can, if the session had it before."""
            return name not in there and needs_value(source, target, name)

        self.needs_value = needs

    def task(self, node: Node, lane: Lane) -> Task:
        """The cell's body, with copies of what it reads when it goes to a process."""
        code = self._codes[node.id]
        if node.metadata.get("keeps_place"):
            self._versions.settle()
        if lane != "process":
            execution = self._running[node.id] = Execution(self._names(node, lane), waited=lane == "main")
            if lane == "async":
                return cast(Task, partial(self._await, node, execution))
            return partial(self._run, node, execution)
        names = dict.fromkeys((*node.reads, *node.mutates, *node.metadata.get("deletes", ())))  # to see one deleted
        try:
            inputs, present = pack_inputs(self._namespace, {name: code.slots.before.get(name, name) for name in names})
        except NotShippable as error:
            return partial(_refuse, str(error))
        if self._checkpoint is not None:
            self._checkpoint.begins(node)
        plain = replace(code, slots=Slots())
        task = ProcessTask(plain, inputs, present, frozenset(node.writes), frozenset(node.mutates))
        return task if self._keeper is None else self._keeper.task(node, task)

    def known(self) -> Mapping[str, Any]:
        """Give the variables."""
        return {}  # what a cell sees, it finds itself; a function is given the namespace as it then is

    def compensation(self, undo: Undo, lane: Lane) -> Task:
        """Bind the cell that compensates another, or the call of a function: each name has its last value then."""
        self._versions.settle()
        if self._checkpoint is not None:
            self._checkpoint.undone(undo.node.id)
        by = undo.by
        code = self._codes.get(by.id)
        if code is None:
            return partial(run_call, by.metadata["calls"], undo, self._namespace, self.shell)
        execution = self._running[by.id] = Execution(None, waited=lane == "main")
        if lane == "async":
            return cast(Task, partial(_awaited_aside, code, self._namespace, self.shell, execution))
        return partial(_run_aside, code, self._namespace, self.shell, execution)

    def look(self, node: Node) -> Task | None:
        """Make what looks for an earlier result of a cell: of the run that is gone on with, or kept by the cache."""
        taken = None if self._checkpoint is None else self._checkpoint.look(node)
        if taken is not None or self._keeper is None or not node.cache:
            return taken
        return self._keeper.look(node)

    def _names(self, node: Node, lane: Lane) -> Names | None:
        """Locals from which the cell can be detached, if it may be given up and cannot tell them from its globals."""
        if lane == "main" or node.timeout is None or node.metadata.get("keeps_place"):
            return None
        return None if looks_at_locals(self._codes[node.id].text) else Names.of(self._namespace)

    def _run(self, node: Node, execution: Execution) -> Reply:
        """Run a cell in this process, and look at what it shares."""
        shelter()
        if self._checkpoint is not None:
            self._checkpoint.begins(node)
        with nullcontext() if execution.waited else lingering():
            self._guard.started(node)
            reply = run_body(self._codes[node.id], self._namespace, self.shell, execution)
            if not execution.abandoned:
                self._guard.ended(node, reply.seconds)
        if execution.abandoned:
            return reply
        if self._checkpoint is not None:
            reply = self._checkpoint.made(node, reply, self._guard.found)
        return reply if self._keeper is None else self._keeper.kept(node, reply)

    async def _await(self, node: Node, execution: Execution) -> Reply:
        """Run a cell that awaits on the event loop, and look at what it shares."""
        if self._checkpoint is not None:
            self._checkpoint.begins(node)
        with lingering():
            self._guard.started(node)
            reply = await run_async_body(self._codes[node.id], self._namespace, self.shell, execution)
            if not execution.abandoned:
                self._guard.ended(node, reply.seconds)
        if execution.abandoned:
            return reply
        if self._checkpoint is not None:
            reply = await self._checkpoint.awaited(node, reply, self._guard.found)
        return reply if self._keeper is None else await self._keeper.awaited(node, reply)

    def condition(self, node: Node) -> str:
        """Say which condition was false; empty when the cell is to run."""
        return self._conditions.false(node.id, self._namespace.__getitem__)

    @property
    def unforeseen(self) -> tuple[UnforeseenChange, ...]:
        """What cells have changed although their code did not show it."""
        return self._guard.found

    def cancel(self, node: Node) -> None:
        """Cancel the node's coroutine, if it is one, and let nothing more of it be seen if nobody waits for it."""
        execution = self._running.get(node.id)
        if execution is not None:
            execution.cancel()

    def commit(self, node: Node, reply: Reply) -> dict[str, Any]:
        """Bind what came from a process; returns the values of the names that the cell writes."""
        self._running.pop(node.id, None)
        code = self._codes[node.id]
        slots = {name: code.slots.after.get(name, name) for name in node.writes}
        parcel = result = at_home(reply.value)
        if isinstance(parcel, KeptCell):
            parcel.put_back()
            parcel = parcel.parcel
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
        if self._checkpoint is not None:
            self._checkpoint.committed(node, reply, result, self._guard.found)
        self._versions.ended(node.id)
        return made

    def ended(self, node: Node, outcome: Outcome) -> None:
        """Take note that a cell will not run again."""
        if self._keeper is not None:
            self._keeper.ended(node)

    def settle(self) -> None:
        """Leave the namespace as a linear run would: each name is bound to its last version."""
        self._versions.settle()

    def lane(self, node: Node, backend: str) -> tuple[Lane, str]:
        """Where the cell may run: its own wish or the run's, unless its verdicts forbid it."""
        alone = node.verdicts.get("threading", "")
        if alone:
            return "main", alone
        if self._codes[node.id].is_async and node.backend in ("inherit", "async"):
            return "async", ""
        wanted = backend if node.backend == "inherit" else node.backend
        if wanted in _IN_THREADS:
            return "thread", node.verdicts.get("async", "") if wanted == "async" else ""
        reason = node.verdicts.get("loky", "")
        return ("thread", reason) if reason else ("process", "")

    def results(self, outcomes: Mapping[NodeId, Outcome]) -> dict[str, Any]:
        """The variables that the cells left, by name."""
        names = {name for outcome in outcomes.values() if outcome.ok for name in outcome.value or ()}
        return {name: self._namespace[name] for name in sorted(names) if name in self._namespace}


def _run_aside(code: CellCode, namespace: dict[str, Any], shell: Any, execution: Execution) -> Reply:
    """Run a cell that compensates another in this process."""
    shelter()
    with nullcontext() if execution.waited else lingering():
        return run_body(code, namespace, shell, execution)


async def _awaited_aside(code: CellCode, namespace: dict[str, Any], shell: Any, execution: Execution) -> Reply:
    with lingering():
        return await run_async_body(code, namespace, shell, execution)


def run_cells(
    dag: DAG,
    program: CellProgram,
    scheduler: ParallelScheduler,
    idle: Callable[[], object] | None = None,
    *,
    beside: bool = False,
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
    beside
        Whether other code of the user runs meanwhile: what that sets in the process is left alone.

    Raises
    ------
    KeyboardInterrupt
        As :meth:`.ParallelScheduler.execute` does.
    """
    with routing(program.shell), nullcontext() if beside else _filters_kept(dag):
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
