"""A policy decides who goes first, and never a result."""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

import pytest

from orchestra_nb import DAG, Node, ParallelScheduler, RunConfig
from orchestra_nb.config import Policy


def graph() -> DAG:
    """Three layers in which every node adds up what it needs, in the order of its parameters."""
    layers = [[f"n{layer}_{i}" for i in range(4)] for layer in range(3)]
    nodes = [Node(name, fn=lambda i=i: i + 1, cost=5.0 - i) for i, name in enumerate(layers[0])]
    for above, names in pairwise(layers):
        for i, name in enumerate(names):
            one, other = above[i], above[i - 1]
            body = eval(f"lambda {one}, {other}: ({one}, {other})")
            nodes.append(Node(name, fn=body, after=[one, other], cost=float(i)))
    return DAG(nodes)


@pytest.mark.parametrize("policy", get_args(Policy))
def test_every_policy_gives_the_same_results(policy):
    dag = graph()
    expected = ParallelScheduler(RunConfig(jobs=1, policy="fifo", history=False)).execute(dag)
    for jobs in (1, 3):
        found = ParallelScheduler(RunConfig(jobs=jobs, policy=policy, seed=7, history=False)).execute(dag)
        assert {name: outcome.value for name, outcome in found.outcomes.items()} == {
            name: outcome.value for name, outcome in expected.outcomes.items()
        }
