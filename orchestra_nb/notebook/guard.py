"""The guard: notices when a cell changes a shared value although nothing in its code said so.

The analysis promises which cells may change which objects, and the plan lets cells run side by side on that promise. A
library that is not what the table says, or code that reaches further than it shows, would break it silently. So values
that several cells use are looked at when the cell that made them ends, and again when a cell that only reads them ends:
if they differ, someone has changed them. Cells that are known to change a value end the watch over it, and over all
that shares objects with it, until the next look.

What a look costs is paid from an account: it holds a millisecond at first, each cell that ends adds a share of its own
time (2 % unless set otherwise), and a look is taken when the account covers it. How much of a value is looked at
follows from what is there, and is the same at both looks; so the guard slows a run by no more than that share, and may
miss what it could not afford to see.

Who did it: of the cells that ran between the two looks, those that use the value. One such cell is the culprit; of
several, each is held to be able to. Either way the edges that were missing are those to the cells that use the value
and that nothing orders, and the next plan takes the change for granted (:mod:`orchestra_nb.cells.learned`).

This file decides; threads bring it what happened and it takes no time itself: clock and sampling are passed in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId, UnforeseenChange
from orchestra_nb.notebook.sampling import can_change, sample
from orchestra_nb.notebook.slots import slots_of_node

Sample = Callable[[object, int], tuple[int, int]]
_MOST_UNITS = 200_000
_FEWEST_UNITS = 20
"""A look at less says too little."""
_PART = 0.5
"""Of what the account holds, how much one look may take."""
_SECONDS_PER_UNIT = 3e-6
"""Until it has been measured."""
_CREDIT = 1e-3
_CHANGING = -1
"""Instead of a digest, of a value that was changed while it was looked at."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What was seen of one value, and when."""

    value: int
    digest: int
    units: int
    cost: int
    tick: int
    objects: frozenset[int]


@dataclass(slots=True)
class _Life:
    """When a node ran, in ticks: the guard's own time, which advances when a node starts or ends."""

    began: int
    ended: int | None = None


class Guard:
    """Watches what the cells of one run share.

    Parameters
    ----------
    dag
        What runs; its nodes say which abstract objects they see, change and hold.
    namespace
        The user's.
    share
        Of each node's own time, what may go into looking; 0 looks at nothing.
    look, clock
        What samples a value, and seconds from any start.
    credit
        Seconds in the account at the start, so that what a quick cell makes can be looked at too.
    """

    def __init__(
        self,
        dag: DAG,
        namespace: Mapping[str, Any],
        share: float,
        look: Sample = sample,
        clock: Callable[[], float] = time.perf_counter,
        credit: float = _CREDIT,
    ) -> None:
        self._dag = dag
        self._namespace = namespace
        self._share = share
        self._sample = look
        self._clock = clock
        self._lock = Lock()
        self._account = credit
        self._per_unit = _SECONDS_PER_UNIT
        self._looks: dict[str, _Look] = {}
        self._lives: dict[NodeId, _Life] = {}
        self._tick = 0
        self._found: dict[tuple[str, tuple[NodeId, ...]], UnforeseenChange] = {}
        self._shared = _shared_slots(dag)

    @property
    def found(self) -> tuple[UnforeseenChange, ...]:
        """The changes that nobody had foreseen, in the order in which they were noticed."""
        with self._lock:
            return tuple(self._found.values())

    def started(self, node: Node) -> None:
        """A body begins in this process."""
        if self._share:
            with self._lock:
                self._tick += 1
                self._lives[node.id] = _Life(self._tick)

    def ended(self, node: Node, seconds: float) -> None:
        """A body has ended after so many seconds; look at what it used, as far as the account allows."""
        if not self._share:
            return
        with self._lock:
            self._tick += 1
            self._lives[node.id].ended = self._tick
            self._account += self._share * seconds
            changed = _objects(node, "changes")
            if node.metadata.get("keeps_place"):
                self._looks.clear()
            self._looks = {slot: seen for slot, seen in self._looks.items() if not seen.objects & changed}
            slots = slots_of_node(node)
            for name in dict.fromkeys((*node.reads, *node.writes)):
                fresh = name in node.writes
                slot = (slots.after if fresh else slots.before).get(name, name)
                if fresh:
                    self._looks.pop(slot, None)
                if slot in self._shared and slot in self._namespace:
                    self._look(node, name, slot)

    def replaced(self, node: Node) -> None:
        """What a node writes and changes came from elsewhere: what was there is not to be compared with."""
        after = slots_of_node(node).after
        changed = _objects(node, "changes")
        with self._lock:
            self._looks = {slot: seen for slot, seen in self._looks.items() if not seen.objects & changed}
            for name in node.writes:
                self._looks.pop(after.get(name, name), None)

    def _look(self, node: Node, name: str, slot: str) -> None:
        value = self._namespace.get(slot)
        if not can_change(value):
            return
        objects = _objects(node, "holds", name)
        before = self._looks.get(slot)
        if before is not None and before.value == id(value):
            if before.cost * self._per_unit > self._account:
                return
            digest, cost = self._measured(value, before.units)
            if digest != before.digest or digest == _CHANGING:
                self._suspect(name, before, node)
            self._looks[slot] = _Look(id(value), digest, before.units, cost, self._tick, objects or before.objects)
            return
        units = min(_MOST_UNITS, int(self._account * _PART / self._per_unit))
        if units >= _FEWEST_UNITS and objects:
            digest, cost = self._measured(value, units)
            self._looks[slot] = _Look(id(value), digest, units, cost, self._tick, objects)

    def _measured(self, value: object, units: int) -> tuple[int, int]:
        began = self._clock()
        try:
            digest, cost = self._sample(value, units)
        except RuntimeError:  # a dictionary that grew while it was walked
            digest, cost = _CHANGING, units
        spent = self._clock() - began
        self._account -= spent
        self._per_unit = 0.9 * self._per_unit + 0.1 * spent / max(cost, 1)
        return digest, cost

    def _suspect(self, name: str, before: _Look, node: Node) -> None:
        """Name whoever ran since the last look and uses the value."""
        users = [n.id for n in self._dag.nodes.values() if n is node or _objects(n, "sees") & before.objects]
        suspects = tuple(user for user in users if self._ran_since(user, before.tick))
        beside = tuple(user for user in users if any(user != one and not self._ordered(one, user) for one in suspects))
        self._found.setdefault((name, suspects), UnforeseenChange(name, suspects, beside))

    def _ran_since(self, node: NodeId, tick: int) -> bool:
        life = self._lives.get(node)
        return life is not None and (life.ended is None or life.ended > tick)

    def _ordered(self, one: NodeId, other: NodeId) -> bool:
        return other in self._dag.ancestors(one) or one in self._dag.ancestors(other)


def _objects(node: Node, what: str, name: str | None = None) -> frozenset[int]:
    """The abstract objects that the analysis noted of a node; see ``touches`` in its metadata."""
    told: Any = node.metadata.get("touches", {}).get(what, {} if name else ())
    return frozenset(told.get(name, ()) if name else told)


def _shared_slots(dag: DAG) -> frozenset[str]:
    """The slots that some node reads which another one, or nobody here, writes."""
    writers: dict[str, set[NodeId]] = {}
    for node in dag.nodes.values():
        after = slots_of_node(node).after
        for name in node.writes:
            writers.setdefault(after.get(name, name), set()).add(node.id)
    shared: set[str] = set()
    for node in dag.nodes.values():
        before = slots_of_node(node).before
        slots: Iterable[str] = (before.get(name, name) for name in node.reads)
        shared.update(slot for slot in slots if writers.get(slot, set()) != {node.id})
    return frozenset(shared)
