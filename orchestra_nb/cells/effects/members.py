"""Attributes: fields, methods and properties of the notebook's own objects, and the special methods that use runs."""

from __future__ import annotations

import ast
import builtins

from orchestra_nb.cells.effects.machine import Arguments
from orchestra_nb.cells.effects.names import Names
from orchestra_nb.cells.effects.values import NOTHING, Object, Value, join

OPERATORS = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.FloorDiv: "floordiv", ast.Mod: "mod",
    ast.Pow: "pow", ast.MatMult: "matmul", ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor",
    ast.LShift: "lshift", ast.RShift: "rshift",
}  # fmt: skip
_MAKING = ("__init__", "__new__", "__post_init__", "__init_subclass__", "__class_getitem__", "__set_name__")
ENTERING = ("__enter__", "__exit__", "__aenter__", "__aexit__")
_ITERATING = ("__iter__", "__next__", "__aiter__", "__anext__", "__await__")
_STORING = ("__getitem__", "__setitem__", "__delitem__", "__setattr__", "__delattr__", "__missing__")
_IN_PLACE = tuple(f"__i{name}__" for name in OPERATORS.values())
_NOT_OBSERVERS = frozenset((*_MAKING, "__call__", *ENTERING, *_ITERATING, *_STORING, *_IN_PLACE))
"""Special methods that run in their own situations; all others may run whenever an instance is looked at."""


class Members(Names):
    """Looks attributes up."""

    def attribute(self, receiver: Value, name: str, node: ast.AST) -> Value:
        """What ``receiver.name`` may be."""
        out: list[Value] = []
        for item in map(self.heap.__getitem__, receiver.objects):
            one = Value(frozenset((item.number,)))
            if item.kind in ("module", "library"):
                out.append(self.imported(f"{item.detail}.{name}"))
            elif item.kind in ("instance", "class", "bound"):
                out.append(self.member(item, name, node))
            elif item.kind == "container":
                out.append(self._bound(item, name, None, node) if has_attribute(item.detail, name) else NOTHING)
            elif item.kind == "function":
                out.append(Value(frozenset(item.contents)))
            else:
                rule = self.table.method(item.detail, name) if item.kind == "result" else None
                for key in rule.sets if rule else ():
                    self.state(key, "write", f".{name}")
                out.append(one | self.heap.inside(one))
        return join(out)

    def member(self, item: Object, name: str, node: ast.AST) -> Value:
        """A field, method or property of an instance or a class that the notebook defines."""
        if item.kind == "bound":
            return self._bound(self.heap[item.owner or 0], name, None, node) if item.detail == "super" else NOTHING
        one = Value(frozenset((item.number,)))
        if name == "__dict__":
            return one
        if name == "__class__" and item.kind == "instance" and item.owner is not None:
            return Value(frozenset((item.owner,)))
        out = [item.fields[name]] if name in item.fields else []
        cls = item if item.kind == "class" else self.heap[item.owner or 0]
        found, complete = self.find(cls, name)
        for number in found.objects:
            part = self.heap[number]
            if part.body is None:
                out.append(Value(frozenset((number,))))
                if item.kind == "instance":  # a field of a dataclass may have been given by position
                    out.append(Value(frozenset(item.contents)))
            elif part.body.binding == "setter":
                continue
            elif part.body.binding == "property" and item.kind == "instance":
                out.append(self.call(self._bound(item, name, part, node), Arguments(), node))
            elif part.body.binding == "static" or (item.kind == "class" and part.body.binding == "plain"):
                out.append(Value(frozenset((number,))))
            else:
                out.append(self._bound(cls if part.body.binding == "class" else item, name, part, node))
        for meta in self.of_kind(item.metaclass, "class"):
            found, _ = self.find(meta, name)
            for part in map(self.heap.__getitem__, found.objects):
                method = part.kind == "function"
                out.append(self._bound(item, name, part, node) if method else Value(frozenset((part.number,))))
        if not out:
            out.append(Value(frozenset(item.contents)) | (NOTHING if complete else one))
            out.append(self._dunder(one, "__getattr__", [NOTHING], node))
        return join(out)

    def _bound(self, owner: Object, name: str, method: Object | None, node: ast.AST) -> Value:
        made = self.heap.make(("bound", owner.number, name, method and method.number), "bound", name, owner.cell)
        made.owner = owner.number
        made.body = method.body if method else None
        return Value(frozenset((made.number,)))

    def find(self, cls: Object, name: str) -> tuple[Value, bool]:
        """Look a name up in a class and its bases; ``False`` when a base that is not the notebook's may have it."""
        if name in cls.fields:
            return cls.fields[name], True
        found, complete = NOTHING, True
        for number in cls.contents:
            base = self.heap[number]
            if base.kind == "class":
                value, known = self.find(base, name)
                found, complete = found | value, complete and known
            elif base.detail not in ("builtins.object", "abc.ABC", "typing.Protocol", "typing.Generic"):
                complete = False
        return found, complete

    def all_fields(self, cls: Object) -> dict[str, Value]:
        """The names that a class and its bases in the notebook define."""
        out: dict[str, Value] = {}
        for base in self.of_kind(Value(frozenset(cls.contents)), "class"):
            out.update(self.all_fields(base))
        return out | cls.fields

    def observe(self, value: Value, node: ast.AST) -> None:
        """Using an instance may run the special methods that its class defines for looking at it."""
        for item in self.of_kind(value, "instance"):
            for name in _observers(self.all_fields(self.heap[item.owner or 0])):
                self._dunder(Value(frozenset((item.number,))), name, [value], node)

    def _dunder(self, value: Value, name: str, args: list[Value], node: ast.AST) -> Value:
        out = []
        for item in self.of_kind(value, "instance"):
            found, _ = self.find(self.heap[item.owner or 0], name)
            for number in found.objects:
                if self.heap[number].body is not None:
                    out.append(self.call(self._bound(item, name, self.heap[number], node), Arguments(list(args)), node))
        return join(out)


def has_attribute(container: str, name: str) -> bool:
    """Whether a builtin container type has a method or attribute of this name."""
    return hasattr(getattr(builtins, container, object), name)


def _observers(fields: dict[str, Value]) -> list[str]:
    return [n for n in fields if n.startswith("__") and n.endswith("__") and n not in _NOT_OBSERVERS]
