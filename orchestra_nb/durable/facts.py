"""What a run says of itself, line by line, and where that leaves it. Pure.

The first line is the :class:`Head`: which run this is, of what. Then come facts: a node was committed, with its values
or why it has none; a level ended; a node was undone; the run ended; another process has gone on with it. A
:class:`RunState` is what they come to. A node that is undone or dropped, or that an :class:`Epoch` goes back behind, is
committed no more; it may be again.

Values are not here but :class:`ValueRef`: where their bytes are, and the digest that these must have. Failure:
``ValueError`` for a line that says what no fact says.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestra_nb.model import NodeId, Output, RunId

VERSION = 1
_STATUSES = ("done", "cached")


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


def head_to_json(head: Head) -> str:
    """Write the first line."""
    made = {name: getattr(head, name) for name in ("kind", "what", "dag_hash", "started")}
    return _dumps(
        {
            **{"run": VERSION, "id": head.run_id, **made},
            **{name: dict(getattr(head, name)) for name in ("nodes", "context", "note")},
        }
    )


def head_from_json(payload: bytes) -> Head:
    """Read the first line.

    Raises
    ------
    ValueError
        It is no first line of this version.
    """
    found = _object(payload)
    if found.get("run") != VERSION:
        raise ValueError(f"it is of version {found.get('run')!r}, and this is version {VERSION}")
    nodes, context = _of(found, "nodes", dict), _of(found, "context", dict)
    if not all(isinstance(text, str) for text in (*nodes.values(), *context.values())):
        raise ValueError("a digest in it is no text")
    return Head(
        RunId(_of(found, "id", str)),
        _of(found, "kind", str),
        _of(found, "what", str),
        _of(found, "dag_hash", str),
        nodes,
        _of(found, "started", float),
        context,
        _of(found, "note", dict),
    )


def fact_to_json(fact: RunFact) -> str:
    """Write a fact; what it does not say is left out.

    Raises
    ------
    TypeError, ValueError
        Its outputs or its note are no JSON.
    """
    if isinstance(fact, Commit):
        return _dumps(_commit(fact))
    if isinstance(fact, Level):
        return _dumps({"fact": "level", "at": fact.at})
    if isinstance(fact, Undone):
        return _dumps({"fact": "undone", "node": fact.node})
    if isinstance(fact, Dropped):
        return _dumps({"fact": "dropped", "nodes": fact.nodes})
    if isinstance(fact, Ended):
        return _dumps({"fact": "ended", "success": fact.success, "why": fact.why, "at": fact.at})
    told = {"number": fact.number, "started": fact.started, "without": fact.without, "levels": fact.levels}
    return _dumps({"fact": "epoch", **told})


def _commit(fact: Commit) -> dict[str, Any]:
    made: dict[str, Any] = {"fact": "node", "node": fact.node, "status": fact.status, "attempts": fact.attempts}
    made |= {"seconds": fact.seconds, "at": fact.at}
    for name in ("reason", "again", "result", "outputs", "new"):
        if getattr(fact, name):
            made[name] = getattr(fact, name)
    if fact.note:
        made["note"] = dict(fact.note)
    if fact.values:
        made["values"] = {name: _ref(ref) for name, ref in fact.values.items()}
    if fact.growth is not None:
        made["growth"] = _ref(fact.growth)
    return made


def fact_from_json(payload: bytes) -> RunFact:
    """Read a fact.

    Raises
    ------
    ValueError
        It says something that no fact says.
    """
    found = _object(payload)
    kind = found.get("fact")
    if kind == "node":
        return _read_commit(found)
    if kind == "level":
        return Level(_of(found, "at", float))
    if kind == "undone":
        return Undone(NodeId(_of(found, "node", str)))
    if kind == "dropped":
        return Dropped(_names(found, "nodes"))
    if kind == "ended":
        return Ended(_of(found, "success", bool), _of(found, "why", str), _of(found, "at", float))
    if kind == "epoch":
        without = _names(found, "without")
        return Epoch(_of(found, "number", int), _of(found, "started", float), without, _of(found, "levels", int))
    raise ValueError(f"{kind!r} is no fact that this version knows")


def _read_commit(found: dict[str, Any]) -> Commit:
    status = _of(found, "status", str)
    if status not in _STATUSES:
        raise ValueError(f"{status!r} is not how a committed node ends")
    outputs = _of(found, "outputs", list, [])
    if not all(isinstance(output, dict) for output in outputs):
        raise ValueError("an output in it is none")
    return Commit(
        NodeId(_of(found, "node", str)),
        status,
        _of(found, "attempts", int),
        _of(found, "seconds", float),
        _of(found, "at", float),
        _of(found, "reason", str, ""),
        tuple(outputs),
        {name: _read_ref(ref) for name, ref in _of(found, "values", dict, {}).items()},
        _of(found, "again", str, ""),
        _of(found, "result", str, ""),
        _read_ref(found["growth"]) if "growth" in found else None,
        _names(found, "new"),
        _of(found, "note", dict, {}),
    )


def _ref(ref: ValueRef) -> dict[str, Any]:
    made: dict[str, Any] = {"format": ref.format, "lengths": ref.lengths, "size": ref.size, "digest": ref.digest}
    if ref.meta:
        made["meta"] = b64encode(ref.meta).decode("ascii")
    if ref.inline is not None:
        made["bytes"] = b64encode(ref.inline).decode("ascii")
    return made


def _read_ref(found: object) -> ValueRef:
    if not isinstance(found, dict):
        raise ValueError("a value in it is none")
    lengths, digest = _of(found, "lengths", list), _of(found, "digest", str)
    if not all(type(length) is int and length >= 0 for length in lengths):
        raise ValueError("the lengths of a value in it are none")
    try:
        meta = b64decode(_of(found, "meta", str, ""), validate=True)
        inline = b64decode(_of(found, "bytes", str), validate=True) if "bytes" in found else None
        bytes.fromhex(digest)
    except NotBase64 as error:
        raise ValueError(f"a value in it cannot be read: {error}") from None
    return ValueRef(_of(found, "format", int), meta, tuple(lengths), _of(found, "size", int), digest, inline)


def _names(found: dict[str, Any], name: str) -> tuple[NodeId, ...]:
    names = _of(found, name, list, [])
    if not all(isinstance(each, str) for each in names):
        raise ValueError(f"its {name!r} are no names")
    return tuple(map(NodeId, names))


def _of(found: dict[str, Any], name: str, kind: type, default: Any = None) -> Any:
    """Give a field of that very class (a whole number counts as a number)."""
    value = found.get(name, default)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"its {name!r} is {value!r}")
    return value


def _object(payload: bytes) -> dict[str, Any]:
    try:
        found = json.loads(payload)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    return found


def _dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
