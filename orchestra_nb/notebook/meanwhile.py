"""What a cell that the user runs beside a run in the background shares with the rest of that run: one line, before it.

Both are in one namespace, so a name that one of them binds or changes, and the other uses, makes what either sees
depend on when they run. Nobody can be made to wait for it here: the user has sent the cell, and wants it to run. So it
is said, in that cell, which nodes of those that have not ended share what with it.

What is shared follows from the code: the names that one side binds and the other uses, and whatever else the analysis
finds that a run would keep in order for certain (what is changed in place, or may be by a method whose value is not
used; files, hidden state). Modules are left out, which two cells may import as they like. Failure: a cell that cannot
be analysed is not spoken of.

Rejected: to refuse the cell (it may be the very one that the user needs to see what goes on); to let it wait (a kernel
that waits for its own background is one that cannot be used).
"""

from __future__ import annotations

import ast
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.reading import read_cell
from orchestra_nb.cells.source import CellSyntaxError, prepare
from orchestra_nb.display.wording import short
from orchestra_nb.errors import OrchestraError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.syntax import tree_of

_log = logging.getLogger("orchestra_nb.notebook")
_MOST = 3
"""Names, and nodes, that are named."""

Analysed = Callable[[Sequence[Cell]], DAG]


def shared(nodes: Sequence[Node], source: str, analysed: Analysed) -> Mapping[str, tuple[str, ...]]:
    r"""Say what a cell shares with nodes that have not ended.

    Parameters
    ----------
    nodes
        Those nodes.
    source
        The cell.
    analysed
        Makes the graph of cells, in the namespace as it is.

    Returns
    -------
    Mapping
        For each node that shares something: what, in the order of the alphabet.

    Examples
    --------
    >>> from orchestra_nb.cells.inference import cell_dag
    >>> nodes = [Node("fit", kind="cell", source="import os\nm = x + 1", reads=("x",), writes=("os", "m"))]
    >>> shared(nodes, "x = 3", cell_dag), shared(nodes, "import os\nprint(y)", cell_dag)
    ({'fit': ('x',)}, {})
    """
    cells = read_cell(len(nodes) + 1, source).cells
    if not cells:  # one of our own commands, or nothing
        return {}
    others = [Cell(number, node.source) for number, node in enumerate(nodes, 1)]
    dag = analysed([*others, *cells])
    mine = tuple(dag.nodes.values())[len(others) :]
    found: dict[str, tuple[str, ...]] = {}
    for node, other in zip(nodes, dag.nodes.values(), strict=False):
        both = {name for one in mine for name in _in_both(node, one) | _in_order(dag, other, one)}
        both -= _imported(node.source) & _imported(source)
        if both:
            found[node.id] = tuple(sorted(both))
    return found


def _in_both(node: Node, mine: Node) -> set[str]:
    """The names that one of two binds and the other uses."""
    theirs, ours = ({*one.reads, *one.writes, *one.mutates} for one in (node, mine))
    return {*node.writes} & ours | theirs & {*mine.writes}


def _in_order(dag: DAG, other: Node, mine: Node) -> set[str]:
    """What else a linear run would keep in order, for certain."""
    edges = [edge for edge in dag.edges if (edge.source, edge.target) == (other.id, mine.id)]
    return {
        told.variable
        for edge in edges
        if edge.certainty == "certain" and edge.kind not in ("declared", "order")
        for told in edge.evidence
    }


def _imported(source: str) -> set[str]:
    """The names that code binds to what it imports."""
    found: set[str] = set()
    with suppress(SyntaxError, ValueError, CellSyntaxError):
        for statement in ast.walk(tree_of(prepare(source).code)):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                found.update((alias.asname or alias.name).partition(".")[0] for alias in statement.names)
    return found


def told(found: Mapping[str, Sequence[str]]) -> str:
    """Say it in one line.

    Examples
    --------
    >>> told({"fit": ("x", "y"), "plot": ("x",)})
    'fit and plot, which run in the background, use x and y too: what either sees depends on when it runs'
    """
    names = dict.fromkeys(name for each in found.values() for name in each)
    verb = "runs" if len(found) == 1 else "run"
    uses = "uses" if len(found) == 1 else "use"
    return (
        f"{_listed(found)}, which {verb} in the background, {uses} {_listed(names)} too: "
        "what either sees depends on when it runs"
    )


def _listed(names: Collection[str]) -> str:
    shown = [short(name) for name in names][:_MOST]
    if len(names) > _MOST:
        return f"{', '.join(shown)} and {len(names) - _MOST:,} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


@contextmanager
def spoken_of(
    shell: Any, left: Callable[[], Sequence[Node]], analysed: Analysed, say: Callable[[str], object]
) -> Iterator[None]:
    """Speak of what each cell that is run in the block shares with the run in the background.

    Parameters
    ----------
    shell
        The IPython shell.
    left
        Gives the nodes that have not ended.
    analysed
        As for :func:`shared`.
    say
        Called with the line, before the cell runs.
    """

    def look(info: Any) -> None:
        try:
            found = shared(left(), str(info.raw_cell), analysed)
        except OrchestraError:  # its fault is told when it runs
            return
        except Exception:
            _log.exception("what a cell shares with the run in the background could not be found out")
            return
        modules = {name for name, value in tuple(shell.user_ns.items()) if isinstance(value, ModuleType)}
        plain = {node: tuple(name for name in names if name not in modules) for node, names in found.items()}
        spoken = {node: names for node, names in plain.items() if names}
        if spoken:
            say(told(spoken))

    shell.events.register("pre_run_cell", look)
    try:
        yield
    finally:
        with suppress(ValueError):  # somebody has cleared them all
            shell.events.unregister("pre_run_cell", look)
