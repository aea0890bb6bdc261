"""Calls: which of the ways to be called a value has, and what class of it answers to a method's name."""

from __future__ import annotations

import ast
import re
from typing import Any

from orchestra_nb.cells.effects.arguments import Arguments
from orchestra_nb.cells.effects.containers import Containers
from orchestra_nb.cells.effects.knowledge import PURE, Rule
from orchestra_nb.cells.effects.members import NAMES_IN_TEXT, has_attribute
from orchestra_nb.cells.effects.values import NOTHING, Object, Value, join

_LONGEST = 60
"""Characters of a callee that a reason shows."""
_PURE_CALLABLES = frozenset({"functools.partial", "numpy.vectorize", "numpy.poly1d", "scipy.interpolate.interp1d"})
"""Results that are there to be called, and do not change by it."""

_GIVES_TEXT = frozenset(
    (
        *(
            "read",
            "read1",
            "readline",
            "readlines",
            "write",
            "writelines",
            "tell",
            "seek",
            "close",
            "flush",
            "truncate",
        ),
        *("readable", "writable", "seekable", "fileno", "isatty", "readinto"),
    )
)
"""Methods of open files that give text, bytes, numbers, or lists of them."""
_LOOK_UP = frozenset({"operator.methodcaller", "operator.attrgetter"})


class Calls(Containers):
    """Follows calls."""

    def _eval_Call(self, node: ast.Call) -> Value:
        if isinstance(node.func, ast.Attribute):
            receiver = self.eval(node.func.value)
            value = self.call_method(receiver, node.func.attr, self._arguments(node), node)
        else:
            value = self.call(self.eval(node.func), self._arguments(node), node)
        self.observe(value, node)
        return value

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
        strange = self._strangers(callee)
        if strange.objects and callee.objects <= self.anything.objects:
            self._call_anything(self._written(callee, node))
        out = []
        for number in sorted(callee.objects - strange.objects):
            with self.one_of(len(callee.objects)):
                out.append(self._call_one(self.heap[number], args, node))
        if strange.objects:
            out.append(
                self._call_unknown(strange, args, f"calls {self._written(strange, node)}(), which is not known", node)
            )
        return join(out)

    def _strangers(self, value: Value) -> Value:
        """The objects about which nothing is known: calling one of them may do what calling any of them may."""
        return Value(frozenset(item.number for item in self.of_kind(value, "foreign") if item.detail != "IPython"))

    def _call_anything(self, name: str) -> None:
        """Call what code that is not followed may have defined: it may use and bind any name of the notebook."""
        self.barrier(f"calls {name}(), which code that is not followed may have defined")
        self.forget_types("such a call binds")

    def _written(self, value: Value, node: ast.AST, method: str = "") -> str:
        """A callee as the reader knows it: by a variable, else as it is written."""
        name = next((self.names[n] for n in sorted(value.objects) if n in self.names), "")
        if name or not isinstance(node, ast.Call):
            return f"{name or 'something'}.{method}" if method else name or "something"
        text = ast.unparse(node.func)
        return text if len(text) <= _LONGEST else f"…{text[-_LONGEST:]}"

    def _call_one(self, item: Object, args: Arguments, node: ast.AST) -> Value:
        self.spend()
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
            case "result" if item.detail == "functools.wraps":  # gives back the wrapper, marked with what it wraps
                wrapper = args.pick(0) or args.everything
                self.mutate(wrapper, "functools.wraps()")
                for function in self.of_kind(wrapper, "function"):
                    self.heap.hold(function, Value(frozenset(item.contents)))
                return wrapper.plain
            case "result" if item.members:
                return self._take_members(item, args, node)
            case "result":  # it may be a method that was taken off its object
                if item.detail not in _PURE_CALLABLES:
                    self.mutate(one, "calls it", certain=False)
                    self.heap.hold(item, args.everything)
                return self._apply(PURE, args, node, receiver=one, maker=item.detail)
        return self._call_unknown(one, args, f"calls {self._written(one, node)}(), which is not known", node)

    def _take_members(self, item: Object, args: Arguments, node: ast.AST) -> Value:
        """Call what ``operator.methodcaller`` or ``attrgetter`` made: it looks up members of its argument."""
        receiver = Value(args.everything.objects - {item.number})
        out = []
        for name in sorted(item.members):
            if item.detail == "operator.methodcaller":
                given = Value(frozenset(item.contents))
                out.append(self.call_method(receiver, name, Arguments([given] * 8, {}, given), node))
                continue
            value = receiver
            for part in name.split("."):
                value = self.attribute(value, part, node)
            out.append(value)
        return join(out)

    def _call_library(self, path: str, args: Arguments, node: ast.AST) -> Value:
        out = super()._call_library(path, args, node)
        if path in _LOOK_UP:
            names = args.positional[:1] if path == "operator.methodcaller" else args.positional
            for item in self.of_kind(out, "result"):
                item.members |= {name.const for name in names if isinstance(name.const, str)}
        return out

    def call_method(self, receiver: Value, name: str, args: Arguments, node: ast.AST) -> Value:
        """Call ``receiver.name(…)``."""
        if not receiver.objects:  # a number or a string
            self._into_text(name, args, node)
            return self._fresh(node, "list") if name in ("split", "splitlines", "rsplit", "partition") else NOTHING
        strange = self._strangers(receiver)
        candidates = [self.heap[n] for n in sorted(receiver.objects - strange.objects)]
        if node is self.discarded and any(c.kind == "result" and self.table.method(c.detail, name) for c in candidates):
            self.discarded = None  # one of them is known to have this method: the others are not what is meant
        out = []
        for item in candidates:
            with self.one_of(len(receiver.objects)):
                out.append(self._method_of(item, name, args, node, receiver.const))
        if strange.objects:
            told = f"calls {self._written(strange, node, name)}(), which is not known"
            if receiver.objects <= self.anything.objects:
                self._call_anything(self._written(strange, node, name))
            out.append(self._call_unknown(strange, args, told, node))
        return join(out)

    def _into_text(self, name: str, args: Arguments, node: ast.AST) -> None:
        """A method of a string or a number: ``format`` and ``join`` look at what they are given."""
        for part in args.positional:
            self.consume(part, node)
        whole = args.everything
        if whole.objects:
            self.observe_deeply(whole, node)
            if name in ("format", "format_map"):
                self.state("options", "read", f".{name}()")
                self._dunder(whole, "__missing__", [NOTHING], node)

    def _method_of(self, item: Object, name: str, args: Arguments, node: ast.AST, const: Any) -> Value:
        one = Value(frozenset((item.number,)))
        match item.kind:
            case "module" | "library":
                return self._call_library(f"{item.detail}.{name}", args, node)
            case "container":
                return self.method_of_container(item, name, args, node)
            case "result":
                return self._method_of_result(item, name, args, node, const)
            case "iterator" | "handle":
                if item.kind == "handle":
                    self.use_file(item, f"uses an open file (.{name})")
                self.mutate(one, f".{name}()")
                if name in ("send", "asend"):
                    self.heap.set_field(item, "sent", args.everything, weak=True)
                if name.startswith(("readinto", "recv_into")):
                    self.mutate(args.everything, f".{name}()")
                maker = "builtins.open" if item.kind == "handle" else item.detail
                out = self._apply(PURE, args, node, receiver=one, maker=maker)
                if item.opened and name in _GIVES_TEXT:
                    return self._fresh(node, "list") if name == "readlines" else NOTHING
                return out | self.consume(one, node) if item.kind == "iterator" else out
            case "instance" | "class":
                return self._method_of_own(item, name, args, node)
            case "bound" if item.detail == "super":
                return self._super(item, name, args, node)
            case "function":
                self.mutate(one, f".{name}()", certain=False)
                held = Value(frozenset(item.contents))
                return self.call(held, args, node) | held if held.objects else NOTHING
        return self._call_unknown(one, args, f"calls {self._written(one, node, name)}(), which is not known", node)

    def _method_of_result(self, item: Object, name: str, args: Arguments, node: ast.AST, const: Any) -> Value:
        one = Value(frozenset((item.number,)), const)
        rule = self.table.method(item.detail, name)
        if name in NAMES_IN_TEXT and item.detail.startswith("pandas"):
            self._names_in_text(args.pick(0))
        last = node is self.shown and item.detail.partition(".")[0] not in self.table.listed
        if rule is None and (last or node is self.discarded):
            rule = Rule(changes=("self",))  # why else call it?
        return self._apply(rule or PURE, args, node, receiver=one, maker=item.detail, method=name)

    def _names_in_text(self, text: Value | None) -> None:
        """The variables that a query names with ``@``."""
        if text is None or not isinstance(text.const, str):
            self.barrier("computes with names inside a text that is not known")
            return
        for name in re.findall(r"@\s*([A-Za-z_]\w*)", text.const):
            self.look_up(name)

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
        if not callable_.objects and complete and has_attribute("dict", name):  # of its __dict__
            one = Value(frozenset((item.number,)))
            self.mutate(one, f".__dict__.{name}()", certain=False)
            self.heap.hold(item, args.everything | self.heap.inside(args.everything))
            for field, value in args.keywords.items():
                self.heap.set_field(item, field, value, weak=True)
            return self.heap.inside(one) | args.everything
        if not defined.objects and self.find(cls, "__getattr__")[0].objects:
            self.mutate_deeply(Value(frozenset((item.number,))), f".{name}() goes through __getattr__")
        out = [self.call(callable_, args, node)] if callable_.objects else []
        if not defined.objects and not complete:
            out.append(self._inherited(cls, Value(frozenset((item.number,))), name, args, node))
        return join(out)
