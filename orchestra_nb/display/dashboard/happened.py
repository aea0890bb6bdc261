"""What happened last, the newest first."""

from __future__ import annotations

from functools import cache

from orchestra_nb.display.dashboard.panel import Panel
from orchestra_nb.display.dashboard.sheet import Column, Sheet, words
from orchestra_nb.display.dashboard.snapshot import Snapshot
from orchestra_nb.display.replays import about

_COLUMNS = (
    Column("at", "seconds", "at", lambda at: f"{at:.3f} s"),
    Column("name", heading="event", narrow=True),
    Column("about", heading="about", say=words),
    Column("said", heading="says", say=words),
)


def events_panel(snapshot: Snapshot) -> Panel:
    """Make the panel; its frame has all events that are kept, the oldest first."""
    facts = snapshot.state.facts
    frame = cache(lambda: Sheet(_COLUMNS, [(each.at, each.name, *about(each)) for each in facts]).frame())

    def draw(most: int) -> str:
        last = [(each.at, each.name, *about(each)) for each in facts[-most:][::-1]]
        return Sheet(_COLUMNS, last).html(most)

    return Panel("events", "Last events", draw, frame, says=bool(facts))
