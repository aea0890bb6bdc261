"""The engine: one entry point, wherever it is called from, and its parts are the same for all."""

from __future__ import annotations

import asyncio
import pickle
import statistics
import threading

import nbformat
import pytest

from orchestra_nb import (
    BackendError,
    BreakerPolicy,
    CachePolicy,
    CheckpointError,
    CircuitOpenError,
    ConfigError,
    DefinitionError,
    EngineConfig,
    Expand,
    Node,
    NodeFailed,
    Notebook,
    OrchestrationEngine,
    Replay,
    ResourceError,
    RetryPolicy,
    RunConfig,
    SagaStep,
    load_command,
)
from orchestra_nb.running.loop import LOOP

QUICK = RunConfig(jobs=2, history=False, cache=False)
PATIENCE = 20.0
"""Seconds after which a test gives up."""


@pytest.fixture
def engine():
    with OrchestrationEngine(QUICK) as made:
        yield made


def nodes():
    return [Node("load", fn=lambda: [3, 1, 2]), Node("top", fn=lambda load: max(load))]


async def awaited(engine, definition, **options):
    return await engine.execute(definition, **options)


def in_a_thread(call):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()
    thread.join(PATIENCE)
    return answers[0]


async def inside_a_loop(call):
    return call()


WAYS = {
    "from a script": lambda engine, what: engine.run(what),
    "from a thread": lambda engine, what: in_a_thread(lambda: engine.run(what)),
    "inside a running loop": lambda engine, what: asyncio.run(inside_a_loop(lambda: engine.run(what))),
    "awaited": lambda engine, what: asyncio.run(awaited(engine, what)),
    "awaited on the background loop": lambda engine, what: LOOP.run(awaited(engine, what)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_run_gives_the_same_wherever_it_is_called_from(engine, way):
    async def third():
        await asyncio.sleep(0)
        return threading.current_thread().name

    result = WAYS[way](engine, [*nodes(), Node("third", fn=third)])
    assert result.success
    assert result.values == {"load": [3, 1, 2], "top": 3, "third": "orchestra-loop"}
    assert engine.last_result is result


def test_a_sync_run_in_a_coroutine_of_the_background_loop_is_refused_and_does_not_hang(engine):
    with pytest.raises(BackendError, match="await OrchestrationEngine"):
        LOOP.run(inside_a_loop(lambda: engine.run(nodes())))
    assert engine.run(nodes()).success


def test_the_loop_stays_free_while_a_run_is_awaited(engine):
    async def both():
        go = threading.Event()
        running = asyncio.ensure_future(engine.execute([Node("wait", fn=lambda: go.wait(PATIENCE))]))
        turns = 0
        while not running.done():
            await asyncio.sleep(0.001)
            turns += 1
            if turns == 3:
                go.set()
        return (await running).values, turns

    values, turns = asyncio.run(both())
    assert values == {"wait": True}
    assert turns >= 3


def test_one_job_leaves_the_loop_free_too(engine):
    async def both():
        go = threading.Event()
        running = asyncio.ensure_future(engine.execute([Node("wait", fn=lambda: go.wait(PATIENCE))], jobs=1))
        await asyncio.sleep(0)
        go.set()
        return (await running).values

    assert asyncio.run(both()) == {"wait": True}


def test_coroutines_of_an_awaited_run_may_have_the_loop_that_awaits(engine):
    async def whose():
        return asyncio.get_running_loop()

    async def both():
        result = await engine.execute([Node("a", fn=whose), Node("b", fn=whose)], loop="notebook")
        return {loop is asyncio.get_running_loop() for loop in result.values.values()}

    assert asyncio.run(both()) == {True}


def test_a_cancelled_task_has_stopped_its_run_when_it_ends(engine):
    begun = asyncio.Event()
    seen = []

    async def endless():
        try:
            loop.call_soon_threadsafe(begun.set)
            await asyncio.sleep(PATIENCE)
        finally:
            seen.append("cleaned up")

    async def scenario():
        nonlocal loop
        loop = asyncio.get_running_loop()
        running = asyncio.ensure_future(engine.execute([Node("endless", fn=endless, uses=["db"])]))
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return engine.last_result.outcomes["endless"].status, engine.get_resource_stats()["db"].holders

    loop = None
    assert asyncio.run(scenario()) == ("cancelled", {})
    assert seen == ["cleaned up"]
    assert engine.run(nodes()).success


def test_a_task_that_is_cancelled_before_its_run_has_begun_stops_it_too(engine):
    ran = []

    async def scenario():
        running = asyncio.ensure_future(engine.execute([Node(f"n{i}", fn=lambda: ran.append(1)) for i in range(3000)]))
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(scenario())
    assert len(ran) < 3000
    assert engine.run(nodes()).success


def test_a_second_run_is_refused_while_one_goes_on_and_says_what_to_do(engine):
    with pytest.raises(NodeFailed, match="ConfigError: this engine runs a graph already; wait for it or cancel"):
        engine.run([Node("inner", fn=lambda: engine.run(nodes()))]).raise_for_errors()


def test_an_interrupted_run_leaves_its_result(engine):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.run([Node("a", fn=lambda: 1), Node("b", fn=interrupted, after=["a"])], jobs=1)
    assert engine.last_result.stopped == "interrupted"
    assert engine.last_result.outcomes["a"].value == 1


# What it takes.


def test_it_takes_whatever_describes_a_graph(engine, tmp_path):
    command = {"name": "/one", "phases": [{"name": "All", "agents": [{"id": "look"}]}]}
    notebook = tmp_path / "n.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = n + 1")]), notebook)
    engine.set_agent_executor(lambda node, context: node.id)
    assert engine.run(command).values == {"look": "look"}
    assert engine.run(load_command(command)).values == {"look": "look"}
    assert engine.run(engine.build_dag(nodes())).values["top"] == 3
    assert engine.run(str(notebook), {"n": 1}).values["x"] == 2
    assert engine.build_dag(notebook).nodes.keys() == {"cell-1"}
    assert asyncio.run(awaited(engine, notebook, context={"n": 2})).values["x"] == 3


def test_options_are_settings_of_one_run(engine):
    bad = [Node("a", fn=lambda: 1 // 0), Node("b", fn=lambda: 2)]
    result = engine.run(bad, jobs=1, keep_going=True)
    assert (result.jobs, result.outcomes["b"].status) == (1, "done")
    assert engine.run(bad, jobs=1).outcomes["b"].status == "skipped"
    with pytest.raises(ConfigError, match="no option 'job'; did you mean 'jobs'"):
        engine.run(bad, job=1)
    with pytest.raises(ConfigError, match="no option 'keepgoing'; did you mean 'keep_going'"):
        asyncio.run(awaited(engine, bad, keepgoing=1))


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"jobs": 2}, "not dict"),
        (CachePolicy(), "not CachePolicy"),
    ],
)
def test_what_is_no_config_is_refused(config, told):
    with pytest.raises(ConfigError, match=told):
        OrchestrationEngine(config)


@pytest.mark.parametrize("knob", ["run", "cache", "retry", "breaker", "sinks", "todos_by_phase", "resolve_deadlocks"])
def test_each_part_of_a_config_must_be_of_its_kind(knob):
    with pytest.raises(ConfigError, match=f"{knob}=.* must be"):
        EngineConfig(**{knob: object()})


def test_a_definition_that_is_none_runs_nothing_and_hurts_nothing(engine):
    for wrong in (42, [42], {"phases": 3}, "no-such-file.json"):
        with pytest.raises((DefinitionError, ConfigError)):
            engine.run(wrong)
    with pytest.raises(DefinitionError, match="nobody does the work"):
        engine.run({"name": "/one", "phases": [{"name": "All", "agents": [{"id": "look"}]}]})
    assert engine.run(nodes()).success
    with pytest.raises(ConfigError):
        engine.set_agent_executor("nobody")


def test_a_closed_engine_runs_nothing_and_closing_twice_is_fine():
    engine = OrchestrationEngine(QUICK)
    engine.close()
    engine.close()
    with pytest.raises(ConfigError, match="closed; make another"):
        engine.run(nodes())
    with pytest.raises(ConfigError, match="belongs to its process"):
        pickle.dumps(engine)


def test_what_it_counted_can_be_asked_for_when_it_is_closed():
    with OrchestrationEngine(QUICK) as engine:
        engine.run([Node("a", fn=lambda: 1, uses=["db"])])
    assert engine.get_progress_stats().percent == 100.0
    assert engine.get_resource_stats()["db"].granted == 1
    assert engine.get_cache_metrics().hits == 0
    assert set(engine.frame.part) == {"progress", "cache", "resources", "recovery"}
    assert "closed" in repr(engine)


def test_a_time_limit_of_the_task_stops_the_run():
    async def endless():
        await asyncio.sleep(PATIENCE)

    async def limited():
        async with asyncio.timeout(0.05):
            await engine.execute([Node("endless", fn=endless)])

    with OrchestrationEngine(QUICK) as engine:
        with pytest.raises(TimeoutError):
            asyncio.run(limited())
        assert engine.last_result.outcomes["endless"].status == "cancelled"


def test_closing_stops_the_run_that_is_under_way():
    engine, begun = OrchestrationEngine(QUICK), threading.Event()

    async def endless():
        begun.set()
        await asyncio.sleep(PATIENCE)

    async def scenario():
        running = asyncio.ensure_future(engine.execute([Node("endless", fn=endless)]))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        engine.close()
        return (await running).outcomes["endless"].reason

    assert "the engine was closed" in asyncio.run(scenario())


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


# Progress and events.


def test_todos_stand_by_phase_and_say_how_far_they_are(engine):
    lists = []
    engine.set_todo_write_api(lists.append)
    engine.set_agent_executor(lambda node, context: 1)
    command = {
        "name": "/review",
        "phases": [
            {"name": "Scan", "agents": [{"id": "scan", "task": "Scan the code"}]},
            {"name": "Review", "agents": [{"id": "style", "task": "Review the style"}]},
        ],
    }
    assert engine.run(command).success
    assert all(todo.keys() == {"content", "status", "activeForm"} for todo in lists[-1])
    assert [todo["content"].strip() for todo in lists[-1]] == [
        "Scan", "Scan the code", "Review", "Review the style",
    ]  # fmt: skip
    assert {todo["status"] for todo in lists[-1]} == {"completed"}
    stats = engine.get_progress_stats()
    assert (stats.name, stats.percent, stats.completed) == ("/review", 100.0, 2)
    engine.set_todo_write_api(None)


def test_progress_can_be_asked_for_from_another_thread_while_it_goes_on(engine):
    half = []

    def look(load):
        half.append(in_a_thread(engine.get_progress_stats))

    engine.run([Node("load", fn=lambda: 1), Node("look", fn=look)]).raise_for_errors()
    assert (half[0].completed, half[0].running, half[0].percent) == (1, 1, 50.0)
    assert engine.get_progress_stats().percent == 100.0
    engine.run(nodes()[:1])
    assert engine.get_progress_stats().total == 1


def test_a_run_that_is_refused_leaves_progress_and_result_as_they_were(engine):
    greedy = [Node("greedy", fn=lambda: 1, uses=["db:2"])]
    with pytest.raises(DefinitionError):
        engine.run(greedy)
    assert (engine.get_progress_stats().percent, engine.last_result) == (0.0, None)
    result = engine.run(nodes())
    with pytest.raises(DefinitionError):
        engine.run(greedy)
    assert (engine.get_progress_stats().total, engine.last_result) == (2, result)


def test_a_run_that_is_logged_is_followed_and_played_again(engine, tmp_path):
    path = str(tmp_path / "run.jsonl")
    engine.run(nodes(), log=path).raise_for_errors()
    assert engine.get_progress_stats().percent == 100.0
    assert {name: outcome.status for name, outcome in Replay.read(path).last.end.outcomes.items()} == {
        "load": "done",
        "top": "done",
    }


def test_everything_that_happens_is_heard_in_one_place(engine):
    heard = {}
    undo = engine.on("*", lambda event: heard.setdefault(event.name.partition(":")[0], []).append(event))
    only_cache = []
    engine.on("cache:*", only_cache.append)
    engine.cache.set("key", 1)
    engine.register_resource("db")
    engine.release_lock(engine.acquire_lock("db", owner="me"))
    engine.recovery.run_saga([SagaStep("one", lambda context: 1)])
    engine.run(nodes())
    in_step = []
    engine.on("execution:run-ended", lambda event: in_step.append(threading.current_thread().name), inline=True)
    undo()
    before = {name: len(events) for name, events in heard.items()}
    engine.run(nodes())
    assert set(heard) == {"cache", "resource", "recovery", "execution", "dag", "progress"}
    assert (heard["progress"][-1].percent, heard["progress"][-1].over) == (100.0, True)
    assert {name: len(events) for name, events in heard.items()} == before
    assert {event.name for event in only_cache} == {"cache:set"}
    assert len(in_step) == 1


def test_it_shows_all_its_parts_and_their_numbers(engine):
    engine.register_resource("db")
    engine.run([Node("a", fn=lambda: 1, uses=["db"], retry=2)])
    bundle = engine._repr_mimebundle_()
    assert "100" in bundle["text/plain"]
    assert "db" in bundle["text/html"]
    frame = engine.frame
    assert list(frame.columns) == ["part", "item", "measure", "value"]
    assert set(frame.part) == {"progress", "cache", "resources", "recovery"}
    values = frame.set_index(["part", "item", "measure"]).value
    assert values["resources", "db", "granted"] == 1.0
    assert values["recovery", "a", "attempts"] == 1.0
    assert values["recovery", "", "sagas"] == 0.0
    assert values["cache", "", "node_misses"] == 0.0
    assert values.index.is_unique
    assert "idle" in repr(engine)


def test_optimising_goes_through_the_engine(engine):
    dag = engine.build_dag([Node("a"), Node("b", after=["a"]), Node("c", after=["b"]), Node("d")])
    assert engine.optimize_dag(dag, targets="c").nodes.keys() == {"a", "b", "c"}


def test_what_earlier_runs_had_reached_can_be_forgotten(engine):
    result = engine.run([*nodes(), Node("bad", fn=lambda top: 1 // 0)])
    assert {each.run_id for each in engine.get_checkpoints()} == {result.run_id}
    assert engine.clear_checkpoints() == 1
    assert engine.get_checkpoints() == ()


EACH = {
    "name": "/each",
    "inputs": {"optional": {"strict": {"default": False}}},
    "phases": [
        {
            "name": "Scan",
            "agents": [{"id": "scan", "task": "Scan the code", "context": {"outputs": ["parts", "risk"]}}],
        },
        {
            "name": "Each",
            "parallel": True,
            "dynamicAgents": {"source": "context.parts", "mapping": {"id": "look-${item}", "task": "Review ${item}"}},
        },
        {
            "name": "Deep",
            "conditional": {"condition": "context.risk.score > 7 && inputs.strict === true"},
            "agents": [{"id": "deep"}],
        },
        {"name": "Join", "agents": [{"id": "join", "dependencies": ["Each", "deep"]}]},
    ],
}


class Reviewers:
    """Do the work of ``EACH``; those that are ill fail."""

    def __init__(self, *ill):
        self.ill, self.worked = set(ill), []

    def __call__(self, node, context):
        self.worked.append(node.id)
        if node.id in self.ill:
            raise OSError("ill")
        return {"parts": ["api", "web"], "risk": {"score": 3}} if node.id == "scan" else sorted(context)


def test_a_skipped_agent_says_which_condition_was_false_and_of_what(engine):
    engine.set_agent_executor(Reviewers())
    result = engine.run(EACH)
    assert result.success
    assert result.outcomes["deep"].status == "skipped"
    assert result.outcomes["deep"].reason == (
        "its condition was false: context.risk.score > 7 && inputs.strict === true "
        "(context.risk.score is 3, inputs.strict is False)"
    )
    assert engine.get_progress_stats().counts.skipped == 1


def test_agents_that_a_phase_has_made_are_nodes_like_any_other(engine):
    lists, grown = [], []
    engine.set_todo_write_api(lists.append)
    engine.on("execution:graph-grown", grown.append)
    engine.set_agent_executor(Reviewers())
    result = engine.run(EACH, jobs=2)
    new = ["look-api", "look-web"]
    assert [list(event.nodes) for event in grown] == [new]
    assert set(new) < result.dag.nodes.keys()
    assert tuple(new) in result.dag.levels
    assert set(new) < set(result.frame["node"])
    assert [todo["content"].strip() for todo in lists[-1] if "Review" in todo["content"]] == [
        "Review api",
        "Review web",
    ]
    stats = engine.get_progress_stats()
    assert (stats.total, stats.percent) == (6, 100.0)
    assert {phase.phase: phase.counts.total for phase in stats.phases}["Each"] == 3
    assert all(name in result._repr_mimebundle_()["text/html"] for name in new)
    assert all(name in result.dag._repr_mimebundle_()["text/html"] for name in new)
    assert {"look-api", "look-web"} <= set(result.outcomes["join"].value)


def test_agents_that_a_phase_has_made_are_checked_before_they_join(engine):
    engine.set_agent_executor(lambda node, context: {"parts": ["same", "same"], "risk": {"score": 3}})
    result = engine.run(EACH)
    assert result.outcomes["each"].status == "failed"
    assert "look-same" in str(result.outcomes["each"].error)
    assert list(result.dag.nodes) == ["scan", "each", "deep", "join"]


@pytest.mark.parametrize("checkpoint", ["memory", "durable"])
def test_a_run_that_has_grown_is_gone_on_with(checkpoint, tmp_path):
    work = Reviewers("look-web")
    config = RunConfig(jobs=1, history=False, cache=str(tmp_path), checkpoint=checkpoint)
    with OrchestrationEngine(config) as engine:
        engine.set_agent_executor(work)
        failed = engine.run(EACH)
        assert failed.outcomes["look-web"].status == "failed"
        assert work.worked == ["scan", "look-api", "look-web"]
        work.ill.clear()
        lists = []
        engine.set_todo_write_api(lists.append)
        result = engine.resume_from_checkpoint(failed.checkpoints[-1], EACH)
        again = ["look-web", "join"] if checkpoint == "durable" else ["look-api", "look-web", "join"]
        assert work.worked[3:] == again
        assert result.success
        assert result.values.keys() >= {"look-api", "look-web", "join"}
        assert engine.get_progress_stats().percent == 100.0
        assert {t["status"] for t in lists[-1] if "eep" not in t["content"]} == {"completed"}


def test_another_engine_goes_on_with_a_run_of_the_disk(tmp_path):
    work = Reviewers("look-web")
    config = RunConfig(jobs=1, history=False, cache=str(tmp_path), checkpoint="durable")
    engines = [OrchestrationEngine(config), OrchestrationEngine(config)]
    for engine in engines:
        engine.set_agent_executor(work)
    failed = engines[0].run(EACH)
    work.ill.clear()
    result = asyncio.run(resumed(engines[1], failed.checkpoints[-1], EACH))
    assert (result.success, work.worked[3:]) == (True, ["look-web", "join"])
    assert engines[1].clear_checkpoints() >= 1


async def resumed(engine, checkpoint, definition):
    return await engine.execute_from_checkpoint(checkpoint, definition)


def test_what_cannot_be_gone_on_with_is_refused(engine, tmp_path):
    failed = engine.run([*nodes(), Node("bad", fn=lambda top: 1 // 0)])
    with pytest.raises(CheckpointError, match="another graph"):
        engine.resume_from_checkpoint(failed.checkpoints[-1], nodes())
    with pytest.raises(CheckpointError, match="no checkpoint"):
        engine.resume_from_checkpoint("nothing", nodes())
    notebook = tmp_path / "n.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1")]), notebook)
    with pytest.raises(ConfigError, match="orchestra resume"):
        engine.resume_from_checkpoint(failed.checkpoints[-1], notebook)


def test_nodes_that_functions_make_are_nodes_like_any_other(engine):
    def split():
        return Expand([Node(f"part-{n}", fn=lambda n=n: n * n) for n in range(3)], value=3)

    result = engine.run([Node("split", fn=split), Node("after", fn=lambda split: split + 1)])
    assert result.values == {"split": 3, "after": 4, "part-0": 0, "part-1": 1, "part-2": 4}
    assert engine.get_progress_stats().total == 5
