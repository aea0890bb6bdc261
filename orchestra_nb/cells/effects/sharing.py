"""What new objects of pandas and numpy share with those that they were made from: the objects in their cells."""

from __future__ import annotations

from orchestra_nb.cells.effects.arguments import Arguments
from orchestra_nb.cells.effects.known_effects import KnownEffects
from orchestra_nb.cells.effects.values import NOTHING, Value


class Sharing(KnownEffects):
    """Finds what a copy does not copy."""

    def _shared(self, args: Arguments, receiver: Value | None, maker: str) -> Value:
        """What a fresh object of pandas or numpy has in its cells: copying one does not copy those."""
        if not maker.startswith(("pandas.", "numpy.", "sklearn.model_selection.train_test_split")):
            return NOTHING
        found: set[int] = set()
        seen: set[int] = set()
        todo = [(number, "given") for number in (args.everything | (receiver or NOTHING)).objects]
        while todo:
            number, place = todo.pop()
            item = self.heap[number]
            if place == "cell":
                if item.kind in ("container", "instance", "foreign", "result"):
                    found.add(number)
                if item.kind == "container":
                    todo.extend((held, "cell") for held in item.contents if held not in found)
            elif item.kind == "result" and number not in seen:
                seen.add(number)
                todo.extend((held, "column") for held in item.contents)
            elif item.kind == "container" and maker == "numpy.array":  # its elements, or what is in them
                found |= self.heap.inside(Value(frozenset((number,)))).objects
            elif item.kind == "container":
                columns = item.detail == "dict" or place == "given"
                if not columns and item.detail != "tuple":
                    found.add(number)
                for held in item.contents:
                    inner = self.heap[held]
                    if inner.kind == "container":
                        todo.extend((cell, "cell") for cell in inner.contents)
                        # pandas takes what it is given apart; numpy only lists and tuples, and the rest is an element
                        whole = not columns or (maker.startswith("numpy.") and inner.detail not in ("list", "tuple"))
                        found |= {held} if whole else set()
                    else:
                        todo.append((held, "column" if columns and inner.kind == "result" else "cell"))
            elif item.kind in ("instance", "foreign"):
                found.add(number)
        return Value(frozenset(found - (receiver or NOTHING).objects))
