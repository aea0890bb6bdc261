"""Iteration: what comes out of loops, comprehensions, generators, and what advances when it does."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import Any

from orchestra_nb.cells.effects.arguments import Arguments, Frame
from orchestra_nb.cells.effects.fixpoint import FRAMES_OF_A_ROUND
from orchestra_nb.cells.effects.following import CALLERS, Following
from orchestra_nb.cells.effects.scopes import Scope, binds
from orchestra_nb.cells.effects.values import NOTHING, Object, Value, join

Shape = Value | tuple["Shape", ...]
"""What a loop variable takes: one value, or the columns of a ``zip``."""
_TURNS = 8
"""Elements of a list comprehension that are told apart."""
_CONSUMED = ("io.", "queue.", "sqlite3.", "heapq.", "zipfile.", "tarfile.", "csv.", "pandas.io.")
"""Makers of objects that iterating over advances."""


@dataclass(frozen=True, slots=True)
class PendingElements:
    """What a generator expression does when it is consumed: its first iterable alone is evaluated at once."""

    node: Any
    scope: Scope
    source: Value
    first: Shape


class Iteration(Following):
    """Iterates over abstract values."""

    def consume(self, value: Value, node: ast.AST) -> Value:
        """Iterate, unpack or await: iterators advance, and the code behind generators runs."""
        self.spend()
        files = {item.number for item in self.of_kind(value, "handle") if item.opened}  # their lines are texts
        out = [
            self.heap.inside(Value(value.objects - files)),
            *(self._drain(item, node) for item in self.of_kind(value, "iterator")),
        ]
        for item in self.of_kind(value, "handle"):
            self.mutate(Value(frozenset((item.number,))), "reads on")
        for item in self.of_kind(value, "foreign"):
            self.mutate(Value(frozenset((item.number,))), "may be consumed by iterating", certain=False)
        for item in self.of_kind(value, "result"):
            if item.detail.startswith(_CONSUMED):
                self.mutate(Value(frozenset((item.number,))), "reads on", certain=False)
        self.drains += bool(self.of_kind(value, "instance"))
        for name in ("__iter__", "__aiter__", "__await__", "__next__", "__anext__", "__getitem__"):
            found = self._dunder(value, name, [], node)
            fresh = Value(found.objects - value.objects)
            out += [found, self.consume(fresh, node)] if fresh.objects else [found]
        return join(out)

    def _drain(self, item: Object, node: ast.AST) -> Value:
        """Run what lies behind an iterator."""
        self.drains += 1
        self.mutate(Value(frozenset((item.number,))), "consumes it")
        return self.fixed_point(("drain", item.number), lambda: self._drain_once(item, node), FRAMES_OF_A_ROUND)

    def _drain_once(self, item: Object, node: ast.AST) -> Value:
        now = self.heap.inside(item.sources)
        self.heap.hold(item, now | self.heap.inside(now) if item.sources.objects else NOTHING)
        out = []
        for run in list(item.latent):
            if isinstance(run, PendingElements):
                now = self.consume(run.source, node)
                here, self.context = self.context, (*self.context, id(node))[-CALLERS:]
                self.fill(run, item)
                self.fill(replace(run, first=now), item)  # more may have been put into it since
                self.context = here
                continue
            function, given = run
            frame = self._advance(item, function, given)
            out += [frame.yields, frame.returns]
            self.heap.hold(item, frame.yields)
        for held in sorted(item.contents):
            if self.heap[held].kind in ("iterator", "handle"):  # zip() and chain() advance what they were given
                out.append(self.consume(Value(frozenset((held,))), node))
        made = self._call_held(Value(frozenset(item.contents | item.calls)), node)
        self.heap.hold(item, made)
        return join([*out, made, Value(frozenset(item.contents))])

    def _advance(self, item: Object, function: Object, given: Arguments) -> Frame:
        """Run a generator. What it made before, for another consumer, is what it goes on with."""
        saved = self.home, self.sent, self.context
        self.home, self.sent = item.cell, item.fields.get("sent", NOTHING)
        self.context = (-1 - item.number,)
        assert function.body is not None
        try:
            with self.perhaps():  # it may be left before its end
                return self._activate(function, given, function.body.node)
        finally:
            self.home, self.sent, self.context = saved

    def elements(self, node: ast.expr) -> Shape:
        """What iterating over an expression yields; ``zip`` and ``enumerate`` keep their columns apart."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args and not node.keywords:
            callee = self.load(node.func.id)
            paths = {item.detail for item in self.of_kind(callee, "library")}
            plain = not any(isinstance(item, ast.Starred) for item in node.args)
            if plain and len(callee.objects) == 1 and paths <= {"builtins.zip"} and paths:
                return tuple(self.elements(item) for item in node.args)
            if plain and len(callee.objects) == 1 and paths <= {"builtins.enumerate"} and paths:
                for extra in node.args[1:]:
                    self.eval(extra)
                return (NOTHING, self.elements(node.args[0]))
        view = node.func if isinstance(node, ast.Call) and not node.args and not node.keywords else None
        if isinstance(view, ast.Attribute) and view.attr in ("items", "keys", "values"):
            held = self.eval(view.value)
            if held.objects and len(self.of_kind(held, "container")) == len(held.objects):
                inside = self.heap.inside(held)
                return (inside, inside) if view.attr == "items" else inside
        return self.consume(self.eval(node), node).plain

    def assign_shape(self, target: ast.expr, shape: Shape) -> None:
        """Store what iteration yielded, column by column where the target has as many."""
        if isinstance(shape, Value):
            self.assign(target, shape)
        elif isinstance(target, ast.Tuple | ast.List) and _fits(target, shape):
            for part, column in zip(target.elts, shape, strict=True):
                self.assign_shape(part, column)
        else:
            made = self.make(target, "container", "tuple")
            self.heap.hold(made, _flat(shape))
            self.assign(target, Value(frozenset((made.number,))))

    # -- comprehensions ------------------------------------------------------------------------------------------

    def _comprehension(self, node: Any) -> Value:
        kind = {ast.ListComp: "list", ast.SetComp: "set", ast.DictComp: "dict"}.get(type(node))
        made = self.make(node, "container", kind) if kind else self.make(node, "iterator", "generator")
        version, drains = self.heap.version, self.drains
        outer, first = self.scope, self.elements(node.generators[0].iter)
        advances = self.drains != drains and kind is not None
        source = self.eval(node.generators[0].iter) if isinstance(node, ast.GeneratorExp) else NOTHING
        pending = PendingElements(node, outer, source, first)
        if isinstance(node, ast.GeneratorExp):
            self.heap.hold(made, _flat(first))
            earlier = [p for p in made.latent if p.scope is not outer]  # a loop may have made it in other activations
            made.latent = [*earlier, pending]
            outer.share()
        self.fill(pending, made)
        while advances and self.heap.version != version:
            version, pending = self.heap.version, replace(pending, first=self.elements(node.generators[0].iter))
            self.fill(pending, made)  # what advances may look back at what was done with the elements before
        return Value(frozenset((made.number,)))

    def fill(self, pending: PendingElements, made: Object) -> None:
        """Evaluate a comprehension's elements; those of a generator expression, again, wherever it is consumed."""
        node, here, turn = pending.node, self.scope, self.turn
        turns = self._turns(node)
        own = frozenset(n for g in node.generators for t in ast.walk(g.target) for n in binds(t))
        self.scope = Scope("function", parent=pending.scope, own=own)
        self.comprehending.append(self.scope)
        try:
            with self.perhaps():
                for number, element in enumerate(turns):
                    self.turn = (*turn, number)
                    self.scope.names.clear()  # what closes over them sees the last
                    self.assign(node.generators[0].target, element)
                    self._element(node, made, number)
                if not turns:
                    self._any_element(node, made, pending.first)
            self.leave((made.number, pending.first, turn, self.context), self.scope)
        finally:
            self.scope, self.turn = here, turn
            self.comprehending.pop()

    def _any_element(self, node: Any, made: Object, first: Shape) -> None:
        for number, part in enumerate(node.generators):
            self.assign_shape(part.target, first if number == 0 else self.elements(part.iter))
            for test in part.ifs:
                self.eval(test)
        self._element(node, made, None)

    def _element(self, node: Any, made: Object, position: int | None) -> None:
        """Make one element, or one that stands for all."""
        if isinstance(node, ast.DictComp):
            self.heap.hold(made, self.eval(node.key))
        value = self.eval(node.value if isinstance(node, ast.DictComp) else node.elt)
        if position is not None and isinstance(node, ast.ListComp):
            self.heap.place(made, position, value)
        else:
            self.heap.hold(made, value)

    def _turns(self, node: Any) -> list[Value]:
        """What the variable of a list comprehension takes one after the other, where that is written there."""
        part = node.generators[0]
        if not isinstance(node, ast.ListComp) or len(node.generators) > 1 or part.ifs or part.is_async:
            return []
        match part.iter:
            case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(count))], keywords=[]):
                known = {item.detail for item in map(self.heap.__getitem__, self.load("range").objects)}
                return [Value(const=i) for i in range(count)] if known == {"builtins.range"} and count <= _TURNS else []
            case ast.List(elts=parts) | ast.Tuple(elts=parts) if len(parts) <= _TURNS:
                return [] if any(isinstance(p, ast.Starred) for p in parts) else [self.eval(p) for p in parts]
        return []

    _eval_ListComp = _eval_SetComp = _eval_DictComp = _eval_GeneratorExp = _comprehension


def _fits(target: ast.Tuple | ast.List, shape: tuple[Shape, ...]) -> bool:
    return len(target.elts) == len(shape) and not any(isinstance(part, ast.Starred) for part in target.elts)


def _flat(shape: Shape) -> Value:
    return shape if isinstance(shape, Value) else join(_flat(column) for column in shape)
