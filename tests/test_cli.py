from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.cli import main
from orchestra_nb.commands import answer
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import BackendError, ComparisonError, NodeFailed
from orchestra_nb.events import NodeEnded, NodeStarted, RunEnded, RunStarted
from orchestra_nb.grammar import parse
from orchestra_nb.model import NodeId, Outcome, RunId
from orchestra_nb.notebook import headless, verification
from orchestra_nb.notebook.records import event_record
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.running import not_kept
from orchestra_nb.running.result import RunResult

SOURCES = ["#| name: load\nx = 1", "y = x + 1", "#| after: load\nz = 5", "x + y"]
SECTION_13 = {
    "success",
    "levels",
    "critical_path",
    "critical_time",
    "total_time",
    "lower_bound",
    "speedup",
    "nodes",
    "edges",
    "output",
    "errors",
}


@pytest.fixture
def save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write a notebook into the working directory of the test."""
    monkeypatch.chdir(tmp_path)

    def write(*sources: str, name: str = "a.ipynb") -> Path:
        document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        nbformat.write(document, tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command line; gives the exit code, standard output and standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


Save = Callable[..., Path]
Tell = Callable[..., tuple[int, str, str]]


# ---- commands that only read ---------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["plan", "graph", "levels", "validate"])
def test_json_is_one_object_with_the_agreed_keys(save: Save, tell: Tell, command: str) -> None:
    save(*SOURCES)
    code, out, err = tell(command, "a.ipynb", "--json")
    data = json.loads(out)
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert set(data) >= SECTION_13
    assert (data["success"], data["levels"]) == (True, [["load"], ["cell-2", "cell-3"], ["cell-4"]])
    assert data["nodes"][0] == {"id": "load", "status": "planned", "seconds": 1.0, "reason": ""}
    assert {key for edge in data["edges"] for key in edge} == {"source", "target", "kind", "certainty", "evidence"}


def test_a_plan_names_levels_critical_path_and_the_reason_of_each_edge(save: Save, tell: Tell) -> None:
    save(*SOURCES)
    code, out, _ = tell("plan", "a.ipynb", "-j", "2")
    assert code == 0
    for text in ("1  cell-2, cell-3", "load → cell-2 → cell-4", "writes x, then reads x", "with 2 workers"):
        assert text in out


def test_nothing_in_the_notebook_is_executed_by_reading_it(save: Save, tell: Tell, tmp_path: Path) -> None:
    save("open('touched', 'w').close()")
    for command in ("plan", "graph", "levels", "validate"):
        assert tell(command, "a.ipynb")[0] == 0
    assert tell("run", "a.ipynb", "--dry-run")[0] == 0
    assert not (tmp_path / "touched").exists()


def test_named_nodes_bring_only_what_they_need(save: Save, tell: Tell) -> None:
    save(*SOURCES)
    _, out, _ = tell("levels", "a.ipynb", "cell-3", "--json")
    assert json.loads(out)["levels"] == [["load"], ["cell-3"]]


def test_jobs_and_schedule_change_what_is_expected(save: Save, tell: Tell) -> None:
    save(*SOURCES)
    one, two = (json.loads(tell("plan", "a.ipynb", "--json", "-j", jobs)[1]) for jobs in "12")
    assert (one["makespan"], one["speedup"], two["makespan"], two["lower_bound"]) == (4.0, 1.0, 3.0, 3.0)


def test_defaults_come_from_the_project_beside_the_notebook(save: Save, tell: Tell, tmp_path: Path) -> None:
    save(*SOURCES)
    (tmp_path / "pyproject.toml").write_text("[tool.orchestra_nb]\njobs = 1\n", encoding="utf-8")
    assert json.loads(tell("plan", "a.ipynb", "--json")[1])["jobs"] == 1
    (tmp_path / "pyproject.toml").write_text("[tool.orchestra_nb]\njbos = 1\n", encoding="utf-8")
    code, _, err = tell("plan", "a.ipynb")
    assert (code, "did you mean 'jobs'?" in err) == (2, True)


@pytest.mark.parametrize(
    ("source", "target", "waits", "path", "text"),
    [
        ("load", "cell-2", True, ["load", "cell-2"], "cell-2 waits for load\n  load → cell-2  [value] writes x"),
        ("cell-3", "load", False, [], "load does not wait for cell-3"),
        ("load", "load", False, [], "load does not wait for load"),
    ],
)
def test_why_says_whether_and_on_what_evidence(
    save: Save, tell: Tell, source: str, target: str, waits: bool, path: list[str], text: str
) -> None:
    save(*SOURCES)
    code, out, _ = tell("why", "a.ipynb", source, target)
    assert (code, text in out) == (0, True)
    data = json.loads(tell("why", "a.ipynb", source, target, "--json")[1])
    assert (data["waits"], data["path"], bool(data["edges"])) == (waits, path, waits)


def test_why_follows_the_shortest_way_through_others(save: Save, tell: Tell) -> None:
    save("a = 1", "b = a", "c = b", "d = c", "e = b + d")
    _, out, _ = tell("why", "a.ipynb", "cell-1", "cell-5")
    assert out.startswith("cell-5 waits for cell-1, through cell-2\n")


@pytest.mark.parametrize(("name", "begin"), [("dag.svg", "<"), ("dag.DOT", "digraph")])
def test_graph_writes_the_picture(save: Save, tell: Tell, tmp_path: Path, name: str, begin: str) -> None:
    save(*SOURCES)
    code, out, _ = tell("graph", "a.ipynb", "-o", name)
    assert (code, f"picture: {name}" in out) == (0, True)
    text = (tmp_path / name).read_text(encoding="utf-8")
    assert text.lstrip().startswith(begin)
    assert "load" in text
    assert json.loads(tell("graph", "a.ipynb", "-o", name, "--json")[1])["output"] == name


def test_validate_lists_warnings_and_is_content(save: Save, tell: Tell) -> None:
    save("#| colour: red\nx = 1")
    code, out, _ = tell("validate", "a.ipynb")
    assert (code, "warning [unknown-setting] cell 1, line 1: 'colour' is no setting of ours" in out) == (0, True)
    data = json.loads(tell("validate", "a.ipynb", "--json")[1])
    assert (data["success"], [issue["code"] for issue in data["warnings"]]) == (True, ["unknown-setting"])


def test_what_will_not_be_kept_is_a_line_of_the_plan_and_a_warning_of_validate(
    save: Save, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(not_kept, "not_kept", lambda node: "follows from chance" if node.id == "cell-2" else "")
    save("#| cache: true\nx = 1", "#| timeout: 9\n#| cache: true\ny = 1")
    told = "is not kept: it follows from chance"
    code, out, err = tell("plan", "a.ipynb")
    assert (code, out.count("not kept: cell-2 follows from chance"), told in err) == (0, 1, False)
    reasons = [node["reason"] for node in json.loads(tell("plan", "a.ipynb", "--json")[1])["nodes"]]
    assert reasons == ["", "its result will not be kept: it follows from chance"]
    code, out, _ = tell("validate", "a.ipynb")
    assert (code, out.count("[not-kept]")) == (0, 1)
    assert f"warning [not-kept] cell 2, line 2: 'cell-2' {told}" in out


def test_validate_lists_every_fault(save: Save, tell: Tell) -> None:
    save("#| aftr: x\na = 1", "#| colour: red\nb = = 1")
    code, out, _ = tell("validate", "a.ipynb")
    assert code == 2
    assert [line.split("]")[0] for line in out.splitlines()] == [
        "error [unknown-setting",
        "warning [unknown-setting",
        "error [syntax-error",
    ]
    data = json.loads(tell("validate", "a.ipynb", "--json")[1])
    assert (data["success"], len(data["errors"]), len(data["warnings"])) == (False, 2, 1)


def test_warnings_go_to_standard_error(save: Save, tell: Tell) -> None:
    save("#| colour: red\nx = 1")
    _, out, err = tell("plan", "a.ipynb")
    assert "warning: cell 1, line 1: 'colour' is no setting of ours" in err
    assert "warning" not in out


# ---- bad input -----------------------------------------------------------------------------------------------

BAD_NOTEBOOKS: list[tuple[list[str], str]] = [
    (["#| name: a\n#| after: b\nx", "#| name: b\n#| after: a\ny"], "cell 1, line 2: nodes wait for each other"),
    (
        ["#| name: load\nx", "#| after: laod\ny"],
        "cell 2, line 1: 'cell-2' comes after 'laod', which does not exist; did",
    ),
    (["#| name: a\nx", "#| name: a\ny"], "cell 2, line 1: two nodes are named 'a'"),
    (["x", "\n#| after: [\ny"], "cell 2, line 2: the '#|' block is not YAML"),
    (["x = 1\nif:"], "cell 1, line 2: this is not Python"),
    ([], "the notebook has no code cell"),
]


@pytest.mark.parametrize(("sources", "message"), BAD_NOTEBOOKS)
@pytest.mark.parametrize("command", ["plan", "run", "verify"])
def test_a_bad_notebook_is_one_clear_message_and_code_2(
    save: Save, tell: Tell, command: str, sources: list[str], message: str
) -> None:
    save(*sources)
    code, out, err = tell(command, "a.ipynb")
    assert (code, out) == (2, "")
    assert message in err
    code, out, err = tell(command, "a.ipynb", "--json")
    data = json.loads(out)
    assert (code, data["success"]) == (2, False)
    assert message in "{path}: {message}; {suggestion}".format(**data["errors"][0])
    assert message in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plan", "b.ipynb"], "there is no such file; did you mean 'a.ipynb'?"),
        (["pln", "a.ipynb"], "no subcommand 'pln'; did you mean 'plan'?"),
        (["plan", "a.ipynb", "--jbos"], "did you mean '--jobs'?"),
        (["plan", "a.ipynb", "-j", "0"], "jobs=0 can run nothing"),
        (["plan", "a.ipynb", "--backend", "lokky"], "did you mean 'loky'?"),
        (["plan", "a.ipynb", "laod"], "no node is named 'laod'; did you mean 'load'?"),
        (["why", "a.ipynb", "load", "cell-9"], "no node is named 'cell-9'"),
        (["graph", "a.ipynb", "-o", "a.bmp"], "give a name that ends with .svg or .dot"),
        (["graph", "a.ipynb", "-o", "no/a.svg"], "there is no folder"),
        (["run", "a.ipynb", "-o", "."], "is a folder; give a file's name"),
        (["run", "a.ipynb", "--html", "no/a.html"], "there is no folder"),
        (["run", "a.ipynb", "--todos", "no/a.md"], "there is no folder"),
        (["run", "a.ipynb", "--todos", "a.txt"], "give a name that ends with .md or .json"),
        (["verify", "a.ipynb", "--runs", "0"], "--runs 0 compares nothing"),
    ],
)
def test_a_bad_command_line_names_the_way_out(save: Save, tell: Tell, words: list[str], message: str) -> None:
    save(*SOURCES)
    code, out, err = tell(*words)
    assert (code, out) == (2, "")
    assert message in err
    code, out, _ = tell(*words, "--json")
    data = json.loads(out)
    assert (code, data["success"]) == (2, False)
    assert message in " ".join(f"{e['message']}; {e['suggestion']}" for e in data["errors"])


def test_a_missing_exporter_is_found_before_the_run(save: Save, tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    save(*SOURCES)
    monkeypatch.setitem(sys.modules, "nbconvert.exporters", None)
    code, _, err = tell("run", "a.ipynb", "--html", "a.html")
    assert (code, "--html needs nbconvert" in err) == (2, True)


# ---- run and verify, with the kernel's part played by a stand-in -----------------------------------------------


class Kernel:
    """Stands in for the kernel's side of a run: ends every node as it is told."""

    def __init__(self) -> None:
        self.status = "done"
        self.stopped = ""
        self.error: BaseException | None = None
        self.asked: dict[str, Any] = {}
        self.between: Callable[[str], object] = lambda node: None
        """Called while a node runs."""

    def run_file(self, notebook: Notebook, config: RunConfig, **more: Any) -> SimpleNamespace:
        self.asked = {"notebook": notebook, "config": config, **more}
        if self.error is not None:
            raise self.error
        dag = notebook.dag
        outcomes = {node: self._outcome(node) for node in dag.nodes}
        listen = more["on_event"] or (lambda _: None)
        listen(event_record(RunStarted(0.0, len(dag), 2, "threading")))
        for node, outcome in outcomes.items():
            listen(event_record(NodeStarted(0.0, NodeId(node), "thread")))
            self.between(node)
            listen(event_record(NodeEnded(0.5, outcome)))
        listen(event_record(RunEnded(0.5, self.status == "done")))
        nodes = [{"id": n, "status": o.status, "seconds": o.seconds, "reason": o.reason} for n, o in outcomes.items()]
        result = dict.fromkeys(("critical_time", "total_time", "lower_bound", "speedup"), 1.0)
        success = self.status == "done"
        errors = [] if success else [{"message": "load: ValueError: no"}]
        data = {
            "success": success,
            "stopped": self.stopped,
            "levels": [],
            "critical_path": [],
            "edges": [],
            "nodes": nodes,
            "errors": errors,
        }
        told = {**result, **data}
        run = RunResult(outcomes, {}, dag, 2, "threading", 1.0, RunId("r"), "2026-01-01T00:00:00Z", self.stopped)
        return SimpleNamespace(run=run, result=told, outcomes=outcomes, dag=dag, fingerprints={}, metadata={}, kept={})

    def _outcome(self, node: str) -> Outcome:
        error = None if self.status == "done" else NodeFailed("ValueError: no", node, ["tb"], "ValueError", "no")
        text = {"output_type": "stream", "name": "stdout", "text": f"I am {node}"}
        status: Any = self.status
        return Outcome(NodeId(node), status, error=error, started=0.0, ended=0.5, reason="why", outputs=(text,))

    def verify_file(self, path: Path, config: RunConfig, runs: int, listen: Any) -> Mapping[str, Any]:
        self.asked = {"runs": runs, "seed": config.seed}
        if self.error is not None:
            raise self.error
        tell = listen or (lambda _: None)
        for number in range(1, runs + 1):
            told = {"number": number, "total": runs, "what": "2 at once, loky", "searching": number == runs}
            tell({"name": "verification:run-started", **told})
            tell({"name": "verification:run-ended", **told, "seconds": 0.5, "failed": number == runs})
        equal = self.status == "done"
        made = [{"order": "random", "jobs": 2, "backend": "threading", "total_time": 0.5}] * runs
        causes = ("missing_edges", "suspects", "in_document_order", "backwards", "unsteady", "noise", "opaque")
        return {
            "equal": equal,
            "runs": made,
            "differences": [] if equal else [{"message": "x differs", "run": 1}],
            "pairs": {"unordered": 3, "inverted": 2},
            "search": {"runs": 0, "limit": 40, "complete": True},
            "folder": "copied",
            **dict.fromkeys(causes, ()),
        }


def test_parameters_are_those_of_the_notebook_that_is_shown(save: Save, tell: Tell) -> None:
    save("rate = 1", "print(rate)")
    words = ("plan", "a.ipynb", "-p", "rate", "-3", "-r", "name", "5")
    code, out, _ = tell(*words, "--json")
    assert (code, [node["id"] for node in json.loads(out)["nodes"]]) == (0, ["cell-1", "cell-2", "cell-3"])
    assert "tagged 'parameters'" in tell(*words)[2]
    code, _, err = tell("plan", "a.ipynb", "-p", "not a name", "3")
    assert (code, "not a name that can be bound" in err) == (2, True)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    stand_in = Kernel()
    monkeypatch.setattr(headless, "run_file", stand_in.run_file)
    monkeypatch.setattr(verification, "verify_file", stand_in.verify_file)
    return stand_in


def test_a_run_writes_what_was_asked_for(save: Save, tell: Tell, kernel: Kernel, tmp_path: Path) -> None:
    save(*SOURCES)
    code, out, err = tell(
        "run", "a.ipynb", "-j", "2", "-o", "o.ipynb", "--html", "o.html", "--svg", "o.svg", "--linear"
    )
    assert code == 0
    assert [cell.execution_count for cell in nbformat.read(tmp_path / "o.ipynb", as_version=4).cells] == [1, 2, 3, 4]
    assert "I am load" in (tmp_path / "o.html").read_text(encoding="utf-8")
    assert "<svg" in (tmp_path / "o.svg").read_text(encoding="utf-8")
    assert all(text in out for text in ("✓ load", "output: o.ipynb", "html: o.html", "svg: o.svg"))
    assert "load  done  500 ms  why" in err
    assert (kernel.asked["config"], kernel.asked["linear"]) == (RunConfig(jobs=2), True)


def test_a_run_as_json_is_one_object_and_nothing_else(save: Save, tell: Tell, kernel: Kernel) -> None:
    save(*SOURCES)
    code, out, err = tell("run", "a.ipynb", "load", "--json", "-o", "o.ipynb")
    data = json.loads(out)
    assert (code, err, set(data) >= SECTION_13, data["output"]) == (0, "", True, "o.ipynb")
    assert (kernel.asked["targets"], kernel.asked["on_event"]) == (["load"], None)


def test_a_failed_node_is_code_1_and_the_notebook_is_still_written(save: Save, tell: Tell, kernel: Kernel) -> None:
    save(*SOURCES)
    kernel.status = "failed"
    code, out, _ = tell("run", "a.ipynb", "-o", "o.ipynb")
    assert (code, "error: load: ValueError: no" in out, Path("o.ipynb").exists()) == (1, True, True)
    assert tell("run", "a.ipynb", "--json")[0] == 1


def test_a_run_that_was_stopped_writes_what_it_has_and_is_code_130(save: Save, tell: Tell, kernel: Kernel) -> None:
    save(*SOURCES)
    kernel.status, kernel.stopped = "cancelled", "interrupted"
    assert tell("run", "a.ipynb", "-o", "o.ipynb")[0] == 130
    assert Path("o.ipynb").exists()


def test_a_checklist_can_be_watched_while_the_run_goes_on(save: Save, tell: Tell, kernel: Kernel) -> None:
    save(*SOURCES)
    seen: dict[str, list[str]] = {}
    trackers: list[ProgressTracker] = []

    def look(node: str) -> None:
        trackers[0]._delivery.flush(60.0)
        seen[node] = Path("todos.md").read_text(encoding="utf-8").splitlines()

    kernel.between = look
    found = answer(parse(["run", "a.ipynb", "--todos", "todos.md"], "cli"), follow=trackers.append)
    assert (found.code, found.data["todos"]) == (0, "todos.md")
    assert seen["load"] == ["# a\\.ipynb", "", "- [ ] ▶ Running load", *(f"- [ ] Run cell\\-{n}" for n in (2, 3, 4))]
    assert seen["cell-2"][2:4] == ["- [x] Run load", "- [ ] ▶ Running cell\\-2"]
    assert Path("todos.md").read_text(encoding="utf-8").count("- [x] Run ") == 4


def test_a_checklist_is_written_beside_what_machines_read(save: Save, tell: Tell, kernel: Kernel) -> None:
    save(*SOURCES)
    code, out, err = tell("run", "a.ipynb", "--todos", "todos.md", "--json")
    assert (code, err, json.loads(out)["todos"]) == (0, "", "todos.md")
    assert Path("todos.md").read_text(encoding="utf-8").count("- [x] Run ") == 4
    assert "todos: todos.JSON" in tell("run", "a.ipynb", "--todos", "todos.JSON", "--linear")[1]
    told = json.loads(Path("todos.JSON").read_text(encoding="utf-8"))
    assert (told["over"], [todo["status"] for todo in told["todos"]]) == (True, ["completed"] * 4)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_checklist_says_how_it_ended(save: Save, tell: Tell, kernel: Kernel, status: str) -> None:
    save(*SOURCES)
    kernel.status = status
    tell("run", "a.ipynb", "--todos", "t.md")
    assert f"- [ ] Run load \\({status}\\)" in Path("t.md").read_text(encoding="utf-8")


def test_events_that_do_not_fit_cost_the_progress_and_not_the_run(
    save: Save, tell: Tell, kernel: Kernel, caplog: pytest.LogCaptureFixture
) -> None:
    save(*SOURCES)
    run_file = kernel.run_file

    def odd(*words: Any, **more: Any) -> Any:
        for record in ({"name": "execution:run-started"}, {"name": "execution:node-started", "node": "x"}):
            more["on_event"](record)
        return run_file(*words, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(headless, "run_file", odd)
        code, out, err = tell("run", "a.ipynb", "--todos", "t.md")
    assert (code, "✓ load" in out, "load  done  500 ms  why" in err) == (0, True, True)
    assert [record.message for record in caplog.records] == ["progress could not be followed: 'execution:run-started'"]


def test_verify_says_yes_or_no(save: Save, tell: Tell, kernel: Kernel) -> None:
    save(*SOURCES)
    code, out, err = tell("verify", "a.ipynb", "--runs", "2", "--seed", "7")
    assert (code, kernel.asked) == (0, {"runs": 2, "seed": 7})
    assert out.splitlines()[:3] == ["same results: yes", *["  random order: 500 ms, threading, 2 at once"] * 2]
    assert "turned round: 2; more --runs turn round more" in out
    assert err.splitlines() == ["run 1 of 2  2 at once, loky  500 ms", "search  2 at once, loky  500 ms  failed"]
    kernel.status = "failed"
    code, out, _ = tell("verify", "a.ipynb")
    assert (code, out.splitlines()[0], "x differs" in out) == (1, "same results: no", True)
    code, out, err = tell("verify", "a.ipynb", "--json")
    assert (code, json.loads(out)["equal"], err) == (1, False, "")


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (BackendError("no such backend"), 2, "no such backend"),
        (ComparisonError("the linear run failed"), 1, "the linear run failed"),
        (NodeFailed("ValueError: no"), 1, "ValueError: no"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_what_a_run_raises_becomes_its_exit_code(
    save: Save, tell: Tell, kernel: Kernel, error: BaseException, code: int, text: str
) -> None:
    save(*SOURCES)
    kernel.error = error
    for command in ("run", "verify"):
        found, out, err = tell(command, "a.ipynb")
        assert (found, out, text in err) == (code, "", True)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_progress_bar_and_colours(
    save: Save, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(*SOURCES)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    assert main(["run", "a.ipynb"]) == 0
    assert "\x1b[" in out.getvalue()
    assert "0 of 4" in err.getvalue()
    assert main(["verify", "a.ipynb", "--runs", "7"]) == 0
    assert "searching for the cause: 2 at once, loky" in err.getvalue()
    assert "7/7" in err.getvalue()


# ---- cells that do not parse ---------------------------------------------------------------------------------

BROKEN = ["x = 1", "y = 2", "\nz = (", "v = 3", "w = 4"]


@pytest.mark.parametrize("command", ["plan", "graph", "levels", "validate", "why", "run"])
def test_the_rest_is_planned_when_asked_and_the_code_is_still_2(save: Save, tell: Tell, command: str) -> None:
    save(*BROKEN)
    words = [command, "a.ipynb", *{"why": ["cell-1", "cell-3"], "run": ["--dry-run"]}.get(command, [])]
    for more in ([], ["--keep-going"]):
        code, out, err = tell(*words, *more)
        assert code == 2
        assert "cell 3, line 2: this is not Python" in (out if command == "validate" else err)
    code, out, _ = tell(*words, "--keep-going", "--json")
    data = json.loads(out)
    assert (code, data["success"], [error["path"] for error in data["errors"]]) == (2, False, ["cell 3, line 2"])
    if command != "why":
        assert data["levels"] == [["cell-1", "cell-2"], ["cell-3"], ["cell-4", "cell-5"]]


def test_the_text_and_the_picture_mark_what_does_not_parse(save: Save, tell: Tell, tmp_path: Path) -> None:
    save(*BROKEN)
    _, out, _ = tell("graph", "a.ipynb", "--keep-going", "-o", "dag.dot")
    assert "do not parse:\n  cell-3  cell 3, line 2: this is not Python" in out
    assert "cell-1 → cell-3  [order, possible] the later cell does not parse" in out
    text = (tmp_path / "dag.dot").read_text()
    assert '"✗ cell-3' in text
    assert "does not parse: cell 3, line 2" in text


def test_why_names_the_cell_that_does_not_parse(save: Save, tell: Tell) -> None:
    save(*BROKEN)
    _, out, _ = tell("why", "a.ipynb", "cell-3", "cell-5", "--keep-going")
    assert "the earlier cell does not parse" in out


def test_a_project_can_say_so_for_all_its_notebooks(save: Save, tell: Tell, tmp_path: Path) -> None:
    save(*BROKEN)
    (tmp_path / "pyproject.toml").write_text("[tool.orchestra_nb]\nkeep_going = true\n")
    assert tell("levels", "a.ipynb")[1].startswith("levels:")
    assert tell("levels", "a.ipynb", "--no-keep-going")[1] == ""


def test_other_faults_still_stop_it(save: Save, tell: Tell) -> None:
    save("#| aftr: x\nx = 1", "y = (")
    code, out, err = tell("plan", "a.ipynb", "--keep-going")
    assert (code, out) == (2, "")
    assert "unknown setting" in err or "aftr" in err
    assert "cell 2, line 1: this is not Python" in err


def test_the_part_that_is_asked_for_may_be_whole_and_the_fault_is_told_all_the_same(save: Save, tell: Tell) -> None:
    save(*BROKEN)
    code, out, _ = tell("plan", "a.ipynb", "cell-1", "--keep-going", "--json")
    data = json.loads(out)
    assert (code, data["levels"], len(data["errors"])) == (2, [["cell-1"]], 1)


# ---- the cache of plans --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["plan", "graph", "levels", "validate"])
def test_a_plan_from_disk_is_told_in_the_same_words(
    save: Save, tell: Tell, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save("#| cache: true\n#| timeout: 1\n#| cost: 2\nx = 1", "y = x", "print(y)")
    fresh = [tell(command, "a.ipynb"), tell(command, "a.ipynb", "--json")]
    monkeypatch.setenv("ORCHESTRA_NB_PLAN_CACHE", str(tmp_path / "plans"))
    monkeypatch.setattr("orchestra_nb.cells.plan_cache.code_digest", lambda: "code")
    assert [tell(command, "a.ipynb"), tell(command, "a.ipynb", "--json")] == fresh
    assert len(list((tmp_path / "plans").iterdir())) == 1
    monkeypatch.setattr("orchestra_nb.cells.plan_cache.cell_dag", None)
    assert [tell(command, "a.ipynb"), tell(command, "a.ipynb", "--json")] == fresh


def test_a_project_can_do_without_the_cache(
    save: Save, tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(*SOURCES)
    monkeypatch.setenv("ORCHESTRA_NB_PLAN_CACHE", str(tmp_path / "plans"))
    monkeypatch.setattr("orchestra_nb.cells.plan_cache.code_digest", lambda: "code")
    (tmp_path / "pyproject.toml").write_text("[tool.orchestra_nb]\nplan_cache = false\n")
    assert tell("why", "a.ipynb", "load", "cell-2")[0] == tell("plan", "a.ipynb")[0] == 0
    assert not (tmp_path / "plans").exists()


# ---- the whole thing, for real -------------------------------------------------------------------------------


def orchestra(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestra_nb", *words]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False, **more)


def test_a_notebook_is_run_for_real(save: Save, tmp_path: Path) -> None:
    save("import time\nx = 1", "print('hello', x)", "1 / 0", "y = x + 1\ny")
    words = ("run", "a.ipynb", "-o", "o.ipynb", "--json", "--keep-going", "--todos", "todos.json")
    done = orchestra(*words, cwd=tmp_path)
    data = json.loads(done.stdout)
    assert (done.returncode, data["success"], set(data) >= SECTION_13) == (1, False, True)
    assert [node["status"] for node in data["nodes"]] == ["done", "done", "failed", "done"]
    cells = nbformat.read(tmp_path / "o.ipynb", as_version=4).cells
    assert cells[1].outputs[0].text == "hello 1\n"
    assert cells[2].outputs[0].ename == "ZeroDivisionError"
    assert cells[3].outputs[0].data["text/plain"] == "2"
    told = json.loads((tmp_path / "todos.json").read_text(encoding="utf-8"))
    assert [todo["status"] for todo in told["todos"]] == ["completed", "completed", "pending", "completed"]
    assert (told["percent"], told["counts"]["failed"], told["sinks"][0]["failures"]) == (100.0, 1, 0)
    assert "progress" not in done.stderr


def test_a_notebook_is_verified_for_real(save: Save, tmp_path: Path) -> None:
    save(*SOURCES)
    done = orchestra("verify", "a.ipynb", "--runs", "1", "--json", cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout)["equal"]) == (0, True), done.stderr


def test_help_and_version_need_no_notebook(tell: Tell) -> None:
    assert tell("--help")[1].startswith("usage: orchestra SUBCOMMAND")
    assert tell("run", "--help")[1].startswith("usage: orchestra run")
    assert tell("--version")[1].startswith("orchestra ")


def test_a_reader_that_has_seen_enough_is_no_error(save: Save, tmp_path: Path) -> None:
    save(*(f"x{i} = 1" for i in range(200)))
    words = [sys.executable, "-m", "orchestra_nb", "plan", "a.ipynb"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            words, stdout=writing, stderr=subprocess.PIPE, cwd=tmp_path, env=environment, timeout=120, check=False
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize(
    ("words", "told"), [(["plan", "no.ipynb"], "NotebookError: no.ipynb"), (["rnu"], "CommandError")]
)
def test_an_error_is_short_and_in_full_on_request(save: Save, tell: Tell, words: list[str], told: str) -> None:
    save(*SOURCES)
    code, out, err = tell(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    code, out, err = tell(*words, "--traceback")
    assert (code, out) == (2, "")
    assert err.startswith("Traceback (most recent call last):")
    assert told in err


def test_the_line_at_which_a_cell_failed_is_told_below_the_error(save: Save, tell: Tell) -> None:
    save("def g():\n    return 1 / 0\n\ng()")
    out = "".join(tell("run", "a.ipynb")[1:])
    assert (
        "error: node 'cell-1' failed: ZeroDivisionError: division by zero\n  line 4: g()  (in full: --traceback)\n"
        in out
    )


def test_a_node_that_failed_is_shown_in_full_on_request(save: Save, tell: Tell) -> None:
    save("def g():\n    return 1 / 0\ng()")
    assert "return 1 / 0" not in "".join(tell("run", "a.ipynb")[1:])
    code, _, err = tell("run", "a.ipynb", "--traceback")
    assert code == 1
    assert "return 1 / 0" in err
    assert "\x1b" not in err
