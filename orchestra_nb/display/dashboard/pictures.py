"""The picture of the graph with the states of its nodes, and the chart of who ran what when."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from orchestra_nb.display import html, text
from orchestra_nb.display.dashboard.panel import Panel
from orchestra_nb.display.dashboard.snapshot import Snapshot
from orchestra_nb.display.picture import svg
from orchestra_nb.display.scene import title
from orchestra_nb.display.wording import short
from orchestra_nb.graph.dag import DAG
from orchestra_nb.presentation import presenter_of


def graph_panel(snapshot: Snapshot) -> Panel:
    """Make the panel of the graph; its frame has a row for each node."""
    state = snapshot.state

    def draw(_: int) -> str:
        return html.picture(graph_svg(snapshot), title(dag_of(snapshot))) + html.paragraph(critical_path(snapshot))

    frame = cache(lambda: presenter_of(state).frame(state))
    return Panel("graph", "Graph", draw, frame, says=len(state.dag) > 0)


def dag_of(snapshot: Snapshot) -> DAG:
    """The graph; of a run that is over, with the measured seconds as costs."""
    return snapshot.state.dag if snapshot.result is None else snapshot.result.dag


def graph_svg(snapshot: Snapshot) -> str:
    """Draw the graph as its nodes stand."""
    return svg(dag_of(snapshot), snapshot.state.outcomes)


def critical_path(snapshot: Snapshot) -> str:
    """Say the critical path; of a long one, how it begins and ends."""
    dag = dag_of(snapshot)
    return short(text.critical_path_text(dag), 600)


def graph_versions(snapshot: Snapshot) -> list[Callable[[], str]]:
    """The picture with its critical path: as it is, without tooltips, and in words only."""
    drawn = cache(lambda: graph_svg(snapshot))
    told, path = title(dag_of(snapshot)), html.paragraph(critical_path(snapshot))

    def without() -> str:
        return html.paragraph(f"{told}; the picture is too large for this cell, .dag shows it") + path

    return [
        lambda: html.picture(drawn(), told) + path,
        lambda: html.picture(plainer(drawn()), told) + path,
        without,
    ]


_TOOLTIP = re.compile(r"<title>[^<]*</title>|<!--.*?-->| xlink:title=\"[^\"]*\"| id=\"[^\"]*\"", re.DOTALL)
_DIGITS = re.compile(r"(\d+\.\d)\d+")
_BLANK = re.compile(r"\n\s*")


def plainer(svg: str) -> str:
    """Make an SVG lighter: without tooltips, and with coordinates to a tenth of a pixel.

    Examples
    --------
    >>> plainer('<svg><g id="a"><title>load</title><path d="M1.2345,2"/></g></svg>')
    '<svg><g><path d="M1.2,2"/></g></svg>'
    """
    return _BLANK.sub(" ", _DIGITS.sub(r"\1", _TOOLTIP.sub("", svg)))
