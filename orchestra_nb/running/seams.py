"""The seams of a run: what the driver asks of the work, of an executor and of a store, and nothing more.

The driver (:mod:`.scheduler`) knows nodes, tasks and replies. What a task does is the program's business (a cell, a
function); where it runs is the executor's. A worker never raises: a :class:`Reply` is a value, whatever happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from orchestra_nb.model import Node, NodeId, Outcome, Output

Lane = Literal["main", "thread", "process"]
"""Where a node runs: the thread that called ``execute`` (as in a linear run), a worker thread, a worker process."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back from one attempt at a node's body.

    Parameters
    ----------
    status
        ``"done"``; ``"failed"`` when the body raised; ``"refused"`` when the body ended but its result cannot come
        home from where it ran with its meaning intact (the node is then run again in a thread, if the program says
        that this is safe); ``"cancelled"`` when it was interrupted.
    value
        The program's own business; handed to :meth:`Program.commit`.
    ename, evalue, traceback
        The exception's class name, text and formatted lines, for ``"failed"``.
    reason
        For ``"refused"`` and ``"cancelled"``: why.
    outputs
        What was printed and displayed, in nbformat's shape.
    seconds
        Time in the body.
    worker
        Name of the thread or process.
    """

    status: Literal["done", "failed", "refused", "cancelled"]
    value: Any = None
    ename: str = ""
    evalue: str = ""
    traceback: tuple[str, ...] = ()
    exception: BaseException | None = field(default=None, compare=False)
    reason: str = ""
    outputs: tuple[Output, ...] = ()
    seconds: float = 0.0
    worker: str = ""


Task = Callable[[], Reply]


class Program(Protocol):
    """What the nodes of one run do. All methods are called on the driver's thread."""

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


class Executor(Protocol):
    """Runs tasks somewhere. ``on_done`` may be called from any thread, exactly once per task."""

    capacity: int

    def submit(self, task: Task, on_done: Callable[[Reply], None]) -> None:
        """Start a task; never blocks on it."""

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
