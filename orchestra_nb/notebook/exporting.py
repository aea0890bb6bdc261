"""A run, or a graph that has not run, as a file: what is written follows from how the file's name ends.

``.json`` is the object that ``orchestra run --json`` prints (of a graph: its nodes, edges and levels), ``.dot`` and
``.graphml`` are the graph for other programs, with what each node took, ``.svg`` is the picture, ``.html`` a page of
its own with what the notebook shows: no scripts, nothing from elsewhere.

Failure: a file that is there is left as it is, unless it may be written over; so is everything when something is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchestra_nb.command_options import EXPORTS
from orchestra_nb.display import html
from orchestra_nb.display.picture import svg
from orchestra_nb.display.wording import clean
from orchestra_nb.durable.written_files import check_name, write_text
from orchestra_nb.errors import CommandError, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Outcome
from orchestra_nb.presentation import presenter_of
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.run_records import edge_record, run_record

Exported = DAG | RunResult
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
</head>
<body style="font-family:system-ui,sans-serif;margin:1.5rem">{body}</body></html>
"""


def export(what: Exported, file: str, *, force: bool = False) -> Path:
    """Write a run or a graph to a file.

    Parameters
    ----------
    what
        The run, or the graph.
    file
        Where to; its ending says how.
    force
        Write over a file that is there.

    Raises
    ------
    CommandError
        There is such a file, no such folder, or nobody knows how to write what ends so.
    """
    path = Path(file)
    with suppress(RuntimeError):  # no such user: then it is a folder's name as any other
        path = path.expanduser()
    ending = path.suffix.lower()
    if ending not in _FORMS:
        hint = nearest(ending, EXPORTS) if ending else f"let it end with one of {', '.join(EXPORTS)}"
        raise CommandError(f"export {file}: nothing is written that ends with {ending!r}; {hint}")
    check_name(f"export {file}", str(path))
    if path.exists() and not force:
        raise CommandError(f"export {file}: is there already; give another name, or --force to write over it")
    write_text(path, _FORMS[ending](what))
    return path


def _json(what: Exported) -> str:
    record = run_record(what) if isinstance(what, RunResult) else _graph_record(what)
    return json.dumps(record, ensure_ascii=True, default=str, indent=1) + "\n"


def _graph_record(dag: DAG) -> dict[str, Any]:
    level = {name: number for number, names in enumerate(dag.levels) for name in names}
    nodes = [
        {"id": node.id, "level": level[node.id], "seconds": node.cost, "kind": node.kind, "phase": node.phase}
        for node in dag.nodes.values()
    ]
    return {
        "levels": [list(names) for names in dag.levels],
        "critical_path": list(dag.critical_path),
        "critical_time": dag.critical_time,
        "total_time": dag.total_time,
        "nodes": nodes,
        "edges": [edge_record(edge) for edge in dag.edges],
    }


def _graphml(what: Exported) -> str:
    """Write GraphML; a name that XML cannot hold is cleaned, and then ids are numbers."""
    import networkx as nx

    dag, outcomes = _dag_of(what), _outcomes_of(what)
    graph, names = dag.to_networkx(), list(dag.nodes)
    harmless = all(clean(name) == name for name in names)
    ids = {name: name if harmless else f"n{number}" for number, name in enumerate(names)}
    plain: Any = nx.DiGraph()
    for name, facts in graph.nodes(data=True):
        told = {"name": clean(name), **{key: _plain(value) for key, value in facts.items()}}
        outcome = outcomes.get(name)
        told |= {} if outcome is None else {"status": outcome.status, "seconds": outcome.seconds}
        plain.add_node(ids[name], **told)
    for source, target, facts in graph.edges(data=True):
        plain.add_edge(ids[source], ids[target], **{key: _plain(value) for key, value in facts.items()})
    return "\n".join(nx.generate_graphml(plain)) + "\n"


def _plain(value: Any) -> str | int | float:
    if isinstance(value, int | float):
        return value
    return clean("; ".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else value)


def _page(what: Exported) -> str:
    bundle = presenter_of(what).bundle(what)
    title = str(bundle["text/plain"]).partition("\n")[0]
    return _PAGE.format(title=html.text(title), body=bundle["text/html"])


def _dag_of(what: Exported) -> DAG:
    return what.dag if isinstance(what, RunResult) else what


def _outcomes_of(what: Exported) -> Mapping[str, Outcome]:
    return what.outcomes if isinstance(what, RunResult) else {}


def _drawn(what: Exported) -> str:
    return svg(what.dag, what.outcomes) if isinstance(what, RunResult) else svg(what)


_FORMS: Mapping[str, Callable[[Exported], str]] = {
    ".json": _json,
    ".dot": lambda what: str(_dag_of(what).to_graphviz().source),
    ".graphml": _graphml,
    ".svg": _drawn,
    ".html": _page,
}
