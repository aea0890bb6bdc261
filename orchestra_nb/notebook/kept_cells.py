"""Results of cells that are kept for later runs: looked for before a cell runs, and kept when it has run.

What is kept of a cell is in :mod:`.cell_results`: the names that it bound, its outputs as they stand in the notebook,
figures too. A hit binds the names and gives the outputs back; random states that the cell used are set to what it left.
What decides whether it is one is the key (:mod:`.cell_keys`).

After the cell has run, the key is made again: where an input or a file has changed meanwhile, the code did more than it
showed, and nothing is kept. Results that share a mutable object with an input are not kept either, because a later run
would get a copy. Each reason is one line, which the cell's outcome shows. None of it is done for other cells.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from orchestra_nb.context.node_keys import NodeKey
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId, Output
from orchestra_nb.notebook.cell_keys import NOTHING, CellKeys, read_file
from orchestra_nb.notebook.cell_results import Given, KeptCell, check_outputs, kept_cell
from orchestra_nb.notebook.code import CellCode
from orchestra_nb.notebook.process_body import ProcessTask
from orchestra_nb.notebook.shipping import NotShippable, unpack_inputs
from orchestra_nb.running.libraries import imports_in
from orchestra_nb.running.not_kept import not_kept
from orchestra_nb.running.pickling import told
from orchestra_nb.running.recall import NOT_KEPT, Recall, life_of
from orchestra_nb.running.seams import Reply, Task

_UNCHANGED = ("its input", "the file", "what ")
"""How the parts of a key begin that a cell must leave as they are."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A cell that was looked for in vain: its key, and what it was given, as it was then."""

    key: NodeKey
    inputs: Mapping[str, Any]
    before: Mapping[str, Any]


class CellKeeper:
    """What a program knows of the results of its cells in earlier runs.

    Parameters
    ----------
    recall
        Has them.
    dag, codes, namespace
        The program's.
    """

    def __init__(self, recall: Recall, dag: DAG, codes: Mapping[NodeId, CellCode], namespace: dict[str, Any]) -> None:
        self._recall = recall
        self._keys = CellKeys(recall, dag, codes)
        self._codes = codes
        self._namespace = namespace
        self._missed: dict[NodeId, Missed] = {}
        self._against: dict[NodeId, str] = {}

    def look(self, node: Node) -> Task | None:
        """Make what looks for a cell's result; ``None`` for one that is not kept."""
        if "keeping" not in node.metadata:
            return None
        against = not_kept(node)
        self._against[node.id] = f"it {against}" if against else ""
        return None if against else partial(self._find, node)

    def _find(self, node: Node) -> Reply:
        try:
            missed = self.asked(node)
        except TypeError as error:
            self._against[node.id] = str(error)
            return Reply("missed", reason=str(error))
        found = self._recall.find(missed.key)
        if found is not None and type(found.value) is KeptCell:
            return Reply("done", value=found.value, outputs=found.value.outputs)
        self._missed[node.id] = missed
        return Reply("missed", reason=self._recall.why_not(node.id, missed.key))

    def asked(self, node: Node) -> Missed:
        """Read what a cell would be given now, and make its key.

        Raises
        ------
        TypeError
            Some of it has no digest; the text says what.
        """
        code, space = self._codes[node.id], self._namespace
        slots = {name: code.slots.before.get(name, name) for name in node.reads}
        inputs = {name: space[slot] for name, slot in slots.items() if slot in space}
        before = {name: space.get(code.slots.after.get(name, name), NOTHING) for name in node.writes}
        return Missed(self._keys.key(node, inputs, before), inputs, before)

    def task(self, node: Node, task: ProcessTask) -> Task:
        """Make what keeps a cell's result where it runs in another process, if it was looked for."""
        missed = self._missed.get(node.id)
        if missed is None:
            return partial(_told, task, against) if (against := self._against.get(node.id)) else task
        return KeepingProcess(task, self._recall, node.id, missed.key, life_of(node), node.metadata["keeping"]["files"])

    def kept(self, node: Node, reply: Reply) -> Reply:
        """Keep the result of a cell that has run in this process, if it was looked for."""
        missed = self._missed.get(node.id)
        if missed is None:
            return _against(reply, self._against.get(node.id, ""))
        if reply.status != "done" or reply.ename:
            return reply
        try:
            made = self._made(node, missed, reply.outputs)
        except (NotShippable, TypeError) as error:
            return _against(reply, str(error))
        except Exception as error:  # a value's own code may fail while it is looked at
            return _against(reply, told(error))
        against = self._recall.keep(node.id, missed.key, made, life_of(node))
        return replace(reply, reason=against) if against else reply

    async def awaited(self, node: Node, reply: Reply) -> Reply:
        """Do the same from a thread, while the event loop goes on."""
        if node.id in self._missed:
            return await asyncio.to_thread(self.kept, node, reply)
        return self.kept(node, reply)

    def _made(self, node: Node, missed: Missed, outputs: Iterable[Output]) -> KeptCell:
        changed = [
            part
            for part in self._keys.key(node, missed.inputs, missed.before).differences(missed.key)
            if part.startswith(_UNCHANGED)
        ]
        if changed:
            raise NotShippable(f"{', '.join(changed)} changed while it ran")
        keeping = node.metadata["keeping"]
        given = Given(
            missed.inputs, missed.before, keeping["maybe"], keeping["draws"], "matplotlib" in keeping["states"]
        )
        return kept_cell(node, self._codes[node.id], self._namespace, given, tuple(outputs))

    def ended(self, node: Node) -> None:
        """Take note that a cell will not run again."""
        self._missed.pop(node.id, None)
        self._against.pop(node.id, None)


@dataclass(frozen=True, slots=True)
class KeepingProcess:
    """A cell in another process, and where its result is to be kept. Pickles as the cell's task does."""

    task: ProcessTask
    recall: Recall
    node: str
    key: NodeKey
    ttl: float | None
    files: tuple[str, ...]

    def __call__(self) -> Reply:
        """Run the cell, and keep what is going home if it is good."""
        reply = self.task()
        if reply.status != "done" or reply.ename:
            return reply
        try:
            check_outputs(reply.outputs)
            for path in self.files:
                part = f"the file {path!r}"
                if read_file(path) != self.key.parts[part]:
                    raise NotShippable(f"{part} changed while it ran")
            if other := self._other_modules():
                raise NotShippable(f"{', '.join(other)} changed while it ran")
        except (NotShippable, TypeError) as error:
            return _against(reply, str(error))
        against = self.recall.keep(self.node, self.key, KeptCell(reply.value, reply.outputs), self.ttl)
        return replace(reply, reason=against) if against else reply

    def _other_modules(self) -> list[str]:
        """Name what the cell may have used here that is not what the key has: this process loads modules itself."""
        main = sys.modules["__main__"]
        try:
            values = unpack_inputs(self.task.inputs, self.task.names)
        finally:
            sys.modules["__main__"] = main
        given = [values[name] for name in self.task.names]
        return self.recall.against_of_used(self.key, given, imports_in(self.task.code.text))


def _against(reply: Reply, why: str) -> Reply:
    """Tell why a result that is good was not kept, if there is a reason."""
    return replace(reply, reason=f"{NOT_KEPT}: {why}") if why and reply.status == "done" else reply


def _told(task: Task, why: str) -> Reply:
    return _against(task(), why)
