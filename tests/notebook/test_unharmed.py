"""Whatever of the display breaks, the run has its result, and the log says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.notebook.session import Session
from orchestra_nb.notebook.unharmed import unharmed

NO_HISTORY = RunConfig(history=False, cache=False, jobs=2)


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("the display is broken")


@pytest.fixture
def session(shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.chdir(tmp_path)
    made = Session(shell, lambda: NO_HISTORY)
    made.graphs.declare("first", "a = 1\nprint('said')")
    made.graphs.declare("second", "b = a + 1\nb")
    return made


@pytest.mark.parametrize(
    "place",
    [
        "orchestra_nb.notebook.live.picture_html",
        "orchestra_nb.notebook.live.line_and_bar",
        "orchestra_nb.notebook.placing.run_bundle",
        "orchestra_nb.notebook.publishing._to_be_seen",
        "orchestra_nb.notebook.placing.show_updates",
        "orchestra_nb.notebook.attended.AttendedDashboard.where_it_can_be",
        "orchestra_nb.display.live.watching.Watching.snapshot",
        "orchestra_nb.display.dashboard.twin.panels_of",
        "orchestra_nb.display.dashboard.twin.graph_versions",
    ],
)
@pytest.mark.parametrize("beside", [False, True])
def test_a_display_that_raises_costs_a_line_in_the_log_and_not_the_result(
    session: Session,
    place: str,
    beside: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(place, broken)
    dag = session.graphs.dag()
    run = session.start(dag, NO_HISTORY).wait(60) if beside else session.run(dag, NO_HISTORY)
    assert run.success
    assert session.shell.user_ns["b"] == 2
    assert session.result is not None
    assert "could not be shown; the run is as it is" in caplog.text
    assert "the display is broken" in caplog.text
    caplog.clear()
    capsys.readouterr()


def test_a_front_end_that_is_gone_costs_no_result(
    session: Session, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session.shell.display_pub, "publish", broken)
    result = session.run(session.graphs.dag(), NO_HISTORY)
    assert (result.success, session.shell.user_ns["b"]) == (True, 2)
    caplog.clear()


def test_an_interrupt_is_no_fault() -> None:
    with pytest.raises(KeyboardInterrupt), unharmed("a picture"):
        raise KeyboardInterrupt
