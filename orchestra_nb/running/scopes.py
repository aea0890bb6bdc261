"""What the names in a piece of code mean now: followed through variables, imports, modules, classes and objects.

Nothing is run for that. A variable means whatever is stored in it anywhere in the code, be it a name for another thing
or what a call gives. What nobody can know (an argument, the result of most calls) is left open, with the attributes
that are asked of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.util import resolve_name
from sys import modules
from types import CodeType, FunctionType, ModuleType
from typing import Any

from orchestra_nb.running.mentions import Call, Given, Mention, mentions
from orchestra_nb.running.static import MISSING, attribute, builtin, defaults_of, names_of, public_name, stem

_DEEPEST = 8
"""Variables for what another variable stands for, that are followed."""


@dataclass(frozen=True, slots=True)
class Meant:
    """What a mention stands for.

    Parameters
    ----------
    thing
        The thing itself, or :data:`.MISSING`.
    names
        Its dotted names.
    call
        How it is called.
    unknown
        Attributes that are asked of nobody knows what.
    passed
        Things on the way to it.
    made_by
        The names of what gave the thing that is asked, where a call did.
    """

    thing: Any
    names: tuple[str, ...] = ()
    call: Call | None = None
    unknown: tuple[str, ...] = ()
    passed: tuple[Any, ...] = ()
    made_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scope:
    """One piece of code, and what is around it.

    Parameters
    ----------
    code
        Of a function or a class.
    module
        The globals.
    closure
        What the variables of functions around it hold.
    optional
        Parameters whose default is ``None``.
    outer
        The code within which it stands, unless that has run already.

    Examples
    --------
    >>> import time
    >>> def body():
    ...     import random as chance
    ...     return chance.Random(7), time.time()
    >>> scope = Scope.of(body)
    >>> [meant.names for mention in mentions(body.__code__).all for meant in scope.meanings(mention)]
    [('random.Random',), ('time.time',)]
    """

    code: CodeType
    module: dict[str, Any]
    closure: Mapping[str, Any] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    outer: Scope | None = None

    @classmethod
    def of(cls, fn: FunctionType) -> Scope:
        """Give the scope of a function."""
        code, cells = fn.__code__, {}
        for name, cell in zip(code.co_freevars, fn.__closure__ or (), strict=True):
            try:
                cells[name] = cell.cell_contents
            except ValueError:  # not bound yet
                continue
        optional = frozenset(name for name, value in defaults_of(fn).items() if value is None)
        return cls(code, fn.__globals__, cells, optional)

    def inner(self) -> Iterator[Scope]:
        """Give the scopes of the functions and classes that the code makes."""
        for code in mentions(self.code).inner:
            yield Scope(code, self.module, outer=self)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The texts in the code, and those of the globals that it mentions."""
        said = mentions(self.code)
        named = [self._global(each.name) for each in said.all if each.origin == "global" and not each.attributes]
        return (*said.texts, *(value for value in named if type(value) is str))

    def is_none(self, given: Given) -> bool:
        """Whether an argument is ``None``, or may be because that is the default of a parameter."""
        kind, name = given
        if kind == "global":
            return self._global(name) is None
        return kind == "none" or (kind == "local" and (name in self.optional or self._closed(name) is None))

    def meanings(self, mention: Mention, depth: int = 0) -> Iterator[Meant]:
        """Give everything that a mention can stand for."""
        if mention.origin == "global":
            thing = self._global(mention.name)
            names = () if thing is MISSING else names_of(thing)
            if thing is not MISSING and not dict.__contains__(self.module, mention.name):
                names = tuple(dict.fromkeys((f"builtins.{mention.name}", *names)))  # a kernel has its own input()
            yield _followed(thing, names, mention)
        elif mention.origin == "import":
            name = self._absolute(mention.name)
            yield _followed(modules.get(name, MISSING), (f"{public_name(name)}.?",), mention)
        elif mention.origin == "local" and depth < _DEEPEST:
            yield from self._of_variable(mention, depth)
        else:
            yield Meant(MISSING, call=mention.call, unknown=mention.attributes)

    def _of_variable(self, mention: Mention, depth: int) -> Iterator[Meant]:
        stored, scope = self._stored(mention.name)
        for each in stored:
            if each.call is None:
                attributes = (*each.attributes, *mention.attributes)
                yield from scope.meanings(replace(each, attributes=attributes, call=mention.call), depth + 1)
                continue
            for maker in scope.meanings(each, depth + 1):
                yield Meant(MISSING, call=mention.call, unknown=mention.attributes, made_by=maker.names)
        if not stored:
            thing = self._closed(mention.name)
            yield _followed(thing, () if thing is MISSING else names_of(thing), mention)

    def _stored(self, name: str) -> tuple[tuple[Mention, ...], Scope]:
        """Give what is stored in a variable, and where."""
        if self.outer is None or name in self.code.co_varnames or name in self.code.co_cellvars:
            return mentions(self.code).bound.get(name, ()), self
        return self.outer._stored(name)

    def _closed(self, name: str) -> Any:
        """Give what a variable holds of a function that has run."""
        if self.outer is None:
            return self.closure.get(name, MISSING)
        return MISSING if name in self.code.co_varnames else self.outer._closed(name)

    def _global(self, name: str) -> Any:
        return dict.get(self.module, name, MISSING) if dict.__contains__(self.module, name) else builtin(name)

    def _absolute(self, name: str) -> str:
        """Give the full name of a module that is imported here."""
        try:
            package = dict.get(self.module, "__package__")
            return resolve_name(name, package if isinstance(package, str) else None)
        except ImportError:  # beyond the highest package: the import fails, too
            return name


def _followed(thing: Any, names: tuple[str, ...], mention: Mention) -> Meant:
    """Follow the attributes from a thing on."""
    passed: list[Any] = []
    for at, name in enumerate(mention.attributes):
        if thing is MISSING and not names:
            return Meant(MISSING, (), mention.call, mention.attributes[at:], tuple(passed))
        passed.append(thing)
        is_module = issubclass(type(thing), ModuleType)
        found = MISSING if thing is MISSING else attribute(thing, name)
        further = [f"{each}.{name}" for each in dict.fromkeys(map(stem, names))]
        if found is MISSING:
            if thing is not MISSING and not is_module:
                return Meant(MISSING, tuple(further), mention.call, mention.attributes[at:], tuple(passed))
            names = tuple(further)
        else:
            names = tuple(dict.fromkeys([*further, *names_of(found)]))
        thing = found
    return Meant(thing, names, mention.call, (), tuple(passed))
