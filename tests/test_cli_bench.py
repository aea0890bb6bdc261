"""``orchestra bench`` and ``orchestra bench compare``: what is measured, what is said, and with which code it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from orchestra_nb import RunConfig, bench
from orchestra_nb.bench import Setting
from orchestra_nb.cli import main

from .bench.timed_worlds import result, sweep_of

Tell = Callable[..., tuple[int, str, str]]
AGENTS = [{"id": f"a{i}", "estimated_duration": 0.1} for i in range(2)]
DEFINITION = {"name": "/two", "phases": [{"name": "P", "parallel": True, "agents": AGENTS}]}


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tell:
    """Run a command line in a folder with a definition and a notebook whose runs cost nothing."""
    monkeypatch.chdir(tmp_path)
    Path("two.json").write_text(json.dumps(DEFINITION))
    cells = [nbformat.v4.new_code_cell(source) for source in ("x = 1", "#| name: y\nz = x")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), "a.ipynb")

    def run_file(notebook: Any, config: RunConfig, *, targets: tuple[str, ...]) -> Any:
        assert config.jobs is not None
        return SimpleNamespace(run=result(4.0 / config.jobs, config, failed="y" in targets))

    monkeypatch.setattr("orchestra_nb.notebook.benching.run_file", run_file)

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def test_a_notebook_is_measured_with_progress_a_table_and_a_file(tell: Tell) -> None:
    line = ("bench", "a.ipynb", "-j", "1,2", "--repeats", "3", "-o", "r.jsonl", "--plot", "f.svg")
    code, out, err = tell(*line)
    assert code == 0
    first, heading, one, two, *_ = out.splitlines()
    assert first == "a.ipynb: 8 runs of 2 configurations, threading, eager, critical-path"
    assert heading.split()[:3] == ["jobs", "time", "speed-up"]
    assert (one.split()[1:3], two.split()[1:3]) == (["4.00", "s"], ["2.00", "s"])
    assert out.splitlines()[-2:] == ["results: r.jsonl", "figure: f.svg"]
    assert err.splitlines()[0].startswith("warm-up run 1 of 8: a.ipynb, ")
    assert "left" in err.splitlines()[-1]
    assert Path("f.svg").read_text().lstrip().startswith("<?xml")
    assert len(bench.load("r.jsonl")[0].runs) == 8


def test_the_second_time_it_says_how_it_compares_with_the_first(tell: Tell) -> None:
    line = ("bench", "a.ipynb", "-j", "1", "-o", "r.jsonl", "--repeats", "4")
    assert "before" not in tell(*line)[1]
    code, out, _ = tell(*line)
    assert code == 0
    assert "a.ipynb: 1 job, threading, eager, critical-path: no difference that this noise could show" in out
    code, out, _ = tell("bench", "compare", "r.jsonl")
    assert (code, out.splitlines()[1].split()) == (0, ["jobs", "before", "after", "what", "follows"])


def test_as_json_it_is_one_object_without_a_number_that_json_lacks(tell: Tell) -> None:
    code, out, err = tell("bench", "two.json", "--simulate", "-j", "2", "--repeats", "1", "-o", "r.jsonl", "--json")
    told = json.loads(out, parse_constant=pytest.fail)
    assert (code, err, told["success"], told["comparison"]) == (0, "", True, None)
    assert [run["round"] for run in told["runs"]] == [0, 1]
    assert (told["summary"][0]["jobs"], told["summary"][0]["speedup"]) == (2, None)
    tell("bench", "two.json", "--simulate", "-j", "2", "--repeats", "1", "-o", "r.jsonl")
    told = json.loads(tell("bench", "compare", "r.jsonl", "--json")[1], parse_constant=pytest.fail)
    assert told["rows"][0]["verdict"] == "nothing could be shown"


def test_agents_are_shared_out_as_jobs_say(tell: Tell) -> None:
    code, out, _ = tell("bench", "two.json", "--simulate", "0.2", "-j", "1,2", "--repeats", "2")
    rows = {line.split()[0]: line.split() for line in out.splitlines()[2:4]}
    assert code == 0
    assert float(rows["2"][rows["2"].index("s" if "s" in rows["2"] else "ms") - 1]) > 0
    assert out.splitlines()[-1] == "a rehearsal: times are 0.2 of what agents are expected to take"


def test_a_run_that_fails_ends_with_code_1_and_is_told(tell: Tell) -> None:
    code, out, _ = tell("bench", "a.ipynb", "y", "-j", "1", "--repeats", "2", "--plot", "f.svg")
    assert (code, "2 of 2 runs failed and are left out" in out) == (1, True)
    assert not Path("f.svg").exists()
    told = json.loads(tell("bench", "a.ipynb", "y", "-j", "1", "--repeats", "2", "--json")[1])
    assert told["errors"][0]["message"].startswith("3 runs failed: node 'fit' failed")


def test_ctrl_c_shows_what_was_measured(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    left = iter(range(3))

    def run_file(notebook: Any, config: RunConfig, *, targets: tuple[str, ...]) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return SimpleNamespace(run=result(1.0, config))

    monkeypatch.setattr("orchestra_nb.notebook.benching.run_file", run_file)
    code, out, _ = tell("bench", "a.ipynb", "-j", "1,2", "-o", "r.jsonl")
    assert (code, "it was interrupted: 3 of 12 runs were made" in out) == (130, True)
    assert len(bench.load("r.jsonl")[0].runs) == 3


def test_what_became_slower_ends_a_comparison_with_code_1(tell: Tell) -> None:
    sweep_of({Setting(2): [1.0, 1.01, 1.02, 1.03]}).save("before.jsonl")
    sweep_of({Setting(2): [1.5, 1.51, 1.52, 1.53]}).save("after.jsonl")
    code, out, _ = tell("bench", "compare", "before.jsonl", "--with", "after.jsonl")
    assert (code, "slower by 49 % (46 to 53)" in out) == (1, True)
    assert tell("bench", "compare", "after.jsonl", "--with", "before.jsonl")[0] == 0


def test_a_damaged_line_is_a_warning(tell: Tell) -> None:
    sweep_of({Setting(2): [1.0, 1.0]}).save("r.jsonl")
    with open("r.jsonl", "a") as file:
        file.write("{\n")
    code, _, err = tell("bench", "compare", "r.jsonl", "--with", "r.jsonl")
    assert (code, err.count("warning: r.jsonl, line 4: this line is left out: it is no JSON")) == (0, 2)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("bench a.ipynb -j 0", "jobs=0 can run nothing"),
        ("bench a.ipynb -j 1,,2", "'' is not a whole number"),
        ("bench a.ipynb --policy ,fifo", "',fifo' is not a list of words"),
        ("bench a.ipynb --policy fifto", "did you mean 'fifo'?"),
        ("bench a.ipynb --backend lokky", "did you mean 'loky'?"),
        ("bench a.ipynb --schedule eagre", "did you mean 'eager'?"),
        ("bench a.ipynb --repeats 0", "repeats=0 must be a whole number from 1"),
        ("bench a.ipynb -o a.ipynb", "a.ipynb is no file of bench results"),
        ("bench a.ipynb -o no/r.jsonl", "there is no folder"),
        ("bench a.ipynb --plot f.doc", "give a name that ends with .svg, .pdf or .png"),
        ("bench a.ipynb z", "z"),
        ("bench a.ipynb --simulate", "--agents and --simulate are for command definitions"),
        ("bench two.json", "nobody does the work of its agents"),
        ("bench no.ipynb", "no.ipynb"),
        ("bench compare two.json", "two.json is no file of bench results"),
        ("bench compare none.jsonl", "cannot be read"),
        ("bench compare", "the following arguments are required: FILE"),
        ("bench compare a b", "'b' is one word too many"),
    ],
)
def test_bad_input_ends_with_code_2_before_anything_runs(
    tell: Tell, monkeypatch: pytest.MonkeyPatch, line: str, message: str
) -> None:
    monkeypatch.setattr("orchestra_nb.notebook.benching.run_file", lambda *_, **__: pytest.fail("it ran"))
    code, out, err = tell(*line.split())
    assert (code, out) == (2, "")
    assert message in err
