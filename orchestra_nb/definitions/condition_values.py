"""What values mean in a condition: JavaScript's rules where they are sane, on data like JSON's.

Numbers are doubles, from the first: one rule for literals, data and results, and ``1 === 1.0``. Whatever JavaScript
would convert on the quiet is instead unequal, not ordered, or NaN, so that ``'10' > 9`` and ``null >= 0`` are false;
``==`` differs from ``===`` in one point only, ``null == undefined``, because people write it to ask "is it there?" and
every other coercion of ``==`` surprises. Lists and mappings are equal to themselves only. A text counts and orders by
characters, not by halves of surrogate pairs.

Policy: no code of a value ever runs. Not its ``__eq__``, ``__hash__``, ``__bool__`` or ``__len__``, and not those of
its keys or of its metaclass. Therefore types are told apart by identity alone (``==`` and ``in`` on types would ask the
metaclass), a key is compared only after every key of the mapping is known to be an exact ``str`` (a dictionary asks
keys with the same hash), the mapping behind a read-only view is found without the view's help, and a dataclass is read
from where its instances store their fields. Everything else is opaque: it is true, equals itself and has no members.

Rejected: ``Mapping`` and ``Sequence`` as an interface (they are somebody's code); copying the data to something safe
first (conditions read three values of a context that may hold millions); exceptions for missing members (an optional
input that is absent should make a comparison false).
"""

from __future__ import annotations

import gc
import math
import sys
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from enum import Enum
from itertools import repeat
from operator import ge, gt, is_, le, lt
from types import GetSetDescriptorType, MappingProxyType, MemberDescriptorType, ModuleType
from typing import Any, Final

EXACT = 2**53
"""Whole numbers up to here are doubles without loss; as keys they are their digits."""

UNDERSCORES = "_\uff3f\ufe33\ufe34\ufe4d\ufe4e\ufe4f"
"""The underscore and the signs that Unicode's compatibility forms turn into it; no key begins with one."""

_MOST_VIEWS = 8
_NUMPY = (
    *("bool_", "str_", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "longlong"),
    *("uint8", "uint16", "uint32", "uint64", "ulonglong"),
)
_MRO: Final = type.__dict__["__mro__"]
_NAMESPACE: Final = type.__dict__["__dict__"]
_ORDER: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


class Undefined(Enum):
    """JavaScript's ``undefined``: the value of what is not there."""

    UNDEFINED = "undefined"


UNDEFINED: Final = Undefined.UNDEFINED


def admit(value: Any) -> Any:
    """Bring a value from outside into the language: numbers become doubles, numpy's scalars plain ones.

    Examples
    --------
    >>> admit(3), admit(True), admit(10**400), admit("x")
    (3.0, True, inf, 'x')
    """
    kind = type(value)
    if kind is str or kind is float or kind is bool or kind is dict or kind is list or value is None:
        return value
    if kind is int:
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    module = sys.modules.get("numpy")
    if type(module) is ModuleType:
        known = module.__dict__
        if any(kind is known.get(name) for name in _NUMPY):
            return admit(value.item())
    return value


def truth(value: Any) -> bool:
    """Whether a value counts as true: an empty list does, as in JavaScript, and an empty text does not.

    Examples
    --------
    >>> [truth(value) for value in ([], {}, "0", 0.0, math.nan, "", None, UNDEFINED)]
    [True, True, True, False, False, False, False, False]
    """
    kind = type(value)
    if kind is bool:
        return bool(value)
    if kind is float:
        return bool(value) and not math.isnan(value)
    if kind is str:
        return bool(value)
    return value is not None and value is not UNDEFINED


def strictly_equal(left: Any, right: Any) -> bool:
    """``===``: the same kind and the same value; lists, mappings and objects only when they are one and the same.

    Examples
    --------
    >>> strictly_equal(1.0, 1.0), strictly_equal(1.0, True), strictly_equal(math.nan, math.nan), strictly_equal([], [])
    (True, False, False, False)
    """
    kind = type(left)
    if kind is type(right) and (kind is str or kind is float):
        return bool(left == right)
    return left is right


def same(left: Any, right: Any) -> bool:
    """What ``includes`` looks for: as ``===``, but NaN is found.

    Examples
    --------
    >>> same(math.nan, math.nan), same(1.0, True)
    (True, False)
    """
    if type(left) is float and type(right) is float and math.isnan(left):
        return math.isnan(right)
    return strictly_equal(left, right)


def loosely_equal(left: Any, right: Any) -> bool:
    """``==``: as ``===``, but ``null`` and ``undefined`` are equal.

    Examples
    --------
    >>> loosely_equal(None, UNDEFINED), loosely_equal(1.0, "1"), loosely_equal(0.0, None)
    (True, False, False)
    """
    if left is None or left is UNDEFINED:
        return right is None or right is UNDEFINED
    return strictly_equal(left, right)


def ordered(sign: str, left: Any, right: Any) -> bool:
    """``<``, ``<=``, ``>`` and ``>=``: between two numbers or two texts; false for anything else.

    Examples
    --------
    >>> ordered("<", 1.0, 2.0), ordered("<", "a", "b"), ordered("<", "1", 2.0), ordered(">=", None, 0.0)
    (True, True, False, False)
    """
    kind = type(left)
    return kind is type(right) and (kind is float or kind is str) and _ORDER[sign](left, right)


def arithmetic(sign: str, left: Any, right: Any) -> float:
    """``+ - * / %`` on doubles: never an error, NaN for anything but two numbers.

    Examples
    --------
    >>> arithmetic("/", 1.0, 0.0), arithmetic("/", 0.0, 0.0), arithmetic("%", -7.0, 2.0), arithmetic("-", 1.0, True)
    (inf, nan, -1.0, nan)
    """
    if type(left) is not float or type(right) is not float:
        return math.nan
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    if sign == "*":
        return left * right
    if sign == "%":
        return math.nan if math.isinf(left) or not right else math.fmod(left, right)
    if right:
        return left / right
    return math.nan if not left or math.isnan(left) else math.copysign(math.inf, left) * math.copysign(1.0, right)


def element(values: Any, index: float) -> Any:
    """One element of a list, a tuple or a text, counted from 0; undefined where there is none.

    Examples
    --------
    >>> element(["a", 2], 1.0), element("abc", 0.0), element([1], -1.0), element([1], 0.5)
    (2.0, 'a', <Undefined.UNDEFINED: 'undefined'>, <Undefined.UNDEFINED: 'undefined'>)
    """
    if not index.is_integer() or not 0 <= index < len(values):
        return UNDEFINED
    try:
        return admit(values[int(index)])
    except IndexError:  # it was shortened by another thread meanwhile
        return UNDEFINED


def mapping_of(value: Any) -> dict[Any, Any] | None:
    """Find the dictionary that holds a mapping's members: the value itself or what a read-only view shows.

    Returns
    -------
    dict or None
        ``None`` for anything else, which includes subclasses, because they bring code of their own.

    Examples
    --------
    >>> mapping_of(MappingProxyType({"a": 1}))
    {'a': 1}
    >>> class Mine(dict): ...
    >>> print(mapping_of(Mine(a=1)))
    None
    """
    for _ in range(_MOST_VIEWS):
        kind = type(value)
        if kind is dict or kind is OrderedDict or kind is defaultdict:
            found: dict[Any, Any] = value
            return found
        if kind is not MappingProxyType:
            break
        (value,) = gc.get_referents(value)
    return None


def all_text(mapping: dict[Any, Any]) -> bool:
    """Whether every key is an exact ``str``, so that looking one up compares with nothing else.

    Examples
    --------
    >>> all_text({"a": 1}), all_text({"a": 1, 2: 3})
    (True, False)
    """
    return all(map(is_, map(type, dict.keys(mapping)), repeat(str)))


def find(mapping: dict[Any, Any], name: str) -> Any:
    """Look up a member by its exact text; a whole number as key counts as its digits, as JSON would write it.

    Examples
    --------
    >>> find({"a": 1, 2020: "b"}, "a"), find({"a": 1, 2020: "b"}, "2020"), find({None: 1}, "None")
    (1, 'b', <Undefined.UNDEFINED: 'undefined'>)
    """
    if all_text(mapping):
        return dict.get(mapping, name, UNDEFINED)
    for key, value in tuple(dict.items(mapping)):
        if type(key) is str:
            if key == name:
                return value
        elif type(key) is int and -EXACT <= key <= EXACT and str(key) == name:
            return value
    return UNDEFINED


def field_of(value: Any, name: str) -> Any:
    """Read a dataclass instance's field from its slot or its ``__dict__``; anything else has no members.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Risk:
    ...     score: int
    ...     @property
    ...     def twice(self): return 2 * self.score
    >>> field_of(Risk(7), "score"), field_of(Risk(7), "twice"), field_of(object(), "score")
    (7, <Undefined.UNDEFINED: 'undefined'>, <Undefined.UNDEFINED: 'undefined'>)
    """
    cls = type(value)
    fields = _entry(cls, "__dataclass_fields__")
    if type(fields) is not dict or find(fields, name) is UNDEFINED:
        return UNDEFINED
    slot = _entry(cls, name)
    own = _entry(cls, "__dict__")
    try:
        if type(slot) is MemberDescriptorType:
            return slot.__get__(value)
        if type(own) is GetSetDescriptorType and own.__name__ == "__dict__":
            storage = mapping_of(own.__get__(value))
            return UNDEFINED if storage is None else find(storage, name)
    except (AttributeError, TypeError):  # a slot without a value, or a descriptor that belongs to another class
        pass
    return UNDEFINED


def _entry(cls: type, name: str) -> Any:
    """What a class or its bases hold under a name: the raw entry, with neither descriptors nor metaclass asked."""
    for base in _MRO.__get__(cls):
        space = mapping_of(_NAMESPACE.__get__(base))
        found = UNDEFINED if space is None else find(space, name)
        if found is not UNDEFINED:
            return found
    return UNDEFINED
