"""Each event as one JSON object, and back: typed, and with nothing lost but values.

What an event says is in its fields, so its JSON follows from their types, and there is no second description of it that
could fall behind. Times that are not finite stand as ``"inf"``. Outcomes and graphs are told in :mod:`.records`.

Failure: JSON that is not what an event of that name says is an :class:`.EventLogError`, which names the field. A field
that is not known is of a newer version, and passed over; a name that is not known gives an :class:`.UnknownEvent`.
Rejected: pickle (a log is read by others than wrote it), pydantic (its models would be that second description).
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from numbers import Integral, Real
from typing import Any, Union, get_args, get_origin, get_type_hints

from orchestra_nb.bus import Event
from orchestra_nb.errors import EventLogError
from orchestra_nb.eventlog.records import dag_from, dag_record, outcome_from, outcome_record
from orchestra_nb.eventlog.registry import EVENTS, UnknownEvent
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.model import Outcome
from orchestra_nb.wording import short

Record = dict[str, Any]
Reader = Callable[[Any], Any]
_ODD = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def event_to_json(event: Event, outputs: int = 0) -> Record:
    """Write an event as what JSON knows; ``name`` says which it is.

    Parameters
    ----------
    event
        Any event; of one whose class is not registered, all fields that JSON can take.
    outputs
        How many bytes of a node's outputs are told; 0: only how many outputs there were.

    Examples
    --------
    >>> from orchestra_nb.events import NodeStarted
    >>> event_to_json(NodeStarted(at=0.5, node="load", lane="thread"))
    {'name': 'execution:node-started', 'at': 0.5, 'node': 'load', 'lane': 'thread'}
    """
    if isinstance(event, UnknownEvent):
        return {"name": event.kind, "at": _plain(event.at, outputs), **event.fields}
    record = {"name": event.name, **{name: _plain(getattr(event, name), outputs) for name in _names(type(event))}}
    if isinstance(event, DagBuilt):
        record["hash"] = event.hash or event.dag.hash
    return record


def event_from_json(record: Mapping[str, Any]) -> Event:
    """Read an event.

    Raises
    ------
    EventLogError
        It is not what an event of that name says.

    Examples
    --------
    >>> event_from_json({"name": "execution:run-ended", "at": 3, "success": True})
    RunEnded(at=3.0, success=True)
    >>> event_from_json({"name": "execution:run-ended", "at": 3, "success": "yes"})
    Traceback (most recent call last):
    orchestra_nb.errors.EventLogError: execution:run-ended: success='yes' is no bool
    """
    name = record.get("name") if isinstance(record, Mapping) else None
    if not isinstance(name, str):
        raise EventLogError(f"an event is an object with a name, not {short(record, 80)}")
    kind = EVENTS.get(name)
    try:
        if kind is None:
            left = {key: value for key, value in record.items() if key not in ("name", "at")}
            return UnknownEvent(_number(record.get("at")), name, left)
        given = {}
        for field_name, read, optional in _readers(kind):
            if field_name in record:
                given[field_name] = _read(field_name, read, record[field_name])
            elif not optional:
                raise ValueError(f"{field_name} is missing")
        return kind(**given)
    except (ValueError, TypeError, KeyError) as fault:
        raise EventLogError(f"{name}: {fault}") from None


_known_names: dict[object, tuple[str, ...]] = {}
_known_readers: dict[object, tuple[tuple[str, Reader, bool], ...]] = {}


def _names(kind: type[Event]) -> tuple[str, ...]:
    """The fields of a class; found once."""
    if kind not in _known_names:
        _known_names[kind] = tuple(field.name for field in fields(kind))
    return _known_names[kind]


def _plain(value: Any, outputs: int) -> Any:
    """Write the value of a field."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float:
        return value if math.isfinite(value) else str(value)
    if isinstance(value, tuple | list):
        return [_plain(item, outputs) for item in value]
    if isinstance(value, Outcome):
        return outcome_record(value, outputs)
    if isinstance(value, DAG):
        return dag_record(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return _plain(float(value), outputs)
    return short(repr(value), 200)  # of an event that is somebody's own


def _readers(kind: type[Event]) -> tuple[tuple[str, Reader, bool], ...]:
    """Each field of a class: its name, what reads it, and whether it may be missing; found once."""
    if kind not in _known_readers:
        hints = get_type_hints(kind)
        _known_readers[kind] = tuple(
            (field.name, _reader(hints[field.name]), field.default is not MISSING) for field in fields(kind)
        )
    return _known_readers[kind]


def _reader(hint: Any) -> Reader:
    hint = getattr(hint, "__supertype__", hint)  # of a NewType
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = next(_reader(each) for each in args if each is not type(None))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        return _row([_reader(each) for each in args if each is not ...], alike=args[-1] is ...)
    found: dict[Any, Reader] = {float: _number, Outcome: outcome_from, DAG: dag_from}
    if hint in found:
        return found[hint]
    if hint in (str, int, bool):
        return _exactly(hint)
    raise TypeError(f"events have no fields of type {hint!r}")


def _read(name: str, read: Reader, value: Any) -> Any:
    try:
        return read(value)
    except (ValueError, TypeError, KeyError) as fault:
        raise ValueError(f"{name}={short(repr(value), 60)} {fault}") from None


def _exactly(kind: type) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise ValueError(f"is no {kind.__name__}")
        return value

    return read


def _number(value: Any) -> float:
    if isinstance(value, str) and value in _ODD:
        return _ODD[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("is no number of seconds")
    return float(value)


def _row(readers: list[Reader], *, alike: bool) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise ValueError("is no list")
        if alike:
            return tuple(readers[0](item) for item in value)
        return tuple(reader(item) for reader, item in zip(readers, value, strict=True))

    return read
