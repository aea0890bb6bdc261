"""The magics in a shell of this process; what needs a front end is in test_front_end."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import nbformat
import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import (
    CommandError,
    ConfigError,
    DefinitionError,
    EventLogError,
    MissingDependencyError,
    NodeFailed,
    NotebookError,
)
from orchestra_nb.grammar import manual
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.validation import ValidationResult
from orchestra_nb.notebook.extension import load_ipython_extension, unload_ipython_extension
from orchestra_nb.notebook.reports import Report
from orchestra_nb.replay import Replay
from orchestra_nb.running.result import RunResult

Cell = Callable[[str], Any]


def write(path: Path, sources: list[str]) -> Path:
    v4: Any = nbformat.v4
    cells = [v4.new_code_cell(source) for source in sources]
    metadata = {"kernelspec": {"name": "python3", "display_name": "python3", "language": "python"}}
    path.write_text(nbformat.writes(v4.new_notebook(cells=cells, metadata=metadata)))
    return path


def test_a_declaration_shows_what_was_understood_and_runs_nothing(cell: Cell, shell: Any) -> None:
    cell("%%orchestrate load\nxs = {1, 2}")
    report = cell("%%orchestrate grow --after load\nxs.add(len(xs))").result
    assert isinstance(report, Report)
    assert re.search(r"grow\s+reads\s+xs", report.plain)
    assert re.search(r"mutates\s+xs", report.plain)
    assert "load → grow" in report.plain
    assert "threads only: changes xs" in report.plain
    assert report.frame.shape == (5, 3)
    assert "xs" not in shell.user_ns


def test_run_runs_what_was_declared_and_the_variables_are_there(cell: Cell, shell: Any) -> None:
    cell("%%orchestrate load\nx = 20\nprint('loaded')")
    cell("%%orchestrate double\ny = 2 * x\ny")
    screen = cell("result = %orchestrate run -j 2")
    assert (shell.user_ns["x"], shell.user_ns["y"]) == (20, 40)
    assert isinstance(shell.user_ns["result"], RunResult)
    assert shell.user_ns["result"].values == {"x": 20, "y": 40}
    assert "loaded" in screen.stdout
    assert screen.plain[0].startswith("0 %, 0 of 2, ")
    assert screen.plain[1:] == ["── load", "── double", "40"]
    assert screen.updates[-1].startswith("✓ done: 2 nodes")


def test_a_result_that_was_just_shown_is_not_shown_again_but_later_it_is(cell: Cell) -> None:
    cell("%%orchestrate load\nx = 1")
    assert len(cell("%orchestrate run").plain) == 1
    cell("r = %orchestrate run")
    assert "✓ done" in cell("r").plain[0]


def test_declaring_a_name_again_replaces_it(cell: Cell, shell: Any) -> None:
    cell("%%orchestrate load\nx = 1")
    cell("%%orchestrate use\ny = x")
    cell("%%orchestrate load\nx = 2")
    cell("%orchestrate run")
    assert shell.user_ns["y"] == 2
    assert list(shell.magics_manager.registry["Orchestrate"].session.graphs.names()) == ["load", "use"]


def test_a_faulty_declaration_leaves_the_session_as_it_was(cell: Cell) -> None:
    cell("%%orchestrate load\nx = 1")
    with pytest.raises(DefinitionError, match=r"cost"):
        cell("%%orchestrate bad --cost much\ny = 1")
    with pytest.raises(DefinitionError, match=r"not Python"):
        cell("%%orchestrate bad\ny = (")
    with pytest.raises(DefinitionError, match=r"'lokky'.*did you mean 'loky'"):
        cell("%%orchestrate bad --backend lokky\ny = 1")
    with pytest.raises(ConfigError, match=r"jobs=0"):
        cell("%%orchestrate bad -j 0\ny = 1")
    assert list(cell("%orchestrate graph").result.nodes) == ["load"]


def test_a_cell_may_wait_for_one_that_is_declared_later_and_a_run_may_not(cell: Cell, shell: Any) -> None:
    cell("%%orchestrate load\nx = 1")
    told = cell("%%orchestrate show --after lod,train\nlog = [x]").result.plain
    assert "'lod', which is not declared yet; did you mean 'load'?; else declare it before you run" in told
    with pytest.raises(DefinitionError, match=r"(?s)'lod', which does not exist.*'train', which does not exist"):
        cell("%orchestrate run")
    cell("%%orchestrate show --after train\nlog = [x]")
    cell("%%orchestrate train\ny = 2")
    outcomes = cell("%orchestrate run").result.outcomes
    assert outcomes["train"].ended <= outcomes["show"].started
    with pytest.raises(DefinitionError, match=r"nodes wait for each other: load → show → load"):
        cell("%%orchestrate load --after show\nx = 1")
    assert shell.user_ns["log"] == [1]


def test_run_on_a_cell_runs_it_and_its_stale_ancestors_only(cell: Cell, shell: Any) -> None:
    shell.user_ns["log"] = []
    cell("%%orchestrate a\n#| mutates: []\nlog.append('a')\nx = 1")
    cell("%%orchestrate b\n#| mutates: []\nlog.append('b')\ny = x")
    cell("%%orchestrate other\n#| mutates: []\nlog.append('other')")
    cell("%%orchestrate c --run\n#| mutates: []\nlog.append('c')\nz = y")
    assert sorted(shell.user_ns["log"]) == ["a", "b", "c"]
    shell.user_ns["log"].clear()
    cell("%%orchestrate c --run\n#| mutates: []\nlog.append('c2')\nz = y")
    assert shell.user_ns["log"] == ["c2"]
    shell.user_ns["log"].clear()
    cell("%%orchestrate a\n#| mutates: []\nlog.append('a2')\nx = 2")
    cell("%%orchestrate c --run\n#| mutates: []\nlog.append('c3')\nz = y")
    assert sorted(shell.user_ns["log"]) == ["a2", "b", "c3"]
    assert shell.user_ns["z"] == 2


def test_a_pipeline_cell_is_drawn_run_and_shown_right_there(cell: Cell, shell: Any) -> None:
    source = "%%orchestrate -j 2 --timeout 60\n# %% a\nq = 1\nprint('from a')\n# %% b cost=3\nw = q + 1\nw"
    screen = cell(source)
    assert shell.user_ns["w"] == 2
    assert screen.result.jobs == 2
    assert screen.plain[1:] == ["── a", "── b", "2"]
    assert "from a" in screen.stdout
    assert isinstance(cell("%%orchestrate --dry-run\n# %% a\nnever = 1").result, Report)
    assert "never" not in shell.user_ns


def test_where_nothing_is_declared_commands_are_about_the_last_run(cell: Cell) -> None:
    with pytest.raises(CommandError, match="nothing is declared"):
        cell("%orchestrate graph")
    cell("%%orchestrate\n# %% a\nq = 1\n# %% b\nw = q + 1")
    assert list(cell("%orchestrate graph").result.nodes) == ["a", "b"]
    reasons = cell("%orchestrate why a b").result._repr_mimebundle_()["text/plain"]
    assert "writes q, then reads q" in reasons
    with pytest.raises(CommandError, match="nothing is declared"):
        cell("%orchestrate run")


def test_a_notebook_runs_as_it_is_without_the_cell_that_asks(cell: Cell, shell: Any, tmp_path: Path) -> None:
    write(tmp_path / "n.ipynb", ["x = 1\nprint('one')", "y = x + 1\ny", "r = %orchestrate run --notebook n.ipynb"])
    screen = cell("r = %orchestrate run --notebook n.ipynb")
    assert shell.user_ns["y"] == 2
    assert screen.plain[1:] == ["── cell-1", "── cell-2", "2"]


def test_only_the_nodes_that_are_named_run_and_what_they_need(cell: Cell, shell: Any) -> None:
    cell("%%orchestrate a\nx = 1")
    cell("%%orchestrate b\ny = 2")
    cell("%%orchestrate c\nz = x")
    cell("%orchestrate run c")
    assert "y" not in shell.user_ns
    assert shell.user_ns["z"] == 1
    with pytest.raises(MissingDependencyError):
        cell("%orchestrate run nobody")


def test_a_failed_run_shows_what_did_run_and_raises_the_cells_own_error(cell: Cell, shell: Any) -> None:
    cell("%%orchestrate fine\nprint('fine')")
    cell("%%orchestrate bad --after fine\n1 / 0")
    screen = cell("%orchestrate run -j 1", fails=True)
    assert isinstance(screen.error, NodeFailed)
    lines = "\n".join(screen.error._render_traceback_())
    assert "Cell In[bad], line 2" in lines
    assert "orchestra_nb" not in lines
    assert "✗ failed" in screen.updates[-1]
    assert "fine" in screen.stdout
    assert cell("%orchestrate status").result.outcomes["bad"].status == "failed"


def test_an_expected_error_is_shown_where_the_outputs_are(cell: Cell, shell: Any) -> None:
    from orchestra_nb.notebook.publishing import show_here

    show_here(shell, "a", [{"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["the trace"]}])
    show_here(shell, "a", [])


def test_an_interrupt_shows_what_there_is_and_goes_on(cell: Cell, shell: Any) -> None:
    cell("%%orchestrate a\nprint('before')\nx = 1")
    cell("%%orchestrate b\nprint('at', x)\nraise KeyboardInterrupt")
    screen = cell("%orchestrate run -j 1", fails=True)
    assert isinstance(screen.error, KeyboardInterrupt)
    assert screen.error._render_traceback_() == ["KeyboardInterrupt: the run was interrupted"]
    assert "before" in screen.stdout
    assert cell("%orchestrate status").result.stopped == "interrupted"


def test_an_interrupt_that_is_lost_before_the_run_stops_it(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)  # raised where nobody hears it

    def dag(*_: Any, **__: Any) -> DAG:
        Dying()
        time.sleep(60)
        raise AssertionError("the interrupt was lost")

    cell("%%orchestrate a\nx = 1")
    monkeypatch.setattr("orchestra_nb.notebook.graphs.Graphs.dag", dag)
    assert isinstance(cell("%orchestrate run", fails=True).error, KeyboardInterrupt)


def test_an_interrupt_of_the_showing_keeps_the_result(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    cell("%%orchestrate a\nx = 1")
    monkeypatch.setattr("orchestra_nb.notebook.live.Live.finish", interrupted)
    screen = cell("%orchestrate run", fails=True)
    assert screen.error._render_traceback_() == ["KeyboardInterrupt: the run was interrupted"]
    assert cell("%orchestrate status").result.success
    monkeypatch.undo()
    cell("%orchestrate run")


def test_a_run_inside_a_run_is_refused(cell: Cell) -> None:
    cell("%%orchestrate a\n%orchestrate run")
    screen = cell("%orchestrate run", fails=True)
    assert "already going on" in str(screen.error)


def test_updates_of_displays_from_before_the_run_reach_them(cell: Cell) -> None:
    cell("%%orchestrate a\nfrom IPython.display import update_display\nupdate_display('new', display_id='old')")
    assert "'new'" in cell("%orchestrate run").updates


def test_the_graph_and_what_is_said_of_it_are_values(cell: Cell, tmp_path: Path) -> None:
    cell("%%orchestrate load --cost 2\nx = 1")
    cell("%%orchestrate train\ny = x")
    cell("%%orchestrate show\nprint(y)")
    assert isinstance(cell("%orchestrate graph -o g.svg").result, DAG)
    assert (tmp_path / "g.svg").read_text().startswith("<")
    cell("%orchestrate graph -o g.dot")
    assert "digraph" in (tmp_path / "g.dot").read_text()
    levels = cell("%orchestrate levels").result
    assert len(levels.frame) >= 3
    plan = cell("%orchestrate plan -j 2").result
    assert "with 2 workers" in plan.plain
    assert "levels:" in plan.plain
    assert len(plan.frame) == 3
    assert isinstance(cell("%orchestrate validate").result, ValidationResult)
    why = cell("%orchestrate why load show").result
    assert why.plain.startswith("show waits for load, through train")
    assert len(why.frame) == 2
    assert cell("%orchestrate why show load").result.plain == "load does not wait for show"
    with pytest.raises(MissingDependencyError):
        cell("%orchestrate why load nobody")
    assert cell("%orchestrate run --dry-run").result.plain == cell("%orchestrate plan").result.plain


def test_a_notebook_is_planned_around_what_does_not_parse_when_asked(cell: Cell, shell: Any, tmp_path: Path) -> None:
    write(tmp_path / "n.ipynb", ["x = 1", "y = (", "z = x"])
    for command in ("plan", "graph", "levels", "why cell-1 cell-2"):
        with pytest.raises(DefinitionError, match="cell 2, line 1: this is not Python"):
            cell(f"%orchestrate {command} --notebook n.ipynb")
        assert "cell-2" in shown(cell(f"%orchestrate {command} --notebook n.ipynb --keep-going"))
    assert "do not parse:\n  cell-2" in shown(cell("%orchestrate plan --notebook n.ipynb --keep-going"))
    found = cell("%orchestrate validate --notebook n.ipynb --keep-going").result
    assert [issue.path for issue in found.errors] == ["cell 2, line 1"]
    screen = cell("%orchestrate run --notebook n.ipynb --keep-going", fails=True)
    assert isinstance(screen.error, NodeFailed)
    assert "SyntaxError" in str(screen.error)
    assert (shell.user_ns["x"], "z" in shell.user_ns) == (1, False)


def test_the_parts_of_a_pipeline_are_planned_around_too(cell: Cell) -> None:
    screen = cell("%%orchestrate --keep-going --dry-run\n# %% a\nx = 1\n# %% b\ny = (\n# %% c\nz = x")
    assert "do not parse:\n  b  cell 1, line 5: this is not Python" in shown(screen)


def shown(screen: Any) -> str:
    """The text of a cell's value."""
    return str(screen.result._repr_mimebundle_()["text/plain"])


def test_a_faulty_notebook_is_an_answer_of_validate_and_an_error_elsewhere(cell: Cell, tmp_path: Path) -> None:
    write(tmp_path / "n.ipynb", ["#| after: nobody\nx = 1"])
    assert not cell("%orchestrate validate --notebook n.ipynb").result.valid
    with pytest.raises(DefinitionError):
        cell("%orchestrate graph --notebook n.ipynb")
    with pytest.raises(NotebookError, match="missing"):
        cell("%orchestrate run --notebook missing.ipynb")


def test_a_run_writes_what_it_was_asked_to_write(cell: Cell, tmp_path: Path) -> None:
    write(tmp_path / "n.ipynb", ["x = 1\nx", "1 / 0"])
    screen = cell("%orchestrate run --notebook n.ipynb -j 1 -o out.ipynb --html out.html --svg out.svg", fails=True)
    assert isinstance(screen.error, NodeFailed)
    written = json.loads((tmp_path / "out.ipynb").read_text())
    assert written["cells"][0]["outputs"][0]["data"]["text/plain"] in ("1", ["1"])
    assert "ZeroDivisionError" in (tmp_path / "out.html").read_text()
    assert "<svg" in (tmp_path / "out.svg").read_text()
    cell("%%orchestrate a\ny = 1")
    with pytest.raises(CommandError, match="--notebook"):
        cell("%orchestrate run -o out.ipynb")


def test_a_picture_is_not_written_into_a_file_of_another_kind(cell: Cell, tmp_path: Path) -> None:
    cell("%%orchestrate load\nx = 1")
    with pytest.raises(CommandError, match=r"give a name that ends with .svg or .dot"):
        cell(f"%orchestrate graph -o {tmp_path}/dag.png")
    assert not (tmp_path / "dag.png").exists()


@pytest.mark.parametrize("option", ["-o", "--html", "--svg"])
def test_a_file_that_cannot_be_written_is_refused_before_anything_runs(
    cell: Cell, shell: Any, tmp_path: Path, option: str
) -> None:
    path = write(tmp_path / "a.ipynb", ["ran = True"])
    with pytest.raises(CommandError, match=r"there is no folder .*nowhere; make it first"):
        cell(f"%orchestrate run --notebook {path} {option} {tmp_path}/nowhere/x.svg")
    assert "ran" not in shell.user_ns


def test_a_run_is_logged_where_it_was_asked_to_be_and_played_again(cell: Cell, tmp_path: Path) -> None:
    cell("%%orchestrate a\nx = 1")
    cell("%%orchestrate b\nprint(x)")
    cell("%config Orchestrate.log = 'runs.jsonl'")
    cell("%orchestrate run -j 2")
    cell("%orchestrate run --log other.jsonl")
    replay = cell("%orchestrate replay runs.jsonl").result
    assert [run.end.success for run in replay.runs] == [True]
    assert "done" in replay._repr_mimebundle_()["text/plain"].splitlines()[0]
    early = cell("%orchestrate replay runs.jsonl --at 0").result
    assert "done" not in {node.state for node in early.nodes.values()}
    run = replay.last.run
    told = cell(f"%orchestrate replay runs.jsonl --run {run} --events").result
    assert "execution:run-ended" in told.plain
    assert len(told.frame) == len(replay.last.facts)
    assert Replay.read("other.jsonl").last.run != run
    with pytest.raises(EventLogError, match="cannot be read"):
        cell("%orchestrate replay nowhere.jsonl")
    with pytest.raises(EventLogError, match="no log can be written"):
        cell("%orchestrate run --log nowhere/runs.jsonl")


def test_the_declared_graph_is_walked_through_step_by_step(cell: Cell, tmp_path: Path) -> None:
    cell("%%orchestrate a --cost 2\nx = 1")
    cell("%%orchestrate b\ny = x")
    walk = cell("%orchestrate simulate --steps -j 2 --policy fifo -o plan.svg").result
    assert [step.at for step in walk] == [0.0, 2.0, 3.0]
    assert (walk.workers, walk.policy) == (2, "fifo")
    assert (tmp_path / "plan.svg").exists()


def test_the_last_run_is_drawn_in_time(cell: Cell, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="nothing has run yet"):
        cell("%orchestrate gantt")
    cell("%%orchestrate a\nx = 1")
    cell("%%orchestrate b\ny = x")
    run = cell("r = %orchestrate run -j 2\nr").result
    chart = cell(f"%orchestrate gantt {run.run_id[:6]} -o run.svg").result
    assert set(chart.frame.node) == {"a", "b"}
    assert "✓ done: 2 nodes" in chart.text.splitlines()[0]
    assert "planned (simulated)" in (tmp_path / "run.svg").read_text()
    assert "planned (simulated)" not in cell("%orchestrate gantt --no-plan").result.svg
    for line, told in (("zzz", "and not 'zzz'"), ("--at 1", "--log FILE"), ("-o run.png", "does not end with .svg")):
        with pytest.raises(CommandError, match=told):
            cell(f"%orchestrate gantt {line}")


def test_a_run_of_a_log_is_drawn_as_it_was_at_a_moment(cell: Cell) -> None:
    cell("%%orchestrate a\nx = 1")
    cell("%orchestrate run --log runs.jsonl")
    cell("%orchestrate run --log runs.jsonl")
    first, last = (run.run for run in Replay.read("runs.jsonl").runs)
    assert last in cell("%orchestrate gantt --log runs.jsonl").result.text.splitlines()[0]
    early = cell(f"%orchestrate gantt {first} --log runs.jsonl --at 0").result
    assert first in early.text.splitlines()[0]
    assert "done" not in set(early.frame.status)
    with pytest.raises(EventLogError, match="cannot be read"):
        cell("%orchestrate gantt --log nowhere.jsonl")


def test_what_is_declared_is_simulated_and_not_run(cell: Cell, shell: Any, tmp_path: Path) -> None:
    cell("%%orchestrate a --cost 2\nx = 1")
    cell("%%orchestrate b --cost 3\ny = x")
    cell("%%orchestrate c --cost 4\nz = x")
    schedule = cell("%orchestrate simulate -j 1 -o plan.svg").result
    assert (schedule.makespan, schedule.lower_bound, schedule.utilization) == (9.0, 9.0, 1.0)
    assert list(schedule.frame.node) == ["a", "c", "b"]
    assert cell("%orchestrate simulate b -j 2").result.makespan == 5.0
    assert "x" not in shell.user_ns
    assert (tmp_path / "plan.svg").exists()
    with pytest.raises(ConfigError, match="best"):
        cell("%orchestrate simulate --policy best")
    found = cell("%orchestrate simulate --compare --workers 1,3 -o policies.svg").result
    assert (found.workers, found.at(1).best.makespan, found.best.makespan) == ((1, 3), 9.0, 6.0)
    assert (tmp_path / "policies.svg").exists()
    with pytest.raises(CommandError, match="add it, or give --jobs"):
        cell("%orchestrate simulate --workers 1,3")


def test_the_last_run_is_asked_what_it_would_have_taken(cell: Cell, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="nothing has run yet"):
        cell("%orchestrate simulate --last --workers 2")
    cell("%%orchestrate a\nx = 1")
    cell("%%orchestrate b --uses db\ny = x")
    run = cell("%orchestrate run -j 2 --resource db=3").result
    found = cell("%orchestrate simulate --last --cached a --lock db=2 -o then.svg").result
    assert (found.changes, found.measured) == (("a: cached", "db: 2"), run.total_time)
    assert [row.node for row in found.after.rows] == ["b"]
    assert [use.amount for use in found.before.resources] == [3]
    assert (tmp_path / "then.svg").exists()
    with pytest.raises(CommandError, match="leave out --runs"):
        cell("%orchestrate simulate --last --runs 3")
    assert len(cell("%orchestrate simulate --runs 3").result.runs) == 3


def test_status_and_reset(cell: Cell) -> None:
    assert "nothing has run" in cell("%orchestrate status").result.plain
    cell("%%orchestrate a\ny = 1")
    cell("%orchestrate run")
    assert cell("%orchestrate status").result.success
    cell("%orchestrate reset")
    assert "nothing has run" in cell("%orchestrate status").result.plain
    with pytest.raises(CommandError, match="nothing is declared"):
        cell("%orchestrate run")


BAD_LINES = [
    ("%orchestrate rnu", "did you mean 'run'"),
    ("%orchestrate run --jbos 2", "--jobs"),
    ("%orchestrate run 'open", "quote"),
    ("%%orchestrate\n# %% a\n# %% b\n", "empty"),
    ("%%orchestrate a --timeout soon\n# %% b\nx = 1", "not a number"),
    ("%orchestrate config jobs", "KNOB=VALUE"),
    ("%orchestrate config jbos=2", "did you mean 'jobs'"),
    ("%orchestrate config jobs=many", "cannot be meant"),
    ("%orchestrate config schedule=sometimes", "is not one of eager, levels"),
    ("%orchestrate run --notebook", "--notebook PATH"),
]


@pytest.mark.parametrize(("line", "hint"), BAD_LINES)
def test_a_line_that_cannot_be_meant_says_what_could(cell: Cell, line: str, hint: str) -> None:
    with pytest.raises((CommandError, ConfigError), match=re.escape(hint)):
        cell(line)


@pytest.mark.parametrize("line", ["%orchestrate", "%orchestrate --help", "%orchestrate run --help"])
def test_help_is_a_text(cell: Cell, line: str) -> None:
    report = cell(line).result
    assert "usage: %orchestrate" in report.plain
    assert "<pre>" in report._repr_mimebundle_()["text/html"]
    assert len(report.frame) == 1


def test_help_on_a_cell(cell: Cell) -> None:
    assert "%%orchestrate" in cell("%%orchestrate --help\nx").result.plain


def test_defaults_come_from_config_then_from_the_project_then_from_the_library(
    cell: Cell, shell: Any, tmp_path: Path
) -> None:
    magics = shell.magics_manager.registry["Orchestrate"]
    assert magics.defaults().jobs is None
    (tmp_path / "pyproject.toml").write_text("[tool.orchestra_nb]\njobs = 3\nkeep_going = true\n")
    assert (magics.defaults().jobs, magics.defaults().keep_going) == (3, True)
    cell("%config Orchestrate.jobs = 2")
    assert (magics.defaults().jobs, magics.defaults().keep_going) == (2, True)
    assert "jobs        4" in cell("%orchestrate config jobs=4 policy=fifo").result.plain
    assert magics.defaults().policy == "fifo"
    with pytest.raises(ConfigError):
        cell("%orchestrate config jobs=0")
    assert magics.defaults().jobs == 4
    cell("%%orchestrate a\nx = 1")
    assert cell("%orchestrate run -j 1").result.jobs == 1


def test_every_knob_of_a_run_is_one_of_config(cell: Cell, shell: Any) -> None:
    magics = shell.magics_manager.registry["Orchestrate"]
    assert {one.name for one in fields(RunConfig)} <= set(magics.trait_names())
    cell("%config Orchestrate.history = False")
    cell("%config Orchestrate.undo = False")
    assert (magics.defaults().history, magics.defaults().undo) == (False, False)
    assert "guard       0.5" in cell("%orchestrate config guard=0.5").result.plain
    cell("%%orchestrate drop\nx = 1")
    assert cell("%%orchestrate a --undo drop --run\ny = 1").result.success


def test_verify_shows_the_comparison(cell: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def verify(path: Path, config: Any, runs: int) -> Any:
        assert (path.name, config.jobs, config.seed, runs) == ("n.ipynb", 2, 9, 1)
        difference = dict.fromkeys(("kind", "path", "linear", "other"), "") | {
            "run": 1,
            "where": "x",
            "message": "x: <b>",
        }
        causes = ("missing_edges", "suspects", "in_document_order", "backwards", "unsteady", "noise", "opaque")
        return {
            "equal": False,
            "runs": [{"order": "linear", "total_time": 1.0}, {"order": "serial", "total_time": 1.0}],
            "differences": [difference],
            "pairs": {"unordered": 3, "inverted": 3},
            "search": {"runs": 0, "limit": 40, "complete": True},
            "folder": "shared",
            **dict.fromkeys(causes, ()),
        }

    monkeypatch.setattr("orchestra_nb.notebook.verification.verify_file", verify)
    report = cell("%orchestrate verify --notebook n.ipynb --runs 1 -j 2 --seed 9").result
    assert report.plain.startswith("same results: no")
    assert "x: <b> (run 1)" in report.plain
    assert "files were not compared" in report.plain
    assert "x: &lt;b&gt;" in report.markup
    assert list(report.frame["where"]) == ["x"]
    with pytest.raises(CommandError, match="--runs 0 compares nothing"):
        cell("%orchestrate verify --notebook n.ipynb --runs 0")


def test_nothing_is_left_in_the_namespace_and_unloading_leaves_no_trace(shell: Any) -> None:
    before = set(shell.user_ns)
    matchers, configurables = len(shell.Completer.custom_matchers), len(shell.configurables)
    load_ipython_extension(shell)
    load_ipython_extension(shell)
    assert len(shell.Completer.custom_matchers) == matchers + 1
    assert set(shell.user_ns) == before
    unload_ipython_extension(shell)
    unload_ipython_extension(shell)
    assert len(shell.Completer.custom_matchers) == matchers
    assert len(shell.configurables) == configurables
    assert "orchestrate" not in shell.magics_manager.magics["line"]
    assert "orchestrate" not in shell.magics_manager.magics["cell"]


def test_completion_knows_the_declared_nodes(cell: Cell, shell: Any) -> None:
    cell("%%orchestrate load_data\nx = 1")
    for line, expected in [
        ("%orchestrate run load", ["load_data"]),
        ("%orchestrate run --back", ["--backend", "--background"]),
        ("%%orchestrate x --aft", ["--after"]),
        ("r = %orchestrate lev", ["levels"]),
        ("print(%orchestrate lev", []),
    ]:
        (own,) = [m for m in shell.Completer.custom_matchers if m.matcher_identifier == "orchestra_nb"]
        from IPython.core.completer import CompletionContext

        context = CompletionContext(token="", full_text=line, cursor_position=len(line), cursor_line=0, limit=None)
        assert [c.text for c in own(context)["completions"]] == expected


def test_progress_is_a_value_before_a_run_in_it_and_after_it(cell: Cell, shell: Any) -> None:
    assert "nothing has run yet" in cell("%orchestrate progress").result.plain
    cell("%%orchestrate load\nx = 1")
    cell("%%orchestrate look\ny = x\nseen = get_ipython().run_line_magic('orchestrate', 'progress')")
    cell("%orchestrate run")
    seen, after = shell.user_ns["seen"], cell("%orchestrate progress").result
    assert (seen.percent, seen.completed, seen.active, seen.over) == (50.0, 1, ("look",), False)
    assert (after.percent, after.completed, after.over) == (100.0, 2, True)
    frame = after.frame
    assert (len(frame), float(frame["percent"].iloc[0])) == (1, 100.0)
    cell("%orchestrate reset")
    assert "nothing has run yet" in cell("%orchestrate progress").result.plain


def test_a_run_keeps_a_checklist_where_it_is_told_to(cell: Cell, tmp_path: Path) -> None:
    cell("%%orchestrate load\nx = 1")
    cell("%orchestrate run --todos todos.md")
    assert (tmp_path / "todos.md").read_text() == "- [x] Run load\n"
    for bad, message in (("todos.txt", "ends with .md or .json"), ("no/todos.md", "there is no folder")):
        assert message in str(cell(f"%orchestrate run --todos {bad}", fails=True).error)


@pytest.mark.parametrize(
    "asked", ["%orchestrate", "%%orchestrate", "orchestrate"]
)  # the last is what Shift-Tab asks for
def test_inspecting_a_magic_shows_the_manual_of_the_grammar(cell: Cell, shell: Any, asked: str) -> None:
    text = shell.object_inspect_mime(asked)["text/plain"]
    for line in manual().splitlines():
        assert line in text
