"""Definitions: functions, classes and imports, which bind names to what they make."""

from __future__ import annotations

import ast
import sys
from dataclasses import replace
from typing import Any, Literal

from orchestra_nb.cells.effects.arguments import Arguments
from orchestra_nb.cells.effects.calls import Calls
from orchestra_nb.cells.effects.records import AGAIN, ANYTHING, Access
from orchestra_nb.cells.effects.values import NOTHING, Value

Accessor = Literal["property", "setter", "deleter"]
_ACCESSORS: dict[str, Accessor] = {"getter": "property", "setter": "setter", "deleter": "deleter"}
_PARTS_OF_A_PROPERTY: tuple[tuple[str, Accessor], ...] = (
    ("fget", "property"), ("fset", "setter"), ("fdel", "deleter"),
)  # fmt: skip


class Definitions(Calls):
    """Executes statements that define."""

    # -- functions and classes ---------------------------------------------------------------------------------------

    def _run_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        decorators = [self.eval(item) for item in node.decorator_list]
        for part in ast.walk(node.args):
            if isinstance(part, ast.arg):
                self.eval(part.annotation)
        self.eval(node.returns)
        self._define(node, Value(frozenset((self.function(node).number,))), decorators)

    _run_AsyncFunctionDef = _run_FunctionDef

    def _define(self, node: Any, value: Value, decorators: list[Value]) -> None:
        for decorator, written in zip(reversed(decorators), reversed(node.decorator_list), strict=True):
            if isinstance(written, ast.Attribute) and written.attr in _ACCESSORS:
                for item in self.of_kind(value, "function"):
                    assert item.body is not None
                    item.body.binding = _ACCESSORS[written.attr]
                value = value | self.eval(written.value)
                continue
            if not self.context:
                self.line = written.lineno
            value = self.call(decorator, Arguments([value]), written)
        if not self.context:
            self.line = node.lineno
        self.bind(node.name, value)

    def _builtin_property(self, args: Arguments, node: ast.AST) -> Value:
        """``property(…)``, as a decorator or with all its parts; the functions themselves stay what they were."""
        out = args.everything if not self.of_kind(args.everything, "function") else NOTHING
        for position, (name, binding) in enumerate(_PARTS_OF_A_PROPERTY):
            given = args.pick(position) or args.pick(name) or NOTHING
            for item in self.of_kind(given, "function"):
                assert item.body is not None
                site = ("property", self.cell, self.context, id(node), item.number, binding)
                made = self.heap.make(site, "function", item.detail, self.cell)
                made.body = replace(item.body, binding=binding)
                out = out | Value(frozenset((made.number,)))
        return out.plain

    def _run_ClassDef(self, node: ast.ClassDef) -> None:
        decorators = [self.eval(item) for item in node.decorator_list]
        self._define(node, self.make_class(node), decorators)

    # -- imports -----------------------------------------------------------------------------------------------------

    def _run_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._imports(alias.name)
            bound = alias.name if alias.asname else alias.name.partition(".")[0]
            made = self.heap.make(("module", bound), "module", bound, -1)
            self._bind_import(alias.asname or bound, alias.name, Value(frozenset((made.number,))))

    def _run_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        self._imports(module)
        for alias in node.names:
            if alias.name == "*":
                self.barrier(f"from {module} import * binds names that cannot be known")
                self.stars.append(module)
                for name, value in list(self.module.names.items()):
                    self._set(self.module, name, value | self.imported(f"{module}.{name}"))
            elif module != "__future__":
                what = f"{module}.{alias.name}"
                self._use_module(what)
                self._bind_import(alias.asname or alias.name, what, self.imported(what))

    def _bind_import(self, name: str, what: str, value: Value) -> None:
        """Bind what an import gives; to do so again changes nothing.

        A name that this very import, or another of the same thing, has bound on every path is bound already: a cell
        that imports it again neither waits for those that use it nor makes later ones wait.
        """
        here = self.scope.kind == "module" or name in self.scope.to_module
        done = self.bound_imports.get(name, frozenset())
        if here and name not in self.own and what in done:
            self.record(Access("name", name, "write", self.line, certain=self.weak == 0, why=AGAIN))
            self.own.add(name)
            return
        same = self.module.names.get(name) == value
        self.bind(name, value)
        if here and self.weak == 0:
            self.bound_imports[name] = done | {what} if same else frozenset((what,))

    def _imports(self, module: str) -> None:
        root = module.partition(".")[0]
        if root in sys.stdlib_module_names or self.table.call(f"{module}.x") is not None:
            self.state("sys", "read", f"imports {module}")
            return
        self.on_main(f"imports {module}, whose code is not known")
        self.state(ANYTHING, "write", f"imports {module}, whose code is not known", certain=False)
