from __future__ import annotations

from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.graph.cycles import cycles


@st.composite
def anything(draw: st.DrawFn) -> list[list[int]]:
    size = draw(st.integers(1, 9))
    return [draw(st.lists(st.integers(0, size - 1), max_size=4)) for _ in range(size)]


def reference(succs: list[list[int]]) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(succs)))
    graph.add_edges_from((i, j) for i, following in enumerate(succs) for j in following)
    return graph


@given(anything())
def test_the_first_is_the_shortest_there_is(succs):
    found = cycles(succs, most=1)
    lengths = [len(cycle) for cycle in nx.simple_cycles(reference(succs))]
    assert [len(path) - 1 for path in found] == ([min(lengths)] if lengths else [])


@given(anything())
def test_each_is_a_way_around_along_edges_and_none_is_named_twice(succs):
    found = cycles(succs)
    for path in found:
        assert path[0] == path[-1] == min(path)
        assert len(set(path)) == len(path) - 1
        assert all(b in succs[a] for a, b in pairwise(path))
    assert len({tuple(path) for path in found}) == len(found)


@given(anything())
def test_they_come_shortest_first(succs):
    lengths = [len(path) for path in cycles(succs)]
    assert lengths == sorted(lengths)


@given(anything())
def test_dropping_one_backward_edge_of_each_leaves_a_dag(succs):
    graph = reference(succs)
    for path in cycles(succs):
        graph.remove_edge(*next((a, b) for a, b in pairwise(path) if a >= b))
    assert nx.is_directed_acyclic_graph(graph)


@pytest.mark.parametrize(
    ("succs", "expected"),
    [
        ([[0]], [[0, 0]]),
        ([[1], [2], [0]], [[0, 1, 2, 0]]),
        ([[1], [0, 2], [1]], [[0, 1, 0], [1, 2, 1]]),
        ([[1, 2], [2], [0]], [[0, 2, 0]]),
        ([[1], [], [3], [2]], [[2, 3, 2]]),
    ],
)
def test_small_graphs(succs, expected):
    assert cycles(succs) == expected


def test_a_long_ring_needs_no_recursion():
    size = 20_000
    assert len(cycles([[(i + 1) % size] for i in range(size)])[0]) == size + 1


def test_no_more_are_named_than_asked_for():
    assert len(cycles([[i] for i in range(5)], most=3)) == 3
