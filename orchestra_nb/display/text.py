"""What a DAG, its faults and a run look like in plain text, for ``text/plain`` and for terminals.

Policy: one function makes the lines of each value; a terminal that can do more is shown the same facts by
:mod:`.terminal`. Columns line up where a character of East Asia is two wide. Nothing here shows addresses, pids or
anything else that differs between two equal runs but the measured times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise

from orchestra_nb.display.looks import LOOKS
from orchestra_nb.display.wording import clean, count, duration, short
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.validation import ValidationResult, faults_of
from orchestra_nb.model import Edge, Outcome, UnforeseenChange
from orchestra_nb.running import not_kept

_WHY = 200
"""Characters of the reason in a row."""


def dag_text(dag: DAG, limit: int | None = None) -> str:
    """Describe a DAG: its levels, its critical path, what will not be kept, and each edge with its reason.

    Parameters
    ----------
    dag
        The graph.
    limit
        At most this many levels and edges; ``None`` for all.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> print(dag_text(DAG([Node("load", cost=2), Node("plot", after=["load"])])))
    DAG: 2 nodes, 1 edge, 2 levels, at most 1 at once
    levels:
      0  load
      1  plot
    critical path (3.0 s of 3.0 s): load → plot
    edges:
      load → plot  [declared] 'plot' is to come after 'load'
    """
    return "\n".join(_dag_lines(dag, limit))


def sizes(dag: DAG) -> str:
    """Say how large a graph is, in one line."""
    counts = [count(len(dag.nodes), "node"), count(len(dag.edges), "edge"), count(len(dag.levels), "level")]
    return f"{', '.join(counts)}, at most {dag.max_parallelism:,} at once"


def levels_text(dag: DAG) -> str:
    """List the levels, one per line."""
    return "\n".join(_level_lines(dag))


def critical_path_text(dag: DAG) -> str:
    """Say the critical path in one line."""
    way = " → ".join(map(clean, dag.critical_path)) or "none"
    return f"critical path ({duration(dag.critical_time)} of {duration(dag.total_time)}): {way}"


def not_kept_lines(dag: DAG) -> list[str]:
    """Say which nodes say ``cache`` and will not be kept, and why.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> import time
    >>> not_kept_lines(DAG([Node("stamp", fn=time.time, cache=True), Node("total", fn=len, cache=True)]))
    ['not kept: stamp follows from the time (time.time); cache=SECONDS keeps it all the same']
    """
    return [clean(line) for line in not_kept.lines(dag.nodes.values())]


def fault_lines(dag: DAG) -> list[str]:
    """Say which cells do not parse, and why; nothing where all do."""
    faults = [f"  {clean(', '.join(fault.nodes))}  {clean(fault)}" for fault in faults_of(dag.nodes.values())]
    return ["do not parse:", *faults] if faults else []


def issues_text(result: ValidationResult) -> str:
    """List what was found wrong, or say that nothing was.

    Examples
    --------
    >>> issues_text(ValidationResult())
    'valid: nothing was found wrong'
    """
    if not result.issues:
        return "valid: nothing was found wrong"
    return "\n".join(f"{issue.severity} [{clean(issue.code)}] {clean(issue)}" for issue in result.issues)


def outcomes_text(outcomes: Mapping[str, Outcome], limit: int | None = None) -> str:
    """List how each node ended, as a table; of many, how the first so many did.

    Examples
    --------
    >>> print(outcomes_text({"load": Outcome("load", "done", started=0.0, ended=1.5, worker="main")}))
      ✓ load  done  1.5 s  main
    """
    rows = [outcome_row(name, outcome) for name, outcome in islice(outcomes.items(), limit)]
    left = len(outcomes) - len(rows)
    return "\n".join([*aligned(rows), *([f"  … and {left:,} more"] if left else [])])


def outcome_row(name: str, outcome: Outcome) -> tuple[str, ...]:
    """Describe one outcome: node, status, time, worker, reason."""
    time = duration(outcome.seconds) if outcome.started is not None else ""
    why = outcome.reason or (str(outcome.error).split("\n", 1)[0] if outcome.error else "")
    told = clean(outcome.worker), short(why, _WHY)
    return (f"{LOOKS[outcome.status].mark} {clean(name)}", outcome.status, time, *told)


def _dag_lines(dag: DAG, limit: int | None) -> Iterator[str]:
    yield f"DAG: {sizes(dag)}"
    yield "levels:"
    yield from some(_level_lines(dag), limit)
    yield critical_path_text(dag)
    yield from some(not_kept_lines(dag), limit)
    yield from some(fault_lines(dag), limit)
    yield "edges:" if dag.edges else "edges: none"
    yield from some([f"  {clean(edge)}" for edge in dag.edges], limit)


def _level_lines(dag: DAG) -> list[str]:
    wide = len(str(max(len(dag.levels) - 1, 0)))
    return [f"  {number:>{wide}}  {', '.join(map(clean, names))}" for number, names in enumerate(dag.levels)]


def some(lines: Sequence[str], limit: int | None) -> Iterable[str]:
    """Give the first lines, and say how many there are beside."""
    if limit is None or len(lines) <= limit:
        return lines
    return [*lines[:limit], f"  … and {len(lines) - limit:,} more"]


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Set rows in columns; one that is empty throughout is left out."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True) if width]
        yield "  " + "  ".join(cells).rstrip()


def why_lines(dag: DAG, source: str, target: str) -> list[str]:
    """Say why one node waits for another, edge by edge along a shortest way."""
    way = dag.way(source, target)
    if not way:
        return [clean(f"{target} does not wait for {source}")]
    through = f", through {', '.join(way[1:-1])}" if len(way) > 2 else ""
    return [clean(f"{target} waits for {source}{through}"), *(clean(f"  {edge}") for edge in edges_along(dag, way))]


def edges_along(dag: DAG, way: Sequence[str]) -> list[Edge]:
    """The edges between the neighbours on a way; a pair may have several."""
    steps = {pair: number for number, pair in enumerate(pairwise(way))}
    found = [edge for edge in dag.edges if (edge.source, edge.target) in steps]
    return sorted(found, key=lambda edge: steps[edge.source, edge.target])


def unforeseen_line(change: UnforeseenChange) -> str:
    r"""Say what a cell changed behind the analysis's back, and what follows from it.

    Examples
    --------
    >>> from orchestra_nb.model import NodeId
    >>> unforeseen_line(UnforeseenChange("df", (NodeId("cell-3"),)))
    "noticed: cell-3 changed 'df' in place, which its code does not show; the next plan knows it"
    """
    if not change.beside:
        return f"noticed: {clean(change)}; the next plan knows it"
    return f"missing edge: {clean(change)}; what these cells saw may be wrong. The next plan knows it: run again"
