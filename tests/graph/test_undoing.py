"""Who compensates takes no part in the times of a graph, and has its place in everything else."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from orchestra_nb.graph import DAG
from orchestra_nb.graph.undoing import compensators
from orchestra_nb.model import Node
from orchestra_nb.simulation import simulate


def random_graphs(dice):
    """A graph, and the same with nodes that compensate some of it."""
    nodes = []
    for number in range(dice.randint(1, 12)):
        after = dice.sample([node.id for node in nodes], dice.randint(0, min(number, 3)))
        nodes.append(Node(f"n{number}", after=after, cost=dice.randint(0, 5), index=2 * number))
    undone = {node.id for node in nodes if dice.random() < 0.5}
    aside = [
        Node(f"un-{node.id}", after=[node.id], cost=dice.randint(1, 50), index=node.index + 1)
        for node in nodes
        if node.id in undone
    ]
    both = [replace(node, undo=f"un-{node.id}") if node.id in undone else node for node in nodes]
    return DAG(nodes), DAG([*both, *aside])


@pytest.mark.parametrize("seed", range(200))
def test_the_times_of_a_graph_are_those_without_what_only_compensates(seed):
    plain, whole = random_graphs(random.Random(seed))
    assert whole.critical_time == plain.critical_time
    assert whole.total_time == plain.total_time
    assert whole.critical_path == plain.critical_path
    assert list(whole.critical_paths()) == list(plain.critical_paths())
    assert whole.critical_nodes == plain.critical_nodes
    assert whole.max_parallelism == plain.max_parallelism
    assert {name: whole.slack[name] for name in plain.nodes} == dict(plain.slack)
    assert {name: whole.gains[name] for name in plain.nodes} == dict(plain.gains)
    assert whole.bounds(2) == plain.bounds(2)
    assert simulate(whole, len(whole)).makespan == plain.critical_time


@pytest.mark.parametrize("seed", range(50))
def test_a_part_of_a_graph_has_what_compensates_it_and_nothing_else(seed):
    dice = random.Random(seed)
    plain, whole = random_graphs(dice)
    target = dice.choice(list(plain.nodes))
    part, expected = whole.subgraph([target]), plain.subgraph([target])
    aside = compensators(part.nodes.values())
    assert [name for name in part.nodes if name not in aside] == list(expected.nodes)
    assert set(aside) == {whole.nodes[name].undo for name in expected.nodes if whole.nodes[name].undo}
