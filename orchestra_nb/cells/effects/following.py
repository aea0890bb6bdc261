"""Functions of the notebook: what happens in them when they are called.

A function is followed at each place where it is called, with the arguments of that call and with the globals as they
are then, which is what Python does. Recursion is a fixed point: a call of a function that is being followed adds its
arguments to that activation's parameters, and the activation is repeated until nothing new is learned. The body behind
a generator or coroutine runs where it is consumed.

Rejected: one summary per function, computed at its definition. It is faster, and wrong as soon as a global that the
function reads is rebound between definition and call.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache

from orchestra_nb.cells.effects.arguments import Arguments, Frame
from orchestra_nb.cells.effects.expressions import Expressions
from orchestra_nb.cells.effects.fixpoint import FRAMES_OF_A_CALL, FRAMES_OF_A_ROUND
from orchestra_nb.cells.effects.scopes import FunctionNode, Scope, function_bindings, parameters
from orchestra_nb.cells.effects.values import NOTHING, Object, Value, join

CHANGES_WHAT_IT_IS_GIVEN = frozenset({"operator.methodcaller"})
"""Makers of callables that may change what they are called with."""
_CALLABLE = frozenset({"function", "bound", "instance", "class", "result", "library"})
CALLERS = 4
"""How many of the calls that led to a place tell its objects apart (Shivers' k-CFA): without a bound, functions that
call one another make exponentially many."""


class Following(Expressions):
    """Follows the functions that the notebook defines."""

    def _follow(self, item: Object, args: Arguments, node: ast.AST) -> Value:
        body = item.body
        assert body is not None
        if _has_yield(body.node) or isinstance(body.node, ast.AsyncFunctionDef):
            made = self.make(node, "iterator", item.detail)
            self.heap.hold(made, args.everything)
            if (item, args) not in made.latent:
                made.latent.append((item, args))
                self.changes += 1
            return Value(frozenset((made.number,)))
        return self._activate(item, args, node).returns

    def _activate(self, item: Object, args: Arguments, node: ast.AST) -> Frame:
        body = item.body
        assert body is not None
        running = self.frames.get(id(body.node))
        if running is not None:
            running.met = True
            with self.round() as this:
                self._bind_parameters(running.scope, body.node, body.defaults, args, weak=True)
            running.changed = running.changed or this.learned
            return running
        key = (
            item.number,
            tuple((v.objects, str(v.const)) for v in args.positional),
            tuple((k, v.objects, str(v.const)) for k, v in args.keywords.items()),
            args.spread and args.spread.objects,
            self.weak > 0,
            self.doubt > 0,
            self.trying > 0,
            self.turn,
            self.home is None or (self.home, self.context, self.sent.objects),
        )
        known = self.recall(key)
        if known is not None:
            return Frame(self.scope, *known)
        before = self.so_far()
        frame = self._execute(item, args, node)
        self.leave((key, self.context, id(node)), frame.scope)
        self.remember(key, before, (frame.returns, frame.yields))
        return frame

    def _execute(self, item: Object, args: Arguments, node: ast.AST) -> Frame:
        body = item.body
        assert body is not None
        names = function_bindings(body.node)
        scope = Scope("function", body.scope, {}, names.local, names.module, names.outer)
        scope.box = self.make(body.node, "container", "closure").number
        frame = Frame(scope, owner=body.owner, sent=self.sent)
        self.frames[id(body.node)] = frame
        self._bind_parameters(scope, body.node, body.defaults, args, weak=False)
        saved = (self.scope, self.context, self.discarded, self.hidden, set(self.own))
        early = _returns_early(body.node)
        self.scope, self.context = scope, (*self.context, id(node))[-CALLERS:]
        self.weak += early
        try:
            while True:
                before = (frame.returns, frame.yields)
                self.spend()
                frame.changed = False
                with self.deeper(FRAMES_OF_A_CALL), self.round() as this:
                    self._run_body(body.node, frame)
                grown = frame.changed or before != (frame.returns, frame.yields)
                if not frame.met or not (grown or this.learned):
                    break
                self.renewals += 1  # what was worked out meanwhile, from less, no longer holds
        finally:
            self.weak -= early
            self.scope, self.context, self.discarded = saved[:3]
            del self.frames[id(body.node)]
            if early:
                self.own = saved[4]
        if body.cached:
            self.heap.hold(item, frame.returns)
            frame.returns = frame.returns | Value(frozenset(item.contents))
        if body.cached and (self.hidden != saved[3] or frame.returns.objects):
            self.mutate(
                Value(frozenset((item.number,))), "a cached function acts on its first call only", certain=False
            )
        return frame

    def _run_body(self, node: FunctionNode, frame: Frame) -> None:
        if isinstance(node, ast.Lambda):
            frame.returns = frame.returns | self.eval(node.body)
        else:
            self.run(node.body)

    def _bind_parameters(
        self, scope: Scope, node: FunctionNode, defaults: dict[str, Value], args: Arguments, *, weak: bool
    ) -> None:
        spec = node.args
        given: dict[str, Value] = {}
        positional = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        given.update(zip(positional, args.positional, strict=False))
        extra = join(args.positional[len(positional) :])
        others = join(value for name, value in args.keywords.items() if name not in parameters(spec))
        given.update({name: value for name, value in args.keywords.items() if name in parameters(spec)})
        for name in parameters(spec):
            value = given.get(name, defaults.get(name, NOTHING))
            if args.spread is not None:
                value = value | args.spread
            if spec.vararg is not None and name == spec.vararg.arg:
                value = self._box(spec.vararg, "tuple", extra | (args.spread or NOTHING))
            elif spec.kwarg is not None and name == spec.kwarg.arg:
                value = self._box(spec.kwarg, "dict", others | (args.spread or NOTHING))
            old = scope.names.get(name)
            self._set(scope, name, old | value if weak and old is not None else value)

    def _box(self, node: ast.AST, kind: str, contents: Value) -> Value:
        made = self.make(node, "container", kind)
        self.heap.hold(made, contents)
        return Value(frozenset((made.number,)))

    def _fresh(self, node: ast.AST, kind: str) -> Value:
        return Value(frozenset((self.make(node, "container", kind).number,)))

    def _call_held(self, whole: Value, node: ast.AST) -> Value:
        """Whatever can be called among what a library gets hold of is called, with anything else that it was given.

        Returns
        -------
        Value
            What those calls return or yield.
        """
        with self.perhaps():
            return self.fixed_point(("held", whole.objects), lambda: self._call_each(whole, node), FRAMES_OF_A_ROUND)

    def _call_each(self, whole: Value, node: ast.AST) -> Value:
        out = []
        for number in sorted(self._held(whole)):
            self.spend()
            item = self.heap[number]
            if item.kind not in _CALLABLE:
                continue
            given = Value(whole.objects - {number}) | self.heap.inside(whole)
            if item.kind in ("function", "bound") and item.body is not None:
                owner = [Value(frozenset((item.owner or 0,)))] if item.kind == "bound" else []
                made = self._follow(item, Arguments([*owner, *[given] * 8], {}, given), node)
                out += [made, self.consume(made, node)]
            elif item.kind == "bound" and item.detail != "super":
                out.append(self.call(Value(frozenset((number,))), Arguments([given]), node))
            elif item.kind == "instance" and self.find(self.heap[item.owner or 0], "__call__")[0].objects:
                out.append(self.call_method(Value(frozenset((number,))), "__call__", Arguments([given]), node))
            elif item.kind == "class":
                out.append(self.call(Value(frozenset((number,))), Arguments([given] * 8, {}, given), node))
            elif item.kind == "result" and item.detail in CHANGES_WHAT_IT_IS_GIVEN:
                self.mutate_deeply(given, f"{item.detail}()")
            if item.kind == "result" and item.members:
                out.append(self.call(Value(frozenset((number,))), Arguments([given]), node))
            elif item.kind == "library":
                self._hand_to(item.detail, given)
        return join(out) if out else NOTHING

    def _hand_to(self, path: str, given: Value) -> None:
        """A library's function as an argument: what it is known to use and to change."""
        rule = self.table.call(path)
        if rule is None:
            self.unknown_code(f"calls {path}(), which is not known")
            self.mutate_deeply(given, f"{path}()")
            return
        for key in rule.sets:
            self.state(key, "write", f"{path}()", certain=False)
        if rule.barrier:
            self.barrier(f"{path}() {rule.barrier}")
        if rule.changes:
            self.mutate(given, f"{path}()", certain=False)


@lru_cache(maxsize=4096)
def _has_yield(node: FunctionNode) -> bool:
    return any(isinstance(item, ast.Yield | ast.YieldFrom) for item in _own_statements(node))


@lru_cache(maxsize=4096)
def _returns_early(node: FunctionNode) -> bool:
    if isinstance(node, ast.Lambda):
        return False
    last = node.body[-1]
    return any(isinstance(item, ast.Return | ast.Raise) and item is not last for item in _own_statements(node))


def _own_statements(node: FunctionNode) -> Iterator[ast.AST]:
    todo: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
    while todo:
        item = todo.pop()
        yield item
        if not isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            todo.extend(ast.iter_child_nodes(item))
