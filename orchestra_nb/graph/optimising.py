"""The same results from a smaller graph: what :meth:`.DAGBuilder.optimize` does, step by step.

Steps: nodes that no named target needs go (*drop*), order that other needs imply goes (:mod:`.reduction`), chains of
cheap nodes become one (:mod:`.merging`). Each is a change of the graph that leaves every value and, between the nodes
that stay, every "must end before" as it was; ``.metadata["optimizations"]`` says what was changed, or was not, and why.

**No slower, for any number of workers.** Neither dropping nor merging guarantees that: three chains of two nodes take 3
on two workers and 4 once merged, and a list schedule can get longer when work is taken away (Graham 1969). So a change
is only made if the schedule with it, worked out by :mod:`.list_schedule` for the default policy, is not longer than the
original's for every P from one worker to as many as ever find work at once (the *peak*, at most 32). From the peak on
every node starts when it is ready, so the makespan is the critical path, and no change makes that longer: dropping only
takes ways away, and a merged chain lies on the ways that its parts lay on. Reduction changes neither levels nor ranks
nor what is ready when, and needs no such proof.

The search: all changes of a kind at once, which usually passes; a group that does not is halved, and a single change
that does not is left, with the reason. A budget of simulated nodes bounds it; what is not reached is left as well.
Failure: an unknown target or a threshold that cannot be meant raises; the optimiser itself never makes a fault.
Rejected: merging by a local rule (none is sound for list schedules), the best set of changes (a search without end).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from orchestra_nb.errors import ConfigError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.list_schedule import Jobs
from orchestra_nb.graph.merging import Chain, Cheap, merge, merged_jobs
from orchestra_nb.graph.paths import ROUNDING
from orchestra_nb.graph.reduction import reduce_order

_T = TypeVar("_T")

_WORKERS = 32
"""Numbers of workers that are tried, from one up."""
_BUDGET = 2_000_000
"""Nodes that one kind of change may simulate, beyond its first try."""
_TRIES = "the makespan was not worked out, for there are too many of its kind"


def optimise(dag: DAG, targets: Iterable[str] = (), merge_below: float | None = None) -> DAG:
    """Make a smaller graph with the same results; see :meth:`.DAGBuilder.optimize`."""
    if merge_below is not None and not merge_below > 0:
        raise ConfigError(f"merge_below={merge_below!r} is no threshold; give seconds above zero")
    named = (targets,) if isinstance(targets, str) else tuple(targets)
    guard = _Guard(dag)
    if named:
        dag = _drop(dag, named, guard)
    dag = reduce_order(dag)
    if merge_below is None:
        return dag
    return _merge(dag, Cheap(merge_below, _spoken_of(dag).union(named)), guard)


class _Guard:
    """Says whether a graph is ever slower than the original."""

    def __init__(self, dag: DAG) -> None:
        self._jobs = merged_jobs(dag, ())
        self._times: dict[int, float] = {}

    def objection(self, jobs: Jobs) -> str:
        """Name a number of workers that would take longer; empty if there is none."""
        for workers in range(1, min(max(self._jobs.peak, jobs.peak), _WORKERS) + 1):
            if workers not in self._times:
                self._times[workers] = self._jobs.makespan(workers)
            before, after = self._times[workers], jobs.makespan(workers)
            if after > before * (1 + ROUNDING):
                who = "1 worker" if workers == 1 else f"{workers} workers"
                return f"{who} would take {after:g} s instead of {before:g} s"
        return ""

    def choose(self, changes: Sequence[_T], jobs: Callable[[Sequence[_T]], Jobs]) -> tuple[list[_T], dict[_T, str]]:
        """Choose the changes to make, and say why not the others: all at once, else by halves.

        Parameters
        ----------
        changes
            In an order in which each beginning could be made without the rest.
        jobs
            What a choice of them leads to.
        """
        chosen: list[_T] = []
        refused: dict[_T, str] = {}
        waiting = [list(changes)] if changes else []
        budget = _BUDGET
        while waiting:
            group = waiting.pop()
            tried = jobs([*chosen, *group])
            objection = self.objection(tried) if budget > 0 else _TRIES
            budget -= min(self._jobs.peak, _WORKERS) * len(tried.succs)
            if not objection:
                chosen += group
            elif len(group) == 1 or objection == _TRIES:
                refused |= dict.fromkeys(group, objection)
            else:
                half = len(group) // 2
                waiting += [group[half:], group[:half]]
        return chosen, refused


def _drop(dag: DAG, targets: tuple[str, ...], guard: _Guard) -> DAG:
    """Drop what no target needs, the last first, so that nothing that stays needs what goes."""
    needed = _needed(dag, targets)
    table, nodes = dag.table, dag.nodes
    spare = [i for level in reversed(table.levels) for i in level if table.ids[i] not in needed]
    priorities = [node.priority for node in nodes.values()]
    costs = [float(node.cost) for node in nodes.values()]

    def closed(gone: Sequence[int]) -> set[int]:
        """Only those with nothing behind them that stays."""
        out: set[int] = set()
        for i in gone:
            if out.issuperset(table.succs[i]):
                out.add(i)
        return out

    def without(gone: Sequence[int]) -> Jobs:
        out = closed(gone)
        levels = [[i for i in level if i not in out] for level in table.levels]
        return Jobs(levels, [[j for j in after if j not in out] for after in table.succs], costs, priorities)

    chosen, refused = guard.choose(spare, without)
    out = closed(chosen)
    notes = [f"dropped {table.ids[i]}: no target needs it" for i in sorted(out)]
    for i in sorted(set(spare) - out):
        why = f"without it, {refused[i]}" if i in refused else "what needs it stays"
        notes.append(f"kept {table.ids[i]}, which no target needs: {why}")
    gone = {table.ids[i] for i in out}
    edges = [edge for edge in dag.given if edge.target not in gone]
    return _noted(DAG([node for name, node in nodes.items() if name not in gone], edges, dag.metadata), notes)


def _needed(dag: DAG, targets: tuple[str, ...]) -> frozenset[str]:
    """Find what the targets need, and what undoes any of it, with all that this needs."""
    needed = frozenset(map(str, dag.needed_for(targets)))
    while not needed.issuperset(undoing := _undoing(dag, needed)):
        needed = frozenset(map(str, dag.needed_for(needed | undoing)))
    return needed


def _undoing(dag: DAG, names: Iterable[str]) -> frozenset[str]:
    """Find the nodes that compensate some."""
    named = (dag.nodes[name].undo for name in names)
    return frozenset(undo for undo in named if isinstance(undo, str) and undo in dag.nodes)


def _spoken_of(dag: DAG) -> frozenset[str]:
    """Find the nodes that conditions and compensations name: these keep their names."""
    conditions = [node.when for node in dag.nodes.values() if node.when]
    return _undoing(dag, dag.nodes).union(name for name in dag.nodes if any(name in text for text in conditions))


def _merge(dag: DAG, cheap: Cheap, guard: _Guard) -> DAG:
    """Merge chains of cheap nodes."""
    ids, costs = dag.table.ids, [node.cost for node in dag.nodes.values()]

    def told(chain: Chain) -> str:
        return " → ".join(ids[i] for i in chain)

    chosen, refused = guard.choose(cheap.chains(dag), lambda chains: merged_jobs(dag, chains))
    better = merge(dag, chosen)
    home = {part.id: node.id for node in better.nodes.values() for part in node.parts}
    notes = []
    for chain in sorted(chosen):
        first = dag.nodes[ids[chain[0]]]
        name = home[(first.parts or (first,))[0].id]
        total = sum(costs[i] for i in chain)
        notes.append(f"merged {told(chain)} into {name}: {total:g} s together, below {cheap.below:g} s")
    notes += [f"left {told(chain)} apart: as one node, {why}" for chain, why in sorted(refused.items())]
    return _noted(better, notes)


def _noted(dag: DAG, notes: Iterable[str]) -> DAG:
    known = dag.metadata.get("optimizations", ())
    return DAG(dag.nodes.values(), dag.given, {**dag.metadata, "optimizations": (*known, *notes)})
