"""A digest of any Python value by its content: equal content, equal digest, in every process.

Used to compare two runs of a notebook. A value is walked structurally; sharing and cycles are written down as the
number of the object that was met before, so ``[a, a]`` and ``[a, copy(a)]`` differ for mutable ``a`` (a program can
tell them apart) and a cycle ends. Functions count by their code, constants, defaults and closures; classes by their
name and members; modules by name. Objects of other types go through ``__reduce_ex__``, the way pickle sees them;
numpy arrays by dtype, shape and bytes; pandas objects by their parts. What offers nothing of the kind (a lock, a
socket, a generator) counts by its type, and is reported as opaque: two such values are taken to be equal, and the
comparison says so.

Rejected: ``pickle`` bytes (memoisation makes them depend on which equal strings happen to be one object) and
``joblib.hash`` (frozensets of strings differ between processes).
"""

from __future__ import annotations

import copyreg
import dis
import hashlib
import struct
import sys
import types
from collections.abc import Callable
from typing import Any

from orchestra_nb.context.parts import settled

_MOST_OBJECTS = 2_000_000
OPAQUE = "opaque:"
"""Prefix of the digest of a value that holds something which cannot be looked into."""


def fingerprint(value: object) -> str:
    """Digest a value by content.

    Returns
    -------
    str
        Hexadecimal; with the prefix ``"opaque:"`` where some part could only be taken by its type.

    Examples
    --------
    >>> fingerprint({"a": 1, "b": [2.0]}) == fingerprint({"b": [2.0], "a": 1})
    False
    >>> fingerprint({1, 2, 3}) == fingerprint({3, 2, 1})
    True
    >>> fingerprint(1) == fingerprint(True)
    False
    >>> import threading
    >>> fingerprint(threading.Lock()).startswith("opaque:")
    True
    """
    walk = _Walk()
    try:
        walk.visit(value)
    except RecursionError:
        walk.opaque = True
        walk.token("deep", type(value).__qualname__)
    digest = walk.hash.hexdigest()
    return OPAQUE + digest if walk.opaque else digest


class _Walk:
    def __init__(self) -> None:
        self.hash = hashlib.blake2b(digest_size=16)
        self.seen: dict[int, int] = {}
        self.alive: list[object] = []
        """Temporaries whose ids are in ``seen`` must live as long as the walk."""
        self.opaque = False

    def token(self, kind: str, text: str | bytes = b"") -> None:
        raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        self.hash.update(struct.pack("<I", len(kind)) + kind.encode() + struct.pack("<Q", len(raw)))
        self.hash.update(raw)

    def visit(self, value: object) -> None:
        atom = _ATOMS.get(type(value))
        if atom is not None:
            self.token(type(value).__name__, atom(value))
            return
        known = self.seen.get(id(value))
        if known is not None:
            self.token("again", str(known))
            return
        if len(self.seen) > _MOST_OBJECTS:
            self.opaque = True
            self.token("large", type(value).__qualname__)
            return
        self.seen[id(value)] = len(self.seen)
        self.alive.append(value)
        self._visit_new(value)

    def _visit_new(self, value: object) -> None:
        match value:
            case list() | tuple() if type(value) in (list, tuple):
                self._sequence(type(value).__name__, value)
            case dict() if type(value) is dict:
                self.token("dict", str(len(value)))
                for key, item in value.items():
                    self.visit(key)
                    self.visit(item)
            case set() | frozenset() if type(value) in (set, frozenset):
                self.token(type(value).__name__, "".join(sorted(fingerprint(item) for item in value)))
            case bytearray() | memoryview():
                self.token(type(value).__name__, bytes(value))
            case types.ModuleType():
                self.token("module", value.__name__)
            case types.FunctionType():
                self._function(value)
            case types.MethodType():
                self.token("method", value.__func__.__qualname__)
                self.visit(value.__self__)
            case type():
                self._class(value)
            case property():
                for part in (value.fget, value.fset, value.fdel):
                    self.visit(part)
            case staticmethod() | classmethod():
                self.visit(value.__func__)
            case types.BuiltinFunctionType():
                self.token("builtin", f"{value.__module__}.{value.__qualname__}")
            case _:
                self._object(value)

    def _sequence(self, kind: str, items: Any) -> None:
        self.token(kind, str(len(items)))
        for item in items:
            self.visit(item)

    def _function(self, value: types.FunctionType) -> None:
        self.token("function", value.__qualname__)
        if not _is_local(value.__module__):
            return
        self._code(value.__code__)
        self.visit(value.__defaults__)
        self.visit(value.__kwdefaults__)
        for cell in value.__closure__ or ():
            try:
                self.visit(cell.cell_contents)
            except ValueError:
                self.token("empty")

    def _code(self, code: types.CodeType) -> None:
        """Instructions without line numbers or file names: where a function stands is not what it does."""
        for step in dis.get_instructions(code):
            text = "" if isinstance(step.argval, types.CodeType) else step.argrepr
            self.token(step.opname, _without_address(text))
            if isinstance(step.argval, types.CodeType):
                self._code(step.argval)

    def _class(self, value: type) -> None:
        self.token("class", f"{value.__module__}.{value.__qualname__}")
        if not _is_local(value.__module__):
            return
        self._sequence("bases", value.__bases__)
        for name, member in sorted(vars(value).items()):
            if name not in _CLASS_NOISE:
                self.token("member", name)
                self.visit(member)

    def _object(self, value: object) -> None:
        special = _special(value)
        if special is not _stand_in:
            self.token("object", f"{type(value).__module__}.{type(value).__qualname__}")
        if special is not None:
            special(self, value)
            return
        if _is_local(type(value).__module__):
            self.visit(type(value))
        try:
            reduced = self._reduce(value)
        except Exception:  # whatever a foreign __reduce__ raises: the value cannot be looked into
            self.opaque = True
            return
        if isinstance(reduced, str):
            self.token("global", reduced)
            return
        self.alive.append(reduced)
        state, attached = settled(value, reduced[2] if len(reduced) > 2 else None)
        for part in (*reduced[:2], state, *attached):
            self.visit(part)
        for items in reduced[3:5]:
            for item in items or ():
                self.visit(item)

    @staticmethod
    def _reduce(value: object) -> Any:
        if isinstance(value, BaseException):  # libraries teach pickle to take along where it was raised: dask does
            return value.__reduce_ex__(4)
        reducer = copyreg.dispatch_table.get(type(value))
        return reducer(value) if reducer is not None else value.__reduce_ex__(4)


_ATOMS: dict[type, Callable[[Any], str | bytes]] = {
    int: str,
    bool: str,
    float: lambda v: struct.pack("<d", v) if v == v else "nan",
    complex: repr,
    str: lambda v: v,
    bytes: lambda v: v,
    type(None): str,
    type(Ellipsis): str,
    type(NotImplemented): str,
    range: repr,
    slice: repr,
}
_CLASS_NOISE = frozenset(
    (
        *("__dict__", "__weakref__", "__module__", "__doc__", "__annotations__", "__abstractmethods__", "_abc_impl"),
        *("__static_attributes__", "__firstlineno__", "__slotnames__", "__annotate__", "__annotate_func__"),
    )
)


def _is_local(module: str | None) -> bool:
    """Whether code belongs to the notebook, so that its text may differ between two runs."""
    return module in (None, "__main__", "builtins.__main__") or module == ""


def _without_address(text: str) -> str:
    return text.partition(" at 0x")[0]


def _special(value: object) -> Callable[[_Walk, Any], None] | None:
    """Readers for types whose pickle form is not their content; found by name so that nothing is imported."""
    for cls in type(value).__mro__:
        found = _SPECIAL.get(f"{cls.__module__}.{cls.__qualname__}")
        if found is not None:
            return found
    return None


def _array(walk: _Walk, value: Any) -> None:
    walk.token("array", f"{value.dtype.str}{value.shape}")
    value = sys.modules["numpy"].asarray(value)  # a subclass may redefine what is needed below
    if value.dtype.hasobject:
        walk._sequence("elements", value.ravel().tolist())
    else:
        data = value if value.flags.c_contiguous else value.copy(order="C")
        walk.hash.update(memoryview(data.reshape(-1).view("u1")) if data.size else b"")
        if value.dtype.names:
            walk.token("names", repr(value.dtype))


def _masked(walk: _Walk, value: Any) -> None:
    walk.token("masked", "")
    walk.visit(value.filled())
    walk.visit(sys.modules["numpy"].ma.getmaskarray(value))
    walk.visit(value.fill_value)


def _series(walk: _Walk, value: Any) -> None:
    walk.token("series", str(value.dtype))
    walk.visit(value.name)
    walk.visit(value.index)
    walk.visit(_values(value))


def _index(walk: _Walk, value: Any) -> None:
    walk.token("index", str(value.dtype))
    walk.visit(list(value.names))
    walk.visit(_values(value))


def _frame(walk: _Walk, value: Any) -> None:
    walk.visit(value.columns)
    walk.visit(value.index)
    for position in range(value.shape[1]):
        column = value.iloc[:, position]
        walk.token("column", str(column.dtype))
        walk.visit(_values(column))


def _values(value: Any) -> Any:
    array = value.to_numpy()
    return array.tolist() if array.dtype.hasobject else array


def _opaque(walk: _Walk, value: Any) -> None:
    walk.opaque = True


def _stand_in(walk: _Walk, value: Any) -> None:
    walk.visit(value._real)


def _partial(walk: _Walk, value: Any) -> None:
    walk._sequence("partial", (value.func, value.args, value.keywords))


def _cached(walk: _Walk, value: Any) -> None:
    walk.visit(value.__wrapped__)


def _neighbours(walk: _Walk, value: Any) -> None:
    """A tree of scikit-learn's neighbours: what it holds, without what it counts of its own queries."""
    state = value.__getstate__()
    walk._sequence(type(value).__qualname__, (*state[:7], *state[11:]))


_SPECIAL: dict[str, Callable[[_Walk, Any], None]] = {
    "numpy.ndarray": _array,
    "numpy.ma.MaskedArray": _masked,
    "numpy.ma.core.MaskedArray": _masked,
    "pandas.Series": _series,
    "pandas.core.series.Series": _series,
    "pandas.DataFrame": _frame,
    "pandas.core.frame.DataFrame": _frame,
    "pandas.Index": _index,
    "pandas.core.indexes.base.Index": _index,
    "matplotlib.artist.Artist": _opaque,
    "asyncio.events.AbstractEventLoop": _opaque,
    "ipykernel.iostream.OutStream": _opaque,
    "orchestra_nb.notebook.routing.StreamRouter": _stand_in,
    "sklearn.neighbors._kd_tree.BinaryTree32": _neighbours,
    "sklearn.neighbors._kd_tree.BinaryTree64": _neighbours,
    "sklearn.neighbors._ball_tree.BinaryTree32": _neighbours,
    "sklearn.neighbors._ball_tree.BinaryTree64": _neighbours,
    "functools.partial": _partial,
    "functools._lru_cache_wrapper": _cached,
}
