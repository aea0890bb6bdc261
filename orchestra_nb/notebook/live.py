"""A run in progress, in one display that is updated in place, and in the end replaced by the static result.

Events arrive on the driver's thread and only change counters; drawing happens on the calling thread, when the scheduler
has nothing better for it to do, at most four times a second. Every version has the same MIME types, and stands between
two markers by which test tools know a dashboard: what it shows while it runs differs from run to run.

Failure: a front end that is gone, or a display that cannot be drawn, never reaches the run.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from orchestra_nb.display import html
from orchestra_nb.events import Event, NodeEnded, NodeStarted, RunStarted
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId
from orchestra_nb.presentation import Bundle, presenter_of

_BEGIN, _END = "<!--orchestra-->", "<!--/orchestra-->"
_PERIOD = 0.25
"""Seconds between two updates."""
_LARGE = 30_000
"""Characters of HTML beyond which the picture of the graph is shown only before and after the run."""


class Live:
    """The display of one run.

    Parameters
    ----------
    shell
        Whose publisher to use.
    dag
        What runs.
    """

    def __init__(self, shell: Any, dag: DAG) -> None:
        self._publisher = shell.display_pub  # a cell under %%capture puts another in its place
        self._total = len(dag.nodes)
        self._id = uuid.uuid4().hex
        self._running: dict[NodeId, None] = {}
        self._ended: dict[str, int] = {}
        self._changed = False
        self._due = 0.0
        self._picture = ""
        drawn = str(presenter_of(dag).bundle(dag)["text/html"])
        self._publish(self._bundle(drawn), update=False)
        if len(drawn) <= _LARGE:
            self._picture = drawn

    def listen(self, event: Event) -> None:
        """Take note of an event; for the bus."""
        match event:
            case RunStarted():
                self._total = event.total
            case NodeStarted(node=node):
                self._running[node] = None
            case NodeEnded(outcome=outcome):
                self._running.pop(outcome.node, None)
                self._ended[outcome.status] = self._ended.get(outcome.status, 0) + 1
        self._changed = True

    def idle(self) -> None:
        """Draw, if something changed and it is time."""
        now = time.monotonic()
        if self._changed and now >= self._due:
            self._changed = False
            self._due = now + _PERIOD
            self._publish(self._bundle(self._picture), update=True)

    def finish(self, bundle: Mapping[str, Any]) -> None:
        """Replace the display by the result."""
        self._publish(marked(bundle), update=True)

    def _bundle(self, picture: str) -> Bundle:
        ended = sum(self._ended.values())
        tally = ", ".join(f"{number} {status}" for status, number in sorted(self._ended.items()))
        running = ", ".join(tuple(self._running)[:8])
        line = f"{ended} of {self._total} nodes" + (f" ({tally})" if tally else "")
        line += f"; running: {running}" if running else ""
        bar = f'<progress max="{max(1, self._total)}" value="{ended}"></progress>'
        return marked({"text/plain": line, "text/html": bar + html.paragraph(line) + picture})

    def _publish(self, bundle: Bundle, update: bool) -> None:
        self._publisher.publish(data=bundle, metadata={}, transient={"display_id": self._id}, update=update)


def marked(bundle: Mapping[str, Any]) -> Bundle:
    """The bundle's texts between the markers.

    Examples
    --------
    >>> marked({"text/html": "<p>"})
    {'text/html': '<!--orchestra--><p><!--/orchestra-->'}
    """
    return {mime: f"{_BEGIN}{content}{_END}" for mime, content in bundle.items()}
