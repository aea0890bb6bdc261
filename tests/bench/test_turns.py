"""Rounds are whole, orders are shuffled by the seed alone, and what cannot be measured is refused with the nearest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.bench.turns import Setting, settings_of, turns_of
from orchestra_nb.errors import OrchestraError

SETTINGS = settings_of([1, 2, 3], ["threading", "loky"], ["eager"], ["fifo"])


@given(st.integers(1, 4), st.integers(0, 2), st.integers(0, 9), st.integers(1, 3))
def test_each_round_has_every_configuration_once(repeats, warmup, seed, graphs):
    names = [f"g{i}" for i in range(graphs)]
    turns = turns_of(names, SETTINGS, repeats, warmup, seed)
    assert [turn.number for turn in turns] == list(range(1, len(turns) + 1))
    assert [turn.round for turn in turns] == sorted(turn.round for turn in turns)
    for number in range(1 - warmup, repeats + 1):
        found = sorted((turn.graph, turn.setting) for turn in turns if turn.round == number)
        assert found == sorted((name, setting) for name in names for setting in SETTINGS)
        assert all(turn.warmup == (number < 1) for turn in turns if turn.round == number)
    assert turns == turns_of(names, SETTINGS, repeats, warmup, seed)


def test_no_configuration_always_comes_first():
    turns = turns_of(["g"], SETTINGS, 12, 0, seed=0)
    firsts = {turns[i].setting for i in range(0, len(turns), len(SETTINGS))}
    assert len(firsts) > 2


def test_every_combination_is_there():
    found = settings_of([1, 2], ["threading"], ["eager", "levels"], ["fifo", "random"])
    assert len(set(found)) == 8
    assert Setting(2, "threading", "levels", "random") in found


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"jobs": []}, "jobs=[] leaves nothing to measure"),
        ({"jobs": [0]}, "jobs=0 can run nothing"),
        ({"jobs": 2}, "jobs=2 must be a list, as jobs=[2]"),
        ({"jobs": [True]}, "jobs=True must be a whole number"),
        ({"jobs": [None]}, "jobs=None must be a whole number"),
        ({"jobs": [1, 1]}, "jobs: 1 is there twice"),
        ({"jobs": ["two"]}, "jobs='two' must be a whole number"),
        ({"backends": ["lokky"]}, "backends: joblib knows no backend 'lokky'; did you mean 'loky'?"),
        ({"backends": "loky"}, "backends='loky' must be a list, as backends=['loky']"),
        ({"backends": [3]}, "backends: 3 is no name"),
        ({"schedules": ["eagre"]}, "did you mean 'eager'?"),
        ({"policies": ["fifo", "critical"]}, "policy='critical' is not one of"),
        ({"policies": []}, "policies=[] leaves nothing"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(changes, message):
    given = {"jobs": [1], "backends": ["threading"], "schedules": ["eager"], "policies": ["fifo"]} | changes
    with pytest.raises(OrchestraError) as caught:
        settings_of(*given.values())
    assert message in str(caught.value)


def test_minus_one_is_all_cores(monkeypatch):
    monkeypatch.setattr("orchestra_nb.bench.turns.cores", lambda: 6)
    found = settings_of([-1, -2], ["threading"], ["eager"], ["fifo"])
    assert [setting.jobs for setting in found] == [6, 5]
    with pytest.raises(OrchestraError, match="6 is there twice"):
        settings_of([-1, 6], ["threading"], ["eager"], ["fifo"])


@pytest.mark.parametrize(("repeats", "warmup"), [(0, 1), (-1, 1), (1.5, 1), (True, 1), (1, -1)])
def test_fewer_than_one_repeat_is_refused(repeats, warmup):
    with pytest.raises(OrchestraError, match="must be a whole number from"):
        turns_of(["g"], SETTINGS, repeats, warmup, 0)


def test_a_backend_that_is_not_installed_is_refused_before_anything_runs(monkeypatch):
    monkeypatch.setattr("orchestra_nb.bench.turns.find_spec", lambda _: None)
    with pytest.raises(OrchestraError, match=r"'dask' is not installed; pip install 'orchestra_nb\[dask\]'"):
        settings_of([1], ["dask"], ["eager"], ["fifo"])
