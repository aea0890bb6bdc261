"""Todos: their shape, their words, what is ticked, and Markdown that no name can break."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.definitions.loading import load_command
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.progress.state import STANDINGS, Progress
from orchestra_nb.progress.todos import _VERBS, checklist, participle, todos_of, worded

WORDS = [
    ("Review security", "Review security", "Reviewing security"),
    ("analyze the code. Be quick.", "Analyze the code", "Analyzing the code"),
    ("Plan the release", "Plan the release", "Planning the release"),
    ("Fix it", "Fix it", "Fixing it"),
    ("Set up\n\n  the database", "Set up   the database", "Setting up   the database"),
    ("Security review", "Run Security review", "Running Security review"),
    ("databases of the world", "Run databases of the world", "Running databases of the world"),
    ("Review", "Run Review", "Running Review"),
]


@pytest.mark.parametrize(("task", "content", "active"), WORDS)
def test_a_task_is_said_in_the_imperative_and_in_the_participle(task, content, active):
    assert worded(task) == (content, active)


def test_every_verb_of_the_list_makes_a_participle_of_its_own():
    made = {participle(verb) for verb in _VERBS}
    assert len(made) == len(_VERBS)
    assert {"getting", "fitting", "running", "writing", "analysing", "copying", "mapping"} <= made


@given(st.text())
def test_any_task_makes_short_single_lines(task):
    assert all(len(said.splitlines()) <= 1 and len(said) <= 100 for said in worded(task))


def graph():
    return DAG([Node("scan", phase="Look"), Node("free"), Node("grep", phase="Look"), Node("tell", phase="Say")])


def test_flat_there_is_one_for_each_node_in_document_order():
    todos = todos_of(Progress(graph()))
    assert [todo["content"] for todo in todos] == ["Run scan", "Run free", "Run grep", "Run tell"]
    assert all(set(todo) == {"content", "status", "activeForm"} for todo in todos)


def test_by_phase_nodes_stand_beneath_their_phase_and_those_without_one_alone():
    todos = todos_of(Progress(graph()), by_phase=True)
    assert [todo["content"] for todo in todos] == ["Look", "  Run scan", "  Run grep", "Run free", "Say", "  Run tell"]


HOW = {
    "pending": ("Run a", "pending"),
    "in_progress": ("Run a", "in_progress"),
    "completed": ("Run a", "completed"),
    "failed": ("Run a (failed)", "pending"),
    "skipped": ("Run a (skipped)", "pending"),
    "cancelled": ("Run a (cancelled)", "pending"),
}


def standing_as(*standings):
    progress = Progress(DAG(Node(name, phase="P") for name in "abcdef"[: len(standings)]))
    progress.standings = list(standings)
    return progress


@pytest.mark.parametrize("standing", STANDINGS)
def test_only_what_was_done_is_ticked_and_the_text_says_how_the_rest_ended(standing):
    (todo,) = todos_of(standing_as(standing))
    assert (todo["content"], todo["status"]) == HOW[standing]


PHASES = [
    (("pending", "pending"), "P", "pending"),
    (("in_progress", "pending"), "P (0 of 2)", "in_progress"),
    (("completed", "pending"), "P (1 of 2)", "in_progress"),
    (("completed", "completed"), "P", "completed"),
    (("completed", "failed"), "P (1 failed)", "pending"),
    (("skipped", "cancelled", "completed"), "P (1 cancelled, 1 skipped)", "pending"),
]


@pytest.mark.parametrize(("standings", "content", "status"), PHASES)
def test_a_phase_is_ticked_when_all_its_nodes_are(standings, content, status):
    todo = todos_of(standing_as(*standings), by_phase=True)[0]
    assert (todo["content"], todo["status"]) == (content, status)


def test_agents_are_said_by_their_tasks():
    agents = [{"id": "sec", "task": "Review security."}, {"id": "api", "task": "The API, as a whole"}, {"id": "bare"}]
    dag = load_command({"name": "/look", "phases": [{"name": "Look", "agents": agents}]}).dag
    assert [todo["activeForm"] for todo in todos_of(Progress(dag))] == [
        "Reviewing security",
        "Running The API, as a whole",
        "Running bare",
    ]


NASTY = st.text(st.sampled_from("ab \n\t`*_[]()<>&#!|~-+.:@\\\"'1\u202e\x1b\ud800"), min_size=1, max_size=20)


@given(NASTY)
def test_no_name_can_make_anything_but_its_own_item(name):
    from markdown_it import MarkdownIt

    progress = Progress(DAG([Node(name), Node("plain")]))
    text = checklist(progress, title=name)
    html = MarkdownIt("commonmark").render(text)
    assert set(re.findall(r"</?(\w+)", html)) <= {"h1", "ul", "li"}
    assert html.count("<li>") == 2
    assert "Run plain" in html


def test_what_is_in_progress_is_marked_in_markdown_and_what_is_done_is_ticked():
    progress = standing_as("completed", "in_progress", "failed")
    assert checklist(progress, by_phase=True).splitlines() == [
        "- [ ] ▶ P \\(2 of 3\\)",
        "  - [x] Run a",
        "  - [ ] ▶ Running b",
        "  - [ ] Run c \\(failed\\)",
    ]


@given(st.lists(NASTY, unique=True, max_size=4))
def test_todos_of_any_names_are_json(names):
    todos = todos_of(Progress(DAG(Node(name) for name in names)))
    assert json.loads(json.dumps(todos)) == todos


def test_what_compensates_is_a_todo_only_when_it_has_to():
    progress = Progress(DAG([Node("write", phase="Out", undo="take"), Node("take", phase="Out"), Node("check")]))
    assert [todo["content"] for todo in todos_of(progress)] == ["Run write", "Run check"]
    progress.ended("write", "completed", 1.0)
    progress.ended("take", "skipped", 1.0)
    assert checklist(progress, by_phase=True) == "- [x] Out\n  - [x] Run write\n- [ ] Run check\n"
    undone = Progress(progress.dag)
    undone.started("take", 2.0)
    assert "Running take" in [todo["activeForm"] for todo in todos_of(undone)]
