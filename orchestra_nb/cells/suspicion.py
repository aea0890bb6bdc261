"""What two cells share, when a run has shown that they need an edge: the words for a difference's cause.

The cells' own settings are left aside here: ``reads``, ``writes`` and ``mutates`` replace what the analysis found, and
where they are wrong they are the cause. What the code alone asks for is then the best explanation, and the setting that
took it away the thing to mend. Pairs that ran at the same time are ordered by what they share: first what one of them
changes, then what both only use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.effects.records import Access
from orchestra_nb.cells.inference import Inference, infer
from orchestra_nb.model import Edge

_OVERRIDES = ("reads", "writes", "mutates")


class Suspicion:
    """Explains pairs of cells.

    Parameters
    ----------
    cells
        Of the whole notebook, in document order.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._cells = {str(cell.id): cell for cell in cells}

    @cached_property
    def _of_code(self) -> Inference:
        bare = dict.fromkeys(_OVERRIDES)
        settings = {node: cell.settings.model_copy(update=bare) for node, cell in self._cells.items()}
        return infer([replace(cell, settings=settings[node]) for node, cell in self._cells.items()])

    def edges(self, source: str, target: str) -> tuple[Edge, ...]:
        """The edges between two cells that their code alone asks for."""
        return tuple(edge for edge in self._of_code.edges if (edge.source, edge.target) == (source, target))

    def overrides(self, *nodes: str) -> tuple[str, ...]:
        """The settings of these cells that replace what their code says, as ``"reads, mutates of cell-2"``."""
        said = {node: self._cells[node].settings for node in nodes}
        given = {node: [key for key in _OVERRIDES if getattr(said[node], key) is not None] for node in nodes}
        return tuple(f"{', '.join(keys)} of {node}" for node, keys in given.items() if keys)

    def shared(self, first: str, second: str) -> tuple[str, ...]:
        """What both cells touch by their code, what one of them changes first."""
        one, two = (self._accesses(node) for node in (first, second))
        both = [(one[key], two[key]) for key in one if key in two]
        both.sort(key=lambda pair: not _changed(*pair))
        return tuple(dict.fromkeys(f"{_word(*pair)}{' (changed)' if _changed(*pair) else ''}" for pair in both))

    def weight(self, first: str, second: str) -> tuple[int, int]:
        """How suspicious a pair is: how much of what it shares is changed, and how much it shares at all."""
        shared = self.shared(first, second)
        return sum(word.endswith(" (changed)") for word in shared), len(shared)

    def after(self, source: str, target: str) -> str:
        """Say how the edge is declared."""
        others = self._cells[target].settings.after
        names = f"[{', '.join((*others, source))}]" if others else source
        return f"write '#| after: {names}' at the top of {target}"

    def mend(self, source: str, target: str) -> str:
        """Say what to write so that a missing edge is there, and whose fault it was."""
        blame = self.overrides(source, target)
        first = f"mend what is said with {' and '.join(blame)}, or " if blame else ""
        report = "" if blame else ", and report it: the analysis should have found this edge"
        return f"{first}{self.after(source, target)}{report}"

    def _accesses(self, node: str) -> dict[tuple[str, str | int], list[Access]]:
        position = list(self._cells).index(node)
        found: dict[tuple[str, str | int], list[Access]] = {}
        for access in self._of_code.effects[position].accesses.values():
            found.setdefault((access.family, access.key), []).append(access)
        return found


def _changed(one: Sequence[Access], two: Sequence[Access]) -> bool:
    return any(access.mode == "write" for access in (*one, *two))


def _word(one: Sequence[Access], two: Sequence[Access]) -> str:
    named = next((access for access in (*one, *two) if access.via), one[0])
    return f"{named.family} {named.via or named.key}"
