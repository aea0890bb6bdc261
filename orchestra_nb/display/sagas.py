"""How a saga's report shows itself: what is still true of the world, and what became of each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra_nb.display import frames, html
from orchestra_nb.display.wording import clean
from orchestra_nb.presentation import Bundle, presents
from orchestra_nb.recovery.saga_result import SagaResult

if TYPE_CHECKING:
    import pandas as pd

_HEADINGS = ("step", "fate", "attempts", "error", "undo attempts", "undo error")


@presents(SagaResult)
class SagaPresenter:
    """Shows what was done, undone, and could not be undone."""

    def bundle(self, value: SagaResult) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        lines = [clean(line) for line in str(value).splitlines()]
        rows = [
            (step.step, step.fate, step.attempts, step.error, step.undo_attempts, step.undo_error)
            for step in value.steps
        ]
        table = html.table(_HEADINGS, rows)
        return {"text/plain": "\n".join(lines), "text/html": "".join(map(html.paragraph, lines)) + table}

    def frame(self, value: SagaResult) -> pd.DataFrame:
        """Make the frame of steps."""
        return frames.saga(value)
