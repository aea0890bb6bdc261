"""How far a run is and how long it will still take: a fold over its events, an estimate, todos, and their sinks."""

from orchestra_nb.progress.eta import Estimate
from orchestra_nb.progress.sinks import JsonSink, MarkdownSink, Report
from orchestra_nb.progress.stats import ProgressStats
from orchestra_nb.progress.terminal import plain_line, renderable
from orchestra_nb.progress.tracker import ProgressTracker

__all__ = [
    "Estimate",
    "JsonSink",
    "MarkdownSink",
    "ProgressStats",
    "ProgressTracker",
    "Report",
    "plain_line",
    "renderable",
]
