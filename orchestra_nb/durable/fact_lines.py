"""The facts of a run as lines of JSON, and back.

What a fact does not say is left out, so that a line has what is worth reading. Failure: ``ValueError`` for a line that
says what no fact says, of this version; each field has its class, or the line is none.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from typing import Any

from orchestra_nb.durable.facts import Commit, Dropped, Ended, Epoch, Head, Level, RunFact, Undone, ValueRef
from orchestra_nb.durable.lines import object_of
from orchestra_nb.model import NodeId, RunId

VERSION = 1
_STATUSES = ("done", "cached")


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
    found = object_of(payload)
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
    found = object_of(payload)
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


def _dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
