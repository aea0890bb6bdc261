"""The nouns: nodes, edges, outcomes. Frozen, small, and without behaviour beyond reading themselves.

Every layer above speaks in these. Durations are seconds. Ids are node names: ``cell-N`` (N: position among the code
cells, from 1) unless the cell gives a name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NewType

from orchestra_nb.errors import ConfigError, OrchestraError

NodeId = NewType("NodeId", str)
RunId = NewType("RunId", str)

EdgeKind = Literal["declared", "value", "mutation", "alias", "file", "state", "order"]
Certainty = Literal["certain", "possible"]
Status = Literal["done", "cached", "failed", "skipped", "cancelled"]
NodeKind = Literal["function", "cell", "agent"]
Output = Mapping[str, Any]
"""One output of a cell, in nbformat's shape (``output_type`` and its fields)."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why an edge exists: what the two nodes share, and the line on either side.

    Parameters
    ----------
    variable
        The name, path or hidden state that both touch.
    source_line, target_line
        Line numbers (from 1) within each cell's own source, where known.
    reason
        One clause in words, such as ``"writes df, then reads df"``.
    """

    variable: str
    source_line: int | None = None
    target_line: int | None = None
    reason: str = ""

    def __str__(self) -> str:
        lines = [f"line {n}" if n else "?" for n in (self.source_line, self.target_line)]
        place = f" ({lines[0]} → {lines[1]})" if self.source_line or self.target_line else ""
        return f"{self.reason or self.variable}{place}"


@dataclass(frozen=True, slots=True)
class Edge:
    """``target`` waits for ``source``."""

    source: NodeId
    target: NodeId
    kind: EdgeKind = "declared"
    certainty: Certainty = "certain"
    evidence: tuple[Evidence, ...] = ()

    def __str__(self) -> str:
        why = "; ".join(str(item) for item in self.evidence) or "declared"
        mark = "" if self.certainty == "certain" else ", possible"
        return f"{self.source} → {self.target}  [{self.kind}{mark}] {why}"


@dataclass(frozen=True, slots=True)
class Node:
    """One unit of work: a function, a cell or an agent.

    Parameters
    ----------
    id
        Unique in its graph.
    fn
        The body of a function node. Its parameters that name a node or a context key receive that value.
    after
        Ids of nodes that must end first.
    cost
        Expected seconds.
    reads, writes, mutates
        Names that the node uses, binds and changes in place.
    uses
        Resources and amounts, as ``"db"`` or ``"gpu:2"``.
    priority
        Higher goes first among ready nodes.
    backend
        ``"inherit"``, or the backend that this node asks for.
    kind
        What the body is.
    index
        Position in the document, from 0: the linear order that results must equal.
    source
        The cell's code, for cells.
    verdicts
        For each backend, why the node must not run there; an empty reason means that it may.
    metadata
        Anything else, kept and not interpreted.
    parts
        Nodes that run one after another in this one's place, each with its own value; merged by
        :meth:`.DAGBuilder.optimize`. A node has either these or a body.
    """

    id: NodeId
    fn: Callable[..., Any] | None = None
    after: tuple[NodeId, ...] = ()
    cost: float = 1.0
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    mutates: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    priority: int = 0
    timeout: float | None = None
    retry: Any = 1
    breaker: Any = None
    cache: bool | float = False
    when: str | None = None
    undo: str | None = None
    phase: str | None = None
    backend: str = "inherit"
    kind: NodeKind = "function"
    index: int = 0
    source: str = ""
    verdicts: Mapping[str, str] = field(default_factory=dict, compare=False)
    metadata: Mapping[str, Any] = field(default_factory=dict, compare=False)
    parts: tuple[Node, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not self.id:
            raise ConfigError(f"a node's id must be a word, not {self.id!r}")
        for name in ("after", "reads", "writes", "mutates", "uses"):
            value = getattr(self, name)
            if isinstance(value, str) or not all(isinstance(item, str) for item in value):
                raise ConfigError(f"node {self.id!r}: {name} must be a sequence of names, not {value!r}")
            object.__setattr__(self, name, tuple(value))
        if isinstance(self.cost, bool) or not isinstance(self.cost, int | float) or not 0 <= self.cost < float("inf"):
            raise ConfigError(f"node {self.id!r}: cost must be seconds, zero or more, not {self.cost!r}")
        if self.parts:
            if not all(isinstance(part, Node) for part in self.parts):
                raise ConfigError(f"node {self.id!r}: parts must be a sequence of nodes, not {self.parts!r}")
            object.__setattr__(self, "parts", tuple(self.parts))
            if self.fn is not None or self.source:
                raise ConfigError(f"node {self.id!r} has parts and a body; give one of them")


@dataclass(frozen=True, slots=True)
class UnforeseenChange:
    """A shared value that was changed in place by a cell whose code did not show it.

    Parameters
    ----------
    name
        The variable through which it was noticed.
    cells
        Who may have done it: one cell, or all that used the value at the time.
    beside
        Cells that use the value and that nothing ordered with one of them: what they saw may depend on chance.

    Examples
    --------
    >>> str(UnforeseenChange("df", (NodeId("cell-3"),), (NodeId("cell-4"),)))
    "cell-3 changed 'df' in place, which its code does not show; nothing ordered it with cell-4, which uses 'df' too"
    """

    name: str
    cells: tuple[NodeId, ...]
    beside: tuple[NodeId, ...] = ()

    def __str__(self) -> str:
        who = self.cells[0] if len(self.cells) == 1 else f"one of {', '.join(self.cells)}"
        told = f"{who} changed {self.name!r} in place, which its code does not show"
        others = ", ".join(self.beside)
        if len(self.cells) > 1 and others:
            return f"{told}; of the cells that use it, nothing orders {others}"
        uses = "uses" if len(self.beside) == 1 else "use"
        return f"{told}; nothing ordered it with {others}, which {uses} {self.name!r} too" if others else told


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one node ended: a value, so that a worker never raises through its pool.

    Parameters
    ----------
    status
        ``"done"``, ``"cached"``, ``"failed"``, ``"skipped"`` or ``"cancelled"``.
    value
        What the node made: a function's return value, or a mapping of the names that a cell bound.
    error
        Set when the status is ``"failed"`` or ``"cancelled"``.
    started, ended
        Seconds since the run began, on the monotonic clock; ``None`` when the node never started.
    attempts
        How often the body was begun.
    worker
        Name of the thread or process that ran it.
    reason
        Why it was skipped or cancelled, or why it ran elsewhere than asked.
    outputs
        What it printed and displayed, in nbformat's shape.
    """

    node: NodeId
    status: Status
    value: Any = None
    error: OrchestraError | None = None
    started: float | None = None
    ended: float | None = None
    attempts: int = 0
    worker: str = ""
    reason: str = ""
    outputs: tuple[Output, ...] = ()

    @property
    def seconds(self) -> float:
        """Time in the body, in seconds; zero when it never started."""
        if self.started is None or self.ended is None:
            return 0.0
        return self.ended - self.started

    @property
    def ok(self) -> bool:
        """Whether the node's value can be used."""
        return self.status in ("done", "cached")
