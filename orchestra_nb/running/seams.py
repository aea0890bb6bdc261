"""The seams of a run: what the driver asks of the work, of an executor and of a store, and nothing more.

The driver (:mod:`.scheduler`) knows nodes, tasks and replies. What a task does is the program's business (a cell, a
function); where it runs is the executor's. A worker never raises: a :class:`Reply` is a value, whatever happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from orchestra_nb.errors import Issue
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId, Outcome, Output

Lane = Literal["main", "thread", "process", "async"]
"""Where a node runs: the thread that called ``execute`` (as in a linear run), a worker thread, a worker process, or the
background event loop, where a node that waits costs neither a thread nor one of the run's jobs."""


Faults = Callable[[Iterable[Node]], list[Issue]]
"""Finds what is wrong with nodes that a program could run: what they use, how they are tried again, where."""


def no_faults(_: Iterable[Node]) -> list[Issue]:
    """Find nothing."""
    return []


@dataclass(frozen=True)  # without slots: see replies.done
class Reply:
    """What came back from one attempt at a node's body.

    Parameters
    ----------
    status
        ``"done"``; ``"failed"`` when the body raised; ``"refused"`` when the body ended but its result cannot come
        home from where it ran with its meaning intact (the node is then run again in a thread, if the program says
        that this is safe); ``"cancelled"`` when it was interrupted; ``"lost"`` when the worker that had it in its hands
        is gone; ``"missed"`` when a look for an earlier result (:class:`Recalling`) found none.
    value
        The program's own business; handed to :meth:`Program.commit`.
    ename, evalue, traceback
        The exception's class name, text and formatted lines, for ``"failed"``.
    reason
        For ``"refused"``, ``"cancelled"`` and ``"missed"``: why. For ``"done"``: why the result was not kept for later
        runs, if it was to be.
    outputs
        What was printed and displayed, in nbformat's shape.
    seconds
        Time in the body.
    worker
        Name of the thread or process.
    culprit
        For ``"lost"``: whether this task's own worker died, as opposed to one beside it; ``None`` where the pool cannot
        tell.
    bytes_in, bytes_out
        Bytes that travelled to the worker and back; zero where it shares this process's memory.
    stored
        Where the value is kept for whoever goes on with the run, if it is (:class:`.Stored`).
    """

    status: Literal["done", "failed", "refused", "cancelled", "lost", "missed"]
    value: Any = None
    ename: str = ""
    evalue: str = ""
    traceback: tuple[str, ...] = ()
    exception: BaseException | None = field(default=None, compare=False)
    reason: str = ""
    outputs: tuple[Output, ...] = ()
    seconds: float = 0.0
    worker: str = ""
    culprit: bool | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    stored: Any = None


Task = Callable[[], Reply]
"""A node's body with its inputs bound. In the lane ``"async"`` it returns a coroutine of the reply instead."""

Stop = Callable[[], None]
"""Asks a task to stop, from any thread; returns at once, and is harmless when the task is over or cannot be stopped."""


class Kept(Protocol):
    """A value that was left where it was made (in a file that processes map, in a cluster's memory), and a way to it.

    It stands in for the value in a :class:`Reply`, in a store and among a process task's inputs, and pickles as a
    reference and not as the value. What implements it derives from it: a user's class that merely looks like it is a
    value like any other (see :func:`is_kept`).
    """

    nbytes: int

    def fetch(self) -> Any:
        """Bring the value into this process, the same object each time; may take long, raises what cannot be mended."""

    def release(self) -> None:
        """Let the value go: nobody will fetch it any more."""


def is_kept(value: Any) -> bool:
    """Whether a value is kept elsewhere. Asks its class and never the value, which may answer to any name."""
    return Kept in type(value).__mro__


class Program(Protocol):
    """What the nodes of one run do. Its methods are called one at a time, on the driver's thread.

    With ``commits_anywhere = True`` it allows them on any other thread too, still one at a time: the worker that ends a
    node may then decide what follows, which saves two hand-overs for each node.
    """

    def task(self, node: Node, lane: Lane) -> Task:
        """Bind the inputs of the node's body, ready to be called in ``lane``; picklable when that is a process."""

    def commit(self, node: Node, reply: Reply) -> Any:
        """Make a ``"done"`` reply's results visible to later nodes; returns :attr:`Outcome.value`."""

    def lane(self, node: Node, backend: str) -> tuple[Lane, str]:
        """Where the node may run under ``backend``, and one line saying why if that is not what was asked for."""

    def results(self, outcomes: Mapping[NodeId, Outcome]) -> Mapping[str, Any]:
        """Give the run's values: by node id for functions, by variable name for cells."""


@runtime_checkable
class Cancellable(Protocol):
    """A program that can reach some bodies while they run, such as coroutines. Optional beside :class:`Program`."""

    def cancel(self, node: Node) -> None:
        """Ask the node's running body to stop; returns at once, and is harmless when there is none."""


@runtime_checkable
class Conditional(Protocol):
    """A program whose nodes can have a condition. Optional beside :class:`Program`."""

    def condition(self, node: Node) -> str:
        """Say which condition was false, for a node whose needs are met; empty when it is to run.

        Raises
        ------
        OrchestraError
            The condition cannot be decided.
        """


@runtime_checkable
class Growing(Protocol):
    """A program that can take in nodes while it runs. Optional beside :class:`Program`."""

    def grow(self, dag: DAG) -> None:
        """Get to know the nodes that are new in ``dag``.

        Raises
        ------
        OrchestraError
            They cannot be run; nothing changed.
        """


@runtime_checkable
class Attentive(Protocol):
    """A program that wants to hear of every end, also of nodes that never ran. Optional beside :class:`Program`."""

    def ended(self, node: Node, outcome: Outcome) -> None:
        """Take note that a node has its outcome, whichever: once for each, after any commit."""


@runtime_checkable
class Restoring(Protocol):
    """A program that can take over the value of a node that ran in an earlier run. Optional beside :class:`Program`."""

    def restore(self, node: Node, value: Any) -> Any:
        """Make the value visible to later nodes, as a commit would; returns what the outcome is to show."""


@runtime_checkable
class Recalling(Protocol):
    """A program that may have the result of a node from an earlier run. Optional beside :class:`Program`.

    It is asked about nodes that say ``cache``; with ``recalls_all = True`` about every node.
    """

    def look(self, node: Node) -> Task | None:
        """Make what looks for the result; ``None`` where there is nothing to look for.

        The task is called in this process, by a worker that holds no resource. Its reply is ``"done"``, with what
        :meth:`Program.commit` takes, or else the node runs.
        """


@runtime_checkable
class Undoable(Protocol):
    """A program whose nodes can be compensated when the run has failed. Optional beside :class:`Program`."""

    def known(self) -> Mapping[str, Any]:
        """Give all that compensations may see by name, beside the values of nodes."""

    def compensation(self, undo: Undo, lane: Lane) -> Task:
        """Bind what compensates a node, ready to be called in ``lane``."""


@dataclass(frozen=True, slots=True)
class Undo:
    """One compensation.

    Parameters
    ----------
    node
        What is to be undone.
    by
        Who does it: a node of the graph, or one that was made for a function.
    context
        All that is known, by name.
    result
        The value of the node that is to be undone.
    """

    node: Node
    by: Node
    context: Mapping[str, Any]
    result: Any


class Executor(Protocol):
    """Runs tasks somewhere. ``on_done`` may be called from any thread, exactly once per task."""

    capacity: int

    def submit(self, task: Task, on_done: Callable[[Reply], None]) -> Stop:
        """Start a task; never blocks on it. Returns what asks it to stop, after which its reply may still come."""

    def abort(self) -> None:
        """Stop what can be stopped and settle every outstanding task as cancelled."""

    def shutdown(self) -> None:
        """Release the workers, which may be kept for the next run."""


class Store(Protocol):
    """Keeps values by key."""

    def get(self, key: str) -> Any:
        """Return the value; raises ``KeyError`` when there is none."""

    def put(self, key: str, value: Any) -> None:
        """Keep a value."""

    def delete(self, key: str) -> None:
        """Forget a value; an unknown key is fine."""
