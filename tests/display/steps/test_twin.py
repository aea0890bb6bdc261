"""The static twin and the text of a story: the whole walk is readable, harmless, and never too heavy."""

import pytest

from orchestra_nb.display.dashboard.fitting import weight
from orchestra_nb.display.gantt import timeline_of
from orchestra_nb.display.steps import painted, story_html, story_text
from orchestra_nb.display.steps.painting import until
from orchestra_nb.display.steps.twin import MOST, spread
from orchestra_nb.graph import DAG
from orchestra_nb.labs import Bars, Frame, Graph, Lines, Rows, Story, Waits
from orchestra_nb.model import Node
from orchestra_nb.simulation import simulate

from ..judges import assert_harmless_html, assert_harmless_svg, assert_harmless_text
from ..payloads import PAYLOADS


def dag_of(many):
    nodes = [Node(f"n{i}", cost=1 + i % 3, after=[f"n{j}" for j in (i - 7, i - 11) if j >= 0]) for i in range(many)]
    return DAG(nodes)


def story_of(steps, nodes=12):
    dag = dag_of(nodes)
    schedule = simulate(dag, 2)

    def frame(i):
        states = {f"n{j}": "done" if j < i else "running" for j in range(min(i + 2, nodes))}
        table = Rows("Ready", ("node", "rank"), tuple((f"n{j}", str(j)) for j in range(i % 5)))
        panels = (Graph("Graph", dag, states), Bars("Gantt", schedule, i / 2), table)
        return Frame(f"{i} s", (f"n{i} begins",), panels, {"running": f"n{i}"})

    return Story("a walk", [frame(i) for i in range(steps)], ("it takes 9 s",), (Bars("Gantt", schedule),))


def hostile():
    dag = DAG([Node(text, cost=1) for text in PAYLOADS])
    first, second, *_ = PAYLOADS
    tables = [Rows(text, (text, text), ((text, text),)) for text in PAYLOADS]
    waits = Waits(first, tuple((text, text, (text,)) for text in PAYLOADS), ((second, second, second),))
    said = [Lines(second, tuple(PAYLOADS)), Rows(first, (first,), (), second), Waits(first, (), empty=second)]
    drawn = [waits, Graph(first, dag, dict.fromkeys(PAYLOADS, "running")), Bars(second, simulate(dag, 2), 0.5)]
    frame = Frame(first, tuple(PAYLOADS), (*tables, *said, *drawn), {text: text for text in PAYLOADS})
    return Story(first, [frame], tuple(PAYLOADS))


def test_what_is_hostile_stays_text():
    assert_harmless_html(story_html(hostile()))
    assert_harmless_text(story_text(hostile()))
    for panel in hostile().frames[0].panels:
        if made := painted(panel).svg:
            assert_harmless_svg(made)


def test_each_step_is_in_the_page_and_in_the_text():
    story = story_of(4)
    page, told = story_html(story), story_text(story)
    for number in range(4):
        assert f"n{number} begins" in page
        assert f"n{number} begins" in told
        assert f"<summary>Step {number + 1} of 4" in page
    assert page.count("<img") == 1 + 4 * 2


@pytest.mark.parametrize(("steps", "nodes"), [(1, 1), (60, 40), (1000, 300), (1000, 2000)])
def test_a_twin_never_weighs_more_than_a_page_should_and_says_what_it_leaves_out(steps, nodes):
    page = story_html(story_of(steps, nodes))
    assert weight(page) <= MOST
    assert "what happened" in page
    assert ("the frame has all of them" in page or "are in the table only" in page) == (steps > 200)


def test_bars_cut_at_a_moment_keep_their_places():
    whole = timeline_of(simulate(dag_of(12), 3))
    for at in (0.0, 1.0, 2.5, whole.end):
        cut = until(whole, at)
        assert (cut.lanes, cut.end) == (whole.lanes, whole.end)
        assert all(bar.end <= max(at, bar.start) for bar in cut.bars)
        places = {bar.node: (bar.lane, bar.start) for bar in whole.bars}
        assert all(places[bar.node] == (bar.lane, bar.start) for bar in cut.bars)
        assert {bar.state for bar in cut.bars} <= {"done", "running"}


def test_many_steps_are_few_lines():
    assert len(story_text(story_of(1000), most=5).splitlines()) == 2 + 2 * 5 + 1


@pytest.mark.parametrize("many", [1, 2, 7, 100])
def test_the_first_and_the_last_are_among_those_chosen(many):
    for chosen in (2, 3, 10):
        found = spread(many, chosen)
        assert len(found) == min(many, chosen)
        assert (found[0], found[-1]) == (0, many - 1)
