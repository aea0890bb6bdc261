"""What runs have taught: values that a cell changed in place although its code did not show it.

The guard of a run notices such changes; the next plan takes them for granted. What is kept is small and speaks of
sources, not of runs: by the digest of a cell's text, the names of what it changed. A cell that is edited is judged
anew. Knowing too much costs parallelism and never a result, so nothing is ever taken back but by editing the cell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from orchestra_nb.model import Node, UnforeseenChange

Learned = Mapping[str, frozenset[str]]
"""By :func:`source_key`, the names of what a cell was seen to change."""
NOTHING_LEARNED: Learned = MappingProxyType({})


def source_key(source: str) -> str:
    r"""The digest by which a cell is remembered.

    Examples
    --------
    >>> source_key("x = 1") == source_key("x = 1\n"), source_key("x = 1") == source_key("x = 2")
    (True, False)
    """
    return hashlib.sha256(source.strip().encode("utf-8", "surrogatepass")).hexdigest()[:32]


def with_changes(known: Learned, changes: Iterable[UnforeseenChange], nodes: Mapping[str, Node]) -> Learned:
    """What is known after a run: every cell that may have made a change is taken to make it.

    Parameters
    ----------
    known
        What was known before.
    changes
        What the run's guard noticed.
    nodes
        The run's nodes, by id.
    """
    out = dict(known)
    for change in changes:
        for cell in change.cells:
            key = source_key(nodes[cell].source)
            out[key] = out.get(key, frozenset()) | {change.name}
    return MappingProxyType(out)
