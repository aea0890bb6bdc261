"""What can be given back in the place of a cell that has run: the names that it bound, its outputs, random states.

It is what would come home from another process (:mod:`.process_body`): the names in one pickle, so that what they share
stays shared, checked by the same strict rules; what was done to lists and dictionaries, where that is asked for, as
edits (:mod:`.edits`). Whatever a copy could not stand for is :class:`.NotShippable`, with one line that says why.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestra_nb.context.content import content_digest
from orchestra_nb.model import Node, Output
from orchestra_nb.notebook.cell_keys import NOTHING
from orchestra_nb.notebook.code import CellCode
from orchestra_nb.notebook.edits import Edit, Originals
from orchestra_nb.notebook.hidden_state import open_figures, random_state, set_random_state
from orchestra_nb.notebook.process_body import FRESH, Parcel, check_journey
from orchestra_nb.notebook.shipping import NotShippable, pack_results
from orchestra_nb.running.census import Census

_WIDGET = "application/vnd.jupyter.widget-view+json"


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
        census.meet(inputs)
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
        census.meet(given.inputs)
    else:
        census = given.originals.census
        edits, fresh = given.originals.edits()
    packed = {**made, FRESH: fresh}
    known = given.inputs if given.known is None else given.known
    values = pack_results(packed, known, census)
    check_journey(values, packed, known)
    return KeptCell(Parcel(tuple(made), tuple(deleted), values, tuple(edits)), outputs, states)


def check_outputs(outputs: Iterable[Output]) -> None:
    """Refuse what cannot be shown again: a widget lives in the kernel that made it."""
    for output in outputs:
        if output["output_type"] == "error":
            raise NotShippable("it shows an error")
        if _WIDGET in output.get("data", {}):
            raise NotShippable("it shows a widget, which lives in this kernel only")
