"""How a simulated schedule shows itself: how long it takes, in one line, the Gantt chart, and the main facts below."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestra_nb.display import html, simulation_frames
from orchestra_nb.display.gantt.bars import Timeline
from orchestra_nb.display.gantt.chart import Gantt, gantt_of
from orchestra_nb.display.wording import count, duration, short
from orchestra_nb.presentation import Bundle, presents
from orchestra_nb.simulation.optimum import Optimum
from orchestra_nb.simulation.schedule import Schedule

if TYPE_CHECKING:
    import pandas as pd

_HEADINGS = ("node", "worker", "start", "end", "time", "waited for", "status")
_MOST = 5
"""Names in one line."""
_LANES = 16
"""As many workers have a lane although they did nothing."""
_IDLE = {
    "needs": "nothing was ready",
    "barrier": "barriers of levels",
    "rest": "rests before other attempts",
    "lock": "locks",
    "rate": "rates",
    "over": "nothing was left",
}


@presents(Schedule)
class SchedulePresenter:
    """Shows who would do what when."""

    def bundle(self, value: Schedule) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        chart, facts = schedule_gantt(value), list(schedule_facts(value))
        rows = [
            (s.node, s.worker + 1, *map(duration, (s.start, s.end, s.seconds)), s.waited_for, s.status)
            for s in value.rows
        ]
        shown = chart._repr_mimebundle_()
        told = "".join(map(html.paragraph, facts))
        folded = html.details(
            count(len(rows), "attempt" if _tried_again(value) else "node"), html.table(_HEADINGS, rows)
        )
        return {
            "text/plain": "\n".join([chart.text, *facts]),
            "text/html": str(shown["text/html"]) + told + folded,
        }

    def frame(self, value: Schedule) -> pd.DataFrame:
        """Make the frame of slots."""
        return simulation_frames.schedule(value)


def schedule_gantt(schedule: Schedule, until: float = 0.0) -> Gantt:
    """Make the Gantt chart of a simulated schedule, on a time axis that goes to a moment at least (seconds)."""
    chart = gantt_of(schedule, schedule_line(schedule))
    return replace(chart, timeline=_with_idle(chart.timeline, schedule), until=until)


def _with_idle(timeline: Timeline, schedule: Schedule) -> Timeline:
    """Give workers that did nothing their empty lanes, after the others: that they were idle is what is to be seen."""
    used = 1 + max((slot.worker for slot in schedule.rows if slot.worker < schedule.workers), default=-1)
    idle = [f"worker {number}" for number in range(used + 1, min(schedule.workers, _LANES) + 1)]
    if not idle or not schedule.rows:
        return timeline
    bars = tuple(bar if bar.lane < used else bar._replace(lane=bar.lane + len(idle)) for bar in timeline.bars)
    return replace(timeline, lanes=(*timeline.lanes[:used], *idle, *timeline.lanes[used:]), bars=bars)


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


def schedule_facts(schedule: Schedule) -> Iterator[str]:
    """Say what else there is to know of a schedule, a line each; nothing of what did not happen.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node, simulate
    >>> dag = DAG([Node("a", cost=2, uses=["db"]), Node("b", cost=1, uses=["db"])])
    >>> print(*schedule_facts(simulate(dag, 2)), sep=chr(10))
    waits: db 2.0 s (b)
    resources: db 100% of 1
    idle: locks 2.0 s, nothing was left 1.0 s
    >>> from orchestra_nb import taskgraphs
    >>> print(next(schedule_facts(simulate(taskgraphs.fork_join(10), 2))))
    no schedule is shorter than 7.0 s: work crowds
    """
    if schedule.stopped:
        yield f"stopped: {short(schedule.stopped)}"
    if duration(schedule.tightest_bound) != duration(schedule.lower_bound):
        yield f"no schedule is shorter than {duration(schedule.tightest_bound)}: work crowds"
    for how, ended in (("failed", schedule.failed), ("skipped", schedule.skipped)):
        if ended:
            named = ", ".join(f"{short(o.node)} ({short(o.reason, 60)})" for o in ended[:_MOST])
            yield f"{how}: {named}{f', and {len(ended) - _MOST:,} more' if len(ended) > _MOST else ''}"
    waited, who = Counter[str](), dict[str, set[str]]()
    for wait in schedule.waits:
        if wait.kind != "worker":
            what = wait.resource or {"rest": "rests", "barrier": "barriers"}[wait.kind]
            waited[what] += wait.seconds  # type: ignore[assignment]
            who.setdefault(what, set()).add(wait.node)
    if waited:
        told = (f"{short(what)} {duration(took)} ({_names(who[what])})" for what, took in waited.most_common(_MOST))
        yield f"waits: {', '.join(told)}"
    if schedule.resources:
        uses = [f"{short(use.resource)} {use.utilization:.0%} of {use.amount:,}" for use in schedule.resources[:_MOST]]
        yield f"resources: {', '.join(uses)}"
    idle = Counter[str]()
    for gap in schedule.gaps:
        idle[_IDLE[gap.why]] += gap.seconds  # type: ignore[assignment]
    if idle and any(why != _IDLE["over"] for why in idle):
        yield f"idle: {', '.join(f'{why} {duration(took)}' for why, took in idle.most_common())}"


def _names(names: set[str]) -> str:
    return short(min(names)) if len(names) == 1 else count(len(names), "node")


def _tried_again(schedule: Schedule) -> bool:
    return any(row.attempt > 1 for row in schedule.rows)


def _kind(schedule: Schedule) -> str:
    """What it is called; of an optimum, with what is proved of it."""
    if not isinstance(schedule, Optimum):
        return "schedule"
    if schedule.proved:
        within = f" to within {duration(schedule.error)}" if schedule.error else ""
        return f"shortest schedule, proved{within}"
    return f"shortest schedule found, none is below {duration(schedule.shortest)}"
