"""Deadlocks over counted resources: found when the circle closes, and none where somebody can finish."""

from __future__ import annotations

import pickle
import threading

import pytest

from orchestra_nb import ResourceManager
from orchestra_nb.errors import DeadlockError, ResourceError
from orchestra_nb.resources.circles import Wait
from orchestra_nb.resources.pools import BudgetPool, Pool, RatePool
from orchestra_nb.resources.requests import Request
from orchestra_nb.resources.table import LockTable


class Table:
    """A table in words: ``"load:db"`` asks for one of ``db``, ``"load:gpu*2"`` for two of ``gpu``."""

    def __init__(self, pools, resolve=True):
        self.pools = {name: Pool(name, "custom", capacity, 0.0) for name, capacity in pools.items()}
        self.table = LockTable(resolve)
        self.now = 0.0
        self.requests = {}

    def ask(self, text, priority=0, deadline=None, lease=None, scoped=False):
        self.now += 1
        owner, _, wants = text.partition(":")
        parts = [part.partition("*") for part in wants.split("+")]
        wanted = tuple((self.pools[name], int(amount or 1)) for name, _, amount in parts)
        request = self.requests[text] = Request(owner, wanted, priority, deadline, lease, scoped)
        self.table.ask(request, self.now)
        return request

    def all(self, *texts):
        return [self.ask(text) for text in texts]

    def refused(self):
        return [text for text, request in self.requests.items() if isinstance(request.error, DeadlockError)]


CIRCLES = [
    ("two and two", {"db": 1, "gpu": 1}, ["load:db", "clean:gpu", "load:gpu", "clean:db"], "clean:db"),
    ("three", {"a": 1, "b": 1, "c": 1}, ["x:a", "y:b", "z:c", "x:b", "y:c", "z:a"], "z:a"),
    ("two that want one more of the same", {"gpu": 2}, ["x:gpu", "y:gpu", "x:gpu*2", "y:gpu*2"], "y:gpu*2"),
    ("everybody who holds waits", {"gpu": 2, "db": 1}, ["z:db", "x:gpu", "y:gpu", "z:gpu", "x:db", "y:db"], "y:db"),
    ("a request for several", {"a": 1, "b": 1, "c": 1}, ["x:a", "y:b", "x:b+c", "y:a+c"], "y:a+c"),
    ("behind one who only waits", {"a": 1, "b": 1}, ["x:a", "y:b", "w:a", "x:b", "y:a"], "y:a"),
]


@pytest.mark.parametrize(("_name", "pools", "asked", "victim"), CIRCLES)
def test_a_circle_is_found_when_it_closes_and_the_youngest_gives_way(_name, pools, asked, victim):
    world = Table(pools)
    for text in asked[:-1]:
        world.ask(text)
        assert not world.refused(), f"nobody is stuck after {text}"
    world.ask(asked[-1])
    assert world.refused() == [victim]
    assert world.table.deadlocks == 1


FREE = [
    ("another holder may finish", {"gpu": 2, "db": 1}, ["x:gpu", "y:gpu", "z:db", "x:db", "z:gpu"]),
    ("a chain", {"a": 1, "b": 1, "c": 1}, ["x:a", "y:b", "z:c", "x:b", "y:c"]),
    ("a queue", {"a": 1}, ["x:a", "y:a", "z:a", "w:a"]),
    ("what one holds already", {"a": 1}, ["x:a", "x:a", "y:a", "x:a"]),
]


@pytest.mark.parametrize(("_name", "pools", "asked"), FREE)
def test_where_somebody_can_finish_there_is_no_deadlock(_name, pools, asked):
    world = Table(pools)
    world.all(*asked)
    assert not world.refused()
    assert not world.table.find_deadlocks(world.now)


def test_time_that_makes_room_makes_no_deadlock():
    world = Table({"a": 1, "b": 1})
    world.ask("x:a", lease=50.0)
    world.all("y:b", "x:b", "y:a")
    assert not world.refused()
    world.pools["rate"] = RatePool("rate", "api", 1, 0.0, 60.0)
    world.pools["money"] = BudgetPool("money", "api", 5.0, 0.0)
    other = Table({})
    other.pools = {**world.pools, "c": Pool("c", "custom", 1, 0.0)}
    other.all("x:rate", "y:c", "x:c", "y:rate+money")
    assert not other.refused()


def test_waits_with_a_deadline_count():
    world = Table({"a": 1, "b": 1})
    world.all("x:a", "y:b")
    world.ask("x:b", deadline=1000.0)
    world.ask("y:a", deadline=1000.0)
    assert world.refused() == ["y:a"]


def test_the_victim_has_the_lowest_priority_then_the_least_to_lose_then_asked_last():
    world = Table({"a": 1, "b": 1})
    world.all("x:a", "y:b")
    world.ask("x:b", priority=-1)
    world.ask("y:a")
    assert world.refused() == ["x:b"]

    world = Table({"a": 1, "b": 1})
    world.all("x:a", "y:b", "y:a", "x:b")  # y began later, so it loses less, though x asked last
    assert world.refused() == ["y:a"]


def test_a_victim_that_would_not_help_is_passed_over():
    world = Table({"gpu": 3, "db": 1})
    world.all("small:gpu", "large:gpu*2", "z:db")
    world.ask("small:db", priority=-5)
    world.ask("large:db", priority=3)
    world.ask("z:gpu*2", priority=9)
    assert world.refused() == ["large:db"], "without the small one there are too few still"


def test_the_circle_is_told_in_words_and_as_data():
    world = Table({"db": 1, "gpu": 1})
    world.all("load:db", "clean:gpu", "load:gpu", "clean:db")
    error = world.requests["clean:db"].error
    assert str(error).startswith("clean waits for db held by load; load waits for gpu held by clean; clean gives way")
    assert error.circle == (Wait("clean", "db", "load"), Wait("load", "gpu", "clean"))
    assert error.victim == "clean"
    assert pickle.loads(pickle.dumps(error)).circle == error.circle


def test_what_a_victim_holds_without_a_block_is_taken_back_and_what_blocks_hold_they_give_back():
    world = Table({"db": 1, "gpu": 1, "file": 1})
    world.ask("load:db")
    world.ask("clean:gpu", scoped=True)
    world.ask("clean:file")
    world.all("load:gpu", "clean:db")
    assert world.requests["clean:file"].status == "revoked"
    assert world.requests["clean:gpu"].status == "held"
    assert world.requests["load:gpu"].status == "waiting"
    world.table.release(world.requests["clean:gpu"], world.now)
    assert world.requests["load:gpu"].status == "held"


def test_a_wait_behind_a_reservation_is_no_deadlock_because_whom_the_reserved_one_waits_for_passes():
    world = Table({"r": 2, "q": 1})
    world.ask("x:r")
    large = world.ask("large:r*2+q")
    while not large.senior:  # overtaken again and again
        stream = world.ask("s:r")
        world.table.release(stream, world.now)
    assert world.ask("late:q").status == "waiting", "q is reserved"
    assert world.ask("x:q").status == "held", "large waits for x"
    for text in ("x:q", "x:r"):
        world.table.release(world.requests[text], world.now)
    assert large.status == "held"


def test_a_manager_that_only_reports_keeps_the_deadlock_until_it_is_resolved():
    manager = ResourceManager(resolve_deadlocks=False)
    for name in ("db", "gpu"):
        manager.register_resource(name)
    found = threading.Event()
    manager.on("resource:deadlock", lambda event: found.set())
    assert not manager.detect_deadlock()
    assert manager.resolve_deadlock() is None
    manager.acquire_lock("db", "load")
    manager.acquire_lock("gpu", "clean")
    ended = {}

    def work(owner, name):
        try:
            ended[owner] = manager.acquire_lock(name, owner)
        except DeadlockError as error:
            ended[owner] = error

    threads = [threading.Thread(target=work, args=pair) for pair in (("load", "gpu"), ("clean", "db"))]
    for thread in threads:
        thread.start()
    assert found.wait(30)
    result = manager.detect_deadlock()
    assert result.deadlocked
    assert set(result.cycle) == {"load", "clean"}
    assert result.cycle[0] == result.cycle[-1]
    assert set(result.resources) == {"db", "gpu"}
    victim = manager.resolve_deadlock()
    assert victim == result.victim == "clean"
    for thread in threads:
        thread.join(30)
    assert isinstance(ended["clean"], DeadlockError)
    assert isinstance(ended["load"], int)
    assert not manager.detect_deadlock()


def test_a_victim_of_acquire_lock_has_given_everything_back_and_may_say_so_again():
    manager = ResourceManager()
    for name in ("db", "gpu"):
        manager.register_resource(name)
    db = manager.acquire_lock("db", "load")
    gpu = manager.acquire_lock("gpu", "clean")
    waits, got = threading.Event(), []
    manager.on("resource:lock-queued", lambda event: waits.set())
    thread = threading.Thread(target=lambda: got.append(manager.acquire_lock("gpu", "load")))
    thread.start()
    assert waits.wait(30)
    with pytest.raises(DeadlockError, match="clean waits for db held by load"):
        manager.acquire_lock("db", "clean")
    thread.join(30)
    assert got[0] > gpu
    assert manager.release_lock(gpu) is False, "it was done for the victim"
    with pytest.raises(ResourceError, match="victim of a deadlock"):
        manager.grant(gpu)
    assert manager.release_lock(db) is True


def test_a_long_chain_is_no_matter_of_recursion():
    world = Table({f"r{i}": 1 for i in range(3001)})
    for i in range(3000):
        world.ask(f"o{i}:r{i}")
    for i in range(2999):
        world.ask(f"o{i}:r{i + 1}")
    assert not world.refused()
    world.ask("o2999:r0", priority=5)
    assert len(world.refused()) == 1
    assert len(world.requests[world.refused()[0]].error.circle) == 3000
