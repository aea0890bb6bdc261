"""Who compensates whom in a graph, and what can be wrong with it.

A node may name in ``undo`` another node of its graph. Who is named so *compensates*: it does not run with the others,
and only when the run has failed, after the node that names it was done. So it takes no time from the others: it counts
for nothing in the critical path, and nobody may wait for it. It stays a node of the graph, which is drawn, checked and
hashed like any other, and has its place in the levels, below what it waits for.

One node may compensate several. Faults (all of them, as values, before anything runs):

==================  ================================================================
``unknown-undo``    nobody has the name (cells may also name a function: not checked here)
``undo-itself``     a node that is its own compensation would never run
``undo-cycle``      nodes that compensate each other would never run either
``undo-needed``     what runs waits for what only runs after a failure
``undo-of-undo``    a warning: what compensates is not compensated
==================  ================================================================

Pure. Rejected: taking who compensates out of the graph (who looks at the levels expects every node there, and a picture
without it would hide what a failure sets going).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from orchestra_nb.errors import Issue, nearest
from orchestra_nb.model import Edge, Node, NodeId

UNDONE = "what it had done was undone"
"""Why a node that had ended well runs again."""


def compensators(nodes: Iterable[Node]) -> Mapping[NodeId, tuple[NodeId, ...]]:
    """Name the nodes that compensate, each with those that it compensates.

    Examples
    --------
    >>> compensators([Node("load", undo="drop"), Node("drop"), Node("fit", undo=print)])
    {'drop': ('load',)}
    """
    nodes = tuple(nodes)
    named = [(node.undo, node.id) for node in nodes if isinstance(node.undo, str)]
    if not named:
        return {}
    known = {node.id for node in nodes}
    found: dict[NodeId, tuple[NodeId, ...]] = {}
    for undo, node in named:
        name = NodeId(undo)
        if name in known and name != node:
            found[name] = (*found.get(name, ()), node)
    return found


def runs_later(who: Sequence[str]) -> str:
    """Say why a node that compensates does not run with the others; whether it will have to, nobody knows yet.

    Examples
    --------
    >>> runs_later(["load"])
    "it compensates 'load' when the run fails"
    """
    return f"it compensates {', '.join(map(repr, who))} when the run fails"


def never_runs(who: Sequence[str], *, failed: bool = False) -> str:
    """Say why a node that compensates has not run, when the run has ended.

    Parameters
    ----------
    who
        What it compensates.
    failed
        Whether the run failed or was stopped, and was left as it is.

    Examples
    --------
    >>> never_runs(["load"])
    "it compensates 'load', and nothing had to be undone"
    """
    return f"it compensates {', '.join(map(repr, who))}, and nothing {'was' if failed else 'had to be'} undone"


def only_undoes(who: Sequence[str]) -> str:
    """Say when a node that compensates runs.

    Examples
    --------
    >>> only_undoes(["load", "fit"])
    "runs only to undo 'load', 'fit'"
    """
    return f"runs only to undo {', '.join(map(repr, who))}"


def told_undo(by: str, node: str) -> str:
    """Say who compensates whom, as the evidence of an edge.

    Examples
    --------
    >>> told_undo("drop", "load")
    "'drop' compensates 'load'"
    """
    return f"{by!r} compensates {node!r}"


def undo_faults(nodes: Iterable[Node], edges: Iterable[Edge] = ()) -> list[Issue]:
    """Find everything that is wrong with compensations.

    Parameters
    ----------
    nodes
        In document order; they need form no DAG.
    edges
        Beside those that ``after`` declares.

    Examples
    --------
    >>> for issue in undo_faults([Node("load", undo="dorp"), Node("drop"), Node("fit", undo="fit")]):
    ...     print(issue.code, "|", issue)
    unknown-undo | 'load' is compensated by 'dorp', which does not exist; did you mean 'drop'?
    undo-itself | 'fit' compensates itself; name another node
    """
    nodes = tuple(nodes)
    if all(node.undo is None for node in nodes):
        return []
    aside = compensators(nodes)
    by_id = {node.id: node for node in nodes}
    return [*_names(nodes, by_id), *_circles(aside, by_id), *_needed(nodes, edges, aside), *_twice(aside, by_id)]


def _names(nodes: Sequence[Node], known: Mapping[NodeId, Node]) -> Iterator[Issue]:
    for node in nodes:
        if not isinstance(node.undo, str) or (node.kind == "cell" and node.undo not in known):
            continue
        if node.undo == node.id:
            told, hint = f"{node.id!r} compensates itself", "name another node"
            yield Issue("undo-itself", told, (node.id,), suggestion=hint)
        elif node.undo not in known:
            told = f"{node.id!r} is compensated by {node.undo!r}, which does not exist"
            yield Issue("unknown-undo", told, (node.id,), suggestion=nearest(node.undo, known.keys() - {node.id}))


def _circles(aside: Mapping[NodeId, Sequence[NodeId]], known: Mapping[NodeId, Node]) -> Iterator[Issue]:
    """Each circle once: from the first of its names on."""
    seen: set[str] = set()
    for start in aside:
        way: dict[str, None] = {}
        name: object = start
        while isinstance(name, str) and name in known and name not in way and name not in seen:
            way[name] = None
            name = known[NodeId(name)].undo
        if isinstance(name, str) and name in way and known[NodeId(name)].undo != name:
            circle = list(way)[list(way).index(name) :]
            shown = " → ".join([*circle, name])
            yield Issue(
                "undo-cycle",
                f"nodes compensate each other: {shown}",
                tuple(circle),
                suggestion="what compensates runs only after a failure, so none of them would ever run",
            )
        seen.update(way)


def _needed(nodes: Sequence[Node], edges: Iterable[Edge], aside: Mapping[NodeId, Sequence[NodeId]]) -> Iterator[Issue]:
    if not aside:
        return
    pairs = [(name, node.id) for node in nodes for name in node.after]
    pairs += [(edge.source, edge.target) for edge in edges]
    for source, target in dict.fromkeys(pairs):
        if source in aside and target not in aside:
            whom = ", ".join(map(repr, aside[source]))
            told = f"{target!r} needs {source!r}, which compensates {whom} and so runs only after a failure"
            hint = f"take {source!r} from what {target!r} needs, or compensate with another node"
            yield Issue("undo-needed", told, (target, source), suggestion=hint)


def _twice(aside: Mapping[NodeId, Sequence[NodeId]], known: Mapping[NodeId, Node]) -> Iterator[Issue]:
    for name, whom in aside.items():
        if known[name].undo is not None:
            told = f"{name!r} compensates {', '.join(map(repr, whom))}, and its own 'undo' is never used"
            yield Issue("undo-of-undo", told, (name,), suggestion="drop it", severity="warning")
