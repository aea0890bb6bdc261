"""``with``: what entering and leaving a context manager runs, before the body and after it.

What leaving runs sees what the body did, so it is followed after the body; of a generator, all of it is followed again.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from orchestra_nb.cells.effects.definitions import Definitions
from orchestra_nb.cells.effects.members import AFTER_BODY, BEFORE_BODY
from orchestra_nb.cells.effects.values import NOTHING, Value

_SWALLOWS = ("contextlib.suppress", "contextlib.ExitStack", "foreign", "instance", "iterator")
"""Managers that may swallow what their body raises, which then ends early."""


class ContextManagers(Definitions):
    """Executes ``with`` and ``async with``."""

    def _branches(self, *bodies: Sequence[ast.stmt]) -> None:
        """Exactly one of several bodies runs; what all of them bind is bound for certain."""
        before = set(self.own)
        ends = []
        for body in bodies:
            self.own = set(before)
            self.weak += 1
            self.run(body)
            self.weak -= 1
            ends.append(set(self.own))
        self.own = set.intersection(*ends) if ends else before
        if self.scope.kind == "module":
            self.settle(self.own - before)

    def _run_With(self, node: ast.With | ast.AsyncWith) -> None:
        swallows = False
        managers = []
        for item in node.items:
            manager = self.eval(item.context_expr)
            managers.append(manager)
            kinds = self.of_kind(manager, "result", "foreign", "instance", "library", "iterator")
            swallows = swallows or any(k.detail in _SWALLOWS or k.kind in _SWALLOWS for k in kinds)
            entered = self._enter_or_leave(manager, BEFORE_BODY, node)
            for kind in self.of_kind(manager, "foreign"):
                self.unknown_code("enters a context manager that is not known")
                self.mutate(Value(frozenset((kind.number,))), "with", certain=False)
            if self.of_kind(manager, "result", "iterator"):
                entered = entered | self._enter_known(manager, node)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, manager.plain | entered.plain)
        if swallows:
            self.trying += 1
            self._branches(node.body, [])
            self.trying -= 1
        else:
            self.run(node.body)
        if not self.context:
            self.line = node.lineno
        for manager in reversed(managers):
            self._enter_or_leave(manager, AFTER_BODY, node)
            with self.perhaps():  # the part of a generator after its yield sees what the body did
                self.consume(Value(frozenset(i.number for i in self.of_kind(manager, "iterator"))), node)

    def _enter_or_leave(self, manager: Value, names: Iterable[str], node: ast.AST) -> Value:
        """Run special methods of a manager; what the asynchronous ones give is awaited."""
        out = NOTHING
        for name in names:
            given = self._dunder(manager, name, [NOTHING] * 3, node)
            out = out | (self.consume(given, node) if name.startswith("__a") else given)
        return out.plain

    def _enter_known(self, manager: Value, node: ast.AST) -> Value:
        things = (
            item for item in map(self.heap.__getitem__, manager.objects) if item.kind not in ("module", "library")
        )
        self.mutate(Value(frozenset(item.number for item in things)), "with", certain=False)
        return self.consume(manager, node)

    _run_AsyncWith = _run_With
