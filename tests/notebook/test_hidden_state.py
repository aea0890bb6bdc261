"""Hidden state as content: the same where nothing was set, another where something was."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestra_nb.context.content import content_digest
from orchestra_nb.notebook.hidden_state import READERS, open_figures, random_state, set_random_state

from .cached_cells import global_random_states_kept


@pytest.fixture(autouse=True)
def _as_it_was() -> Any:
    with global_random_states_kept():
        yield


def test_options_that_were_not_set_are_none():
    assert READERS["options"]()["pandas"] == READERS["options"]()["numpy"] == {}


def test_options_are_found_under_the_names_that_pandas_and_numpy_give_them():
    pd.set_option("display.max_rows", 7)
    np.set_printoptions(precision=3)
    np.seterr(divide="ignore")
    found = READERS["options"]()
    assert found["pandas"] == {"display.max_rows": 7}
    assert found["numpy"] == {"precision": 3, "divide": "ignore"}


def test_what_is_drawn_with_counts_and_not_where():
    import matplotlib as mpl

    before = content_digest(READERS["matplotlib"]())
    with mpl.rc_context({"lines.linewidth": 7}):
        assert READERS["matplotlib"]()["lines.linewidth"] == "7.0"
    with mpl.rc_context({"interactive": not mpl.rcParams["interactive"]}):
        assert content_digest(READERS["matplotlib"]()) == before


def test_open_figures_are_numbered():
    from matplotlib import pyplot as plt

    plt.close("all")
    assert open_figures() == []
    plt.figure(3)
    assert open_figures() == [3]
    plt.close("all")


@pytest.mark.parametrize(
    ("name", "counts"),
    [("DATA", True), ("STYLE", True), ("TERMINAL_SPEED", True), ("TERM", False), ("JPY_PARENT_PID", False)],
)
def test_the_environment_leaves_out_what_each_kernel_has(name: str, counts: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(name, raising=False)
    before = READERS["env"]()
    monkeypatch.setenv(name, "x")
    assert (READERS["env"]() != before) is counts


def test_the_folder_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    before = READERS["cwd"]()
    monkeypatch.chdir(tmp_path)
    assert READERS["cwd"]() == str(tmp_path) != before


@pytest.mark.parametrize("key", ["random", "numpy.random"])
def test_a_random_state_is_put_back(key: str):
    draw = random.random if key == "random" else np.random.rand
    before = random_state(key)
    drawn = [draw() for _ in range(3)]
    set_random_state(key, before)
    assert [draw() for _ in range(3)] == drawn
    assert content_digest(before) != content_digest(random_state(key))
