"""Cells to a DAG: parse, interpret, find the conflicts, apply what the user settled.

This is where a notebook becomes a graph. The order of work: every cell is parsed first, and all syntax errors are
reported together, or become nodes that keep their place and fail when they run; then the cells are interpreted in
document order (:mod:`.effects`), each one's settings are laid over what was found, conflicts become edges
(:mod:`.conflicts`), and the graph is checked as a whole. Nothing runs. Cells that compensate others come last and
stand beside all this (:mod:`.compensating`).

A user settles what the analysis could not: ``mutates`` replaces the objects that a cell was thought to change, and says
with it that unknown code in the cell is harmless; ``reads`` and ``writes`` replace the names.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.compensating import in_order, in_place, set_aside, undo_edges, unknown_undo
from orchestra_nb.cells.conditions import breaker_of, retry_policy_of, under_condition
from orchestra_nb.cells.conflicts import inferred_edges, names_of
from orchestra_nb.cells.declared import unknown_backends
from orchestra_nb.cells.effects import ANYTHING, UNKNOWN_CODE, Access, Barrier, Effects, Interpreter, step
from orchestra_nb.cells.effects.names import BUILTINS, HISTORY
from orchestra_nb.cells.effects.records import Family, Mode
from orchestra_nb.cells.fixed_names import CellNames, slots_of
from orchestra_nb.cells.keepable import Keepable, keepable, settled
from orchestra_nb.cells.known_names import take_names
from orchestra_nb.cells.learned import NOTHING_LEARNED, Learned, source_key
from orchestra_nb.cells.resumable import Resumable, resumable, with_resumable
from orchestra_nb.cells.source import CellSyntaxError, Prepared, prepare
from orchestra_nb.cells.verdicts import uses_what_others_set, verdicts
from orchestra_nb.cells.versions import Slots
from orchestra_nb.errors import ConditionError, Issue, NotebookError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.validation import FAULT, check, faults_of
from orchestra_nb.model import Edge, Node

_UNKNOWN_COST = 1.0
_MOST_OBJECTS = 300
"""Abstract objects within one value, beyond which a run does not watch it."""


@dataclass(frozen=True, slots=True)
class Inference:
    """What was found out about some cells.

    Parameters
    ----------
    nodes
        One per cell, in document order.
    edges
        Inferred ones; those that ``after`` declares are the graph's business.
    effects
        Of each cell, after its settings were laid over them.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    effects: tuple[Effects, ...]


def cell_dag(
    cells: Sequence[Cell],
    namespace: Mapping[str, Any] | None = None,
    *,
    read_outside: Iterable[str] = (),
    learned: Learned = NOTHING_LEARNED,
    keep_going: bool = False,
) -> DAG:
    """Build the DAG of cells.

    Parameters
    ----------
    cells
        In document order.
    namespace
        What exists before the first of them, in a live session.
    read_outside
        Names of that namespace which functions outside of the cells read.
    learned
        What earlier runs saw cells change.
    keep_going
        Whether a cell that does not parse is a node like a magic: all before it, then it, then all after it. Its fault
        is in its ``metadata``. A cell that is expected to fail (tag ``raises-exception``) always is.

    Raises
    ------
    NotebookError
        Every syntax error, duplicate name, unknown ``after`` or backend and cycle, with its cell and line.

    Examples
    --------
    >>> dag = cell_dag([Cell(1, "x = 1"), Cell(2, "y = 2"), Cell(3, "print(x + y)")])
    >>> dag.levels
    (('cell-1', 'cell-2'), ('cell-3',))
    """
    found = infer(cells, namespace, read_outside=read_outside, learned=learned, keep_going=keep_going)
    places = {node.index: cell for node, cell in zip(found.nodes, cells, strict=True)}

    def place(node: Node, setting: str) -> str:
        return places[node.index].where(setting)

    errors = [i for i in check(found.nodes, found.edges, place=place) if i.severity == "error"]
    errors += unknown_backends(cells)
    errors += unknown_undo(cells, found.nodes, namespace or {})
    if errors:
        raise NotebookError([*faults_of(found.nodes), *errors])
    return DAG(found.nodes, found.edges)


def infer(
    cells: Sequence[Cell],
    namespace: Mapping[str, Any] | None = None,
    *,
    read_outside: Iterable[str] = (),
    learned: Learned = NOTHING_LEARNED,
    keep_going: bool = False,
) -> Inference:
    """Find the nodes and edges of cells; the parameters are those of :func:`cell_dag`.

    Raises
    ------
    NotebookError
        Cells that do not parse, or read the session's history, all of them.
    """
    prepared = _parse(cells, keep_going)
    machine = Interpreter()
    if namespace:
        take_names(machine, namespace)
    effects: list[Effects] = []
    nodes: list[Node] = []
    touches: list[Mapping[str, Any]] = []
    kept: list[Keepable | None] = []
    taken_over: list[Resumable] = []
    issues: list[Issue] = []
    order, count = in_order(cells)
    document, cells, prepared = cells, [cells[at] for at in order], [prepared[at] for at in order]
    for number, (cell, code) in enumerate(zip(cells, prepared, strict=True)):
        if isinstance(code, Prepared):
            found = step(machine, number, code, may_raise=cell.may_fail)
        else:
            found = _unread(machine, number)
        _settle(found, cell, machine)
        _recall(machine, learned.get(source_key(cell.source), ()))
        effects.append(found)
        nodes.append(_node(number, cell, found, verdicts(found, machine)))
        touches.append(_touches(found, machine))
        cache = cell.settings.cache
        tree = code.tree if isinstance(code, Prepared) else None
        kept.append(keepable(found, machine, not isinstance(cache, bool), tree) if cache else None)
        taken_over.append(resumable(found, machine, tree))
        if isinstance(code, Issue) and not cell.may_fail:
            nodes[-1] = replace(nodes[-1], metadata={**nodes[-1].metadata, FAULT: code})
        issues += [_history(cell, barrier) for barrier in found.barriers if barrier.why.startswith(HISTORY)]
    if issues:
        raise NotebookError([*faults_of(nodes), *issues])
    written = {access.key for found in effects for access in found.of("name", "write")}
    nodes = [replace(n, reads=tuple(r for r in n.reads if r not in BUILTINS or r in written)) for n in nodes]
    nodes, aside = nodes[:count], [set_aside(node) for node in nodes[count:]]
    found_of, effects = effects, effects[:count]
    for number, reason in enumerate(uses_what_others_set(effects)):
        where = nodes[number].verdicts
        if reason and not where["loky"]:
            nodes[number] = replace(nodes[number], verdicts=MappingProxyType({**where, "loky": reason}))
    trees = [code.tree if isinstance(code, Prepared) else ast.Module([], []) for code in prepared[:count]]
    known = [CellNames(*each) for each in zip(cells[:count], trees, effects, strict=True)]
    plain = machine.watched or any(cell.settings.when is not None for cell in cells)  # which look names up as texts
    slots = [Slots() for _ in known] if plain else slots_of(known, namespace or (), read_outside)
    nodes = settled(kept[:count], effects, nodes, bool(namespace))
    nodes = with_resumable(taken_over[:count], effects, nodes)
    nodes = [_for_the_run(*each) for each in zip(nodes, slots, touches[:count], strict=True)]
    edges = [*inferred_edges(effects, [node.id for node in nodes], slots)]
    edges += undo_edges(document, {node.id for node in aside})
    placed, told = in_place(order, [*nodes, *aside], found_of)
    return Inference(placed, tuple(edges), told)


def _for_the_run(node: Node, slots: Slots, touches: Mapping[str, Any]) -> Node:
    """Tell the run where the cell finds names that have versions, and which objects it touches."""
    told: dict[str, Any] = {**node.metadata, "touches": touches}
    if slots:
        told["slots"] = {"before": dict(slots.before), "after": dict(slots.after)}
    return replace(node, metadata=told)


def _touches(effects: Effects, machine: Interpreter) -> Mapping[str, Any]:
    """The abstract objects that a cell sees, changes, and leaves in its names."""
    holds = {}
    for access in (*effects.of("name", "read"), *effects.of("name", "write")):
        value = machine.module.names.get(str(access.key))
        reached = machine.heap.reachable(value) if value is not None else ()
        if 0 < len(reached) <= _MOST_OBJECTS:
            holds[str(access.key)] = sorted(reached)
    sees, changes = ([int(a.key) for a in effects.of("object", mode)] for mode in ("read", "write"))
    return {"sees": sees, "changes": changes, "holds": holds}


def _recall(machine: Interpreter, names: Iterable[str]) -> None:
    """What an earlier run saw this cell change is taken for granted."""
    for name in names:
        value = machine.module.names.get(name)
        if value is not None:
            machine.mutate_deeply(value, "a run saw it change")


def _history(cell: Cell, barrier: Barrier) -> Issue:
    """A run keeps no ``_``, ``Out`` or ``In``: a cell that reads them would see another session's, or nothing."""
    hint = "bind the value to a name of its own where it is made, and use that"
    return Issue("uses-history", f"{barrier.why}, which a run does not keep", (cell.id,), cell.line(barrier.line), hint)


def _parse(cells: Iterable[Cell], keep_going: bool) -> list[Prepared | Issue]:
    """Parse each cell; what does not parse leaves its fault, and stops here unless that was expected or allowed."""
    prepared: list[Prepared | Issue] = []
    fatal: list[Issue] = []
    for cell in cells:
        try:
            prepared.append(under_condition(prepare(cell.source), cell))
        except ConditionError as error:
            told, hint = f"its condition cannot be read: {error}", f"it says {cell.settings.when!r}"
            fatal.append(Issue("bad-condition", told, (cell.id,), cell.where("when"), hint))
        except CellSyntaxError as error:
            issue = Issue("syntax-error", f"this is not Python: {error}", (cell.id,), cell.line(error.line))
            prepared.append(issue)
            fatal += [] if keep_going or cell.may_fail else [issue]
    if fatal:
        raise NotebookError(fatal)
    return prepared


def _unread(machine: Interpreter, number: int) -> Effects:
    """Interpret a cell that does not parse: it may bind and do anything, and may begin to before it fails."""
    machine.begin(number)
    machine.barrier("does not parse")
    machine.unknown_code("does not parse")
    machine.forget_types("a cell that does not parse binds")
    return machine.effects


def _settle(effects: Effects, cell: Cell, machine: Interpreter) -> None:
    """Lay what the user says over what was found."""
    said = cell.settings
    if said.mutates is not None:
        _replace(effects, ("object", "write"), said.mutates, machine)
        unknown: tuple[tuple[Family, str], ...] = (("state", ANYTHING), ("state", UNKNOWN_CODE), ("file", ANYTHING))
        for key in unknown:
            effects.accesses.pop((*key, "write"), None)
        effects.main_thread = [why for why in effects.main_thread if "not known" not in why]
    if said.writes is not None:
        _replace_names(effects, "write", said.writes)
    if said.reads is not None:
        _replace_names(effects, "read", said.reads)
        _replace(effects, ("object", "read"), said.reads, machine)


def _replace_names(effects: Effects, mode: Mode, names: Iterable[str]) -> None:
    for access in [a for a in effects.accesses.values() if a.family == "name" and a.mode == mode]:
        del effects.accesses[access.family, access.key, access.mode]
    for name in names:
        effects.add(Access("name", name, mode, 1, why="declared"))


def _replace(effects: Effects, which: tuple[Family, Mode], names: Iterable[str], machine: Interpreter) -> None:
    """Exactly the objects that these names stand for are read or changed."""
    for access in [a for a in effects.accesses.values() if (a.family, a.mode) == which]:
        del effects.accesses[access.family, access.key, access.mode]
    for name in names:
        value = machine.module.names.get(name)
        for number in value.objects if value is not None else ():
            if machine.heap[number].cell != machine.cell:
                effects.add(Access("object", number, which[1], 1, via=name, why="declared"))


def _node(number: int, cell: Cell, effects: Effects, where: Mapping[str, str]) -> Node:
    said = cell.settings
    cost = said.cost if said.cost is not None else cell.seconds if cell.seconds is not None else _UNKNOWN_COST
    return Node(
        id=cell.id,
        after=tuple(said.after),  # type: ignore[arg-type]
        cost=cost,
        reads=names_of(effects.of("name", "read")),
        writes=names_of(effects.of("name", "write")),
        mutates=names_of(effects.of("object", "write")),
        uses=tuple(said.uses),
        priority=said.priority,
        timeout=said.timeout,
        retry=retry_policy_of(said.retry),
        breaker=breaker_of(said.breaker),
        cache=said.cache,
        when=said.when,
        undo=said.undo,
        phase=said.phase,
        backend=said.backend,
        kind="cell",
        index=number,
        source=cell.source,
        verdicts=where,
        metadata={
            "state": effects.state if UNKNOWN_CODE not in effects.state else (*effects.state, ANYTHING),
            "sets": tuple(str(access.key) for access in effects.of("state", "write")),
            "cost_given": said.cost is not None,
            "tags": cell.tags,
            "cell_id": cell.cell_id,
            "position": cell.position,
            "place": cell.place,
            "first_line": cell.first_line,
            "keeps_place": tuple(barrier.why for barrier in effects.barriers),
            "deletes": tuple(sorted(effects.deletes)),
        },
    )
