"""What the code of functions and classes sees and could find changed: closures, globals, attributes of classes.

The digest of a function has its byte code and constants; what it merely sees counts there by its type
(:mod:`orchestra_nb.graph.content`), because a graph is the same graph whatever a table holds. A result is not: it
follows from what stood in the table when the function ran. So for every function and class of the user's that is among
some things, or is reached from them, what it sees counts by content, each under the name that the user knows.

What is a function, a class or a module is followed and not digested: its own code counts already. Locks, loggers and
tasks are left out; nothing that is computed follows from them. So are the members of enumerations, which are constants,
and what classes keep of themselves.

Failure: ``TypeError`` that names what has no digest. Not seen: attributes that somebody sets on a module of the user's
while the program runs; a module counts by its files. Beyond some thousands of things the walk ends
(:mod:`.named_things`), and what comes after that is not seen either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from hashlib import blake2b
from types import FunctionType
from typing import Any

from orchestra_nb.graph.content import named_globals
from orchestra_nb.running.flattening import is_plain
from orchestra_nb.running.imports import Reach
from orchestra_nb.running.named_things import CODE, NamedThings

_LEFT_OUT = frozenset({"logging", "asyncio", "threading", "_thread", "concurrent", "multiprocessing", "weakref"})
_BOOKKEEPING = frozenset({"_abc_impl", "_is_protocol", "_is_runtime_protocol"})


class SeenValues(NamedThings):
    """Walks through things, and takes note of what code sees.

    Examples
    --------
    >>> import json
    >>> walk = SeenValues()
    >>> walk.read([json.dumps, [1, {"a": len}]])
    >>> walk.digests(repr)  # which is code of libraries, and no code
    {}
    """

    def __init__(self) -> None:
        super().__init__(Reach())
        self._values: list[tuple[str, Any]] = []

    def digests(self, digest: Callable[[Any], str]) -> Mapping[str, str]:
        """Digest what was seen.

        Parameters
        ----------
        digest
            Makes a digest of any value; raises ``TypeError`` for one that has none.

        Returns
        -------
        Mapping
            A digest for each name, such as ``"what mean sees (weights)"``, or ``"what mean sees (weights in model)"``
            where a module of the user's, and not the program itself, has the code: another process has its own.

        Raises
        ------
        TypeError
            Something that is seen has no digest.
        """
        found: dict[str, list[str]] = defaultdict(list)
        for name, value in self._values:
            try:
                found[name].append(digest(value))
            except TypeError as error:
                raise TypeError(f"{name} cannot be told from others: {error}") from error
        return {name: blake2b("\0".join(sorted(d)).encode(), digest_size=16).hexdigest() for name, d in found.items()}

    def _function(self, fn: FunctionType) -> None:
        names = fn.__globals__
        if not self._is_library(names.get("__name__")):
            self._note(fn, _closure(fn))
            self._note(fn, [(name, names[name]) for name in named_globals(fn.__code__) if name in names])
            self._note(fn, fn.__dict__.items())
        super()._function(fn)

    def _class(self, cls: type) -> None:
        if not self._is_library(type.__getattribute__(cls, "__module__")) and not issubclass(cls, Enum):
            body = type.__getattribute__(cls, "__dict__").items()
            self._note(cls, [(name, item) for name, item in body if not _is_of_a_class(name, item)])
        super()._class(cls)

    def _note(self, owner: FunctionType | type, items: Iterable[tuple[str, Any]]) -> None:
        asked = type if issubclass(type(owner), type) else object
        word, module = (asked.__getattribute__(owner, name) for name in ("__qualname__", "__module__"))
        place = "" if module == "__main__" else f" in {module}"
        self._values += [(f"what {word} sees ({name}{place})", value) for name, value in items if _counts(value)]


def _closure(fn: FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # its function is being made
            continue


def _counts(value: Any) -> bool:
    """Whether a value is more than a constant, which the code has, and no code, which is followed."""
    kind = type(value)
    module = type.__getattribute__(kind, "__module__")
    root = module.partition(".")[0] if isinstance(module, str) else ""
    return not is_plain(value) and not issubclass(kind, CODE) and root not in _LEFT_OUT


def _is_of_a_class(name: str, item: Any) -> bool:
    """Whether an attribute is of a class's own making: a method, a property or another descriptor, its bookkeeping."""
    kind = type(item)
    if name in _BOOKKEEPING or (name[:2] == "__" and name[-2:] == "__"):
        return True
    return issubclass(kind, CODE) or any("__get__" in type.__getattribute__(base, "__dict__") for base in kind.__mro__)
