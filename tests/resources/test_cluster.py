"""Locks that all processes of a dask cluster share, on a cluster of two processes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from orchestra_nb.errors import ResourceError
from orchestra_nb.resources.manager import ResourceManager
from tests.dask_loop import running_loop

pytest.importorskip("distributed")
pytestmark = pytest.mark.xdist_group("cluster of locks")
cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    import dask
    from distributed import Client, LocalCluster

    terms = {
        "distributed.scheduler.locks.lease-timeout": "2s",
        "distributed.scheduler.locks.lease-validation-interval": "200ms",
    }
    named = {f"DASK_{key.upper().replace('.', '__').replace('-', '_')}": value for key, value in terms.items()}
    with pytest.MonkeyPatch.context() as patch, dask.config.set(terms):
        for key, value in named.items():
            patch.setenv(key, value)
        where = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": 60}
        with (
            running_loop() as loop,
            LocalCluster(n_workers=2, threads_per_worker=1, loop=loop, **where) as cluster,
            Client(cluster) as made,
        ):
            yield made


@pytest.fixture
def manager(client: Any) -> Iterator[ResourceManager]:
    made = ResourceManager()
    yield made
    made.close()


def held(name: str, most: int, amount: int, seconds: float, note: str) -> list[tuple[float, float, int, int]]:
    """In a worker: take and give back some times; says when, and under which tokens."""
    manager, spans = ResourceManager(), []
    manager.register_resource(name, max_concurrent=most, scope="cluster")
    for _ in range(5):
        token = manager.acquire_lock(name, owner=note, amount=amount, timeout=60)
        assert token is not None
        began = time.time()
        time.sleep(seconds)
        spans.append((began, time.time(), amount, int(token)))
        manager.release_lock(token)
    manager.close()
    return spans


@pytest.mark.parametrize(("most", "amounts"), [(1, (1, 1)), (2, (1, 2)), (3, (2, 2))])
def test_never_more_is_held_than_there_is(client: Any, most: int, amounts: tuple[int, int]):
    name = f"gpu {most}"
    jobs = [client.submit(held, name, most, amount, 0.02, f"w{i}", pure=False) for i, amount in enumerate(amounts)]
    spans = [span for job in jobs for span in job.result(timeout=120)]
    for began, *_ in spans:
        at_once = sum(amount for start, end, amount, _ in spans if start <= began < end)
        assert at_once <= most
    tokens = [token for *_, token in sorted(spans)]
    assert len(set(tokens)) == len(tokens)


def test_what_one_process_holds_another_waits_for(client: Any, manager: ResourceManager):
    def try_it(timeout: float) -> bool:
        there = ResourceManager()
        there.register_resource("shared", scope="cluster")
        found = there.acquire_lock("shared", timeout=timeout)
        there.close()
        return found is not None

    manager.register_resource("shared", scope="cluster")
    with manager.lock("shared", owner="here"):
        assert not client.submit(try_it, 0.2, pure=False).result(timeout=120)
    assert client.submit(try_it, 60, pure=False).result(timeout=120)
    with manager.lock("shared", owner="here", timeout=60):
        assert manager.get_resource_stats().resources["shared"].scope == "cluster"


def test_tokens_grow_across_processes(client: Any, manager: ResourceManager):
    manager.register_resource("counted", scope="cluster")
    found = []
    for _ in range(3):
        token = manager.acquire_lock("counted", timeout=60)
        assert token is not None
        manager.release_lock(token)
        found += [
            int(token),
            *[span[3] for span in client.submit(held, "counted", 1, 1, 0.0, "w", pure=False).result()],
        ]
    assert found == sorted(set(found))


def test_who_dies_leaves_nothing_locked(client: Any, manager: ResourceManager, tmp_path: Path):
    mark = str(tmp_path / "held")

    def die(path: str) -> None:
        if os.path.exists(path):
            return  # the scheduler gives the task to another worker
        there = ResourceManager()
        there.register_resource("mortal", scope="cluster")
        assert there.acquire_lock("mortal", timeout=60) is not None
        Path(path).write_text("held")
        os._exit(1)

    client.submit(die, mark, pure=False).result(timeout=120)
    assert os.path.exists(mark)
    manager.register_resource("mortal", scope="cluster")
    assert manager.acquire_lock("mortal", timeout=120) is not None


def test_another_amount_is_refused(manager: ResourceManager):
    manager.register_resource("same", max_concurrent=2, scope="cluster")
    with pytest.raises(ResourceError, match="this cluster has another amount of it"):
        ResourceManager().register_resource("same", max_concurrent=3, scope="cluster")


def test_a_scheduler_that_does_not_answer_has_nothing_left(client: Any, monkeypatch: pytest.MonkeyPatch):
    from orchestra_nb.resources.cluster import dask_slots

    slots = dask_slots("deaf", 1)
    monkeypatch.setattr(slots._client, "run_on_scheduler", lambda *_, **__: 1 / 0)
    assert slots.take(1, 1) is None
    monkeypatch.undo()
    assert slots.take(1, 1) is not None
    slots.keep(0)


def test_without_a_cluster_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    import distributed

    def nobody() -> None:
        raise ValueError("no client")

    monkeypatch.setattr(distributed, "get_client", nobody)
    with pytest.raises(ResourceError, match=r"make a distributed\.Client first"):
        ResourceManager().register_resource("x", scope="cluster")


def test_dask_still_keeps_leases_where_they_are_counted():
    """An interrupt may hit whoever asked; what was given then stands there all the same."""
    from distributed import Semaphore

    assert len(Semaphore(max_leases=1, name="nobody's")._leases) == 0
