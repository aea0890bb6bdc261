from __future__ import annotations

import pytest

from orchestra_nb.display.picture.dot import dot, quote
from orchestra_nb.display.picture.scene import scene
from orchestra_nb.graph import DAG
from orchestra_nb.model import Edge, Node
from orchestra_nb.replay.fold import STATES


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("plain", '"plain"'),
        ('say "x"', r'"say \"x\""'),
        ("ends in \\", r'"ends in \\"'),
        (r"\N \G", r'"\\N \\G"'),
        ("&lt;b&gt;", '"&amp;lt;b&amp;gt;"'),
        ("<b>", '"<b>"'),
        ("a\nb", '"a b"'),
    ],
)
def test_text_is_quoted_so_that_dot_reads_it_as_it_is(text, quoted):
    assert quote(text) == quoted


def test_node_names_are_generated():
    written = dot(scene(DAG([Node("a:b"), Node("x -> y", after=["a:b"])])))
    assert 'n0 [class=n0, width=0.75, label="a:b"' in written
    assert "n0 -> n1 [" in written


def test_levels_share_a_column():
    written = dot(scene(DAG([Node("a"), Node("b"), Node("c", after=["a"])])))
    assert written.count("rank=same") == 1


def test_phases_are_boxes_around_their_nodes():
    written = dot(scene(DAG([Node("a", phase='p"1'), Node("b", phase='p"1', after=["a"]), Node("c", after=["b"])])))
    assert r'subgraph cluster_0 { label="p\"1"' in written
    assert "rank=same" not in written


def test_the_critical_path_is_heavy_and_possible_edges_are_dashed():
    dag = DAG([Node("a"), Node("b"), Node("c", cost=0.5)], [Edge("a", "b"), Edge("a", "c", "file", "possible")])
    critical, possible = [line for line in dot(scene(dag)).splitlines() if "->" in line]
    assert "penwidth=2.6" in critical
    assert "style=dashed" not in critical
    assert "style=dashed" in possible


def test_each_state_has_its_colour():
    dag = DAG([Node(state) for state in STATES])
    nodes = [
        line.split("fillcolor=")[1][:9]
        for line in dot(scene(dag), {state: state for state in STATES}).splitlines()
        if "fillcolor=" in line
    ]
    assert len(set(nodes)) == len(STATES)
