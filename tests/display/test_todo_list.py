"""Todos as HTML: marks, phases, and what is left out of a long list."""

from __future__ import annotations

from orchestra_nb.display.todo_list import todo_list
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.progress.state import Progress
from orchestra_nb.progress.todos import todos_of


def progress_of(nodes: int, phase: str | None = "Get") -> Progress:
    return Progress(DAG([Node(f"n{i}", phase=phase) for i in range(nodes)]))


def test_only_what_was_done_is_ticked():
    progress = progress_of(4)
    progress.ended("n0", "completed", 1.0)
    progress.ended("n1", "failed", 1.0)
    progress.started("n2", 1.0)
    shown = todo_list(todos_of(progress, by_phase=True))
    for text in ("▶ Get (2 of 4)", "☑ Run n0", "☐ Run n1 (failed)", "▶ Running n2", "☐ Run n3"):
        assert f">{text}</div>" in shown
    assert shown.count("font-weight:bold") == 1
    assert shown.count("☑") == 1


def test_a_long_list_shows_phases_and_what_is_in_progress_and_how_many_are_left_out():
    progress = progress_of(100)
    progress.started("n50", 1.0)
    shown = todo_list(todos_of(progress, by_phase=True), most=10)
    assert shown.count("<div") == 2
    assert "▶ Running n50" in shown
    assert "and 99 more" in shown
    for i in range(49):
        progress.started(f"n{i}", 1.0)
    shown = todo_list(todos_of(progress, by_phase=True), most=10)
    assert shown.count("<div") == 10
    assert "and 91 more" in shown


def test_without_phases_nothing_is_set_in():
    shown = todo_list(todos_of(progress_of(2, None)))
    assert "1.5em" not in shown
    assert "bold" not in shown


def test_no_name_makes_markup():
    assert "<b>" not in todo_list(todos_of(Progress(DAG([Node("<b>", phase="<b>")])), by_phase=True))
