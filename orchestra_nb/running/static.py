"""Objects as they lie in memory: their attributes, and their names, without asking them anything.

A property, a ``__getattr__``, a proxy's ``__class__`` is code of the user's or of a library's, which may do anything:
so nothing here asks an object for an attribute, and all is read from dictionaries and slots.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping
from functools import lru_cache, partial
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

from orchestra_nb.running.imports import Reach

MISSING: Any = object()
"""Stands for what is not there."""

_INSTALLED = ("site-packages", "dist-packages")
_PUBLIC = {
    **{"posix": "os", "nt": "os", "posixpath": "os.path", "ntpath": "os.path", "genericpath": "os.path"},
    **{"_thread": "threading", "_socket": "socket", "_sqlite3": "sqlite3", "_io": "io", "_operator": "operator"},
}
"""What users call the modules that some functions of the standard library say they are from."""
_SINGLE = (("os", "environ"), ("os", "environb"), ("sys", "stdin"), ("sys", "argv"))
_ANY = ".?"


def mro(cls: type) -> tuple[type, ...]:
    """Give a class and its bases, in their order."""
    found: tuple[type, ...] = type.__getattribute__(cls, "__mro__")
    return found


def members(cls: type) -> Mapping[str, Any]:
    """Give what the body of a class defines."""
    found: Mapping[str, Any] = type.__getattribute__(cls, "__dict__")
    return found


def variables(thing: Any) -> dict[str, Any]:
    """Give the attributes that an object has of its own, also those in slots.

    Examples
    --------
    >>> import json
    >>> variables(json)["__name__"], variables(1)
    ('json', {})
    """
    found: dict[str, Any] = {}
    for cls in reversed(mro(type(thing))):
        for name, member in members(cls).items():
            if type(member) is MemberDescriptorType or (name == "__dict__" and type(member) is GetSetDescriptorType):
                try:
                    value = member.__get__(thing)
                except AttributeError:  # an empty slot
                    continue
                if name != "__dict__":
                    found[name] = value
                elif type(value) is dict:
                    found.update(value)
    return found


def attribute(thing: Any, name: str) -> Any:
    """Give the attribute that an object or its class has, as it is stored; :data:`MISSING` where there is none.

    Examples
    --------
    >>> import os
    >>> attribute(os, "sep") == os.sep, attribute(int, "real") is MISSING, attribute([], "nothing") is MISSING
    (True, False, True)
    """
    kind = type(thing)
    if issubclass(kind, type):
        return member(thing, name)
    own = variables(thing)
    if name in own:
        return own[name]
    if issubclass(kind, ModuleType):
        return sys.modules.get(f"{own.get('__name__')}.{name}", MISSING)
    return member(kind, name)


def member(cls: type, name: str) -> Any:
    """Give what a class or one of its bases defines."""
    for each in mro(cls):
        if name in members(each):
            return unwrapped(members(each)[name])
    return MISSING


def unwrapped(found: Any) -> Any:
    """Give the function in a static method or a class method."""
    return found.__func__ if type(found) in (staticmethod, classmethod) else found


def defaults_of(fn: FunctionType) -> dict[str, Any]:
    """Give the defaults of a function's parameters.

    Examples
    --------
    >>> defaults_of(lambda a, b=1, *, c=2: 0)
    {'b': 1, 'c': 2}
    """
    names = fn.__code__.co_varnames[: fn.__code__.co_argcount]
    pairs = [*zip(reversed(names), reversed(fn.__defaults__ or ()), strict=False)]  # a wrapper may have more than names
    return dict(reversed(pairs)) | (fn.__kwdefaults__ or {})


def builtin(name: str) -> Any:
    """Give what is there everywhere."""
    return vars(builtins).get(name, MISSING)


def is_own(thing: Any) -> bool:
    """Whether a function, a class or an object is the user's, and not of an installed library."""
    kind = type(thing)
    if kind is FunctionType:
        return _is_own_module(thing.__globals__.get("__name__"))
    if kind is MethodType:
        return is_own(thing.__func__)
    if issubclass(kind, partial):
        return is_own(thing.func)
    return _is_own_module(type.__getattribute__(thing if issubclass(kind, type) else kind, "__module__"))


def _is_own_module(name: object) -> bool:
    if not isinstance(name, str) or name in ("", "__main__"):
        return True
    if _is_library(name.partition(".")[0]) or name.startswith("_cython_"):  # which has the types of compiled functions
        return False
    file = variables(sys.modules.get(name)).get("__file__")
    return not (isinstance(file, str) and any(folder in file for folder in _INSTALLED))


@lru_cache(maxsize=1024)
def _is_library(root: str) -> bool:
    try:
        return Reach().kind(root) != "own"
    except TypeError:  # it was edited since it was imported, which whoever makes a key complains of
        return False


def names_of(thing: Any) -> tuple[str, ...]:
    """Give the dotted names of a thing, as a user would write them; those of an object are its class's.

    A name that ends with ``.?`` stands for whatever somebody may ask of a module or an object.

    Examples
    --------
    >>> import os, random, time
    >>> names_of(time.time), names_of(os.listdir), names_of(random.random), names_of(random.Random)
    (('time.time',), ('os.listdir',), ('random.random',), ('random.Random',))
    >>> names_of(os.path), names_of(random.Random(1))
    (('os.path.?',), ('random.Random.?', 'random.Random'))
    """
    kind = type(thing)
    if issubclass(kind, ModuleType):
        name = variables(thing).get("__name__")
        return (f"{public_name(name)}{_ANY}",) if isinstance(name, str) else ()
    if issubclass(kind, type):
        return _named(thing, type.__getattribute__(thing, "__module__"), type.__getattribute__(thing, "__qualname__"))
    if _is_function(kind):
        return _named(thing, thing.__module__, thing.__qualname__)
    if kind in (MethodType, BuiltinFunctionType):
        return _names_of_bound(thing.__self__, thing)
    for module, name in _SINGLE:
        if variables(sys.modules.get(module)).get(name) is thing:
            return (f"{module}.{name}",)
    return tuple([f"{name}{ending}" for name in names_of(kind) for ending in (_ANY, "")])


def _is_function(kind: type) -> bool:
    return kind is FunctionType or type.__getattribute__(kind, "__name__").endswith("cython_function_or_method")


def public_name(module: str) -> str:
    """Give the name of a module that users write.

    Examples
    --------
    >>> public_name("posixpath"), public_name("json")
    ('os.path', 'json')
    """
    return _PUBLIC.get(module, module)


def stem(name: str) -> str:
    """Take the question mark from a name."""
    return name.removesuffix(_ANY)


def _names_of_bound(owner: Any, method: Any) -> tuple[str, ...]:
    """Name the function of a module, or the method of an object, which a module may have under its own name."""
    kind, function = type(owner), method.__func__ if type(method) is MethodType else method
    if not _is_function(type(function)) and type(function) is not BuiltinFunctionType:
        return ()
    name = function.__name__
    if owner is None or issubclass(kind, ModuleType):
        return _named(method, variables(owner).get("__name__"), name)
    cls = owner if issubclass(kind, type) else kind
    shown = _shown(method, type.__getattribute__(cls, "__module__"), name)
    return (shown,) if shown else tuple([f"{each}.{name}" for each in names_of(cls)])


def _named(thing: Any, module: object, name: object) -> tuple[str, ...]:
    if not isinstance(module, str) or not isinstance(name, str):
        return ()
    return (_shown(thing, module, name) or f"{public_name(module)}.{name}",)


def _shown(thing: Any, module: object, name: str) -> str:
    """Name a thing by the highest package of its module that has it; empty where none has."""
    words = public_name(module).split(".") if isinstance(module, str) else []
    first, _, rest = name.partition(".")
    for length in range(1, len(words) + 1):
        above = ".".join(words[:length])
        if not rest and variables(sys.modules.get(above)).get(first) is thing:
            return f"{above}.{name}"
    return ""
