"""Locks, circuits, sagas and the cache of an engine are the same for nodes and for whoever calls it."""

from __future__ import annotations

import asyncio
import statistics
import threading

import pytest

from orchestra_nb import (
    BreakerPolicy,
    CircuitOpenError,
    ConfigError,
    DefinitionError,
    EngineConfig,
    Node,
    Notebook,
    OrchestrationEngine,
    ResourceError,
    RetryPolicy,
    RunConfig,
    SagaStep,
)

from .runs import PATIENCE, QUICK, nodes

# The parts are the same for all.


def test_a_lock_that_a_user_holds_keeps_a_node_waiting_and_the_other_way_round(engine):
    engine.register_resource("db", type="database")
    mine, seen = engine.acquire_lock("db", owner="me"), []
    waits = threading.Event()
    engine.on("resource:lock-queued", lambda event: waits.set())

    def in_between():
        assert waits.wait(PATIENCE)
        use = engine.get_resource_stats()["db"]
        seen.append((dict(use.holders), dict(use.waiting)))
        engine.release_lock(mine)

    def load():
        seen.append(dict(engine.get_resource_stats()["db"].holders))
        seen.append(engine.acquire_lock("db", owner="me", timeout=0))
        return 1

    result = engine.run([Node("load", fn=load, uses=["db"]), Node("free", fn=in_between)])
    result.raise_for_errors()
    assert seen == [({"me": 1}, {"load": 1}), {"load": 1}, None]
    assert engine.get_resource_stats()["db"].granted == 2
    assert not engine.get_resource_stats().owners


@pytest.mark.parametrize("owner", [None, "load"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_body_may_ask_for_what_its_node_has_and_leaves_nothing_behind(engine, owner, jobs):
    engine.register_resource("db")
    engine.register_resource("gpu")
    seen = []

    def load():
        seen.append(engine.acquire_lock("db", owner=owner, timeout=PATIENCE) is not None)
        seen.append(engine.acquire_lock("gpu", owner=owner, timeout=PATIENCE) is not None)
        seen.append(dict(engine.get_resource_stats()["gpu"].holders))

    async def wait(load):
        seen.append(dict(engine.get_resource_stats().owners))
        seen.append(engine.acquire_lock("db", owner="wait", timeout=0) is not None)
        seen.append(await engine.resources.acquire_lock_async("db", timeout=0))

    work = [Node("load", fn=load, uses=["db"]), Node("wait", fn=wait, uses=["db"])]
    engine.run(work, jobs=jobs).raise_for_errors()
    owners = seen.pop(3)
    assert list(owners) == ["wait"]
    assert seen == [True, True, {"load": 1}, True, None]
    assert not engine.get_resource_stats().owners
    engine.run([Node("other", fn=lambda: seen.append(engine.acquire_lock("db", owner="load", timeout=0)))])
    assert dict(engine.get_resource_stats()["db"].holders) == {"load": 1}


def test_a_circle_of_waits_through_what_nodes_use_and_what_their_bodies_take_is_found(engine):
    engine.register_resource("db")
    engine.register_resource("gpu")
    meet = threading.Barrier(2)

    def one(other):
        meet.wait(PATIENCE)
        lock = engine.acquire_lock(other, timeout=PATIENCE)
        return engine.release_lock(lock)

    work = [
        Node("a", fn=lambda: one("gpu"), uses=["db"]),
        Node("b", fn=lambda: one("db"), uses=["gpu"]),
    ]
    result = engine.run(work, keep_going=True)
    assert sorted(outcome.status for outcome in result.outcomes.values()) == ["done", "failed"]
    (error,) = result.errors
    assert "DeadlockError" in str(error)
    assert "waits for" in str(error)
    assert not engine.get_resource_stats().owners


def test_what_is_registered_bounds_the_nodes_of_a_run(engine):
    engine.register_resource("gpu", max_concurrent=2)
    at_once, most, lock = [0], [0], threading.Lock()
    meet = threading.Barrier(2)

    def train():
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        meet.wait(PATIENCE)
        with lock:
            at_once[0] -= 1

    engine.run([Node(f"n{i}", fn=train, uses=["gpu"]) for i in range(6)], jobs=6).raise_for_errors()
    assert most[0] == 2
    with pytest.raises(DefinitionError, match="uses 3 of 'gpu', and there is 2"):
        engine.run([Node("greedy", fn=train, uses=["gpu:3"])])
    with pytest.raises(ConfigError, match="'gpu' is registered, and not as 5"):
        engine.run(nodes(), resources={"gpu": 5})


def test_who_says_how_much_there_is(engine):
    """What only nodes name is there once; a command, a run and at last a user may say otherwise while it is free."""

    def capacity(name):
        return engine.get_resource_stats()[name].capacity

    work = [Node("a", fn=lambda: 1, uses=["db"])]
    command = {
        "name": "/one",
        "resourceLocking": {"resources": [{"resourceId": "db", "maxConcurrent": 3}]},
        "phases": [{"name": "All", "agents": [{"id": "look", "resources": ["db"]}]}],
    }
    engine.set_agent_executor(lambda node, context: 1)
    said = []
    for run in (
        lambda: engine.run(work),
        lambda: engine.run(command),
        lambda: engine.run(work),
        lambda: engine.run(work, resources={"db": 4}),
        lambda: engine.register_resource("db", type="database", max_concurrent=2),
        lambda: engine.run(command),
    ):
        run()
        said.append(capacity("db"))
    assert said == [1, 3, 3, 4, 2, 2]


def test_what_the_config_says_of_resources_is_known_from_the_start():
    resources = {"gpu": 2, "calls": "100/min", "tokens": "50/run"}
    with OrchestrationEngine(RunConfig(history=False, cache=False, resources=resources)) as engine:
        both = [engine.acquire_lock("gpu", owner=owner, timeout=0) for owner in ("a", "b", "c")]
        assert [lock is not None for lock in both] == [True, True, False]
        assert set(engine.get_resource_stats().resources) == {"gpu", "calls"}
        engine.register_resource("gpu", max_concurrent=2)
        with pytest.raises(ResourceError, match="'gpu': the engine's config says 2"):
            engine.register_resource("gpu", max_concurrent=3)
        assert engine.run(nodes()).success


def test_cells_wait_for_the_same_locks(engine):
    notebook = Notebook.from_sources(["#| uses: db\nx = 1", "y = x + 1"])
    queued = threading.Event()
    engine.register_resource("db")
    lock = engine.acquire_lock("db", owner="me")
    engine.on("resource:lock-queued", lambda event: queued.set())
    answers = []
    thread = threading.Thread(target=lambda: answers.append(engine.run(notebook)))
    thread.start()
    assert queued.wait(PATIENCE)
    assert list(engine.get_resource_stats()["db"].waiting) == ["cell-1"]
    engine.release_lock(lock)
    thread.join(PATIENCE)
    assert answers[0].values["y"] == 2


def test_budgets_of_runs_and_limits_of_phases_belong_to_one_run_alone(engine):
    work = [Node("a", fn=lambda: 1, uses=["tokens:3"]), Node("b", fn=lambda: 2, uses=["tokens:3"], after=["a"])]
    for _ in range(2):
        result = engine.run(work, resources={"tokens": "5/run"})
        assert [outcome.status for outcome in result.outcomes.values()] == ["done", "failed"]
        assert "tokens" in str(result.outcomes["b"].error)
    command = {
        "name": "/one",
        "phases": [{"name": "All", "parallel": True, "parallelism": {"maxConcurrent": 1}, "agents": ["a", "b"]}],
    }
    command["phases"][0]["agents"] = [{"id": "x"}, {"id": "y"}]
    engine.set_agent_executor(lambda node, context: 1)
    assert engine.run(command).success
    assert not engine.get_resource_stats().resources


def test_a_budget_that_is_registered_lasts_over_runs(engine):
    engine.register_resource("tokens", type="api", budget=5)
    work = [Node("a", fn=lambda: 1, uses=["tokens:3"])]
    assert engine.run(work).success
    result = engine.run(work)
    assert "less is left" in str(result.outcomes["a"].error) or "tokens" in str(result.outcomes["a"].error)
    assert engine.get_resource_stats()["tokens"].left == 2


def test_a_circuit_of_a_node_and_one_that_is_called_are_the_same():
    config = EngineConfig(run=QUICK, breaker=BreakerPolicy(threshold=1, rest=1000.0))
    with OrchestrationEngine(config) as engine:
        assert not engine.run([Node("ask", fn=lambda: 1 // 0, breaker="service")]).success
        with pytest.raises(CircuitOpenError):
            engine.recovery.run_with_circuit_breaker("service", lambda: 1)
        assert engine.get_recovery_stats().circuits["service"].state == "open"


def test_retries_of_nodes_and_of_actions_are_counted_together(engine):
    answers = iter([OSError("busy"), 42])

    def ask():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    result = engine.run([Node("ask", fn=ask, retry=RetryPolicy(attempts=3, initial_delay=0)), *nodes()])
    assert result.success
    counted = engine.get_recovery_stats().actions
    assert counted.keys() == {"ask"}
    assert (counted["ask"].calls, counted["ask"].attempts, counted["ask"].succeeded) == (1, 2, 1)


@pytest.mark.parametrize("way", ["sync", "async"])
def test_sagas_go_through_the_engine(engine, way):
    undone, told = [], []
    engine.on("recovery:saga-ended", told.append)
    steps = [
        SagaStep("book", lambda context: context["n"], lambda context, result: undone.append(result)),
        SagaStep("pay", lambda context: 1 // 0),
    ]
    report = engine.run_saga(steps, {"n": 7}) if way == "sync" else asyncio.run(engine.execute_saga(steps, {"n": 7}))
    assert (report.success, undone) == (False, [7])
    stats = engine.get_recovery_stats()
    assert (stats.sagas, stats.failed_sagas, stats.compensations) == (1, 1, 1)
    assert len(told) == 1


def test_what_a_failed_run_has_undone_counts_as_a_saga(engine):
    undone, told = [], []
    engine.on("recovery:undone", told.append)
    work = [
        Node(
            "book", fn=lambda: 7, undo=lambda result: undone.append((result, len(engine.get_resource_stats().owners)))
        ),
        Node("pay", fn=lambda book: 1 // 0, uses=["db"]),
    ]
    result = engine.run(work)
    assert result.undone.compensated
    assert undone == [(7, 0)]
    stats = engine.get_recovery_stats()
    assert (stats.sagas, stats.failed_sagas, stats.compensations, len(told)) == (1, 1, 1, 1)


def test_a_node_that_rests_with_its_locks_keeps_them_from_users_too(engine):
    engine.register_resource("db")
    tries, between, rests = [], [], threading.Event()

    def take(event):
        between.append(engine.acquire_lock("db", owner="me", timeout=0))
        rests.set()

    engine.on("execution:node-retrying", take, inline=True)

    def ask():
        tries.append(1)
        assert len(tries) > 1

    for keeps in (True, False):
        tries.clear()
        rests.clear()
        policy = RetryPolicy(attempts=2, initial_delay=0.02, jitter=0, keep_locks=keeps)
        node = Node("ask", fn=ask, uses=["db"], retry=policy)
        running = threading.Thread(target=lambda node=node: engine.run([node]))
        running.start()
        assert rests.wait(PATIENCE)
        if not keeps:
            engine.release_lock(between[1])
        running.join(PATIENCE)
    assert between[0] is None
    assert between[1] is not None
    assert engine.last_result.success


# The cache.


def test_results_of_nodes_count_as_hits_and_are_forgotten_with_the_cache(tmp_path):
    work = [Node("mean", fn=statistics.fmean, cache=3600)]
    with OrchestrationEngine(RunConfig(jobs=2, history=False, cache=str(tmp_path / "kept"))) as engine:
        statuses = [engine.run(work, {"data": [1.0, 2.0]}).outcomes["mean"].status for _ in range(2)]
        counted = engine.get_cache_metrics()
        assert (statuses, counted.node_hits, counted.node_misses) == (["done", "cached"], 1, 1)
        assert (counted.hits, counted.misses, counted.hit_rate) == (1, 1, 0.5)
        engine.cache.set("key", 1)
        assert engine.clear_cache() == 2
        assert engine.run(work, {"data": [1.0, 2.0]}).outcomes["mean"].status == "done"


SURVEY = {
    "name": "/survey",
    "phases": [
        {
            "name": "All",
            "agents": [{"id": "look", "context": {"outputs": [{"key": "files", "ttl": 3600}, {"key": "notes"}]}}],
        }
    ],
}
MEND = {
    "name": "/mend",
    "inputs": {"required": ["files"], "optional": {"notes": {"default": "none"}}},
    "phases": [{"name": "All", "agents": [{"id": "mend", "context": {"inputs": ["files", "notes"]}}]}],
}


def test_an_output_that_holds_for_a_while_is_there_for_a_later_command_that_requires_it(engine):
    engine.set_agent_executor(
        lambda node, context: {"files": ["a.py"], "notes": "x"} if node.id == "look" else dict(context)
    )
    with pytest.raises(DefinitionError, match="needs 'files'"):
        engine.run(MEND)
    assert engine.run(SURVEY).success
    assert engine.cache.get("files") == ["a.py"]
    assert "notes" not in engine.cache
    assert engine.run(MEND).values["mend"] == {"files": ["a.py"], "notes": "none"}
    assert engine.run(MEND, {"files": []}).values["mend"]["files"] == []
    engine.clear_cache()
    with pytest.raises(DefinitionError, match="needs 'files'"):
        engine.run(MEND)


def test_what_an_undone_agent_put_out_is_not_there(engine):
    outputs = [{"key": "booking", "ttl": 3600}]
    command = {
        "name": "/book",
        "phases": [
            {
                "name": "All",
                "agents": [
                    {"id": "book", "context": {"outputs": outputs}, "compensation": {"agent": "unbook"}},
                    {"id": "pay", "dependencies": ["book"]},
                    {"id": "unbook"},
                ],
            }
        ],
    }
    worked = []

    def work(node, context):
        worked.append(node.id)
        assert node.id != "pay"
        return 7

    engine.set_agent_executor(work)
    result = engine.run(command)
    assert (worked, result.undone.compensated) == (["book", "pay", "unbook"], ("book",))
    assert "booking" not in engine.cache
