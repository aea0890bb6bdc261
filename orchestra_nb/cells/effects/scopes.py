"""Python's scoping, as the compiler does it: which names of a body are its own.

The standard :mod:`symtable` gives the same answer for a whole source text; the interpreter needs it for one function
node at a time and with comprehensions' own scopes, so the rules are written out here and a test compares them with
``symtable`` over the standard library's sources.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import Literal

from orchestra_nb.cells.effects.values import Value

_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
BIRTHS = count(1)
"""Numbers scopes and fixed points in the order in which they begin."""
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(slots=True, eq=False)
class Scope:
    """One level of names: the notebook, an activation of a function, a class body, a comprehension."""

    kind: Literal["module", "function", "class"]
    parent: Scope | None = None
    names: dict[str, Value] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    to_module: frozenset[str] = frozenset()
    outer: frozenset[str] = frozenset()
    """Declared ``nonlocal``."""
    box: int | None = None
    """The object that stands for a function's variables once an inner function rebinds them."""
    born: int = field(default_factory=lambda: next(BIRTHS))
    """Which scopes are older than what (see :meth:`.fixpoint.FixedPoints.bound`); the notebook's is as old as any."""
    shared: bool = False
    """Whether a function or a generator closes over it: then its names are seen from elsewhere too."""
    left: bool = False
    """Whether the function has ended, while something still closes over it."""

    def share(self) -> None:
        """Something closes over this scope, and with it over those around it."""
        scope: Scope | None = self
        while scope is not None and not scope.shared:
            scope.shared = True
            scope = scope.parent


@dataclass(frozen=True, slots=True)
class Bindings:
    """What a body binds, and what it declares as bound elsewhere."""

    local: frozenset[str]
    module: frozenset[str]
    outer: frozenset[str]


@lru_cache(maxsize=4096)
def function_bindings(node: FunctionNode) -> Bindings:
    """The local names of a function (its parameters included) and its ``global`` and ``nonlocal`` declarations."""
    body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
    return _bindings(body, parameters(node.args))


@lru_cache(maxsize=1024)
def class_bindings(node: ast.ClassDef) -> Bindings:
    """The names that a class body binds."""
    return _bindings(list(node.body), ())


def bound_by(tree: ast.Module) -> frozenset[str]:
    r"""The names of the notebook that a cell may bind, itself or in a function that it defines.

    Examples
    --------
    >>> sorted(bound_by(ast.parse("def f():\n    global g\n    x = 1\ny = 2")))
    ['f', 'g', 'y']
    """
    own = _bindings(list(tree.body), ())
    declared = {name for item in ast.walk(tree) if isinstance(item, ast.Global) for name in item.names}
    return own.local | declared


def parameters(args: ast.arguments) -> tuple[str, ...]:
    """Every parameter's name, in order: positional, ``*args``, keyword-only, ``**kwargs``."""
    names = [a.arg for a in (*args.posonlyargs, *args.args)]
    if args.vararg:
        names.append(args.vararg.arg)
    names += [a.arg for a in args.kwonlyargs]
    if args.kwarg:
        names.append(args.kwarg.arg)
    return tuple(names)


def _bindings(body: list[ast.AST], start: Iterable[str]) -> Bindings:
    bound, module, outer = set(start), set[str](), set[str]()
    for item in _own_nodes(body):
        if isinstance(item, ast.Global):
            module.update(item.names)
        elif isinstance(item, ast.Nonlocal):
            outer.update(item.names)
        else:
            bound.update(binds(item))
    return Bindings(frozenset(bound - module - outer), frozenset(module), frozenset(outer))


def binds(item: ast.AST) -> Iterator[str]:
    """The names that one node of a syntax tree binds."""
    match item:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            for alias in aliases:
                if alias.name != "*":
                    yield alias.asname or alias.name.split(".")[0]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name


def _own_nodes(body: list[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of a body that belong to its own scope; a walrus in a comprehension belongs to the function."""
    todo = list(reversed(body))
    while todo:
        item = todo.pop()
        yield item
        if isinstance(item, _NESTED):
            todo.extend(_outside(item))
        elif isinstance(item, _COMPREHENSIONS):
            todo.append(item.generators[0].iter)
            todo.extend(_walruses(item))
        else:
            todo.extend(ast.iter_child_nodes(item))


def _outside(item: ast.AST) -> list[ast.AST]:
    """The parts of a nested definition that are evaluated in the enclosing scope."""
    if isinstance(item, ast.ClassDef):
        return [*item.decorator_list, *item.bases, *item.keywords]
    assert isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    args = item.args
    parts: list[ast.AST] = [d for d in (*args.defaults, *args.kw_defaults) if d is not None]
    if not isinstance(item, ast.Lambda):
        parts += item.decorator_list
        parts += [a.annotation for a in ast.walk(args) if isinstance(a, ast.arg) and a.annotation]
        parts += [item.returns] if item.returns else []
    return parts


def _walruses(item: ast.AST) -> Iterator[ast.AST]:
    todo = list(ast.iter_child_nodes(item))
    while todo:
        child = todo.pop()
        if isinstance(child, ast.NamedExpr):
            yield child.target
        if not isinstance(child, _NESTED):
            todo.extend(ast.iter_child_nodes(child))
