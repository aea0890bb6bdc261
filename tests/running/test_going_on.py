"""Checkpoints, and runs that are cancelled, that wait for what is scarce, and that say who is waited for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import CheckpointError, DefinitionError
from orchestra_nb.events import EventBus, NodeStarted
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Expand, Node
from orchestra_nb.running.scheduler import ParallelScheduler


def scheduler(**config):
    return ParallelScheduler(RunConfig(**{"jobs": 2, "history": False, **config}))


def statuses(result):
    return {name: outcome.status for name, outcome in result.outcomes.items()}


@pytest.fixture
def weather():
    return {"fair": False}


@pytest.fixture
def voyage(weather):
    """Fails at its second level until the weather is fair."""
    calls = []

    def load():
        calls.append("load")
        return 7

    def sail(load):
        calls.append("sail")
        if not weather["fair"]:
            raise OSError("storm")
        return 6 * load

    dag = DAG([Node("load", fn=load), Node("sail", fn=sail, after=["load"]), Node("home", fn=str, after=["sail"])])
    return dag, calls


def test_a_run_goes_on_where_it_had_got_to(voyage, weather):
    dag, calls = voyage
    made = scheduler()
    failed = made.execute(dag)
    assert failed.checkpoints[-1] == failed.run_id
    weather["fair"] = True
    result = made.resume_from_checkpoint(str(failed.run_id), dag)
    assert statuses(result) == {"load": "cached", "sail": "done", "home": "done"}
    assert result.values["sail"] == 42
    assert result.success
    assert calls == ["load", "sail", "sail"]


def test_there_is_a_checkpoint_for_every_level_that_ended(voyage):
    dag, _ = voyage
    made = scheduler()
    failed = made.execute(dag)
    found = {checkpoint.id: list(checkpoint.outcomes) for checkpoint in made.get_checkpoints()}
    assert found[f"{failed.run_id}/level-0"] == ["load"]
    assert found[str(failed.run_id)] == ["load"]


def test_a_checkpoint_that_is_not_there_names_the_nearest(voyage):
    dag, calls = voyage
    made = scheduler()
    failed = made.execute(dag)
    with pytest.raises(CheckpointError, match=f"did you mean '{failed.run_id}'"):
        made.resume_from_checkpoint(f"{failed.run_id}x", dag)
    assert calls == ["load", "sail"]


def test_a_checkpoint_of_another_graph_is_refused_with_the_difference(voyage):
    dag, calls = voyage
    made = scheduler()
    failed = made.execute(dag)
    other = DAG([Node("other", fn=int), Node("home", fn=str)])
    with pytest.raises(CheckpointError, match="is of another graph: it has load"):
        made.resume_from_checkpoint(str(failed.run_id), other)
    assert calls == ["load", "sail"]


def test_a_node_that_made_others_makes_them_again(weather):
    def split():
        return Expand([Node("part", fn=work)], value="split")

    def work():
        if not weather["fair"]:
            raise OSError("storm")
        return 1

    dag, made = DAG([Node("split", fn=split)]), scheduler()
    failed = made.execute(dag)
    assert statuses(failed) == {"split": "done", "part": "failed"}
    weather["fair"] = True
    assert failed.checkpoints == ()
    assert statuses(made.execute(dag)) == {"split": "done", "part": "done"}


def test_values_of_runs_that_succeeded_are_not_kept_by_their_checkpoints():
    import weakref

    class Value:
        pass

    kept = []

    def make():
        value = Value()
        kept.append(weakref.ref(value))
        return value

    made = scheduler()
    for _ in range(3):
        made.execute(DAG([Node("a", fn=make)]))
    assert [ref() is None for ref in kept] == [True, True, False]


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_a_run_is_cancelled_from_another_thread_and_says_what_it_has(backend):
    import time

    made = scheduler(backend=backend)
    started = threading.Event()
    made.bus.on("execution:node-started", lambda event: started.set())
    threading.Thread(target=lambda: (started.wait(60), made.cancel("enough"))).start()
    result = made.execute(DAG([Node("a", fn=lambda: time.sleep(60)), Node("b", fn=lambda a: a, after=["a"])]))
    assert statuses(result) == {"a": "cancelled", "b": "skipped"}
    assert result.stopped == "cancelled"
    assert result.outcomes["b"].reason == "enough"
    assert made.execute(DAG([Node("a", fn=int)])).success


def test_waiting_coroutines_are_cancelled_at_once_and_clean_up():
    cleaned = []

    async def wait(name):
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(name)

    made, begun = scheduler(), []

    def count(event):
        begun.append(event)
        if len(begun) == 100:
            made.cancel()

    made.bus.on("execution:node-started", count)
    result = made.execute(DAG([Node(f"n{i}", fn=wait) for i in range(100)]), {"name": "x"})
    assert set(statuses(result).values()) == {"cancelled"}
    assert len(cleaned) <= 100
    assert not any("may still be running" in outcome.reason for outcome in result.outcomes.values())


def test_to_cancel_nothing_is_harmless():
    made = scheduler()
    made.cancel()
    assert made.execute(DAG([Node("a", fn=int)])).success
    made.cancel()


def test_a_thousand_waiting_nodes_take_no_thread_of_their_own():
    met = []

    async def meet():
        met.append(1)
        while len(met) < 1000:
            await asyncio.sleep(0.01)
        return threading.current_thread().name

    before = threading.active_count()
    counts = []
    bus = EventBus()
    bus.on("execution:node-ended", lambda event: counts.append(threading.active_count()), inline=True)
    nodes = [Node(f"n{i}", fn=meet) for i in range(1000)]
    result = ParallelScheduler(RunConfig(jobs=2, history=False), bus).execute(DAG(nodes))
    assert result.success
    assert set(result.values.values()) == {"orchestra-loop"}
    assert max(counts) <= before + 3


def test_resources_hold_across_lanes_and_are_seen_in_the_frame():
    held, most = [], []

    def use():
        held.append(1)
        most.append(len(held))
        held.pop()

    async def use_later():
        held.append(1)
        await asyncio.sleep(0.001)
        most.append(len(held))
        held.pop()

    nodes = [Node(f"n{i}", fn=use_later if i % 2 else use, uses=["db"]) for i in range(20)]
    result = scheduler(jobs=4).execute(DAG(nodes))
    assert result.success
    assert set(most) == {1}
    assert result.frame["lock_wait"].gt(0).sum() >= 15


def test_a_rate_spreads_the_starts():
    started = []
    made = scheduler(jobs=4, resources={"api": "2/s"})
    made.bus.on("execution:node-started", lambda event: isinstance(event, NodeStarted) and started.append(event.at))
    assert made.execute(DAG([Node(f"n{i}", fn=int, uses=["api"]) for i in range(4)])).success
    assert started[2] - started[0] >= 1.0
    assert started[3] - started[1] >= 1.0


def test_a_node_that_uses_more_than_there_is_is_named_before_anything_runs():
    with pytest.raises(DefinitionError, match="node 'a' uses 3 of 'gpu', and there is 2"):
        scheduler(resources={"gpu": 2}).execute(DAG([Node("a", fn=int, uses=["gpu:3"])]))


def test_one_policy_gives_one_order():
    def order(policy, seed=0):
        made, seen = scheduler(policy=policy, seed=seed, jobs=2), []
        made.bus.on("execution:node-started", lambda event: seen.append(event.node))
        gate = threading.Event()
        nodes = [Node("hold", fn=lambda: gate.wait(60), cost=100, priority=9)]
        nodes += [Node(f"n{i}", fn=gate.set if i == 7 else int, cost=i % 5 + 1, index=i + 1) for i in range(8)]
        made.execute(DAG(nodes))
        return seen

    assert order("fifo") == ["hold", *(f"n{i}" for i in range(8))]
    assert order("random", 3) == order("random", 3) != order("random", 4)
    assert order("longest-first")[1:3] == ["n4", "n3"]
