"""How parallel the analysis finds each notebook of the corpus, and the record of it.

``python -m tests.corpus.record`` writes ``parallelism.toml`` anew, after a change that was meant.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from orchestra_nb.cells.notebook_file import Notebook

FOLDER = Path(__file__).resolve().parent
RECORD = FOLDER / "parallelism.toml"
COMMAND = "python -m tests.corpus.record"
HIGHER_IS_BETTER = {
    "cells": False,
    "edges": False,  # pairs of cells that are joined directly, whatever the kinds
    "levels": False,
    "width": True,  # cells of which none waits for another
    "free_pairs": True,  # percent of the pairs of cells of which neither waits for the other
    "main_thread": False,  # cells that must run there
    "process": True,  # cells that may run in a process
}
Figures = Mapping[str, float]


def notebooks() -> list[Path]:
    """The notebooks of the corpus, by name."""
    return sorted(FOLDER.glob("*.ipynb"))


def figures(path: Path) -> Figures:
    """What the analysis finds in one notebook; keys are those of :data:`HIGHER_IS_BETTER`."""
    dag = Notebook.read(path).dag
    cells = len(dag)
    pairs = cells * (cells - 1) // 2
    verdicts = [node.verdicts for node in dag.nodes.values()]
    return {
        "cells": cells,
        "edges": sum(len(dag.predecessors(name)) for name in dag.nodes),
        "levels": len(dag.levels),
        "width": len(dag.width()),
        "free_pairs": round(100 * (pairs - sum(len(dag.ancestors(name)) for name in dag.nodes)) / pairs, 1),
        "main_thread": sum(bool(where["threading"]) for where in verdicts),
        "process": sum(not where["loky"] for where in verdicts),
    }


def recorded() -> Mapping[str, Figures]:
    """The record, by notebook."""
    return tomllib.loads(RECORD.read_text(encoding="utf-8"))


def text_of(found: Mapping[str, Figures]) -> str:
    """The record as TOML, a line for each notebook."""
    head = f"# The parallelism found in each notebook of the corpus. After a change that was meant: {COMMAND}\n\n"
    rows = (", ".join(f"{key} = {value}" for key, value in each.items()) for each in found.values())
    return head + "".join(f"{name} = {{ {row} }}\n" for name, row in zip(found, rows, strict=True))


if __name__ == "__main__":
    RECORD.write_text(text_of({path.stem: figures(path) for path in notebooks()}), encoding="utf-8")
