from __future__ import annotations

from typing import get_args

import pytest

from orchestra_nb import config
from orchestra_nb.errors import ConfigError
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.planning import POLICIES
from orchestra_nb.planning.policies import policy_of

DAG_ = DAG([Node("short", cost=1), Node("long", cost=5), Node("head", cost=2), Node("tail", after=["head"], cost=9)])
MANY = DAG(
    [
        *(Node("slow", cost=9), Node("end", after=["slow"], cost=9)),
        *(Node("fan", cost=1), *(Node(f"leaf_{n}", after=["fan"], cost=1) for n in range(3))),
        *(Node("deep", cost=1), Node("deeper", after=["deep"]), Node("deepest", after=["deeper"])),
    ]
)


def first(policy: str, dag: DAG = DAG_) -> str:
    keys = policy_of(policy)(dag)
    return min(dag.levels[0], key=keys.__getitem__)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("critical-path", "head"), ("fifo", "short"), ("longest-first", "long"), ("shortest-first", "short")],
)
def test_each_policy_has_its_favourite(policy, expected):
    assert first(policy) == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("critical-path", "slow"),
        ("highest-level", "deep"),
        ("most-successors", "fan"),
        ("smallest-slack", "slow"),
        ("shortest-first", "fan"),
    ],
)
def test_policies_differ_in_what_they_look_at(policy, expected):
    assert first(policy, MANY) == expected


def test_who_only_compensates_makes_no_way_longer():
    dag = DAG([Node("a", undo="drop"), Node("drop", after=["a"]), Node("b"), Node("c", after=["b"])])
    assert policy_of("highest-level")(dag) == {"a": -1.0, "drop": 0.0, "b": -2.0, "c": -1.0}


def test_every_policy_of_the_config_exists_and_the_other_way_round():
    assert set(POLICIES) == set(get_args(config.Policy))


def test_chance_is_the_same_for_the_same_seed():
    assert policy_of("random", 1)(DAG_) == policy_of("random", 1)(DAG_)
    assert policy_of("random", 1)(DAG_) != policy_of("random", 2)(DAG_)


def test_a_function_is_a_policy():
    def mine(dag: DAG) -> dict[str, float]:
        return dict.fromkeys(dag.nodes, 0.0)

    assert policy_of(mine) is mine


def test_an_unknown_policy_is_an_error_with_the_nearest_name():
    with pytest.raises(ConfigError, match="did you mean 'critical-path'"):
        policy_of("critical_path")
