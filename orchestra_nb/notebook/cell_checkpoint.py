"""The checkpoint of a notebook's run: each cell's result is on the disk before anybody hears that the cell has ended.

What is stored of a cell is what a cell that says ``cache`` keeps (:mod:`.kept_cells`), with what it left in files
(:mod:`.left_files`). When a run is gone on with, what an earlier process stored is given by :mod:`.earlier_cells`.

**Where the time goes.** What a cell made is pickled, compared, and written, on the worker that ran it; the journal's
line is written when it is committed. What that may cost is in :mod:`.storing_costs`.

**What cannot be foreseen.** A small input is digested before and after; the guard (:mod:`.guard`) looks at samples of
the others. A cell that changed what its code does not show is not stored, and neither are those that the guard
suspects, though they were: the last line about a cell counts.

Failure: a disk that refuses ends the storing, never the run; :attr:`CellCheckpoint.trouble` says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock
from typing import Any

from orchestra_nb.cells.effects import ANYTHING
from orchestra_nb.cells.resumable import resuming_of
from orchestra_nb.context.encoding import NotEncodable
from orchestra_nb.context.sizes import size_of
from orchestra_nb.durable.journal import RunJournal
from orchestra_nb.errors import CheckpointError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.undoing import UNDONE
from orchestra_nb.model import Node, NodeId, UnforeseenChange
from orchestra_nb.notebook.cell_commits import CellCommit, commits_in
from orchestra_nb.notebook.cell_keys import NOTHING
from orchestra_nb.notebook.cell_results import Before, Given, KeptCell, check_outputs, kept_cell
from orchestra_nb.notebook.code import CellCode
from orchestra_nb.notebook.earlier_cells import EarlierCells, StoredCell, digest_of_value, inputs_of
from orchestra_nb.notebook.left_files import LeftFile, digest_of, left_files, traces
from orchestra_nb.notebook.lineage import Known
from orchestra_nb.notebook.process_body import Parcel
from orchestra_nb.notebook.sampling import can_change
from orchestra_nb.notebook.shipping import NotShippable
from orchestra_nb.notebook.storing_costs import ALWAYS, check_cost, check_drawn
from orchestra_nb.notebook.used_libraries import used_libraries
from orchestra_nb.running.pickling import told
from orchestra_nb.running.seams import Reply, Task

_WATCHED = 30_000
"""Bytes of an input that is digested before and after."""
_TOLD = 300_000
"""Bytes of an input that is digested because it will be made again."""


@dataclass(slots=True)
class _Life:
    """What a cell was given, and what came of it."""

    given: Given
    watched: Mapping[str, str]
    inputs: Mapping[str, str]
    read: Mapping[str, str]
    traces: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    used: Mapping[str, str] = field(default_factory=dict)
    unsure: str = ""
    commit: CellCommit | None = None
    taken: bool = False


@dataclass(slots=True)
class CellCheckpoint:
    """Stores what the cells of one run make, and gives what an earlier process stored.

    Parameters
    ----------
    dag, codes, namespace
        The program's.
    known
        Digests of the cells' code, and their lineages.
    journal
        Of the run.
    taken
        What is to be taken over, by node id.
    everything
        Whether results are stored whatever that costs.
    """

    dag: DAG
    codes: Mapping[NodeId, CellCode]
    namespace: dict[str, Any]
    known: Known
    journal: RunJournal
    taken: Mapping[NodeId, CellCommit] = field(default_factory=dict)
    everything: bool = False
    trouble: str = ""
    _lives: dict[NodeId, _Life] = field(default_factory=dict)
    _commits: dict[NodeId, CellCommit] = field(default_factory=dict)
    _rewritten: set[str] = field(default_factory=set)
    _earlier: EarlierCells = field(init=False)
    _blamed: int = 0
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._rewritten.update(path for commit in commits_in(self.journal.state) for path in commit.wrote)
        self._earlier = EarlierCells(self.dag, self.codes, self.namespace, self.journal, self._rewritten)

    @property
    def stored(self) -> int:
        """How many cells can be taken over when the run is gone on with."""
        return sum(commit.value is not None for commit in self._commits.values())

    # Before a cell runs.

    def look(self, node: Node) -> Task | None:
        """Make what gives an earlier result of a cell; ``None`` for one that is to run."""
        commit = self.taken.get(node.id)
        return None if commit is None else partial(self._give, node, commit)

    def _give(self, node: Node, commit: CellCommit) -> Reply:
        reply = self._earlier.give(node, commit)
        if reply.status == "done":
            self._lives[node.id] = _Life(Given({}, {}), {}, commit.inputs, commit.read, commit=commit, taken=True)
        return reply

    def begins(self, node: Node) -> None:
        """Take note of what a cell is given; it is about to run."""
        told, code = resuming_of(node), self.codes[node.id]
        inputs = inputs_of(node, self.codes[node.id], self.namespace)
        before = {name: self.namespace.get(code.slots.after.get(name, name), NOTHING) for name in node.writes}
        known = {**self.namespace, **inputs}
        for name in node.writes:
            known.pop(name, None)
        given = Given(inputs, before, told["maybe"], told["draws"], told["figures"], {**known, **inputs})
        read = {path: digest_of(path) for path in _files_read(node)}
        unseen = ANYTHING in (*told["writes"], *told["logs"])
        seen = traces(path for other in self.dag.nodes.values() for path in _files_read(other)) if unseen else {}
        life = self._lives[node.id] = _Life(given, {}, {}, read, seen)
        if self.trouble or told["against"]:
            return
        if told["edits"]:
            self._look_at_containers(life, told["edits"])
        try:
            life.used = used_libraries(code.text, inputs.values())
        except TypeError as error:
            life.unsure = str(error)
        again = self._made_again(node)
        digests = {}
        for name, value in inputs.items():
            if size_of(value) <= (_TOLD if name in again else _WATCHED) and (name in again or can_change(value)):
                digests[name] = digest_of_value(value)
            if name in again and again[name] and not digests.get(name):
                life.unsure = f"its input {name!r}, which {again[name]} makes anew, cannot be told from others"
        life.watched = {
            name: digest
            for name, digest in digests.items()
            if digest and name not in told["edits"] and can_change(inputs[name])
        }
        life.inputs = {name: digest for name, digest in digests.items() if digest and name in again}

    def _look_at_containers(self, life: _Life, names: Iterable[str]) -> None:
        """Take note of what lists and dictionaries hold that the cell is about to change."""
        inputs = life.given.inputs
        try:
            if size_of(dict(inputs)) > ALWAYS:
                raise NotShippable("it changes a list or a dictionary and is given much, which would be compared")
            before = Before.of(inputs, names, self.namespace)
            if other := [name for name in names if name not in before.containers.names]:
                raise NotShippable(f"it changes {other[0]}, which other cells see")
            life.given = replace(life.given, originals=before)
        except Exception as fault:
            life.unsure = str(fault) if isinstance(fault, NotShippable) else told(fault)

    def _made_again(self, node: Node) -> dict[str, str]:
        """Name the inputs that come from cells whose result is not stored, with those of them whose code is unknown."""
        made = {name for other in self.dag.nodes.values() for name in other.writes}
        found = dict.fromkeys((name for name in node.reads if name not in made), "")
        for other in self.dag.predecessors(node.id):
            commit = self._commits.get(other)
            if commit is None or commit.value is not None:
                continue
            maker, told = self.dag.nodes[other], resuming_of(self.dag.nodes[other])
            names = (*maker.writes, *maker.mutates) if not told["unknown"] and not maker.mutates else node.reads
            found |= dict.fromkeys((n for n in names if n in node.reads), maker.id if told["unknown"] else "")
        return found

    # When it has run.

    def made(self, node: Node, reply: Reply, found: Iterable[UnforeseenChange] = ()) -> Reply:
        """Store the result of a cell that has run in this process; ``found`` is what the guard knows."""
        life = self._lives.get(node.id)
        if life is not None and reply.status == "done":
            against = _against(node) or ("it shows an error" if reply.ename else life.unsure)
            suspects = [change for change in found if node.id in change.cells]
            against = against or (f"it changed {suspects[0].name}, which its code does not show" if suspects else "")
            life.commit = self._stored(node, life, reply, against)
        return reply

    async def awaited(self, node: Node, reply: Reply, found: Iterable[UnforeseenChange] = ()) -> Reply:
        """Do the same from a thread, while the event loop goes on."""
        return await asyncio.to_thread(self.made, node, reply, found)

    def _stored(
        self, node: Node, life: _Life, reply: Reply, against: str, result: Parcel | KeptCell | None = None
    ) -> CellCommit:
        codes, lineages = self.known
        commit = CellCommit(node.id, lineages[node.id], codes[node.id], None, against, life.inputs, life.read)
        now = traces(life.traces)
        wrote = tuple(path for path in now if now[path] != life.traces[path] or path in self._rewritten)
        commit = replace(commit, used=life.used, wrote=wrote, seconds=reply.seconds)
        if self.trouble or against:
            return commit
        try:
            stored = StoredCell(self._kept(node, life, reply, result), self._files(node))
            ref = self.journal.values.keep(stored)
        except (NotShippable, NotEncodable) as why:
            return replace(commit, why=str(why))
        except OSError as error:
            self.trouble = f"its disk refused: {error.strerror or error}"
            return replace(commit, why=self.trouble)
        except Exception as fault:  # a value's own code may fail while it is looked at
            return replace(commit, why=told(fault))
        large = {file.path: file.digest for file in stored.files if file.is_large}
        return replace(commit, value=ref, left=large)

    def _kept(self, node: Node, life: _Life, reply: Reply, result: Parcel | KeptCell | None) -> KeptCell:
        if isinstance(result, KeptCell):
            return result
        if result is not None:  # it comes from another process, where all was looked at
            check_outputs(reply.outputs)
            return KeptCell(result, reply.outputs)
        for name, digest in life.watched.items():
            if digest_of_value(life.given.inputs[name]) != digest:
                raise NotShippable(f"its input {name!r} changed while it ran, which its code does not show")
        slots = self.codes[node.id].slots.after
        made = {name: self.namespace.get(slots.get(name, name)) for name in node.writes}
        check_drawn(made)
        check_cost(node, size_of(list(made.values())), reply.seconds, self.everything)
        return kept_cell(node, self.codes[node.id], self.namespace, life.given, reply.outputs)

    def _files(self, node: Node) -> tuple[LeftFile, ...]:
        return left_files(path for path in resuming_of(node)["writes"] if path != ANYTHING)

    # When it is committed: one at a time.

    def committed(self, node: Node, reply: Reply, result: Any, found: Iterable[UnforeseenChange] = ()) -> None:
        """Write down that a cell has ended well; it is on the disk when this returns."""
        life = self._lives.pop(node.id, None) or _Life(Given({}, {}), {}, {}, {})
        commit = life.commit
        if commit is None and isinstance(result, Parcel | KeptCell):  # another process made it, or the cache had it
            commit = self._stored(node, life, reply, _against(node) or life.unsure, result)
        if commit is not None:
            self._commits[node.id] = commit
            self._rewritten.update(commit.wrote)
            if not life.taken:
                self._write(commit)
        self._blame(tuple(found))

    def _blame(self, found: tuple[UnforeseenChange, ...]) -> None:
        """Take back the results of those who are suspected of having changed what nobody foresaw."""
        for change in found[self._blamed :]:
            for name in change.cells:
                commit = self._commits.get(name)
                if commit is not None and commit.value is not None:
                    why = f"it may have changed {change.name}, which its code does not show"
                    self._commits[name] = replace(commit, value=None, why=why)
                    self._write(self._commits[name])
        self._blamed = len(found)

    def undone(self, node: NodeId) -> None:
        """Take a cell's result back, on the disk too: what it did is about to be undone, and it has to run again."""
        commit = self._commits.get(node) or self.taken.get(node)
        if commit is not None and commit.value is not None:
            self._commits[node] = replace(commit, value=None, why=UNDONE)
            self._write(self._commits[node])

    def _write(self, commit: CellCommit) -> None:
        if self.trouble:
            return
        try:
            with self._lock:
                self.journal.append(commit.fact)
        except CheckpointError as error:
            self.trouble = str(error)


def _files_read(node: Node) -> list[str]:
    """Name the files that a cell's code names as read."""
    return [path for path in resuming_of(node)["reads"] if path != ANYTHING and "://" not in path]


def _against(node: Node) -> str:
    """Say what in a cell's code is against storing its result."""
    found = resuming_of(node)["against"]
    return f"it {found}" if found else ""
