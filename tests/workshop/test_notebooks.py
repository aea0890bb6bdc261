"""The notebooks in the repository are what the documents say that they are."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import nbformat
import pytest

from orchestra_nb import load_command, simulate

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))
SHOWS: dict[str, tuple[str, ...]] = {
    "01_quickstart.ipynb": (
        "1797 pictures of 64 pixels",
        "support vectors: 98.89% with C=1, gamma=0.001",
    ),
    "02_declaring_nodes.ipynb": (
        "clean → forest  [value] writes measured, then reads measured",
        "critical path (5.0 s of 7.0 s): load → clean → forest → ranking",
        "✓ done: 6 nodes (6 done)",
        "flavanoids",
        "did you mean 'load'?",
        "cell-1 → cell-2 → cell-3 → forest → cell-7",
    ),
    "03_agent_pipeline.ipynb": (
        "one after the other: 41 minutes",
        "side by side:        17 minutes",
        "security-reviewer       cached",
        "the report is gone: undone by 'withdrawer'",
        "the publisher waits; the report is not there",
        "circuit 'scanner' is open",
        "[x] Review the security",
    ),
    "04_critical_paths.ipynb": (
        "2,400 of 17,120 pixels",
        "the longest way: 8.67 of 21.33",
        "2 workers: at least 11.50, at most 15.00; simulated 11.67",
        "potrf_1 goes first: the longest way to the end begins with it (upward rank 2.7 s)",
        "the factor is right to the last digits: True",
        "off by 7.6% of the way from black to white",
        "what if trsm_1_0",
    ),
    "05_policies_and_bounds.ipynb": (
        "work 34 s, longest way 12 s: at least 12 s",
        "schedule: 15.0 s with 4 workers, lower bound 12.0 s",
        "critical-path        1.07  1.00           1.04    1.00    1.02  1.00   1.07",
        "53 tasks in 9 levels, at most 23 at once",
        "HEFT: 80; everything on the best single one: 127",
        "critical-path saves 2.40 s on the average, and is no slower in 82% of the worlds",
        "standard error in the same worlds 0.095 s, in others 0.287 s",
    ),
    "06_locks_and_deadlock.ipynb": (
        "Alice has what was paid to her: False",
        "Alice has what was paid to her: True",
        "ben waits for alice held by anna; anna waits for bob held by ben; ben gives way",
        "{'alice': 9800, 'bob': 10200}",
        "When the circle closed, at 4 s",
        "a circle that is no deadlock: no deadlock, nobody gives way",
        "→ take them in one order, such as 'alice', 'bob', or together: lock('alice', 'bob')",
        "{'alice': 1, 'bob': 1, 'carla': 1, 'david': 1, 'emma': 1, 'fatima': 1}",
        "what if db: 2",
        "questions at once, at most: 2",
        "simulated 2.002 s; with a hundred workers 2.001 s",
    ),
    "07_failures.ipynb": (
        "second   done     attempts: 3",
        "each rest was at least the second that the service wanted: True",
        "jitter 0: up to 20 at once",
        "circuit 'laboratory' is open",
        "with the breaker 3 calls hit the broken service, without it 6: 3 failures never reached it",
        "the laboratory was asked 0 times",
        "undone: point, record, archive",
        "files: [], rows: 1, latest: last year.csv",
        "killed: SIGKILL",
        "taken over: digits forest vectors",
        "{'digits': 1, 'forest': 1, 'vectors': 1, 'boosting': 2, 'vote': 1}",
    ),
    "08_cache.ipynb": (
        "✓ done: 3 nodes (1 done, 2 cached)",
        "its result would not be found: its code has changed",
        "its result would not be found: the file 'digits.csv' has changed",
        "its result would not be found: hidden state (options) has changed",
        "it follows from chance (numpy.random.default_rng)",
        "8 threads have a model; it was fitted 1 time",
        "a hit rate of 62%",
    ),
    "09_benchmarking.ipynb": (
        "smooth        0.976",
        "<Sweep 'study': 18 runs of 3 configurations>",
        "efficiency",
        "a difference is shown: False",
        "no difference that this noise could show",
        "slower by",
    ),
    "10_one_machine_to_dask.ipynb": (
        "16 of 64 directions explain",
        "the squares weigh 68 MB; less than a hundredth of that came home: True",
        "may run  threads only: changes seen, which other cells see",
        "tally     done   thread  changes seen, which other cells see",
        "62,941 different colours",
    ),
}
"""What must stand in the stored outputs of each: the story that it tells."""


def read(name: str) -> Any:
    return nbformat.read(FOLDER / name, as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs_of(notebook: Any) -> list[Any]:
    return [output for cell in code_cells(notebook) for output in cell.outputs]


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def notebook(name: str) -> Any:
    return read(name)


def test_every_notebook_has_a_story_here() -> None:
    assert sorted(SHOWS) == NAMES


def test_it_shows_what_it_is_about(name: str, notebook: Any) -> None:
    told = [output.get("text") or "\n".join(output.data.values()) for output in outputs_of(notebook)]
    assert [shown for shown in SHOWS[name] if not any(shown in text for text in told)] == []


def test_it_begins_with_a_title(notebook: Any) -> None:
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")


def test_all_cells_ran_in_order(notebook: Any) -> None:
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


def test_no_stored_output_is_an_error_or_a_warning(notebook: Any) -> None:
    outputs = outputs_of(notebook)
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]


def test_no_stored_output_names_a_folder_of_the_machine_that_made_it(notebook: Any, root: Path) -> None:
    outputs = str(outputs_of(notebook))
    folders = rf"{re.escape(str(root))}|(?<![\w.])(/(?:root|home|Users|work)/|{re.escape(gettempdir())}/|/tmp/)"
    assert re.findall(folders, outputs) == []


def test_what_is_stored_shows_itself_without_a_kernel_or_a_script(notebook: Any) -> None:
    """As GitHub and nbconvert have it: no widget whose state is gone, nothing that has to be run."""
    bundles = [output.data for output in outputs_of(notebook) if "data" in output]
    assert not [mime for data in bundles for mime in data if "widget" in mime]
    assert not [data for data in bundles if "<script" in str(data.get("text/html", ""))]
    assert "widgets" not in notebook.metadata


def test_it_is_small_enough_to_be_shown_on_github(name: str) -> None:
    assert (FOLDER / name).stat().st_size < 1_000_000


def test_nothing_sleeps_where_work_can_be_done(notebook: Any) -> None:
    assert not [cell.source for cell in code_cells(notebook) if re.search(r"\btime\.sleep\(", cell.source)]


def test_the_quickstart_is_an_ordinary_notebook() -> None:
    quickstart = read("01_quickstart.ipynb")
    text = "\n".join(cell.source for cell in quickstart.cells)
    assert not re.search(r"orchestra|^\s*#\|", text, flags=re.IGNORECASE | re.MULTILINE)
    assert not any("orchestrate" in cell.metadata or cell.metadata.get("tags") for cell in quickstart.cells)


def test_the_quickstart_has_a_dozen_cells() -> None:
    assert len(code_cells(read("01_quickstart.ipynb"))) >= 12


def test_the_review_takes_41_minutes_alone_and_17_side_by_side() -> None:
    command = load_command(FOLDER / "review-all.json")
    assert not command.warnings
    assert [simulate(command.dag, workers=workers).makespan for workers in (1, 5)] == [41 * 60, 17 * 60]
    assert command.dag.nodes["publisher"].undo == "withdrawer"
