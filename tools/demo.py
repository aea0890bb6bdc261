"""Run the quickstart notebook in parallel, next to a linear run: is it faster, and is it the same.

Policy: both kinds of run begin with a fresh kernel, whose start is not counted, and everything else in them is the
same too: the same cells, the same capture of outputs. They take turns, because machines have moods and the first run
of all warms the file cache for the rest; the best time of each kind is compared.

Every run is compared with the first linear one: all names that a run leaves behind, by content, and each cell's
outputs. The exit code is 1 when a cell failed or something differs.

    python tools/demo.py NOTEBOOK FOLDER
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestra_nb.cells.comparison import Difference, RunRecord, compare, opaque_names
from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.config import RunConfig
from orchestra_nb.display.picture import svg
from orchestra_nb.display.text import dag_text, outcomes_text
from orchestra_nb.display.wording import duration
from orchestra_nb.durable.written_files import write_text
from orchestra_nb.errors import OrchestraError
from orchestra_nb.notebook.headless import HeadlessRun, run_file

if TYPE_CHECKING:
    from nbformat import NotebookNode

KINDS = ("linear", "parallel")


def main(words: list[str] | None = None) -> int:
    """Run the demonstration and print what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("folder", type=Path, help="where to write the executed notebook, the page and the picture")
    parser.add_argument("-j", "--jobs", type=int, help="cells at once; the number of cores when not given")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="runs of each kind (default 3)")
    options = parser.parse_args(words)
    try:
        return demonstrate(options.notebook, options.folder, RunConfig(jobs=options.jobs), max(1, options.repeats))
    except OrchestraError as error:
        print(error, file=sys.stderr)
        return 2


def demonstrate(path: Path, folder: Path, config: RunConfig, repeats: int) -> int:
    """Read, plan, run both ways, compare, write."""
    notebook = Notebook.read(path)
    print(f"{path}: {len(notebook.cells)} code cells, not one annotation\n")
    print(dag_text(notebook.dag))
    print(f"\nrunning it {repeats} times from top to bottom and {repeats} times in parallel, in turns ...", flush=True)
    runs: dict[str, list[HeadlessRun]] = {kind: [] for kind in KINDS}
    for kind in KINDS * repeats:
        run = run_file(path, config, linear=kind == "linear")
        runs[kind].append(run)
        print(f"  {kind:<9} {duration(run.result['total_time'])}", flush=True)
        if not run.result["success"]:
            print(outcomes_text(run.outcomes))
            return 1
    print()
    print_times(runs)
    differences = differences_in(runs)
    print(f"same results: {'no' if differences else 'yes'} ({scope(runs)})")
    for line in differences:
        print(f"  {line}")
    print("\nwritten:")
    best = min(runs["parallel"], key=seconds)
    for what, target in write(notebook, best, folder):
        print(f"  {what:<18} {target}")
    return 1 if differences else 0


def seconds(run: HeadlessRun) -> float:
    """Time from the first cell's start to the last one's end."""
    return float(run.result["total_time"])


def print_times(runs: Mapping[str, list[HeadlessRun]]) -> None:
    """Print the best linear time next to the best parallel one."""
    linear, parallel = (min(map(seconds, runs[kind])) for kind in KINDS)
    bound = float(min(runs["parallel"], key=seconds).result["lower_bound"])
    print(f"linear run    {duration(linear)}")
    print(f"parallel run  {duration(parallel)}  {linear / parallel:.2f} × as fast; no schedule beats {duration(bound)}")


def differences_in(runs: Mapping[str, list[HeadlessRun]]) -> list[Difference]:
    """Compare the first linear run with each of the others."""
    reference, *others = (record(run) for kind in KINDS for run in runs[kind])
    return [difference for other in others for difference in compare(reference, other)]


def record(run: HeadlessRun) -> RunRecord:
    """What a run left behind, ready to be compared."""
    return RunRecord(run.fingerprints, {name: outcome.outputs for name, outcome in run.outcomes.items()})


def scope(runs: Mapping[str, list[HeadlessRun]]) -> str:
    """Say what was compared, and what only in part."""
    reference = record(runs["linear"][0])
    opaque = opaque_names(reference)
    count = sum(len(group) for group in runs.values())
    text = f"{len(reference.names)} names and the outputs of {len(reference.outputs)} cells, in {count} runs"
    return text + (f"; by type only: {', '.join(opaque)}" if opaque else "")


def write(notebook: Notebook, run: HeadlessRun, folder: Path) -> Iterator[tuple[str, Path]]:
    """Write the executed notebook, the page and the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / (notebook.path.stem if notebook.path else "notebook")
    document = notebook.with_outcomes(run.outcomes, metadata=run.metadata)
    notebook.write(document, stem.with_suffix(".ipynb"))
    yield "executed notebook", stem.with_suffix(".ipynb")
    write_text(stem.with_suffix(".html"), page(document, stem.name))
    yield "the same as HTML", stem.with_suffix(".html")
    write_text(stem.with_suffix(".svg"), svg(run.dag, outcomes=run.outcomes))
    yield "the DAG as SVG", stem.with_suffix(".svg")


def page(document: NotebookNode, title: str) -> str:
    """Render the notebook as one HTML page."""
    from nbconvert.exporters import HTMLExporter

    exporter: Any = HTMLExporter
    body, _ = exporter().from_notebook_node(document, resources={"metadata": {"name": title}})
    return str(body)


if __name__ == "__main__":
    sys.exit(main())
