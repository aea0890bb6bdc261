"""The notebook's own objects in the hands of libraries: which of their methods run there, and what copies are."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator

from orchestra_nb.cells.effects.fixpoint import FRAMES_OF_A_ROUND
from orchestra_nb.cells.effects.knowledge import Rule
from orchestra_nb.cells.effects.libraries import Libraries
from orchestra_nb.cells.effects.machine import Arguments
from orchestra_nb.cells.effects.members import ENTERING, MAKING
from orchestra_nb.cells.effects.values import NOTHING, Object, Value

_COPIES = frozenset({"copy.copy", "copy.deepcopy", "sklearn.base.clone", "joblib.load", "pickle.loads"})
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
        self.weak += 1
        try:
            for item in ones:
                given = Value(whole.objects - {item.number})
                cls = self.heap[item.owner or 0]
                for name, value in self.all_fields(cls).items():
                    if name in MAKING or name in ENTERING or (not fits and name.startswith(("fit", "partial_fit"))):
                        continue
                    for part in self.of_kind(value, "function"):
                        self.spend()
                        self.consume(self._call_part(item, cls, name, part, given, node), node)
        finally:
            self.weak -= 1
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
        if path not in _COPIES:
            return out
        given = args.everything
        if path.startswith("pickle."):
            given = self.heap.inside(given)
        if path == "copy.copy":
            for item in self.of_kind(given, "instance"):
                made = self._copy_of(item, node)
                self.heap.hold(made, Value(frozenset(item.contents)))
                for name, value in item.fields.items():
                    self.heap.set_field(made, name, value, weak=True)
                out = out | Value(frozenset((made.number,)))
            return out
        return out | self._deep_copy(given, node)

    def _copy_of(self, item: Object, node: ast.AST) -> Object:
        """A copy made here; copies of copies count as copies of the first, or a loop would make ever more."""
        origin = self.origins.get(item.number, item.number)
        made = self.heap.make(("copy", self.cell, self.context, id(node), origin), item.kind, item.detail, self.cell)
        self.origins[made.number] = origin
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


def _constructs(path: str) -> bool:
    """Whether a library's callable makes an object to keep, rather than acts at once on what it is given."""
    last = path.rpartition(".")[2]
    return last[:1].isupper() or last.startswith("make_")
