"""How a run that goes on by itself shows itself: how it stands at this moment, in one line with a bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra_nb.display import html
from orchestra_nb.display.progress import ProgressStatsPresenter, line_and_bar
from orchestra_nb.display.wording import clean
from orchestra_nb.presentation import Bundle, presents
from orchestra_nb.progress.handle import RunHandle

if TYPE_CHECKING:
    import pandas as pd


@presents(RunHandle)
class HandlePresenter:
    """Shows a run as it is now."""

    def bundle(self, value: RunHandle) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        head = f"{value.name or 'run'}: {value.state}"
        head += f" ({type(value.error).__name__}: {value.error})" if value.error is not None else ""
        line, bar = line_and_bar(value.stats)
        return {"text/plain": f"{clean(head)}\n{line}", "text/html": html.paragraph(head) + bar}

    def frame(self, value: RunHandle) -> pd.DataFrame:
        """Make the frame of one row: how far it is."""
        return ProgressStatsPresenter().frame(value.stats)
