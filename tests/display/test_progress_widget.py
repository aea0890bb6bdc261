"""The widget of a run's progress is a sink that shows what the line says."""

from __future__ import annotations

from orchestra_nb.display.progress_widget import ProgressWidget
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.progress.tracker import ProgressTracker


def test_the_widget_follows_the_run_and_leaves_its_last_line():
    widget = ProgressWidget()
    assert widget._repr_mimebundle_()["text/plain"] == "progress"
    tracker = ProgressTracker([widget])
    tracker.initialize(DAG([Node("<b>load"), Node("fit")]), "today")
    tracker.update("<b>load", "failed")
    assert tracker.complete()
    assert widget.percent == 100.0
    assert widget._bar.bar_style == "danger"
    bundle = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"].startswith("today: 100 %, 2 of 2 (1 failed, 1 skipped)")
