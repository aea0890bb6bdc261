"""The table of claims against an obvious model, and what it refuses."""

from __future__ import annotations

import math
import random

import pytest

from orchestra_nb.config import Capacity, read_capacity
from orchestra_nb.errors import ConfigError
from orchestra_nb.model import Node
from orchestra_nb.resources.claims import Claims, Obstacle, impossible, wants_of

THERE = {"db": Capacity(1), "gpu": Capacity(3), "api": Capacity(4, period=10.0), "tokens": Capacity(60, math.inf)}


class Model:
    """Everything that was ever granted, searched from its beginning each time."""

    def __init__(self):
        self.granted = []

    def room(self, name, amount, now):
        there = THERE.get(name, Capacity(1))
        used = sum(
            much
            for at, what, much, back in self.granted
            if what == name and ((back is None) if there.period is None else at + there.period > now)
        )
        return used + amount <= there.amount


@pytest.mark.parametrize("seed", range(40))
def test_the_table_grants_what_the_model_grants(seed):
    draw = random.Random(seed)
    table, model, owners, now = Claims(THERE), Model(), {}, 0.0
    for number in range(300):
        now += draw.choice((0.0, 0.5, 3.0))
        if owners and draw.random() < 0.4:
            owner = draw.choice(list(owners))
            table.release(owner)
            for entry in owners.pop(owner):
                entry[3] = now
            continue
        names = draw.sample(["db", "gpu", "api", "other", "tokens"], draw.randint(1, 3))
        wants = tuple((name, draw.randint(1, 2) if name in ("gpu", "api", "tokens") else 1) for name in names)
        expected = next((Obstacle(*want) for want in wants if not model.room(*want, now)), None)
        assert table.claim(number, wants, now) == expected
        if expected is None:
            owners[number] = [[now, name, amount, None] for name, amount in wants]
            model.granted += owners[number]
        else:
            opens = table.opens(*expected, now)
            if opens is not None:
                assert not model.room(*expected, opens - 1e-6)
                assert model.room(*expected, opens + 1e-6)
    assert set(table.owners) == set(owners)


def test_what_is_not_declared_is_there_once():
    table = Claims()
    assert table.claim("a", (("db", 1),), 0.0) is None
    assert table.claim("b", (("db", 1),), 0.0) == Obstacle("db", 1)


def test_an_owner_asks_for_everything_at_once():
    table = Claims()
    table.claim("a", (("db", 1),), 0.0)
    with pytest.raises(ValueError, match="'a' already holds"):
        table.claim("a", (("gpu", 1),), 0.0)


def test_a_refused_claim_holds_nothing():
    table = Claims()
    table.claim("a", (("db", 1),), 0.0)
    assert table.claim("b", (("gpu", 1), ("db", 1)), 0.0) == Obstacle("db", 1)
    assert table.claim("c", (("gpu", 1),), 0.0) is None


def test_names_may_hold_colons_and_amounts_add_up():
    assert wants_of(["phase a:b", "gpu:2", "gpu"]) == (("phase a:b", 1), ("gpu", 3))


def test_nodes_that_could_never_start_are_named():
    issues = impossible([Node("a", uses=["gpu:4"]), Node("b", uses=["gpu:3"]), Node("c", uses=["api:5"])], THERE)
    assert [issue.nodes for issue in issues] == [("a",), ("c",)]


@pytest.mark.parametrize("given", [0, -1, True, 1.5, "0/s", "x/min", "5/day", "5", "", None])
def test_an_amount_that_cannot_be_meant_is_refused(given):
    with pytest.raises(ConfigError, match="resource 'gpu'"):
        read_capacity("gpu", given)


def test_a_budget_is_never_given_back_and_who_asks_for_more_is_told():
    table = Claims({"tokens": Capacity(5, math.inf)})
    assert table.has_budgets
    assert table.claim("a", (("tokens", 3),), now=0.0) is None
    table.release("a")
    obstacle = table.claim("b", (("tokens", 3),), now=1e9)
    assert obstacle == Obstacle("tokens", 3)
    assert table.opens("tokens", 3, now=1e9) is None
    error = table.refusal("b", obstacle)
    assert (error.resource, error.left, error.spent) == ("tokens", 2, {"a": 3})
    assert table.refusal("b", Obstacle("db", 1)) is None
    assert table.claim("c", (("tokens", 2),), now=0.0) is None
    assert not Claims({"db": Capacity(1)}).has_budgets
