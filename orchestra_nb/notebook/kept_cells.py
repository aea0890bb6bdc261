"""Results of cells that are kept for later runs: looked for before a cell runs, and kept when it has run.

What is kept of a cell is what would come home from another process (:mod:`.process_body`): the names that it bound, in
one pickle, so that what they share stays shared, checked by the same strict rules; and its outputs as they stand in the
notebook, figures too. A hit binds the names and gives the outputs back; random states that the cell used are set to
what it left. What decides whether it is one is the key (:mod:`.cell_keys`).

After the cell has run, the key is made again: where an input or a file has changed meanwhile, the code did more than it
showed, and nothing is kept. Results that share a mutable object with an input are not kept either, because a later run
would get a copy. Each reason is one line, which the cell's outcome shows. None of it is done for other cells.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from orchestra_nb.context.content import content_digest
from orchestra_nb.context.node_keys import NodeKey
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId, Output
from orchestra_nb.notebook.cell_keys import NOTHING, CellKeys, read_file
from orchestra_nb.notebook.code import CellCode
from orchestra_nb.notebook.edits import Edit, Originals
from orchestra_nb.notebook.hidden_state import open_figures, random_state, set_random_state
from orchestra_nb.notebook.process_body import FRESH, Parcel, ProcessTask, check_journey
from orchestra_nb.notebook.shipping import NotShippable, pack_results, unpack_inputs
from orchestra_nb.running.census import Census
from orchestra_nb.running.libraries import imports_in
from orchestra_nb.running.not_kept import not_kept
from orchestra_nb.running.pickling import told
from orchestra_nb.running.recall import NOT_KEPT, Recall, life_of
from orchestra_nb.running.seams import Reply, Task

_WIDGET = "application/vnd.jupyter.widget-view+json"
_UNCHANGED = ("its input", "the file", "what ")
"""How the parts of a key begin that a cell must leave as they are."""


@dataclass(frozen=True, slots=True)
class KeptCell:
    """What a later run gets in a cell's place.

    Parameters
    ----------
    parcel
        The names that it bound.
    outputs
        What it printed and displayed.
    states
        The global random states that it left, by key.
    """

    parcel: Parcel
    outputs: tuple[Output, ...] = ()
    states: Mapping[str, Any] = field(default_factory=dict)

    def put_back(self) -> None:
        """Set the random states as the cell left them."""
        for key, state in self.states.items():
            set_random_state(key, state)


@dataclass(frozen=True, slots=True)
class Given:
    """What a cell was given, and what is known of it, to tell what it made.

    Parameters
    ----------
    inputs
        What it reads, by name.
    before
        What the names that it writes were bound to, :data:`NOTHING` where they were not.
    maybe
        Names that it binds on some paths only.
    draws
        The global random states that it draws from or seeds.
    figures
        Whether it may draw into a figure that is open.
    known
        Names that will be bound as they are now when the result is given back; ``None``: the inputs.
    originals
        What the lists and dictionaries hold that it changes, and all that it is given, before it runs.
    """

    inputs: Mapping[str, Any]
    before: Mapping[str, Any]
    maybe: Collection[str] = ()
    draws: Iterable[str] = ()
    figures: bool = False
    known: Mapping[str, Any] | None = None
    originals: Before | None = None


@dataclass(frozen=True, slots=True)
class Before:
    """What a cell that changes lists and dictionaries is given, before it runs.

    Parameters
    ----------
    containers
        What they hold.
    census
        Of all inputs: what it makes may share nothing with them.
    pieces
        A digest of what they hold: it must be left as it was.
    """

    containers: Originals
    census: Census
    pieces: str

    @classmethod
    def of(cls, inputs: Mapping[str, Any], names: Iterable[str], namespace: dict[str, Any]) -> Before:
        """Look at the inputs of a cell.

        Raises
        ------
        Exception
            Whatever a value raises that does not pickle, or has no digest.
        """
        census = Census(namespace)
        census.scan(inputs)
        containers = Originals(inputs, names)
        return cls(containers, census, content_digest(containers.pieces))

    def edits(self) -> tuple[list[Edit], list[Any]]:
        """Say what was changed.

        Raises
        ------
        NotShippable
            What the containers held was itself changed.
        """
        if content_digest(self.containers.pieces) != self.pieces:
            raise NotShippable("it changes what is in a list or a dictionary, and not only which things are")
        return self.containers.edits()


def kept_cell(
    node: Node, code: CellCode, namespace: dict[str, Any], given: Given, outputs: tuple[Output, ...]
) -> KeptCell:
    """Make what can be given back in the place of a cell that has run in this process.

    Raises
    ------
    NotShippable
        It cannot be: it shares something with an input, does not pickle, leaves a figure open, or shows a widget.
    """
    states = {key: random_state(key) for key in given.draws}
    check_outputs(outputs)
    if given.figures and open_figures():
        raise NotShippable("it leaves a figure open")
    made, deleted = {}, []
    for name in node.writes:
        slot = code.slots.after.get(name, name)
        if name in given.maybe and namespace.get(slot, NOTHING) is given.before[name]:
            continue  # it was left as it was
        if slot in namespace:
            made[name] = namespace[slot]
        else:
            deleted.append(name)
    edits: list[Edit] = []
    fresh: list[Any] = []
    if given.originals is None:
        census = Census(namespace)
        census.scan(given.inputs)
    else:
        census = given.originals.census
        edits, fresh = given.originals.edits()
    packed = {**made, FRESH: fresh}
    known = given.inputs if given.known is None else given.known
    values = pack_results(packed, known, census)
    check_journey(values, packed, known)
    return KeptCell(Parcel(tuple(made), tuple(deleted), values, tuple(edits)), outputs, states)


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


def check_outputs(outputs: Iterable[Output]) -> None:
    """Refuse what cannot be shown again: a widget lives in the kernel that made it."""
    for output in outputs:
        if output["output_type"] == "error":
            raise NotShippable("it shows an error")
        if _WIDGET in output.get("data", {}):
            raise NotShippable("it shows a widget, which lives in this kernel only")
