from __future__ import annotations

import pytest

from orchestra_nb.display.picture.faces import Moment, face
from orchestra_nb.display.picture.scene import MOST_BOXES, MOST_LINES, scene
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node


def chain(length: int, **fields: object) -> list[Node]:
    return [Node(f"n{i}", index=i, after=[f"n{i - 1}"] if i else (), **fields) for i in range(length)]


def test_a_large_graph_is_collapsed_by_level():
    wide = DAG([Node("root"), *(Node(f"n{i}", index=i, after=["root"], cost=2) for i in range(MOST_BOXES))])
    picture = scene(wide)
    assert [face(box).rows for box in picture.boxes] == [
        ("level 0", "1 node", "1.0 s"),
        ("level 1", "300 nodes", "10 min 00 s"),
    ]
    moment = Moment({"root": "done", "n3": "failed"}, {"root": 1.0}, {})
    assert [face(box, moment).rows[:2] for box in picture.boxes] == [
        ("✓ level 0", "1 of 1 ended"),
        ("✗ level 1", "1 of 300 ended"),
    ]
    assert [(line.source, line.target, line.tooltip, line.critical) for line in picture.lines] == [
        (0, 1, "300 needs", True)
    ]
    assert picture.title.endswith("(collapsed by level)")


def test_a_long_chain_is_collapsed_by_runs_of_levels():
    picture = scene(DAG(chain(5000)))
    assert len(picture.boxes) <= 16
    assert face(picture.boxes[0]).rows == ("levels 0 to 312", "313 nodes")
    assert len(picture.lines) == len(picture.boxes) - 1


def test_a_critical_path_that_jumps_a_run_keeps_its_line():
    end = Node("end", index=400, after=["n0", "n399"], cost=1)
    lines = scene(DAG([*chain(400, cost=0.001), end]).with_costs({"n0": 500})).lines
    assert all(line.target > line.source for line in lines)


def test_where_there_are_phases_a_large_graph_is_collapsed_by_them():
    nodes = [
        Node(f"n{i}", index=i, after=[f"n{i - 100}"] if i >= 100 else (), phase=f"phase {i // 200}", cost=1 + i % 2)
        for i in range(400)
    ]
    picture = scene(DAG([*nodes, Node("report", index=400, after=["n399", "n0"], cost=1)]))
    assert [(box.name, len(box.nodes), box.level) for box in picture.boxes] == [
        ("phase 0", 200, 0),
        ("phase 1", 200, 1),
        ("no phase", 1, 2),
    ]
    assert [(line.source, line.target, line.tooltip, line.implied) for line in picture.lines] == [
        (0, 1, "100 needs", False),
        (0, 2, "1 need", True),
        (1, 2, "1 need", False),
    ]
    assert picture.title.endswith("(collapsed by phase)")
    assert sorted(name for box in picture.boxes for name in box.nodes) == sorted(
        [f"n{i}" for i in range(400)] + ["report"]
    )


@pytest.mark.parametrize(
    "phase",
    [lambda i: f"p{i % 2}", lambda i: f"p{i}", lambda i: "all"],
    ids=["two that need each other", "as many as nodes", "one"],
)
def test_phases_that_say_nothing_leave_it_to_the_levels(phase):
    nodes = [Node(f"n{i}", index=i, after=[f"n{i - 1}"] if i else (), phase=phase(i)) for i in range(400)]
    assert scene(DAG(nodes)).title.endswith("(collapsed by level)")


def test_too_many_lines_that_say_something_collapse_a_graph_of_few_nodes():
    upper = [Node(f"a{i}", index=i) for i in range(40)]
    lower = [Node(f"b{i}", index=40 + i, after=[node.id for node in upper]) for i in range(40)]
    assert MOST_LINES < 40 * 40
    assert len(scene(DAG([*upper, *lower])).boxes) == 2


def test_of_too_many_lines_those_that_longer_ways_imply_are_left_out_first():
    dense = DAG(Node(f"n{i}", index=i, after=[f"n{j}" for j in range(i)]) for i in range(60))
    picture = scene(dense)
    assert (len(picture.boxes), len(picture.lines)) == (60, 59)
    assert picture.title.endswith("; 1,711 lines that longer ways imply left out")
