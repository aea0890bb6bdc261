"""Contexts: values by name that never change, and children that see what their parents see.

Policy: a context is a mapping, so it goes wherever a mapping of values is taken. Values are shared by reference, with
its parents and its children, and never copied. What is new is a child, which may shadow what it inherits.

Lookups in deep chains: walking up the parents would cost as many steps as there are parents, and a dictionary of all
that is visible in each child would cost memory for each of them. So a context keeps *layers*, dictionaries of which the
newer ones shadow the older: its own values, and those of its parent. When a new layer is not much smaller than the next
one, the two become one, as the digits of a number carry (Bentley and Saxe, "Decomposable searching problems", 1980, and
the log-structured merge trees after them). Each layer is then at most half of the one below it: a lookup among *n*
visible names takes at most log2(n) + 1 steps, a chain of *n* children takes O(n log n) time and memory in all, and
layers that did not grow are shared. The order of names is that of their first appearance.

Equality and hash are by content: a digest of the names and the digests of their values, computed when it is first
asked for, once for each value of each context. Whoever changes a value inside, which nothing can prevent, has a context
whose digest is not true any more. Where a value has no digest, contexts have no hash, and are equal when they have the
very same objects.

Nothing here recurses over parents: also pickling and digests walk the chain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import islice
from reprlib import Repr
from types import MappingProxyType
from typing import Any, NoReturn

from orchestra_nb.context.content import content_digest
from orchestra_nb.errors import CacheError, nearest

_Layer = Mapping[str, Any]
_SHOWN = 6
_repr = Repr()
_repr.maxother = _repr.maxstring = 40


class Context(Mapping[str, Any]):
    """Immutable values by name, with a parent.

    Parameters
    ----------
    values
        The context's own values.
    parent
        What else is visible: a context, or any mapping, of which one is made.

    Raises
    ------
    CacheError
        A name is no text, or empty.

    Examples
    --------
    >>> base = Context({"path": "data.csv", "seed": 1})
    >>> child = base.child(seed=2)
    >>> child["path"], child["seed"], base["seed"]
    ('data.csv', 2, 1)
    >>> child
    Context(path='data.csv', seed=2)
    >>> child == Context({"seed": 2, "path": "data.csv"})
    True
    >>> child["seed"] = 3
    Traceback (most recent call last):
    orchestra_nb.errors.CacheError: a context never changes; make a child: context.child({'seed': ...})
    """

    __slots__ = ("__weakref__", "_digest", "_layers", "_length", "_own", "_parent", "_parts")

    _own: _Layer
    _parent: Context | None
    _layers: tuple[_Layer, ...]
    _length: int | None
    _digest: str | None
    _parts: Mapping[str, str] | None

    def __init__(self, values: Mapping[str, Any] | None = None, parent: Mapping[str, Any] | None = None) -> None:
        if hasattr(self, "_own"):  # a second call would change it
            raise CacheError("a context never changes; make a child: context.child({...})")
        own = _checked(values)
        above = parent if parent is None or isinstance(parent, Context) else Context(parent)
        layers = above._layers if above is not None else ()
        for name, value in {
            **{"_own": own, "_parent": above, "_layers": _merged(own, layers)},
            **{"_length": None, "_digest": None, "_parts": None},
        }.items():
            object.__setattr__(self, name, value)

    # A mapping.

    def __getitem__(self, key: str) -> Any:
        for layer in self._layers:
            if key in layer:
                return layer[key]
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return any(key in layer for layer in self._layers)

    def __iter__(self) -> Iterator[str]:
        return iter(self._flat())

    def __len__(self) -> int:
        if self._length is None:
            length = len(self._layers[0]) if len(self._layers) == 1 else len(self._flat())
            object.__setattr__(self, "_length", length)
            return length
        return self._length

    # A family.

    @property
    def parent(self) -> Context | None:
        """The context whose values are seen too.

        Examples
        --------
        >>> base = Context({"seed": 1})
        >>> base.child(seed=2).parent is base, base.parent
        (True, None)
        """
        return self._parent

    @property
    def own(self) -> Mapping[str, Any]:
        """The values that are not inherited, read-only.

        Examples
        --------
        >>> child = Context({"path": "data.csv", "seed": 1}).child(seed=2)
        >>> dict(child.own), dict(child)
        ({'seed': 2}, {'path': 'data.csv', 'seed': 2})
        """
        return MappingProxyType(self._own) if isinstance(self._own, dict) else self._own

    def child(self, values: Mapping[str, Any] | None = None, /, **named: Any) -> Context:
        """Make a context that sees all of this one, and has values of its own.

        Examples
        --------
        >>> base = Context({"path": "data.csv", "seed": 1})
        >>> base.child({"run id": 7}, seed=2)
        Context(path='data.csv', seed=2, 'run id'=7)
        >>> base["seed"]
        1
        """
        return Context({**_checked(values), **named}, self)

    # Content.

    @property
    def digest(self) -> str:
        """A text that is equal for equal content, in every process.

        Raises
        ------
        TypeError
            A value has none.

        Examples
        --------
        >>> base = Context({"path": "data.csv", "seed": 1})
        >>> base.digest == Context({"seed": 1}).child(path="data.csv").digest
        True
        >>> base.digest == base.child(seed=2).digest
        False
        """
        if self._digest is None:
            parts: dict[str, str] = {}
            for context in self._line():
                parts.update(context._own_parts())
            digest = blake2b(digest_size=16)
            for key in sorted(parts):
                digest.update(f"{len(key)}:{key}={parts[key]};".encode("utf-8", "surrogatepass"))
            object.__setattr__(self, "_digest", digest.hexdigest())
        assert self._digest is not None
        return self._digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Mapping):
            return NotImplemented
        try:
            theirs = other if isinstance(other, Context) else Context(other)
        except CacheError:  # it has names that no context has
            return False
        if len(self) != len(theirs):
            return False
        try:
            return self.digest == theirs.digest
        except TypeError:
            return all(key in theirs and theirs[key] is value for key, value in self.items())

    # What it says of itself.

    def __repr__(self) -> str:
        shown = [f"{_name(key)}={_repr.repr(self[key])}" for key in islice(self, _SHOWN)]
        left = len(self) - len(shown)
        return f"Context({', '.join([*shown, *([f'… {left:,} more'] if left else [])])})"

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, ([dict(context._own) for context in self._line()],)

    def __copy__(self) -> Context:
        return self

    def __deepcopy__(self, memo: object) -> Context:
        return self

    # It never changes.

    def __setitem__(self, key: object, value: object) -> NoReturn:
        raise CacheError(f"a context never changes; make a child: context.child({{{key!r}: ...}})")

    def __delitem__(self, key: object) -> NoReturn:
        raise CacheError(f"a context never changes; a child may shadow {key!r}: context.child({{{key!r}: None}})")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a context never changes; make a child: context.child({{{name!r}: ...}})")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a context never changes; make a child: context.child({...})")

    def __getattr__(self, name: str) -> NoReturn:
        if name in ("update", "pop", "popitem", "clear", "setdefault"):
            raise AttributeError(f"a context never changes and has no {name!r}; make a child: context.child({{...}})")
        if name in _NAMES or name.startswith("__"):
            raise AttributeError(name)
        hint = f"its values are items: context[{name!r}]" if name in self else nearest(name, dir(type(self)))
        raise AttributeError(f"a context has no attribute {name!r}; {hint}")

    def _flat(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for layer in reversed(self._layers):
            found.update(layer)
        return found

    def _line(self) -> list[Context]:
        """The oldest ancestor first, this one last."""
        line: list[Context] = []
        context: Context | None = self
        while context is not None:
            line.append(context)
            context = context._parent
        return line[::-1]

    def _own_parts(self) -> Mapping[str, str]:
        if self._parts is None:
            object.__setattr__(self, "_parts", {key: content_digest(value) for key, value in self._own.items()})
        assert self._parts is not None
        return self._parts


_NAMES = frozenset(Context.__slots__)


def _checked(values: Mapping[str, Any] | None) -> dict[str, Any]:
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise CacheError(f"a context is made of a mapping of names to values, not of a {type(values).__name__}")
    own = dict(values)
    for key in own:
        if not isinstance(key, str) or not key:
            raise CacheError(f"a context has names that are texts and not empty, and not {key!r}")
    return own


def _merged(own: _Layer, layers: tuple[_Layer, ...]) -> tuple[_Layer, ...]:
    """Put a layer on top, and melt it with those below that are less than twice as large."""
    if not own:
        return layers or ({},)
    top, deep = own, 0
    while deep < len(layers) and len(layers[deep]) < 2 * len(top):
        top = {**layers[deep], **top}
        deep += 1
    return (top, *layers[deep:])


def _rebuilt(owns: list[dict[str, Any]]) -> Context:
    context: Context | None = None
    for own in owns:
        context = Context(own, context)
    return context if context is not None else Context()


def _name(key: str) -> str:
    return key if key.isidentifier() else repr(key)
