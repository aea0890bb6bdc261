from __future__ import annotations

from orchestra_nb.display.picture import svg
from orchestra_nb.display.picture.dot import dot
from orchestra_nb.display.picture.faces import face
from orchestra_nb.display.picture.parts import FAINT, title
from orchestra_nb.display.picture.scene import scene
from orchestra_nb.graph import DAG
from orchestra_nb.model import Edge, Evidence, Node


def pair(*edges: Edge) -> DAG:
    return DAG([Node("a"), Node("b")], edges)


def test_a_box_has_name_and_time_and_says_if_it_is_critical():
    picture = scene(DAG([Node("load", cost=2), Node("slow", after=["load"], cost=5), Node("quick", after=["load"])]))
    assert [(face(box).rows, box.level, box.critical) for box in picture.boxes] == [
        (("load", "2.0 s"), 0, True),
        (("slow", "5.0 s"), 1, True),
        (("quick", "1.0 s"), 1, False),
    ]
    assert [line.critical for line in picture.lines] == [True, False]


def test_costs_that_nobody_gave_are_not_shown():
    assert [face(box).rows for box in scene(DAG([Node("a"), Node("b")])).boxes] == [("a",), ("b",)]


def test_the_critical_path_is_that_of_the_durations_shown():
    dag = DAG([Node("a", cost=9), Node("b", cost=1)])
    assert [box.critical for box in scene(dag).boxes] == [True, False]
    assert [box.critical for box in scene(dag, {"b": 20.0}).boxes] == [False, True]


def test_the_tooltip_tells_what_a_node_touches():
    (box,) = scene(DAG([Node("a", reads=("x", "y"), writes=("z",), mutates=("m",))])).boxes
    assert " · ".join(box.facts) == "a · level 0 · reads x, y · writes z · mutates m · on the critical path"


def test_edges_of_a_pair_are_one_line_of_the_most_telling_kind():
    (line,) = scene(
        pair(Edge("a", "b", "order", "possible"), Edge("a", "b", "value", evidence=(Evidence("df"),)))
    ).lines
    assert (line.kind, line.possible) == ("value", False)
    assert line.tooltip == "a → b  [order, possible] declared · a → b  [value] df"


def test_a_line_is_dashed_when_all_its_edges_are_possible():
    edges = [Edge("a", "b", kind, "possible") for kind in ("value", "file")]
    assert scene(pair(*edges)).lines[0].possible


def test_many_reasons_are_cut():
    edges = [Edge("a", "b", "value", evidence=(Evidence(f"x{i}"),)) for i in range(12)]
    assert scene(pair(*edges)).lines[0].tooltip.endswith("and 4 more")


def test_the_title_is_one_sentence_however_long_the_path():
    chain = DAG(Node(f"n{i}", index=i, after=[f"n{i - 1}"] if i else ()) for i in range(50))
    assert title(chain) == (
        "DAG of 50 nodes in 50 levels; critical path n0 → n1 → n2 → n3 → n4 → n5 → … → n45 → n46 → n47 → n48 → n49"
    )
    assert title(DAG([])) == "DAG of 0 nodes in 0 levels"


def test_a_line_that_a_longer_way_implies_is_faint_in_every_drawing() -> None:
    dag = DAG([Node("a"), Node("b", after=("a",)), Node("c", after=("a", "b"), cost=0.5)])
    drawn = scene(dag)
    assert {(line.source, line.target): line.implied for line in drawn.lines} == {
        (0, 1): False, (0, 2): True, (1, 2): False,
    }  # fmt: skip
    assert dot(drawn).count(FAINT) == 1
    assert svg(dag).count(FAINT) == 2  # the line and its head


def test_a_cell_without_a_name_says_what_it_makes() -> None:
    nodes = [
        Node("cell-1", kind="cell", writes=("x", "y", "z"), source="x = 1"),
        Node("cell-2", kind="cell", source="# first\n\nprint('hello')"),
        Node("load", kind="cell", writes=("x",)),
        Node("cell-4"),
    ]
    assert [box.rows for box in scene(DAG(nodes)).boxes] == [("x, y…",), ("print('hello')",), (), ()]
