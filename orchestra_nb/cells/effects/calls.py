"""Calls: which of the ways to be called a value has, and what class of it answers to a method's name.

The interpreter's files build on one another: :mod:`.machine`, :mod:`.expressions`, :mod:`.following` (functions of the
notebook), :mod:`.libraries`, this one, :mod:`.statements`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from orchestra_nb.cells.effects.knowledge import PURE, Rule
from orchestra_nb.cells.effects.libraries import Libraries
from orchestra_nb.cells.effects.machine import Arguments, TooMuchWork
from orchestra_nb.cells.effects.members import has_attribute
from orchestra_nb.cells.effects.values import NOTHING, Object, Value, join

_DEEPEST = 40
_PURE_CALLABLES = frozenset({"functools.partial", "numpy.vectorize", "numpy.poly1d", "scipy.interpolate.interp1d"})
"""Results that are there to be called, and do not change by it."""


class Calls(Libraries):
    """Follows calls."""

    def _eval_Call(self, node: ast.Call) -> Value:
        self._depth_check()
        if isinstance(node.func, ast.Attribute):
            receiver = self.eval(node.func.value)
            return self.call_method(receiver, node.func.attr, self._arguments(node), node)
        return self.call(self.eval(node.func), self._arguments(node), node)

    def _depth_check(self) -> None:
        if len(self.context) > _DEEPEST:
            raise TooMuchWork

    def _arguments(self, node: ast.Call) -> Arguments:
        args = Arguments()
        spread: list[Value] = []
        for item in node.args:
            if isinstance(item, ast.Starred):
                spread.append(self.consume(self.eval(item.value), node))
            else:
                args.positional.append(self.eval(item))
        for keyword in node.keywords:
            value = self.eval(keyword.value)
            if keyword.arg is None:
                spread.append(self.heap.inside(value))
            else:
                args.keywords[keyword.arg] = value
        if spread or any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords):
            args.spread = join(spread)
        return args

    # -- dispatch ------------------------------------------------------------------------------------------------

    def call(self, callee: Value, args: Arguments, node: ast.AST) -> Value:
        """Call whatever a value may be."""
        if not callee.objects:
            return self._call_unknown(NOTHING, args, "calls something that is not known", node)
        return join(self._call_one(self.heap[number], args, node) for number in sorted(callee.objects))

    def _call_one(self, item: Object, args: Arguments, node: ast.AST) -> Value:
        one = Value(frozenset((item.number,)))
        match item.kind:
            case "function":
                return self._follow(item, args, node)
            case "class":
                return self._instantiate(item, args, node)
            case "bound":
                owner = Value(frozenset((item.owner or 0,)))
                if item.body is not None:
                    return self._follow(item, Arguments([owner, *args.positional], args.keywords, args.spread), node)
                return self.call_method(owner, item.detail, args, node)
            case "library":
                return self._call_library(item.detail, args, node)
            case "instance":
                return self.call_method(one, "__call__", args, node)
            case "result":  # it may be a method that was taken off its object
                if item.detail not in _PURE_CALLABLES:
                    self.mutate(one, "calls it", certain=False)
                    self.heap.hold(item, args.everything)
                return self._apply(PURE, args, node, receiver=one, maker=item.detail)
        return self._call_unknown(
            one, args, f"calls {self.names.get(item.number, item.detail)}(), which is not known", node
        )

    def call_method(self, receiver: Value, name: str, args: Arguments, node: ast.AST) -> Value:
        """Call ``receiver.name(…)``."""
        if not receiver.objects:  # a number or a string
            for part in args.positional:
                self.consume(part, node)
            return self._fresh(node, "list") if name in ("split", "splitlines", "rsplit", "partition") else NOTHING
        candidates = [self.heap[n] for n in sorted(receiver.objects)]
        if node is self.discarded and any(c.kind == "result" and self.table.method(c.detail, name) for c in candidates):
            self.discarded = None  # one of them is known to have this method: the others are not what is meant
        return join(self._method_of(item, name, args, node, receiver.const) for item in candidates)

    def _method_of(self, item: Object, name: str, args: Arguments, node: ast.AST, const: Any) -> Value:
        one = Value(frozenset((item.number,)))
        match item.kind:
            case "module" | "library":
                return self._call_library(f"{item.detail}.{name}", args, node)
            case "container":
                if not has_attribute(item.detail, name):
                    return NOTHING
                rule = self.table.method(item.detail, name) or PURE
                out = self._apply(rule, args, node, receiver=one, maker=item.detail, method=name)
                return self._from_container(item, name, out, args, node)
            case "result":
                return self._method_of_result(item, name, args, node, const)
            case "iterator" | "handle":
                if item.kind == "handle":
                    self.file(item.detail, "write", f"uses an open file (.{name})")
                self.mutate(one, f".{name}()")
                out = self._apply(PURE, args, node, receiver=one, maker=item.detail)
                return out | self.consume(one, node) if item.kind == "iterator" else out
            case "instance" | "class":
                return self._method_of_own(item, name, args, node)
            case "bound" if item.detail == "super":
                return self._super(item, name, args, node)
            case "function":
                self.mutate(one, f".{name}()", certain=False)
                held = Value(frozenset(item.contents))
                return self.call(held, args, node) | held if held.objects else NOTHING
        label = self.names.get(item.number, item.detail)
        return self._call_unknown(one, args, f"calls {label}.{name}(), which is not known", node)

    def _from_container(self, item: Object, name: str, out: Value, args: Arguments, node: ast.AST) -> Value:
        one = Value(frozenset((item.number,)))
        if name == "copy":
            made = self.make(node, "container", item.detail)
            self.heap.hold(made, Value(frozenset(item.contents)))
            return Value(frozenset((made.number,)))
        given = args.everything if name in ("get", "pop", "setdefault") else NOTHING
        return (self.heap.inside(one) | out | given).plain

    def _method_of_result(self, item: Object, name: str, args: Arguments, node: ast.AST, const: Any) -> Value:
        one = Value(frozenset((item.number,)), const)
        rule = self.table.method(item.detail, name)
        if name in ("query", "eval") and item.detail.startswith("pandas"):
            self._names_in_text(args.pick(0))
        if rule is None and node is self.discarded:
            rule = Rule(changes=("self",))  # why else call it?
        return self._apply(rule or PURE, args, node, receiver=one, maker=item.detail, method=name)

    def _names_in_text(self, text: Value | None) -> None:
        """The variables that a query names with ``@``."""
        if text is None or not isinstance(text.const, str):
            self.barrier("computes with names inside a text that is not known")
            return
        for name in re.findall(r"@\s*([A-Za-z_]\w*)", text.const):
            self.load(name)

    def _method_of_own(self, item: Object, name: str, args: Arguments, node: ast.AST) -> Value:
        found = self.member(item, name, node)
        callable_ = Value(
            frozenset(
                n
                for n in found.objects
                if self.heap[n].kind in ("bound", "function", "class", "library", "foreign", "result")
                and n != item.number
            )
        )
        cls = item if item.kind == "class" else self.heap[item.owner or 0]
        defined, complete = self.find(cls, name)
        out = [self.call(callable_, args, node)] if callable_.objects else []
        if not defined.objects and not complete:
            out.append(self._inherited(cls, Value(frozenset((item.number,))), name, args, node))
        return join(out)

    def _inherited(self, cls: Object, one: Value, name: str, args: Arguments, node: ast.AST) -> Value:
        """A method that comes from a base outside the notebook."""
        out = []
        for base in self._foreign_bases(cls):
            if base.kind == "library" and self.table.call(base.detail) is not None:
                rule = self.table.method(base.detail, name) or PURE
                out.append(self._apply(rule, args, node, receiver=one, maker=base.detail))
                self.mutate(one, f".{name}() of {base.detail}", certain=False)
            else:
                out.append(self._call_unknown(one, args, f"calls .{name}() of {base.detail}, which is not known", node))
        return join(out)

    def _foreign_bases(self, cls: Object) -> Iterator[Object]:
        for number in sorted(cls.contents):
            base = self.heap[number]
            if base.kind == "class":
                yield from self._foreign_bases(base)
            elif base.kind in ("library", "foreign", "result"):
                yield base

    def _super(self, item: Object, name: str, args: Arguments, node: ast.AST) -> Value:
        owner = self.heap[item.owner or 0]
        frame = next((f for f in reversed(self.frames.values()) if f.owner is not None), None)
        own = owner if owner.kind == "class" else self.heap[owner.owner or 0]
        cls = self.heap[frame.owner] if frame is not None and frame.owner is not None else own
        one = Value(frozenset((owner.number,)))
        out, known = [], False
        for number in sorted(cls.contents):
            base = self.heap[number]
            if base.kind == "class":
                found, complete = self.find(base, name)
                known = known or complete
                inner = Arguments([one, *args.positional], args.keywords, args.spread)
                out.append(self.call(found, inner, node) if found.objects else NOTHING)
        for base in self._foreign_bases(cls):
            if base.kind != "library" or self.table.call(base.detail) is None:
                out.append(self._call_unknown(one, args, f"calls {base.detail}.{name}(), which is not known", node))
            elif base.detail != "builtins.object":
                self.mutate(one, f".{name}() of {base.detail}", certain=False)
                self.heap.hold(owner, args.everything)
                out.append(one | self.heap.inside(one))
        return join(out)

    def _instantiate(self, cls: Object, args: Arguments, node: ast.AST) -> Value:
        made = self.make(node, "instance", cls.detail)
        made.owner = cls.number
        one = Value(frozenset((made.number,)))
        inits = 0
        for name in ("__new__", "__init__", "__post_init__"):
            found, _ = self.find(cls, name)
            for number in found.objects:
                inits += name == "__init__"
                first = Value(frozenset((cls.number,))) if name == "__new__" else one
                rest = Arguments([first, *args.positional], args.keywords, args.spread)
                self.call(Value(frozenset((number,))), rest if name != "__post_init__" else Arguments([one]), node)
        if not inits:
            self.heap.hold(made, args.everything)
            for name, value in args.keywords.items():
                self.heap.set_field(made, name, value, weak=True)
            for base in self._foreign_bases(cls):
                if base.kind != "library" or self.table.call(base.detail) is None:
                    self._call_unknown(one, args, f"makes a {base.detail}, which is not known", node)
        return one
