"""Abstract values: which objects an expression may refer to, and what those objects may hold.

A :class:`Value` is the set of abstract objects that an expression may yield, plus its constant where that is known. An
object stands for everything that one place in the code made (its *allocation site*: the cell that was executing and
the calls that led there), so two cells that call one function get different objects. The empty set means "nothing
that can be changed": numbers, strings, and whatever else has no identity worth tracking.

Only instances and classes have fields; any other object has one bag of contents, and what is taken out of a container
may be anything that was put in. Objects that come from a library are regions: an element, a slice or an attribute of
one counts as the object itself, because it may share its memory.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import ast

    from orchestra_nb.cells.effects.scopes import Scope

Kind = Literal[
    "container",  # list, dict, set, tuple made by the code; .detail is the type's name
    "function",  # defined in the notebook
    "class",
    "instance",  # of a class defined in the notebook; .owner is the class
    "bound",  # a method bound to .owner
    "module",  # .detail is its dotted name
    "library",  # an attribute of a module, by dotted path
    "result",  # an object that a known library made; .detail is the dotted path of what made it
    "iterator",  # consumed by being looked at
    "handle",  # an open file; .detail is its path, or "*"
    "foreign",  # made by code that is not known
]


_MIXING: frozenset[Kind] = frozenset({"result", "foreign"})
_REGIONS: frozenset[Kind] = _MIXING | {"handle", "library"}

_UNION = 10
"""Numbers that are put into a set in the time that it takes to look at an object."""


class _Unknown:
    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()
"""The constant of a value that is not a known constant."""


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression may yield."""

    objects: frozenset[int] = frozenset()
    const: Any = UNKNOWN

    def __or__(self, other: Value) -> Value:
        if self is other:
            return self
        const = self.const if _same_constant(self.const, other.const) else UNKNOWN
        return Value(self.objects | other.objects, const)

    @property
    def plain(self) -> Value:
        """The same objects without the constant."""
        return self if self.const is UNKNOWN else Value(self.objects)


def _same_constant(one: Any, two: Any) -> bool:
    return type(one) is type(two) and bool(one == two)


NOTHING = Value()


def join(values: Iterable[Value]) -> Value:
    """What any of several expressions may yield; a single one keeps its constant."""
    several = list(values)
    if len(several) == 1:
        return several[0]
    return Value(frozenset(number for value in several for number in value.objects))


@dataclass(slots=True, eq=False)
class Body:
    """The code of a function with the scope it closes over."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    defaults: dict[str, Value]
    binding: Literal["plain", "static", "class", "property", "setter", "deleter"] = "plain"
    owner: int | None = None
    """The class in whose body it stands."""
    cached: bool = False
    """Behind ``lru_cache`` or ``cached_property``: what it prints or changes happens on the first call only."""


@dataclass(slots=True, eq=False)
class Object:
    """One abstract object; interned by its allocation site, so it only ever grows."""

    number: int
    kind: Kind
    detail: str
    cell: int
    contents: set[int] = field(default_factory=set)
    fields: dict[str, Value] = field(default_factory=dict)
    """Attributes; of a list, tuple or dict as it was written down, what stands at each constant index or key."""
    blurred: bool = False
    """Whether a container may have changed since it was written down, so that what stands where is not known."""
    body: Body | None = None
    owner: int | None = None
    latent: list[Any] = field(default_factory=list)
    """Calls that happen when a generator or coroutine is consumed."""
    sources: Value = NOTHING
    """What a library's iterator goes through, which may get to hold more until it does."""
    calls: set[int] = field(default_factory=set)
    """What an iterator calls when it is consumed (``map``), as opposed to what comes out of it; an Enum's members."""
    metaclass: Value = NOTHING
    opened: Literal["", "reading", "writing"] = ""
    """How a file was opened, where what it yields is text or bytes; empty for one that is mapped into memory."""
    members: set[str] = field(default_factory=set)
    """Names of members that it looks up in whatever it is called with: ``operator.methodcaller``, ``attrgetter``."""
    unseeded: bool = False
    """Draws from the global random state unless told otherwise (an estimator without ``random_state``)."""


class Heap:
    """All abstract objects. ``version`` grows with every change, which is how fixed points are noticed."""

    def __init__(self) -> None:
        self.objects: list[Object] = []
        self.version = 0
        self.visited = 0
        """Objects looked through so far, in :meth:`reachable` and :meth:`inside`."""
        self.apart: frozenset[int] = frozenset()
        """Objects that a call changes because they are its arguments: it does not put them into themselves."""
        self._inside: dict[frozenset[int], tuple[int, Value]] = {}
        self._by_site: dict[Hashable, Object] = {}
        self._reach: dict[frozenset[int], tuple[int, frozenset[int]]] = {}

    def __getitem__(self, number: int) -> Object:
        return self.objects[number]

    def make(self, site: Hashable, kind: Kind, detail: str, cell: int) -> Object:
        """The object of an allocation site, made on first use."""
        key = (site, kind, detail)
        known = self._by_site.get(key)
        if known is None:
            known = Object(len(self.objects), kind, detail, cell)
            self.objects.append(known)
            self._by_site[key] = known
            self.version += 1
        return known

    def hold(self, container: Object, value: Value) -> None:
        """Put what a value may be into a container."""
        extra = value.objects - container.contents - ({container.number} & self.apart)
        if extra:
            if container.kind == "container" and container.fields:
                placed = {number for held in container.fields.values() for number in held.objects}
                container.blurred = container.blurred or not extra <= placed
            container.contents |= extra
            self.version += 1

    def set_field(self, owner: Object, name: str, value: Value, *, weak: bool) -> None:
        """Bind an attribute; a weak update keeps what was there before as a possibility."""
        old = owner.fields.get(name)
        new = value if old is None or not weak else old | value
        if new != old:
            owner.fields[name] = new
            self.version += 1

    def place(self, container: Object, key: Any, value: Value) -> None:
        """Put what a literal has at an index or under a key."""
        self.set_field(container, repr(key), value.plain, weak=True)
        self.hold(container, value)

    def blur(self, container: Object) -> None:
        """A container changes in place: from here on, anything in it may stand anywhere."""
        if not container.blurred:
            container.blurred = True
            self.version += 1

    def placed(self, container: Object, key: Any) -> Value | None:
        """What stands at a constant index or key; ``None`` when that is not known."""
        if container.blurred or type(key) not in (int, str):
            return None
        if container.detail != "dict" and isinstance(key, int) and key < 0:
            key += len(container.fields)
        return container.fields.get(repr(key))

    def columns(self, value: Value, width: int) -> list[Value] | None:
        """What unpacking gives to each of so many targets; ``None`` when that is not known."""
        items = [self.objects[number] for number in value.objects]
        if not items or any(i.kind != "container" or i.detail == "dict" or len(i.fields) != width for i in items):
            return None
        rows = [[self.placed(item, position) for item in items] for position in range(width)]
        if any(held is None for row in rows for held in row):
            return None
        return [join(held for held in row if held is not None).plain for row in rows]

    def inside(self, value: Value) -> Value:
        """What may be taken out of a value by subscript, iteration or an unknown attribute.

        A library may have copied what it was given from one container into another, so of its objects everything
        counts that is in their containers, however deep.
        """
        if not value.objects:
            return NOTHING
        known = self._inside.get(value.objects)
        if known is not None and known[0] == self.version:
            return known[1]
        found: set[int] = set()
        looked = 0
        deep: list[int] = []
        for number in value.objects:
            item = self.objects[number]
            found |= item.contents
            looked += len(item.contents)
            if item.kind in _REGIONS:
                found.add(number)
                deep += item.contents if item.kind in _MIXING else ()
            for held in item.fields.values():
                found |= held.objects
        seen = set(deep)
        while deep:
            item = self.objects[deep.pop()]
            if item.kind == "container" or item.kind in _MIXING:
                found |= item.contents
                looked += len(item.contents)
                deep += item.contents - seen
                seen |= item.contents
        self.visited += len(value.objects) + len(seen) + looked // _UNION
        out = Value(frozenset(found))
        self._inside[value.objects] = (self.version, out)
        return out

    def reachable(self, value: Value) -> frozenset[int]:
        """Every object that can be got at from a value, itself included."""
        if not value.objects:
            return value.objects
        known = self._reach.get(value.objects)
        if known is not None and known[0] == self.version:
            return known[1]
        seen: set[int] = set()
        todo = list(value.objects)
        while todo:
            number = todo.pop()
            if number in seen:
                continue
            seen.add(number)
            todo.extend(self._next(self.objects[number]))
        found = frozenset(seen)
        self.visited += len(found)
        self._reach[value.objects] = (self.version, found)
        return found

    def _next(self, item: Object) -> Iterable[int]:
        yield from item.contents
        yield from item.calls
        yield from item.metaclass.objects
        for value in item.fields.values():
            yield from value.objects
        if item.owner is not None:
            yield item.owner
        if item.body is not None:
            for value in item.body.defaults.values():
                yield from value.objects
            scope: Scope | None = item.body.scope
            while scope is not None and scope.kind != "module":
                if scope.box is not None:
                    yield scope.box
                for value in scope.names.values():
                    yield from value.objects
                scope = scope.parent
