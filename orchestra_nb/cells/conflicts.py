"""From effects to edges: two cells conflict where they access one resource and one of them changes it.

The rule is the classic one of data dependence (Bernstein's conditions; R. Allen and K. Kennedy, *Optimizing Compilers
for Modern Architectures*, section 2.2), applied to four families of resources:

===========  ==================  ==================================================  =================
family       earlier → later     meaning                                             kind of edge
===========  ==================  ==================================================  =================
name         write → read        the later cell uses the value                       ``value``
name         read → write        the earlier one must see the old value              ``order``
name         write → write       the later binding must be the one that stays        ``order``
object       any with a write    one object, changed in place                        ``mutation``, or
                                                                                     ``alias`` through two names
file         any with a write    one path, or paths that may be one                  ``file``
state        any with a write    hidden state such as the global random state        ``state``
(barrier)    everything          a magic, ``exec``, ``globals()``                    ``order``
===========  ==================  ==================================================  =================

A cell that binds a name only on some paths does not hide the bindings before it. ``"*"`` (a path or state that is not
known) conflicts with every file and every key. An edge is *certain* when both accesses are.

A name may stand for several variables (:mod:`.versions`): uses of different ones do not conflict.

Edges of kind ``order`` that a longer path implies are dropped: they add nothing but ink.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Literal

from orchestra_nb.cells.effects.records import AGAIN, ANYTHING, OPEN_TO_ALL, UNKNOWN_CODE, Access, Effects
from orchestra_nb.cells.versions import Slots
from orchestra_nb.model import Certainty, Edge, EdgeKind, Evidence, NodeId

_VERBS = {
    ("name", "read"): "reads {0}", ("name", "write"): "writes {0}",
    ("object", "read"): "reads {0}", ("object", "write"): "changes {0}",
    ("file", "read"): "reads file {0}", ("file", "write"): "writes file {0}",
    ("state", "read"): "uses {0}", ("state", "write"): "sets {0}",
}  # fmt: skip
_STATES = {
    "numpy.random": "numpy's global random state", "random": "random's global state",
    "matplotlib": "the current figure",
    "cwd": "the working directory", "env": "the environment", "options": "display and computing options",
    "warnings": "the warnings filters", "*": "any hidden state or file",
    UNKNOWN_CODE: "hidden state that is not known",
}  # fmt: skip


@dataclass(slots=True)
class _History:
    """Who touched one resource so far, from the last certain write on."""

    writes: list[tuple[int, Access]] = field(default_factory=list)
    reads: list[tuple[int, Access]] = field(default_factory=list)


class Conflicts:
    """Collects the evidence for each pair of cells."""

    def __init__(self) -> None:
        self.found: dict[tuple[int, int, EdgeKind], list[tuple[Evidence, bool]]] = defaultdict(list)

    def between(self, earlier: tuple[int, Access], later: tuple[int, Access], kind: EdgeKind) -> None:
        """Note that two accesses conflict; two accesses of one cell never do."""
        (source, one), (target, two) = earlier, later
        if source == target:
            return
        name = two.via or one.via or str(one.key if two.key in (ANYTHING, UNKNOWN_CODE) else two.key)
        if kind == "mutation" and one.via and two.via and one.via != two.via:
            kind, name = "alias", f"{one.via} = {two.via}"
        evidence = Evidence(name, one.line, two.line, f"{_phrase(one)}, then {_phrase(two)}")
        entry = (evidence, one.certain and two.certain)
        if entry not in self.found[source, target, kind]:
            self.found[source, target, kind].append(entry)

    def edges(self, ids: Sequence[NodeId]) -> list[Edge]:
        """One edge per pair and kind, in document order."""
        out = []
        for (source, target, kind), entries in sorted(self.found.items()):
            certainty: Certainty = "certain" if any(certain for _, certain in entries) else "possible"
            out.append(Edge(ids[source], ids[target], kind, certainty, tuple(item for item, _ in entries)))
        return out


def _phrase(access: Access) -> str:
    what = access.via or (str(access.key) if isinstance(access.key, str) else "an object")
    if access.family == "state":
        what = _STATES.get(what, what.removeprefix("module:"))
    elif access.family == "file" and access.key == ANYTHING:
        what = "that may be any"
    because = f" ({access.why})" if access.why and access.family != "name" else ""
    return _VERBS[access.family, access.mode].format(what) + because


def conflicts(effects: Sequence[Effects], slots: Sequence[Slots] = ()) -> Conflicts:
    """All conflicts between the cells of a document.

    Parameters
    ----------
    effects
        Of each cell.
    slots
        Of each cell, where names have versions; without them, each name is one variable.
    """
    found = Conflicts()
    _in_turn(effects, found, "name", slots)
    _in_turn(effects, found, "object")
    _hidden(effects, found)
    _barriers(effects, found)
    return found


_KINDS: dict[str, tuple[EdgeKind, EdgeKind]] = {"name": ("value", "order"), "object": ("mutation", "mutation")}
"""Of an edge into a reader, and into a writer."""


def _in_turn(
    effects: Sequence[Effects], found: Conflicts, family: Literal["name", "object"], slots: Sequence[Slots] = ()
) -> None:
    """Names and objects: each reader waits for the writers before it, each writer for all since the last one.

    A name that is bound only on some paths does not hide the binding before; writers of one object wait for each other
    anyway, so the last one stands for all.
    """
    kinds = _KINDS[family]
    before: Mapping[str, str]
    after: Mapping[str, str]
    histories: dict[str | int, _History] = defaultdict(_History)
    for number, cell in enumerate(effects):
        before, after = (slots[number].before, slots[number].after) if slots else ({}, {})
        for access in cell.of(family, "read"):
            past = histories[before.get(str(access.key), access.key)]
            for earlier in past.writes:
                found.between(earlier, (number, access), kinds[0])
            past.reads.append((number, access))
        for access in cell.of(family, "write"):
            if access.why == AGAIN:
                continue
            past = histories[after.get(str(access.key), access.key)]
            for earlier in (*past.writes, *past.reads):
                found.between(earlier, (number, access), kinds[1])
            if access.certain or family == "object":
                past.writes, past.reads = [], []
            past.writes.append((number, access))


def _hidden(effects: Sequence[Effects], found: Conflicts) -> None:
    """Files and state: few, and compared pair by pair because paths and wildcards overlap without being equal."""
    earlier: list[tuple[int, Access]] = []
    set_somewhere = {access.key for cell in effects for access in cell.of("state", "write")}
    for number, cell in enumerate(effects):
        now = [a for a in cell.accesses.values() if a.family in ("file", "state") and _matters(a, set_somewhere)]
        for access in now:
            for past in earlier:
                if "write" in (past[1].mode, access.mode) and _same_resource(past[1], access):
                    found.between(
                        past, (number, access), "file" if "file" in (past[1].family, access.family) else "state"
                    )
        earlier += [(number, access) for access in now]


def _matters(access: Access, set_somewhere: Set[str | int]) -> bool:
    """Reads of state that nobody ever sets are left out early: every cell that computes reads the options."""
    if access.mode == "write" or access.family == "file":
        return True
    keys = {access.key, ANYTHING, *([UNKNOWN_CODE] if access.key in OPEN_TO_ALL else [])}
    return not keys.isdisjoint(set_somewhere)


def _same_resource(one: Access, two: Access) -> bool:
    if one.family == two.family == "file":
        return _may_be_one(str(one.key), str(two.key))
    if one.family != two.family:
        return (one.key if one.family == "state" else two.key) == ANYTHING
    keys = {one.key, two.key}
    return len(keys) == 1 or ANYTHING in keys or (UNKNOWN_CODE in keys and keys <= OPEN_TO_ALL)


def _may_be_one(one: str, two: str) -> bool:
    """Whether two paths may name one file, or one may hold the other.

    Examples
    --------
    >>> _may_be_one("out/a.csv", "out/b.csv"), _may_be_one("out", "out/b.csv"), _may_be_one("/data/a.csv", "a.csv")
    (False, True, True)
    >>> _may_be_one("/home/me/out", "out/a.csv"), _may_be_one("../data/a.csv", "/srv/data/b.csv")
    (True, False)
    """
    if ANYTHING in (one, two):
        return True
    if posixpath.isabs(one) != posixpath.isabs(two) or ".." in one or ".." in two:
        return "." in (one, two) or _overlap(_named(one), _named(two)) or _overlap(_named(two), _named(one))
    stems, endings = zip(posixpath.splitext(one), posixpath.splitext(two), strict=True)
    if "" in endings and stems[0] == stems[1]:  # numpy and others add an ending
        return True
    first, second = one.split("/"), two.split("/")
    short = min(len(first), len(second))
    return "." in (one, two) or first[:short] == second[:short]


def _named(path: str) -> list[str]:
    """The folders and the name of a path, as far as they are said."""
    return [part for part in path.split("/") if part not in ("", "..")]


def _overlap(one: list[str], two: list[str]) -> bool:
    """Whether one path, from some folder on, begins like another, which starts from a folder that is not known."""
    return not two or any(one[i : i + len(two)] == two[: len(one) - i] for i in range(len(one)))


def _barriers(effects: Sequence[Effects], found: Conflicts) -> None:
    for number, cell in enumerate(effects):
        for barrier in cell.barriers[:1]:
            for other in range(number):
                reason = f"the later cell {barrier.why}"
                found.found[other, number, "order"].append((Evidence("everything", None, barrier.line, reason), False))
            for other in range(number + 1, len(effects)):
                reason = f"the earlier cell {barrier.why}"
                found.found[number, other, "order"].append((Evidence("everything", barrier.line, None, reason), False))


def without_implied_order(edges: Sequence[Edge], ids: Sequence[NodeId]) -> list[Edge]:
    """Drop ``order`` edges that a longer path implies; every other kind carries its own evidence and stays."""
    place = {name: number for number, name in enumerate(ids)}
    successors: list[set[int]] = [set() for _ in ids]
    for edge in edges:
        successors[place[edge.source]].add(place[edge.target])
    below = [0] * len(ids)
    for number in range(len(ids) - 1, -1, -1):
        for child in successors[number]:
            below[number] |= below[child] | 1 << child
    linked = {(edge.source, edge.target) for edge in edges if edge.kind != "order"}
    kept = []
    for edge in edges:
        source, target = place[edge.source], place[edge.target]
        implied = (edge.source, edge.target) in linked or any(
            below[child] >> target & 1 for child in successors[source] if child != target
        )
        if edge.kind != "order" or not implied:
            kept.append(edge)
    return kept


def inferred_edges(effects: Sequence[Effects], ids: Sequence[NodeId], slots: Sequence[Slots] = ()) -> list[Edge]:
    """The edges that the cells' effects ask for, with their evidence."""
    return without_implied_order(conflicts(effects, slots).edges(ids), ids)


def names_of(accesses: Iterable[Access]) -> tuple[str, ...]:
    """The variables of a list of accesses, each once, in order."""
    return tuple(dict.fromkeys(a.via or str(a.key) for a in accesses if a.via or isinstance(a.key, str)))
