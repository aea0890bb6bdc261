"""Names come from notebooks that others wrote: none of them may become markup, a script or a colour."""

from __future__ import annotations

import io
import json
from functools import cache

import mistune
import pytest
from rich.console import Console

import orchestra_nb.display
from orchestra_nb.display.overview import overview
from orchestra_nb.display.plans import schedule_gantt
from orchestra_nb.display.progress_widget import ProgressWidget
from orchestra_nb.display.proof import proof_lines
from orchestra_nb.display.replays import events_frame, events_text
from orchestra_nb.display.terminal import LevelTree, Plan, Prose, of_value
from orchestra_nb.display.terminal.run_view import RunView
from orchestra_nb.display.text import unforeseen_line, why_lines
from orchestra_nb.display.todo_list import todo_list
from orchestra_nb.display.wording import clean, short
from orchestra_nb.eventlog.codec import event_to_json
from orchestra_nb.presentation import _presenters
from orchestra_nb.progress.sinks import JsonSink, Report
from orchestra_nb.progress.terminal import renderable
from orchestra_nb.progress.todos import checklist, todos_of
from orchestra_nb.simulation import simulate

from .judges import assert_harmless_html, assert_harmless_terminal, assert_harmless_text
from .payloads import PAYLOADS
from .specimens import SPECIMENS, facts, graph_of, progress, progress_stats, run

SCRIPT = PAYLOADS[0]
assert SCRIPT == "<script>alert(1)</script>"
SILENT = {"BreakerLab", "CacheMetrics", "ProgressStats", "ProgressTracker", "RetryLab"}
"""Those whose text has no place for the first payload: counts, labs, or the names of the first few that run."""


def assert_shown(shown: str, texts: list[str]) -> None:
    """Whether texts from outside are there at all, as they are."""
    assert any(shown in text for text in texts)


def test_there_are_150_and_more_hostile_strings():
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 150


def test_every_presenter_has_a_hostile_specimen():
    assert orchestra_nb.display  # which registers them
    ours = {cls for cls in _presenters if cls.__module__.startswith("orchestra_nb.")}
    assert ours == set(SPECIMENS)


@cache
def shown_by_itself(cls):
    """Give a specimen and what it shows: pictures of that many names take a while."""
    value = SPECIMENS[cls]()
    return value, value._repr_mimebundle_()


@pytest.mark.parametrize("cls", SPECIMENS, ids=lambda cls: cls.__name__)
def test_hostile_names_in_everything_that_shows_itself(cls):
    value, bundle = shown_by_itself(cls)
    assert set(bundle) == {"text/plain", "text/html"}
    assert_harmless_text(bundle["text/plain"])
    texts = assert_harmless_html(bundle["text/html"]).texts
    if cls.__name__ not in SILENT:
        assert_shown("<script>alert(1)", texts)
        assert_shown("alert(1)", [bundle["text/plain"]])
    assert len(value.frame.columns) >= 4


@pytest.mark.parametrize("cls", SPECIMENS, ids=lambda cls: cls.__name__)
def test_hostile_names_on_a_terminal(cls):
    value, bundle = shown_by_itself(cls)
    text = bundle["text/plain"]
    for width in (60, 200):
        written = io.StringIO()
        console = Console(file=written, force_terminal=True, width=width, color_system="truecolor")
        for shown in (of_value(value, text), Prose(text.split("\n"))):
            console.print(shown)
        assert_harmless_terminal(written.getvalue())
    if "[red]red[/red]" in text:
        assert "[red]red[/red]" in written.getvalue()


@pytest.mark.parametrize("height", [4, 12, 400])
def test_a_run_that_goes_on_is_text_on_a_terminal(height):
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=120, height=height)
    console.print(RunView.of(Report(progress_stats(), progress())))
    assert_harmless_terminal(written.getvalue())


def test_plans_and_levels_are_text_on_a_terminal():
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=120)
    dag = graph_of(PAYLOADS)
    console.print(Plan(dag, schedule_gantt(simulate(dag, 2))), LevelTree(dag))
    assert_harmless_terminal(written.getvalue())
    assert "[red]red[/red]" in written.getvalue()


def test_the_line_of_a_run_on_a_terminal_is_text():
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=120)
    for name in PAYLOADS:
        stats = progress_stats()
        console.print(renderable(type(stats)(name, 50.0, stats.counts, 3.0, active=(name,))))
    assert_harmless_terminal(written.getvalue())
    assert "[red]red[/red]" in written.getvalue()


def test_snapshots_beside_one_another_are_as_harmless():
    shown = overview({name: cls() for name, cls in zip(PAYLOADS, SPECIMENS.values(), strict=False)})
    assert_harmless_text(shown["text/plain"])
    assert_harmless_html(shown["text/html"])


@pytest.mark.parametrize("by_phase", [False, True])
def test_todos_are_harmless_as_html(by_phase):
    todos = todos_of(progress(), by_phase=by_phase)
    assert_shown(short(SCRIPT), assert_harmless_html(todo_list(todos, most=1000)).texts)
    assert_harmless_html(todo_list(todos))


@pytest.mark.parametrize("by_phase", [False, True])
def test_a_checklist_is_only_a_list_whatever_reads_it_as_markdown(by_phase):
    markdown = checklist(progress(), title=PAYLOADS[0], by_phase=by_phase)
    assert_harmless_text(markdown)
    page = mistune.create_markdown(escape=False, plugins=["table", "task_lists", "strikethrough", "math", "url"])(
        markdown
    )
    assert set(tags_of(page)) <= {"h1", "ul", "li", "p", "input"}
    assert page.count("<li") == len(todos_of(progress(), by_phase=by_phase))
    assert "checked" not in page.replace("[x] forged", "")  # nothing is done, and no name says that it is


def tags_of(page: str) -> set[str]:
    from .judges import Reader

    reader = Reader()
    reader.feed(page)
    return reader.tags


def test_events_are_one_line_each_and_come_through_json():
    told = facts(PAYLOADS)
    records = [event_to_json(event) for event in told]
    assert json.loads(json.dumps(records)) == json.loads(json.dumps(records, ensure_ascii=False))
    assert all("\n" not in json.dumps(record) for record in records)
    assert len(events_frame(told)) == len(told)
    state = SPECIMENS[type_named("ReplayState")]()
    lines = events_text(state).split("\n")
    assert len(lines) == len(state.facts)
    assert_harmless_text("\n".join(lines))


def type_named(name: str) -> type:
    return next(cls for cls in SPECIMENS if cls.__name__ == name)


def test_a_file_of_progress_is_whole_whatever_the_names(tmp_path):
    JsonSink(tmp_path / "progress.json")(Report(progress_stats(), progress(), by_phase=True))
    read = json.loads((tmp_path / "progress.json").read_text())
    assert len(read["todos"]) == 2 * len(PAYLOADS)
    assert read["active"] == PAYLOADS


def test_the_widget_of_progress_takes_names_as_text():
    widget = ProgressWidget()
    widget(Report(progress_stats(), progress()))
    assert_harmless_text(widget._repr_mimebundle_()["text/plain"])
    assert_harmless_text(widget._label.value)


def test_why_and_what_was_noticed_are_lines_of_their_own():
    dag = graph_of(PAYLOADS)
    for text in PAYLOADS[1:]:
        lines = why_lines(dag, PAYLOADS[0], text)
        assert len("\n".join(lines).split("\n")) == len(lines)
        assert_harmless_text("\n".join(lines))
    for change in run().unforeseen:
        assert "\n" not in unforeseen_line(change)
        assert_harmless_text(unforeseen_line(change))


@pytest.mark.parametrize("text", PAYLOADS, ids=range(len(PAYLOADS)))
def test_a_proof_says_hostile_names_as_text(text):
    difference = {"message": text, "run": 1, "diff": [text]}
    edge = {
        **{"source": text, "target": text, "differences": [difference], "shared": [text], "mend": text},
        "evidence": [{"kind": "value", "evidence": [{"reason": text}]}],
    }
    pair = {"nodes": [text, text], "seconds": 1.0, "shared": [text], "mend": text}
    found = {
        **{"equal": False, "folder": "own", "noise": [text], "opaque": [text], "missing_edges": [edge]},
        "runs": [{"order": "random", "total_time": 1.0, "backend": text, "jobs": 2}],
        "pairs": {"unordered": 2, "inverted": 1},
        **{"in_document_order": [difference], "backwards": [(text, text)], "suspects": [pair]},
        **{"unsteady": [difference], "search": {"complete": False, "runs": 3}, "differences": [difference]},
    }
    lines = proof_lines(found)
    assert len("\n".join(lines).split("\n")) == len(lines)
    assert_harmless_text("\n".join(lines))
    assert clean(text) in "\n".join(lines)
