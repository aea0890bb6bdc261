"""The law of going on: wherever a run ended, and however often, the values are those of one that nothing disturbed.

Nodes change their inputs in place, hand on what they were given, share parts of it, hide it from every pickler, and
make others. After each line of a run's journal it is as if its process had been killed there.
"""

from __future__ import annotations

import os
import random

import joblib
import numpy as np
import pytest

from tests.running.durable_worlds import World, canonical, cut, lines_of, scheduler
from tests.running.test_sharing_law import chain, graph, modelled

SEEDS = int(os.environ.get("ORCHESTRA_NB_SEEDS", "10"))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_wherever_a_run_ended_the_values_are_those_of_an_undisturbed_run(seed, tmp_path):
    undisturbed = World(seed)
    expected = canonical(scheduler(tmp_path, checkpoint="memory").execute(undisturbed.dag).values)
    first = scheduler(tmp_path / "whole").execute(World(seed).dag)
    assert first.success, first.errors
    assert canonical(first.values) == expected
    assert first.unsaved == ""
    lines = lines_of(tmp_path / "whole")
    chance = random.Random(seed)
    for line in range(1, lines + 1):
        place = tmp_path / f"after-{line}"
        run, _ = cut(tmp_path / "whole", place, line)
        expect_the_same(place, run, seed, expected)
        again = tmp_path / f"again-{line}"
        cut(place, again, chance.randint(line, lines_of(place)))
        expect_the_same(again, run, seed, expected)


def expect_the_same(place, run, seed, expected):
    world = World(seed)
    made = scheduler(place, jobs=random.Random(seed).choice((1, 2, 3)))
    plan = made.plan_resume(run, world.dag)
    assert world.ran == []
    result = made.resume_from_checkpoint(run, world.dag)
    assert result.success, result.errors
    assert canonical(result.values) == expected, f"seed {seed}, {place.name}: {plan}"
    assert not set(world.ran) & set(plan.taken), f"seed {seed}, {place.name}: what was committed ran again"
    assert set(plan.again) <= set(world.ran)
    assert len(world.ran) == len(set(world.ran))
    assert result.run_id == run


@pytest.mark.parametrize("seed", range(2 * SEEDS))
def test_what_came_out_otherwise_is_never_mixed_with_what_was_made_of_its_earlier_self(seed, tmp_path):
    scheduler(tmp_path / "whole").execute(World(seed, draws=True).dag)
    for line in range(1, lines_of(tmp_path / "whole") + 1):
        place, again = tmp_path / f"after-{line}", tmp_path / f"again-{line}"
        run, _ = cut(tmp_path / "whole", place, line)
        expect_one_history(place, run, World(seed, draws=True, start=500))
        cut(place, again, random.Random(line).randint(line, lines_of(place)))
        # It may come out as it did the last time, and what was left of the first time must still not count.
        expect_one_history(again, run, World(seed, draws=True, start=random.Random(line).choice((500, 900))))


def expect_one_history(place, run, world):
    """See that what each value says of its inputs, and they of those who changed them, is what these are."""
    result = scheduler(place).resume_from_checkpoint(run, world.dag)
    assert result.success
    values = {name: getattr(value, "value", value) for name, value in result.values.items()}
    made = {value["by"] for value in values.values()}
    for name, value in values.items():
        for by, log in value["of"]:
            assert by in made, f"{place.name}: {name} was made of a {by} that is no more"
            logs = [each["log"] for each in values.values() if each["by"] == by]
            assert any(each[: len(log)] == log for each in logs), f"{place.name}: {name} saw another {by}"
        for by in value["log"]:
            assert by in made, f"{place.name}: {name} was changed by a {by} that is no more"


@pytest.mark.parametrize("seed", range(max(4, SEEDS // 4)))
def test_in_every_mixture_of_threads_and_processes_the_values_are_those_of_the_model(seed, tmp_path):
    steps = list(chain(seed))
    expected = {f"n{step}": value for step, value in enumerate(modelled(steps))}
    with joblib.parallel_config(max_nbytes=1024):
        first = scheduler(tmp_path / "whole", backend="loky").execute(graph(steps))
        assert (first.success, first.unsaved) == (True, "")
        for line in random.Random(seed).sample(range(1, lines_of(tmp_path / "whole")), 4):
            run, _ = cut(tmp_path / "whole", tmp_path / str(line), line)
            result = scheduler(tmp_path / str(line), backend="loky").resume_from_checkpoint(run, graph(steps))
            assert result.success
            for name, value in result.values.items():
                assert np.array_equal(value, expected[name]), f"seed {seed}, line {line}: {name}"
