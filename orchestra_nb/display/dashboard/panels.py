"""All panels of a dashboard, in the order in which they are read."""

from __future__ import annotations

from orchestra_nb.display.dashboard.breakers import breakers_panel
from orchestra_nb.display.dashboard.cache import cache_panel
from orchestra_nb.display.dashboard.happened import events_panel
from orchestra_nb.display.dashboard.levels import levels_panel
from orchestra_nb.display.dashboard.locks import locks_panel
from orchestra_nb.display.dashboard.panel import Panel
from orchestra_nb.display.dashboard.pictures import gantt_panel, graph_panel
from orchestra_nb.display.dashboard.progress import progress_panel
from orchestra_nb.display.dashboard.running import running_panel
from orchestra_nb.display.dashboard.snapshot import Snapshot
from orchestra_nb.display.dashboard.todos import todos_panel

_MAKERS = (
    *(progress_panel, running_panel, levels_panel, todos_panel, cache_panel, locks_panel, breakers_panel),
    *(events_panel, graph_panel, gantt_panel),
)
KEYS = ("progress", "running", "levels", "todos", "cache", "locks", "breakers", "events", "graph", "gantt")
"""The keys of the panels, in their order."""


def panels_of(snapshot: Snapshot) -> tuple[Panel, ...]:
    """Make the panels of one moment; what they show is made when somebody looks at it.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.model import Node, NodeId
    >>> from orchestra_nb.replay.following import Following
    >>> panels = panels_of(Snapshot(Following(DAG([Node(NodeId("load"))])).state(0.0)))
    >>> [panel.key for panel in panels if panel.says]
    ['progress', 'levels', 'todos', 'graph']
    """
    return tuple(make(snapshot) for make in _MAKERS)
