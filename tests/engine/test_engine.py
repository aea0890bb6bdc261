"""The engine: one entry point, wherever it is called from, for whatever describes a graph."""

from __future__ import annotations

import asyncio
import pickle
import threading

import nbformat
import pytest

from orchestra_nb import (
    BackendError,
    CachePolicy,
    CheckpointError,
    ConfigError,
    DefinitionError,
    EngineConfig,
    Node,
    NodeFailed,
    OrchestrationEngine,
    RunConfig,
    load_command,
)
from orchestra_nb.running.loop import LOOP

from .runs import PATIENCE, QUICK, awaited, in_a_thread, inside_a_loop, nodes

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


def test_a_run_of_an_engine_is_paused_holds_no_lock_that_it_does_not_use_and_goes_on(engine):
    engine.register_resource("db")
    mine = engine.acquire_lock("db", owner="me")
    seen = []

    async def scenario():
        queued, paused = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        engine.on("resource:lock-queued", lambda event: loop.call_soon_threadsafe(queued.set))
        engine.on("execution:run-paused", lambda event: loop.call_soon_threadsafe(paused.set))
        engine.on("execution:run-*paused", lambda event: seen.append(event.name))
        running = asyncio.ensure_future(engine.execute([Node("save", fn=lambda: 42, uses=["db"])]))
        await queued.wait()
        engine.pause("for a look")
        await paused.wait()
        while not engine.get_progress_stats().paused:  # its own tracker may hear of it after others
            await asyncio.sleep(0)
        engine.release_lock(mine)
        seen.append((engine.paused, list(engine.get_resource_stats().owners)))
        engine.unpause()
        return (await running).values

    assert asyncio.run(scenario()) == {"save": 42}
    assert seen == ["execution:run-paused", (True, []), "execution:run-unpaused"]
    engine.pause()
    engine.unpause()
    assert not engine.paused


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
    assert set(engine.frame.part) == {"progress", "cache", "resources", "recovery", "circuits"}
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


@pytest.mark.parametrize("pattern", ["cahce:*", "cache", "cache:hits", "", 3])
def test_a_name_that_no_event_has_is_refused(pattern):
    with OrchestrationEngine() as engine, pytest.raises(ConfigError, match="name"):
        engine.on(pattern, print)


def test_the_newest_run_that_was_cut_short_is_found_by_what_ran(tmp_path):
    weather, ran = [], []

    def sail():
        ran.append("sail")
        assert weather

    nodes = [Node("load", fn=lambda: ran.append("load")), Node("sail", fn=sail, after=["load"])]
    for checkpoint in ("memory", "fast"):
        config = RunConfig(jobs=1, history=False, cache=str(tmp_path), checkpoint=checkpoint)
        with OrchestrationEngine(config) as engine:
            with pytest.raises(CheckpointError, match="has no run that was cut short"):
                engine.resume(nodes)
            engine.run(nodes)
            weather.append("fair")
            assert engine.resume(nodes).success
            with pytest.raises(CheckpointError, match="has no run that was cut short"):
                engine.resume(nodes)
        assert ran == ["load", "sail", "sail"]
        weather.clear()
        ran.clear()


@pytest.mark.parametrize("checkpoint", [None, "", 3, "../../etc", "level-0", "\0"])
def test_what_names_no_checkpoint_is_refused_and_nothing_runs(engine, checkpoint):
    ran = []
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        engine.resume_from_checkpoint(checkpoint, [Node("a", fn=lambda: ran.append(1))])
    assert ran == []
