"""What a run writes down of each cell that ended well, so that another can go on from there: one JSON object per cell.

It names the cell by what it follows from (:mod:`.lineage`), for the notebook may have been edited when it is read; and
it says where the cell's result is, or why there is none to be taken over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class CellCommit:
    """One cell that ended well.

    Parameters
    ----------
    node
        Its id then.
    lineage, code
        What it followed from in all, and its own code.
    kept
        Where its result is; empty when it is not kept.
    why
        Why not, to be read after "not stored: ".
    inputs
        Digests of those inputs that a cell made whose result is not kept, by name.
    read
        Digests of the files that it read.
    left
        Digests of the files that it wrote, but for logs.
    seconds
        That it ran for.
    """

    node: str
    lineage: str
    code: str
    kept: str = ""
    why: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def record(self) -> dict[str, Any]:
        """The same as plain JSON.

        Examples
        --------
        >>> commit = CellCommit("load", "a1-1", "b2", kept="c3")
        >>> commit_from(commit.record) == commit
        True
        """
        return asdict(self)


def commit_from(record: Any) -> CellCommit | None:
    """Read a commit; ``None`` for what is none."""
    if not isinstance(record, Mapping):
        return None
    try:
        commit = CellCommit(**{each.name: record[each.name] for each in fields(CellCommit) if each.name in record})
    except TypeError:
        return None
    texts = (commit.node, commit.lineage, commit.code, commit.kept, commit.why)
    tables = (commit.inputs, commit.read, commit.left)
    good = all(isinstance(text, str) for text in texts) and all(_is_table(table) for table in tables)
    return commit if good and isinstance(commit.seconds, int | float) else None


def _is_table(table: Any) -> bool:
    return isinstance(table, Mapping) and all(isinstance(part, str) for pair in table.items() for part in pair)
