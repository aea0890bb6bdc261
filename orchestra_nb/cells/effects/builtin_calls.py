"""Builtin functions that reach into objects or scopes by name: more than the table can say of them."""

from __future__ import annotations

import ast

from orchestra_nb.cells.effects.arguments import Arguments
from orchestra_nb.cells.effects.scopes import Scope
from orchestra_nb.cells.effects.selections import Selections
from orchestra_nb.cells.effects.values import NOTHING, Object, Value, join


class BuiltinCalls(Selections):
    """Calls of ``super``, ``getattr``, ``setattr``, ``type``, ``exec`` and the like."""

    def _builtin_super(self, args: Arguments, node: ast.AST) -> Value:
        scope: Scope | None = self.scope
        while scope is not None and scope.kind != "function":
            scope = scope.parent
        first = next(iter(scope.names.values()), NOTHING) if scope is not None else NOTHING
        return join(self._bound(item, "super", None, node) for item in self.of_kind(first, "instance", "class"))

    def _builtin_getattr(self, args: Arguments, node: ast.AST) -> Value:
        receiver, name = args.pick(0) or NOTHING, args.pick(1)
        default = args.pick(2) or NOTHING
        if name is not None and isinstance(name.const, str):
            return self.attribute(receiver, name.const, node) | default
        methods = [
            self.member(item, field, node)
            for item in self.of_kind(receiver, "instance", "class")
            for field in self.all_fields(self.heap[item.owner if item.owner is not None else item.number])
        ]
        frames = [item for item in self.of_kind(receiver, "result") if self.is_frame(item)]
        views = [self.view(frames, node)] if frames else []  # it may take an array out
        return join([self.heap.inside(receiver), receiver, default, *methods, *views])

    def _builtin_setattr(self, args: Arguments, node: ast.AST) -> Value:
        receiver, name = args.pick(0) or args.everything, args.pick(1)
        value = args.pick(2) or args.everything
        self.mutate(receiver, "setattr()")
        for item in self.of_kind(receiver, "instance", "class"):
            self._store(item, name, value)
            self._dunder(Value(frozenset((item.number,))), "__setattr__", [value], node)
        for item in self.of_kind(receiver, "result", "foreign", "function"):
            self.heap.hold(item, value)
        if self.of_kind(receiver, "module", "library"):
            self.forget_types("setattr")
        return NOTHING

    def _store(self, item: Object, name: Value | None, value: Value) -> None:
        """Put a value into an attribute of an object of the notebook, whichever of them it may be."""
        if item.kind == "foreign":
            return
        known = [*item.fields, *self.all_fields(item if item.kind == "class" else self.heap[item.owner or 0])]
        names = [name.const] if name is not None and isinstance(name.const, str) else known
        for field in names:
            self.heap.set_field(item, field, value.plain, weak=True)
        self.heap.hold(item, value)

    def _builtin_type(self, args: Arguments, node: ast.AST) -> Value:
        owners = [item.owner for item in self.of_kind(args.everything, "instance") if item.owner is not None]
        return Value(frozenset(owners))

    def _builtin_get_ipython(self, args: Arguments, node: ast.AST) -> Value:
        self.barrier("runs a magic or a shell command, which may touch anything")
        return self.foreign("IPython")

    def _builtin_exec(self, args: Arguments, node: ast.AST) -> Value:
        self.barrier("exec() or eval() may touch anything")
        self.forget_types("exec")
        return self.foreign("exec")

    _builtin_eval = _builtin_exec
