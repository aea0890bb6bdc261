"""The sweep itself: on runs that cost nothing, and once on real ones."""

from __future__ import annotations

import math
import os
import sys

import nbformat
import pytest

from orchestra_nb import DAG, Node, Notebook, Pipeline, RunConfig, bench
from orchestra_nb.bench.measuring import remaining
from orchestra_nb.errors import ConfigError, DefinitionError, OrchestraError

from .timed_worlds import World, result


def amdahl(config: RunConfig) -> float:
    return 1.0 + 3.0 / config.jobs


def test_speed_up_efficiency_and_serial_fraction_are_those_of_the_times():
    world = World(amdahl)
    found = bench.sweep(world, [1, 2, 4], repeats=5, instruments=world.instruments)
    assert len(found.runs) == 18
    rows = {row.setting.jobs: row for row in found.summaries}
    assert {jobs: row.time.value for jobs, row in rows.items()} == {1: 4.0, 2: 2.5, 4: 1.75}
    assert rows[4].speedup == pytest.approx(4 / 1.75)
    assert rows[4].efficiency == pytest.approx(1 / 1.75)
    assert [rows[jobs].serial for jobs in (2, 4)] == pytest.approx([0.25, 0.25])
    assert rows[2].against.coverage == pytest.approx(0.968, abs=1e-3)
    assert rows[2].over_bound == 1.0
    assert (found.interrupted, found.failed, found.environment.cores >= 1) == (False, 0, True)


def test_runs_are_made_in_turns_and_nothing_of_them_is_kept():
    world = World(amdahl)
    mine = RunConfig(timeout=9.0, cache="here", log="run.jsonl", checkpoint="durable")
    policies = ["fifo", "random"]
    found = bench.sweep(world, [1, 2], policies=policies, repeats=2, config=mine, instruments=world.instruments)
    settings = [run.turn.setting for run in found.runs]
    assert [(c.jobs, c.policy) for c in world.configs] == [(how.jobs, how.policy) for how in settings]
    kept = {(c.cache, c.history, c.log, c.checkpoint, c.timeout) for c in world.configs}
    assert kept == {(False, False, None, "memory", 9.0)}
    first = found.runs[0]
    assert (first.wall, first.load_before, first.turn.warmup) == (first.seconds + 0.5, 0.25, True)
    assert [run.at for run in found.runs] == sorted(run.at for run in found.runs)


def test_a_run_that_fails_is_a_row_and_is_left_out_of_the_numbers():
    world = World(amdahl, failing=[4, 5])
    found = bench.sweep(world, [1, 2], repeats=3, instruments=world.instruments)
    assert len(found.runs) == 8
    assert found.failed == sum(row.failed for row in found.summaries) == 2
    assert sum(row.time.n for row in found.summaries) == 4
    assert any(note.startswith("2 of 6 runs failed and are left out: node 'fit' failed") for note in found.notes)


def test_a_run_that_raises_is_a_row_too():
    def fall(config: RunConfig) -> object:
        raise OSError("no\nway")

    found = bench.sweep(fall, [1], repeats=2)
    assert [run.error for run in found.runs] == ["no way"] * 3
    assert found.summaries[0].time.n == 0
    assert math.isnan(found.summaries[0].speedup)


def test_an_interrupt_keeps_what_was_measured_in_the_error_and_in_the_file(tmp_path):
    world = World(amdahl)

    def target(config: RunConfig) -> object:
        if len(world.configs) == 5:
            raise KeyboardInterrupt
        return world(config)

    path = tmp_path / "results.jsonl"
    with pytest.raises(KeyboardInterrupt) as caught:
        bench.sweep(target, [1, 2], file=path, name="mine", instruments=world.instruments)
    kept = caught.value.sweep
    assert (len(kept.runs), kept.planned, kept.interrupted) == (5, 12, True)
    assert "5 of 12 runs" in str(caught.value)
    assert kept.notes[0] == "it was interrupted: 5 of 12 runs were made"
    (again,) = bench.load(path)
    assert again == kept


def test_a_run_that_says_it_was_interrupted_ends_the_sweep():
    with pytest.raises(bench.SweepInterrupted):
        bench.sweep(lambda config: result(1.0, config, stopped="interrupted"), [1])


def test_who_follows_is_told_which_run_comes_and_how_long_the_others_will_take():
    world, told = World(lambda config: 3.5 if config.jobs == 1 else 1.5), []
    bench.sweep(world, [1, 2], repeats=2, name="g", follow=told.append, instruments=world.instruments)
    assert [next_.turn.number for next_ in told] == [1, 2, 3, 4, 5, 6]
    assert math.isnan(told[0].eta)
    assert [next_.eta for next_ in told[2:]] == [12.0, *[12.0 - next_.elapsed + told[2].elapsed for next_ in told[3:]]]
    assert str(told[0]).startswith("warm-up run 1 of 6: g, ")
    assert math.isnan(remaining([], []))


def test_several_graphs_are_measured_each_and_have_a_mean_together():
    graphs = {name: DAG([Node("a", fn=int), Node("b", fn=int)]) for name in ("one", "two")}
    found = bench.sweep(graphs, [1, 2], repeats=2)
    assert found.name == "one, two"
    assert {row.graph for row in found.summaries} == {"one", "two"}
    assert "over 2 graphs" in found._repr_mimebundle_()["text/plain"]


def test_a_real_sweep_of_nodes_runs_them_every_time_also_those_that_are_cached():
    ran = []
    nodes = [Node("load", fn=lambda: ran.append(1), cache=True), Node("fit", fn=lambda load: load)]
    found = bench.sweep(nodes, [1, 2], schedules=["eager", "levels"], repeats=2)
    assert len(ran) == len(found.runs) == 12
    assert all(run.ok and run.nodes == 2 and 0 < run.bound <= run.seconds <= run.wall for run in found.runs)


def test_a_pipeline_brings_its_own_config_and_agents():
    definition = {"name": "/hello", "phases": [{"name": "Greet", "agents": [{"id": "greet"}]}]}
    pipeline = Pipeline(definition, RunConfig(timeout=50.0), agents=lambda node, context: "hello")
    found = bench.sweep(pipeline, [1], repeats=1)
    assert (found.name, found.failed) == ("/hello", 0)
    assert bench.sweep(definition, [1], repeats=1, agents=lambda node, context: "hello").failed == 0


@pytest.mark.parametrize(
    ("target", "given", "kind", "message"),
    [
        (42, {}, ConfigError, "cannot measure int; give a DAG"),
        ([], {}, ConfigError, "cannot measure list"),
        (int, {}, ConfigError, "cannot measure type"),
        ({"a": 1}, {}, DefinitionError, ""),
        ("no-such.ipynb", {}, DefinitionError, "no-such.ipynb"),
        (len, {"config": 3}, ConfigError, "config must be a RunConfig"),
        (len, {"confidence": 1}, ConfigError, "confidence=1"),
        (len, {"repeats": 0}, ConfigError, "repeats=0"),
        (len, {"agents": len}, ConfigError, "agents= and context= are for graphs"),
        (len, {"file": "no-such-folder/a.jsonl"}, ConfigError, "there is no folder"),
        (lambda config: 1, {}, ConfigError, "gave int, and no RunResult"),
        ({"name": "/x", "phases": [{"name": "P", "agents": [{"id": "a"}]}]}, {}, OrchestraError, "agent"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(target, given, kind, message):
    with pytest.raises(kind) as caught:
        bench.sweep(target, [1], **given)
    assert message in str(caught.value)


def test_a_faulty_notebook_is_refused_before_a_kernel_starts(tmp_path):
    path = tmp_path / "faulty.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("a = (")]), path)
    for target in (path, str(path), Notebook.read(path)):
        with pytest.raises(DefinitionError, match="cell 1"):
            bench.sweep(target, [1])


def test_a_notebook_is_measured_in_a_kernel_of_its_own(tmp_path):
    path = tmp_path / "small.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source in ("n = 1", "m = 3")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    found = bench.sweep(path, [2], repeats=1, warmup=0)
    assert (found.name, found.failed) == ("small.ipynb", 0)
    assert found.runs[0].nodes == 2
    assert found.runs[0].wall > found.runs[0].seconds


def test_a_disk_that_is_full_costs_the_file_and_not_the_sweep(tmp_path, monkeypatch):
    path, world = tmp_path / "results.jsonl", World(amdahl)

    def full(self, sweep_id, run):
        raise ConfigError("results.jsonl cannot be written: No space left on device")

    monkeypatch.setattr("orchestra_nb.bench.files.ResultsFile.add", full)
    with pytest.warns(UserWarning, match="the sweep goes on"):
        found = bench.sweep(world, [1], repeats=3, file=path, instruments=world.instruments)
    assert len(found.runs) == 4


def later(then):
    """What is measured: fine at first, and then something else."""
    again = []

    def run(config):
        again.append(config)
        return then() if len(again) > 1 else Pipeline([Node("a", fn=lambda: 1)], config).run()

    return run


@pytest.mark.parametrize(
    ("then", "told"), [(lambda: None, "gave NoneType, and no RunResult"), (lambda: sys.exit("bye"), "bye")]
)
def test_what_goes_wrong_later_costs_nothing_of_what_was_measured(then, told):
    found = bench.sweep(later(then), jobs=[1], repeats=3, warmup=0)
    assert [run.ok for run in found.runs] == [True, False, False]
    assert told in found.runs[1].error


def test_a_target_that_goes_to_another_folder_leaves_the_file_where_it_is(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)

    def away(config):
        os.chdir(tmp_path / "other")
        return Pipeline([Node("a", fn=lambda: 1)], config).run()

    bench.sweep(away, jobs=[1], repeats=2, warmup=0, file="results.jsonl")
    assert [len(each.runs) for each in bench.load(tmp_path / "results.jsonl")] == [2]
    assert not list((tmp_path / "other").iterdir())


@pytest.mark.parametrize("odd", [{"seed": []}, {"seed": "x"}, {"seed": None}, {"follow": "x"}])
def test_what_cannot_be_meant_of_a_sweep_is_refused_first(odd):
    with pytest.raises(ConfigError, match="must be a"):
        bench.sweep(later(lambda: None), jobs=[1], repeats=1, **odd)
