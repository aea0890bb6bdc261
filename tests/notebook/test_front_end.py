"""One real kernel, spoken to as JupyterLab does: with cell ids, all channels open, and cells that stay listened to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import nbformat
import pytest

from .front_end import FrontEnd, front_end


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    folder = tmp_path_factory.mktemp("lab")
    v4: Any = nbformat.v4
    sources = ["x = 1\nprint('one')", "y = x + 1\ny", "%orchestrate run --notebook"]
    cells = [v4.new_code_cell(source) for source in sources]
    metadata = {"kernelspec": {"name": "python3", "display_name": "python3", "language": "python"}}
    path = folder / "n.ipynb"
    path.write_text(nbformat.writes(v4.new_notebook(cells=cells, metadata=metadata)))
    with front_end(folder, JPY_SESSION_NAME=str(path)) as started:
        yield started


@pytest.fixture(autouse=True)
def _fresh(lab: FrontEnd) -> None:
    lab.run("%load_ext orchestra_nb", "setup")
    lab.run("%orchestrate reset", "setup")


def of(shown: list[tuple[str, str, Any]], cell: str) -> list[tuple[str, str]]:
    return [(kind, text) for where, kind, text in shown if where == cell]


def test_outputs_of_declared_cells_land_in_those_cells(lab: FrontEnd) -> None:
    lab.run("%%orchestrate load\nx = 1\nprint('loaded')", "c1")
    lab.run("%%orchestrate show\nx + 1", "c2")
    for _ in range(2):  # the second run replaces what the first one left
        shown = lab.run("%orchestrate run -j 2", "c3")
        kinds = [kind for kind, _ in of(shown, "c1")]
        assert kinds == ["clear_output", "display_data", "stream"]
        assert of(shown, "c1")[-1] == ("stream", "loaded\n")
        assert of(shown, "c2")[-1] == ("display_data", "2")
        assert {kind for kind, _ in of(shown, "c3")} == {"display_data", "update_display_data"}
    assert lab.value("x") == "1"


def test_metadata_names_a_cell_and_the_line_wins_over_it(lab: FrontEnd) -> None:
    given = {"orchestrate": {"name": "from-metadata", "cost": 3}}
    lab.run("%%orchestrate --cost 5\nx = 1", "c1", **given)
    lab.run("%%orchestrate\n#| cost: 7\ny = x", "c2", orchestrate={"name": "other", "cost": 3})
    assert "from-metadata" in lab.run("%orchestrate levels", "c3")[-1][2]
    assert "12.0 s" in lab.run("%orchestrate graph", "c3")[-1][2]


def test_a_cell_that_runs_itself_shows_its_outputs_in_place(lab: FrontEnd) -> None:
    shown = lab.run("%%orchestrate mine --run\nprint('here')", "c1")
    assert ("stream", "here\n") in of(shown, "c1")
    assert all(where == "c1" for where, _, _ in shown)


def test_the_notebook_runs_as_it_is_on_disk(lab: FrontEnd) -> None:
    shown = lab.run("%orchestrate run --notebook", "asking")
    texts = [text for _, text in of(shown, "asking")]
    assert texts[-4:] == ["── cell-1", "one\n", "── cell-2", "2"]
    assert lab.value("y") == "2"


SAY = """\
def say(text):
    kernel = get_ipython().kernel
    kernel.session.send(kernel.iopub_socket, "stream", {"name": "stdout", "text": text}, kernel.get_parent())
"""
"""Defines what is heard at once, past all that catches what a cell prints, and whatever is drawn meanwhile."""


def test_the_stop_button_stops_threads_coroutines_and_the_main_lane(lab: FrontEnd) -> None:
    lab.run(SAY, "setup")
    for body in ("time.sleep(600)", "await asyncio.sleep(600)", "%time time.sleep(600)"):
        lab.run("%%orchestrate first\nx = 1", "c1")
        lab.run(f"%%orchestrate slow --after first\nimport asyncio, time\nsay('begun')\n{body}", "c2")
        shown = lab.run("%orchestrate run -j 2", "c3", interrupt_when="begun")
        assert any("■ interrupted" in text for _, _, text in shown)
        assert any(kind == "error" for kind, _ in of(shown, "c3"))
        assert lab.value("1 + 1") == "2"


def test_a_failed_run_shows_the_error_once_and_the_kernel_goes_on(lab: FrontEnd) -> None:
    lab.run("%%orchestrate bad\n1 / 0", "c1")
    shown = lab.run("%orchestrate run", "c2")
    assert [kind for kind, _ in of(shown, "c2")][-1] == "error"
    assert any(kind == "error" for kind, _ in of(shown, "c1"))
    assert lab.value("2") == "2"


def test_completion_reaches_the_front_end(lab: FrontEnd) -> None:
    lab.run("%%orchestrate load_data\nx = 1", "c1")
    reply = lab.client.complete("%orchestrate run load", 21, reply=True, timeout=60)
    assert "load_data" in reply["content"]["matches"]


def test_cells_that_were_sent_together_all_run_in_order(lab: FrontEnd) -> None:
    lab.run("order = []", "c0")
    lab.run("%%orchestrate step\norder.append('run')", "c1")
    requests = []
    for number in range(6):
        requests.append(lab.send("%orchestrate run" if number % 2 else f"order.append({number})", f"q{number}"))
    lab.wait(requests[-1])
    assert lab.value("order") == "[0, 'run', 2, 'run', 4, 'run']"


def test_a_run_leaves_no_names(lab: FrontEnd) -> None:
    before: Mapping[str, Any] | str = lab.value("sorted(n for n in globals() if not n.startswith('_'))")
    lab.run("%orchestrate status", "c1")
    assert lab.value("sorted(n for n in globals() if not n.startswith('_'))") == before
