"""The notebook's own objects in the hands of libraries: which of their methods run there, and what copies are."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from orchestra_nb.cells.effects.arguments import Arguments
from orchestra_nb.cells.effects.fixpoint import FRAMES_OF_A_ROUND
from orchestra_nb.cells.effects.knowledge import Rule
from orchestra_nb.cells.effects.libraries import Libraries
from orchestra_nb.cells.effects.members import ENTERING, MAKING
from orchestra_nb.cells.effects.values import NOTHING, Object, Value

_COPIES = frozenset({"copy.copy", "copy.deepcopy", "sklearn.base.clone", "joblib.load", "pickle.loads"})
_MAKES_CALLABLE = frozenset({"functools.partial", "functools.wraps"})
_CALLED_BACK = frozenset({"write", "fit", "transform", "predict", "filter", "emit", "default"})
"""Methods by which libraries use objects that share no base with them."""
_SHOWS = frozenset(f"builtins.{name}" for name in ("print", "str", "repr", "format", "ascii", "display"))

_NO_HOOKS = ("builtins.", "abc.", "typing.", "enum.", "dataclasses.")
"""Bases whose methods do not call those of a subclass, other than the special methods."""
_LEAVES_ALONE = (
    "builtins.",
    "copy.",
    "pickle.",
    "joblib.",
    "weakref.",
    "typing.",
    "dataclasses.",
    "functools.",
    "itertools.",
)
"""Makers that call no named method of what they are given."""


class Overrides(Libraries):
    """Follows what libraries do with the notebook's own objects."""

    # -- instances in the hands of libraries -----------------------------------------------------------------------

    def _apply(
        self, rule: Rule, args: Arguments, node: ast.AST, *, receiver: Value | None, maker: str, method: str = ""
    ) -> Value:
        out = super()._apply(rule, args, node, receiver=receiver, maker=maker, method=method)
        constructs = receiver is None and _constructs(maker)
        given = args.everything | (receiver or NOTHING)
        if maker in _SHOWS:
            self.observe_deeply(given, node)
        if maker == "builtins.print":
            given = args.keywords.get("file", NOTHING)
        elif constructs or rule.calls == "never" or "." not in maker or maker.startswith(_LEAVES_ALONE):
            given = NOTHING
        if given.objects:
            self._call_overrides(given, args, node, fits=not maker.startswith("sklearn.") or "fit" in (method or "fit"))
        if rule.returns != "same" or constructs or "." not in maker:
            return out
        apart = maker.partition(".")[0] in sys.stdlib_module_names
        kinds = ("instance", "container") if apart else ("instance",)
        elements = self.of_kind(self.heap.inside(out), *kinds)  # it may be one of those that were put in
        return out | Value(frozenset(item.number for item in elements)) if elements else out

    def _change(self, rule: Rule, args: Arguments, receiver: Value | None, label: str, method: str, maker: str) -> None:
        given = [args.pick(position) or NOTHING for position in rule.changes if position != "self"]
        outer, self.heap.apart = self.heap.apart, frozenset(number for value in given for number in value.objects)
        try:
            super()._change(rule, args, receiver, label, method, maker)
        finally:
            self.heap.apart = outer

    def _iterator(
        self, rule: Rule, args: Arguments, node: ast.AST, maker: str, receiver: Value | None, method: str
    ) -> Value:
        """An iterator of a library; what it goes through stands, in it, for the tuples and groups that it makes."""
        out = super()._iterator(rule, args, node, maker, receiver, method)
        whole = args.everything | (receiver or NOTHING)
        for item in self.of_kind(whole, "container"):
            self.heap.blur(item)
        for item in self.of_kind(out, "iterator"):
            self.heap.version += not whole.objects <= item.sources.objects
            item.sources = item.sources | whole
            if maker == "itertools.groupby":
                group = self.make(node, "iterator", f"{maker}.group")
                group.sources = group.sources | whole
                self.heap.hold(group, Value(frozenset(item.contents - {group.number})))
                self.heap.hold(item, self._box(node, "tuple", Value(frozenset((group.number, *item.contents)))))
        return out

    def _returned(
        self, rule: Rule, args: Arguments, node: ast.AST, *, receiver: Value | None, maker: str, method: str
    ) -> Value:
        """What a call returns; of a file that is opened, for what."""
        out = super()._returned(rule, args, node, receiver=receiver, maker=maker, method=method)
        if maker == "builtins.sum":  # what it adds up stands for the sum
            for item in self.of_kind(out, "container"):
                self.heap.blur(item)
        if rule.returns == "handle" and rule.mode is not None:
            asked = args.pick(rule.mode) or args.pick("mode")
            reads = args.spread is None if asked is None else _only_reads(asked.const)
            for item in self.of_kind(out, "handle"):
                opened = item.opened
                item.opened = "reading" if reads and item.opened != "writing" else "writing"
                self.heap.version += item.opened != opened
                if args.spread is not None:
                    self.file(item.detail, "write", f"{maker.removeprefix('builtins.')}()")
        return out

    def _call_overrides(self, given: Value, args: Arguments, node: ast.AST, *, fits: bool = True) -> None:
        """Libraries call the methods that the notebook's classes override, whenever they get hold of an instance."""
        ones = []
        for number in sorted(self._held(given)):
            item = self.heap[number]
            cls = item if item.kind == "class" else self.heap[item.owner or 0]
            if item.kind not in ("instance", "class") or not self._has_hooks(cls):
                continue
            one = self._plain_instance(cls, args, node) if item.kind == "class" else Value(frozenset((number,)))
            ones += self.of_kind(one, "instance")
        if not ones:
            return
        whole = args.everything | self.heap.inside(args.everything)
        key = ("overrides", tuple(item.number for item in ones), whole.objects, fits)
        self.fixed_point(key, lambda: self._call_all(ones, whole, node, fits=fits), FRAMES_OF_A_ROUND)

    def _has_hooks(self, cls: Object) -> bool:
        if any(not base.detail.startswith(_NO_HOOKS) for base in self._foreign_bases(cls)):
            return True
        return not _CALLED_BACK.isdisjoint(self.all_fields(cls))

    def _call_all(self, ones: list[Object], whole: Value, node: ast.AST, *, fits: bool) -> Value:
        """Call each method of instances with anything else that there is: whether and how a library does is unknown."""
        for item in ones:
            given = Value(whole.objects - {item.number})
            cls = self.heap[item.owner or 0]
            for name, value in self.all_fields(cls).items():
                if name in MAKING or name in ENTERING or (not fits and name.startswith(("fit", "partial_fit"))):
                    continue
                for part in self.of_kind(value, "function"):
                    self.spend()
                    with self.perhaps():
                        self.consume(self._call_part(item, cls, name, part, given, node), node)
        return NOTHING

    def _call_part(self, item: Object, cls: Object, name: str, part: Object, given: Value, node: ast.AST) -> Value:
        assert part.body is not None
        spec = part.body.node.args
        keywords = {arg.arg: given for arg in spec.kwonlyargs}
        if part.body.binding == "static":
            method = Value(frozenset((part.number,)))
        else:
            method = self._bound(cls if part.body.binding == "class" else item, name, part, node)
        return self.call(method, Arguments([given] * 8, keywords | ({"**": given} if spec.kwarg else {})), node)

    # -- copies ------------------------------------------------------------------------------------------------------

    def _call_library(self, path: str, args: Arguments, node: ast.AST) -> Value:
        out = super()._call_library(path, args, node)
        if path in ("builtins.next", "builtins.anext") and args.positional:  # an iterator gives what it holds
            held = self.heap.inside(args.positional[0])
            return Value(out.objects - (args.positional[0].objects - held.objects))
        if path in _MAKES_CALLABLE:  # it holds the function, and is not it
            return Value(frozenset(item.number for item in self.of_kind(out, "result") if item.detail == path))
        if path not in _COPIES:
            return out
        given = args.everything
        if path.startswith("pickle."):
            given = self.heap.inside(given)
        if path == "copy.copy":
            boxes = self.of_kind(given, "container")
            out = NOTHING if len(boxes) == len(given.objects) else out
            out = out | self._dunder(given, "__copy__", [], node)
            for item in self.of_kind(given, "instance", "container"):
                made = self._copy_of(item, node)
                self.heap.hold(made, Value(frozenset(item.contents)))
                for name, value in item.fields.items():
                    self.heap.set_field(made, name, value, weak=True)
                out = out | Value(frozenset((made.number,)))
            return out
        own = self._dunder(Value(self.heap.reachable(given)), "__deepcopy__", [NOTHING], node)
        return out | own | self._deep_copy(given, node)

    def _copy_of(self, item: Object, node: ast.AST) -> Object:
        """A copy made here; copies of copies count as copies of the first, or a loop would make ever more."""
        origin = self.origins.get(item.number, item.number)
        made = self.heap.make(("copy", self.cell, self.context, id(node), origin), item.kind, item.detail, self.cell)
        self.origins[made.number] = origin
        made.blurred = True
        made.owner, made.body, made.metaclass = item.owner, item.body, item.metaclass
        return made

    def _deep_copy(self, value: Value, node: ast.AST) -> Value:
        """The same shape of new objects, so that the instances in it keep their classes; where there are any."""
        old = [self.heap[number] for number in sorted(self.heap.reachable(value))]
        if not any(item.kind == "instance" for item in old):
            return NOTHING
        kinds = ("instance", "container", "result", "bound")
        new = {item.number: self._copy_of(item, node).number for item in old if item.kind in kinds}

        def copied(held: Iterable[int]) -> Value:
            return Value(frozenset(new.get(number, number) for number in held))

        for item in old:
            if item.number in new:
                made = self.heap[new[item.number]]
                self.heap.hold(made, copied(item.contents))
                for name, held in item.fields.items():
                    self.heap.set_field(made, name, copied(held.objects), weak=True)
                if item.kind == "bound" and item.owner is not None:
                    made.owner = new.get(item.owner, item.owner)
        return copied(value.objects)

    def _plain_instance(self, cls: Object, args: Arguments, node: ast.AST) -> Value:
        """``object.__new__``; what a base outside the notebook keeps of the arguments counts as held."""
        made = self.make(node, "instance", cls.detail)
        made.owner = cls.number
        if any(base.detail != "builtins.object" for base in self._foreign_bases(cls)):
            self.heap.hold(made, args.everything)
        return Value(frozenset((made.number,)))

    def _foreign_bases(self, cls: Object) -> Iterator[Object]:
        for number in sorted(cls.contents):
            base = self.heap[number]
            if base.kind == "class":
                yield from self._foreign_bases(base)
            elif base.kind in ("library", "foreign", "result"):
                yield base


def _only_reads(mode: Any) -> bool:
    return isinstance(mode, str) and set(mode) <= set("rbtU")


def _constructs(path: str) -> bool:
    """Whether a library's callable makes an object to keep, rather than acts at once on what it is given."""
    last = path.rpartition(".")[2]
    return last[:1].isupper() or last.startswith("make_")
