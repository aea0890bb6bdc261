"""What a node is remembered by between runs, and what its cost becomes when something is remembered: pure.

Policy: a node is its own source and nothing about others. Of a cell that is its text, without the lines that only set
it up (``%%orchestrate``, ``#|``) and without blanks at the ends of lines; it may move and be renamed. Of a function it
is the byte code, and the node's name beside it, because one function may do a small and a large piece of work; of an
agent its type, its task and its name. What a function is bound to or sees does not count: reading it could be dear (an
array of a gigabyte), and what the same function took with other values is a better guess than none.

A cost that the user has given stays. Else the median of the last few durations holds, which one slow run does not move
and which follows a lasting change after half of them; else what the cost was (a notebook's own record of its last run,
or 1.0). A node's cost of exactly 1.0 counts as not given, for this is what a node has when nobody says anything; a cell
and an agent know whether somebody did. Order: none. Failure: none; durations that cannot be are left out.

Rejected: :func:`orchestra_nb.graph.content.content_of` for functions (it digests all that is bound, and what a run
changes in place would give another key after it than before); the mean (one run on a busy machine spoils it).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any, Protocol

from orchestra_nb.definitions.command import Agent
from orchestra_nb.graph.content import content_of_code
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node

MOST_DURATIONS = 9
"""Durations that are remembered of a node."""
Source = bytes
Name = bytes
Recent = Mapping[Source, Mapping[Name, Sequence[float]]]
"""Durations in seconds, the latest last; by the digests of sources, and of the names that nodes with them have."""
_SETTINGS = ("%%orchestrate", "#|")
_NOT_GIVEN = 1.0
_DEEP = 20
"""Wrappers around a function that are looked through."""


class Remembering(Protocol):
    """Something that remembers."""

    def recent(self, sources: Iterable[Source]) -> Recent:
        """Tell what is known of nodes with these sources."""


def with_learned_costs(dag: DAG, memory: Remembering) -> DAG:
    """Make the same graph, with the same hash, where costs that nobody has given are what earlier runs took.

    Parameters
    ----------
    dag
        What is to run.
    memory
        Knows what nodes took.

    Examples
    --------
    >>> class Memory:
    ...     def recent(self, sources):
    ...         return {source: {b"": (2.0, 3.0, 9.0)} for source in sources}
    >>> dag = DAG([Node("load", kind="cell", source="x = 1"), Node("plot", kind="cell", cost=5.0, source="x")])
    >>> [node.cost for node in with_learned_costs(dag, Memory()).nodes.values()]
    [3.0, 3.0]
    """
    sources = Sources()
    asked = [(node, sources.of(node)) for node in dag.nodes.values() if not is_given(node)]
    known = memory.recent({source for _, source in asked})
    costs: dict[str, float] = {}
    for node, source in asked if known else ():
        names = known.get(source)
        found = names.get(name_of(node)) if names else None
        if found:
            costs[node.id] = median(found)
    return dag.with_costs(costs) if costs else dag


def durations_of(dag: DAG, memory: Remembering) -> dict[str, tuple[float, ...]]:
    """Tell what each node took in its last runs, where that is known: the latest last, in seconds.

    Unlike :func:`with_learned_costs`, of nodes too whose cost the user has given.

    Examples
    --------
    >>> class Memory:
    ...     def recent(self, sources):
    ...         return {source: {b"": (2.0, 3.0, 9.0)} for source in sources}
    >>> durations_of(DAG([Node("load", kind="cell", source="x = 1")]), Memory())
    {'load': (2.0, 3.0, 9.0)}
    """
    sources = Sources()
    asked = [(node, sources.of(node)) for node in dag.nodes.values()]
    known = memory.recent({source for _, source in asked})
    found = ((node.id, known.get(source, {}).get(name_of(node))) for node, source in asked)
    return {name: tuple(seconds) for name, seconds in found if seconds}


def is_given(node: Node) -> bool:
    """Whether the user has said what a node costs.

    Examples
    --------
    >>> is_given(Node("load")), is_given(Node("load", cost=2.0))
    (False, True)
    """
    if node.kind == "cell":
        return bool(node.metadata.get("cost_given"))
    if node.parts:
        return all(map(is_given, node.parts))
    agent = node.metadata.get("agent") if node.kind == "agent" else None
    if isinstance(agent, Agent):
        return agent.cost is not None
    return node.cost != _NOT_GIVEN


def median(durations: Sequence[float]) -> float:
    """The middle one, or the mean of the two in the middle.

    Examples
    --------
    >>> median([9.0, 1.0, 2.0]), median([1.0, 2.0])
    (2.0, 1.5)
    """
    ordered = sorted(durations)
    half = len(ordered) // 2
    low, high = ordered[(len(ordered) - 1) // 2], ordered[half]
    return low + (high - low) / 2


def remembered(before: Sequence[float], new: Iterable[float]) -> tuple[float, ...]:
    """What stays in memory: the last few durations that can be.

    Examples
    --------
    >>> remembered([1.0, 2.0], [float("nan"), -1.0, 3.0])
    (1.0, 2.0, 3.0)
    """
    return tuple([value for value in (*before, *new) if 0 <= value < math.inf][-MOST_DURATIONS:])


class Sources:
    r"""Digests the sources of the nodes of one graph; of code that many of them share, once.

    Examples
    --------
    >>> of = Sources().of
    >>> of(Node("a", kind="cell", source="x = 1")) == of(Node("b", kind="cell", source="#| cost: 3\nx = 1  "))
    True
    >>> of(Node("a", fn=lambda x: x + 1)) == of(Node("a", fn=lambda x: x + 2))
    False
    """

    def __init__(self) -> None:
        self._codes: dict[int, tuple[CodeType, Source]] = {}

    def of(self, node: Node) -> Source:
        """Digest the source of a node."""
        if node.kind == "cell":
            return _digest("cell", _plain(node.source))
        if node.parts:
            return _digest("parts", *(self.of(part).hex() + part.id for part in node.parts))
        if node.kind == "agent" and node.fn is None:
            agent = node.metadata.get("agent")
            return _digest("agent", agent.type, agent.task) if isinstance(agent, Agent) else _digest("agent")
        return self._function(node.fn)

    def _function(self, fn: Callable[..., Any] | None) -> Source:
        code = _code_of(fn)
        if code is None:
            kind: Any = fn if issubclass(type(fn), type | BuiltinFunctionType) else type(fn)
            return _digest("callable", f"{kind.__module__}.{kind.__qualname__}")
        known = self._codes.get(id(code))
        if known is None:
            said = json.dumps(content_of_code(code), separators=(",", ":"))
            known = self._codes[id(code)] = code, _digest("function", code.co_qualname, said)
        return known[1]


def name_of(node: Node) -> Name:
    """What tells apart nodes that have one source; nothing does for cells."""
    return b"" if node.kind == "cell" else _digest(node.id)[:8]


def _code_of(fn: Any) -> CodeType | None:
    """The byte code of what is called in the end; ``None`` where there is none."""
    for _ in range(_DEEP):
        kind: type = type(fn)  # what an object says of its class may be code of its own
        if kind is FunctionType:
            inner = getattr(fn, "__wrapped__", None)
            if inner is None:
                code: CodeType = fn.__code__
                return code
            fn = inner
        elif issubclass(kind, partial):
            fn = fn.func
        elif kind is MethodType:
            fn = fn.__func__
        else:
            return None
    return None


def _plain(source: str) -> str:
    """A cell's text without what only sets it up."""
    lines = [line.rstrip() for line in source.splitlines()]
    return "\n".join(line for line in lines if not line.startswith(_SETTINGS)).strip("\n")


def _digest(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
