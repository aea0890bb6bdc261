"""What the analysis may take for granted about names that exist before the first cell: the live session's own values.

In a notebook, the cells that were run the ordinary way have left modules, functions, frames and numbers behind. Their
values are at hand, so their abstract objects are read off them: a module is its name, a number is nothing that can be
changed, an array is an object of numpy. A function of the session is followed like any other when its source is still
there (IPython keeps it), else it counts as code that is not known. Nothing is called and nothing is copied.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Mapping
from typing import Any

from orchestra_nb.cells.effects import Interpreter
from orchestra_nb.cells.effects.values import NOTHING, Body, Value
from orchestra_nb.syntax import tree_of

_PLAIN = (int, float, complex, str, bytes, bool, type(None), range)
_BOXES = (list, dict, set, tuple, frozenset)
_DEEPEST = 4
_WIDEST = 1000


def take_names(machine: Interpreter, namespace: Mapping[str, Any]) -> None:
    """Bind what a live namespace holds, so that cells which use it are understood.

    Objects that two names share are one abstract object, so aliases that exist are seen.
    """
    for name, value in namespace.items():
        if not name.startswith("_"):
            machine.module.names[name] = _abstract(machine, name, value, 0)
            for number in machine.module.names[name].objects:
                machine.names.setdefault(number, name)


def _abstract(machine: Interpreter, name: str, value: Any, depth: int) -> Value:
    if isinstance(value, types.ModuleType):
        return Value(frozenset((machine.heap.make(("module", value.__name__), "module", value.__name__, -1).number,)))
    if isinstance(value, _PLAIN):
        return Value(const=value) if isinstance(value, str) else NOTHING
    site = ("live", id(value))
    if isinstance(value, types.FunctionType):
        return _function(machine, name, value)
    if type(value) in _BOXES:
        made = machine.heap.make(site, "container", type(value).__name__, -1)
        parts = [*value, *value.values()] if isinstance(value, dict) else list(value)
        if len(parts) > _WIDEST or depth > _DEEPEST:
            machine.heap.hold(made, machine.foreign(f"an element of {name}"))
        elif not made.contents:
            for part in parts:
                machine.heap.hold(made, _abstract(machine, name, part, depth + 1))
        return Value(frozenset((made.number,)))
    cls = value if isinstance(value, type) else type(value)
    path = f"{_public(cls.__module__)}.{cls.__qualname__}"
    if machine.table.call(path) is None or cls.__module__ == "__main__":
        return Value(frozenset((machine.heap.make(site, "foreign", name, -1).number,)))
    if isinstance(value, type | types.BuiltinFunctionType):
        return machine.imported(f"{_public(value.__module__)}.{value.__qualname__}")
    made = machine.heap.make(site, "result", path, -1)
    made.unseeded = getattr(value, "random_state", 0) is None
    return Value(frozenset((made.number,)))


def _public(module: str | None) -> str:
    """The path that the table speaks of: private submodules do not count."""
    return ".".join(part for part in (module or "builtins").split(".") if not part.startswith("_")) or "builtins"


def _function(machine: Interpreter, name: str, function: types.FunctionType) -> Value:
    if function.__module__ != "__main__":
        return machine.imported(f"{function.__module__}.{function.__qualname__}")
    node = _source_of(function)
    if node is None or function.__closure__:
        return machine.foreign(name)
    made = machine.heap.make(("live", id(function)), "function", name, -1)
    made.body = Body(node, machine.module, {})
    return Value(frozenset((made.number,)))


def _source_of(function: types.FunctionType) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    try:
        tree = tree_of(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    node = tree.body[0] if len(tree.body) == 1 else None
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.decorator_list:
        return node
    return None
