"""What the result of a node follows from, part by part: the key under which it is kept, and why there is none.

A key has named parts, each a digest or a version: the code, every input, every library. Two runs of a node that agree
in all parts give the same result, as far as the node is a function of what it is given. The inputs count by their
*content* when the node is about to run, and not by the keys of the nodes that made them (a Merkle tree down to the
edge of the graph): a node between may have changed a value in place, and a maker that gives the same value again, on
other grounds, should cost its readers nothing. That is dearer, a hash of what is read, and it is never wrong.

The last keys of each node are kept beside its results. Where there is no result, they say which part is new.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

_SCHEME = "node 1"
_KEPT = 8
"""Keys of one node that are remembered, for the sake of telling what has changed."""


@dataclass(frozen=True, slots=True)
class NodeKey:
    """The parts, by name.

    Parameters
    ----------
    parts
        Such as ``{"its code": digest, "its input 'rows'": digest, "numpy": "2.4.0"}``: the names are what a user is
        told.

    Examples
    --------
    >>> before = NodeKey({"its code": "a1", "its input 'rows'": "b2"})
    >>> now = NodeKey({"its code": "a1", "its input 'rows'": "b3", "numpy": "2.4.0"})
    >>> now.digest == before.digest, now.differences(before)
    (False, ("its input 'rows'", 'numpy'))
    """

    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """64 hexadecimal digits, the same in every process."""
        said = json.dumps([_SCHEME, *sorted(self.parts.items())], ensure_ascii=True)
        return blake2b(said.encode("ascii"), digest_size=32).hexdigest()

    def differences(self, other: NodeKey) -> tuple[str, ...]:
        """Name the parts that differ, that are new, or that are gone."""
        names = {**self.parts, **other.parts}
        return tuple(name for name in names if self.parts.get(name) != other.parts.get(name))

    def explained(self, earlier: Iterable[NodeKey]) -> str:
        """Say why nothing is kept under this key, by the earlier key that is nearest to it.

        Parameters
        ----------
        earlier
            Keys of the same node, the newest first.

        Examples
        --------
        >>> NodeKey({"its code": "a2"}).explained([NodeKey({"its code": "a1"})])
        'its code has changed'
        >>> NodeKey({"its code": "a2"}).explained([])
        'it was not kept before'
        """
        found = [self.differences(other) for other in earlier]
        if not found:
            return "it was not kept before"
        nearest = min(found, key=len)
        if not nearest:
            return "what was kept is there no longer"
        *rest, last = nearest
        return f"{', '.join(rest)} and {last} have changed" if rest else f"{last} has changed"


def remembered(keys: Iterable[NodeKey], new: NodeKey) -> str:
    """Write down the keys of a node, the newest first and each once, as JSON.

    Examples
    --------
    >>> old, new = NodeKey({"its code": "a1"}), NodeKey({"its code": "a2"})
    >>> read(remembered([old], new)) == [new, old]
    True
    """
    kept = [new, *(key for key in keys if key != new)][:_KEPT]
    return json.dumps([dict(key.parts) for key in kept])


def read(text: object) -> list[NodeKey]:
    """Read such keys; anything else is none."""
    try:
        rows = json.loads(text) if isinstance(text, str) else []
    except (ValueError, RecursionError):
        return []
    good = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    return [NodeKey({str(name): str(part) for name, part in row.items()}) for row in rows] if good else []
