"""Orders that prove much: valid, and together they turn round every pair that the DAG leaves unordered."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb.errors import CycleError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Edge, Node, NodeId
from orchestra_nb.planning.bisection import Path, bisect
from orchestra_nb.planning.orders import Covering, nearest_order, random_order, unordered_pairs
from orchestra_nb.planning.variation import AS_IT_IS, Variation


@st.composite
def dags(draw: st.DrawFn) -> DAG:
    """Small DAGs whose edges point along the document."""
    size = draw(st.integers(1, 12))
    density = draw(st.sampled_from([0.0, 0.1, 0.3, 0.6]))
    rng = draw(st.randoms(use_true_random=False))
    return DAG(
        [Node(NodeId(f"n{i}"), after=[f"n{j}" for j in range(i) if rng.random() < density]) for i in range(size)]
    )


def valid(dag: DAG, order: tuple[str, ...]) -> bool:
    place = {name: number for number, name in enumerate(order)}
    return set(order) == set(dag.nodes) and all(place[a] < place[b] for b in dag.nodes for a in dag.predecessors(b))


@given(dags(), st.integers(0, 5))
def test_together_the_orders_turn_round_every_unordered_pair(dag: DAG, seed: int) -> None:
    pairs = {(a, b) for a, b in combinations(dag.nodes, 2) if a not in dag.ancestors(b) and b not in dag.ancestors(a)}
    covering = Covering(dag, seed)
    assert (covering.pairs, set(unordered_pairs(dag))) == (len(pairs), pairs)
    turned: set[tuple[str, str]] = set()
    while (order := covering.next()) is not None:
        assert valid(dag, order)
        new = {(a, b) for a, b in pairs - turned if order.index(b) < order.index(a)}
        assert new  # each order is worth its run
        turned |= new
        assert covering.inverted == len(turned)
    assert turned == pairs


@given(dags(), st.integers(0, 5))
def test_one_order_turns_round_all_that_any_single_order_can_when_cells_are_independent(dag: DAG, seed: int) -> None:
    free = DAG([Node(name) for name in dag.table.ids])
    covering = Covering(free, seed)
    if len(free) > 1:
        assert covering.next() == tuple(reversed(list(free.nodes)))
    assert covering.next() is None


def test_equal_seeds_give_equal_orders() -> None:
    dag = DAG([Node(NodeId(f"n{i}"), after=[f"n{i - 3}"] if i > 2 else []) for i in range(12)])
    assert Covering(dag, 4).next() == Covering(dag, 4).next()
    assert random_order(dag, 1) == random_order(dag, 1) != random_order(dag, 2)


def test_an_after_that_names_a_later_cell_moves_the_base() -> None:
    dag = DAG([Node(NodeId("a"), after=["c"]), Node(NodeId("b")), Node(NodeId("c"))])
    assert nearest_order(dag) == ("b", "c", "a")
    assert Covering(dag).base == ("b", "c", "a")


@given(dags(), st.integers(0, 99))
def test_a_wish_that_is_valid_is_followed_and_any_other_becomes_valid(dag: DAG, seed: int) -> None:
    order = random_order(dag, seed)
    assert valid(dag, order)
    assert nearest_order(dag, order) == order
    assert valid(dag, nearest_order(dag, order[::-1]))
    assert valid(dag, nearest_order(dag, order[:2]))


@given(dags(), st.integers(0, 99))
def test_every_order_on_the_way_between_two_valid_orders_is_valid(dag: DAG, seed: int) -> None:
    first, last = nearest_order(dag), random_order(dag, seed)
    path = Path(first, last)
    steps = [path.at(step) for step in range(len(path) + 1)]
    assert (steps[0], steps[-1]) == (first, last)
    assert all(valid(dag, order) for order in steps)
    free = set(unordered_pairs(dag))
    swapped = [path.swap(step) for step in range(1, len(path) + 1)]
    assert len(set(swapped)) == len(swapped)
    assert set(swapped) <= free


@settings(max_examples=60)
@given(dags(), st.integers(0, 99), st.integers(0, 99))
def test_bisection_finds_a_swap_that_makes_the_difference_in_few_runs(dag: DAG, seed: int, which: int) -> None:
    path = Path(nearest_order(dag), random_order(dag, seed))
    if not len(path):
        return
    a, b = path.swap(1 + which % len(path))
    tried = []

    def wrong(order: tuple[str, ...]) -> bool:
        tried.append(order)
        return order.index(b) < order.index(a)

    assert path.swap(bisect(path, wrong)) == (a, b)
    assert 2 ** (len(tried) - 1) <= len(path)


def test_bisection_needs_no_law_between_the_ends() -> None:
    path = Path("abcdef", "fedcba")
    odd = {path.at(3), path.at(7), path.at(len(path))}
    step = bisect(path, lambda order: order in odd)
    assert path.at(step) in odd
    assert path.at(step - 1) not in odd


def test_a_fixed_order_wins_over_priorities_and_keeps_what_the_nodes_are() -> None:
    dag = DAG([Node(NodeId("a"), priority=9), Node(NodeId("b")), Node(NodeId("c"), after=["a"])])
    chain = Variation(order=("b", "a", "c")).of(dag)
    assert chain.levels == (("b",), ("a",), ("c",))
    assert list(chain.nodes.values()) == list(dag.nodes.values())
    assert AS_IT_IS.of(dag) is dag
    with pytest.raises(CycleError):
        Variation(order=("c", "a", "b")).of(dag)


def test_an_edge_left_out_is_gone_whoever_asked_for_it() -> None:
    edges = [Edge(NodeId("a"), NodeId("b"), "value"), Edge(NodeId("b"), NodeId("c"), "value")]
    dag = DAG([Node(NodeId("a")), Node(NodeId("b"), after=["a"]), Node(NodeId("c"))], edges)
    assert [(e.source, e.target) for e in Variation(without=[["a", "b"]]).of(dag).edges] == [("b", "c")]
