from __future__ import annotations

import itertools

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.graph import paths


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[list[int]], list[list[int]], list[float]]:
    size = draw(st.integers(1, 14))
    preds = [sorted(draw(st.sets(st.integers(0, i - 1), max_size=4))) if i else [] for i in range(size)]
    succs: list[list[int]] = [[] for _ in preds]
    for i, before in enumerate(preds):
        for j in before:
            succs[j].append(i)
    costs = draw(st.lists(st.floats(0, 100), min_size=size, max_size=size))
    return preds, succs, costs


def reference(preds: list[list[int]]) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(preds)))
    graph.add_edges_from((j, i) for i, before in enumerate(preds) for j in before)
    return graph


@given(graphs())
def test_layers_are_the_topological_generations(graph):
    preds, succs, _ = graph
    assert paths.layers(preds, succs) == [sorted(level) for level in nx.topological_generations(reference(preds))]


@given(graphs())
def test_the_critical_path_is_a_longest_way(graph):
    preds, succs, costs = graph
    levels = paths.layers(preds, succs)
    ranks = paths.upward_ranks(levels, succs, costs)
    path = paths.critical_path(ranks, preds, succs)
    assert all(a in preds[b] for a, b in itertools.pairwise(path))
    assert sum(costs[i] for i in path) == pytest.approx(max(ranks))
    ways = [
        sum(costs[i] for i in way)
        for source in range(len(preds))
        for target in range(len(preds))
        for way in ([[source]] if source == target else nx.all_simple_paths(reference(preds), source, target))
    ]
    assert max(ranks) == pytest.approx(max(ways))


@given(graphs())
def test_slack_is_never_negative_and_zero_on_the_critical_path(graph):
    preds, succs, costs = graph
    levels = paths.layers(preds, succs)
    ranks = paths.upward_ranks(levels, succs, costs)
    spare = paths.slacks(ranks, paths.earliest_starts(levels, preds, costs))
    assert min(spare) >= 0
    assert all(spare[i] == 0 for i in paths.critical_path(ranks, preds, succs))


@given(graphs(), st.data())
def test_a_node_late_by_its_slack_delays_nothing(graph, data):
    preds, succs, costs = graph
    levels = paths.layers(preds, succs)
    ranks = paths.upward_ranks(levels, succs, costs)
    late = data.draw(st.integers(0, len(costs) - 1))
    spare = paths.slacks(ranks, paths.earliest_starts(levels, preds, costs))[late]
    longer = [cost + spare if i == late else cost for i, cost in enumerate(costs)]
    assert max(paths.upward_ranks(levels, succs, longer)) == pytest.approx(max(ranks))


def test_equally_long_ways_are_settled_by_document_order():
    assert paths.critical_path([2.0, 2.0, 1.0, 1.0], [[], [], [0], [1]], [[2], [3], [], []]) == [0, 2]


def test_nodes_on_a_cycle_have_no_layer():
    assert paths.layers([[], [0, 2], [1]], [[1], [2], [1]]) == [[0]]


def test_reachable_ends_on_a_cycle():
    assert paths.reachable([0], [[1], [0]]) == {0, 1}
