"""Runs in the background of a kernel: cells go on beside them, and each output lands in its own cell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .front_end import FrontEnd, front_end

Shown = list[tuple[str, str, Any]]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    with front_end(tmp_path_factory.mktemp("background")) as started:
        started.run("%load_ext orchestra_nb\nimport sys, threading, time, warnings", "setup")
        yield started


@pytest.fixture(autouse=True)
def _fresh(lab: FrontEnd) -> Iterator[None]:
    lab.run("%orchestrate reset", "setup")
    lab.run("for name in ('done', 'after', 'before', 'run'): globals().pop(name, None)", "setup")
    lab.run("go = threading.Event()", "setup")
    yield
    lab.run("go.set()\nif 'run' in globals():\n    run.cancel()\n    run._await(lambda: run.over, 60)", "setup")


NOTICE = "what either sees depends on when it runs"


def of(shown: Shown, cell: str) -> list[tuple[str, Any]]:
    """What was shown in a cell, but for what is said of names that it shares with the run."""
    return [(kind, text) for where, kind, text in shown if where == cell and not str(text).endswith(NOTICE)]


def notices(lab: FrontEnd, source: str) -> list[str]:
    return [text for _, kind, text in lab.run(source, "meanwhile") if kind == "display_data" and text.endswith(NOTICE)]


def error_of(shown: Shown) -> str:
    return str(next(text for _, kind, text in shown if kind == "error"))


def begin(lab: FrontEnd, *cells: str, line: str = "-j 2") -> Shown:
    for number, source in enumerate(cells):
        lab.run(f"%%orchestrate n{number}\n{source}", f"c{number}")
    return lab.run(f"run = %orchestrate run --background {line}", "begins")


WAITS = "done = go.wait(60)\nprint('waited')\n{'done': done}"


def ended(lab: FrontEnd) -> Shown:
    """Let it go on, wait for its end, and give all that was shown meanwhile."""
    return lab.run("go.set()\nrun.wait(60)\nNone", "waits")


def test_the_cell_returns_at_once_and_others_run_beside_the_run(lab: FrontEnd) -> None:
    shown = begin(lab, WAITS, "after = done + 1")
    assert {kind for kind, _ in of(shown, "begins")} <= {"display_data", "update_display_data"}
    assert of(lab.run("'beside'\n1 + 1", "beside"), "beside") == [("execute_result", "2")]
    assert lab.value("run.over, run.state, run.result") == "(False, 'running', None)"
    status = of(lab.run("%orchestrate status", "status"), "status")
    assert "the declared cells: running" in status[-1][1]
    assert "running: n0" in of(lab.run("%orchestrate progress", "progress"), "progress")[-1][1]
    assert "running: n0" in of(lab.run("run", "shows"), "shows")[-1][1]
    ended(lab)
    assert lab.value("run.over, run.result.success, after") == "(True, True, 2)"


def test_outputs_land_in_the_cells_that_declared_them_with_the_values_of_expressions(lab: FrontEnd) -> None:
    begin(lab, WAITS)
    assert of(lab.run("3 + 3", "beside"), "beside") == [("execute_result", "6")]
    shown = ended(lab)
    assert [kind for kind, _ in of(shown, "c0")] == ["clear_output", "display_data", "stream", "display_data"]
    assert of(shown, "c0")[2:] == [("stream", "waited\n"), ("display_data", "{'done': True}")]
    assert "done: 1 node" in of(shown, "begins")[-1][1]
    assert of(shown, "waits") == []


def test_what_no_cell_has_declared_lands_in_the_cell_that_began_it(lab: FrontEnd, tmp_path: Any) -> None:
    import nbformat

    v4: Any = nbformat.v4
    path = tmp_path / "n.ipynb"
    path.write_text(nbformat.writes(v4.new_notebook(cells=[v4.new_code_cell(source) for source in (WAITS, "1 / 0")])))
    shown = lab.run(f"run = %orchestrate run --background --keep-going --notebook {path}", "begins")
    shown = lab.run("go.set()\ntry:\n    run.wait(60)\nexcept Exception as error:\n    print(error.ename)", "waits")
    told = of(shown, "begins")
    assert ("stream", "waited\n") in told
    assert ("display_data", "{'done': True}") in told
    assert ("error", "division by zero") in told
    assert of(shown, "waits") == [("stream", "ZeroDivisionError\n")]


def test_the_name_of_a_notebook_that_runs_is_told_to_a_second_run_and_after_it_there_may_be_another(
    lab: FrontEnd,
) -> None:
    begin(lab, WAITS)
    told = "a run of the declared cells goes on in the background; wait for it, or stop it with %orchestrate cancel"
    for second in ("%orchestrate run", "%orchestrate run --background", "%%orchestrate c --run\n1"):
        assert error_of(lab.run(second, "second")) == told
    ended(lab)
    shown = lab.run("%orchestrate run -j 1", "second")
    assert any("done: 2 nodes" in text for _, text in of(shown, "second"))


def test_it_is_cancelled_and_without_a_run_there_is_nothing_to_cancel(lab: FrontEnd) -> None:
    begin(lab, WAITS, "after = done + 1")
    assert "stopping the run of the declared cells" in of(lab.run("%orchestrate cancel", "cancels"), "cancels")[-1][1]
    assert "stopped with %orchestrate cancel" in error_of(lab.run("go.set()\nrun.wait(60)", "waits"))
    assert lab.value("run.result.stopped, run.state, 'after' in globals()") == "('cancelled', 'cancelled', False)"
    told = "%orchestrate cancel: no run goes on, so there is none to stop"
    assert error_of(lab.run("%orchestrate cancel", "cancels")) == told


def test_it_is_held_and_goes_on(lab: FrontEnd) -> None:
    begin(lab, WAITS, "after = done + 1")
    lab.run(
        "run.pause()\ngo.set()\nwhile not run.paused or 'done' not in globals():\n    time.sleep(0.01)",
        "holds",
    )
    assert lab.value("run.paused, run.state, 'after' in globals()") == "(True, 'paused', False)"
    assert "paused" in of(lab.run("%orchestrate progress", "progress"), "progress")[-1][1]
    lab.run("run.unpause()", "goes on")
    ended(lab)
    assert lab.value("after, run.state") == "(2, 'done')"


def test_what_belongs_to_the_main_thread_is_refused_before_anything_runs(lab: FrontEnd) -> None:
    shown = begin(lab, "before = 1", "!true")
    assert "n1: " in error_of(shown) or "cell" in error_of(shown)
    assert "it cannot run in the background: runs a magic or a shell command" in error_of(shown)
    assert lab.value("'before' in globals()") == "False"
    lab.run("%orchestrate reset", "setup")
    shown = begin(lab, "import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])")
    assert "it cannot run in the background: " in error_of(shown)


def test_the_error_of_a_node_is_shown_in_its_cell_and_raised_to_who_waits(lab: FrontEnd) -> None:
    begin(lab, "done = go.wait(60)", "1 / 0")
    shown = lab.run("go.set()\ntry:\n    run.wait(60)\nexcept Exception as error:\n    print(error)", "waits")
    assert ("error", "division by zero") in of(shown, "c1")
    assert "ZeroDivisionError: division by zero" in of(shown, "waits")[-1][1]
    assert lab.value("run.state, run.result.outcomes['n1'].status") == "('failed', 'failed')"


def test_an_interrupt_of_a_cell_beside_it_does_not_stop_it(lab: FrontEnd) -> None:
    begin(lab, WAITS)
    shown = lab.run("print('now')\nwhile True: pass", "loops", interrupt_when="now")
    assert error_of(shown) == ""
    assert lab.value("run.state") == "'running'"
    ended(lab)
    assert lab.value("run.state") == "'done'"


def test_a_cell_that_shares_names_with_what_has_not_ended_is_told_so_before_it_runs(lab: FrontEnd) -> None:
    lab.run("after, sums = 0, []", "setup")
    begin(lab, "sums.append(1)", WAITS, "import json\nafter = done + 1\nsums.append(after)")
    while "n0" in str(of(lab.run("%orchestrate progress", "progress"), "progress")):
        pass
    for source in ("after", "after = 5", "after += 1\nafter"):
        assert notices(lab, source) == [f"n2, which runs in the background, uses after too: {NOTICE}"]
    assert notices(lab, "sums.append(7)") == [f"n2, which runs in the background, uses sums too: {NOTICE}"]
    for source in ("import json\njson.dumps(1)", "other = 1", "%orchestrate status", "(", ""):
        assert notices(lab, source) == []
    ended(lab)
    assert notices(lab, "after") == []
    assert lab.value("after, sums") == "(2, [1, 7, 2])"


def test_filters_that_a_cell_sets_meanwhile_stay_and_everything_else_is_put_back(lab: FrontEnd) -> None:
    hooks = "type(sys.displayhook).__name__, type(get_ipython().display_trap.hook).__name__, type(sys.stdout).__name__"
    before = lab.value(hooks)
    begin(lab, WAITS)
    assert lab.value(hooks) != before
    lab.run("warnings.filterwarnings('ignore', 'only this')", "filters")
    ended(lab)
    assert lab.value(hooks) == before
    assert lab.value("any('only this' in str(one[1]) for one in warnings.filters)") == "True"


def test_what_goes_on_is_not_forgotten_until_it_is_over(lab: FrontEnd) -> None:
    begin(lab, WAITS)
    told = "%orchestrate reset: a run of the declared cells goes on; wait for it, or stop it with %orchestrate cancel"
    assert error_of(lab.run("%orchestrate reset", "resets")) == told
    assert "running: n0" in of(lab.run("%orchestrate progress", "progress"), "progress")[-1][1]
    ended(lab)
    lab.run("%orchestrate reset", "resets")
    assert of(lab.run("%orchestrate status", "status"), "status")[-1][1] == "nothing has run yet; %orchestrate run"


def test_an_interrupt_that_a_cell_raises_stops_the_run_and_not_whoever_waits(lab: FrontEnd) -> None:
    begin(lab, "before = 1", "raise KeyboardInterrupt", line="-j 1")
    lab.run("try:\n    run.wait(60)\nexcept Exception as error:\n    print(type(error).__name__)", "waits")
    assert lab.value("before, run.over, run.error, run.result.outcomes['n0'].status") == "(1, True, None, 'done')"


def test_unloading_the_extension_stops_what_goes_on(lab: FrontEnd) -> None:
    begin(lab, WAITS, "after = done + 1")
    lab.run("%unload_ext orchestra_nb", "setup")
    assert (
        lab.value("run._await(lambda: run.over, 60), run.state, 'after' in globals()") == "(True, 'cancelled', False)"
    )
    lab.run("%load_ext orchestra_nb", "setup")
