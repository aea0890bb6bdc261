"""A notebook on disk: read into cells, and written back with what a run made.

Policy
------
The file is parsed once. Old outputs are dropped right there, before anything walks them: a run replaces them, and fifty
megabytes of pictures must cost nothing. Only cells that no run touches (tagged ``skip-execution``) keep theirs. Small
sins that Jupyter forgives (missing ids, outputs, metadata) are mended in memory; what else the schema refuses is a
warning, because Jupyter opens such files too. Format 3 and older are upgraded; the user's file itself is never changed
by reading.

Failure: a file that cannot be used is one :class:`~orchestra_nb.errors.NotebookError`; faults in what the cells say are
collected over all cells, together with those of their graph, into one :class:`~orchestra_nb.errors.DefinitionError`.
Writing goes to a temporary file beside the target, which then replaces it, so that a crash leaves the old file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.declared import declared_faults
from orchestra_nb.cells.notebook_json import load
from orchestra_nb.cells.outputs import fill
from orchestra_nb.cells.parameters import inject
from orchestra_nb.cells.reading import read_cell
from orchestra_nb.durable.written_files import write_text
from orchestra_nb.errors import DefinitionError, Issue, NotebookError
from orchestra_nb.graph.validation import check
from orchestra_nb.model import Outcome

_PLACE = re.compile(r"cell (\d+)(?:, line (\d+))?")
_new_notebook: Callable[[], nbformat.NotebookNode] = nbformat.v4.new_notebook
_new_code_cell: Callable[..., nbformat.NotebookNode] = nbformat.v4.new_code_cell
_from_dict: Callable[[object], nbformat.NotebookNode] = nbformat.from_dict
_to_text: Callable[[nbformat.NotebookNode], str] = nbformat.v4.writes

if TYPE_CHECKING:
    from orchestra_nb.graph.dag import DAG


@dataclass(frozen=True)
class Notebook:
    r"""The code cells of a notebook, with their settings settled.

    Parameters
    ----------
    path
        The file; ``None`` when there is none.
    cells
        The nodes, in document order.
    warnings
        What was found and does not stop a run.
    document
        The whole notebook without the outputs of its nodes.
    plan_cache
        Whether its plan may come from disk and be kept there, see :mod:`.plan_cache`.
    learned_at
        Where what runs have taught of it is kept, see :mod:`.learned_store`; ``None``: nowhere.

    Examples
    --------
    >>> nb = Notebook.from_sources(["#| name: load\nx = 1", "", "y = x"])
    >>> [cell.id for cell in nb.cells]
    ['load', 'cell-3']
    """

    path: Path | None
    cells: tuple[Cell, ...]
    warnings: tuple[Issue, ...] = ()
    document: nbformat.NotebookNode = field(default_factory=_new_notebook, repr=False, compare=False)
    plan_cache: bool = field(default=True, repr=False, compare=False)
    learned_at: Path | None = field(default=None, repr=False, compare=False)

    @classmethod
    def read(
        cls,
        path: str | os.PathLike[str],
        parameters: Mapping[str, Any] | None = None,
        *,
        plan_cache: bool = True,
    ) -> Notebook:
        """Read a notebook file of any format version.

        Parameters
        ----------
        path
            The file.
        parameters
            Values by name, which a cell of their own binds right after the one tagged ``parameters``, as papermill does
            it.
        plan_cache
            Whether its plan, and what runs have taught of it, may come from disk and be kept there.

        Raises
        ------
        NotebookError
            The file cannot be used: missing, not JSON, not a notebook, empty, or for another language; or a parameter
            cannot be written as Python.
        DefinitionError
            The file can be read, and what cells say in it is faulty; ``.issues`` has every fault.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "analysis.ipynb")
        ...     Notebook.write(Notebook.from_sources(["rows = [3, 1, 2]", "print(max(rows))"]).document, path)
        ...     notebook = Notebook.read(path, plan_cache=False)
        ...     [cell.id for cell in notebook.cells], notebook.dag.levels
        (['cell-1', 'cell-2'], (('cell-1',), ('cell-2',)))
        >>> Notebook.read("nowhere.ipynb")
        Traceback (most recent call last):
        orchestra_nb.errors.NotebookError: nowhere.ipynb: there is no such file
        """
        file = Path(path)
        document, warnings = load(file)
        warnings += inject(document, parameters or {})
        from orchestra_nb.cells.learned_store import place_of

        place = place_of(file) if plan_cache else None
        return replace(cls._of(document, file, warnings), plan_cache=plan_cache, learned_at=place)

    @classmethod
    def from_sources(
        cls, sources: Iterable[str], *, metadata: Mapping[int, Mapping[str, Any]] | None = None
    ) -> Notebook:
        r"""Make a notebook of code cells.

        Parameters
        ----------
        sources
            The text of each code cell.
        metadata
            Cell metadata by position (from 1).

        Raises
        ------
        NotebookError
            There is no code.
        DefinitionError
            What the cells say is faulty.

        Examples
        --------
        >>> skipped = {2: {"tags": ["skip-execution"]}}
        >>> notebook = Notebook.from_sources(["rows = [3, 1, 2]", "plot = 1"], metadata=skipped)
        >>> [cell.id for cell in notebook.cells]
        ['cell-1']
        >>> Notebook.from_sources(["#| nmae: load\nrows = []"])
        Traceback (most recent call last):
        orchestra_nb.errors.DefinitionError: cell 1, line 1: unknown setting 'nmae'; did you mean 'name'?
        """
        document = _new_notebook()
        given = metadata or {}
        for position, source in enumerate(sources, 1):
            cell = _new_code_cell(source, id=f"cell-{position}")
            cell.metadata.update(_from_dict(dict(given.get(position, {}))))
            document.cells.append(cell)
        return cls._of(document, None, ())

    @classmethod
    def _of(cls, document: nbformat.NotebookNode, path: Path | None, warnings: tuple[Issue, ...]) -> Notebook:
        name = path.name if path is not None else ""
        code = [cell for cell in document.cells if cell.cell_type == "code"]
        readings = [
            read_cell(position, cell.source, cell.metadata, cell.get("id", "")) for position, cell in enumerate(code, 1)
        ]
        cells = tuple(cell for reading in readings for cell in reading.cells)
        issues = (*warnings, *(issue for reading in readings for issue in reading.issues))
        faulty = any(issue.severity == "error" for issue in issues)
        declared = declared_faults(cells, names_known=not faulty)
        if faulty or declared:
            deeper = _faults_of_code(cells, path)
            if any(issue.code == "cycle" for issue in deeper):  # the same cycles, and those that the code closes
                declared = [issue for issue in declared if issue.code != "cycle"]
            raise DefinitionError(sorted([*issues, *declared, *deeper], key=_position))
        if not cells:
            found = "no code cell" if not code else "no cell that could run"
            hint = "write some code, or take away the 'skip-execution' tags" if code else "write some code"
            raise NotebookError([Issue("empty-notebook", f"the notebook has {found}", path=name, suggestion=hint)])
        return cls(path, cells, issues, document)

    @cached_property
    def dag(self) -> DAG:
        """What needs what, inferred from the code and the settings.

        Raises
        ------
        DefinitionError
            A cell is no Python, the cells do not form a DAG, or the project says something impossible of libraries.

        Examples
        --------
        >>> notebook = Notebook.from_sources(["rows = [3, 1, 2]", "top = max(rows)", "print('hello')", "print(top)"])
        >>> notebook.dag.predecessors("cell-2"), notebook.dag.levels[0]
        (('cell-1',), ('cell-1', 'cell-3'))
        """
        from orchestra_nb.cells.effects.sources import knowledge_of
        from orchestra_nb.cells.inference import cell_dag
        from orchestra_nb.cells.learned_store import recall
        from orchestra_nb.cells.plan_cache import dag_of

        with knowledge_of(self.path and self.path.parent):
            learned = recall(self.learned_at)
            return dag_of(self.cells, learned) if self.plan_cache else cell_dag(self.cells, learned=learned)

    def planned(self, *, keep_going: bool = False) -> DAG:
        """Plan the cells; when asked, also around those that do not parse.

        Parameters
        ----------
        keep_going
            Whether a cell that does not parse is a node that keeps its place and fails when it runs.
            :func:`.faults_of` lists what is wrong with such nodes.

        Raises
        ------
        DefinitionError
            As :attr:`dag`; with ``keep_going`` a cell that does not parse is not enough.

        Examples
        --------
        >>> dag = Notebook.from_sources(["x = 1", "y = (", "print(x)"]).planned(keep_going=True)
        >>> dag.levels
        (('cell-1',), ('cell-2',), ('cell-3',))
        """
        from orchestra_nb.cells.effects.sources import knowledge_of
        from orchestra_nb.cells.inference import cell_dag
        from orchestra_nb.cells.learned_store import recall

        try:
            return self.dag
        except NotebookError:
            if not keep_going:
                raise
            with knowledge_of(self.path and self.path.parent):
                return cell_dag(self.cells, learned=recall(self.learned_at), keep_going=True)

    def with_outcomes(
        self,
        outcomes: Mapping[str, Outcome],
        *,
        began: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> nbformat.NotebookNode:
        r"""Make the notebook that a run left behind.

        Parameters
        ----------
        outcomes
            By node id. A cell without an outcome has not run: it has no outputs and no number.
        began
            When the run began; now minus its length when not given.
        metadata
            What the run adds to the notebook's own, such as :attr:`.HeadlessRun.metadata`.

        Examples
        --------
        >>> from orchestra_nb import Pipeline, RunConfig
        >>> notebook = Notebook.from_sources(["x = 6 * 7", "print(x)"])
        >>> done = notebook.with_outcomes(Pipeline(notebook, RunConfig(jobs=1)).run().outcomes)
        >>> done.cells[1].outputs[0].text, done.cells[1].execution_count
        ('42\n', 2)
        """
        return fill(self.document, self.cells, outcomes, began, metadata)

    @staticmethod
    def write(node: nbformat.NotebookNode, path: str | os.PathLike[str]) -> None:
        """Write a notebook; the file is there as a whole or as it was.

        Raises
        ------
        NotebookError
            The file cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "analysis.ipynb")
        ...     Notebook.write(Notebook.from_sources(["x = 1"]).document, path)
        ...     [cell.source for cell in Notebook.read(path, plan_cache=False).cells]
        ['x = 1']
        """
        text = _to_text(node)
        write_text(Path(path), text if text.endswith("\n") else text + "\n")


def _position(issue: Issue) -> tuple[int, int]:
    found = _PLACE.match(issue.path)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def _faults_of_code(cells: Sequence[Cell], path: Path | None) -> tuple[Issue, ...]:
    """Find the cells that are no Python, and the cycles that the code closes: nobody mends a notebook in two rounds."""
    from orchestra_nb.cells.effects.sources import knowledge_of
    from orchestra_nb.cells.inference import infer

    try:
        with knowledge_of(path and path.parent):
            found = infer(cells)
    except DefinitionError as error:
        return error.issues
    faults = check(found.nodes, found.edges, place=lambda node, setting: cells[node.index].where(setting))
    return tuple(issue for issue in faults if issue.code == "cycle")
