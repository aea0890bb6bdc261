"""Classes of the notebook: what happens when one is defined, when one is called, and what comes from its bases."""

from __future__ import annotations

import ast

from orchestra_nb.cells.effects.arguments import Arguments
from orchestra_nb.cells.effects.knowledge import PURE
from orchestra_nb.cells.effects.overrides import Overrides
from orchestra_nb.cells.effects.scopes import Scope, class_bindings
from orchestra_nb.cells.effects.values import NOTHING, Object, Value, join

_FIELDS = frozenset({"field", "Field", "ib", "attrib", "PrivateAttr"})
"""Functions that say how a field's default is made: of dataclasses, attrs, pydantic."""

_HOLDS_ELEMENTS = (*(f"builtins.{name}" for name in ("list", "dict", "set", "tuple", "frozenset")), "collections.")
"""Bases whose instances take over the elements of what they are made from."""


class Classes(Overrides):
    """Makes classes and their instances."""

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
                if base.detail.startswith(_HOLDS_ELEMENTS):
                    self.heap.hold(owner, self._elements_of(args, node))
                if not name.startswith("__") or base.detail.startswith("collections."):
                    self._call_overrides(one, args, node)
                out.append(one | self.heap.inside(one))
        return join(out)

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
                elif base.detail.startswith(_HOLDS_ELEMENTS):
                    self.heap.hold(made, self._elements_of(args, node))
                    if base.detail.startswith("collections."):
                        self._call_overrides(one, args, node)
        self._make_defaults(made, cls, node)
        after, _ = self.find(cls, "__post_init__")
        if after.objects:
            with self.perhaps():  # a dataclass runs it, another class does not
                self.call(after, Arguments([one]), node)
        self.watch_finaliser(made, node)

    def _elements_of(self, args: Arguments, node: ast.AST) -> Value:
        """What a container may take out of its arguments: elements, or the pairs of a dict."""
        elements = self.consume(args.everything, node)
        return (elements | self.heap.inside(elements)).plain

    def _make_defaults(self, made: Object, cls: Object, node: ast.AST) -> None:
        """What a dataclass, or the like, says makes a field's default: that is called for each instance."""
        for name, value in self.all_fields(cls).items():
            for item in self.of_kind(value, "result"):
                if item.detail.rpartition(".")[2] in _FIELDS and item.contents:
                    factories = Value(frozenset(item.contents))
                    with self.perhaps():
                        given = self._call_held(factories, node) | self.consume(factories, node)
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
