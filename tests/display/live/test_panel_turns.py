"""Which panels are made at a look: the cheap ones always, the dear ones as seldom as they are dear."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.display.live.panel_turns import PanelTurns


@given(st.lists(st.floats(0.005, 2.0), min_size=2, max_size=40), st.integers(1, 20_000))
def test_a_dear_panel_takes_one_percent_of_the_time(costs: list[float], nodes: int) -> None:
    turns, now, first = PanelTurns(), 0.0, None
    for spent in costs:
        while not turns.due("todos", now, nodes=nodes):
            now += 0.25
        first = now if first is None else first
        turns.made("todos", now, spent)
    assert sum(costs[:-1]) <= 0.01 * (now - first) + 1e-6


@given(st.lists(st.floats(0.0, 0.004), min_size=1, max_size=20))
def test_a_cheap_panel_is_made_at_each_look(costs: list[float]) -> None:
    turns = PanelTurns()
    for number, spent in enumerate(costs):
        assert turns.due("levels", 0.25 * number, nodes=10)
        assert not turns.made("levels", 0.25 * number, spent)


def test_the_chart_of_a_small_run_is_there_at_once_and_then_every_second() -> None:
    turns, made = PanelTurns(), []
    for number in range(12):
        if turns.due("gantt", 0.25 * number, nodes=10):
            made.append(0.25 * number)
            turns.made("gantt", 0.25 * number, 0.003)
    assert made == [0.0, 1.0, 2.0]
