from __future__ import annotations

import pytest

from orchestra_nb.display.looks import LOOKS
from orchestra_nb.display.picture.legend import lines_legend, states_legend
from orchestra_nb.display.picture.scene import scene
from orchestra_nb.graph import DAG
from orchestra_nb.model import Edge, Node
from orchestra_nb.replay.fold import STATES


@pytest.mark.parametrize("state", STATES)
def test_a_state_is_explained_by_its_mark_on_its_colour_and_no_other_is(state):
    shown = states_legend([state, state, ""])
    assert f">{LOOKS[state].mark}</span>{state} " in shown
    assert f"background:{LOOKS[state].fill}" in shown
    assert f"</span>{state} 2</span>" in shown
    assert not any(f"</span>{other} " in shown for other in STATES if other != state)


def test_without_states_and_lines_there_is_nothing_to_explain():
    assert states_legend([]) == lines_legend(scene(DAG([Node("a"), Node("b")]))) == ""


def test_lines_are_explained_as_they_are_drawn():
    nodes = [Node("a"), Node("b"), Node("c", cost=0.1), Node("d", cost=0.1)]
    edges = [Edge("a", "b"), Edge("a", "c", "file", "possible"), Edge("a", "d", "state")]
    shown = lines_legend(scene(DAG(nodes, edges)))
    assert [word in shown for word in ("critical path", "a file", "a state of the process", "only possible")] == [
        True
    ] * 4
    assert [word in shown for word in ("a value", "declared")] == [False] * 2


def test_one_kind_of_line_needs_no_colour_explained():
    assert "a file" not in lines_legend(scene(DAG([Node("a"), Node("b")], [Edge("a", "b", "file")])))
