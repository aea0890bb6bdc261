"""The static twin of a dashboard: what is left in the saved cell, and shown wherever nothing live is possible.

Policy: one page of HTML without scripts, of nothing but what an untrusted JupyterLab keeps (:mod:`~.display.html`), in
the colours of the page around it. What matters stands above: how it went, what went wrong, the graph, who ran what
when; the rest is folded. **It never weighs more than 300 kB**, whatever the run: pictures become simpler, tables
shorter, and what is left out is said in words (:mod:`.fitting`). Panels that have nothing to say are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from orchestra_nb.display import html
from orchestra_nb.display.dashboard.fitting import Part, fitted
from orchestra_nb.display.dashboard.listing import edges_sheet, nodes_sheet
from orchestra_nb.display.dashboard.locks import waits_of
from orchestra_nb.display.dashboard.panel import Panel
from orchestra_nb.display.dashboard.panels import panels_of
from orchestra_nb.display.dashboard.pictures import chart_of, gantt_versions, graph_versions
from orchestra_nb.display.dashboard.sheet import Sheet, left_out
from orchestra_nb.display.dashboard.snapshot import Snapshot
from orchestra_nb.display.faults import faults_of_run, faults_so_far
from orchestra_nb.display.overview import panels_frame
from orchestra_nb.display.replays import state_text
from orchestra_nb.display.wording import count, short
from orchestra_nb.presentation import Bundle, presenter_of, presents

if TYPE_CHECKING:
    import pandas as pd

MOST = 300_000
"""Bytes of a twin."""
_SHOWN_ROWS = 40
"""Rows up to which a table is not folded."""
_ROWS = (200, 80, 30, 10)
_FAULT = 400
_BELOW = (
    *(("running", 0.04), ("locks", 0.06), ("breakers", 0.03), ("cache", 0.02), ("levels", 0.04), ("todos", 0.03)),
    ("events", 0.02),
)
"""Panels below the pictures, with their shares of the room."""
Version = Callable[[], str]


def dashboard_html(snapshot: Snapshot, most: int = MOST) -> str:
    """Make the static twin of a dashboard.

    Parameters
    ----------
    snapshot
        What it shows.
    most
        How many bytes it may weigh.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.model import Node, NodeId
    >>> from orchestra_nb.replay.following import Following
    >>> page = dashboard_html(Snapshot(Following(DAG([Node(NodeId("<load>"))])).state(0.0)))
    >>> "&lt;load&gt;" in page, "<script" in page, "<summary>Levels</summary>" in page
    (True, False, True)
    """
    panels = {panel.key: panel for panel in panels_of(snapshot) if panel.says}
    return fitted(list(_parts(snapshot, panels)), most)


def _parts(snapshot: Snapshot, panels: dict[str, Panel]) -> Iterator[Part]:
    yield Part(0.04, [lambda: panels["progress"].html])
    yield Part(0.1, _faults(snapshot))
    if "graph" in panels:
        yield Part(0.37, graph_versions(snapshot))
    if "gantt" in panels:
        yield Part(0.18, gantt_versions(chart_of(snapshot)))
    yield Part(0.05, _table("node", nodes_sheet(snapshot)))
    waits = bool(waits_of(snapshot))
    for key, share in _BELOW:
        if key in panels:
            yield Part(share, _folded(panels[key], shown=key == "locks" and waits))
    edges = edges_sheet(snapshot)
    if edges.rows:
        yield Part(0.02, _table("edge", edges, " and why"))


def _folded(panel: Panel, *, shown: bool = False) -> list[Version]:
    """A panel that is folded away, with ever fewer rows, and in the end with none."""

    def version(rows: int) -> str:
        return html.details(panel.title, panel.shown(rows), shown=shown)

    def without() -> str:
        return html.details(panel.title, html.paragraph("left out, for it is too large; the frame has all of it"))

    return [*(partial(version, rows) for rows in (30, 10)), without]


def _table(noun: str, sheet: Sheet, more: str = "") -> list[Version]:
    """A long table, folded away when it is."""

    def version(rows: int) -> str:
        many = len(sheet.rows)
        return html.details(count(many, noun) + more, sheet.html(rows), shown=many <= _SHOWN_ROWS and not more)

    def without() -> str:
        return html.details(count(len(sheet.rows), noun) + more, left_out(len(sheet.rows)))

    return [*(partial(version, rows) for rows in (html.MOST_ROWS, *_ROWS)), without]


def _faults(snapshot: Snapshot) -> list[Version]:
    """What went wrong: the first in full view, the others folded, and of very many the number."""
    found = faults_so_far(snapshot.state) if snapshot.result is None else faults_of_run(snapshot.result)

    def version(shown: int, folded: int) -> str:
        first = "".join(html.paragraph(short(fault, _FAULT)) for fault in found[:shown])
        others = found[shown : shown + folded]
        below = "".join(html.paragraph(short(fault, _FAULT)) for fault in others)
        more = html.details(f"{len(others):,} more", below) if others else ""
        left = len(found) - shown - len(others)
        return first + more + (html.paragraph(f"and {left:,} more; errors has all of them") if left > 0 else "")

    return [partial(version, 5, 100), partial(version, 5, 25), partial(version, 3, 0), partial(version, 1, 0)]


@presents(Snapshot)
class SnapshotPresenter:
    """Shows a moment of a run with all that it works with."""

    def bundle(self, value: Snapshot) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        if value.result is not None:
            plain = str(presenter_of(value.result).bundle(value.result)["text/plain"])
        else:
            plain = state_text(value.state)
        return {"text/plain": plain, "text/html": dashboard_html(value)}

    def frame(self, value: Snapshot) -> pd.DataFrame:
        """Make the frame of all panels' numbers: panel, item, measure, value."""
        return panels_frame({panel.key: panel.frame() for panel in panels_of(value)})
