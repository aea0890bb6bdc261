"""How a schedule that is walked through shows itself: as any story; and its frame, with a row for each step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from orchestra_nb.display.columns import framed
from orchestra_nb.display.steps import StoryPresenter
from orchestra_nb.display.walk_tables import WALK
from orchestra_nb.labs.walk import Walk
from orchestra_nb.presentation import presents

if TYPE_CHECKING:
    import pandas as pd


@presents(Walk)
class WalkPresenter(StoryPresenter):
    """Shows a schedule step by step."""

    def frame(self, value: Walk) -> pd.DataFrame:
        """Make the frame of steps."""
        return framed(WALK.columns, _rows(value))


def _rows(walk: Walk) -> Iterator[tuple[Any, ...]]:
    for step in walk:
        now = step.moment
        states = now.ready, now.running, now.waiting, now.resting, now.done, now.failed, now.skipped
        told = step.number + 1, step.at, "; ".join(step.told), len(step.begun), step.first
        yield (*told, *map(len, states), step.levels)
