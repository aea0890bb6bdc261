"""What a run takes over of what is on the disk, and what it makes anew so that nobody can tell.

**The rule.** Values are kept as they were when their node ended. A node that was committed is taken over, with a copy
of its value, unless

1. it changed an input in place, or its value shares a mutable object with an input, or neither can be told: then it
   runs again, on inputs as they were made, after all that ran before it and runs again, so that what it did to them is
   done again in the same order, and what it shares is shared again;
2. its value could not be kept, or cannot be read here: then it runs again;
3. something before it ran again and came out otherwise (its value, or what it left of its inputs): then it was made of
   something that is no more, and runs again like all behind that. Equal content is the same; where nothing tells, it is
   not the same. (A value that no pickler can read tells nothing, and is taken as the same: whoever reads it runs again
   by the first rule, and is compared itself.)
4. something before it was undone.

So what a node finds when it runs is what it would have found in a run that nothing disturbed: the copies that were
taken over share nothing, as their originals did not; whatever changed them runs again, in order; and whoever came after
is either made of the very same or runs again. :meth:`TakenOver.get` is asked when a node could begin, so the third rule
is decided when it is known how what is before came out.

**Growth.** What a maker made was kept with it, and joins the graph when the maker would have run. Where it must run
again, by the rule, it makes its nodes anew, and they run.

**What is refused**: a graph with another hash, a context with another digest, and other code in the modules that
functions use beside their own (:mod:`.libraries`). Each error names what differs. What has no digest is not compared;
nor is the executor of agents, of whom counts what they are told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestra_nb.durable.facts import Commit, Head, RunState
from orchestra_nb.durable.values import RunValues
from orchestra_nb.errors import CheckpointError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.fingerprint import fingerprint
from orchestra_nb.graph.growth import grown
from orchestra_nb.model import Expand, NodeId, Outcome
from orchestra_nb.running.imports import REST
from orchestra_nb.running.pickling import told

MODULES = "modules"
"""What the head of a run calls the digests of modules."""
NOT_ENDED = "had not ended well: runs"
"""What there is to say of a node of which nothing was committed."""
_MOST = 5
"""Names that an error lists."""


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """What going on from a checkpoint would do.

    Parameters
    ----------
    taken
        Nodes that do not run.
    again
        Nodes that had ended well and run again, each with the reason. More may follow, where one of them comes out
        otherwise than it did.
    left
        Nodes that had not ended well, or that were undone.
    undone
        Those of them that were.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node, ParallelScheduler, RunConfig
    >>> scheduler = ParallelScheduler(RunConfig(jobs=1))
    >>> dag = DAG([Node("load", fn=lambda: 42), Node("half", fn=lambda: 1 / 0, after=["load"])])
    >>> plan = scheduler.plan_resume(scheduler.execute(dag).checkpoints[-1], dag)
    >>> plan.taken, plan.left
    (('load',), ('half',))
    """

    taken: tuple[NodeId, ...]
    again: Mapping[NodeId, str]
    left: tuple[NodeId, ...]
    undone: tuple[NodeId, ...] = ()


class TakenOver(Mapping[NodeId, Outcome]):
    """The outcomes that a run takes over; what is not valid any more is not in it.

    Parameters
    ----------
    dag
        The graph with all that it had grown by.
    outcomes
        Of the nodes that need not run.
    again
        Why others that were committed do.
    results
        What had come of each node that was committed, as far as it can be told.
    undone
        What was undone.
    """

    def __init__(
        self,
        dag: DAG,
        outcomes: dict[NodeId, Outcome],
        again: Mapping[NodeId, str],
        results: Mapping[NodeId, str],
        undone: Collection[NodeId] = (),
    ) -> None:
        self.dag = dag
        self.again = again
        self._outcomes = outcomes
        self._results = results
        self._undone = undone

    def __getitem__(self, node: NodeId) -> Outcome:
        return self._outcomes[node]

    def __iter__(self) -> Iterator[NodeId]:
        return iter(self._outcomes)

    def __len__(self) -> int:
        return len(self._outcomes)

    def came_out(self, node: NodeId, result: str) -> tuple[NodeId, ...]:
        """Take note of what came of a node that ran; returns the nodes that are committed no more for it."""
        before = self._results.get(node)
        if before is None or (before and before == result):
            return ()
        gone = tuple(name for name in self.dag.descendants(node) if name in self._outcomes)
        for name in gone:
            del self._outcomes[name]
        return gone

    def let_go(self, node: NodeId) -> None:
        """Keep the value of a node no longer: whoever needs it has it now."""
        self._outcomes[node] = replace(self._outcomes[node], value=None)

    @property
    def plan(self) -> ResumePlan:
        """Say what will run, before it does."""
        left = tuple(name for name in self.dag.nodes if name not in self._outcomes and name not in self.again)
        undone = tuple(NodeId(name) for name in left if name in self._undone)
        return ResumePlan(tuple(self._outcomes), self.again, tuple(map(NodeId, left)), undone)


def node_digests(dag: DAG) -> dict[str, str]:
    """Digest each node with its needs, to name what differs in another graph."""
    needs: dict[str, list[tuple[str, str, str, str]]] = {name: [] for name in dag.nodes}
    for edge in dag.edges:
        needs[edge.target].append((edge.source, edge.target, edge.kind, edge.certainty))
    return {name: fingerprint([node], sorted(needs[name])) for name, node in dag.nodes.items()}


def context_digests(context: Mapping[str, Any] | None) -> dict[str, str]:
    """Digest what a run is given; empty for what has no digest."""
    from orchestra_nb.context.content import content_digest

    found = {}
    for name, value in (context or {}).items():
        try:
            found[str(name)] = content_digest(value)
        except Exception:  # a value's own code
            found[str(name)] = ""
    return found


def module_digests(dag: DAG) -> dict[str, str]:
    """Digest, or name by version, what the functions of a graph use beside their own module; empty if that is not sure.

    Files that just happen to be loaded are left out: another process loads others.
    """
    from orchestra_nb.running.libraries import versions_of

    try:
        found = versions_of(None, more=[part.fn for node in dag.nodes.values() for part in node.parts or (node,)])
    except Exception:  # a module was edited after it was imported: what ran is not what could be looked at
        return {}
    return {name: part for name, part in found.items() if not name.startswith(REST)}


def check_same(name: str, head: Head, dag: DAG, context: Mapping[str, Any] | None) -> None:
    """See that a run can go on with this graph and this context.

    Raises
    ------
    CheckpointError
        It cannot; says what differs.
    """
    if head.dag_hash != dag.hash:
        said = _difference(head.nodes, node_digests(dag)) or "an edge differs"
        raise CheckpointError(f"the checkpoint {name!r} is of another graph: {said}; run this one from its beginning")
    after = module_digests(dag)
    before = {key: str(part) for key, part in dict(head.note.get(MODULES, {})).items() if key in after}
    said = _difference(before, {key: after[key] for key in before}, "module")
    if said:
        raise CheckpointError(f"the checkpoint {name!r} is of other code: {said}; run this one from its beginning")
    now = context_digests(context)
    said = _difference(head.context, now, "the value")
    if said:
        raise CheckpointError(f"the checkpoint {name!r} is of a run with another context: {said}; give the same")


def _difference(before: Mapping[str, str], now: Mapping[str, str], what: str = "node") -> str:
    gone = [name for name in before if name not in now]
    new = [name for name in now if name not in before]
    other = [name for name in now if before.get(name) and now[name] and name not in new and before[name] != now[name]]
    said = []
    for names, verb in ((gone, "is missing"), (new, "is new"), (other, "differs")):
        if names:
            listed = ", ".join(map(repr, names[:_MOST])) + (" …" if len(names) > _MOST else "")
            said.append(f"{what} {listed} {verb}")
    return "; ".join(said)


def taken_over(state: RunState, names: Mapping[NodeId, Commit], values: RunValues, dag: DAG, told_of: str) -> TakenOver:
    """Find what a run of ``dag`` takes over.

    Parameters
    ----------
    state
        Of the earlier run.
    names
        The nodes that were committed at the checkpoint, in the order of their ends.
    values
        Has their values.
    dag
        The graph as it was when the run began.
    told_of
        The checkpoint's id.
    """
    again: dict[NodeId, str] = {}
    outcomes: dict[NodeId, Outcome] = {}
    for node, commit in names.items():
        if node not in dag.nodes:
            continue  # its maker runs again, and makes it anew
        why = commit.again
        if not why:
            try:
                value = values.give(commit.values[""])
                if commit.growth is not None:
                    nodes, edges = values.give(commit.growth)
                    dag, value = grown(dag, node, nodes, edges), Expand(nodes, value, edges)
            except Exception as error:
                why = f"its value cannot be read: {told(error)}"
        if why:
            again[node] = why
        else:
            outcomes[node] = _outcome(commit, value, told_of)
    for node in state.undone:
        if node not in names and node in dag.nodes:
            for name in dag.descendants(node):
                if outcomes.pop(name, None) is not None:
                    again[name] = f"{node!r} was undone"
    order = {name: place for place, name in enumerate(dag.nodes)}
    return TakenOver(
        dag,
        dict(sorted(outcomes.items(), key=lambda item: order[item[0]])),
        dict(sorted(again.items(), key=lambda item: order[item[0]])),
        {node: commit.result for node, commit in names.items()},
        tuple(state.undone),
    )


def _outcome(commit: Commit, value: Any, told_of: str) -> Outcome:
    return Outcome(
        commit.node,
        "cached",
        value,
        attempts=commit.attempts,
        reason=f"from checkpoint {told_of}",
        outputs=commit.outputs,
    )
