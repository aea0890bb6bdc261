"""``orchestra gantt`` and ``orchestra simulate``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from orchestra_nb import DAG, Node, ParallelScheduler, RunConfig
from orchestra_nb.cli import main
from orchestra_nb.grammar import parse
from orchestra_nb.model import NodeId

Tell = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tell:
    """Run a command line in an empty folder; gives the exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def logged(fail: bool = False) -> None:
    """Append a run of two nodes to ``run.jsonl``."""
    nodes = [
        Node(NodeId("load"), fn=lambda: 1),
        Node(NodeId("plot"), fn=(lambda load: load / 0) if fail else (lambda load: load), after=(NodeId("load"),)),
    ]
    ParallelScheduler(RunConfig(jobs=1, history=False, log="run.jsonl")).execute(DAG(nodes))


def notebook(*sources: str) -> None:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), "a.ipynb")


SOURCES = ("#| name: load\n#| cost: 2\nx = 1", "#| name: fit\n#| cost: 3\ny = x", "#| name: plot\n#| cost: 1\nz = x")


def test_a_logged_run_is_drawn_in_characters_and_as_a_picture(tell: Tell) -> None:
    logged()
    code, out, err = tell("gantt", "run.jsonl", "-o", "run.svg")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert "100 %, 2 of 2" in lines[0]
    assert lines[1].startswith("thread 1 |") or lines[1].startswith("main |")
    assert lines[-1] == "picture: run.svg"
    assert Path("run.svg").read_text(encoding="utf-8").startswith("<svg")


def test_json_has_each_piece_of_the_run(tell: Tell) -> None:
    logged()
    code, out, _ = tell("gantt", "run.jsonl", "--json")
    data = json.loads(out)
    assert (code, data["success"], data["over"], data["errors"]) == (0, True, True, [])
    ran = {piece["node"]: piece for piece in data["pieces"] if piece["kind"] == "attempt"}
    assert ran.keys() == {"load", "plot"}
    assert ran["load"]["end"] <= ran["plot"]["start"]
    assert isinstance(ran["load"]["attempts"], int)


def test_a_moment_and_a_run_can_be_named(tell: Tell) -> None:
    logged()
    logged(fail=True)
    first = json.loads(tell("replay", "run.jsonl", "--json")[1])["runs"][0]["run"]
    code, out, _ = tell("gantt", "run.jsonl", "--run", first, "--at", "0", "--json")
    data = json.loads(out)
    assert (code, data["run"], data["at"], data["over"]) == (0, first, 0.0, False)
    assert tell("gantt", "run.jsonl")[0] == 1, "the last run has failed"


def test_the_plan_can_be_left_out(tell: Tell) -> None:
    logged()
    tell("gantt", "run.jsonl", "-o", "with.svg")
    tell("gantt", "run.jsonl", "-o", "without.svg", "--no-plan")
    told = [("planned (simulated)" in Path(name).read_text(encoding="utf-8")) for name in ("with.svg", "without.svg")]
    assert told == [True, False]


def test_a_damaged_log_is_bad_input_and_what_is_whole_of_it_is_drawn(tell: Tell) -> None:
    logged()
    lines = Path("run.jsonl").read_text(encoding="utf-8").splitlines()
    Path("run.jsonl").write_text("\n".join([*lines[:-1], "{broken", lines[-1]]), encoding="utf-8")
    code, out, err = tell("gantt", "run.jsonl")
    assert code == 2
    assert "2 of 2" in out
    assert err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("gantt",), "the following arguments are required: LOG"),
        (("gantt", "nowhere.jsonl"), "nowhere.jsonl cannot be read"),
        (("gantt", "run.jsonl", "-o", "run.png"), "'run.png' does not end with .svg"),
        (("gantt", "run.jsonl", "-o", "nowhere/run.svg"), "there is no folder"),
        (("gantt", "run.jsonl", "--at", "-2"), "--at -2 is no moment of a run"),
        (("gantt", "run.jsonl", "--run", "zzz"), "the log has no run 'zzz'"),
        (("simulate", "a.ipynb", "-j", "0"), "jobs"),
        (("simulate", "a.ipynb", "--policy", "best"), "best"),
        (("simulate", "a.ipynb", "nobody"), "nobody"),
        (("simulate", "a.ipynb", "-o", "a.txt"), "does not end with .svg"),
        (("simulate", "nowhere.ipynb"), "nowhere.ipynb"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_written(tell: Tell, words: tuple[str, ...], told: str) -> None:
    logged()
    notebook(*SOURCES)
    before = set(Path().iterdir())
    code, out, err = tell(*words)
    assert (code, out) == (2, "")
    assert told in err
    assert set(Path().iterdir()) == before


def test_a_notebook_is_simulated_and_not_run(tell: Tell) -> None:
    notebook(*SOURCES, "#| name: bomb\n#| cost: 1\n1 / 0")
    code, out, err = tell("simulate", "a.ipynb", "-j", "2", "-o", "plan.svg")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "schedule: 5.0 s with 2 workers, lower bound 5.0 s, 70% busy"
    assert lines[1].startswith("worker 1 |[load")
    assert "critical path: load → fit" in lines
    assert Path("plan.svg").exists()


def test_json_has_the_schedule_with_its_numbers(tell: Tell) -> None:
    notebook(*SOURCES)
    _, out, _ = tell("simulate", "a.ipynb", "-j", "1", "--policy", "fifo", "--levels", "--json")
    data = json.loads(out)
    told = {
        key: data[key] for key in ("success", "makespan", "lower_bound", "utilization", "jobs", "policy", "schedule")
    }
    assert told == {
        **{"success": True, "makespan": 6.0, "lower_bound": 6.0, "utilization": 1.0},
        **{"jobs": 1, "policy": "fifo", "schedule": "levels"},
    }
    assert data["slots"] == [
        {"node": node, "worker": 0, "start": start, "end": end, "attempt": 1, "status": "done"}
        for node, start, end in (("load", 0.0, 2.0), ("fit", 2.0, 5.0), ("plot", 5.0, 6.0))
    ]


def test_a_schedule_is_told_step_by_step_and_drawn(tell: Tell) -> None:
    notebook(*SOURCES, "#| name: bomb\n#| cost: 1\n1 / 0")
    code, out, err = tell("simulate", "a.ipynb", "-j", "1", "--steps", "-o", "plan.svg")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "Step by step: 4 nodes on 1 worker, critical-path: 5 steps"
    assert "load goes first: the longest way to the end begins with it (upward rank 5.0 s)" in out
    assert [line.split()[1] for line in lines if line[:1].isdigit()] == ["0", "2.0", "5.0", "6.0", "7.0"]
    assert Path("plan.svg").exists()


def test_json_has_the_steps_and_what_resources_there_are_counts(tell: Tell) -> None:
    notebook(*(f"#| name: n{i}\n#| cost: 2\n#| uses: gpu\nx{i} = 1" for i in range(2)))
    words = "simulate", "a.ipynb", "-j", "2", "--steps", "--json"
    data = json.loads(tell(*words)[1])
    assert (data["makespan"], [step["at"] for step in data["steps"]]) == (4.0, [0.0, 2.0, 4.0])
    first = data["steps"][0]
    assert first["begun"] == [{"node": "n0", "worker": 0}]
    assert first["running"] == [{"node": "n0", "worker": 0, "until": 2.0}]
    assert first["waiting"] == [{"node": "n1", "resource": "gpu", "held_by": ["n0"]}]
    assert data["steps"][-1]["ended"] == {"done": 2, "failed": 0, "skipped": 0}
    assert json.loads(tell(*words, "--resource", "gpu=2")[1])["makespan"] == 2.0


def test_only_some_nodes_are_simulated_when_they_are_named(tell: Tell) -> None:
    notebook(*SOURCES)
    assert json.loads(tell("simulate", "a.ipynb", "plot", "--json")[1])["makespan"] == 3.0


def test_a_command_definition_is_simulated(tell: Tell) -> None:
    agents = [
        {"id": "one", "estimatedTime": 60_000},
        {"id": "two", "estimatedTime": 120_000, "dependencies": ["one"]},
    ]
    phases = [{"name": "all", "parallel": True, "agents": agents}]
    Path("c.json").write_text(json.dumps({"name": "/c", "phases": phases}), encoding="utf-8")
    code, out, _ = tell("simulate", "c.json", "-j", "2")
    assert code == 0
    assert out.startswith("schedule: 3 min 00 s with 2 workers")
    assert "critical path: one → two" in out


def test_both_surfaces_know_the_same_options_beside_what_they_are_about() -> None:
    magic, cli = parse("gantt abc --log x.jsonl --at 2 --no-plan -o a.svg"), parse("gantt x.jsonl --run abc", "cli")
    assert (magic.run, magic.log, magic.at, magic.plan, magic.output) == ("abc", "x.jsonl", 2.0, False, "a.svg")
    assert (cli.run, cli.path, cli.at, cli.plan, cli.output) == ("abc", "x.jsonl", -1.0, True, None)


def changed(change: Callable[[float], float]) -> None:
    """Change each number with a point in the log of a run."""

    def walk(value: object) -> object:
        if isinstance(value, dict):
            return {key: walk(each) for key, each in value.items()}
        return change(value) if isinstance(value, float) else value

    logged()
    lines = Path("run.jsonl").read_text(encoding="utf-8").splitlines()
    told = [json.dumps(walk(json.loads(line))) for line in lines]
    Path("odd.jsonl").write_text("\n".join(told) + "\n", encoding="utf-8")


@pytest.mark.parametrize("change", [lambda number: -number - 1, lambda number: 1e308 if number else 0.0])
@pytest.mark.parametrize("command", ["gantt", "replay"])
def test_a_log_whose_times_cannot_be_is_shown_all_the_same(
    tell: Tell, command: str, change: Callable[[float], float]
) -> None:
    changed(change)
    code, out, _ = tell(command, "odd.jsonl")
    assert code in (0, 2)
    assert out.startswith("run ")


@pytest.mark.parametrize("name", ["a\0b.svg", "y" * 300 + ".svg"], ids=["nul", "long"])
def test_a_name_that_no_file_can_have_is_refused_in_one_line(tell: Tell, name: str) -> None:
    logged()
    code, out, err = tell("gantt", "run.jsonl", "-o", name)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "no file can have that name" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--faster", "fit=3"), "what if fit: 3 times as fast: 4.0 s in place of 6.0 s"),
        (("--cached", "load", "--workers", "2"), "what if workers: 2; load: cached: 3.0 s in place of 6.0 s"),
        (("--runs", "20"), "20 simulated runs with 1 worker, policy critical-path: mean "),
        (("--durations", "uniform:1:1"), "schedule: 6.0 s with 1 worker"),
    ],
)
def test_many_runs_and_what_would_be_different(tell: Tell, words: tuple[str, ...], told: str) -> None:
    notebook(*SOURCES)
    code, out, _ = tell("simulate", "a.ipynb", "-j", "1", *words, "-o", "plan.svg")
    assert code == 0
    assert told in out
    assert Path("plan.svg").read_text(encoding="utf-8").startswith("<svg")
    assert json.loads(tell("simulate", "a.ipynb", "-j", "1", *words, "--json")[1])["success"] is True


def test_policies_are_compared_on_several_numbers_of_workers(tell: Tell) -> None:
    notebook(*SOURCES)
    code, out, err = tell("simulate", "a.ipynb", "--compare", "--workers", "1,2", "-o", "policies.svg")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "11 policies for 3 nodes on 1, 2 workers"
    assert lines[1].split() == ["makespan", "1", "worker", "2", "workers"]
    assert "shortest of those that a run can follow, with 2 workers: critical-path, and 7 as short" in lines
    assert lines[-1] == "picture: policies.svg"
    assert Path("policies.svg").read_text(encoding="utf-8").startswith("<svg")


def test_compared_policies_are_one_json_object(tell: Tell) -> None:
    notebook(*SOURCES)
    code, out, _ = tell("simulate", "a.ipynb", "--compare", "--jobs", "2", "--json")
    told = json.loads(out)
    assert (code, told["success"], told["best"], told["makespan"], told["jobs"]) == (0, True, "critical-path", 5.0, 2)
    assert {row["label"]: row["makespan"] for row in told["compared"]}["optimum"] == 5.0
    assert all(row["proved"] == (row["makespan"] == 5.0) for row in told["compared"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--faster", "fit"), "is not NODE=F"),
        (("--faster", "fit=0"), "is not NODE=F"),
        (("--faster", "fitt=2"), "there is no node 'fitt'; did you mean 'fit'"),
        (("--lock", "db=2"), "no node uses 'db'"),
        (("--runs", "0"), "runs=0"),
        (("--runs", "5", "--cached", "fit"), "give one of them"),
        (("--steps", "--faster", "fit=2"), "knows no --faster"),
        (("--compare", "--runs", "5"), "knows no --runs"),
        (("--durations", "lognormal:x"), "durations 'lognormal:x' say nothing"),
        (("--durations", "gama:1"), "did you mean 'gamma'"),
        (("--durations", "gamma:-1"), "cv=-1.0 must be a number from"),
    ],
)
def test_what_a_simulation_cannot_be_asked_is_bad_input(tell: Tell, words: tuple[str, ...], told: str) -> None:
    notebook(*SOURCES)
    code, _, err = tell("simulate", "a.ipynb", *words)
    assert code == 2
    assert told in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--workers", "1,2"), "add it, or give --jobs"),
        (("--compare", "--workers", "1,0"), "workers: 0 cannot run anything"),
        (("--compare", "--workers", "1,two"), "'two' is not a whole number"),
    ],
)
def test_workers_that_cannot_be_compared_are_bad_input(tell: Tell, words: tuple[str, ...], told: str) -> None:
    notebook(*SOURCES)
    code, _, err = tell("simulate", "a.ipynb", *words)
    assert (code, told in err) == (2, True)
