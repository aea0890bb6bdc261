from __future__ import annotations

from orchestra_nb.display.dot import dot
from orchestra_nb.display.layered import draw
from orchestra_nb.display.scene import FAINT, MOST_BOXES, scene, title
from orchestra_nb.graph import DAG
from orchestra_nb.model import Edge, Evidence, Node, Outcome


def pair(*edges: Edge) -> DAG:
    return DAG([Node("a"), Node("b")], edges)


def test_a_box_has_name_and_time_and_says_if_it_is_critical():
    picture = scene(DAG([Node("load", cost=2), Node("slow", after=["load"], cost=5), Node("quick", after=["load"])]))
    assert [(box.lines, box.level, box.critical) for box in picture.boxes] == [
        (("load", "2.0 s"), 0, True),
        (("slow", "5.0 s"), 1, True),
        (("quick", "1.0 s"), 1, False),
    ]
    assert [line.critical for line in picture.lines] == [True, False]


def test_costs_that_nobody_gave_are_not_shown():
    assert [box.lines for box in scene(DAG([Node("a"), Node("b")])).boxes] == [("a",), ("b",)]


def test_outcomes_give_marks_times_and_reasons():
    dag = DAG([Node("a"), Node("b"), Node("c", after=["a"])])
    outcomes = {
        "a": Outcome("a", "failed", started=0.0, ended=3.0),
        "b": Outcome("b", "done", started=0.0, ended=0.5),
        "c": Outcome("c", "skipped", reason="needs 'a', which failed"),
    }
    boxes = scene(dag, outcomes).boxes
    assert [box.lines for box in boxes] == [("✗ a", "3.0 s"), ("✓ b", "500 ms"), ("– c",)]
    assert "skipped: needs 'a', which failed" in boxes[2].tooltip


def test_the_critical_path_is_that_of_the_durations_shown():
    dag = DAG([Node("a", cost=9), Node("b", cost=1)])
    assert [box.critical for box in scene(dag).boxes] == [True, False]
    assert [box.critical for box in scene(dag, durations={"b": 20.0}).boxes] == [False, True]


def test_the_tooltip_tells_what_a_node_touches():
    (box,) = scene(DAG([Node("a", reads=("x", "y"), writes=("z",), mutates=("m",))])).boxes
    assert box.tooltip == "a · level 0 · reads x, y · writes z · mutates m · on the critical path"


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


def test_a_large_graph_is_collapsed_by_level():
    wide = DAG([Node("root"), *(Node(f"n{i}", index=i, after=["root"], cost=2) for i in range(MOST_BOXES))])
    outcomes = {"root": Outcome("root", "done", started=0.0, ended=1.0), "n3": Outcome("n3", "failed")}
    picture = scene(wide, outcomes)
    assert [box.lines for box in picture.boxes] == [
        ("✓ level 0", "1 node", "1.0 s"),
        ("✗ level 1", "300 nodes", "10 min 00 s"),
    ]
    assert [(line.source, line.target, line.tooltip, line.critical) for line in picture.lines] == [
        (0, 1, "300 needs", True)
    ]
    assert picture.title.endswith("(collapsed by level)")


def test_a_long_chain_is_collapsed_by_runs_of_levels():
    chain = DAG(Node(f"n{i}", index=i, after=[f"n{i - 1}"] if i else ()) for i in range(5000))
    picture = scene(chain)
    assert len(picture.boxes) <= 40
    assert picture.boxes[0].lines[:2] == ("levels 0 to 124", "125 nodes")
    assert len(picture.lines) == len(picture.boxes) - 1


def test_a_critical_path_that_jumps_a_run_keeps_its_line():
    nodes = [Node(f"n{i}", index=i, after=[f"n{i - 1}"] if i else (), cost=0.001) for i in range(400)]
    end = Node("end", index=400, after=["n0", "n399"], cost=1)
    lines = scene(DAG([*nodes, end]).with_costs({"n0": 500})).lines
    assert all(line.target > line.source for line in lines)


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
    assert draw(drawn).count(FAINT) == 2  # the line and its head


def test_a_cell_without_a_name_says_what_it_makes() -> None:
    nodes = [
        Node("cell-1", kind="cell", writes=("x", "y", "z"), source="x = 1"),
        Node("cell-2", kind="cell", source="# first\n\nprint('hello')"),
        Node("load", kind="cell", writes=("x",)),
        Node("cell-4"),
    ]
    assert [box.lines[1:] for box in scene(DAG(nodes)).boxes] == [("x, y…",), ("print('hello')",), (), ()]
