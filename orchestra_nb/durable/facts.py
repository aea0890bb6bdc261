"""What a run says of itself, line by line, and where that leaves it. Pure.

The first line is the :class:`Head`: which run this is, of what. Then come facts: a node was committed, with its values
or why it has none; a level ended; a node was undone; the run ended; another process has gone on with it. A
:class:`RunState` is what they come to. A node that is undone or dropped, or that an :class:`Epoch` goes back behind, is
committed no more; it may be again.

Values are not here but :class:`ValueRef`: where their bytes are, and the digest that these must have. As lines of
text: :mod:`.fact_lines`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestra_nb.model import NodeId, Output, RunId


@dataclass(frozen=True, slots=True)
class ValueRef:
    """Where a value's bytes are.

    Parameters
    ----------
    format, meta, lengths
        As :class:`.Encoded` has them.
    size
        Bytes.
    digest
        SHA-256 of the bytes, in hexadecimal digits.
    inline
        The bytes themselves; ``None``: they are in a file of that name.
    """

    format: int
    meta: bytes
    lengths: tuple[int, ...]
    size: int
    digest: str
    inline: bytes | None = None

    def __repr__(self) -> str:
        return f"<stored: {self.size} bytes, {self.digest[:8]}>"


@dataclass(frozen=True, slots=True)
class Head:
    """The first line of a run.

    Parameters
    ----------
    run_id
        Its name, and that of its folder.
    kind
        ``"dag"``, ``"command"`` or ``"notebook"``.
    what
        The absolute path of the file, or the name of what ran; may be empty.
    dag_hash
        Of the graph as it was when the run began.
    nodes
        A digest of each node with its needs, by id, to name what differs in another graph.
    started
        When it began: seconds of the wall clock.
    context
        For each value that the run was given a digest; empty for one that has none.
    note
        What else whoever runs it wants to know; JSON.
    """

    run_id: RunId
    kind: str = "dag"
    what: str = ""
    dag_hash: str = ""
    nodes: Mapping[str, str] = field(default_factory=dict)
    started: float = 0.0
    context: Mapping[str, str] = field(default_factory=dict)
    note: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Commit:
    """A node ended well.

    Parameters
    ----------
    node
        Which.
    status
        ``"done"`` or ``"cached"``.
    attempts, seconds, at, reason, outputs
        As in :class:`.Outcome`; ``at`` is when it ended, in seconds since its process began the run or went on.
    values
        Where its values are, by name: of a function that of the empty name, of a cell those that it bound.
    again
        Why the node has to run again where one goes on, as its value cannot be given back; empty when it need not.
    result
        What tells whether it came out the same when it ran again; empty: that cannot be told.
    growth
        The nodes that it made, as a value; ``None`` where it made none.
    new
        Their ids.
    note
        What else whoever runs it wants to know; JSON.
    """

    node: NodeId
    status: str = "done"
    attempts: int = 1
    seconds: float = 0.0
    at: float = 0.0
    reason: str = ""
    outputs: tuple[Output, ...] = ()
    values: Mapping[str, ValueRef] = field(default_factory=dict)
    again: str = ""
    result: str = ""
    growth: ValueRef | None = None
    new: tuple[NodeId, ...] = ()
    note: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Level:
    """One more level has ended, ``at`` so many seconds."""

    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Undone:
    """What a node had done was undone: it is committed no more."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class Dropped:
    """Nodes are committed no more, because what they were made of came out otherwise when it was made again."""

    nodes: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over: whether it succeeded, and if not, why."""

    success: bool
    why: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Epoch:
    """A process goes on with the run.

    Parameters
    ----------
    number
        From 2: how many processes have had the run.
    started
        When: seconds of the wall clock.
    without
        Nodes that it goes back behind.
    levels
        How many levels it takes as ended.
    """

    number: int
    started: float = 0.0
    without: tuple[NodeId, ...] = ()
    levels: int = 0


RunFact = Commit | Level | Undone | Dropped | Ended | Epoch


class RunState:
    """Where the facts of a run leave it; told one after another.

    Parameters
    ----------
    head
        The first line.

    Examples
    --------
    >>> state = RunState(Head(RunId("r1")))
    >>> for fact in (Commit(NodeId("a")), Level(0.5), Commit(NodeId("b")), Undone(NodeId("a"))):
    ...     state.apply(fact)
    >>> list(state.committed), list(state.undone), state.levels
    (['b'], ['a'], [(('a',), 0.5)])
    """

    def __init__(self, head: Head) -> None:
        self.head = head
        self.committed: dict[NodeId, Commit] = {}
        """In the order of their ends."""
        self.undone: dict[NodeId, int] = {}
        """How often each node was undone that ever was."""
        self.levels: list[tuple[tuple[NodeId, ...], float]] = []
        """For each level that ended what was committed then, and when that was."""
        self.epoch = 1
        self.ended: Ended | None = None

    def apply(self, fact: RunFact) -> None:
        """Take note of a fact."""
        if isinstance(fact, Commit):
            self.committed.pop(fact.node, None)
            self.committed[fact.node] = fact
        elif isinstance(fact, Level):
            self.levels.append((tuple(self.committed), fact.at))
        elif isinstance(fact, Undone):
            self.committed.pop(fact.node, None)
            self.undone[fact.node] = self.undone.get(fact.node, 0) + 1
        elif isinstance(fact, Ended):
            self.ended = fact
        else:
            if isinstance(fact, Epoch):
                self.epoch, self.ended = fact.number, None
                del self.levels[fact.levels :]
            for name in fact.without if isinstance(fact, Epoch) else fact.nodes:
                self.committed.pop(name, None)
