"""Runs that share a manager with one another and with whoever takes locks there, in real threads."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from orchestra_nb import Node, ParallelScheduler, ResourceManager, RunConfig
from orchestra_nb.graph.dag import DAG

PATIENCE = 60.0


class Gauge:
    """Counts who is inside at once."""

    def __init__(self):
        self.lock, self.inside, self.most = threading.Lock(), 0, 0

    def __enter__(self):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *_):
        with self.lock:
            self.inside -= 1


def scheduler(manager, **settings):
    return ParallelScheduler(RunConfig(**{"jobs": 3, "history": False, **settings}), resources=manager)


def test_two_runs_and_strangers_never_hold_more_than_there_is_and_all_come_to_an_end():
    manager, gauges, results, granted = ResourceManager(), {"db": Gauge(), "gpu": Gauge()}, [], []
    manager.register_resource("db")
    manager.register_resource("gpu", max_concurrent=2)

    async def later(name):
        with gauges[name]:
            pass

    def now(name):
        with gauges[name]:
            pass

    def run(seed):
        nodes = [
            Node(
                f"n{i}",
                fn=partial(later if i % 3 == 0 else now, "gpu" if i % 2 else "db"),
                uses=["gpu" if i % 2 else "db"],
                after=[f"n{i - 7}"] if i >= 7 else [],
                priority=i % 2,
            )
            for i in range(150)
        ]
        results.append(scheduler(manager, policy="random", seed=seed).execute(DAG(nodes)))

    def stranger(number):
        for turn in range(150):
            name = ("db", "gpu")[(turn + number) % 2]
            with manager.lock(name), gauges[name]:
                granted.append(name)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(2)]
    threads += [threading.Thread(target=stranger, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert [result.success for result in results] == [True, True]
    assert len(granted) == 450
    assert gauges["db"].most == 1
    assert gauges["gpu"].most <= 2
    assert not manager.get_resource_stats().owners


def test_nodes_of_two_runs_that_are_called_alike_are_two_owners():
    manager, inside, go = ResourceManager(), threading.Event(), threading.Event()
    manager.register_resource("db")
    queued = threading.Event()
    manager.on("resource:lock-queued", lambda event: queued.set())

    def first():
        inside.set()
        assert go.wait(PATIENCE)

    one = threading.Thread(target=lambda: scheduler(manager).execute(DAG([Node("load", fn=first, uses=["db"])])))
    one.start()
    assert inside.wait(PATIENCE)
    results = []
    two = threading.Thread(
        target=lambda: results.append(scheduler(manager).execute(DAG([Node("load", fn=lambda: 1, uses=["db"])])))
    )
    two.start()
    assert queued.wait(PATIENCE)
    assert not results
    go.set()
    one.join(PATIENCE)
    two.join(PATIENCE)
    assert results[0].success
    assert results[0].outcomes["load"].lock_wait > 0


def test_a_resource_of_the_machine_is_waited_for_as_well(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    mine, other = ResourceManager(), ResourceManager()  # each stands for a process
    for manager in (mine, other):
        manager.register_resource("engine-test-of-this-machine", scope="machine")
    lock = other.acquire_lock("engine-test-of-this-machine", owner="other")
    queued = threading.Event()
    mine.on("resource:lock-queued", lambda event: queued.set())
    results = []
    work = DAG([Node("load", fn=lambda: 1, uses=["engine-test-of-this-machine"])])
    thread = threading.Thread(target=lambda: results.append(scheduler(mine).execute(work)))
    thread.start()
    assert queued.wait(PATIENCE)
    assert not results
    other.release_lock(lock)
    thread.join(PATIENCE)
    assert results[0].success


@pytest.mark.parametrize("how", ["cancel", "timeout", "failure"])
def test_a_run_that_ends_early_waits_for_nothing_and_holds_nothing(how):
    manager = ResourceManager()
    manager.register_resource("db")
    mine = manager.acquire_lock("db", owner="me")
    runs = scheduler(manager, timeout=0.05 if how == "timeout" else None)
    manager.on("resource:lock-queued", lambda event: runs.cancel() if how == "cancel" else None)

    def fail():
        assert how != "failure"

    result = runs.execute(DAG([Node("fail", fn=fail), Node("wait", fn=lambda: 1, uses=["db"])]))
    assert result.outcomes["wait"].status in ("skipped", "cancelled", "failed")
    assert list(manager.get_resource_stats().owners) == ["me"]
    assert manager.release_lock(mine)
