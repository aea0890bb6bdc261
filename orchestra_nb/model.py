"""The nouns: nodes, edges, outcomes. Frozen, small, and without behaviour beyond reading themselves.

Every layer above speaks in these. Durations are seconds. Ids are node names: ``cell-N`` (N: position among the code
cells, from 1) unless the cell gives a name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NewType, TypeGuard, get_args

from orchestra_nb.errors import ConfigError, OrchestraError

NodeId = NewType("NodeId", str)
RunId = NewType("RunId", str)

EdgeKind = Literal["declared", "value", "mutation", "alias", "file", "state", "order"]
Certainty = Literal["certain", "possible"]
Status = Literal["done", "cached", "failed", "skipped", "cancelled"]
NodeKind = Literal["function", "cell", "agent"]
Output = Mapping[str, Any]
"""One output of a cell, in nbformat's shape (``output_type`` and its fields)."""
MOST_SECONDS = 1e100
"""More is no duration: so whatever is computed of durations stays finite."""


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

    Examples
    --------
    >>> print(Evidence("df", source_line=2, target_line=5, reason="writes df, then reads df"))
    writes df, then reads df (line 2 → line 5)
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
    """``target`` waits for ``source``.

    Examples
    --------
    >>> from orchestra_nb import Notebook
    >>> for edge in Notebook.from_sources(["x = [3, 1]", "x.sort()"]).dag.edges:
    ...     print(edge)
    cell-1 → cell-2  [value] writes x, then reads x (line 1 → line 1)
    """

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
        Expected seconds. 1.0 counts as not given: then it is what earlier runs took, where that is known.
    reads, writes, mutates
        Names that the node uses, binds and changes in place.
    uses
        Resources and amounts, as ``"db"`` or ``"gpu:2"``; or a mapping, ``{"gpu": 2}``.
    priority
        Higher goes first among ready nodes.
    timeout
        Seconds for each attempt; ``None`` is no limit.
    backend
        ``"inherit"``, or the backend that this node asks for.
    kind
        What the body is.
    index
        Position in the document, from 0: the linear order that results must equal.
    source
        The cell's code, for cells.
    cache
        Whether the result is kept for later runs, and taken from an earlier one that was given the same; or for how
        many seconds. ``True`` keeps no result that follows from the time, the network, chance or the like: seconds say
        how old such a result may be.
    verdicts
        For each backend, why the node must not run there; an empty reason means that it may.
    undo
        What compensates the node when the run fails after it was done: the name of another node, which then runs only
        for that; for cells also the name of a function; for functions also the function itself. Its parameters that
        name a node or a context key receive that value, and ``result`` and ``context`` what :mod:`.undoing` says.
    metadata
        Anything else, kept and not interpreted.
    parts
        Nodes that run one after another in this one's place, each with its own value; merged by
        :meth:`.DAGBuilder.optimize`. A node has either these or a body.

    Raises
    ------
    ConfigError
        A setting that cannot be meant: it names the node and the setting.

    Examples
    --------
    >>> load = Node("load", fn=lambda path: [3, 1, 2], cost=2.0, retry=3)
    >>> top = Node("top", fn=lambda load: max(load), after=["load"], uses={"gpu": 2}, timeout=60)
    >>> top.after, top.uses
    (('load',), ('gpu:2',))
    >>> Node("top", timeout=-1)
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: node 'top': timeout must be a positive number of seconds, not -1
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
    undo: str | Callable[..., Any] | None = None
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
            if name == "uses" and isinstance(value, Mapping):
                value = [f"{resource}:{amount}" for resource, amount in value.items()]
            if isinstance(value, str) or not isinstance(value, Iterable):
                raise self._wrong(name, "a sequence of names")
            names = tuple(value)  # once: it may be an iterator
            if not all(isinstance(item, str) for item in names):
                raise self._wrong(name, "a sequence of names")
            object.__setattr__(self, name, names)
        if not is_duration(self.cost):
            raise self._wrong("cost", f"seconds, from 0 to {MOST_SECONDS:g}")
        if self.timeout is not None and (not _is_number(self.timeout) or self.timeout <= 0):
            raise self._wrong("timeout", "a positive number of seconds")
        if not isinstance(self.cache, bool) and (not _is_number(self.cache) or self.cache <= 0):
            raise self._wrong("cache", "True, False or a positive number of seconds")
        if not _is_number(self.priority):
            raise self._wrong("priority", "a number")
        if not isinstance(self.index, int):
            raise self._wrong("index", "a position in the document")
        if not isinstance(self.backend, str) or not self.backend:
            raise self._wrong("backend", "'inherit' or the name of a joblib backend")
        if self.kind not in get_args(NodeKind):
            raise self._wrong("kind", f"one of {', '.join(get_args(NodeKind))}")
        if self.undo is not None and not callable(self.undo) and (not isinstance(self.undo, str) or not self.undo):
            raise self._wrong("undo", "the name of a node, or a function")
        if self.fn is not None and not callable(self.fn):
            raise self._wrong("fn", "a function")
        self._check_parts()

    def _check_parts(self) -> None:
        if self.parts:
            if not all(isinstance(part, Node) for part in self.parts):
                raise ConfigError(f"node {self.id!r}: parts must be a sequence of nodes, not {self.parts!r}")
            object.__setattr__(self, "parts", tuple(self.parts))
            if self.fn is not None or self.source:
                raise ConfigError(f"node {self.id!r} has parts and a body; give one of them")

    def _wrong(self, setting: str, expected: str) -> ConfigError:
        return ConfigError(f"node {self.id!r}: {setting} must be {expected}, not {getattr(self, setting)!r}")


def is_duration(value: object) -> TypeGuard[float]:
    """Whether something is a number of seconds that something can take: finite, and not negative.

    Examples
    --------
    >>> [is_duration(value) for value in (0, 1.5, -1.0, float("nan"), 1e308, 10**400, True, "1")]
    [True, True, False, False, False, False, False, False]
    """
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value <= MOST_SECONDS


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max  # which no NaN is, nor an int that is too large for a float


@dataclass(frozen=True, slots=True)
class Expand:
    """What a node may return: nodes that join the run, which are checked like those that were there from the start.

    They may come ``after`` any node and each other; what waits for the expanding node waits for them too
    (:func:`.grown` has the rules).

    Parameters
    ----------
    nodes
        The new nodes: :class:`Node` objects, functions or ``@task`` functions. An iterator is used up here, so that
        what travels between processes is plain.
    value
        The value of the expanding node itself.
    edges
        With kind and evidence, for those who have them: each ends at a new node. ``after`` declares the others.

    Raises
    ------
    ConfigError
        What should be a sequence is none.

    Examples
    --------
    >>> def split(rows):
    ...     return Expand((Node(NodeId(f"part-{row}")) for row in rows), value=len(rows))
    >>> split("ab").value, [node.id for node in split("ab").nodes]
    (2, ['part-a', 'part-b'])
    """

    nodes: Iterable[Node | Callable[..., Any]]
    value: Any = None
    edges: Iterable[Edge] = ()

    def __post_init__(self) -> None:
        for name in ("nodes", "edges"):
            given = getattr(self, name)
            if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
                raise ConfigError(f"Expand takes a sequence of {name}, not {given!r}; write [...] around it")
            object.__setattr__(self, name, tuple(given))


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


@dataclass(frozen=True)  # without slots: see running.outcomes.replied
class Outcome:
    """How one node ended: a value, so that a worker never raises through its pool.

    Parameters
    ----------
    status
        ``"done"``, ``"cached"``, ``"failed"``, ``"skipped"`` or ``"cancelled"``.
    value
        What the node made: a function's return value, or a mapping of the names that a cell bound. In the events of a
        run it may be a reference to a value that was left elsewhere; in the result it is the value itself, or says
        that it was released because nobody had asked for it.
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
    queued
        When all that it needs had ended, in seconds since the run began; ``None`` when that never was.
    lock_wait
        Seconds of the time between ``queued`` and ``started`` that it waited for the resources it uses.
    bytes_in, bytes_out
        Bytes that travelled to and from another process for it; zero where it shared this one's memory.

    Examples
    --------
    >>> from orchestra_nb import Pipeline, RunConfig
    >>> nodes = [Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)]
    >>> outcomes = Pipeline(nodes, RunConfig(jobs=1)).run().outcomes
    >>> outcomes["load"].status, outcomes["load"].value, outcomes["half"].status, outcomes["half"].attempts
    ('done', 42, 'failed', 1)
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
    queued: float | None = None
    lock_wait: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0

    @property
    def seconds(self) -> float:
        """Time in the body, in seconds; zero when it never started.

        Examples
        --------
        >>> Outcome("load", "done", started=1.5, ended=4.0).seconds, Outcome("plot", "skipped").seconds
        (2.5, 0.0)
        """
        if self.started is None or self.ended is None:
            return 0.0
        return max(0.0, self.ended - self.started)  # a log from elsewhere may say that it ended before it began

    @property
    def ok(self) -> bool:
        """Whether the node's value can be used.

        Examples
        --------
        >>> Outcome("load", "cached").ok, Outcome("plot", "skipped").ok
        (True, False)
        """
        return self.status in ("done", "cached")

    @property
    def bad(self) -> bool:
        """Whether something went wrong: a node that was skipped brings nobody down by itself.

        Examples
        --------
        >>> [status for status in get_args(Status) if Outcome("load", status).bad]
        ['failed', 'cancelled']
        """
        return self.status in ("failed", "cancelled")
