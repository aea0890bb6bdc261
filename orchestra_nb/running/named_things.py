"""What a function names and carries, wherever that leads: the modules of all of it are reached.

Policy: a function leads to its globals, closure, defaults and imports, a class to what its body defines, a container to
what it contains, and an object to its class and its attributes: a library's pipeline may consist of the user's steps.
The functions and classes of libraries end there; only what a function carries of others counts (``cache(mine)``).

A global that is no function, class or module, such as a table, does not say where it was made. Where no file says it
either, as in a notebook, it leads to the modules of the user's that hold the very same object, and to all others that
hold it under the same name.

Nothing that could be somebody else's code is asked. Who carries more than some thousands of things counts as if every
module of the user's that is loaded were used.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

from orchestra_nb.graph.content import named_globals
from orchestra_nb.running.code_imports import imports_of
from orchestra_nb.running.flattening import Flattening, is_plain
from orchestra_nb.running.imports import Reach
from orchestra_nb.running.module_files import NOT_COUNTED, absolutes, is_own, namespace, namespaces
from orchestra_nb.running.sources import COMPUTING

CODE = (FunctionType, BuiltinFunctionType, MethodType, ModuleType, type, partial)
_CONTAINERS = (list, tuple, set, frozenset, deque)
_WRAPPING = ("__wrapped__", "__func__", "fget", "fset", "fdel", "func")
_SPRAWLING = frozenset({"logging", "asyncio", "threading", "concurrent", "multiprocessing"})
"""Modules whose objects lead everywhere, and carry nothing that a result follows from."""
_MOST = 20_000


class NamedThings:
    """Walks through things.

    Parameters
    ----------
    reach
        Is told the modules.
    """

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self._seen: dict[int, Any] = {}  # with the things, so that no other one gets their place in memory
        self._waiting: list[Any] = []
        self._flattening = Flattening()
        self._given: set[int] = set()
        self._members: dict[int, tuple[Any, ...]] = {}
        self._origins: _Origins | None = None

    def read(self, things: Iterable[object]) -> None:
        """Reach the modules of things and of what they lead to."""
        given = [*things]
        self._given = {*map(id, given)}
        self._wait(given)
        count = 0
        while self._waiting or self._flattening.is_too_much:
            if count > _MOST or self._flattening.is_too_much:
                self.reach.computed = True
                return
            thing = self._waiting.pop()
            if id(thing) not in self._seen:
                self._seen[id(thing)] = thing
                self._thing(thing)
                count += 1

    def _wait(self, things: Iterable[Any]) -> None:
        self._waiting += self._flattening.rest(things)

    def _thing(self, thing: Any) -> None:
        kind = type(thing)
        if issubclass(kind, FunctionType):
            self._function(thing)
        elif issubclass(kind, ModuleType):
            self.reach.follow_namespace(object.__getattribute__(thing, "__dict__"))
        elif issubclass(kind, type):
            self._class(thing)
        elif issubclass(kind, BuiltinFunctionType):
            self._named(thing.__module__)
            self._computes(thing.__name__)
            self._wait([thing.__self__])
        elif issubclass(kind, MethodType):
            self._wait([thing.__func__, thing.__self__])
        elif issubclass(kind, partial):
            self._wait([thing.func, thing.args, thing.keywords])
        else:
            self._object(thing, kind)

    def _function(self, fn: FunctionType) -> None:
        names = fn.__globals__
        self.reach.follow_namespace(names)
        self._named(fn.__module__)
        carried = [
            *(cell.cell_contents for cell in fn.__closure__ or () if _is_bound(cell)),
            *(fn.__defaults__ or ()),
            *(fn.__kwdefaults__ or {}).values(),
            *fn.__dict__.values(),
        ]
        if self._is_library(names.get("__name__")) and id(fn) not in self._given:
            self._computes(fn.__name__)
            self._wait(each for each in carried if self._is_foreign(each))
            return
        imports, computed = imports_of(fn.__code__)
        self.reach.computed = self.reach.computed or computed
        self.reach.follow(absolutes(imports, _package(names)))
        seen = {name: names[name] for name in named_globals(fn.__code__) if name in names}
        if not _is_in_file(names):
            self._came_from(seen)
        self._wait([*carried, *seen.values()])

    def _class(self, cls: type) -> None:
        module = type.__getattribute__(cls, "__module__")
        self._named(module)
        if not self._is_library(module):
            self._wait([*type.__getattribute__(cls, "__bases__"), type(cls)])
            self._wait([*type.__getattribute__(cls, "__dict__").values()])

    def _object(self, thing: Any, kind: type) -> None:
        self._wait([kind])
        self._named(_module_of(thing))  # a compiled function is an object of a class of its own
        if issubclass(kind, dict):
            self._wait([*dict.keys(thing), *dict.values(thing)])
        for container in _CONTAINERS:
            if issubclass(kind, container):
                self._wait(container.__iter__(thing))
        if id(kind) not in self._members:
            self._members[id(kind)] = _members(kind)
        own = _attributes(thing, kind, self._members[id(kind)])
        module = str(type.__getattribute__(kind, "__module__"))
        self._wait(each for each in own if module.partition(".")[0] not in _SPRAWLING or issubclass(type(each), CODE))

    def _named(self, module: object) -> None:
        if isinstance(module, str):
            self.reach.follow([module])

    def _computes(self, name: str) -> None:
        """Take note of a function that imports what it is told to, under whatever name it is known."""
        self.reach.computed = self.reach.computed or name in COMPUTING

    def _is_library(self, module: object) -> bool:
        return isinstance(module, str) and self.reach.kind(module) != "own"

    def _is_foreign(self, thing: Any) -> bool:
        """Whether something that a library's function carries may lead to code that is not the library's."""
        kind = type(thing)
        if issubclass(kind, FunctionType):
            return bool(thing.__closure__) or not self._is_library(thing.__globals__.get("__name__"))
        if issubclass(kind, MethodType | partial | dict) or issubclass(kind, _CONTAINERS):
            return True
        return not self._is_library(type.__getattribute__(thing if issubclass(kind, type) else kind, "__module__"))

    def _came_from(self, seen: Mapping[str, Any]) -> None:
        """Reach the modules that hold a global, too."""
        for name, value in seen.items():
            kind = type(value)
            if not is_plain(value) and not issubclass(kind, CODE) and not (kind is tuple and not value):
                self._origins = self._origins or _Origins()
                self.reach.follow(self._origins.of(name, value))


class _Origins:
    """Which modules hold an object, as far as they have until now."""

    def __init__(self) -> None:
        self._modules = namespaces()
        self._own: dict[int, list[str]] = {}
        for module, names in self._modules.items():
            if is_own(module):
                for value in [*names.values()]:
                    self._own.setdefault(id(value), []).append(module)

    def of(self, name: str, value: Any) -> set[str]:
        """Name the user's modules that hold an object, and others that hold it under this name."""
        alike = {module for module, names in self._modules.items() if names.get(name) is value}
        return alike.union(self._own.get(id(value), ()))


def _is_in_file(names: Mapping[str, Any]) -> bool:
    """Whether the imports of the module that has these globals are to be found in its file."""
    name = names.get("__name__")
    return isinstance(name, str) and name.partition(".")[0] not in NOT_COUNTED and namespace(name) is names


def _module_of(thing: Any) -> object:
    try:
        return object.__getattribute__(thing, "__module__")
    except Exception:
        return None


def _attributes(thing: Any, kind: type, members: Iterable[Any]) -> Iterator[Any]:
    """Yield what an object has, without asking it."""
    try:
        own = object.__getattribute__(thing, "__dict__")
    except Exception:
        own = None
    if type(own) is dict:
        yield from [*own.values()]
    for member in members:
        try:
            yield member.__get__(thing, kind)
        except Exception:  # not set
            continue


def _members(kind: type) -> tuple[Any, ...]:
    """Give what reads the slots of a class's objects, and what such an object wraps, as far as it is no Python code."""
    members = [
        item
        for cls in type.__getattribute__(kind, "__mro__")
        for item in [*type.__getattribute__(cls, "__dict__").items()]
    ]
    return tuple(
        member
        for name, member in members
        if type(member) is MemberDescriptorType or (type(member) is GetSetDescriptorType and name in _WRAPPING)
    )


def _package(names: Mapping[str, Any]) -> str:
    package, name = names.get("__package__"), names.get("__name__")
    if isinstance(package, str):
        return package
    return "" if not isinstance(name, str) else name if "__path__" in names else name.rpartition(".")[0]


def _is_bound(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # its function is being made
        return False
