"""The picture of the graph with the states of its nodes, and the chart of who ran what when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

from orchestra_nb.display import html, text
from orchestra_nb.display.dashboard.lighter import plainer, plainest
from orchestra_nb.display.dashboard.panel import Panel
from orchestra_nb.display.dashboard.snapshot import Snapshot
from orchestra_nb.display.gantt.chart import Gantt, gantt_of
from orchestra_nb.display.gantt.svg import gantt_svg
from orchestra_nb.display.gantt.timeline import timeline_of
from orchestra_nb.display.gantt.words import title as words
from orchestra_nb.display.picture import draw_scene
from orchestra_nb.display.picture.collapsing import collapsed
from orchestra_nb.display.picture.faces import Moment
from orchestra_nb.display.picture.legend import lines_legend
from orchestra_nb.display.picture.parts import title
from orchestra_nb.display.picture.scene import scene
from orchestra_nb.display.wording import short
from orchestra_nb.graph.dag import DAG
from orchestra_nb.presentation import presenter_of


def graph_panel(snapshot: Snapshot) -> Panel:
    """Make the panel of the graph; its frame has a row for each node."""
    state = snapshot.state
    frame = cache(lambda: presenter_of(state).frame(state))
    return Panel("graph", "Graph", lambda _: graph_versions(snapshot)[0](), frame, says=len(state.dag) > 0)


def gantt_panel(snapshot: Snapshot) -> Panel:
    """Make the panel of who ran what when, with a simulated schedule behind it."""
    chart = cache(lambda: chart_of(snapshot))
    says = any(outcome.started is not None for outcome in snapshot.state.outcomes.values())
    says = says or any(each.state == "running" for each in snapshot.state.active)
    return Panel("gantt", "Who ran what when", lambda _: gantt_versions(chart())[0](), lambda: chart().frame, says)


def chart_of(snapshot: Snapshot) -> Gantt:
    """Make the chart: of the result where there is one, for it knows more of waits than events tell.

    Behind a run that goes on stands what was expected of it. Behind one that is over, what the simulator makes of the
    times that were measured, as everywhere else: what was expected may have been no more than a guess, and next to a
    guess of seconds a run of milliseconds is too small to be seen.
    """
    chart = gantt_of(snapshot.state if snapshot.result is None else snapshot.result)
    if snapshot.planned is None or chart.behind is not None:
        return chart
    return replace(chart, behind=timeline_of(snapshot.planned))


def dag_of(snapshot: Snapshot) -> DAG:
    """The graph; of a run that is over, with the measured seconds as costs."""
    return snapshot.state.dag if snapshot.result is None else snapshot.result.measured


def critical_path(snapshot: Snapshot) -> str:
    """Say the critical path; of a long one, how it begins."""
    return short(text.critical_path_text(dag_of(snapshot)), 600)


def graph_versions(snapshot: Snapshot) -> list[Callable[[], str]]:
    """The picture with its critical path: as it is, lighter, lighter still, collapsed, and in words only."""
    dag, moment = dag_of(snapshot), _moment(snapshot)
    said = title(dag)
    below = lines_legend(scene(dag)) + html.paragraph(critical_path(snapshot))
    drawn = cache(lambda: draw_scene(scene(dag, moment.times), moment))

    def small() -> str:
        return plainer(draw_scene(collapsed(dag, moment.times), moment))

    def without() -> str:
        return html.paragraph(f"{said}; the picture is too large for this cell, .dag shows it") + below

    faint = html.paragraph("lines that longer ways imply are left out here; .dag shows them")
    few = html.paragraph("nodes are gathered here, for want of room; .dag shows each")
    return [
        partial(_pictured, drawn, said, below),
        partial(_pictured, lambda: plainer(drawn()), said, below),
        partial(_pictured, lambda: plainest(drawn()), said, below + faint),
        partial(_pictured, small, said, below + few),
        without,
    ]


def gantt_versions(chart: Gantt) -> list[Callable[[], str]]:
    """The chart: as it is, lighter, without the plan behind it, and in words only."""
    said = words(chart.timeline)

    def without() -> str:
        return html.paragraph(f"{said}; the chart is too large for this cell, .gantt() shows it")

    pictures = (lambda: chart.svg, lambda: plainer(chart.svg), lambda: plainest(gantt_svg(chart.timeline)))
    return [*(partial(_pictured, picture, said, "") for picture in pictures), without]


def _pictured(picture: Callable[[], str], said: str, below: str) -> str:
    return html.picture(picture(), said) + below


def _moment(snapshot: Snapshot) -> Moment:
    """What boxes say: states, what nodes took or have taken so far, and why they are so."""
    state = snapshot.state
    times = {name: outcome.seconds for name, outcome in state.outcomes.items() if outcome.started is not None}
    times |= {str(each.node): state.at - each.since for each in state.active if each.state == "running"}
    reasons = {name: outcome.reason for name, outcome in state.outcomes.items() if outcome.reason}
    return Moment(state.states, times, reasons)
