"""What a session answers about its last run: each answer a value with a frame, each bad question refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestra_nb.errors import CommandError, ConfigError
from orchestra_nb.notebook.looking_back import NOTHING_RAN
from orchestra_nb.resources.statistics import ResourceStats

Cell = Callable[..., Any]
LOAD = "%%orchestrate load --uses gpu --cache true\nimport time\ntime.sleep(0.002)\nx = 1"
TRAIN = "%%orchestrate train --after load --uses gpu,db\nimport time\ntime.sleep(0.002)\ny = x"
ODD = "<img src=x onerror=alert(1)>"


@pytest.fixture
def ran(cell: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cell:
    """Two cells that have run."""
    monkeypatch.setenv("ORCHESTRA_NB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ORCHESTRA_NB_HISTORY", str(tmp_path / "history"))
    cell(LOAD)
    cell(TRAIN)
    cell("%orchestrate run -j 2")
    return cell


@pytest.mark.parametrize("command", ["locks", "events", "cache", "history", "error"])
def test_before_a_run_there_is_an_answer_with_a_frame(cell: Cell, command: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("ORCHESTRA_NB_HISTORY", "")
    answer = cell(f"%orchestrate {command}").result
    assert str(answer)
    assert len(answer.frame.columns) >= 1
    if command in ("locks", "events"):
        assert (str(answer), len(answer.frame)) == (NOTHING_RAN, 0)


def test_locks_are_those_of_the_last_run(ran: Cell) -> None:
    answer = ran("%orchestrate locks").result
    assert isinstance(answer, ResourceStats)
    frame = answer.frame.set_index("resource")
    assert frame["granted"].to_dict() == {"gpu": 2, "db": 1}
    assert frame["used"].tolist() == [0.0, 0.0]
    only = ran("%orchestrate locks db").result
    assert only.frame["resource"].tolist() == ["db"]


def test_a_cell_sees_who_holds_what_while_it_runs(cell: Cell, shell: Any) -> None:
    cell("%%orchestrate look --uses gpu\nseen = get_ipython().run_line_magic('orchestrate', 'locks')")
    cell("%orchestrate run")
    assert shell.user_ns["seen"].frame["holders"].tolist() == ["look 1"]


def test_a_run_that_uses_nothing_says_how_that_is_said(cell: Cell) -> None:
    cell("%%orchestrate load\nx = 1")
    cell("%orchestrate run")
    answer = cell("%orchestrate locks").result
    assert "uses: gpu" in str(answer)
    assert "resource" in answer.frame.columns


def test_events_are_those_of_nodes_and_what_was_heard_beside(ran: Cell, shell: Any) -> None:
    answer = ran("%orchestrate events").result
    frame = answer.frame
    names = frame["name"].tolist()
    assert (names[0], names[-1]) == ("execution:run-started", "execution:run-ended")
    assert names.count("execution:node-ended") == 2
    assert names.count("resource:lock-granted") == 2
    assert frame["at"].is_monotonic_increasing
    granted = frame[frame["name"] == "resource:lock-granted"].set_index("about")["at"]
    nodes = ran("%orchestrate status").result.frame.set_index("node")
    assert granted["load"] <= nodes.loc["load", "ended"]
    assert granted["train"] >= nodes.loc["load", "started"]
    assert frame["when"].notna().all()
    assert "run" in answer.plain.splitlines()[0]


def test_events_can_be_chosen_by_name_and_number(ran: Cell) -> None:
    some = ran("%orchestrate events 'execution:node-*' --last 2").result
    assert len(some.frame) == 2
    assert set(some.frame["name"]) <= {"execution:node-started", "execution:node-ended", "execution:node-queued"}
    assert "the last 2" in some.plain
    assert ran("%orchestrate events 'cache:*'").result.frame.dtypes.to_dict() == some.frame.dtypes.to_dict()


def test_a_cell_sees_what_was_heard_while_it_runs(cell: Cell, shell: Any) -> None:
    cell("%%orchestrate look --uses gpu\nseen = get_ipython().run_line_magic('orchestrate', 'events resource:*')")
    cell("%orchestrate run")
    assert shell.user_ns["seen"].frame["name"].tolist()[-1] == "resource:lock-granted"
    assert "the run that goes on" in shell.user_ns["seen"].plain


def test_a_retry_is_heard(cell: Cell) -> None:
    cell("%%orchestrate shaky --retry 3\n1 / 0")
    cell("%orchestrate run -j 1", fails=True)
    frame = cell("%orchestrate events execution:node-retrying").result.frame
    assert frame["about"].unique().tolist() == ["shaky"]


def test_circuits_are_heard_with_the_time_of_the_run(cell: Cell) -> None:
    cell("%%orchestrate a\n#| breaker: {name: api, threshold: 1}\n1 / 0")
    cell("%orchestrate run", fails=True)
    frame = cell("%orchestrate events 'recovery:*'").result.frame
    assert frame["about"].tolist() == ["api"]
    assert 0.0 <= frame["at"][0] <= cell("%orchestrate status").result.total_time


def test_what_is_kept_of_results_and_what_was_found_of_it(ran: Cell) -> None:
    first = ran("%orchestrate cache").result
    ran("%orchestrate run -j 2")
    second = ran("%orchestrate cache").result
    assert first.frame.loc[0, ["results", "found", "in_vain"]].tolist() == [1, 0, 1]
    assert second.frame.loc[0, ["results", "found", "in_vain"]].tolist() == [1, 1, 0]
    assert second.frame.loc[0, "bytes"] > 0
    assert "last run: 1 of 1 results found" in second.plain
    cleared = ran("%orchestrate cache --clear").result
    assert cleared.plain.startswith("forgotten: 1 result")
    assert cleared.frame.loc[0, "results"] == 0


def test_history_is_of_the_session_or_of_a_file(ran: Cell, tmp_path: Path) -> None:
    ran("%orchestrate run --no-cache")
    frame = ran("%orchestrate history").result.frame
    assert frame["node"].tolist() == ["load", "load", "train", "train"]
    assert frame["ago"].tolist() == [1, 2, 1, 2]
    assert (frame["seconds"] > 0.001).all()
    assert ran("%orchestrate history train").result.frame["node"].unique().tolist() == ["train"]


@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        ("locks gpx", CommandError, "no resource 'gpx'; did you mean 'gpu'"),
        ("history trian", CommandError, "no node 'trian'; did you mean 'train'"),
        ("events rsource:*", ConfigError, "did you mean 'resource'"),
        ("events resource:lock-grantd", ConfigError, "no event has a name such as"),
        ("events --last 0", CommandError, "--last 0 shows nothing"),
        ("events --last -3", CommandError, "--last -3 shows nothing"),
        ("events --last many", CommandError, "'many' is not a whole number"),
        ("cache --clera", CommandError, "did you mean '--clear'"),
        ("cache away", CommandError, "'away' is one word too many"),
        ("error now", CommandError, "one word too many"),
        ("export", CommandError, "name one file to write to"),
        ("export a.svg b.svg", CommandError, "one word too many"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_can(ran: Cell, line: str, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        ran(f"%orchestrate {line}")


@pytest.mark.parametrize("command", ["locks", "events", "cache", "history", "status"])
def test_no_name_is_html(cell: Cell, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRA_NB_CACHE", str(tmp_path / ODD.replace("/", "")))
    cell(f"%%orchestrate\n# %% '{ODD}' uses='<b>' cache=true\nimport time\ntime.sleep(0.001)\nx = 1")
    markup = cell(f"%orchestrate {command}").result._repr_mimebundle_()["text/html"]
    assert "<img src=x" not in markup
    assert "<b>" not in markup
