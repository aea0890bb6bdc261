"""What is in containers within containers, apart from what is plain: records by the million cost little.

All children of a level go into one list, and one pass over their classes says whether there is anything among them that
is not plain. Containers may be shared, and may contain themselves; at the first levels what is in two places is looked
into twice, which is quicker than to see that it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from types import CodeType
from typing import Any

_KINDS = (str, int, float, bool, complex, bytes, bytearray, range, CodeType, *map(type, (None, ..., NotImplemented)))
_LISTS = (list, tuple, set, frozenset)
_PLAIN, _SIMPLE = (frozenset(map(id, kinds)) for kinds in (_KINDS, (*_LISTS, dict)))
"""By identity: a class's class may say what it is equal to, or that it has no hash."""
_TWICE = range(1, 10)
_MOST = 1 << 23


def is_plain(thing: object) -> bool:
    """Whether a thing is a number, a text, or something else that leads nowhere.

    Examples
    --------
    >>> is_plain("a"), is_plain(["a"])
    (True, False)
    """
    return id(type(thing)) in _PLAIN


class Flattening:
    """Looks into containers."""

    def __init__(self) -> None:
        self._seen: dict[int, Any] = {}  # with the containers, so that nothing else gets their place in memory
        self._size = 0

    @property
    def is_too_much(self) -> bool:
        """Whether there was too much to look at all of it."""
        return self._size > _MOST

    def rest(self, things: Iterable[Any]) -> list[Any]:
        """Give what is neither plain nor a simple container, of things and of what they contain.

        Examples
        --------
        >>> Flattening().rest([1, [{"a": ({len}, "b")}]])
        [<built-in function len>]
        """
        found: list[Any] = []
        level, depth = [*things], 0
        while level and not self.is_too_much:
            self._size += len(level)
            kinds = _kinds(level)
            if kinds <= _PLAIN:
                break
            if not kinds <= _PLAIN | _SIMPLE:
                found += [thing for thing in level if id(type(thing)) not in _PLAIN and id(type(thing)) not in _SIMPLE]
            level = self._children(level, kinds, twice=depth in _TWICE)
            depth += 1
        return found

    def _children(self, level: list[Any], kinds: set[int], twice: bool) -> list[Any]:
        children: list[Any] = []
        for kind in (each for each in _LISTS if id(each) in kinds):
            lists = [thing for thing in level if type(thing) is kind]
            children += chain.from_iterable(lists if twice else self._new(lists))
        if id(dict) in kinds:
            dicts = [thing for thing in level if type(thing) is dict]
            dicts = dicts if twice else self._new(dicts)
            if not _kinds([*chain.from_iterable(dicts)]) <= _PLAIN:
                children += chain.from_iterable(dicts)
            children += chain.from_iterable(map(dict.values, dicts))
        return children

    def _new(self, containers: list[Any]) -> list[Any]:
        """Give those that were not looked into before, each once."""
        new = {id(thing): thing for thing in containers if id(thing) not in self._seen}
        self._seen.update(new)
        return [*new.values()]


def _kinds(things: list[Any]) -> set[int]:
    """Give the identities of the classes of things."""
    try:
        return {*map(id, {*map(type, things)})}
    except TypeError:  # of such a class's class
        return {*map(id, map(type, things))}
