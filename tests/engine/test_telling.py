"""What an engine tells: progress, todos, events, its numbers."""

from __future__ import annotations

import threading

import pytest

from orchestra_nb import (
    DefinitionError,
    Node,
    Replay,
    SagaStep,
)

from .runs import in_a_thread, nodes

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
    engine.recovery.run_with_circuit_breaker("api", lambda: 1)
    bundle = engine._repr_mimebundle_()
    assert "100" in bundle["text/plain"]
    assert "db" in bundle["text/html"]
    frame = engine.frame
    assert list(frame.columns) == ["part", "item", "measure", "value"]
    assert set(frame.part) == {"progress", "cache", "resources", "recovery", "circuits"}
    values = frame.set_index(["part", "item", "measure"]).value
    assert values["resources", "db", "granted"] == 1.0
    assert values["recovery", "a", "attempts"] == 1.0
    assert values["recovery", "", "sagas"] == 0.0
    assert values["circuits", "api", "succeeded"] == 1.0
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
