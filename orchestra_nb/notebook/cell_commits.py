"""What a run writes down of each cell that ended well, so that another can go on from there.

It names the cell by what it follows from (:mod:`.lineage`), for the notebook may have been edited when it is read; and
it says where the cell's result is, or why there is none to be taken over. In the journal it is a
:class:`~orchestra_nb.durable.facts.Commit` whose node is the lineage: so the last one of a lineage counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestra_nb.durable.facts import Commit, RunState, ValueRef
from orchestra_nb.model import NodeId

_TABLES = ("inputs", "read", "left", "used")


@dataclass(frozen=True, slots=True)
class CellCommit:
    """One cell that ended well.

    Parameters
    ----------
    node
        Its id then.
    lineage, code
        What it followed from in all, and its own code.
    value
        Where its result is; ``None`` when it is not stored.
    why
        Why not, to be read after "not stored: ".
    inputs
        Digests of those inputs that come from a cell whose result is not stored, by name.
    read
        Digests of the files that it read.
    left
        Digests of the files that it left, as far as they are too large to be put back.
    used
        Libraries that it used, with their versions.
    wrote
        Files that cells read, and that were others when it had run, of a cell whose code does not name what it writes.
    seconds
        That it ran for.

    Examples
    --------
    >>> commit = CellCommit("load", "a1-1", "b2", why="it shows a widget", read={"data.csv": "c3"}, seconds=0.5)
    >>> commit_from(commit.fact) == commit
    True
    """

    node: str
    lineage: str
    code: str
    value: ValueRef | None = None
    why: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)
    used: Mapping[str, str] = field(default_factory=dict)
    wrote: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def fact(self) -> Commit:
        """The same as a journal has it."""
        tables = {name: dict(getattr(self, name)) for name in _TABLES}
        return Commit(
            NodeId(self.lineage),
            seconds=self.seconds,
            values={} if self.value is None else {"": self.value},
            again=self.why,
            note={"cell": self.node, "code": self.code, **tables, "wrote": list(self.wrote)},
        )


def commit_from(fact: Commit) -> CellCommit | None:
    """Read such a fact; ``None`` for one that is of something else."""
    told = fact.note
    node, code = told.get("cell"), told.get("code")
    tables, wrote = {name: told.get(name) for name in _TABLES}, told.get("wrote", ())
    if not isinstance(node, str) or not isinstance(code, str) or not all(map(_is_table, tables.values())):
        return None
    if not isinstance(wrote, list | tuple) or not all(isinstance(path, str) for path in wrote):
        return None
    known: dict[str, Any] = {**tables, "wrote": tuple(wrote)}
    return CellCommit(node, fact.node, code, fact.values.get(""), fact.again, **known, seconds=fact.seconds)


def commits_in(state: RunState) -> Iterable[CellCommit]:
    """Give what a run has written down of its cells, in order."""
    return [commit for fact in state.committed.values() if (commit := commit_from(fact)) is not None]


def _is_table(table: Any) -> bool:
    return isinstance(table, Mapping) and all(isinstance(part, str) for pair in table.items() for part in pair)
