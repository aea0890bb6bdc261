"""Copies of values, so that nobody who changes what he was given changes what is cached.

Policy: what cannot change is shared (numbers, texts, tuples and frozen records of such). Everything else is copied once
on its way in and once for each way out. :func:`snapshot` decides how when a value comes in, because that is rare, and
says it with the copy:

* a list, dictionary or set of what cannot change: its own ``copy`` method;
* an array: ``copy`` in the same layout; an array or frame whose cells hold objects that can change: through pickle,
  since their own copies share such cells;
* any other container: one pass that shares what cannot change and keeps shared parts and circles, as ``copy.deepcopy``
  does, but without a call for each number;
* anything else: ``copy.deepcopy``, else there and back through pickle. A class whose ``__deepcopy__`` returns the
  object itself has said that it need not be copied.

Failure: what cannot be copied (a generator, a lock, an open file) raises, and is then not cached. The pickle here is
written and read on the spot, in memory; nothing that comes from elsewhere is ever read by this module.

numpy and pandas are looked up among the modules that are loaded: a value of theirs cannot be here without them.
"""

from __future__ import annotations

import copy
import pickle
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType
from typing import Any, Generic
from uuid import UUID

Copier = Callable[[Any], Any]
Memo = dict[int, Any]

_ATOMS: frozenset[type] = frozenset(
    {
        *(type(None), bool, int, float, complex, str, bytes, range, slice, type(...), type(NotImplemented)),
        *(date, datetime, time, timedelta, Decimal, Fraction, UUID, type, FunctionType, BuiltinFunctionType),
    }
)


def snapshot(value: Any) -> tuple[Any, Copier | None]:
    """Copy a value for keeping, and say how to make the copies that are given away; ``None``: it may be shared.

    Raises
    ------
    Exception
        Whatever the value's own class raises because it cannot be copied.

    Examples
    --------
    >>> kept, copier = snapshot({"a": [1, 2]})
    >>> copier(kept) == kept, copier(kept)["a"] is kept["a"]
    (True, False)
    >>> snapshot(("a", 1))
    (('a', 1), None)
    """
    if is_immutable(value):
        return value, None
    copier = copier_of(value)
    kept = copier(value)
    return (value, None) if kept is value else (kept, copier)


def is_immutable(value: Any) -> bool:
    """Whether neither the value nor anything that it holds can change.

    Examples
    --------
    >>> is_immutable((1, frozenset({"a"}))), is_immutable((1, []))
    (True, False)
    """
    kind = type(value)
    if kind in _ATOMS:
        return True
    if kind is tuple or kind is frozenset or _is_named_tuple(kind):
        return all(map(is_immutable, tuple.__iter__(value) if kind is not frozenset else value))
    if isinstance(value, Enum | PurePath | type):
        return True
    if _is_frozen_record(kind):
        names = {field.name for field in fields(value)}
        if not names.issuperset(getattr(value, "__dict__", ())):
            return False
        return all(hasattr(value, name) and is_immutable(getattr(value, name)) for name in names)
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.generic) and not isinstance(value, numpy.void)


def copier_of(value: Any) -> Copier:
    """Choose how a value that can change is copied."""
    kind = type(value)
    if kind in _FLAT and all(map(is_immutable, _items(value))):
        return _FLAT[kind]
    if _is_array(value):
        return _pickled if value.dtype.hasobject else _array_copy
    if _is_frame(value):
        return _pickled if _has_loose_cells(value) else _frame_copy
    return deep_copy


def deep_copy(value: Any) -> Any:
    """Copy a value and all that it holds and that can change."""
    return _copied(value, {})


def _copied(value: Any, memo: Memo) -> Any:
    kind = type(value)
    if kind in _ATOMS:
        return value
    found = memo.get(id(value), memo)
    if found is not memo:
        return found
    maker = _MAKERS.get(kind)
    if maker is not None:
        return maker(value, memo)
    if is_immutable(value):
        return value
    copier = copier_of(value)
    made = _by_its_class(value, memo) if copier is deep_copy else copier(value)
    return _remember(value, made, memo)


def _remember(value: Any, made: Any, memo: Memo) -> Any:
    """Keep the original alive as long as the memo: its id must not be another's meanwhile."""
    memo[id(value)] = made
    memo.setdefault(id(memo), []).append(value)
    return made


def _by_its_class(value: Any, memo: Memo) -> Any:
    try:
        return copy.deepcopy(value, memo)
    except Exception:
        try:
            return _pickled(value)
        except Exception:
            pass
        raise


def _pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))


# Containers.


def _list(value: list[Any], memo: Memo) -> Any:
    made: list[Any] = _remember(value, [], memo)
    for item in value:
        made.append(_copied(item, memo))
    return made


def _deque(value: deque[Any], memo: Memo) -> Any:
    made: deque[Any] = _remember(value, deque(maxlen=value.maxlen), memo)
    for item in value:
        made.append(_copied(item, memo))
    return made


def _dict(value: dict[Any, Any], memo: Memo) -> Any:
    made: dict[Any, Any] = _remember(value, type(value)(), memo)
    return _filled(made, value, memo)


def _defaultdict(value: defaultdict[Any, Any], memo: Memo) -> Any:
    made: defaultdict[Any, Any] = _remember(value, defaultdict(value.default_factory), memo)
    return _filled(made, value, memo)


def _filled(made: dict[Any, Any], value: dict[Any, Any], memo: Memo) -> Any:
    for key, item in value.items():
        dict.__setitem__(made, _copied(key, memo), _copied(item, memo))
    return made


def _set(value: set[Any], memo: Memo) -> Any:
    made: set[Any] = _remember(value, set(), memo)
    for item in value:
        made.add(_copied(item, memo))
    return made


def _tuple(value: tuple[Any, ...], memo: Memo) -> Any:
    items = [_copied(item, memo) for item in value]
    found = memo.get(id(value), memo)  # it holds itself, through something that can change
    if found is not memo:
        return found
    if all(old is new for old, new in zip(value, items, strict=True)):
        return value
    return _remember(value, tuple(items), memo)


def _bytearray(value: bytearray, memo: Memo) -> Any:
    return _remember(value, bytearray(value), memo)


_MAKERS: dict[type, Callable[[Any, Memo], Any]] = {
    **{list: _list, deque: _deque, dict: _dict, defaultdict: _defaultdict, set: _set, tuple: _tuple},
    **{Counter: _dict, bytearray: _bytearray},
}
_FLAT: dict[type, Copier] = {
    **{list: list.copy, dict: dict.copy, set: set.copy, bytearray: bytearray.copy, deque: deque.copy},
    **{Counter: Counter.copy, defaultdict: defaultdict.copy, OrderedDict: OrderedDict.copy},
}


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, bytearray):
        return ()
    return (part for item in value.items() for part in item) if isinstance(value, dict) else value


def _is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields") and not getattr(kind, "__dictoffset__", 1)


def _is_frozen_record(kind: type) -> bool:
    return is_dataclass(kind) and all(base in (object, Generic) or _is_frozen(base) for base in kind.__mro__)


def _is_frozen(kind: type) -> bool:
    parameters = vars(kind).get("__dataclass_params__")
    return parameters is not None and bool(parameters.frozen)


# Arrays and frames.


def _is_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(value) is numpy.ndarray


def _is_frame(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame | pandas.Series)


def _array_copy(value: Any) -> Any:
    return value.copy(order="K")


def _frame_copy(value: Any) -> Any:
    return value.copy()


def _has_loose_cells(frame: Any) -> bool:
    """Whether a cell holds an object that can change: a frame's own copy would share it."""
    columns = [frame] if frame.ndim == 1 else [frame.iloc[:, place] for place in range(frame.shape[1])]
    return any(column.dtype == object and not all(map(is_immutable, column)) for column in columns)
