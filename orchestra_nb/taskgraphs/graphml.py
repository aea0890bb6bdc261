"""GraphML, for other programs that know graphs: written and read, through networkx.

A node has its ``cost`` in seconds, and its ``name`` where XML cannot hold its id; after a run also ``status`` and
``seconds``. An edge has its ``kinds`` and ``certainty``. Files of other programs are read as far as they have seconds:
``cost``, ``seconds``, ``runtime`` or ``weight`` of a node. Failure: a file with a document type is refused, because
nothing good comes of entities; so is a graph without directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Certainty, Edge, EdgeKind, Evidence, NodeId, NodeKind
from orchestra_nb.running.result import RunResult
from orchestra_nb.taskgraphs.drafts import Draft
from orchestra_nb.wording import clean

_SECONDS = ("cost", "seconds", "runtime", "weight")


def recognises(text: str) -> bool:
    """Whether a text looks like GraphML.

    Examples
    --------
    >>> recognises("<?xml version='1.0'?><graphml/>"), recognises("<svg/>")
    (True, False)
    """
    return text.lstrip().startswith("<") and "<graphml" in text[:4000]


def read(text: str, draft: Draft) -> DAG:
    """Read a graph.

    Raises
    ------
    DefinitionError
        Every fault.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("a", cost=2), Node("b", after=["a"], cost=3)])
    >>> read(text_of(dag), Draft("a.graphml")).critical_time
    5.0
    """
    graph = _parsed(text, draft)
    if graph is None:
        return draft.made({})
    names = {key: str(facts.get("name") or key) for key, facts in graph.nodes(data=True)}
    if len(set(names.values())) < len(names):
        names = {key: str(key) for key in names}
    for key, facts in graph.nodes(data=True):
        place = f"node {str(key)!r}"
        name = draft.task(names[key], place)
        if name:
            of = next((each for each in _SECONDS if each in facts), "")
            kind = facts.get("kind") if facts.get("kind") in get_args(NodeKind) else "function"
            phase = str(facts["phase"]) if facts.get("phase") else None
            seconds = draft.seconds(facts.get(of), place, name, of or "cost")
            draft.settle(name, cost=seconds, kind=kind, phase=phase)
    for source, target, facts in graph.edges(data=True):
        _edge(NodeId(names[source]), NodeId(names[target]), facts, draft)
    return draft.made({"format": "graphml"})


def _parsed(text: str, draft: Draft) -> Any:
    import networkx as nx

    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        draft.fault("not-graphml", "has a document type, which GraphML has not", hint="take it away")
        return None
    try:
        graph = nx.parse_graphml(text)
    except Exception as error:  # whatever networkx and the parser below it raise on what is none
        reason = (str(error) or type(error).__name__).splitlines()[0]
        draft.fault("not-graphml", f"is not GraphML: {clean(reason)}", hint="mend it there")
        return None
    if not graph.is_directed():
        draft.fault("not-directed", "has edges without a direction", hint="say edgedefault='directed'")
        return None
    return graph


def _edge(source: NodeId, target: NodeId, facts: Mapping[str, Any], draft: Draft) -> None:
    kinds = [each for each in str(facts.get("kinds", "")).split("; ") if each in get_args(EdgeKind)]
    certainty = facts.get("certainty") if facts.get("certainty") in get_args(Certainty) else "certain"
    told = str(facts.get("evidence") or "")
    evidence = (Evidence(source, reason=told),) if told else ()
    place = f"edge {source!r} to {target!r}"
    for kind in kinds or ["declared"]:
        draft.need(source, target, place, Edge(source, target, kind, certainty, evidence))  # type: ignore[arg-type]


def text_of(what: DAG | RunResult) -> str:
    """Write a graph, or that of a run with how each node ended; where a name is none for XML, ids are numbers.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> '<node id="a">' in text_of(DAG([Node("a")]))
    True
    """
    import networkx as nx

    dag, outcomes = (what.dag, what.outcomes) if isinstance(what, RunResult) else (what, {})
    graph, names = dag.to_networkx(), list(dag.nodes)
    harmless = all(clean(name) == name for name in names)
    ids = {name: name if harmless else f"n{number}" for number, name in enumerate(names)}
    made: Any = nx.DiGraph()
    for name in names:
        told = {"name": clean(name), **{key: _plain(value) for key, value in graph.nodes[name].items()}}
        outcome = outcomes.get(name)
        told |= {} if outcome is None else {"status": outcome.status, "seconds": outcome.seconds}
        made.add_node(ids[name], **told)
    for source, target, facts in graph.edges(data=True):
        made.add_edge(ids[source], ids[target], **{key: _plain(value) for key, value in facts.items()})
    return "\n".join(nx.generate_graphml(made)) + "\n"


def _plain(value: Any) -> str | int | float:
    if isinstance(value, int | float):
        return value
    return clean("; ".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else value)
