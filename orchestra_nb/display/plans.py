"""How a simulated schedule shows itself: how long it takes, in one line, and the Gantt chart below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra_nb.display import frames, html
from orchestra_nb.display.gantt.chart import Gantt, gantt_of
from orchestra_nb.display.wording import count, duration
from orchestra_nb.presentation import Bundle, presents
from orchestra_nb.simulation.optimum import Optimum
from orchestra_nb.simulation.schedule import Schedule

if TYPE_CHECKING:
    import pandas as pd

_HEADINGS = ("node", "worker", "start", "end", "time")


@presents(Schedule)
class SchedulePresenter:
    """Shows who would do what when."""

    def bundle(self, value: Schedule) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        chart = schedule_gantt(value)
        times = [(s.start, s.end, s.end - s.start) for s in value.rows]
        rows = [(s.node, s.worker + 1, *map(duration, at)) for s, at in zip(value.rows, times, strict=True)]
        shown = chart._repr_mimebundle_()
        folded = html.details(count(len(rows), "node"), html.table(_HEADINGS, rows))
        return {"text/plain": chart.text, "text/html": str(shown["text/html"]) + folded}

    def frame(self, value: Schedule) -> pd.DataFrame:
        """Make the frame of slots."""
        return frames.schedule(value)


def schedule_gantt(schedule: Schedule) -> Gantt:
    """Make the Gantt chart of a simulated schedule."""
    return gantt_of(schedule, schedule_line(schedule))


def schedule_line(schedule: Schedule) -> str:
    """Say in one line how long a simulated schedule takes.

    Examples
    --------
    >>> schedule_line(Schedule((), 2, 5.0, 4.0, 0.625))
    'schedule: 5.0 s with 2 workers, lower bound 4.0 s, 62% busy'
    """
    return (
        f"{_kind(schedule)}: {duration(schedule.makespan)} with {count(schedule.workers, 'worker')}, "
        f"lower bound {duration(schedule.lower_bound)}, {schedule.utilization:.0%} busy"
    )


def _kind(schedule: Schedule) -> str:
    """What it is called; of an optimum, with what is proved of it."""
    if not isinstance(schedule, Optimum):
        return "schedule"
    if schedule.proved:
        within = f" to within {duration(schedule.error)}" if schedule.error else ""
        return f"shortest schedule, proved{within}"
    return f"shortest schedule found, none is below {duration(schedule.shortest)}"
