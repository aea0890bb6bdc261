"""What a function is and what it carries, as plain JSON: equal content, equal JSON, in every process.

Policy: whatever can change what a call returns counts. A function counts by name, byte code, parameters and constants;
by its defaults and whatever :class:`functools.partial` binds; by the functions, classes and constants of its own module
that it names, followed as far as they go; and by its closure. What is *bound as an argument* counts by value, lists and
arrays too. What a function merely *sees* (closure, globals) counts by value only if nothing can change it in place, and
by type otherwise: a list that a run appends to is the run's state, and the graph is the same one before and after.
Other modules' functions count by name, as their versions are an environment's business.

Order: sets are sorted, dictionaries are not, for a function can tell. Failure: none; what cannot be read counts by its
type. Rejected: ``repr`` (addresses), ``marshal`` and pickle (both differ between processes for equal values), source
text (not always there, and comments count), ``hash()`` (salted).
"""

from __future__ import annotations

import dis
import json
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache, partial
from hashlib import blake2b
from pathlib import PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

_PLAIN = frozenset({str, int, float, bool, complex, bytes, type(None), type(...), range})
_BASES = (str, int, float, complex, bytes)
_TELLING = frozenset({"datetime", "decimal", "fractions", "uuid", "zoneinfo", "re"})
"""Modules whose objects never change and tell all about themselves in their ``repr``."""
_DEEP = 50
"""Levels below which only types count."""


def content_of(fn: Any) -> Any:
    """Describe a callable.

    Examples
    --------
    >>> def scaled(by):
    ...     return lambda x: by * x
    >>> content_of(scaled(2)) == content_of(scaled(2)), content_of(scaled(2)) == content_of(scaled(3))
    (True, False)
    """
    return None if fn is None else _Reader().callable(fn)


def value_of(value: Any) -> Any:
    """Describe a value that is bound as an argument.

    Examples
    --------
    >>> value_of({"rows": [1, 2.0]})
    ['dict', ["'rows'", ['list', '1', '2.0']]]
    """
    return _Reader().value(value)


class _Reader:
    """Reads one object. A function that comes up again counts by where it came up first."""

    def __init__(self) -> None:
        self._above: list[int] = []
        self._functions: dict[int, int] = {}

    def callable(self, fn: Any) -> Any:
        """Describe a callable."""
        if id(fn) in self._functions:
            return ["again", self._functions[id(fn)]]
        if isinstance(fn, FunctionType | type):
            self._functions[id(fn)] = len(self._functions)
        return self._within(fn, lambda: self._callable(fn))

    def value(self, value: Any, fixed: bool = False) -> Any:
        """Describe a value; with ``fixed``, one that a function only sees."""
        if type(value) in _PLAIN:
            return repr(value)
        if isinstance(value, FunctionType | BuiltinFunctionType | MethodType | type | partial):
            return self.callable(value)
        return self._within(value, lambda: self._value(value, fixed))

    def _within(self, thing: Any, read: Callable[[], Any]) -> Any:
        """Read a thing unless it contains itself, or lies too deep."""
        if id(thing) in self._above:
            return ["above", len(self._above) - self._above.index(id(thing))]
        if len(self._above) == _DEEP:
            return ["deep", type(thing).__qualname__]
        self._above.append(id(thing))
        found = read()
        self._above.pop()
        return found

    def _callable(self, fn: Any) -> Any:
        if isinstance(fn, MethodType):
            return ["method", self.callable(fn.__func__), self.value(fn.__self__)]
        if isinstance(fn, FunctionType):
            return self._function(fn)
        if isinstance(fn, type):
            return self._class(fn)
        if isinstance(fn, partial):
            return ["partial", self.callable(fn.func), self.value(fn.args), self.value(fn.keywords)]
        own = getattr(fn, "__dict__", None)
        if isinstance(own, dict) and "__wrapped__" in own:
            return [_name(fn), self.callable(own["__wrapped__"])]
        if isinstance(fn, BuiltinFunctionType):
            return [_name(fn)]
        name = getattr(fn, "__name__", "")
        return ["object", name if isinstance(name, str) else "", *self._value(fn, fixed=False), self.callable(type(fn))]

    def _function(self, fn: FunctionType) -> Any:
        known = {name: fn.__globals__[name] for name in named_globals(fn.__code__) if name in fn.__globals__}
        return [
            _name(fn),
            content_of_code(fn.__code__),
            self.value(fn.__defaults__),
            self.value(fn.__kwdefaults__),
            [self.value(cell, fixed=True) for cell in _cells(fn)],
            [[name, self._near(known[name], fn.__module__)] for name in sorted(known)],
        ]

    def _class(self, cls: type) -> Any:
        """Describe a class by what its body defines."""
        if cls.__module__ == "builtins":
            return [_name(cls)]
        parts = []
        for name, member in vars(cls).items():
            body = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
            if isinstance(body, FunctionType) or (type(member) in _PLAIN and name[:2] != "__"):
                parts.append([name, self._near(body, cls.__module__)])
        return [_name(cls), [self._near(base, cls.__module__) for base in cls.__bases__], parts]

    def _near(self, value: Any, module: str) -> Any:
        """Describe what a function or a class of some module names."""
        if isinstance(value, FunctionType | type) and value.__module__ != module:
            return _name(value)
        return self.value(value, fixed=True)

    def _value(self, value: Any, fixed: bool) -> list[Any]:
        kind = type(value).__qualname__
        if isinstance(value, Enum):
            return [kind, value.name]
        if kind == "ufunc":
            return [kind, value.__name__]
        if isinstance(value, PurePath):
            return ["path", value.as_posix()]
        if type(value).__module__ in _TELLING:
            return [kind, repr(value)]
        for base in _BASES:
            if isinstance(value, base):
                return [kind, base.__repr__(value)]
        if isinstance(value, ModuleType):
            return ["module", value.__name__]
        if isinstance(value, tuple):
            return [kind, *[self.value(item, fixed) for item in value]]
        if isinstance(value, frozenset):
            return [kind, *_sorted(self.value(item, fixed) for item in value)]
        if is_dataclass(value) and not (fixed and not _frozen(value)):
            read = [(field.name, getattr(value, field.name, None)) for field in fields(value) if field.compare]
            return [kind, *[[name, self.value(item, fixed)] for name, item in read]]
        return [kind, *_buffer(value, fixed)] if fixed else [kind, *self._mutable(value)]

    def _mutable(self, value: Any) -> Iterator[Any]:
        """Yield the content of what can change in place."""
        if isinstance(value, dict):
            yield from ([self.value(key), self.value(item)] for key, item in value.items())
        elif isinstance(value, list):
            yield from map(self.value, value)
        elif isinstance(value, set):
            yield from _sorted(map(self.value, value))
        else:
            yield from _buffer(value, fixed=False)


def _name(thing: Any) -> str:
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', type(thing).__qualname__)}"


def content_of_code(code: CodeType) -> list[Any]:
    """Describe byte code with its names and constants, and without what it is called or where it stands.

    Examples
    --------
    >>> content_of_code((lambda x: x + 1).__code__) == content_of_code((lambda x: x + 2).__code__)
    False
    """
    count = code.co_argcount + code.co_kwonlyargcount
    return [
        code.co_code.hex(),
        code.co_exceptiontable.hex(),
        [code.co_flags, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount],
        list(code.co_varnames[:count]),
        list(code.co_names),
        [_constant(value) for value in code.co_consts],
    ]


def _constant(value: object) -> Any:
    if isinstance(value, CodeType):
        return content_of_code(value)
    if isinstance(value, tuple):
        return [_constant(item) for item in value]
    if isinstance(value, frozenset):
        return _sorted(_constant(item) for item in value)
    return repr(value)


@lru_cache(maxsize=4096)
def named_globals(code: CodeType) -> frozenset[str]:
    """Name what the code, and code within it, reads from its module and never binds there."""
    read, bound = set(), set()
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            read.add(step.argval)
        elif step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            bound.add(step.argval)
    for value in code.co_consts:
        if isinstance(value, CodeType):
            read |= named_globals(value)
    return frozenset(read - bound)


def _cells(fn: FunctionType) -> Iterator[Any]:
    for cell in fn.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not bound yet
            yield None


def _frozen(value: Any) -> bool:
    return bool(type(value).__dataclass_params__.frozen)


def _buffer(value: Any, fixed: bool) -> Iterator[Any]:
    """Yield shape, format and digest of an array; with ``fixed``, of one that cannot be written to."""
    try:
        view = memoryview(value)
    except TypeError:
        return
    if "O" not in view.format and (view.readonly or not fixed):  # O: addresses
        yield [list(view.shape or ()), view.format, blake2b(view.tobytes(), digest_size=16).hexdigest()]


def _sorted(items: Any) -> list[Any]:
    return sorted(items, key=json.dumps)
