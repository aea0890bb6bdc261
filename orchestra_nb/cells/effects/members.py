"""Attributes: fields, methods and properties of the notebook's own objects, and the special methods that use runs."""

from __future__ import annotations

import ast
import builtins

from orchestra_nb.cells.effects.arguments import Arguments
from orchestra_nb.cells.effects.names import Names
from orchestra_nb.cells.effects.values import NOTHING, Object, Value, join

OPERATORS = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.FloorDiv: "floordiv", ast.Mod: "mod",
    ast.Pow: "pow", ast.MatMult: "matmul", ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor",
    ast.LShift: "lshift", ast.RShift: "rshift",
}  # fmt: skip
MAKING = ("__init__", "__new__", "__post_init__", "__init_subclass__", "__class_getitem__", "__set_name__")
BEFORE_BODY = ("__enter__", "__aenter__")
AFTER_BODY = ("__exit__", "__aexit__")
ENTERING = (*BEFORE_BODY, *AFTER_BODY)
_ITERATING = ("__iter__", "__next__", "__aiter__", "__anext__", "__await__")
NAMES_IN_TEXT = ("query", "eval")
"""Methods of tables that compute with the variables named in a text."""
_STORING = ("__getitem__", "__setitem__", "__delitem__", "__setattr__", "__delattr__", "__missing__")
_IN_PLACE = tuple(f"__i{name}__" for name in OPERATORS.values())
_NOT_OBSERVERS = frozenset((*MAKING, "__call__", *ENTERING, *_ITERATING, *_STORING, *_IN_PLACE))
"""Special methods that run in their own situations; all others may run whenever an instance is looked at."""


class Members(Names):
    """Looks attributes up."""

    def attribute(self, receiver: Value, name: str, node: ast.AST) -> Value:
        """What ``receiver.name`` may be."""
        out: list[Value] = []
        for item in map(self.heap.__getitem__, receiver.objects):
            one = Value(frozenset((item.number,)))
            if item.kind in ("module", "library"):
                self._use_module(f"{item.detail}.{name}")
                out.append(self.imported(f"{item.detail}.{name}"))
            elif item.kind in ("instance", "class", "bound"):
                with self.one_of(len(receiver.objects)):
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
                if rule or (name in NAMES_IN_TEXT and item.detail.startswith("pandas")):  # it may be called later
                    out.append(self._bound(item, name, None, node))
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
        out = [self._unbound_parts(item, item.fields[name])] if name in item.fields else []
        cls = item if item.kind == "class" else self.heap[item.owner or 0]
        found, complete = self.find(cls, name)
        for number in found.objects:
            part = self.heap[number]
            if part.body is None:
                out.append(Value(frozenset((number,))))
                if part.kind == "instance":
                    out.append(self._dunder(out[-1], "__get__", [one, Value(frozenset((cls.number,)))], node))
                if item.kind == "instance":  # a field of a dataclass may have been given by position
                    out.append(Value(frozenset(item.contents)))
            elif part.body.binding in ("setter", "deleter"):
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

    def _unbound_parts(self, item: Object, field: Value) -> Value:
        """What a field gives as it is: all but the class methods of a class, which come bound."""
        parts = self.of_kind(field, "function") if item.kind == "class" else []
        bound = {part.number for part in parts if part.body is not None and part.body.binding == "class"}
        return Value(field.objects - bound, field.const) if bound else field

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
        instances = self.of_kind(value, "instance")
        for item in instances:
            self.observed[item.number] = self.observed.get(item.number, NOTHING) | value.plain
        if instances and not self.observing:
            self._observe_all(node)
        for item in self.of_kind(value, "class"):
            for meta in self.of_kind(item.metaclass, "class"):  # for a class, its metaclass is what a class else is
                for name in self.all_fields(meta):
                    if name.startswith("__") and name not in (*MAKING, "__call__", "__prepare__"):
                        with self.perhaps():
                            found = self._dunder_of_class(Value(frozenset((item.number,))), name, [NOTHING], node)
                            self.consume(Value(frozenset(i.number for i in self.of_kind(found, "iterator"))), node)

    def _observe_all(self, node: ast.AST) -> None:
        """Run the special methods of all that is being looked at, until that brings up nothing new.

        Those methods use their instances too, which may run any of them again. To follow each from within each other
        would take a time that is exponential in how many there are.
        """
        self.observing = True
        try:
            known, done = (-1, 0), dict[int, Value]()
            while (now := (self.heap.version, len(self.effects.accesses))) != known or self.observed != done:
                known, done = now, dict(self.observed)
                for number, others in done.items():
                    for name in _observers(self.all_fields(self.heap[self.heap[number].owner or 0])):
                        with self.perhaps():
                            self._dunder(Value(frozenset((number,))), name, [others], node)
        finally:
            self.observing = False
            self.observed.clear()

    def observe_deeply(self, value: Value, node: ast.AST) -> None:
        """Showing a container shows what is in it, however deep."""
        self.observe(Value(frozenset(self._held(value))), node)

    def _held(self, value: Value) -> set[int]:
        """What is directly in a value's containers; methods of instances are not handed out by passing them."""
        seen: set[int] = set()
        todo = list(value.objects)
        while todo:
            number = todo.pop()
            if number in seen:
                continue
            seen.add(number)
            if self.heap[number].kind in ("container", "result", "iterator", "bound"):
                todo.extend(self.heap[number].contents)
        return seen

    def _dunder_of_class(self, value: Value, name: str, args: list[Value], node: ast.AST) -> Value:
        """A special method of a class's metaclass, called on the class; or ``__class_getitem__`` of its own."""
        out = []
        for item in self.of_kind(value, "class"):
            homes = [item] if name == "__class_getitem__" else self.of_kind(item.metaclass, "class")
            for part in (self.heap[n] for home in homes for n in self.find(home, name)[0].objects):
                if part.body is not None:
                    with self.perhaps():
                        out.append(self.call(self._bound(item, name, part, node), Arguments(list(args)), node))
        return join(out)

    def _dunder(self, value: Value, name: str, args: list[Value], node: ast.AST) -> Value:
        """What a special method gives, if that is what runs: Python chooses among several, and by what it was given."""
        methods = [
            self._bound(item, name, self.heap[number], node)
            for item in self.of_kind(value, "instance")
            for number in self.find(self.heap[item.owner or 0], name)[0].objects
            if self.heap[number].body is not None
        ]
        out = []
        for method in methods:
            with self.one_of(max(len(methods), len(value.objects))), self.perhaps():  # it may be a number after all
                out.append(self.call(method, Arguments(list(args)), node))
        return join(out)


def has_attribute(container: str, name: str) -> bool:
    """Whether a builtin container type has a method or attribute of this name."""
    return hasattr(getattr(builtins, container, object), name)


def _observers(fields: dict[str, Value]) -> list[str]:
    return [n for n in fields if n.startswith("__") and n.endswith("__") and n not in _NOT_OBSERVERS]
