"""Where a cell's own code speaks of the notebook's names: at once, or from code that may run later.

Python decides for each name in a text whose name it is (`Execution model, naming and binding`_): a function's local, a
comprehension's own, or the module's. Here are found the occurrences of the *module's* names, which in a notebook are
what cells share. Each is either part of what the cell does now, or stands in code that the cell only makes: the body of
a function, a lambda, a class or a generator expression may run in another cell, and sees what the name means then.

What runs at once although it looks like later: list, set and dict comprehensions; the generator expression in
``sum(x for x in xs)`` and the lambda in ``sorted(xs, key=lambda …)``, where the callee is one of the builtins that are
done with their arguments when they return. Class bodies run at once as well, but their names have rules of their own
(a class's own name hides the module's only once it is bound), so they count as later, which is the safe side.

.. _Execution model, naming and binding: https://docs.python.org/3/reference/executionmodel.html#naming-and-binding
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from orchestra_nb.cells.effects.scopes import binds, class_bindings, function_bindings

Mode = Literal["load", "store", "update", "delete", "define", "except"]
"""``update`` is ``x += 1``; ``define`` an import, ``def``, ``class``, or an annotated name; ``except`` is ``as error``,
which Python deletes at the handler's end."""

CONSUMERS = frozenset(
    ("all", "any", "bytes", "dict", "frozenset", "list", "max", "min", "set", "sorted", "sum", "tuple")
)
"""Builtins that are done with their arguments when they return."""
LAZY = frozenset({"map", "filter", "zip", "enumerate", "reversed"})
"""Builtins that are done with theirs when what they return has been consumed."""
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One place where code names something of the notebook's.

    Parameters
    ----------
    node, field
        The syntax node and the field of it that holds the name, for those who want to change it.
    name
        The name.
    mode
        What is done with it.
    later
        Whether it stands in code that may run after the cell.
    statement
        Number of the cell's statement in which it stands, from 0.
    """

    node: ast.AST
    field: str
    name: str
    mode: Mode
    later: bool
    statement: int


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk is: the names that are not the module's here, and whether this runs later."""

    statement: int
    hidden: frozenset[str] = _NOBODY
    later: bool = False
    owned: frozenset[str] = _NOBODY
    """What the class body at hand binds: to bind it is not the module's business, to read it may be."""


def occurrences(tree: ast.Module, distrusted: frozenset[str] = _NOBODY) -> Iterator[Occurrence]:
    r"""Find the occurrences of the module's names.

    Parameters
    ----------
    tree
        A cell's syntax tree.
    distrusted
        Builtins that the notebook binds anew, so that they may not be what their names say.

    Yields
    ------
    Occurrence
        In no particular order within a statement.

    Examples
    --------
    >>> tree = ast.parse("total = sum(x * k for x in xs)\nf = lambda v: v + shift")
    >>> sorted((o.name, o.mode) for o in occurrences(tree) if not o.later)
    [('f', 'store'), ('k', 'load'), ('sum', 'load'), ('total', 'store'), ('xs', 'load')]
    >>> [o.name for o in occurrences(tree) if o.later]
    ['shift']
    """
    walk = _Walk(CONSUMERS - distrusted, LAZY - distrusted)
    for number, statement in enumerate(tree.body):
        yield from walk.visit(statement, _Place(number))


def mentioned(tree: ast.AST) -> frozenset[str]:
    """Every identifier within the texts of some code: what a library might look up by name.

    Examples
    --------
    >>> sorted(mentioned(ast.parse("smf.ols('y ~ x', data)")))
    ['x', 'y']
    """
    texts = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return frozenset(word for text in texts for word in _IDENTIFIER.findall(text))


class _Walk:
    def __init__(self, consumers: frozenset[str], lazy: frozenset[str]) -> None:
        self._consumers = consumers
        self._lazy = lazy

    def visit(self, node: ast.AST, at: _Place) -> Iterator[Occurrence]:
        """The occurrences in a node, by what kind of node it is."""
        match node:
            case ast.Name(id=name):
                modes: dict[type, Mode] = {ast.Load: "load", ast.Store: "store", ast.Del: "delete"}
                yield from self._one(node, "id", name, modes[type(node.ctx)], at)
            case ast.Lambda():
                yield from self._lambda(node, at, later=True)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from self._function(node, at)
            case ast.ClassDef():
                yield from self._class(node, at)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                yield from self._comprehension(node, at, later=isinstance(node, ast.GeneratorExp))
            case ast.Call():
                yield from self._call(node, at)
            case ast.AugAssign(target=ast.Name(id=name) as target):
                yield from self._one(target, "id", name, "update", at)
                yield from self.visit(node.value, at)
            case ast.AnnAssign(target=ast.Name(id=name) as target):
                yield from self._one(target, "id", name, "define", at)
                yield from self._annotation(node.annotation, at)
                yield from self._all([node.value] if node.value else [], at)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                for alias in aliases:
                    yield from self._one(alias, "asname", alias.asname or alias.name.split(".")[0], "define", at)
            case ast.Global(names=names):
                for name in names:
                    yield Occurrence(node, "names", name, "load", True, at.statement)
            case _ if type(node).__name__ == "TypeAlias":  # since Python 3.12; its value is worked out when asked for
                yield from self._all(ast.iter_child_nodes(node), _Place(at.statement, at.hidden, later=True))
            case _:
                yield from self._others(node, at)

    def _others(self, node: ast.AST, at: _Place) -> Iterator[Occurrence]:
        """Patterns and handlers keep their names as texts; of anything else, the parts count."""
        match node:
            case ast.ExceptHandler(name=str(name)):
                yield from self._one(node, "name", name, "except", at)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield from self._one(node, "name", name, "store", at)
            case ast.MatchMapping(rest=str(name)):
                yield from self._one(node, "rest", name, "store", at)
        yield from self._all(ast.iter_child_nodes(node), at)

    def _all(self, nodes: Iterable[ast.AST], at: _Place) -> Iterator[Occurrence]:
        for node in nodes:
            yield from self.visit(node, at)

    def _one(self, node: ast.AST, field: str, name: str, mode: Mode, at: _Place) -> Iterator[Occurrence]:
        binds_own = mode not in ("load", "update") and name in at.owned
        if name not in at.hidden and not binds_own:
            yield Occurrence(node, field, name, mode, at.later, at.statement)

    def _annotation(self, node: ast.expr, at: _Place) -> Iterator[Occurrence]:
        """Kept as a text, or looked up again by whoever asks for type hints; a text in it is code as well."""
        inner = _Place(at.statement, at.hidden, later=True)
        yield from self.visit(node, inner)
        for name in mentioned(node):
            yield from self._one(node, "", name, "load", inner)

    # -- code within code -----------------------------------------------------------------------------------------

    def _arguments(self, args: ast.arguments, at: _Place) -> Iterator[Occurrence]:
        yield from self._all((d for d in (*args.defaults, *args.kw_defaults) if d is not None), at)
        for part in ast.walk(args):
            if isinstance(part, ast.arg) and part.annotation is not None:
                yield from self._annotation(part.annotation, at)

    def _inner(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, at: _Place, later: bool) -> _Place:
        names = function_bindings(node)
        return _Place(at.statement, (at.hidden | names.local | names.outer) - names.module, later)

    def _lambda(self, node: ast.Lambda, at: _Place, *, later: bool) -> Iterator[Occurrence]:
        yield from self._arguments(node.args, at)
        yield from self.visit(node.body, self._inner(node, at, at.later or later))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, at: _Place) -> Iterator[Occurrence]:
        yield from self._one(node, "name", node.name, "define", at)
        yield from self._all(node.decorator_list, at)
        yield from self._arguments(node.args, at)
        if node.returns is not None:
            yield from self._annotation(node.returns, at)
        inner = self._inner(node, at, later=True)
        yield from self._all((*getattr(node, "type_params", ()), *node.body), inner)

    def _class(self, node: ast.ClassDef, at: _Place) -> Iterator[Occurrence]:
        yield from self._one(node, "name", node.name, "define", at)
        yield from self._all((*node.decorator_list, *node.bases, *(k.value for k in node.keywords)), at)
        inner = _Place(at.statement, at.hidden, later=True, owned=class_bindings(node).local)
        yield from self._all((*getattr(node, "type_params", ()), *node.body), inner)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, at: _Place, *, later: bool
    ) -> Iterator[Occurrence]:
        own = frozenset(n for g in node.generators for t in ast.walk(g.target) for n in binds(t))
        inner = _Place(at.statement, at.hidden | own, at.later or later)
        yield from self.visit(node.generators[0].iter, at)
        for number, part in enumerate(node.generators):
            yield from self.visit(part.target, inner)
            yield from self._all([*([part.iter] if number else []), *part.ifs], inner)
        yield from self._all([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt], inner)

    def _call(self, node: ast.Call, at: _Place) -> Iterator[Occurrence]:
        yield from self.visit(node.func, at)
        for part in _arguments_of(node):
            yield from self._consumed(part, at) if self._is_done_with(node, part, at) else self.visit(part, at)

    def _is_done_with(self, call: ast.Call, part: ast.expr, at: _Place) -> bool:
        """Whether a call neither keeps nor returns this argument."""
        if isinstance(call.func, ast.Attribute):
            return call.func.attr == "join" and _is_text(call.func.value)
        if not isinstance(call.func, ast.Name) or call.func.id not in self._consumers - at.hidden:
            return False
        if isinstance(part, ast.Lambda):
            return any(keyword.arg == "key" and keyword.value is part for keyword in call.keywords)
        return bool(call.args) and part is call.args[0] and (call.func.id not in ("max", "min") or len(call.args) == 1)

    def _consumed(self, node: ast.expr, at: _Place) -> Iterator[Occurrence]:
        """An argument of a call that is done with it when it returns."""
        if isinstance(node, ast.GeneratorExp):
            yield from self._comprehension(node, at, later=False)
        elif isinstance(node, ast.Lambda):
            yield from self._lambda(node, at, later=False)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in self._lazy - at.hidden:
            yield from self.visit(node.func, at)
            for part in _arguments_of(node):
                called = node.func.id in ("map", "filter") and part is node.args[0]
                plain = isinstance(part, ast.Lambda) and not called
                yield from self.visit(part, at) if plain else self._consumed(part, at)
        else:
            yield from self.visit(node, at)


def _arguments_of(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
