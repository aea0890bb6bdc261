"""Thousands of random graphs against networkx."""

from __future__ import annotations

import itertools
import math
import random

import networkx as nx
import pytest

from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.errors import CycleError
from orchestra_nb.graph import DAG
from orchestra_nb.graph.cycles import cycles
from orchestra_nb.model import Node

SEEDS = range(20)
EACH = 100
COSTS = (0.0, 1.0, 1.0, 2.0, 3.0, 5.0)


def body() -> None:
    """Nothing."""


def random_dag(draw: random.Random, most: int) -> DAG:
    """A graph of at most so many nodes, thin or dense, with whole costs or with any."""
    size, share, whole = draw.randint(1, most), draw.random() * 0.6, draw.random() < 0.5
    return DAG(
        Node(
            f"n{i}",
            fn=body,
            index=i,
            after=[f"n{j}" for j in range(i) if draw.random() < share],
            cost=draw.choice(COSTS) if whole else draw.random() * draw.choice((0, 1, 10)),
            priority=draw.choice((0, 0, 0, 1)),
        )
        for i in range(size)
    )


def longest_ways(dag: DAG) -> list[tuple[str, ...]]:
    """All longest ways, by looking at every way there is, in document order."""
    graph = dag.to_networkx()
    ends = [name for name in graph if not graph.out_degree(name)]
    ways = [
        tuple(way)
        for source in graph
        if not graph.in_degree(source)
        for end in ends
        for way in ([[source]] if source == end else nx.all_simple_paths(graph, source, end))
    ]
    length = {way: math.fsum(dag.nodes[name].cost for name in way) for way in ways}
    longest = max(length.values())
    place = list(dag.nodes).index
    return sorted((way for way in ways if length[way] >= longest * (1 - 1e-9)), key=lambda way: [*map(place, way)])


def width_by_matching(dag: DAG) -> int:
    """Nodes less a maximum matching in the closure, by networkx."""
    graph = dag.to_networkx()
    pairs = nx.Graph()
    pairs.add_nodes_from(("left", name) for name in graph)
    pairs.add_edges_from((("left", a), ("right", b)) for a, b in nx.transitive_closure_dag(graph).edges)
    found = nx.bipartite.maximum_matching(pairs, top_nodes=[("left", name) for name in graph])
    return len(graph) - len(found) // 2


def graphs(seed: int, most: int = 20) -> list[DAG]:
    draw = random.Random(seed)
    return [random_dag(draw, most) for _ in range(EACH)]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_critical_time_is_the_longest_path(seed):
    for dag in graphs(seed):
        graph = dag.to_networkx()
        weighted = nx.DiGraph()  # a node's cost lies on the edges that leave it, and all ends lead to one
        weighted.add_nodes_from(graph)
        weighted.add_weighted_edges_from((a, b, graph.nodes[a]["cost"]) for a, b in graph.edges)
        weighted.add_weighted_edges_from((a, "end", graph.nodes[a]["cost"]) for a in graph)
        assert math.isclose(dag.critical_time, nx.dag_longest_path_length(weighted), abs_tol=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_levels_are_the_topological_generations(seed):
    for dag in graphs(seed):
        generations = nx.topological_generations(dag.to_networkx())
        assert [set(level) for level in dag.levels] == [set(generation) for generation in generations]


@pytest.mark.parametrize("seed", SEEDS)
def test_order_is_reduced_as_far_as_can_be(seed):
    for dag in graphs(seed):
        better = DAGBuilder().optimize(dag)
        assert set(better.to_networkx().edges) == set(nx.transitive_reduction(dag.to_networkx()).edges)


@pytest.mark.parametrize("seed", SEEDS)
def test_cycles_are_found_exactly_where_there_are_some(seed):
    draw = random.Random(seed)
    for _ in range(EACH):
        size, share = draw.randint(1, 7), draw.random() * 0.4
        succs = [[j for j in range(size) if draw.random() < share] for _ in range(size)]
        every = list(nx.simple_cycles(nx.DiGraph((i, j) for i, after in enumerate(succs) for j in after)))
        found = cycles(succs)
        rings = {frozenset(zip(ring, [*ring[1:], ring[0]], strict=True)) for ring in every}
        assert {frozenset(itertools.pairwise(path)) for path in found} <= rings
        assert bool(found) == bool(every)
        if found:
            assert len(found[0]) - 1 == min(map(len, every))
            assert _acyclic_without_the_last_steps_back(succs, found)


def _acyclic_without_the_last_steps_back(succs: list[list[int]], found: list[list[int]]) -> bool:
    graph = nx.DiGraph((i, j) for i, after in enumerate(succs) for j in after)
    graph.remove_edges_from(next((a, b) for a, b in itertools.pairwise(path) if a >= b) for path in found)
    return nx.is_directed_acyclic_graph(graph)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_graph_is_refused_exactly_when_it_has_a_cycle(seed):
    draw = random.Random(seed)
    for _ in range(EACH):
        size, share = draw.randint(1, 7), draw.random() * 0.3
        after = [[f"n{j}" for j in range(size) if draw.random() < share] for _ in range(size)]
        graph = nx.DiGraph((name, f"n{i}") for i, names in enumerate(after) for name in names)
        nodes = [Node(f"n{i}", after=names) for i, names in enumerate(after)]
        if nx.is_directed_acyclic_graph(graph):
            assert set(DAG(nodes).to_networkx().edges) == set(graph.edges)
        else:
            with pytest.raises(CycleError):
                DAG(nodes)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_width_is_that_of_dilworth(seed):
    for dag in graphs(seed, 16):
        assert len(dag.width()) == width_by_matching(dag)
        assert not any(set(dag.ancestors(name)) & set(dag.width()) for name in dag.width())


@pytest.mark.parametrize("seed", SEEDS)
def test_all_longest_ways_are_known(seed):
    for dag in graphs(seed, 10):
        ways = longest_ways(dag)
        assert list(dag.critical_paths(None)) == ways
        assert dag.critical_path == ways[0]
        assert set(dag.critical_nodes) == {name for way in ways for name in way}
