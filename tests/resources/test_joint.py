"""The claims of a run on resources that others have too; what random runs make of it is in ``test_shared_laws.py``."""

from __future__ import annotations

import math

import pytest

from orchestra_nb import ResourceManager
from orchestra_nb.config import Capacity
from orchestra_nb.errors import BudgetSpent, ResourceError
from orchestra_nb.resources.claims import Elsewhere, Obstacle

ONE = (("db", 1),)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def manager(clock):
    made = ResourceManager(clock=clock)
    made.register_resource("db", type="database")
    made.register_resource("gpu", max_concurrent=2)
    return made


@pytest.fixture
def rung():
    return []


@pytest.fixture
def claims(manager, rung):
    made = manager.joined({"api": None}, {"phase 1": Capacity(1), "coin": Capacity(5, math.inf)})
    made.on_room(lambda: rung.append(1))
    return made


def test_who_waits_is_rung_for_once_and_goes_in_when_asked_again(manager, claims, rung):
    mine = manager.acquire_lock("db", owner="me")
    assert claims.claim("a", ONE, 0.0) == Elsewhere("db", 1)
    assert (claims.arrived(), rung) == ([], [])
    manager.release_lock(mine)
    assert (claims.arrived(), rung) == (["a"], [1])
    assert claims.claim("a", ONE, 0.0) is None
    assert manager.get_resource_stats()["db"].holders == {"a": 1}
    claims.release("a")
    claims.left()
    assert manager.get_resource_stats()["db"].used == 0


def test_what_a_node_gives_back_goes_to_the_next_node_without_a_ring(manager, claims, rung):
    assert claims.claim("a", ONE, 0.0) is None
    assert claims.claim("b", ONE, 0.0) == Elsewhere("db", 1)
    claims.release("a")
    claims.left()
    assert (claims.arrived(), rung) == (["b"], [])


def test_a_node_that_rests_with_its_locks_keeps_them_from_everybody_and_asks_for_the_rest_again(manager, claims, clock):
    manager.register_resource("calls", rate="1/s")
    wants = (("db", 1), ("phase 1", 1), ("calls", 1))
    assert claims.claim("a", wants, 0.0) is None
    claims.release("a")
    claims.keep("a", wants)
    claims.left()
    assert manager.acquire_lock("db", owner="me", timeout=0) is None
    assert claims.claim("b", (("phase 1", 1),), 0.0) == Obstacle("phase 1", 1)
    assert claims.claim("a", wants, 0.0) == Elsewhere("calls", 1)
    assert claims.wake(0.0) == 1.0
    clock.now = 1.0
    assert claims.arrived() == ["a"]
    assert claims.claim("a", wants, 1.0) is None
    assert manager.get_resource_stats()["calls"].granted == 2
    claims.release("a")
    claims.left()
    assert not manager.get_resource_stats().owners


def test_a_node_that_kept_its_locks_and_is_not_tried_again_gives_them_back(manager, claims):
    claims.claim("a", ONE, 0.0)
    claims.release("a")
    claims.keep("a", ONE)
    claims.release("a")
    claims.left()
    assert not manager.get_resource_stats().owners
    claims.claim("a", ONE, 0.0)
    with pytest.raises(ValueError, match="already holds"):
        claims.claim("a", ONE, 0.0)


def test_what_could_not_be_used_is_given_back_to_whoever_waits(manager, claims):
    mine = manager.acquire_lock("db", owner="me")
    claims.claim("a", ONE, 0.0)
    claims.claim("b", ONE, 0.0)
    manager.release_lock(mine)
    assert claims.arrived() == ["a"]
    assert claims.settle()
    assert claims.arrived() == ["b"]
    assert claims.settle()
    assert not claims.settle()
    assert not manager.get_resource_stats().owners


def test_a_node_is_not_the_user_who_calls_himself_so(manager, claims):
    mine = manager.acquire_lock("db", owner="a")
    assert claims.claim("a", ONE, 0.0) == Elsewhere("db", 1)
    manager.release_lock(mine)
    claims.arrived()
    assert claims.claim("a", ONE, 0.0) is None
    assert manager.acquire_lock("db", owner="a", timeout=0) is None


def test_priorities_count_among_all_who_ask(manager, claims):
    mine = manager.acquire_lock("db", owner="me")
    claims.claim("low", ONE, 0.0, priority=0)
    claims.claim("high", ONE, 0.0, priority=5)
    manager.release_lock(mine)
    assert claims.arrived() == ["high"]


def test_what_the_run_alone_has_is_taken_together_with_the_rest_or_not_at_all(manager, claims):
    both = (("phase 1", 1), ("db", 1))
    assert claims.claim("a", both, 0.0) is None
    assert claims.claim("b", (("phase 1", 1), ("gpu", 1)), 0.0) == Obstacle("phase 1", 1)
    assert manager.get_resource_stats()["gpu"].used == 0
    assert claims.claim("c", (("coin", 6),), 0.0) == Obstacle("coin", 6)
    assert claims.refusal("c", Obstacle("coin", 6)) is not None
    claims.release("a")
    assert "phase 1" not in manager.get_resource_stats().resources


def test_a_grant_is_given_back_when_the_run_itself_has_no_room_any_more(manager, claims):
    mine = manager.acquire_lock("db", owner="me")
    assert claims.claim("a", (("phase 1", 1), ("db", 1)), 0.0) == Elsewhere("db", 1)
    assert claims.claim("b", (("phase 1", 1),), 0.0) is None
    manager.release_lock(mine)
    assert claims.arrived() == ["a"]
    assert claims.claim("a", (("phase 1", 1), ("db", 1)), 0.0) == Obstacle("phase 1", 1)
    assert manager.get_resource_stats()["db"].used == 0


def test_time_makes_room_and_it_is_said_when(manager, claims, clock, rung):
    manager.acquire_lock("db", owner="me", lease=5.0)
    clock.now = 1.0
    claims.claim("a", ONE, 11.0)
    assert claims.wake(11.0) == 15.0
    clock.now = 5.0
    assert (claims.arrived(), rung) == (["a"], [])
    assert claims.wake(15.0) is None


@pytest.mark.parametrize("late", [5.0, 6.0])
def test_what_time_has_opened_before_anybody_asked_when_it_would_is_not_missed(manager, claims, clock, late):
    manager.acquire_lock("db", owner="me", lease=5.0)
    manager.register_resource("calls", rate="1/s")
    manager.acquire_lock("calls", owner="me")
    claims.claim("a", ONE, 0.0)
    claims.claim("b", (("calls", 1),), 0.0)
    clock.now = late
    assert claims.wake(late) == late
    assert set(claims.arrived()) == {"a", "b"}
    assert claims.wake(late) is None


def test_rates_are_shared_and_what_was_not_used_is_not_spent(manager, claims, clock):
    manager.register_resource("calls", rate="1/s")
    manager.acquire_lock("calls", owner="me")
    assert claims.claim("a", (("calls", 1),), 0.0) == Elsewhere("calls", 1)
    assert claims.wake(0.0) == 1.0
    clock.now = 1.0
    assert claims.arrived() == ["a"]
    claims.settle()
    assert manager.acquire_lock("calls", owner="me", timeout=0) is not None


def test_what_there_will_never_be_is_an_error(manager, claims):
    manager.register_resource("money", budget=1.5)
    with pytest.raises(BudgetSpent):
        claims.claim("a", (("money", 2),), 0.0)
    with pytest.raises(ResourceError, match="3 of 'gpu' can never be had: there is 2"):
        claims.claim("a", (("gpu", 3),), 0.0)
    manager.acquire_lock("db", owner="me")
    claims.claim("b", ONE, 0.0)
    manager.close()
    assert claims.arrived() == ["b"]
    with pytest.raises(ResourceError, match="closed"):
        claims.claim("b", ONE, 0.0)


def test_a_name_that_nobody_knows_is_there_once_from_then_on(manager, claims):
    assert claims.claim("a", (("disk", 1),), 0.0) is None
    assert manager.acquire_lock("disk", owner="me", timeout=0) is None
    assert "api" in manager.get_resource_stats().resources


def test_nothing_is_left_of_a_run_that_has_closed(manager, claims):
    claims.claim("a", ONE, 0.0)
    claims.claim("b", ONE, 0.0)
    claims.claim("c", (("gpu", 2),), 0.0)
    claims.claim("d", (("gpu", 1),), 0.0)
    claims.close()
    claims.close()
    assert not manager.get_resource_stats().owners


def test_whether_others_could_make_room(manager, claims):
    claims.claim("a", ONE, 0.0)
    claims.claim("b", ONE, 0.0)
    assert not claims.others("b")
    assert not claims.others("nobody")
    manager.acquire_lock("gpu", owner="me", amount=2)
    claims.claim("c", (("gpu", 1),), 0.0)
    assert claims.others("c")


def test_what_is_in_use_does_not_change_and_what_is_free_may():
    manager = ResourceManager()
    manager.joined({"db": Capacity(1)})
    manager.joined({"db": Capacity(3), "calls": Capacity(2, 60.0)})
    assert manager.registered() == {}
    mine = manager.acquire_lock("db", owner="me", amount=3)
    for change in (
        lambda: manager.joined({"db": Capacity(1)}),
        lambda: manager.register_resource("db", max_concurrent=2),
    ):
        with pytest.raises(ResourceError, match="in use as held 3"):
            change()
    manager.register_resource("db", max_concurrent=3)
    manager.release_lock(mine)
    manager.joined({"db": Capacity(1)})
    assert manager.registered() == {"db": Capacity(3)}
    with pytest.raises(ResourceError, match="registered as held 3"):
        manager.register_resource("db", max_concurrent=2)
