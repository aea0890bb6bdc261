"""What a terminal is shown fits its width, lines up, says with a mark what a colour says, and never reads names."""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from orchestra_nb.display.plans import schedule_gantt
from orchestra_nb.display.terminal import Faults, LevelTree, Plan, Prose, Results, capable, drawn, of_value
from orchestra_nb.display.terminal.columns import Column, lines
from orchestra_nb.display.terminal.looks import MARKS, STYLES
from orchestra_nb.display.terminal.run_view import LevelSoFar, RunView, window
from orchestra_nb.display.text import dag_text, outcomes_text
from orchestra_nb.errors import Issue, NodeFailed
from orchestra_nb.graph import DAG, ValidationResult
from orchestra_nb.model import Node, Outcome
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.replay.fold import STATES
from orchestra_nb.simulation import simulate

LONG = "a-name-that-is-longer-than-any-terminal-" * 4
DAG_ = DAG(
    [
        Node("load", cost=2),
        Node("日本語の名前", after=["load"], cost=3.5),
        Node("[red]x[/red]", after=["load"], cost=0.25),
        Node(LONG, after=["load"]),
        Node("fit", after=["日本語の名前", "[red]x[/red]"], cost=120),
    ]
)
OUTCOMES = {
    "load": Outcome("load", "cached", reason="kept from an earlier run"),
    "日本語の名前": Outcome("日本語の名前", "done", started=0.0, ended=1.5, worker="thread-0", attempts=1),
    "[red]x[/red]": Outcome("[red]x[/red]", "failed", NodeFailed("E: " + LONG), started=0.0, ended=1234.5, attempts=3),
    LONG: Outcome(LONG, "skipped", reason="stopped after another node failed, and this is long"),
    "fit": Outcome("fit", "cancelled", reason="the run was interrupted"),
}


def tracker(done=(), running=(), failed=()) -> ProgressTracker:
    made = ProgressTracker()
    made.initialize(DAG_, "analysis.ipynb", workers=2)
    for name in done:
        made.mark_completed(name)
    for name in running:
        made.mark_started(name)
    for name in failed:
        made.update(name, "failed")
    return made


def shown(value, width=80, height=30, **knobs) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, **knobs)
    with console.capture() as captured:
        console.print(value)
    return captured.get().splitlines()


EVERYTHING = {
    "results": Results(OUTCOMES, ["✗ failed: 5 nodes " + "and more " * 20, "error: no"]),
    "levels": LevelTree(DAG_),
    "plan": Plan(DAG_, schedule_gantt(simulate(DAG_, 2)), ["picture: a.svg"]),
    "faults": Faults([Issue("cycle", "a " * 60, path="cell 3", suggestion="mend " * 30), Issue("x", "y")]),
    "run": RunView.of(tracker(["load"], ["日本語の名前", LONG]).report()),
}


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("what", EVERYTHING)
def test_nothing_is_wider_than_the_terminal(what, width):
    for line in shown(EVERYTHING[what], width):
        assert cell_len(line) <= width


@pytest.mark.parametrize("what", EVERYTHING)
def test_without_colours_the_same_is_said(what):
    plain = shown(EVERYTHING[what], color_system=None)
    coloured = shown(EVERYTHING[what], force_terminal=True, color_system="standard")
    uncoloured = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in coloured]
    bar = what == "run"  # rich draws what is left of a bar only where it can be paler than the rest
    assert uncoloured[bar:] == plain[bar:]
    assert any("\x1b[" in line for line in coloured)


def test_no_color_is_honoured(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    coloured = "\n".join(shown(EVERYTHING["results"], force_terminal=True, color_system="standard"))
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", coloured)


def test_every_state_has_a_mark_and_no_two_the_same():
    assert set(MARKS) == set(STYLES) == set(STATES)
    assert len(set(MARKS.values())) == len(MARKS)


def test_a_table_of_results_says_all_that_there_is_room_for():
    table = shown(Results(OUTCOMES), 200)
    assert table[0].split() == ["node", "status", "seconds", "worker", "attempts", "why"]
    assert table[2].split() == ["✓", "日本語の名前", "done", "1.500", "thread-0", "1"]
    assert table[3].split()[:5] == ["✗", "[red]x[/red]", "failed", "1,234.500", "3"]
    assert table[1].split(maxsplit=3) == ["↺", "load", "cached", "kept from an earlier run"]


def test_seconds_line_up_at_their_right_and_names_at_their_left():
    table = shown(Results(OUTCOMES), 80)
    ends = {
        cell_len(line[: line.index(number) + len(number)])
        for line, number in ((table[2], "1.500"), (table[3], "1,234.500"))
    }
    assert len(ends) == 1
    starts = {
        cell_len(line[: line.index(word)])
        for line, word in zip(table[1:], ("cached", "done", "failed", "skipped", "cancelled"), strict=True)
    }
    assert len(starts) == 1


def test_the_narrower_the_fewer_columns_and_names_are_cut_with_a_sign():
    headings = [tuple(shown(Results(OUTCOMES), width)[0].split()) for width in (200, 60, 40)]
    assert headings == [
        ("node", "status", "seconds", "worker", "attempts", "why"),
        ("node", "status", "seconds", "why"),
        ("node", "status", "seconds"),
    ]
    assert shown(Results(OUTCOMES), 60)[4].split("  ")[0].endswith("…")


def test_attempts_are_shown_where_somebody_needed_more_than_one():
    once = {"load": Outcome("load", "done", started=0.0, ended=1.0, attempts=1)}
    assert "attempts" not in shown(Results(once), 200)[0]


def test_no_nodes_is_no_table():
    assert shown(Results({}, ["✓ done: 0 nodes"])) == ["✓ done: 0 nodes"]


def test_levels_are_a_tree_with_times_in_a_column_and_the_critical_path_marked():
    tree = shown(LevelTree(DAG_), 60)
    assert tree[0] == "5 nodes, 5 edges, 3 levels, at most 3 at once"
    assert tree[1] == "├─ level 0: 1 node"
    assert tree[3:5] == ["├─ level 1: 3 nodes", tree[4]]
    rows = [line for line in tree if re.search(r"(?:├|└)─ (?:◆|  )", line)]
    assert [("◆" in row) for row in rows] == [True, True, False, False, True]
    assert len({cell_len(row) for row in rows}) == 1
    assert rows[-1].endswith("2 min 00 s")
    assert tree[-2].startswith("◆ critical path (")


@pytest.mark.parametrize("value", [DAG_, DAG([])], ids=["full", "empty"])
def test_a_plan_says_what_plain_lines_say(value):
    said = " ".join(" ".join(shown(Plan(value), 1000)).split())
    for line in dag_text(value).splitlines():
        if not re.match(r"levels:|  \d", line):
            assert " ".join(line.removeprefix("DAG: ").split()) in said
    assert all(name in said or name == LONG for name in value.nodes)


def test_results_say_what_plain_lines_say():
    said = "\n".join(shown(Results(OUTCOMES), 2000))
    for word in re.split(r"\s{2,}", outcomes_text(OUTCOMES)):
        assert word.strip() in said or re.fullmatch(r"[\d.]+ (s|ms)|\d+ min \d+ s", word.strip())


def test_a_fault_says_what_to_do_in_a_line_of_its_own():
    said = shown(Faults([Issue("unknown-node", "'a' is missing", path="cell 3", suggestion="did you mean 'b'?")]))
    assert said == ["✗ error [unknown-node] cell 3: 'a' is missing", "  → did you mean 'b'?"]
    assert shown(Faults([])) == ["✓ valid: nothing was found wrong"]
    assert shown(Faults([Issue("a", "b", severity="warning")])) == ["! warning [a] b"]


def test_prose_breaks_between_words_and_is_set_in():
    said = shown(Prose(["  to mend it: write after=['load', 'fit'] into the cell"]), 40)
    assert said == ["  to mend it: write after=['load',", "    'fit'] into the cell"]


def test_a_column_that_must_stay_is_never_cut():
    row = list(lines([Column("a", [Text("x" * 30)]), Column("b", [Text("y" * 30)], least=5)], 20))[1].plain
    assert row == "x" * 30 + "  yyyy…"


def test_an_empty_column_is_left_out():
    assert [line.plain for line in lines([Column("a", [Text("x")]), Column("b", [Text("")])], 20)] == ["a", "x"]


# ---- while a run goes on ---------------------------------------------------------------------------------------


def test_a_run_shows_what_runs_and_how_far_each_level_is():
    view = shown(RunView.of(tracker(["load"], ["日本語の名前"], ["[red]x[/red]"]).report()), 80, 30)
    assert "2 of 5 (1 failed)" in view[0]
    assert view[1].startswith("▶ 日本語の名前  ")
    assert view[1].endswith("level 1")
    assert view[2:] == ["├─ 0  1 of 1  ✓", "├─ 1  1 of 3  ✗ [red]x[/red]  ▶ 日本語の名前", "└─ 2  0 of 1"]


@pytest.mark.parametrize(("height", "rows"), [(3, 1), (7, 1), (8, 2), (19, 2), (20, 5), (50, 5)])
def test_how_much_is_shown_depends_on_the_height(height, rows):
    assert len(shown(RunView.of(tracker(["load"], ["日本語の名前"]).report()), 80, height)) == rows


@pytest.mark.parametrize("height", range(1, 40))
@pytest.mark.parametrize("depth", [1, 3, 100])
def test_it_never_fills_the_terminal(height, depth):
    nodes = [Node(f"n{i}", after=[f"n{i - 30}"] if i >= 30 else []) for i in range(30 * depth)]
    made = ProgressTracker()
    made.initialize(DAG(nodes), "a", workers=30)
    for node in nodes[:30]:
        made.mark_started(node.id)
    assert len(shown(RunView.of(made.report()), 80, height)) <= max(1, height - 1)


def test_the_longest_running_stand_first_and_the_rest_is_counted():
    view = RunView.of(tracker(running=["load"]).report())
    many = tuple(type(view.running[0])(f"n{i}", float(i), 0) for i in reversed(range(20)))
    said = shown(RunView(view.stats, many, view.levels), 80, 16)
    assert said[1].split() == ["▶", "n19", "19.0", "s", "level", "0"]
    assert said[9] == "  and 12 more"


def test_a_node_that_rests_says_until_when():
    view = RunView.of(tracker(running=["load"]).report())
    resting = (type(view.running[0])("load", -2.5, 0),)
    assert shown(RunView(view.stats, resting, ()), 80, 10)[1].startswith("◷ load  again in 2.5 s")


def level(number, ended):
    return LevelSoFar(number, ended, 1, ())


@pytest.mark.parametrize(
    ("ended", "room", "numbers"),
    [(0, 4, [0, 1, 2]), (5, 4, [4, 5, 6]), (10, 4, [7, 8, 9]), (5, 10, [*range(10)]), (5, 1, []), (5, 0, [])],
)
def test_of_many_levels_those_around_the_first_unfinished_are_shown(ended, room, numbers):
    levels = [level(number, int(number < ended)) for number in range(10)]
    assert [each.number for each in window(levels, room)] == numbers


# ---- who gets it -----------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("term", "expected"), [("xterm-256color", True), ("dumb", False), ("unknown", False)])
def test_a_terminal_that_says_it_is_dumb_is_given_plain_lines(term, expected, monkeypatch):
    monkeypatch.setenv("TERM", term)
    assert capable(Terminal()) is expected
    assert capable(io.StringIO()) is False


def test_values_are_drawn_for_whoever_prints_them(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "70")
    for value in (DAG_, ValidationResult((Issue("a", "b"),)), simulate(DAG_, 2)):
        text = drawn(of_value(value, value._repr_mimebundle_()["text/plain"]), Terminal())
        assert "\x1b[" in text
        assert all(cell_len(re.sub(r"\x1b\[[0-9;]*m", "", line)) <= 70 for line in text.splitlines())
