"""What a value consists of, one step down: the table from which :mod:`.content` reads everything but plain containers.

A :class:`Parts` names what a value is and lists simpler values that say all about it; whoever walks goes on with those.
One reader per kind of value: those of the standard library stand here, numpy's and scipy's in :mod:`.arrays`, those of
frames and tables in :mod:`.tables`, what code is in :mod:`.code`. They look at the class, never at what a
value says about its class.

What no reader knows is read the way pickle reads it: ``copyreg``'s table, else ``__reduce_ex__(4)``, which runs
``__getstate__`` and the like, and nothing else of the value's own code. That form is content for nearly everything that
people define, and where it is not (a set's order, what is computed once and kept, padding) there is a reader here.
For errors the table is not asked, and tracebacks and frames are refused: libraries that are merely imported (dask
brings one) teach pickle to take along where an error was raised, which is no content.

Identity: whether it matters that the same object stands in two places is ``identity``. It does for what can change in
place, and does not for what cannot: two equal dates are as good as one date twice. What is not known never to change
counts as if it could: then the same content shared otherwise has another digest, which costs a miss and never a wrong
hit.

Failure: :class:`CannotTell`, from which the walk makes the error that names the place. Rejected: taking such values by
their type, or by their ``repr``: both are right only until two that differ come along.
"""

from __future__ import annotations

import copyreg
import json
import sys
import weakref
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from pathlib import PurePath
from re import Pattern
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    MappingProxyType,
    MethodType,
    ModuleType,
    TracebackType,
)
from typing import Any, NamedTuple
from uuid import UUID

from orchestra_nb.context.code import class_content, described, installed, is_bound, module_parts, name_of, named
from orchestra_nb.graph.content import content_of_code

STATE = "."
"""The name of a part whose keys are attributes."""
_ITERATING = frozenset({"builtins", "itertools", "collections", "_collections"})
_REDUCED = frozenset({"__reduce_ex__", "__reduce__", "__getstate__"})
_FIXED: tuple[type, ...] = (
    *(tuple, frozenset, str, bytes, int, float, complex, range, slice),
    *(date, time, timedelta, tzinfo, Decimal, Fraction, UUID, PurePath, Pattern),
)


class CannotTell(Exception):
    """Why a value cannot be read; whoever walks knows where it stands."""


class Parts(NamedTuple):
    """A value, one step down.

    Parameters
    ----------
    kind
        What it is: equal content of another kind is another content.
    children
        Simpler values; in this order, all of them count.
    raw
        Bytes that count too, as a contiguous buffer.
    identity
        Whether the same object twice is something else than two equal ones.
    names
        How each child is shown in a path, as far as it is.
    """

    kind: str
    children: tuple[Any, ...] = ()
    raw: bytes | bytearray | memoryview | None = None
    identity: bool = True
    names: tuple[str, ...] = ()


Reader = Callable[[Any], Parts]


def changes(value: Any) -> bool:
    """Whether a value could change in place, as far as anybody can know.

    Examples
    --------
    >>> changes(date(2026, 1, 1)), changes(bytearray())
    (False, True)
    """
    cls = type(value)
    if issubclass(cls, _FIXED):
        return bool(getattr(value, "__dict__", None))
    settings: Any = vars(cls).get("__dataclass_params__")
    return not (settings is not None and settings.frozen)


def reader_of(cls: type) -> Reader:
    """Find who reads the values of a class."""
    if cls in (weakref.ProxyType, weakref.CallableProxyType) or issubclass(cls, weakref.ref):
        return _refuse("a weak reference, whose object may be gone the next moment")
    if cls in (TracebackType, FrameType):
        return _refuse("where code was, and not a value")
    if hasattr(cls, "__next__") and cls.__module__ in _ITERATING:
        return _refuse("an iterator, which is used up by looking at what it gives")
    exact = _READERS.get(cls)
    if exact is not None:
        return exact
    if issubclass(cls, type):
        return _code
    if issubclass(cls, ModuleType):
        return _module
    if issubclass(cls, Enum):
        return _member
    if issubclass(cls, PurePath):
        return _path
    if issubclass(cls, set | frozenset):
        return _set
    return reduced


def _refuse(why: str) -> Reader:
    def refuse(value: Any) -> Parts:
        raise CannotTell(why)

    return refuse


def _member(value: Any) -> Parts:
    """A member of an enumeration, by its name and its value."""
    cls = type(value)
    return Parts(name_of(cls), (class_content(cls), value._name_, value._value_), identity=False)


def _path(value: Any) -> Parts:
    """A path by its text: what stands in the file is somebody else's content."""
    return Parts(name_of(type(value)), (class_content(type(value)), str(value)), identity=False)


def _set(value: Any) -> Parts:
    """A set of a class of its own: pickle would list it in the order of salted hashes."""
    cls = type(value)
    items = frozenset(frozenset.__iter__(value) if issubclass(cls, frozenset) else set.__iter__(value))
    own = getattr(value, "__dict__", None) or None
    return Parts(name_of(cls), (class_content(cls), items, own), identity=changes(value), names=("", "", STATE))


def _code(value: Any) -> Parts:
    """A class, or a function with a cache around it."""
    return Parts("code", installed(value) or (described(value),), identity=False)


def _function(value: FunctionType) -> Parts:
    """A function; defaults are arguments, and count by content."""
    known = installed(value)
    return Parts("function", known or (described(value), value.__defaults__, value.__kwdefaults__), identity=False)


def _builtin(value: BuiltinFunctionType) -> Parts:
    module, name = value.__module__, value.__qualname__
    return Parts("builtin", (module, name, value.__self__ if is_bound(value) else None), identity=False)


def _module(value: ModuleType) -> Parts:
    return Parts("module", module_parts(value), identity=False)


def _view(value: Any) -> Parts:
    if "O" in value.format:
        raise CannotTell("a view of objects, which shows where they lie and not what they are")
    return Parts("memoryview", (value.format, value.shape, value.readonly), memoryview(value.tobytes()))


def _datetime(value: Any) -> Parts:
    """A moment or a time of day: as written without its zone, which half of the hour it is in, and its zone."""
    return Parts(name_of(type(value)), (value.replace(tzinfo=None).isoformat(), value.fold, value.tzinfo), None, False)


def _listed(*words: str) -> Reader:
    """Read the attributes of what cannot change."""

    def read(value: Any) -> Parts:
        return Parts(name_of(type(value)), tuple(getattr(value, word) for word in words), identity=False)

    return read


_READERS: dict[type, Reader] = {
    bytearray: lambda value: Parts("bytearray", raw=value),
    memoryview: _view,
    MappingProxyType: lambda value: Parts("mappingproxy", (dict(value),)),
    range: _listed("start", "stop", "step"),
    slice: _listed("start", "stop", "step"),
    Decimal: lambda value: Parts("decimal.Decimal", (str(value),), identity=False),
    Fraction: _listed("numerator", "denominator"),
    UUID: _listed("int", "is_safe"),
    Pattern: _listed("pattern", "flags"),
    datetime: _datetime,
    time: _datetime,
    date: _listed("year", "month", "day"),
    timedelta: _listed("days", "seconds", "microseconds"),
    FunctionType: _function,
    BuiltinFunctionType: _builtin,
    MethodType: lambda value: Parts("method", (value.__func__, value.__self__), identity=False),
    CodeType: lambda value: Parts("instructions", (json.dumps(content_of_code(value)),), identity=False),
    type(lru_cache(len)): _code,
}
"""Readers of exactly these classes; one that is derived from them may carry more."""


def reduced(value: Any) -> Parts:
    """Read a value the way pickle does.

    Raises
    ------
    CannotTell
        It offers nothing of the kind, or what it offers is no such thing.

    Examples
    --------
    >>> from collections import deque
    >>> reduced(deque([1, 2], maxlen=5)).children
    (None, None, (), ((), 5), None, (1, 2), None, None)
    """
    cls = type(value)
    known = None if issubclass(cls, BaseException) else copyreg.dispatch_table.get(cls)
    try:
        found: Any = known(value) if known is not None else value.__reduce_ex__(4)
        if isinstance(found, str):
            return Parts(name_of(cls), ("global", getattr(value, "__module__", None), found), identity=False)
        if not (isinstance(found, tuple) and 2 <= len(found) <= 6 and isinstance(found[1], tuple)):
            raise CannotTell(f"its __reduce_ex__ returned {type(found).__name__}, and not what pickle could read")
        make, args, state, items, pairs, setter = (*found, None, None, None, None)[:6]
        items = None if items is None else tuple(items)
        pairs = None if pairs is None else tuple(pairs)
    except CannotTell:
        raise
    except Exception as error:
        raise CannotTell(f"it cannot be pickled ({told(error)})") from error
    state, attached = settled(value, state)
    own = tuple(place for place, arg in enumerate(args) if arg is cls)
    rest = tuple(arg for arg in args if arg is not cls)
    made_by = None if make is cls else named(make)
    identity = changes(value)
    names, values = ((), ()) if identity else _attributes(state)
    held = (class_content(cls), made_by, own, rest, names or state, items, pairs, setter, *attached)
    shown = ("",) * len(held) if names else ("", "", "", "", STATE, "", "", "", *(STATE for _ in attached))
    dotted = (f".{name}" if type(name) is str else "" for name in names)
    return Parts(name_of(cls), (*held, *values), None, identity, (*shown, *dotted))


def settled(value: Any, state: Any) -> tuple[Any, tuple[Any, ...]]:
    """Give what a value of the standard library's kind says of its attributes, whoever looked at them before.

    Errors, buffers and partial functions make their dictionary when somebody first asks for it, and then show it,
    empty; others (``defaultdict``, ``Random``) leave out what a class derived from them has. The second is what was
    left out, if there is any. A class that says itself what it consists of is taken at its word.

    Examples
    --------
    >>> settled(ValueError(1), {})
    (None, ())
    """
    kept = next((base for base in type(value).__mro__[:-1] if not _REDUCED.isdisjoint(vars(base))), object)
    if kept is object or name_of(kept).partition(".")[0] not in sys.stdlib_module_names:
        return state, ()
    if type(state) is dict:
        return state or None, ()
    if type(state) is tuple and state and type(state[-1]) is dict:
        return (*state[:-1], state[-1] or None), ()
    attributes = None if kept is type(value) else getattr(value, "__dict__", None)
    return state, (attributes,) if attributes and type(attributes) is dict else ()


def _attributes(state: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Take the dict of attributes apart: it can change, and its owner promises that it does not."""
    if isinstance(state, dict):
        return tuple(state), tuple(state.values())
    return ((), ()) if not isinstance(state, list) else (tuple(range(len(state))), tuple(state))


def told(error: BaseException) -> str:
    r"""Give an error in one line.

    Examples
    --------
    >>> told(ValueError("one\ntwo"))
    'ValueError: one'
    """
    try:
        return f"{type(error).__name__}: {error}".partition("\n")[0]
    except Exception:  # its text is user code as well
        return type(error).__name__
