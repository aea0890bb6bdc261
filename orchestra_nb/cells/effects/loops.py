"""Loops: bodies that run any number of times, none included."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from orchestra_nb.cells.effects.scopes import binds
from orchestra_nb.cells.effects.tasks import Tasks

_LOOPS = 12
"""Passes over a loop's body before its values are taken to be settled; abstract values grow at most a few times."""


class Loops(Tasks):
    """Executes loops."""

    def _maybe(self, body: Sequence[ast.stmt], bind: Callable[[], None] | None = None) -> None:
        """A body that runs any number of times, none included."""
        before = set(self.own)
        self.weak += 1
        for _ in range(_LOOPS):
            with self.round() as this:
                if bind is not None:
                    bind()
                self.run(body)
            if not this.learned:
                break
        self.weak -= 1
        self.own = before

    def _run_For(self, node: ast.For | ast.AsyncFor) -> None:
        drains = self.drains
        items = self.elements(node.iter)
        advances = self.drains != drains  # what comes next may hang on what the body did

        def bind() -> None:
            self.assign_shape(node.target, self.elements(node.iter) if advances else items)

        self._maybe(node.body, bind)
        self._maybe(node.orelse)
        if self.scope.kind == "module" and self._has_elements(node.iter):  # its variable is bound, come what may
            names = {name for part in ast.walk(node.target) for name in binds(part)}
            self.own |= names
            self.settle(names)

    _run_AsyncFor = _run_For

    def _has_elements(self, node: ast.expr) -> bool:
        """Whether iterating over an expression surely yields something."""
        match node:
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                return any(not isinstance(part, ast.Starred) for part in parts)
            case ast.Constant(value=str() | bytes() as text):
                return bool(text)
            case ast.Call(func=ast.Name(id="range" as name), args=[ast.Constant(value=int(number))], keywords=[]):
                builtin = self.imported("builtins.range")
                return number > 0 and name not in self.own and self.module.names.get(name, builtin) == builtin
            case ast.Call(func=ast.Name(id="enumerate" as name), args=[inner, *_], keywords=[]):
                builtin = self.imported("builtins.enumerate")
                known = name not in self.own and self.module.names.get(name, builtin) == builtin
                return known and self._has_elements(inner)
        return False

    def _run_While(self, node: ast.While) -> None:
        self.eval(node.test)

        def test() -> None:
            self.eval(node.test)

        self._maybe(node.body, test)
        self._maybe(node.orelse)
