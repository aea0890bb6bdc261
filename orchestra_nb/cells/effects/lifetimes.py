"""Lifetimes: what happens because the last reference to an object goes.

Only ``__del__`` and :mod:`weakref` make that visible. An object that has either is *watched*; rebinding or deleting a
name through which it can be reached, or changing what holds it, then counts as changing it, and runs its finalisers.
Which of several references goes last is not followed: each of them may be the one.
"""

from __future__ import annotations

import ast

from orchestra_nb.cells.effects.arguments import Arguments
from orchestra_nb.cells.effects.members import Members
from orchestra_nb.cells.effects.values import NOTHING, Object, Value


class Lifetimes(Members):
    """Follows what is left when references go."""

    def watch(self, value: Value, callback: Value = NOTHING) -> None:
        """From now on it matters whether these objects live; what can be called in ``callback`` is, when they go."""
        for number in value.objects:
            known = self.watched.get(number, NOTHING)
            self.changes += number not in self.watched or not callback.objects <= known.objects
            self.watched[number] = known | callback.plain

    def keep_track(self, holder: Object, value: Value) -> None:
        """A collection of :mod:`weakref` shows whether what was put into it lives."""
        if holder.detail.startswith("weakref."):
            self.watch(value)

    def watch_finaliser(self, made: Object, node: ast.AST) -> None:
        """An instance whose class defines ``__del__``: it may die in this very cell."""
        if self.find(self.heap[made.owner or 0], "__del__")[0].objects:
            one = Value(frozenset((made.number,)))
            self.watch(one)
            self.drop(one, node)

    def drop(self, value: Value, node: ast.AST) -> None:
        """References to a value may go here."""
        going = [n for n in sorted(self.heap.reachable(value)) if n in self.watched] if self.watched else []
        if not going or self.dropping:
            return
        self.dropping = True
        try:
            with self.perhaps():
                for number in going:
                    one = Value(frozenset((number,)))
                    self.mutate(one, "may let go of it", certain=False)
                    self._dunder(one, "__del__", [], node)
                    given = one | self.watched[number]
                    for callback in self.of_kind(self.watched[number], "function", "bound", "library", "instance"):
                        arguments = Arguments([given.plain] * 8, {}, given.plain)
                        self.call(Value(frozenset((callback.number,))), arguments, node)
        finally:
            self.dropping = False
