"""The dashboard of a run as pure functions: what a person sees of it at any moment, live or afterwards.

One frozen :class:`Snapshot` goes in; panels come out, each with its title, its HTML and the frame behind it; the widget
that is live during a run, the static twin that is left in the saved cell, and tests read the same.
"""

from orchestra_nb.display.dashboard.panel import Panel
from orchestra_nb.display.dashboard.panels import KEYS, panels_of
from orchestra_nb.display.dashboard.snapshot import Snapshot

__all__ = ["KEYS", "Panel", "Snapshot", "panels_of"]
