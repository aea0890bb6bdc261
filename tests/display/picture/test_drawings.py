from __future__ import annotations

import re
import shutil
import stat
from xml.etree import ElementTree

import pytest

from orchestra_nb.display.graphs import picture_block
from orchestra_nb.display.picture import dot_layout, drawings, layered
from orchestra_nb.graph import DAG
from orchestra_nb.model import Edge, Node, Outcome
from orchestra_nb.replay.fold import STATES

SVG = "{http://www.w3.org/2000/svg}"
DAG_ = DAG([Node("load", cost=2), Node("plot", after=["load"])])


@pytest.fixture(autouse=True)
def fresh():
    drawings._laid_out.cache_clear()


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a program of our own in the place of ``dot``."""

    def install(script: str) -> None:
        path = tmp_path / "dot"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(shutil, "which", lambda name: str(path))

    return install


def boxes(drawing: str) -> dict[str, tuple[tuple[str, ...], dict[str, str]]]:
    """The rows of each box and the attributes of its rectangle, by its class."""
    found = {}
    for group in ElementTree.fromstring(drawing).iter(f"{SVG}g"):
        if "class" in group.attrib:
            rows = tuple(text.text or "" for text in group.findall(f"{SVG}text"))
            found[group.attrib["class"]] = rows, dict(group.find(f"{SVG}rect").attrib)
    return found


def is_whole(drawing: str) -> bool:
    return {rows for rows, _ in boxes(drawing).values()} == {("load", "2.0 s"), ("plot", "1.0 s")}


def test_without_dot_it_still_draws(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert is_whole(drawings.svg(DAG_))


@pytest.mark.parametrize("script", ["exit 1", "echo no picture here", "kill -9 $$"])
def test_when_dot_fails_it_still_draws(program, script):
    program(script)
    assert is_whole(drawings.svg(DAG_))


def test_when_dot_is_late_it_still_draws(program, monkeypatch):
    monkeypatch.setattr(drawings, "LIMIT", 0.2)
    program("exec sleep 30")
    assert is_whole(drawings.svg(DAG_))


def test_when_dot_cannot_be_started_it_still_draws(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: "/nowhere/dot")
    assert is_whole(drawings.svg(DAG_))


def test_whoever_lays_out_the_boxes_are_the_same(monkeypatch):
    drawn = [drawings.svg(DAG_)]
    monkeypatch.setattr(shutil, "which", lambda name: None)
    drawn.append(drawings.svg(DAG_))
    places = [{key: (rows, rect["width"], rect["height"]) for key, (rows, rect) in boxes(d).items()} for d in drawn]
    assert places[0] == places[1]


def test_a_graph_is_laid_out_once_whatever_becomes_of_it(program, tmp_path):
    program(f"echo x >> {tmp_path}/calls; exit 1")
    drawn = drawings.drawing(DAG_)
    for state in STATES:
        drawn.painted({"load": state}, {"load": 1.0})
        drawings.svg(DAG_, {"load": Outcome("load", "done", started=0.0, ended=3.0)}, states={"plot": state})
    assert (tmp_path / "calls").read_text() == "x\n"


@pytest.mark.parametrize("dot", [True, False], ids=["dot", "own"])
def test_painting_changes_boxes_only_and_never_their_size(monkeypatch, dot):
    if not dot:
        monkeypatch.setattr(shutil, "which", lambda name: None)
    drawn = drawings.drawing(DAG_)
    monkeypatch.setattr(dot_layout, "lay_out", None)
    monkeypatch.setattr(layered, "lay_out", None)
    before = drawn.painted({})
    plain = boxes(before)
    for state in STATES:
        after = drawn.painted({"load": state, "plot": state}, {"load": 5000.0, "plot": 0.1})
        for key, (_, rect) in boxes(after).items():
            assert [rect[name] for name in ("x", "y", "width", "height")] == [
                plain[key][1][name] for name in ("x", "y", "width", "height")
            ]
        assert re.findall(r"<path [^>]*>", after) == re.findall(r"<path [^>]*>", before)


def test_a_moment_is_painted_with_marks_colours_and_times():
    drawn = drawings.drawing(DAG_)
    painted = drawn.painted({"load": "done", "plot": "running"}, {"load": 3.0, "plot": 0.25})
    assert [rows for rows, _ in boxes(painted).values()] == [("✓ load", "3.0 s"), ("▶ plot", "250 ms")]
    assert ElementTree.fromstring(painted).find(f"{SVG}title").text == (
        "DAG of 2 nodes in 2 levels; critical path load → plot; ▶ 1 running, ✓ 1 done"
    )


def test_groups_are_those_of_the_painted_picture():
    drawn = drawings.drawing(DAG_)
    states, times = {"load": "done", "plot": "running"}, {"load": 3.0}
    for group in drawn.groups(states, times):
        assert group in drawn.painted(states, times)
    assert [group[:14] for group in drawn.groups(states)] == ['<g class="n0">', '<g class="n1">']


def test_a_drawing_says_for_whom_each_box_stands():
    wide = DAG([Node("root"), *(Node(f"n{i}", index=i, after=["root"]) for i in range(400))])
    drawn = drawings.drawing(wide)
    assert [len(names) for names in drawn.boxes] == [1, 400]
    assert drawn.looks({"root": "done", "n3": "running", "n4": "done"}) == ("done", "running")
    assert drawn.looks({}) == ("", "")
    assert list(boxes(drawn.painted({}))) == ["n0", "n1"]


def test_one_name_in_another_is_painted_where_it_belongs():
    dag = DAG([Node("n1"), Node('class="n1"'), Node("n0", after=["n1"])])
    assert [rows[0] for rows, _ in boxes(drawings.drawing(dag).painted({"n1": "done", "n0": "failed"})).values()] == [
        "✓ n1",
        'class="n1"',
        "✗ n0",
    ]


def test_outcomes_give_marks_times_and_reasons():
    dag = DAG([Node("a"), Node("b"), Node("c", after=["a"])])
    outcomes = {
        "a": Outcome("a", "failed", started=0.0, ended=3.0),
        "b": Outcome("b", "done", started=0.0, ended=0.5),
        "c": Outcome("c", "skipped", reason="needs 'a', which failed"),
    }
    drawn = drawings.svg(dag, outcomes)
    assert [rows for rows, _ in boxes(drawn).values()] == [("✗ a", "3.0 s"), ("✓ b", "500 ms"), ("– c",)]
    assert "skipped: needs &#x27;a&#x27;, which failed" in drawn


def test_states_stand_for_nodes_that_have_no_outcome_yet():
    drawn = drawings.svg(DAG_, {"load": Outcome("load", "cached")}, states={"plot": "queued"})
    assert [rows[0] for rows, _ in boxes(drawn).values()] == ["↺ load", "» plot"]


def test_the_critical_path_is_heavy_and_possible_edges_are_dashed():
    dag = DAG([Node("a"), Node("b"), Node("c", cost=0.5)], [Edge("a", "b"), Edge("a", "c", "file", "possible")])
    critical, possible = re.findall(r"<path [^>]*>", drawings.svg(dag))
    assert 'stroke-width="2.6"' in critical
    assert "stroke-dasharray" not in critical
    assert 'stroke-dasharray="5,3"' in possible


def test_a_time_that_is_wider_than_its_box_is_set_narrower():
    years = drawings.drawing(DAG([Node("a")])).painted({"a": "done"}, {"a": 1e12})
    assert 'textLength="' in years
    assert 'textLength="' not in drawings.drawing(DAG([Node("a")])).painted({"a": "done"}, {"a": 5000.0})


def test_phases_are_frames_with_their_names():
    dag = DAG([Node("a", phase="<i>first</i>"), Node("b", after=["a"], phase="second")])
    assert {"&lt;i&gt;first&lt;/i&gt;", "second"} <= set(re.findall(r">([^<>]*)</text>", drawings.svg(dag)))


def test_five_thousand_nodes_are_drawn():
    dag = DAG(Node(f"n{i}", index=i, after=[f"n{i - 100}"] if i >= 100 else ()) for i in range(5000))
    assert "200 nodes" in drawings.svg(dag)


def test_without_tooltips_lines_of_one_style_are_one_path_and_nothing_else_is_lost():
    dag = DAG([Node("a"), *(Node(f"n{i}", after=["a"], cost=i) for i in range(20))])
    full, light = drawings.svg(dag), drawings.svg(dag, tips=False)
    assert boxes(full) == boxes(light)
    assert light.count("<title>") == 1
    assert len(re.findall("<path ", full)) == 20
    ways = re.findall(r'<path d="([^"]*)" fill="none"', light)
    assert len(ways) == 2
    assert "".join(ways).count("M") == 20
    assert len(re.findall("M", re.findall(r'<path d="([^"]*)" fill="#0b3c8c"', light)[0])) == 1


def test_what_a_notebook_keeps_of_the_largest_picture_is_small():
    dag = DAG(
        Node(f"node-{i}", index=i, cost=i % 7 + 1, after=sorted({f"node-{i - j}" for j in (11, 23, 40) if i >= j}))
        for i in range(300)
    )
    assert len(picture_block(dag, states=dict.fromkeys(dag.nodes, "done"))) < 300_000
