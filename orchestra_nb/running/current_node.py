"""Which node is running here: what a body asks for to tell an outside service what it is working for.

**What is promised**: each node is run at least once, and committed exactly once. A process that is killed between the
effect of a body and its commit runs the body again when the run goes on. So a body that books, pays or sends hands its
:attr:`NodeRun.key` to the service, which then knows the second request for the first: the key is the same for every
attempt, in every process that goes on with the run, and is another one only after the node was undone.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from orchestra_nb.model import NodeId, RunId


@dataclass(frozen=True, slots=True)
class NodeRun:
    """One attempt at a node.

    Parameters
    ----------
    run_id
        Of the run; a run that another process goes on with keeps it.
    node
        Which node.
    attempt
        How often its body was begun in this process, this time included.
    key
        The idempotency key, ``RUN/NODE/N``; *N* is from 1, and grows when the node is undone.

    Examples
    --------
    >>> import tempfile
    >>> from orchestra_nb import Node, Pipeline, RunConfig
    >>> def pay():
    ...     return current_node().key  # for the service, which then knows a second request for the first
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     config = RunConfig(jobs=1, cache=folder, checkpoint="durable")
    ...     result = Pipeline([Node("pay", fn=pay)], config).run()
    >>> result.values["pay"] == f"{result.run_id}/pay/1"
    True
    """

    run_id: RunId
    node: NodeId
    attempt: int
    key: str


current: ContextVar[NodeRun | None] = ContextVar("orchestra_nb.current_node", default=None)


def current_node() -> NodeRun | None:
    """Say which node is running here, in a run whose checkpoints are on the disk.

    Returns
    -------
    NodeRun or None
        ``None`` outside of a node, and in a run with ``checkpoint="memory"``, which no other process goes on with. A
        thread that a body starts does not know it, unless it runs in a copy of the body's context.

    Examples
    --------
    >>> import tempfile
    >>> from orchestra_nb import Node, Pipeline, RunConfig
    >>> def pay():
    ...     return current_node().node, current_node().attempt
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     config = RunConfig(jobs=1, cache=folder, checkpoint="durable")
    ...     Pipeline([Node("pay", fn=pay)], config).run().values["pay"]
    ('pay', 1)
    >>> current_node() is None
    True
    """
    return current.get()
