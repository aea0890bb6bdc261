"""The manager as its users meet it: names, amounts, priorities, time-outs, nesting, budgets, rates, and bad input."""

from __future__ import annotations

import pickle
import threading

import pytest

from orchestra_nb import ResourceManager
from orchestra_nb.errors import BudgetSpent, DeadlockError, LeaseExpired, LockTimeout, OrchestraError, ResourceError


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def manager(clock):
    made = ResourceManager(clock=clock)
    made.register_resource("db", type="database")
    made.register_resource("gpu", max_concurrent=4)
    made.register_resource("calls", type="api", rate="2/min")
    made.register_resource("money", type="api", budget=10.0)
    made.register_resource("name:with:2", type="file")
    return made


def held(manager):
    return {name: dict(use.holders) for name, use in manager.get_resource_stats().resources.items() if use.holders}


def test_a_lock_is_held_until_it_is_given_back(manager):
    lock_id = manager.acquire_lock("db", "load")
    assert lock_id
    assert manager.acquire_lock("db", "clean", timeout=0) is None
    assert manager.release_lock(lock_id) is True
    assert manager.acquire_lock("db", "clean", timeout=0)


def test_amounts_share_a_resource(manager):
    first = manager.acquire_lock("gpu", "a", amount=3)
    assert manager.acquire_lock("gpu", "b", amount=2, timeout=0) is None
    assert manager.acquire_lock("gpu:1", "b", timeout=0)
    assert held(manager) == {"gpu": {"a": 3, "b": 1}}
    manager.release_lock(first)
    assert held(manager) == {"gpu": {"b": 1}}


def test_several_resources_are_granted_together_or_not_at_all(manager):
    manager.acquire_lock("db", "load")
    with pytest.raises(LockTimeout, match="clean waited in vain for gpu and db"):
        manager.lock("gpu:2", "db", owner="clean", timeout=0).__enter__()
    assert held(manager) == {"db": {"load": 1}}


def test_a_nested_hold_takes_nothing_more_and_needs_its_own_release(manager):
    with manager.lock("db", owner="load") as outer, manager.lock("db", owner="load") as inner:
        assert outer.token < inner.token
        assert held(manager) == {"db": {"load": 1}}
        assert manager.acquire_lock("db", "clean", timeout=0) is None
    assert held(manager) == {}


def test_a_larger_nested_hold_takes_the_difference(manager):
    small = manager.acquire_lock("gpu", "a", amount=1)
    large = manager.acquire_lock("gpu", "a", amount=3)
    assert held(manager) == {"gpu": {"a": 3}}
    manager.release_lock(large)
    assert held(manager) == {"gpu": {"a": 1}}
    manager.release_lock(small)
    assert held(manager) == {}


def test_release_all_locks_leaves_nothing_held(manager):
    for name in ("db", "gpu", "gpu:2"):
        manager.acquire_lock(name, "load")
    assert manager.release_all_locks("load") == 3
    assert held(manager) == {}
    assert manager.release_all_locks("load") == 0


def test_a_rate_lets_so_many_begin_in_its_time(manager, clock):
    ids = [manager.acquire_lock("calls", "a", timeout=0) for _ in range(3)]
    assert [bool(lock_id) for lock_id in ids] == [True, True, False]
    clock.now = 59.9
    assert manager.acquire_lock("calls", "a", timeout=0) is None
    clock.now = 60.0
    assert manager.acquire_lock("calls:2", "a", timeout=0)


def test_a_lock_on_a_rate_need_not_be_released_and_may_be(manager):
    lock_id = manager.acquire_lock("calls", "a")
    assert manager.release_lock(lock_id)
    assert manager.release_lock(lock_id)
    with manager.lock("calls", owner="a"):
        assert manager.get_resource_stats()["calls"].used == 2


def test_a_budget_is_spent_and_then_refuses_with_who_spent_it(manager):
    manager.acquire_lock("money", "plan", amount=7.5)
    with pytest.raises(BudgetSpent, match=r"write asks for 3 .* 2.5 of 10 is left \(plan spent 7.5\)") as caught:
        manager.acquire_lock("money", "write", amount=3)
    assert (caught.value.resource, caught.value.left, caught.value.spent) == ("money", 2.5, {"plan": 7.5})
    assert manager.acquire_lock("money:2.5", "write")
    assert manager.get_resource_stats().owners["write"].spent == {"money": 2.5}


def test_a_refused_budget_takes_nothing_of_the_rest(manager):
    with pytest.raises(BudgetSpent):
        manager.lock("gpu", "money:11", owner="a").__enter__()
    assert held(manager) == {}
    assert manager.get_resource_stats()["money"].used == 0


def test_who_waits_with_a_price_that_is_not_there_any_more_is_refused_at_once():
    manager = ResourceManager()
    manager.register_resource("db")
    manager.register_resource("money", budget=1.0)
    waits = threading.Event()
    manager.on("resource:lock-queued", lambda event: waits.set())
    lock_id = manager.acquire_lock("db", "a")
    caught = []

    def work():
        with pytest.raises(BudgetSpent) as error:
            manager.lock("db", "money:0.6", owner="b").__enter__()
        caught.append(error.value)

    thread = threading.Thread(target=work)
    thread.start()
    assert waits.wait(30)
    manager.acquire_lock("money", "a", amount=0.5)
    thread.join(30)
    assert caught[0].left == 0.5
    assert manager.release_lock(lock_id)


def test_a_lease_ends_and_its_token_is_refused_from_then_on(manager, clock):
    lock_id = manager.acquire_lock("db", "load", lease=10.0)
    grant = manager.grant(lock_id)
    clock.now = 9.0
    assert grant.remaining == 1.0
    grant.renew()
    clock.now = 18.9
    grant.check()
    clock.now = 19.0
    assert not grant.held
    later = manager.acquire_lock("db", "clean", timeout=0)
    assert later > lock_id
    for refused in (grant.check, grant.renew, lambda: manager.release_lock(lock_id), lambda: manager.grant(lock_id)):
        with pytest.raises(LeaseExpired, match="its lease had expired"):
            refused()
    assert held(manager) == {"db": {"clean": 1}}


def test_a_block_that_outlived_its_lease_says_so(manager, clock):
    with pytest.raises(LeaseExpired), manager.lock("db", owner="load", lease=1.0):
        clock.now = 2.0


def test_an_error_of_the_block_is_not_hidden_by_its_lease(manager, clock):
    guard = manager.lock("db", owner="load", lease=1.0)
    guard.__enter__()
    clock.now = 4.0
    assert guard.__exit__(KeyError, KeyError(), None) is None
    assert held(manager) == {}


def test_a_lock_without_a_lease_has_nothing_to_renew(manager):
    with manager.lock("db", owner="load") as grant:
        assert grant.remaining is None
        with pytest.raises(ResourceError, match="no lease to renew"):
            grant.renew()
        grant.renew(5.0)
        assert grant.remaining == 5.0


def test_tokens_grow_over_all_resources(manager):
    tokens = [manager.acquire_lock(name, "a") for name in ("db", "gpu", "calls", "money", "gpu")]
    assert tokens == sorted(set(tokens))


def test_registering_again_in_the_same_words_changes_nothing(manager):
    lock_id = manager.acquire_lock("gpu", "a")
    manager.register_resource("gpu", max_concurrent=4)
    assert held(manager) == {"gpu": {"a": 1}}
    manager.release_lock(lock_id)


def test_a_name_that_is_registered_is_never_taken_apart(manager):
    assert manager.acquire_lock("name:with:2", "a")
    assert manager.acquire_lock("name:with:2", "b", timeout=0) is None


BAD = [
    (lambda m: m.acquire_lock("dbb", "a"), "there is no resource 'dbb'; did you mean 'db'"),
    (lambda m: m.acquire_lock(5, "a"), "there is no resource 5"),
    (lambda m: m.acquire_lock("gpu:many", "a"), "'many' of 'gpu', which is no amount"),
    (lambda m: m.acquire_lock("gpu", "a", amount=5), "5 of 'gpu' can never be had: there is 4"),
    (lambda m: m.acquire_lock("gpu", "a", amount=0), "amount=0 of 'gpu' must be a whole number from 1"),
    (lambda m: m.acquire_lock("gpu", "a", amount=-1), "amount=-1 of 'gpu' must be"),
    (lambda m: m.acquire_lock("gpu", "a", amount=1.5), r"amount=1.5 of 'gpu' must be"),
    (lambda m: m.acquire_lock("gpu", "a", amount=True), "amount=True of 'gpu' must be a number"),
    (lambda m: m.acquire_lock("gpu", "a", amount="2"), "amount='2' of 'gpu' must be a number"),
    (lambda m: m.acquire_lock("money", "a", amount=0), "amount=0 of the budget 'money' must be positive"),
    (lambda m: m.acquire_lock("money", "a", amount=float("nan")), "amount=nan of 'money' must be a number"),
    (lambda m: m.acquire_lock("gpu", "a", timeout=-1), "timeout=-1 must be seconds from 0"),
    (lambda m: m.acquire_lock("gpu", "a", timeout=float("inf")), "timeout=inf must be seconds"),
    (lambda m: m.acquire_lock("gpu", "a", timeout="1"), "timeout='1' must be seconds"),
    (lambda m: m.acquire_lock("gpu", "a", float("nan")), "priority=nan must be a finite number"),
    (lambda m: m.acquire_lock("gpu", "a", "high"), "priority='high' must be a finite number"),
    (lambda m: m.acquire_lock("gpu", "a", lease=0), "lease=0 must be a positive number of seconds"),
    (lambda m: m.acquire_lock("gpu", ""), "owner='' must say whose lock it is"),
    (lambda m: m.acquire_lock("gpu", ["a"]), r"owner=\['a'\] must be hashable"),
    (lambda m: m.lock(owner="a"), "at least one resource"),
    (lambda m: m.lock("db", "gpuu", owner="a"), "did you mean 'gpu'"),
    (lambda m: m.lock("gpu:3", "gpu:3", owner="a"), "6 of 'gpu' can never be had"),
    (lambda m: m.lock("db", owner="a", timeout=-2), "timeout=-2 must be seconds"),
    (lambda m: m.lock("db", owner=[]), "must be hashable"),
    (lambda m: m.release_lock(99), "lock 99 is not held: it was given back already, or is of another manager"),
    (lambda m: m.grant(99), "lock 99 is not held"),
    (lambda m: m.set_priority("a", None), "priority=None must be a finite number"),
    (lambda m: m.register_resource("x", type="databse"), "type='databse' is not one of .* did you mean 'database'"),
    (lambda m: m.register_resource("x", scope="galaxy"), "scope='galaxy' is not one of process, machine"),
    (lambda m: m.register_resource("x", max_concurrent=0), "resource 'x': 0 must be a whole number from 1"),
    (lambda m: m.register_resource("x", rate="5/day"), "'5/day' must be a whole number from 1, a rate"),
    (lambda m: m.register_resource("x", rate=5), "rate=5 must be a text such as '60/min'"),
    (lambda m: m.register_resource("x", budget=-1), "budget=-1 must be a positive, finite number"),
    (lambda m: m.register_resource("x", budget=1, rate="1/s"), "are different kinds of resource"),
    (lambda m: m.register_resource("x", 1, 2, rate="1/s"), "resource 'x': type=1 is not one of"),
    (lambda m: m.register_resource("x", max_concurrent=2, rate="1/s"), "are different kinds of resource"),
    (lambda m: m.register_resource("x", rate="1/s", scope="machine"), "only the first can be shared"),
    (lambda m: m.register_resource(""), "'' cannot be the name of a resource"),
    (lambda m: m.register_resource("db", max_concurrent=2), "is registered as held 1, .* and not as held 2"),
]


@pytest.mark.parametrize(("act", "says"), BAD)
def test_bad_input_is_one_clear_error_and_changes_nothing(manager, act, says):
    manager.acquire_lock("gpu", "holder", amount=2)
    before = manager.get_resource_stats()
    with pytest.raises(ResourceError, match=says) as caught:
        act(manager)
    assert isinstance(caught.value, OrchestraError)
    assert manager.get_resource_stats() == before


def test_giving_back_twice_or_anothers_is_an_error(manager):
    lock_id = manager.acquire_lock("db", "a")
    manager.release_lock(lock_id)
    for wrong in (lock_id, ResourceManager, "db", None):
        with pytest.raises(ResourceError, match="is not held"):
            manager.release_lock(wrong)


def test_a_guard_is_for_one_block_at_a_time(manager):
    guard = manager.lock("db", owner="a")
    with guard, pytest.raises(ResourceError, match="in use already"), guard:
        pass
    assert held(manager) == {}
    with guard:
        assert held(manager) == {"db": {"a": 1}}


def test_a_closed_manager_grants_nothing_and_holds_nothing(manager):
    manager.acquire_lock("db", "a")
    manager.close()
    manager.close()
    assert held(manager) == {}
    with pytest.raises(ResourceError, match="this manager is closed"):
        manager.acquire_lock("db", "a")


@pytest.mark.parametrize(
    "error",
    [
        ResourceError("a"),
        LockTimeout("a"),
        DeadlockError("a waits", (("a", "db", "b"), ("b", "gpu", "a")), "a"),
        BudgetSpent("a", "money", 1.0, {"b": 2.0}),
        LeaseExpired("a"),
    ],
)
def test_every_error_pickles(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (copy.args, copy.__dict__) == (error.args, error.__dict__)


def test_the_wall_clock_is_not_looked_at(manager, monkeypatch):
    monkeypatch.setattr("time.time", lambda: pytest.fail("somebody looked"))
    real = ResourceManager()
    real.register_resource("db")
    with real.lock("db", lease=5.0, timeout=1.0) as grant:
        grant.renew()


def test_a_manager_starts_no_thread():
    before = set(threading.enumerate())  # some of which an earlier test has left, and may end
    manager = ResourceManager()
    manager.register_resource("db")
    with manager.lock("db", lease=9.0):
        assert set(threading.enumerate()) <= before


def test_a_rate_for_a_whole_run_is_a_budget():
    manager = ResourceManager()
    manager.register_resource("tokens", rate="5/run")
    manager.acquire_lock("tokens", owner="a", amount=4)
    with pytest.raises(BudgetSpent, match="1 of 5 is left"):
        manager.acquire_lock("tokens", owner="b", amount=2)
