"""Methods of lists, dicts, sets and tuples: what they keep, what they give out, what they run.

Python says exactly what these do, so they need not be taken for methods of just any library: what goes into a container
is not called, what comes out is what was put in, and only what compares or hashes elements runs their special methods.
The few methods that are not here (views of dicts, ``sort`` with its key) go through the table like any other.
"""

from __future__ import annotations

import ast

from orchestra_nb.cells.effects.arguments import Arguments
from orchestra_nb.cells.effects.classes import Classes
from orchestra_nb.cells.effects.knowledge import PURE
from orchestra_nb.cells.effects.members import has_attribute
from orchestra_nb.cells.effects.values import NOTHING, Object, Value

_CHANGES = frozenset(
    (
        *("append", "extend", "insert", "remove", "pop", "clear", "reverse", "update", "setdefault", "popitem"),
        *("add", "discard", "difference_update", "intersection_update", "symmetric_difference_update"),
    )
)
_ITERATES = frozenset(
    (
        *("extend", "update", "difference_update", "intersection_update", "symmetric_difference_update"),
        *("union", "intersection", "difference", "symmetric_difference", "isdisjoint", "issubset", "issuperset"),
    )
)
_GIVES_ELEMENT = frozenset({"pop", "get", "setdefault"})
_GIVES_NEW = frozenset({"copy", "union", "intersection", "difference", "symmetric_difference"})
_OF_ONE_ELEMENT = frozenset({"index", "count"})
_KNOWN = _CHANGES | _ITERATES | _GIVES_ELEMENT | _GIVES_NEW | _OF_ONE_ELEMENT
_COMPARES_NOTHING = frozenset({"append", "extend", "insert", "clear", "reverse", "copy"})


class Containers(Classes):
    """Follows the methods of builtin containers."""

    def method_of_container(self, item: Object, name: str, args: Arguments, node: ast.AST) -> Value:
        """Call a method of a list, dict, set or tuple."""
        one = Value(frozenset((item.number,)))
        if not has_attribute(item.detail, name):
            return NOTHING
        if name not in _KNOWN:
            rule = self.table.method(item.detail, name) or PURE
            out = self._apply(rule, args, node, receiver=one, maker=item.detail, method=name)
            self.observe(self.heap.inside(one) if name == "sort" else NOTHING, node)
            return (self.heap.inside(one) | out).plain
        given = self._taken_in(name, args, node)
        if name not in _COMPARES_NOTHING:
            self.observe(self.heap.inside(one) | given, node)
        if name in _CHANGES:
            self.mutate(one, f".{name}()")
        if name in _CHANGES or name in _GIVES_NEW:
            whole = Value(given.objects | item.contents) if name in _GIVES_NEW else given
            target = self.make(node, "container", item.detail) if name in _GIVES_NEW else item
            self.heap.hold(target, whole)
            if name in _GIVES_NEW:
                return Value(frozenset((target.number,)))
        if name == "popitem":
            return self._box(node, "tuple", self.heap.inside(one))
        if name == "get" and len(args.positional) == 1:
            placed = self.heap.placed(item, args.positional[0].const)
            return self.heap.inside(one) if placed is None else placed
        return (self.heap.inside(one) | args.everything).plain if name in _GIVES_ELEMENT else NOTHING

    def _taken_in(self, name: str, args: Arguments, node: ast.AST) -> Value:
        """What a container may get to hold by a call: its arguments, or what iterating over them yields."""
        if name not in _ITERATES:
            return args.everything
        taken = NOTHING
        for value in (*args.positional, args.spread or NOTHING):
            inside = self.consume(value, node)
            taken = taken | inside | (self.consume(inside, node) if name == "update" else NOTHING)  # pairs
        for value in args.keywords.values():
            taken = taken | value
        return taken.plain
