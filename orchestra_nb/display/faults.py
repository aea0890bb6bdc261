"""What went wrong in a run, a line each: errors, what could not be undone, and changes that no code had shown."""

from __future__ import annotations

from orchestra_nb.display.text import unforeseen_line
from orchestra_nb.display.wording import short
from orchestra_nb.replay.state import ReplayState
from orchestra_nb.running.result import RunResult

MOST = 1_000
"""Characters of each: what is shown is stored with the notebook, and an error may carry all that a server sent."""


def faults_of_run(result: RunResult) -> list[str]:
    """Say what went wrong in a run that is over, failures first."""
    errors = [f"{type(error).__name__}: {short(error, MOST)}" for error in result.errors]
    undone = [] if result.undone is None else [short(line, MOST) for line in result.undone.lines()]
    return [*errors, *undone, *(unforeseen_line(change) for change in result.unforeseen)]


def faults_so_far(state: ReplayState) -> list[str]:
    """Say what has gone wrong in a run that goes on."""
    found = [outcome.error for outcome in state.outcomes.values() if outcome.error is not None]
    return [f"{type(error).__name__}: {short(error, MOST)}" for error in found]
