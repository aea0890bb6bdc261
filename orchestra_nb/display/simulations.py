"""How simulations show themselves beside their schedules: waits, gaps, many runs, and what might have been."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from orchestra_nb.display import html, simulation_frames
from orchestra_nb.display.histogram import histogram_svg, histogram_text
from orchestra_nb.display.plans import schedule_gantt
from orchestra_nb.display.wording import count, duration, short
from orchestra_nb.presentation import Bundle, presents
from orchestra_nb.simulation.many import Distribution
from orchestra_nb.simulation.schedule import Schedule
from orchestra_nb.simulation.waits import Gaps, Waits
from orchestra_nb.simulation.what_if import WhatIf

if TYPE_CHECKING:
    import pandas as pd

_MOST = 12
"""Lines of waits, gaps or nodes in a text."""
_WAITS = ("node", "waited for", "from", "until", "time", "held by")
_GAPS = ("worker", "from", "until", "time", "because of")
WHY = {
    "needs": "what {node} needs had not ended",
    "barrier": "the level of {node} was not open",
    "rest": "{node} rested before another attempt",
    "lock": "{node} waited for {resource}",
    "rate": "{node} waited for its turn at {resource}",
    "over": "nothing was left",
}
"""Why a worker was idle, in words."""


@presents(Waits)
class WaitsPresenter:
    """Shows who waited for what."""

    def bundle(self, value: Waits) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        rows = [
            (
                short(w.node),
                short(w.resource) if w.resource else {"worker": "a worker"}.get(w.kind, f"its {w.kind}"),
                *map(duration, (w.start, w.end, w.seconds)),
                ", ".join(map(short, w.held_by)),
            )
            for w in value
        ]
        head = f"{count(len(value), 'wait')}, {duration(sum(w.seconds for w in value))} in all"
        return _table(head, _WAITS, rows)

    def frame(self, value: Waits) -> pd.DataFrame:
        """Make the frame of waits."""
        return simulation_frames.waits(value)


@presents(Gaps)
class GapsPresenter:
    """Shows when workers were idle, and why."""

    def bundle(self, value: Gaps) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        rows = [
            (
                str(gap.worker + 1),
                *map(duration, (gap.start, gap.end, gap.seconds)),
                WHY[gap.why].format(node=short(gap.node), resource=short(gap.resource)),
            )
            for gap in value
        ]
        head = f"{count(len(value), 'gap')}, {duration(sum(gap.seconds for gap in value))} in all"
        return _table(head, _GAPS, rows)

    def frame(self, value: Gaps) -> pd.DataFrame:
        """Make the frame of gaps."""
        return simulation_frames.gaps(value)


def _table(head: str, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> Bundle:
    lines = [head, *("  " + "  ".join(filter(None, row)) for row in rows[:_MOST])]
    lines += [f"  and {len(rows) - _MOST:,} more"] if len(rows) > _MOST else []
    return {"text/plain": "\n".join(lines), "text/html": html.paragraph(head) + html.table(headings, rows)}


@presents(Distribution)
class DistributionPresenter:
    """Shows how long many simulated runs took, and what they hang on."""

    def bundle(self, value: Distribution) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        lines = list(_of_many(value))
        critical = sorted(value.criticality.items(), key=lambda one: -one[1])
        shown = [(short(name), f"{share:.0%}", duration(value.seconds[name])) for name, share in critical if share]
        plain = [*lines, histogram_text(value.makespans), "critical in so many of the runs:"]
        plain += ["  " + "  ".join(row) for row in shown[:_MOST]]
        plain += [f"  and {len(shown) - _MOST:,} more"] if len(shown) > _MOST else []
        alt = f"histogram of the makespans of {count(len(value.runs), 'run')}"
        table = html.table(("node", "critical in", "time on average"), shown)
        markup = "".join(map(html.paragraph, lines)) + html.picture(histogram_svg(value.makespans, _marks(value)), alt)
        return {"text/plain": "\n".join(plain), "text/html": markup + html.details("criticality of nodes", table)}

    def frame(self, value: Distribution) -> pd.DataFrame:
        """Make the frame of runs."""
        return simulation_frames.many(value)

    def nodes(self, value: Distribution) -> pd.DataFrame:
        """Make the frame of nodes."""
        return simulation_frames.criticality(value)


def _of_many(value: Distribution) -> Iterator[str]:
    runs = f"{count(len(value.runs), 'simulated run')} with {count(value.workers, 'worker')}"
    yield f"{runs}, policy {short(value.policy)}: mean {duration(value.mean)} ± {duration(value.deviation)}"
    told = ", ".join(f"{share:.0%} in {duration(seconds)}" for share, seconds in value.quantiles.items())
    yield f"{told}; with the costs as expected {duration(value.expected)}"
    if value.success < 1:
        yield f"{value.success:.0%} of them ended well"


@presents(WhatIf)
class WhatIfPresenter:
    """Shows a run as it was, and as it would have been."""

    def bundle(self, value: WhatIf) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        lines = list(told_of(value))
        until = max(value.before.makespan, value.after.makespan)
        charts = schedule_gantt(value.before, until), schedule_gantt(value.after, until)
        names = "as it was", "as it would be"
        plain = [*lines, *(f"\n{name}\n{chart.text}" for name, chart in zip(names, charts, strict=True))]
        markup = "".join(map(html.paragraph, lines))
        for name, chart in zip(names, charts, strict=True):
            markup += html.details(name, str(chart._repr_mimebundle_()["text/html"]), shown=True)
        return {"text/plain": "\n".join(plain), "text/html": markup}

    def frame(self, value: WhatIf) -> pd.DataFrame:
        """Make the frame of nodes."""
        return simulation_frames.what_if(value)


def picture_of(value: Schedule | Distribution | WhatIf) -> str:
    """Draw a simulation as SVG: the Gantt chart of a schedule, or of what would be; the histogram of many.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node, simulate
    >>> picture_of(simulate(DAG([Node("a")]))).startswith("<svg")
    True
    """
    if isinstance(value, Distribution):
        return histogram_svg(value.makespans, _marks(value))
    return schedule_gantt(value.after if isinstance(value, WhatIf) else value).svg


def _marks(value: Distribution) -> dict[str, float]:
    return {"expected": value.expected, "median": value.median, "95 %": value.quantile(0.95)}


def told_of(value: WhatIf) -> Iterator[str]:
    """Say what would be different, and by how much.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node, what_if
    >>> print(*told_of(what_if(DAG([Node("a", cost=2), Node("b")]), faster={"a": 2})), sep=chr(10))
    what if a: 2 times as fast: 1.0 s in place of 2.0 s (2.00 times as fast)
    critical path then: a
    """
    changes = "; ".join(short(change, 80) for change in value.changes) or "nothing were different"
    ratio = f"{value.speedup:.2f} times as fast" if value.predicted else "nothing is left to do"
    yield f"what if {changes}: {duration(value.predicted)} in place of {duration(value.before.makespan)} ({ratio})"
    if value.measured is not None:
        off = value.unexplained / value.measured if value.measured else 0.0
        yield f"measured {duration(value.measured)}, of which the simulation as it was leaves {off:.1%} unexplained"
    if value.critical_path:
        path = [*value.critical_path[:6], *(["…"] if len(value.critical_path) > 6 else [])]
        yield f"critical path then: {' → '.join(map(short, path))}"
