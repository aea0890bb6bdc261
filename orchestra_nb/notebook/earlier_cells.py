"""Cells whose result an earlier process stored: each is looked at again when its turn has come in a run gone on with.

A plan (:mod:`.resume_plan`) has said which cells are taken over. What a cell before it has made anew must be by content
what it was, and so must the files that it read; its own files are put back. What does not fit, or cannot be read any
more, runs again, and so does all that needs it.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from orchestra_nb.cells.resumable import resuming_of
from orchestra_nb.context.content import content_digest
from orchestra_nb.durable.journal import RunJournal
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId
from orchestra_nb.notebook.cell_commits import CellCommit
from orchestra_nb.notebook.cell_results import KeptCell
from orchestra_nb.notebook.code import CellCode
from orchestra_nb.notebook.left_files import LeftFile, digest_of
from orchestra_nb.notebook.used_libraries import other_libraries, used_libraries
from orchestra_nb.running.pickling import told
from orchestra_nb.running.seams import Reply


@dataclass(frozen=True, slots=True)
class StoredCell:
    """What is stored of a cell."""

    kept: KeptCell
    files: tuple[LeftFile, ...] = ()


@dataclass(slots=True)
class EarlierCells:
    """Gives what an earlier process of a run stored.

    Parameters
    ----------
    dag, codes, namespace
        The program's.
    journal
        Of the run.
    rewritten
        Files that cells wrote without naming them; it grows while the run goes on.
    """

    dag: DAG
    codes: Mapping[NodeId, CellCode]
    namespace: Mapping[str, Any]
    journal: RunJournal
    rewritten: Set[str]
    _missed: set[NodeId] = field(default_factory=set)

    def give(self, node: Node, commit: CellCommit) -> Reply:
        """Give the result of a cell, or say why it has to run after all."""
        try:
            why = self._against(node, commit)
            stored = None if why or commit.value is None else self.journal.values.give(commit.value)
            if stored is not None and type(stored) is not StoredCell:
                why = "what was stored of it is something else"
            elif stored is not None and (other := [file.path for file in stored.files if not file.put_back()]):
                why = f"the file {other[0]!r} is not as it left it"
        except Exception as fault:  # damaged, gone, or made of what is not there any more
            why = f"what was stored of it cannot be used: {told(fault)}"
        if why or stored is None:
            self._missed.add(node.id)
            return Reply("missed", reason=why)
        reason = f"from run {self.journal.run_id}"
        return Reply("done", value=stored.kept, outputs=stored.kept.outputs, reason=reason)

    def _against(self, node: Node, commit: CellCommit) -> str:
        """Say why a result is not to be taken over after all."""
        missed = [need for need in self.dag.predecessors(node.id) if need in self._missed]
        return f"{missed[0]}, which it needs, ran again" if missed else self._differs(node, commit)

    def _differs(self, node: Node, commit: CellCommit) -> str:
        """Say what is not as it was when the cell ran, although its code and that of all before it is."""
        now = inputs_of(node, self.codes[node.id], self.namespace)
        for name, digest in commit.inputs.items():
            if name not in now or digest_of_value(now[name]) != digest:
                return f"its input {name!r} is not what it was"
        if other := other_libraries(commit.used, used_libraries(self.codes[node.id].text, now.values())):
            return f"{other[0]} is another one than it was"
        for path, digest in commit.read.items():
            if self._is_settled(node, path) and digest_of(path) != digest:
                return f"the file {path!r} is not what it was"
        return ""

    def _is_settled(self, node: Node, path: str) -> bool:
        """Whether a file must be what it was: nobody here writes it, or a cell before does, anew, and none appends."""
        if path in self.rewritten:
            return False
        before = set(self.dag.ancestors(node.id))
        writers = [
            (other.id in before, path in resuming_of(other)["writes"])
            for other in self.dag.nodes.values()
            if path in (*resuming_of(other)["writes"], *resuming_of(other)["logs"])
        ]
        before_it = not writers or any(is_before for is_before, _ in writers)
        return before_it and all(rewrites for _, rewrites in writers)


def inputs_of(node: Node, code: CellCode, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The values that a cell is given, by the names that it has for them."""
    slots = {name: code.slots.before.get(name, name) for name in node.reads}
    return {name: namespace[slot] for name, slot in slots.items() if slot in namespace}


def digest_of_value(value: object) -> str:
    """Digest a value; empty when it has no content that could be told."""
    with suppress(Exception):
        return content_digest(value)
    return ""
