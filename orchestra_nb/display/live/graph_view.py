"""The picture of a run's graph for a view that goes on: laid out once, on a thread of its own, then only painted.

A large graph takes a second or two, and nobody is to wait for it: :meth:`GraphView.of` says what there is, and begins
to lay out what there is not. A graph that has grown while it ran is laid out anew; until then the last picture stays. A
picture that is too large for the wire is not shown live. Failure: a graph that cannot be drawn has no picture.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from orchestra_nb.display import html, text
from orchestra_nb.display.picture import Drawing, drawing
from orchestra_nb.display.picture.parts import title
from orchestra_nb.display.wording import short
from orchestra_nb.graph.dag import DAG

_log = logging.getLogger("orchestra_nb.display")
_LARGE = 600_000
"""Characters of a picture beyond which it is not sent: three seconds of what a dashboard may send."""
_LONGEST = 600
"""Characters of the line below it."""


class GraphView:
    """Pictures of a graph, made in the background.

    Parameters
    ----------
    made
        Called when there is a new one, on the thread that made it.
    """

    def __init__(self, made: Callable[[], object]) -> None:
        self._made = made
        self._asked: DAG | None = None
        self._ready: tuple[DAG, Drawing] | None = None

    def of(self, dag: DAG) -> Drawing | None:
        """Give the picture of a graph, if it is there; else it is begun, and there is none yet."""
        ready = self._ready
        if ready is not None and ready[0] is dag:
            return ready[1]
        if self._asked is not dag:
            self._asked = dag
            threading.Thread(target=self._draw, args=(dag,), name="orchestra-picture", daemon=True).start()
        return None

    def _draw(self, dag: DAG) -> None:
        try:
            made = drawing(dag)
        except Exception:
            _log.exception("the graph could not be drawn")
            return
        if self._asked is dag:
            self._ready = dag, made
            self._made()


def sent(dag: DAG, drawn: Drawing, states: Mapping[str, str]) -> dict[str, Any]:
    """Make what the widget gets of a picture: empty where it is too large.

    Parameters
    ----------
    dag, drawn
        The graph and its picture.
    states
        Of its nodes, as they are painted at first.
    """
    svg = drawn.painted(states)
    if len(svg) > _LARGE:
        return {}
    below = html.paragraph(short(text.critical_path_text(dag), _LONGEST))
    return {"svg": svg, "label": title(dag), "below": below}
