"""What graph a command of a session is about: declared cells, a notebook's, a pipeline cell's, or that of the last run.

The analysis is asked with the live namespace as what exists before the first cell, with what runs have taught of the
cells, and with what nodes took before. Declared cells are kept in document order (:mod:`.declarations`). Each node has
a key, made of its own code and the keys of all that it needs; a node whose key is that of its last good run is *fresh*,
and ``--run`` on a cell runs only what is not.

Failure: a faulty declaration raises, and the session is as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.inference import cell_dag
from orchestra_nb.cells.learned import Learned, with_changes
from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.cells.reading import read_cell
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import CommandError, DefinitionError, Issue, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.undoing import compensators
from orchestra_nb.model import NodeId
from orchestra_nb.notebook import reports
from orchestra_nb.notebook.declarations import Declaration, Declarations
from orchestra_nb.notebook.location import notebook_path
from orchestra_nb.notebook.request import cell_id_of, metadata_of, request_of
from orchestra_nb.notebook.slots import in_part, names_that_functions_read
from orchestra_nb.running.history import open_history
from orchestra_nb.running.result import RunResult


class Graphs:
    """The graphs that can be named in a session.

    Parameters
    ----------
    shell
        The IPython shell.
    defaults
        Says the config of a run that nobody changed.
    """

    def __init__(self, shell: Any, defaults: Callable[[], RunConfig]) -> None:
        self._shell = shell
        self._defaults = defaults
        self.declared = Declarations()
        self.last: DAG | None = None
        """That of the last run."""
        self._fresh: dict[str, str] = {}
        self._learned: Learned = {}

    def declare(self, line: str, body: str) -> tuple[tuple[Cell, ...], reports.Report | None]:
        """Take a ``%%orchestrate`` cell.

        Returns
        -------
        tuple of Cell, Report or None
            Its nodes, and what was understood of them; ``None`` for a pipeline, which is not declared but run.

        Raises
        ------
        DefinitionError
            What the cell says is faulty; the session is as it was.
        """
        request = request_of(self._shell)
        metadata, cell_id = metadata_of(request), cell_id_of(request)
        position = self.declared.place_of(cell_id)
        reading = read_cell(position, f"%%orchestrate {line}\n{body}", metadata, cell_id)
        if any(issue.severity == "error" for issue in reading.issues):
            raise DefinitionError(reading.issues)
        cells = reading.cells
        if not cells or cells[0].part:
            return cells, None
        item = Declaration(cells[0], request)
        trial = Declarations()
        for known in (*self.declared.in_order(None), item):
            trial.add(known)
        dag, ahead = self._so_far(trial)
        report = reports.understanding(cells, dag, (*reading.issues, *ahead))
        item.shown = report._repr_mimebundle_()
        self.declared = trial
        return cells, report

    def dag(
        self, notebook: str | None = None, targets: Sequence[str] = (), *, last: bool = True, keep_going: bool = False
    ) -> DAG:
        """The graph that a command is about.

        Parameters
        ----------
        notebook
            ``None`` for what was declared, a path for that file, empty for this notebook's file.
        targets
            Keep only these nodes and what they need.
        last
            Where nothing is declared, take the graph of the last run: that of a notebook or of a pipeline cell.
        keep_going
            Whether a notebook's cells that do not parse are nodes that fail when they run.
        """
        if notebook is not None:
            found = self.notebook(notebook)
            whole = self.analysed(self._others(found.cells), keep_going=keep_going)
        elif len(self.declared):
            whole = self.analysed(item.cell for item in self.declared.in_order(self.path()))
        elif last and self.last is not None:
            whole = self.last
        else:
            raise CommandError("nothing is declared; begin a cell with %%orchestrate NAME, or add --notebook")
        return whole.subgraph(targets) if targets else whole

    def notebook(self, given: str) -> Notebook:
        """Read the notebook that a command names; empty for this one."""
        return Notebook.read(notebook_path(given, self._shell.user_ns))

    def analysed(self, cells: Iterable[Cell], *, keep_going: bool = False) -> DAG:
        """The graph of some cells, as the session is now."""
        hidden = self._shell.user_ns_hidden
        there = tuple(self._shell.user_ns.items())  # in one step: a run in the background may be binding names
        names = {n: v for n, v in there if not (n in hidden and hidden[n] is v)}
        read = names_that_functions_read(self._shell.user_ns)
        dag = cell_dag(list(cells), names, read_outside=read, learned=self._learned, keep_going=keep_going)
        return open_history(self._defaults()).costed(dag)

    def stale(self, name: NodeId) -> DAG:
        """A declared node with those of its ancestors that have not run as they are now."""
        whole = self.dag(targets=[name])
        keys = _keys(whole)
        run = {n for n in map(NodeId, whole.nodes) if n == name or self._fresh.get(n) != keys[n]}
        aside = compensators(whole.nodes.values())
        return in_part(whole, (), {n for n in run if run.intersection(aside.get(n, (n,)))})

    def names(self) -> tuple[str, ...]:
        """The names of the declared nodes."""
        return tuple(item.cell.id for item in self.declared.in_order(None))

    def path(self) -> Path | None:
        """The file of this notebook, if it is known."""
        try:
            return notebook_path("", self._shell.user_ns)
        except CommandError:
            return None

    def keys(self) -> dict[str, str]:
        """What the result of each declared node follows from, as it is declared now."""
        return _keys(self._so_far(self.declared)[0])

    def ended(self, result: RunResult) -> None:
        """Take note of the graph that has run, and of what its run has taught."""
        self.last = result.dag
        self._learned = with_changes(self._learned, result.unforeseen, dict(result.dag.nodes))

    def remember(self, result: RunResult, keys: Mapping[str, str]) -> None:
        """Take note of which declared nodes have run well, with the keys that they had."""
        for name, outcome in result.outcomes.items():
            self._fresh.pop(name, None)
            if outcome.ok:
                self._fresh[name] = keys[name]

    def clear(self) -> None:
        """Forget the declared nodes and the last run."""
        self.declared.clear()
        self._fresh.clear()
        self.last = None

    def _so_far(self, declared: Declarations) -> tuple[DAG, list[Issue]]:
        """The graph of what is declared already, and who waits for what is not: it may still come."""
        cells = [item.cell for item in declared.in_order(self.path())]
        names = {cell.id for cell in cells}
        ahead = [
            Issue(
                "not-yet-declared",
                f"{cell.id!r} comes after {name!r}, which is not declared yet",
                (cell.id,),
                cell.where("after"),
                f"{nearest(name, names - {cell.id})}; else declare it before you run".removeprefix("; else "),
                "warning",
            )
            for cell in cells
            for name in cell.settings.after
            if name not in names
        ]
        return self.analysed([_after_only(cell, names) for cell in cells]), ahead

    def _others(self, cells: Sequence[Cell]) -> list[Cell]:
        """The cells of a notebook without the one that is running: it cannot wait for itself."""
        request = request_of(self._shell)
        here = cell_id_of(request)
        told = (request or {}).get("content", {}).get("code")
        current = str(self._shell.history_manager.input_hist_raw[-1] if told is None else told).strip()
        return [
            cell
            for cell in cells
            if not (here and cell.cell_id == here) and not (current and cell.source.strip() == current)
        ]


def _after_only(cell: Cell, names: Container[str]) -> Cell:
    """A cell that waits for none but these, and is compensated by none but these."""
    known = tuple(name for name in cell.settings.after if name in names)
    undo = cell.settings.undo if cell.settings.undo in names else None
    return replace(cell, settings=cell.settings.model_copy(update={"after": known, "undo": undo}))


def _keys(dag: DAG) -> dict[str, str]:
    """What each node's result follows from: its own code, and the keys of all that it needs."""
    keys: dict[str, str] = {}
    for level in dag.levels:
        for name in level:
            node = dag.nodes[name]
            needs = sorted(keys[before] for before in dag.predecessors(name))
            keys[name] = hashlib.sha256("\0".join([name, node.source, *needs]).encode()).hexdigest()
    return keys
