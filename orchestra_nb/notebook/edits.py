"""Changes that a cell made in place in another process, brought home exactly.

A worker has copies of a cell's inputs. Where the cell appended to a list or filled a dictionary, the copy's new content
can be put into the original: its old elements are the originals' own, told by their places, and only what is new
travels. So every alias, of the container and of its elements, stays what a linear run would have left.

That is exact for lists and dictionaries whose *elements* were left as they were. It is checked, not assumed: when the
old content is put back into the copies, all inputs must be what they were before the cell. Everything else that may
change in place (arrays, frames, instances, sets, whose order hangs on their history) is refused, and the cell runs in a
thread; see :mod:`.process_body`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

EDITABLE = (list, dict)


@dataclass(frozen=True, slots=True)
class Edit:
    """The new content of a container, piece by piece: the keys and values of a dictionary count one after the other.

    Parameters
    ----------
    name
        The variable that refers to it.
    length
        How many pieces it had.
    pieces
        For each piece now, its place among the old ones; or, from -1 downwards, its place among what is new.
    """

    name: str
    length: int
    pieces: tuple[int, ...]


class Originals:
    """What some containers hold before a cell runs.

    Parameters
    ----------
    values
        The cell's inputs by name.
    names
        Those that it is known to change in place.

    Examples
    --------
    >>> xs = [[1], [2]]
    >>> before = Originals({"xs": xs}, ["xs"])
    >>> xs.insert(0, [3])
    >>> edits, fresh = before.edits()
    >>> edits, fresh
    ([Edit(name='xs', length=2, pieces=(-1, 0, 1))], [[3]])
    >>> home = [[1], [2]]
    >>> apply(edits, fresh, {"xs": home})
    >>> home
    [[3], [1], [2]]
    """

    def __init__(self, values: Mapping[str, Any], names: Iterable[str]) -> None:
        kept = {name: values[name] for name in names if name in values}
        self._held = {name: (value, _pieces(value)) for name, value in kept.items() if type(value) in EDITABLE}

    @property
    def pieces(self) -> list[list[Any]]:
        """What they held, one list for each."""
        return [old for _, old in self._held.values()]

    @property
    def names(self) -> tuple[str, ...]:
        """Which of them are lists or dictionaries."""
        return tuple(self._held)

    def edits(self) -> tuple[list[Edit], list[Any]]:
        """The containers that hold something else now, and all that is new in them."""
        found: list[Edit] = []
        fresh: list[Any] = []
        done: set[int] = set()
        for name, (value, old) in self._held.items():
            now = _pieces(value)
            if id(value) in done or (len(now) == len(old) and all(a is b for a, b in zip(now, old, strict=True))):
                continue
            done.add(id(value))
            places = {id(piece): place for place, piece in enumerate(old)}
            pieces = []
            for piece in now:
                place = places.get(id(piece))
                if place is None:
                    fresh.append(piece)
                    place = places[id(piece)] = -len(fresh)
                pieces.append(place)
            found.append(Edit(name, len(old), tuple(pieces)))
        return found, fresh

    def put_back(self) -> None:
        """Give every container its old content."""
        for value, old in self._held.values():
            _fill(value, old)


def apply(edits: Iterable[Edit], fresh: Sequence[Any], values: Mapping[str, Any]) -> None:
    """Change the originals as their copies were changed.

    Parameters
    ----------
    edits, fresh
        From :meth:`Originals.edits`; what is new has made the journey.
    values
        The originals by name.
    """
    for edit in edits:
        value = values[edit.name]
        old = _pieces(value)
        _fill(value, [old[place] if place >= 0 else fresh[-place - 1] for place in edit.pieces])


def _pieces(value: Any) -> list[Any]:
    return list(value) if type(value) is list else [part for pair in value.items() for part in pair]


def _fill(value: Any, pieces: Sequence[Any]) -> None:
    if type(value) is list:
        value[:] = pieces
        return
    keys, contents = pieces[::2], pieces[1::2]
    if len(value) > len(keys) or any(old is not new for old, new in zip(value, keys, strict=False)):
        value.clear()
    for key, content in zip(keys, contents, strict=True):  # where keys were only added, whoever iterates may go on
        value[key] = content
