"""Classes of the notebook: what happens when one is defined, when one is called, and what comes from its bases."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator

from orchestra_nb.cells.effects.fixpoint import FRAMES_OF_A_ROUND
from orchestra_nb.cells.effects.knowledge import PURE, Rule
from orchestra_nb.cells.effects.libraries import Libraries
from orchestra_nb.cells.effects.machine import Arguments
from orchestra_nb.cells.effects.members import ENTERING, MAKING
from orchestra_nb.cells.effects.scopes import Scope, class_bindings
from orchestra_nb.cells.effects.values import NOTHING, Object, Value, join

_COPIES = frozenset({"copy.copy", "copy.deepcopy", "sklearn.base.clone", "joblib.load", "pickle.loads"})
_CALLED_BACK = frozenset({"write", "fit", "transform", "predict", "filter", "emit", "default"})
"""Methods by which libraries use objects that share no base with them."""
_SHOWS = frozenset(f"builtins.{name}" for name in ("print", "str", "repr", "format", "ascii", "display"))
_FIELDS = frozenset({"field", "Field", "ib", "attrib", "PrivateAttr"})
"""Functions that say how a field's default is made: of dataclasses, attrs, pydantic."""
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


class Classes(Libraries):
    """Makes classes and their instances."""

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

    # -- what comes from a base outside the notebook -----------------------------------------------------------------

    def _inherited(self, cls: Object, one: Value, name: str, args: Arguments, node: ast.AST) -> Value:
        """A method that comes from a base outside the notebook."""
        out = []
        for base in self._foreign_bases(cls):
            wraps = name == "__call__" and base.detail.startswith("contextlib.")  # an instance as a decorator
            if base.kind == "library" and self.table.call(base.detail) is not None and not wraps:
                rule = self.table.method(base.detail, name) or PURE
                out.append(self._apply(rule, args, node, receiver=one, maker=base.detail, method=name))
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
        if name == "__new__":
            return one if owner.kind == "instance" else self._plain_instance(owner, args, node)
        if name == "__call__" and owner.kind == "class":  # of a metaclass: what calling a class does by itself
            return self._construct(owner, args, node)
        out = []
        for number in sorted(cls.contents):
            base = self.heap[number]
            if base.kind == "class":
                found, _ = self.find(base, name)
                inner = Arguments([one, *args.positional], args.keywords, args.spread)
                out.append(self.call(found, inner, node) if found.objects else NOTHING)
        for base in self._foreign_bases(cls):
            if base.kind != "library" or self.table.call(base.detail) is None:
                out.append(self._call_unknown(one, args, f"calls {base.detail}.{name}(), which is not known", node))
            elif base.detail != "builtins.object":
                self.mutate(one, f".{name}() of {base.detail}", certain=False)
                self.heap.hold(owner, args.everything)
                if not name.startswith("__") or base.detail.startswith("collections."):
                    self._call_overrides(one, args, node)
                out.append(one | self.heap.inside(one))
        return join(out)

    def _plain_instance(self, cls: Object, args: Arguments, node: ast.AST) -> Value:
        """``object.__new__``; what a base outside the notebook keeps of the arguments counts as held."""
        made = self.make(node, "instance", cls.detail)
        made.owner = cls.number
        if any(base.detail != "builtins.object" for base in self._foreign_bases(cls)):
            self.heap.hold(made, args.everything)
        return Value(frozenset((made.number,)))

    def _instantiate(self, cls: Object, args: Arguments, node: ast.AST) -> Value:
        """Call a class: through its metaclass, if that says how."""
        members = Value(frozenset(cls.calls))
        if members.objects:  # an Enum: calling it looks a member up
            return members
        first = Value(frozenset((cls.number,)))
        for meta in self.of_kind(cls.metaclass, "class"):
            found, _ = self.find(meta, "__call__")
            if found.objects:
                return self.call(found, Arguments([first, *args.positional], args.keywords, args.spread), node)
        return self._construct(cls, args, node)

    def _construct(self, cls: Object, args: Arguments, node: ast.AST) -> Value:
        """``__new__``, then ``__init__`` of what it gave."""
        made = self.make(node, "instance", cls.detail)
        made.owner = cls.number
        found, _ = self.find(cls, "__new__")
        ones = Value(frozenset((made.number,)))
        if found.objects:
            first = Value(frozenset((cls.number,)))
            given = self.call(found, Arguments([first, *args.positional], args.keywords, args.spread), node)
            ones = given.plain if given.objects else ones
        for item in self.of_kind(ones, "instance"):
            if item.owner == cls.number:
                self._initialise(item, cls, args, node)
        return ones

    def _initialise(self, made: Object, cls: Object, args: Arguments, node: ast.AST) -> None:
        one = Value(frozenset((made.number,)))
        inits, _ = self.find(cls, "__init__")
        if inits.objects:
            self.call(inits, Arguments([one, *args.positional], args.keywords, args.spread), node)
        else:
            self.heap.hold(made, args.everything)
            for name, value in args.keywords.items():
                self.heap.set_field(made, name, value, weak=True)
            for base in self._foreign_bases(cls):
                if base.kind != "library" or self.table.call(base.detail) is None:
                    self._call_unknown(one, args, f"makes a {base.detail}, which is not known", node)
                elif base.detail.startswith("collections."):
                    self._call_overrides(one, args, node)
        self._make_defaults(made, cls, node)
        after, _ = self.find(cls, "__post_init__")
        if after.objects:
            self.call(after, Arguments([one]), node)
        self.watch_finaliser(made, node)

    def _make_defaults(self, made: Object, cls: Object, node: ast.AST) -> None:
        """What a dataclass, or the like, says makes a field's default: that is called for each instance."""
        for name, value in self.all_fields(cls).items():
            for item in self.of_kind(value, "result"):
                if item.detail.rpartition(".")[2] in _FIELDS and item.contents:
                    factories = Value(frozenset(item.contents))
                    self.weak += 1
                    given = self._call_held(factories, node) | self.consume(factories, node)
                    self.weak -= 1
                    self.heap.set_field(made, name, given.plain, weak=True)

    def make_class(self, node: ast.ClassDef) -> Value:
        """Execute a class's body."""
        bases = join(self.eval(item) for item in node.bases)
        keywords = {keyword.arg or "**": self.eval(keyword.value) for keyword in node.keywords}
        made = self.make(node, "class", node.name)
        made.metaclass = keywords.get("metaclass", NOTHING) | join(
            base.metaclass for base in self.of_kind(bases, "class")
        )
        self.heap.hold(made, bases)
        names = class_bindings(node)
        outer, self.scope = self.scope, Scope("class", self.scope, {}, names.local, names.module, names.outer)
        try:
            self.run(node.body)
            for name, value in self.scope.names.items():
                self.heap.set_field(made, name, value, weak=self.weak > 0)
                for item in self.of_kind(value, "function"):
                    if item.body is not None and item.body.owner is None:
                        item.body.owner = made.number
        finally:
            self.scope = outer
        self._make_members(made, node)
        self._announce(made, node, Arguments([Value(frozenset((made.number,)))], keywords))
        return Value(frozenset((made.number,)))

    def _make_members(self, cls: Object, node: ast.ClassDef) -> None:
        """The members of an Enum are instances of it, made from what its body assigns."""
        if not any(base.detail.startswith("enum.") for base in self._foreign_bases(cls)):
            return
        for part in node.body:
            names = [t.id for t in part.targets if isinstance(t, ast.Name)] if isinstance(part, ast.Assign) else []
            for name in names:
                member = self.make(part, "instance", f"{cls.detail}.{name}")
                member.owner = cls.number
                value = cls.fields.get(name, NOTHING)
                for field in ("value", "_value_"):
                    self.heap.set_field(member, field, value, weak=False)
                init, _ = self.find(cls, "__init__")
                if init.objects:
                    given = self.heap.inside(value) | value
                    one = Value(frozenset((member.number,)))
                    self.call(init, Arguments([one, *[given.plain] * 8], {}, given.plain), part)
                self.heap.set_field(cls, name, Value(frozenset((member.number,))), weak=False)
                cls.calls.add(member.number)

    def _announce(self, made: Object, node: ast.ClassDef, args: Arguments) -> None:
        """What runs because a class is defined: ``__init_subclass__`` of its bases, ``__set_name__`` of its fields.

        A metaclass may do anything, and a class has that of its bases.
        """
        own = any(k.arg == "metaclass" and "ABCMeta" not in ast.unparse(k.value) for k in node.keywords)
        if own or self.of_kind(made.metaclass, "class"):
            self.barrier(f"defines {node.name} through a metaclass")
        for name, value in list(made.fields.items()):
            self._dunder(value, "__set_name__", [args.positional[0], Value(const=name)], node)
        rest = args.keywords.pop("**", None)
        args.keywords.pop("metaclass", None)
        args.spread = self.heap.inside(rest) if rest is not None else None
        for base in self.of_kind(Value(frozenset(made.contents)), "class"):
            found, _ = self.find(base, "__init_subclass__")
            if found.objects:
                self.call(found, args, node)


def _constructs(path: str) -> bool:
    """Whether a library's callable makes an object to keep, rather than acts at once on what it is given."""
    last = path.rpartition(".")[2]
    return last[:1].isupper() or last.startswith("make_")
