"""Lock orders that could end in a deadlock, and those that cannot."""

from __future__ import annotations

import pytest

from orchestra_nb import DAGBuilder, Node, ResourceManager
from orchestra_nb.resources.prediction import predict

DANGEROUS = [
    ({"a": ["db", "gpu"], "b": ["gpu", "db"]}, {}, ("a", "b")),
    ({"a": ["x", "y"], "b": ["y", "z"], "c": ["z", "x"]}, {}, ("a", "b", "c")),
    ({"a": ["db", "more", "gpu"], "b": ["gpu", "other", "db"]}, {}, ("a", "b")),
    ({"a": ["gpu:2", "db"], "b": ["db", "gpu"]}, {"gpu": 2}, ("a", "b")),
    ({"a": ["gpu", "db"], "b": ["gpu", "db"], "c": ["db", "gpu"]}, {"gpu": 2}, ("c", "a")),
]


@pytest.mark.parametrize(("uses", "capacities", "nodes"), DANGEROUS)
def test_orders_that_cross_are_a_warning_that_names_the_nodes(uses, capacities, nodes):
    (issue, *more) = predict(uses, capacities=capacities)
    assert not more
    assert (issue.code, issue.severity) == ("lock-order", "warning")
    assert set(issue.nodes) == set(nodes)
    assert "take them in one order" in issue.suggestion


HARMLESS = [
    ({"a": ["db", "gpu"], "b": ["db", "gpu"]}, {}),
    ({"a": ["db", "gpu"], "b": ["gpu"], "c": []}, {}),
    ({"a": ["db", "gpu", "db"]}, {}),
    ({"a": ["gate", "db", "gpu"], "b": ["gate", "gpu", "db"]}, {}),
    ({"a": ["gpu", "db"], "b": ["db", "gpu"]}, {"gpu": 2}),
    ({}, {}),
]


@pytest.mark.parametrize(("uses", "capacities"), HARMLESS)
def test_orders_that_cannot_meet_are_no_warning(uses, capacities):
    assert predict(uses, capacities=capacities) == []


def test_a_gate_that_only_some_go_through_is_none():
    uses = {"a": ["gate", "db", "gpu"], "b": ["gpu", "db"]}
    assert [issue.nodes for issue in predict(uses)] == [("a", "b")]


def test_a_manager_knows_the_orders_that_it_has_seen():
    manager = ResourceManager()
    for name in ("db", "gpu"):
        manager.register_resource(name)
    with manager.lock("db", owner="load"), manager.lock("gpu", owner="load"):
        pass
    assert manager.predict({"load": ["db", "gpu"]}) == []
    (issue,) = manager.predict({"clean": ["gpu", "db"]})
    assert set(issue.nodes) == {"load", "clean"}


def test_validate_warns_of_orders_that_were_seen_to_cross():
    manager, nodes = ResourceManager(), [Node("load", uses=["db", "gpu"]), Node("clean", uses=["gpu", "db"])]
    for name in ("db", "gpu"):
        manager.register_resource(name)
    for owner, (first, second) in {"load": ("db", "gpu"), "clean": ("gpu", "db")}.items():
        assert not DAGBuilder().validate(nodes, locks=manager).warnings
        with manager.lock(first, owner=owner), manager.lock(second, owner=owner):
            pass
    (issue,) = DAGBuilder().validate(nodes, locks=manager).warnings
    assert (issue.code, set(issue.nodes)) == ("lock-order", {"load", "clean"})
    assert not DAGBuilder().validate(nodes).warnings


def test_what_is_taken_together_has_no_order():
    manager = ResourceManager()
    for name in ("db", "gpu"):
        manager.register_resource(name)
    with manager.lock("db", "gpu", owner="load"):
        pass
    assert manager.predict({"clean": ["gpu", "db"]}) == []


def test_a_hundred_nodes_in_all_orders_are_told_in_bounded_time():
    names = [f"r{i}" for i in range(12)]
    uses = {f"n{i}": names[i % 12 :] + names[: i % 12] for i in range(100)}
    issues = predict(uses)
    assert 0 < len(issues) <= 12 * 11
