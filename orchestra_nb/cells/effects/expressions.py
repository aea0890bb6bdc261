"""Expressions: what they may yield, and what evaluating them touches."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from orchestra_nb.cells.effects.lifetimes import Lifetimes
from orchestra_nb.cells.effects.members import OPERATORS
from orchestra_nb.cells.effects.values import NOTHING, UNKNOWN, Body, Object, Value, join

_CONTAINERS = {ast.List: "list", ast.Set: "set", ast.Tuple: "tuple"}

_UNARY: dict[type[ast.unaryop], str] = {ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "invert"}
_ELEMENTS_APART = 200
"""Elements of one literal that are told apart; beyond that the work would grow with the square of a table's length."""


class Expressions(Lifetimes):
    """Evaluates expressions over abstract values."""

    def eval(self, node: ast.expr | None) -> Value:
        """What an expression may yield; effects are recorded on the way."""
        if node is None:
            return NOTHING
        self.spend()
        if not self.context:
            self.line = node.lineno
        handler: Callable[[Any], Value] = getattr(self, f"_eval_{type(node).__name__}", self._eval_parts)
        self.depth += 2
        value = handler(node)
        self.depth -= 2
        return value

    def _eval_parts(self, node: ast.expr) -> Value:
        return join([self.eval(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)])

    # -- atoms ---------------------------------------------------------------------------------------------------

    def _eval_Name(self, node: ast.Name) -> Value:
        value = self.load(node.id)
        self.observe(value, node)
        return value

    def _eval_Constant(self, node: ast.Constant) -> Value:
        return Value(const=node.value)

    def _eval_JoinedStr(self, node: ast.JoinedStr) -> Value:
        parts = [self.eval(part) for part in node.values]
        if all(isinstance(part.const, str | int) for part in parts):
            return Value(const="".join(str(part.const) for part in parts))
        return NOTHING

    def _eval_FormattedValue(self, node: ast.FormattedValue) -> Value:
        value = self.eval(node.value)
        if value.objects:
            self.state("options", "read", "formats a value")
            self.observe_deeply(value, node)
        self.eval(node.format_spec)
        return Value(const=value.const if not value.objects else UNKNOWN)

    def _items(self, nodes: list[ast.expr]) -> Iterator[Value]:
        """The values of a literal's elements; of a long table of constants, rows of one shape count as one object."""
        shared: dict[Hashable, Value] = {}
        for position, node in enumerate(nodes):
            shape = _shape(node) if position >= _ELEMENTS_APART else None
            if shape is None:
                yield self.eval(node)
                continue
            if shape not in shared:
                shared[shape] = self.eval(node).plain
            yield shared[shape]

    def _container(self, node: Any) -> Value:
        made = self.make(node, "container", _CONTAINERS[type(node)])
        placed = made.detail != "set" and len(node.elts) <= _ELEMENTS_APART
        placed = placed and not any(isinstance(element, ast.Starred) for element in node.elts)
        for number, (element, value) in enumerate(zip(node.elts, self._items(node.elts), strict=True)):
            if placed:
                self.heap.place(made, number, value)
            else:
                self.heap.hold(made, self.consume(value, node) if isinstance(element, ast.Starred) else value)
        return Value(frozenset((made.number,)))

    _eval_List = _eval_Set = _container

    def _eval_Tuple(self, node: ast.Tuple) -> Value:
        value = self._container(node)
        made = self.heap[next(iter(value.objects))]
        return value if made.contents else NOTHING

    def _eval_Dict(self, node: ast.Dict) -> Value:
        made = self.make(node, "container", "dict")
        placed = len(node.keys) <= _ELEMENTS_APART
        placed = placed and all(isinstance(key, ast.Constant) and type(key.value) in (int, str) for key in node.keys)
        for key, value in zip(node.keys, self._items(node.values), strict=True):
            keyed = self.eval(key)
            self.observe(keyed, node)
            self.heap.hold(made, keyed)
            if placed:
                self.heap.place(made, keyed.const, value)
            else:
                self.heap.hold(made, self.heap.inside(value) if key is None else value)
        return Value(frozenset((made.number,)))

    def _eval_Starred(self, node: ast.Starred) -> Value:
        return self.eval(node.value)

    # -- operators -----------------------------------------------------------------------------------------------

    def _eval_BinOp(self, node: ast.BinOp) -> Value:
        return self.operate(node.op, self.eval(node.left), self.eval(node.right), node)

    def operate(self, op: ast.operator, left: Value, right: Value, node: ast.AST) -> Value:
        """``left op right``: a new object, unless numbers and strings are all there is."""
        both = left | right
        if not both.objects:
            return Value(const=_fold(op, left.const, right.const))
        self.state("options", "read", "computes")
        self.state("warnings", "read", "computes")
        name = OPERATORS[type(op)]
        if name == "mod" and not left.objects:  # it may put values into a text
            self.observe_deeply(right, node)
        out = [self._dunder(left, f"__{name}__", [right], node), self._dunder(right, f"__r{name}__", [left], node)]
        kinds = self.of_kind(both, "result", "foreign", "library", "iterator", "handle")
        if kinds:
            paths = (kind.detail for kind in kinds if kind.detail.startswith("pathlib."))
            maker = next(paths, kinds[0].detail)  # what a path was made from may be among them
            detail = "pathlib.Path" if maker.startswith("pathlib.") else f"{maker.partition('.')[0]}.result"
            made = self.make(node, "foreign" if kinds[0].kind == "foreign" else "result", detail)
            const = _path_of(left, right) if isinstance(op, ast.Div) else UNKNOWN
            out.append(Value(frozenset((made.number,))))
            if any(k.kind == "foreign" for k in kinds):
                self.heap.hold(made, both)
            if const is not UNKNOWN and all(not o.objects for o in out[:2]):
                return Value(out[2].objects, const)
        boxes = self.of_kind(both, "container")
        if boxes:
            made = self.make(node, "container", boxes[0].detail)
            self.heap.hold(made, self.heap.inside(both))
            out.append(Value(frozenset((made.number,))))
        return join(out)

    def _eval_UnaryOp(self, node: ast.UnaryOp) -> Value:
        value = self.eval(node.operand)
        if isinstance(node.op, ast.USub) and type(value.const) is int:
            return Value(const=-value.const)
        if isinstance(node.op, ast.Not) or not value.objects:
            return NOTHING
        own = self._dunder(value, f"__{_UNARY[type(node.op)]}__", [], node)
        return own | self.operate(ast.Sub(), value, NOTHING, node)

    def _eval_BoolOp(self, node: ast.BoolOp) -> Value:
        before = set(self.own)
        first, *rest = node.values
        values = [self.eval(first)]
        settled = set(self.own)
        self.weak += 1
        values += [self.eval(item) for item in rest]
        self.weak -= 1
        self.own = settled | before
        return join(values)

    def _eval_IfExp(self, node: ast.IfExp) -> Value:
        self.eval(node.test)
        settled = set(self.own)
        self.weak += 1
        value = self.eval(node.body) | self.eval(node.orelse)
        self.weak -= 1
        self.own = settled
        return value

    def _eval_Compare(self, node: ast.Compare) -> Value:
        values = [self.eval(node.left), self.eval(node.comparators[0])]
        with self.perhaps():  # a < b < c looks at c only if a < b
            values += map(self.eval, node.comparators[1:])
        if any(isinstance(op, ast.In | ast.NotIn) for op in node.ops):
            for container in values[1:]:
                self.observe(self.heap.inside(container), node)
                if self.of_kind(container, "iterator"):
                    self.consume(container, node)
        results = self.of_kind(join(values), "result", "foreign")
        if not results:
            return NOTHING
        made = self.make(node, "result", f"{results[0].detail.partition('.')[0]}.result")
        return Value(frozenset((made.number,)))

    def _eval_NamedExpr(self, node: ast.NamedExpr) -> Value:
        value = self.eval(node.value)
        here = self.scope
        while self.scope in self.comprehending and self.scope.parent is not None:
            self.scope = self.scope.parent
        self.assign(node.target, value)
        self.scope = here
        return value

    def _eval_Await(self, node: ast.Await) -> Value:
        return self.consume(self.eval(node.value), node)

    def _eval_Yield(self, node: ast.Yield) -> Value:
        value = self.eval(node.value)
        self._yield(value)
        return next(reversed(self.frames.values())).sent if self.frames else NOTHING

    def _eval_YieldFrom(self, node: ast.YieldFrom) -> Value:
        self._yield(self.consume(self.eval(node.value), node))
        return NOTHING

    def _yield(self, value: Value) -> None:
        if self.frames:
            frame = next(reversed(self.frames.values()))
            frame.yields = frame.yields | value.plain

    def _eval_Lambda(self, node: ast.Lambda) -> Value:
        return Value(frozenset((self.function(node).number,)))

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Object:
        """Make a function: its defaults are evaluated now, its body when it is called."""
        args = node.args
        positional = [*args.posonlyargs, *args.args]
        defaults = {
            a.arg: self.eval(d)
            for a, d in zip(positional[len(positional) - len(args.defaults) :], args.defaults, strict=True)
        }
        for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
            if default is not None:
                defaults[arg.arg] = self.eval(default)
        made = self.make(node, "function", getattr(node, "name", "lambda"))
        old = made.body
        self.changes += old is not None and old.defaults != defaults
        self.renewals += old is not None and old.scope is not self.scope
        made.body = Body(node, self.scope, defaults)
        self.scope.share()
        return made

    # -- parts of objects ------------------------------------------------------------------------------------------

    def _eval_Attribute(self, node: ast.Attribute) -> Value:
        value = self.attribute(self.eval(node.value), node.attr, node)
        self.observe(value, node)
        return value

    def _eval_Subscript(self, node: ast.Subscript) -> Value:
        receiver, index = self.eval(node.value), self.eval(node.slice)
        for item in self.of_kind(receiver, "result"):
            if item.detail.endswith("defaultdict"):
                self.mutate(Value(frozenset((item.number,))), "looking up a defaultdict may add a key", certain=False)
        found = [self._dunder(receiver, name, [index], node) for name in ("__getitem__", "__missing__")]
        boxes = self.of_kind(receiver, "container")
        if isinstance(node.slice, ast.Slice) and boxes:
            made = self.make(node, "container", boxes[0].detail)
            self.heap.hold(made, self.heap.inside(receiver))
            found.append(Value(frozenset((made.number,))))
            receiver = Value(receiver.objects - {box.number for box in boxes})  # its elements are in the new one
        else:
            for box in boxes:
                placed = self.heap.placed(box, index.const)
                if placed is not None:
                    found.append(placed)
                    receiver = Value(receiver.objects - {box.number})
        found += [self._dunder_of_class(receiver, name, [index], node) for name in ("__class_getitem__", "__getitem__")]
        value = join([self.element(receiver, index, node), *found])
        self.observe(value, node)
        return value

    def element(self, receiver: Value, index: Value, node: ast.Subscript) -> Value:
        """What may be taken out of a value by a subscript."""
        return self.heap.inside(receiver)

    def _eval_Slice(self, node: ast.Slice) -> Value:
        return join([self.eval(node.lower), self.eval(node.upper), self.eval(node.step)])


def _shape(node: ast.expr | None) -> Hashable:
    """What a literal looks like when all that is written in it are constants; ``None`` when it is anything else."""
    match node:
        case ast.Constant():
            return "constant"
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            shapes = {_shape(part) for part in parts}
        case ast.Dict(keys=keys, values=values):
            shapes = {_shape(part) for part in (*keys, *values)}
        case _:
            return None
    return None if None in shapes else (type(node), frozenset(shapes))


def _fold(op: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(op, ast.Add) and isinstance(left, str) and isinstance(right, str):
        return left + right
    return UNKNOWN


def _path_of(left: Value, right: Value) -> Any:
    if isinstance(left.const, str) and isinstance(right.const, str):
        return posixpath.join(left.const, right.const)
    return UNKNOWN
