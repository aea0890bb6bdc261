"""Which panels are made at a look: the cheap ones always, the dear ones as seldom as they are dear."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.display.live.panel_turns import PanelTurns


@given(st.lists(st.floats(0.005, 0.5), min_size=2, max_size=20), st.integers(1, 20_000))
def test_a_dear_panel_takes_an_eighth_of_a_percent_of_the_time(costs: list[float], nodes: int) -> None:
    turns, now, first = PanelTurns(), 0.0, None
    for spent in costs:
        while not turns.due("todos", now, nodes=nodes):
            now += 0.25
        first = now if first is None else first
        turns.made("todos", now, spent)
    assert sum(costs[:-1]) <= 0.00125 * (now - first) + 1e-6


@given(st.lists(st.floats(0.0, 0.0019), min_size=1, max_size=20))
def test_a_cheap_panel_is_made_at_each_look(costs: list[float]) -> None:
    turns = PanelTurns()
    for number, spent in enumerate(costs):
        assert turns.due("levels", 0.25 * number, nodes=10)
        assert not turns.made("levels", 0.25 * number, spent)


def test_the_chart_of_a_small_run_is_there_at_once_and_then_every_second() -> None:
    turns, made = PanelTurns(), []
    for number in range(20):
        if turns.due("gantt", 0.25 * number, nodes=10):
            made.append(0.25 * number)
            turns.made("gantt", 0.25 * number, 0.0015)
    assert made == [0.0, 1.0, 2.0, 3.0, 4.0]


@given(st.lists(st.floats(0.0, 0.5), min_size=1, max_size=20), st.integers(1, 100_000))
def test_how_far_the_run_is_and_who_runs_is_made_at_each_look_whatever_it_takes(costs: list[float], nodes: int) -> None:
    turns = PanelTurns()
    for number, spent in enumerate(costs):
        for key in ("progress", "running"):
            assert turns.due(key, 0.25 * number, nodes=nodes)
            assert not turns.made(key, 0.25 * number, spent)


def test_a_large_graph_is_told_in_numbers_first_and_its_dear_panels_come_one_after_the_other() -> None:
    turns = PanelTurns()
    keys = ("progress", "running", "events", "levels", "graph", "todos", "gantt")
    due = [{key for key in keys if turns.due(key, elapsed, nodes=10_000)} for elapsed in (1.0, 4.0, 10.0, 40.0, 100.0)]
    assert due == [set(keys[:3]), set(keys[:4]), set(keys[:5]), set(keys[:6]), set(keys)]
