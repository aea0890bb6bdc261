"""Statements: bindings, branches, loops."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

from orchestra_nb.cells.effects.arguments import Arguments
from orchestra_nb.cells.effects.loops import Loops
from orchestra_nb.cells.effects.machine import STATE_OF
from orchestra_nb.cells.effects.members import OPERATORS
from orchestra_nb.cells.effects.values import NOTHING, Object, Value, join

_STREAMS = ("stdout", "stderr", "stdin", "displayhook", "excepthook")


class Interpreter(Loops):
    """Executes statements over abstract values; :func:`.effects.analyse` drives it, cell by cell."""

    def run(self, body: Iterable[ast.stmt]) -> None:
        """Execute statements in order."""
        statements = list(body)
        for position, statement in enumerate(statements):
            if not self.context:
                self.line = statement.lineno
            is_last = position == len(statements) - 1 and not self.context and self.weak == 0
            alone = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
            whole = statement.value if alone and isinstance(statement, ast.Expr) else None
            self.discarded, self.shown = (None, whole) if is_last else (whole, self.shown)
            handler: Callable[[Any], None] = getattr(self, f"_run_{type(statement).__name__}", self._run_parts)
            self.depth += 3
            handler(statement)
            self.depth -= 3

    def _run_parts(self, node: ast.stmt) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.eval(child)

    def _run_Expr(self, node: ast.Expr) -> None:
        value = self.eval(node.value)
        if value.objects and not self.context:
            self.state("options", "read", "displays a value")
            self.observe_deeply(value, node)

    # -- binding ---------------------------------------------------------------------------------------------------

    def _run_Assign(self, node: ast.Assign) -> None:
        if isinstance(node.value, ast.Tuple) and len(node.targets) == 1 and _same_length(node.targets[0], node.value):
            values = [self.eval(item) for item in node.value.elts]
            assert isinstance(node.targets[0], ast.Tuple | ast.List)
            for target, value in zip(node.targets[0].elts, values, strict=True):
                self.assign(target, value)
            return
        value = self.eval(node.value)
        for target in node.targets:
            self.assign(target, value)

    def _run_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.eval(node.annotation)
        if node.value is not None:
            self.assign(node.target, self.eval(node.value))

    def _run_AugAssign(self, node: ast.AugAssign) -> None:
        old = self._target_value(node.target)
        right = self.eval(node.value)
        result = self.operate(node.op, old, right, node) | self._dunder(
            old, f"__i{OPERATORS[type(node.op)]}__", [right], node
        )
        for item in self.of_kind(old, "library"):
            if any(f"{item.detail}.".startswith(f"{path}.") for path in STATE_OF):  # numpy.inf is a number, this is not
                self.mutate(Value(frozenset((item.number,))), "augmented assignment", certain=False)
        for item in self.of_kind(old, "container", "result", "foreign", "instance"):
            one = Value(frozenset((item.number,)))
            self.mutate(one, "augmented assignment", certain=item.kind == "container")
            self.heap.hold(item, self.heap.inside(right))
        self.assign(node.target, Value(old.objects | result.objects, result.const))

    def _target_value(self, target: ast.expr) -> Value:
        """What a target holds before an augmented assignment."""
        match target:
            case ast.Name(id=name):
                return self.load(name)
            case ast.Attribute(value=owner, attr=name):
                return self.attribute(self.eval(owner), name, target)
            case ast.Subscript(value=owner, slice=index):
                self.eval(index)
                return self.heap.inside(self.eval(owner))
        return NOTHING

    def assign(self, target: ast.expr, value: Value) -> None:
        """Store a value to a name, an attribute, an element, or a pattern of those."""
        if not self.context:
            self.line = target.lineno
        match target:
            case ast.Name(id=name):
                self.bind(name, value)
            case ast.Starred(value=inner):
                made = self.make(target, "container", "list")
                self.heap.hold(made, value)
                self.assign(inner, Value(frozenset((made.number,))))
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                starred = any(isinstance(part, ast.Starred) for part in parts)
                columns = None if starred else self.heap.columns(value, len(parts))
                if columns is None:
                    columns = [self.consume(value, target).plain] * len(parts)
                for part, column in zip(parts, columns, strict=True):
                    self.assign(part, column)
            case ast.Attribute(value=owner, attr=name):
                receiver = self.eval(owner)
                if name in _STREAMS and any(m.detail == "sys" for m in self.of_kind(receiver, "module")):
                    self.barrier(f"replaces sys.{name}, through which every cell speaks")
                self.mutate(receiver, f".{name} = …")
                self._dunder(receiver, "__setattr__", [value], target)
                for item in self.of_kind(receiver, "instance", "class"):
                    self.heap.set_field(item, name, value, weak=True)
                    self._set_property(item, name, value, target)
                for item in self.of_kind(receiver, "result", "foreign", "function", "container"):
                    self.heap.hold(item, value)
                    if item.kind == "result":
                        self._configure(item.detail, name)
            case ast.Subscript(value=owner, slice=index):
                receiver = self.eval(owner)
                key = self.eval(index)
                self.mutate(receiver, "[…] = …")
                self._dunder(receiver, "__setitem__", [key, value], target)
                for item in self.of_kind(receiver, "container", "result", "foreign", "instance"):
                    self.keep_track(item, value | key)
                    self.heap.hold(item, value | key | (self.heap.inside(value) if _is_slice(index) else NOTHING))

    def _configure(self, maker: str, name: str) -> None:
        """Attributes of what a module keeps, and gives out again and again, are its state."""
        if maker.startswith("logging."):
            self.state("logging", "write", f".{name} = …")
        elif maker in ("decimal.getcontext", "decimal.result"):
            self.state("context", "write", f".{name} = …")
            self.barrier("may change how every decimal is computed")

    def _set_property(self, item: Object, name: str, value: Value, node: ast.AST) -> None:
        """Run the setter, or the ``__set__`` of a descriptor, that the class has for an attribute."""
        if item.kind != "instance":
            return
        found, _ = self.find(self.heap[item.owner or 0], name)
        self._dunder(found, "__set__", [Value(frozenset((item.number,))), value], node)
        for part in self.of_kind(found, "function"):
            if part.body is not None and part.body.binding == "setter":
                with self.perhaps():  # it may be another object's attribute
                    self.call(self._bound(item, name, part, node), Arguments([value]), node)

    def _run_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            match target:
                case ast.Name(id=name):
                    self.unbind(name)
                case ast.Attribute(value=owner) | ast.Subscript(value=owner):
                    receiver = self.eval(owner)
                    self.mutate(receiver, "del")
                    for name in ("__delitem__", "__delattr__"):
                        self._dunder(receiver, name, [NOTHING], target)
                    if isinstance(target, ast.Attribute):
                        self._delete_property(receiver, target)
                case ast.Tuple(elts=parts) | ast.List(elts=parts):
                    self._run_Delete(ast.Delete(targets=parts))

    def _delete_property(self, receiver: Value, target: ast.Attribute) -> None:
        for item in self.of_kind(receiver, "instance"):
            found, _ = self.find(self.heap[item.owner or 0], target.attr)
            self._dunder(found, "__delete__", [Value(frozenset((item.number,)))], target)
            for part in self.of_kind(found, "function"):
                if part.body is not None and part.body.binding == "deleter":
                    with self.perhaps():
                        self.call(self._bound(item, target.attr, part, target), Arguments(), target)

    def _builtin_setattr(self, args: Arguments, node: ast.AST) -> Value:
        """``setattr()`` runs what an assignment would run."""
        out = super()._builtin_setattr(args, node)
        name, value = args.pick(1), args.pick(2) or args.everything
        for item in self.of_kind(args.pick(0) or args.everything, "instance"):
            given = [name.const] if name is not None and isinstance(name.const, str) else []
            for attribute in given or self.all_fields(self.heap[item.owner or 0]):
                self._set_property(item, attribute, value, node)
        return out

    def _run_Return(self, node: ast.Return) -> None:
        value = self.eval(node.value)
        if self.frames:
            frame = next(reversed(self.frames.values()))
            frame.returns = frame.returns | value if frame.ended else value
            frame.ended = True

    # -- branches and loops ----------------------------------------------------------------------------------------

    def _run_Raise(self, node: ast.Raise) -> None:
        value = self.eval(node.exc)
        made = [self.call(Value(frozenset((c.number,))), Arguments(), node) for c in self.of_kind(value, "class")]
        raised = (self.raised | value | join(made)).plain
        self.changes += raised != self.raised
        self.raised = raised
        self.eval(node.cause)

    def _run_Assert(self, node: ast.Assert) -> None:
        self.eval(node.test)
        with self.perhaps():
            self.eval(node.msg)

    def _run_If(self, node: ast.If) -> None:
        self.eval(node.test)
        self._branches(node.body, node.orelse)

    def _run_Try(self, node: ast.Try) -> None:
        before = set(self.own)
        self.weak += 1
        self.trying += bool(node.handlers)
        self.run(node.body)
        self.trying -= bool(node.handlers)
        unharmed = set(self.own)
        ends = []
        for handler in node.handlers:
            self.own = set(before)
            self.eval(handler.type)
            if handler.name:
                self.bind(handler.name, self.imported("builtins.Exception") | self.raised)
                if self.scope.kind == "module" or handler.name in self.scope.to_module:
                    self.effects.deletes.add(handler.name)
            self.run(handler.body)
            self.own.discard(handler.name or "")
            ends.append(set(self.own))
        self.own = unharmed
        self.run(node.orelse)
        self.weak -= 1
        self.own = set.intersection(self.own, *ends) | before
        if self.scope.kind == "module":
            self.settle(self.own - before)
        self.run(node.finalbody)

    _run_TryStar = _run_Try

    def _run_Match(self, node: ast.Match) -> None:
        subject = self.eval(node.subject)
        inside = Value(self.heap.reachable(subject)) if subject.objects else NOTHING
        before = set(self.own)
        for case in node.cases:
            self.own = set(before)
            self.weak += 1
            for part in ast.walk(case.pattern):
                if not self.context:
                    self.line = getattr(part, "lineno", self.line)
                match part:
                    case ast.MatchAs(name=str(name)):
                        self.bind(name, subject.plain | inside)
                    case ast.MatchStar(name=str(name)):
                        rest = self.make(part, "container", "list")
                        self.heap.hold(rest, inside)
                        self.bind(name, Value(frozenset((rest.number,))))
                    case ast.MatchMapping(rest=str(name)):
                        self.bind(name, inside)
                    case ast.MatchValue(value=value) | ast.MatchClass(cls=value):
                        self.eval(value)
            self.eval(case.guard)
            self.run(case.body)
            self.weak -= 1
        self.own = before


def _is_slice(index: ast.expr) -> bool:
    return any(isinstance(part, ast.Slice) for part in ast.walk(index))


def _same_length(target: ast.expr, value: ast.Tuple) -> bool:
    return (
        isinstance(target, ast.Tuple | ast.List)
        and len(target.elts) == len(value.elts)
        and not any(isinstance(item, ast.Starred) for item in (*target.elts, *value.elts))
    )
