from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.graph import DAG, reduction
from orchestra_nb.model import Edge, Node


@st.composite
def dags(draw: st.DrawFn) -> DAG:
    size = draw(st.integers(1, 12))
    kinds = st.sampled_from(["declared", "order", "value", "file"])
    nodes, edges = [], []
    for i in range(size):
        before = draw(st.sets(st.integers(0, i - 1), max_size=5)) if i else set()
        nodes.append(Node(f"n{i}", index=i, after=[f"n{j}" for j in before if draw(st.booleans())]))
        edges += [Edge(f"n{j}", f"n{i}", draw(kinds)) for j in sorted(before) if draw(st.booleans())]
    return DAG(nodes, edges)


def optimize(dag: DAG) -> DAG:
    return DAGBuilder().optimize(dag)


@given(dags())
def test_what_must_end_before_what_stays_the_same(dag):
    better = optimize(dag)
    assert all(better.ancestors(name) == dag.ancestors(name) for name in dag.nodes)
    assert better.levels == dag.levels


@given(dags())
def test_only_order_is_dropped_and_all_that_can_be(dag):
    better = optimize(dag)
    gone = set(dag.to_networkx().edges) - set(better.to_networkx().edges)
    least = set(nx.transitive_reduction(dag.to_networkx()).edges)
    carrying = {(e.source, e.target) for e in dag.edges if e.kind not in ("declared", "order")}
    assert gone == set(dag.to_networkx().edges) - least - carrying
    assert len(better.metadata["optimizations"]) == len(gone)


@given(dags())
def test_a_second_time_changes_nothing(dag):
    better = optimize(dag)
    assert optimize(better).edges == better.edges


@given(dags())
def test_small_blocks_find_the_same(dag):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reduction, "_BLOCK", 2)
        small = optimize(dag)
    assert small.edges == optimize(dag).edges
    assert small.metadata == optimize(dag).metadata


def test_a_dropped_need_leaves_the_setting_of_its_node_too():
    better = optimize(DAG([Node("a"), Node("b", after=["a"]), Node("c", after=["a", "b"])]))
    assert better.nodes["c"].after == ("b",)
    assert better.subgraph("c").edges == better.edges


def test_edges_that_carry_something_stay():
    nodes = [Node("a"), Node("b", after=["a"]), Node("c", after=["b"])]
    for kind in ("value", "mutation", "alias", "file", "state"):
        dag = DAG(nodes, [Edge("a", "c", kind), Edge("a", "c", "order")])
        assert optimize(dag).edges == dag.edges


def test_the_note_says_what_and_why():
    dag = DAG([Node("a"), Node("b", after=["a"]), Node("c", after=["b"])], [Edge("a", "c", "order")], {"name": "x"})
    assert dict(optimize(dag).metadata) == {
        "name": "x",
        "optimizations": ("dropped a → c (order): 'c' waits for 'b', which waits for 'a'",),
    }
