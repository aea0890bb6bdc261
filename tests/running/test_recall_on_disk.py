"""Results that outlive their process: where they are kept, who writes them, and what does not bring them back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cloudpickle
import pytest

from orchestra_nb import task
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import ConfigError, OrchestraError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.running.scheduler import ParallelScheduler

cloudpickle.register_pickle_by_value(sys.modules[__name__])
numpy = pytest.importorskip("numpy")


def squares(n):
    return numpy.arange(n) ** 2


def run(folder, *nodes, context=None, **config):
    made = ParallelScheduler(RunConfig(**{"jobs": 2, "history": False, "cache": str(folder), **config}))
    return made.execute(DAG(nodes or [Node("squares", fn=squares, cache=True)]), context or {"n": 100_000})


def statuses(result):
    return [outcome.status for outcome in result.outcomes.values()]


@pytest.mark.parametrize(
    "config", [{"jobs": 1}, {}, {"backend": "loky"}, {"backend": "dask"}], ids=["in turn", "threads", "loky", "dask"]
)
def test_what_one_place_has_made_every_other_one_finds(config, tmp_path):
    if config.get("backend") == "dask":
        pytest.importorskip("distributed")
    first = run(tmp_path, **config)
    assert (statuses(first), first.outcomes["squares"].reason) == (["done"], "")
    for other in ({"jobs": 1}, {}, {"backend": "loky"}):
        again = run(tmp_path, **other)
        assert statuses(again) == ["cached"]
        numpy.testing.assert_array_equal(again.values["squares"], first.values["squares"])
        again.values["squares"][:] = 0  # a copy, that may be written to


def write(path):
    with open(path, "a") as file:
        file.write("more")
    return str(path)


@pytest.mark.parametrize("config", [{"jobs": 1}, {}, {"backend": "loky"}], ids=["in turn", "threads", "loky"])
@pytest.mark.parametrize("before", ["some", None])
def test_what_a_function_writes_into_a_file_that_an_input_names_is_written_in_every_run(before, config, tmp_path):
    path = tmp_path / "log"
    if before is not None:
        path.write_text(before)
    for times in (1, 2, 3):
        result = run(tmp_path / "cache", Node("write", fn=write, cache=True), context={"path": str(path)}, **config)
        assert statuses(result) == ["done"]
        assert f"the file {str(path)!r} changed while it ran" in result.outcomes["write"].reason
        assert path.read_text() == (before or "") + "more" * times


SCRIPT = """
import sys
from orchestra_nb import DAG, Node, ParallelScheduler, RunConfig

def letters(words):
    return {word: {*word} for word in words}

result = ParallelScheduler(RunConfig(jobs=2, history=False, cache=sys.argv[1])).execute(
    DAG([Node("letters", fn=letters, cache=True)]), {"words": {"b", "a", "notebook"}}
)
print(result.outcomes["letters"].status, sorted(result.values["letters"]["notebook"]))
"""


def test_another_process_with_another_order_of_sets_finds_it(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    told = []
    for seed in ("1", "2"):
        command = [sys.executable, str(script), str(tmp_path / "cache")]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": seed})
        assert done.returncode == 0, done.stderr
        told.append(done.stdout.strip())
    letters = ["b", "e", "k", "n", "o", "t"]
    assert told == [f"done {letters}", f"cached {letters}"]


def test_what_is_damaged_is_made_again(tmp_path):
    run(tmp_path)
    (blob,) = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size >= 800_000]
    with blob.open("r+b") as file:
        file.seek(400_000)
        file.write(b"damage!")
    again = run(tmp_path)
    assert statuses(again) == ["done"]
    numpy.testing.assert_array_equal(again.values["squares"], squares(100_000))
    assert statuses(run(tmp_path)) == ["cached"]


def test_a_result_whose_time_is_up_is_made_again(tmp_path):
    calls = []

    def body():
        calls.append(1)
        return 1

    for _ in range(2):
        run(tmp_path, Node("a", fn=body, cache=1e-6))
    assert len(calls) == 2


def test_what_a_function_of_another_module_does_counts(tmp_path, monkeypatch):
    """A module of the user's has no version: its files count."""
    module = tmp_path / "prices.py"
    monkeypatch.syspath_prepend(str(tmp_path))
    found = []
    for price in (2, 3, 2):
        module.write_text(f"def price():\n    return {price}\n")
        os.utime(module, ns=(price * 10**15, price * 10**15))
        monkeypatch.delitem(sys.modules, "prices", raising=False)
        import prices

        body = Node("total", fn=lambda n, price=prices.price: n * price(), cache=True)
        result = run(tmp_path / "cache", body, context={"n": 10})
        found.append((result.values["total"], *statuses(result)))
    assert found == [(20, "done"), (30, "done"), (20, "cached")]


def test_the_decorator_says_it_too(tmp_path):
    @task(cache=True)
    def one():
        return 1

    made = ParallelScheduler(RunConfig(jobs=2, history=False, cache=str(tmp_path)))
    assert [statuses(made.execute(DAG([one.node]))) for _ in range(2)] == [["done"], ["cached"]]


@pytest.mark.parametrize("cache", ["", 1, None, Path("x")])
def test_a_place_that_cannot_be_meant_is_an_error(cache):
    with pytest.raises(ConfigError, match=r"cache=.* must be True, False or the name of a folder"):
        RunConfig(cache=cache)


def test_a_folder_that_cannot_be_used_is_said_before_anything_runs(tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("a file")
    begun = []
    with pytest.raises(OrchestraError, match="taken"):
        run(taken, Node("a", fn=lambda: begun.append(1), cache=True))
    assert not begun
    assert statuses(run(taken, Node("a", fn=lambda: 1))) == ["done"]  # nobody asks for it


@pytest.mark.parametrize("config", [{"cache": False}, {"cache": True}], ids=["the config", "the environment"])
def test_nothing_is_kept_where_that_is_said(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORCHESTRA_NB_CACHE", "")
    for _ in range(2):
        assert statuses(run("", **config)) == ["done"]
    assert not [*tmp_path.iterdir()]


def test_the_working_directory_has_the_folder_unless_the_environment_names_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ORCHESTRA_NB_CACHE")
    run("", cache=True)
    assert (tmp_path / ".cache" / "orchestration").stat().st_mode & 0o077 == 0
    monkeypatch.setenv("ORCHESTRA_NB_CACHE", str(tmp_path / "elsewhere"))
    run("", cache=True)
    assert (tmp_path / "elsewhere").is_dir()
