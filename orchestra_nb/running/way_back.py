"""The way back of a run: its compensations, one after another, each as a run of one node.

What is undone, in which order, how often it is tried and what is written down is the saga's business
(:mod:`~orchestra_nb.recovery.compensating`). Here a compensation is called: as a run of a graph of one node, by the
very driver of every run, so that timeouts, resources, circuits, lanes, captured output and interrupts are the same; its
attempts are the saga's. A function that is no node runs in this process, where it can reach what the node has changed.
That run has a bus of its own: an observer of the run hears of ``recovery:…`` events, and not
of a second run.

Order: after every node of the run has ended and its ``execution:run-ended`` was told, on the thread that called for the
run. Failure: a compensation that fails is in the report; an interrupt stops the way back at once, and the report says
what is left. Rejected: compensations as nodes of the run itself (the plan would have to grow backwards, and a run that
has failed fast would begin to work again), all of them at once (see :mod:`~orchestra_nb.recovery.saga`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from time import monotonic
from typing import Any

from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId, Outcome
from orchestra_nb.recovery.compensating import Compensating
from orchestra_nb.recovery.matching import class_names
from orchestra_nb.recovery.saga_calls import FailedElsewhere, refuse_generator
from orchestra_nb.recovery.saga_facts import Failure, Part
from orchestra_nb.recovery.saga_journal import Journal, Memory
from orchestra_nb.recovery.saga_result import Unknown
from orchestra_nb.recovery.saga_running import Before, Surroundings
from orchestra_nb.running.coroutine_call import is_coroutine_function
from orchestra_nb.running.parcels import at_home
from orchestra_nb.running.readers import Released
from orchestra_nb.running.seams import Cancellable, Conditional, Lane, Program, Reply, Task, Undo, Undoable

Perform = Callable[[DAG, Program], Outcome]
"""Runs a graph of one node to its end, and gives its outcome."""


class WayBack:
    """The compensations of one run.

    Parameters
    ----------
    dag
        The graph.
    program
        What its nodes do, and what compensates them.
    perform
        Runs one compensation.
    began
        When the run began, on the monotonic clock.
    """

    def __init__(
        self,
        dag: DAG,
        program: Undoable,
        perform: Perform,
        began: float,
    ) -> None:
        self.outcomes: defaultdict[str, list[Outcome]] = defaultdict(list)
        """What compensating nodes came to; those of functions under the name of the node that they undo."""
        self._dag = dag
        self._program = program
        self._perform = perform
        self._began = began

    def saga(
        self,
        parts: Iterable[Part],
        journal: Journal | Memory,
        known: Mapping[str, Any],
        around: Surroundings,
        before: Before,
    ) -> Compensating:
        """Make what undoes the run."""
        nodes = self._dag.nodes
        compensations = {
            part.name: self._compensation(nodes[part.name]) if part.name in nodes else _gone(part.name)
            for part in parts
            if part.undo
        }
        return Compensating(parts, journal, compensations, known, around, before)

    def _compensation(self, node: Node) -> Callable[[Mapping[str, Any], Any], Any]:
        by = compensator(node, self._dag.nodes)
        works = self.outcomes[by.id if by.id in self._dag.nodes else node.id]
        tried: list[Outcome] = []

        def compensate(context: Mapping[str, Any], result: Any) -> Any:
            begun = monotonic() - self._began
            outcome = self._perform(
                DAG([by], (), self._dag.metadata), _One(self._program, Undo(node, by, context, result))
            )
            if tried:  # one attempt after another, with nothing between: the last one tells how it came out
                earlier = works.pop()
                said, attempts = (*earlier.outputs, *outcome.outputs), earlier.attempts + outcome.attempts
                works.append(replace(_later(outcome, begun), outputs=said, attempts=attempts))
            else:
                works.append(_later(outcome, begun))
            tried.append(outcome)
            if outcome.bad:
                raise _failed(outcome)
            refuse_generator(outcome.value)

        return compensate


def compensator(node: Node, nodes: Mapping[str, Node]) -> Node:
    """Make the one node of the graph that compensates another: as it was declared, but for what the saga does.

    Examples
    --------
    >>> compensator(Node("load", undo="drop"), {"drop": Node("drop", after=["load"], retry=3, timeout=9)}).timeout
    9
    >>> compensator(Node("load", undo=print), {}).id
    'undo of load'
    """
    if isinstance(node.undo, str) and node.undo in nodes:
        return replace(nodes[node.undo], after=(), retry=1, undo=None, cache=False)
    name = NodeId(f"undo of {node.id}")
    if isinstance(node.undo, str):
        return Node(name, kind="cell", index=node.index, metadata={"calls": node.undo})
    return Node(name, fn=node.undo, backend="async" if is_coroutine_function(node.undo) else "threading")


def known_values(outcomes: Mapping[str, Outcome], nodes: Mapping[str, Node]) -> dict[str, Any]:
    """Give the values of the nodes that ended well, and of their parts; what was let go is unknown."""
    gone = "its value was let go, because nobody had asked for it; name it in the results of the run"
    found: dict[str, Any] = {}
    for name, outcome in outcomes.items():
        if outcome.ok and name in nodes and nodes[name].parts:
            found |= outcome.value
        elif outcome.ok:
            found[str(name)] = outcome.value
    return {name: Unknown(name, gone) if type(value) is Released else value for name, value in found.items()}


class _One:
    """The program of one compensation."""

    commits_anywhere = False

    def __init__(self, program: Any, undo: Undo) -> None:
        self._program = program
        self._undo = undo

    def task(self, node: Node, lane: Lane) -> Task:
        task: Task = self._program.compensation(self._undo, lane)
        return task

    def lane(self, node: Node, backend: str) -> tuple[Lane, str]:
        if "calls" in node.metadata:  # as in a linear run
            return "main", ""
        if node.fn is self._undo.node.undo:
            return ("async" if node.backend == "async" else "thread"), ""
        found: tuple[Lane, str] = self._program.lane(node, backend)
        return found

    def commit(self, node: Node, reply: Reply) -> Any:
        return self._program.commit(node, reply) if self._commits(node) else at_home(reply.value)

    def condition(self, node: Node) -> str:
        return self._program.condition(node) if isinstance(self._program, Conditional) else ""

    def cancel(self, node: Node) -> None:
        if isinstance(self._program, Cancellable):
            self._program.cancel(node)

    def results(self, outcomes: Mapping[NodeId, Outcome]) -> Mapping[str, Any]:
        return {}

    @staticmethod
    def _commits(node: Node) -> bool:
        """Whether it leaves names behind, as cells do; a function has nobody who would read its value."""
        return node.kind == "cell" and "calls" not in node.metadata


def _gone(name: str) -> Callable[[Mapping[str, Any], Any], Any]:
    """Stands for the compensation of a node that joined an earlier run and cannot be made again."""

    def compensate(context: Mapping[str, Any], result: Any) -> Any:
        told = f"{name!r} is not in the graph any more, which was made while it ran"
        raise FailedElsewhere(Failure("CheckpointError", told), ("CheckpointError",))

    return compensate


def _later(outcome: Outcome, seconds: float) -> Outcome:
    """Tell the times of an outcome by the clock of the run that is undone."""
    times = {name: getattr(outcome, name) for name in ("started", "ended", "queued")}
    return replace(outcome, **{name: at + seconds for name, at in times.items() if at is not None})


def _failed(outcome: Outcome) -> FailedElsewhere:
    """Make the failure of a compensation: by its own exception, where that came along."""
    error = outcome.error
    cause = None if error is None else error.__cause__
    ename = getattr(error, "ename", "") or type(error).__name__
    told = getattr(error, "evalue", "") if getattr(error, "ename", "") else str(error)
    names = {*class_names(cause or error), ename}
    if "NodeTimeout" in names:
        names.add("TimeoutError")
    return FailedElsewhere(Failure(ename, told), names)
