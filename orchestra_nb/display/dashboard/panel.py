"""One panel: what it is called, what it shows, and the frame behind it; each made when somebody wants it.

A redraw looks at all panels, and at the HTML of those that it shows; nobody pays for a folded one, or for a frame that
was not asked for. What was made once is kept, for a panel is as frozen as the snapshot it came from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from orchestra_nb.display import html

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 30
"""Rows of a table in a panel, where nobody says otherwise."""


@dataclass(frozen=True)  # without slots: what was made is kept
class Panel:
    """One panel of a dashboard.

    Parameters
    ----------
    key
        Its name among the others, as ``"locks"``.
    title
        Its heading.
    draw
        Makes its HTML, with tables of at most so many rows.
    make_frame
        Makes the frame; every number of the HTML is a cell of it.
    says
        Whether there is anything to say; else it is left out of the twin, and says "none" while it is live.

    Examples
    --------
    >>> Panel("locks", "Locks", lambda rows: "<p>busy</p>", lambda: None, says=False).html
    '<p style="margin:4px 0;">none</p>'
    """

    key: str
    title: str
    draw: Callable[[int], str]
    make_frame: Callable[[], pd.DataFrame]
    says: bool = True

    @cached_property
    def html(self) -> str:
        """Its content, as static HTML."""
        return self.shown(MOST_ROWS)

    def shown(self, rows: int) -> str:
        """Make its content with tables of at most so many rows."""
        return self.draw(rows) if self.says else html.paragraph("none")

    def frame(self) -> pd.DataFrame:
        """Make the frame behind it, with typed columns."""
        return self.make_frame()
