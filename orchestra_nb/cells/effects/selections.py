"""Elements of arrays that are chosen by a mask or a list: numpy copies those, while a slice or a number gives a view.

A mask is known by how it was made: a comparison, or masks joined by ``&``, ``|`` and ``^``. Comparing yields truth
values whatever it compares, unless a class of the notebook (or code that is not known) has a say in it.
"""

from __future__ import annotations

import ast

from orchestra_nb.cells.effects.arguments import Arguments
from orchestra_nb.cells.effects.frames import Frames
from orchestra_nb.cells.effects.knowledge import Knowledge
from orchestra_nb.cells.effects.values import Value


class Selections(Frames):
    """Tells copies of arrays from views."""

    def __init__(self, table: Knowledge | None = None) -> None:
        super().__init__(table)
        self.masks: set[int] = set()
        """Arrays of truth values."""

    def _eval_Compare(self, node: ast.Compare) -> Value:
        value = super()._eval_Compare(node)
        arrays = [item for item in self.of_kind(value, "result") if item.detail.startswith("numpy.")]
        if arrays and self._is_ordinary(node):
            self.masks |= {item.number for item in arrays}
        return value

    def _is_ordinary(self, node: ast.AST) -> bool:
        """Whether only known libraries can have a say in what an expression yields."""
        for part in ast.walk(node):
            if isinstance(part, ast.Call | ast.Await):
                return False
            if isinstance(part, ast.Name):
                reached = Value(self.heap.reachable(self.load(part.id)))
                if self.of_kind(reached, "instance", "class", "foreign", "function", "bound"):
                    return False
        return True

    def operate(self, op: ast.operator, left: Value, right: Value, node: ast.AST) -> Value:
        """``left op right``."""
        value = super().operate(op, left, right, node)
        joins = isinstance(op, ast.BitAnd | ast.BitOr | ast.BitXor)
        if joins and left.objects and right.objects and left.objects | right.objects <= self.masks:
            self.masks |= value.objects
        return value

    def element(self, receiver: Value, index: Value, node: ast.Subscript) -> Value:
        """What a subscript yields: of an array, a copy where a mask or a list chooses."""
        arrays = [item for item in self.of_kind(receiver, "result") if item.detail.startswith("numpy.")]
        chosen = isinstance(node.slice, ast.List) or (bool(index.objects) and index.objects <= self.masks)
        if not chosen or not arrays or len(arrays) != len(receiver.objects):
            return super().element(receiver, index, node)
        made = self.make(node, "result", "numpy.result")
        cells = self._shared(Arguments([receiver]), None, "numpy.")
        self.heap.hold(made, cells)
        return Value(cells.objects | {made.number})
