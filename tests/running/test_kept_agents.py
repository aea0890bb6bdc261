"""Agents that say ``cache``: their results are found by executor, task and context."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.errors import DefinitionError
from orchestra_nb.model import Node
from orchestra_nb.running.agent_task import told_to
from orchestra_nb.running.scheduler import ParallelScheduler

COMMAND: dict[str, Any] = {
    "name": "/review",
    "phases": [
        {"name": "Scan", "agents": [{"id": "scan", "type": "t", "task": "look", "cache": True, "outputs": ["files"]}]},
        {"name": "Read", "agents": [{"id": "read", "type": "r", "cache": 60, "context": {"inputs": ["files"]}}]},
    ],
}


class Office:
    """Runs a command again and again; says who worked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.missed: dict[str, str] = {}

    def run(self, executor: Any, command: Mapping[str, Any] = COMMAND, depth: Any = 1, **config: Any) -> dict[str, str]:
        scheduler = ParallelScheduler(RunConfig(cache=str(self.folder), history=False, **config))
        scheduler.set_agent_executor(executor)
        self.missed.clear()
        scheduler.bus.on("cache:node-missed", lambda event: self.missed.update({event.node: event.reason}))
        self.result = scheduler.execute(DAGBuilder().build_dag(command), {"depth": depth})
        return {name: outcome.status for name, outcome in self.result.outcomes.items()}


def work(node: Node, context: Mapping[str, Any]) -> Any:
    return {"files": ["a.py", context["depth"]]} if node.id == "scan" else len(context["files"])


def other_work(node: Node, context: Mapping[str, Any]) -> Any:
    return {"files": ["b.py"]} if node.id == "scan" else len(context["files"])


async def slow_work(node: Node, context: Mapping[str, Any]) -> Any:
    return {"files": ["c.py"]} if node.id == "scan" else len(context["files"])


DONE, CACHED = {"scan": "done", "read": "done"}, {"scan": "cached", "read": "cached"}


@pytest.mark.parametrize(
    ("executor", "config"),
    [(work, {}), (work, {"jobs": 1}), (slow_work, {}), (work, {"backend": "loky", "jobs": 2})],
    ids=["threads", "one", "async", "loky"],
)
def test_what_was_done_is_found_again(executor: Any, config: dict[str, Any], tmp_path: Path):
    office = Office(tmp_path)
    assert office.run(executor, **config) == DONE
    before = dict(office.result.values)
    assert office.run(executor, **config) == CACHED
    assert office.result.values == before


def test_another_executor_another_context_and_another_task_are_done(tmp_path: Path):
    office = Office(tmp_path)
    office.run(work)
    assert office.run(work, depth=2) == DONE
    assert office.missed["scan"] == "its input 'depth' has changed"
    assert office.run(other_work) == DONE
    assert office.missed["scan"] == "its code has changed"
    (scan, *_), told = COMMAND["phases"][0]["agents"], {"task": "look closer"}
    changed = {**COMMAND, "phases": [{"name": "Scan", "agents": [{**scan, **told}]}, COMMAND["phases"][1]]}
    assert office.run(work, changed) == {"scan": "done", "read": "cached"}
    assert office.missed["scan"] == "its input 'what it is told' has changed"
    assert office.run(work) == CACHED


def test_when_and_where_an_agent_works_does_not_count(tmp_path: Path):
    office = Office(tmp_path)
    office.run(work)
    (scan, *_) = COMMAND["phases"][0]["agents"]
    moved = {**scan, "priority": 3, "timeout": 9000, "estimatedTime": 100, "retry": {"maxAttempts": 2}}
    assert office.run(work, {**COMMAND, "phases": [{"name": "S", "agents": [moved]}, COMMAND["phases"][1]]}) == CACHED


def test_agents_that_do_not_say_cache_work_each_time(tmp_path: Path):
    office, plain = Office(tmp_path), {"name": "/x", "phases": [{"name": "A", "agents": [{"id": "scan", "type": "t"}]}]}
    assert [office.run(work, plain) for _ in range(2)] == [{"scan": "done"}] * 2
    assert not office.missed


@pytest.mark.parametrize(
    ("said", "outputs", "cache"),
    [
        ({}, [{"key": "a", "ttl": 5}], False),
        ({"cache": False}, [], False),
        ({"cache": True}, ["a"], True),
        ({"cache": 60}, ["a"], 60),
        ({"cache": True}, [{"key": "a", "ttl": 50}, {"key": "b", "ttl": 20}, "c"], 20),
        ({"cache": 10}, [{"key": "a", "ttl": 50}], 10),
    ],
)
def test_a_result_is_kept_no_longer_than_its_outputs_hold(said: dict[str, Any], outputs: list[Any], cache: Any):
    agent = {"id": "scan", "type": "t", "context": {"outputs": outputs}, **said}
    dag = DAGBuilder().build_dag({"name": "/x", "phases": [{"name": "A", "agents": [agent]}]})
    assert dag.nodes["scan"].cache == cache


@pytest.mark.parametrize("value", ["yes", -1, 0, [1]])
def test_a_cache_that_cannot_be_meant_is_a_fault_with_its_place(value: Any):
    agent = {"id": "scan", "type": "t", "cache": value}
    with pytest.raises(DefinitionError) as caught:
        DAGBuilder().build_dag({"name": "/x", "phases": [{"name": "A", "agents": [agent]}]})
    assert [issue.path for issue in caught.value.issues if issue.severity == "error"] == ["phases[0].agents[0].cache"]


def test_an_executor_whose_state_cannot_be_told_is_run_and_said(tmp_path: Path):
    class Registry:
        def __init__(self) -> None:
            self.lines = (line for line in "ab")

        def __call__(self, node: Node, context: Mapping[str, Any]) -> Any:
            return work(node, context)

    office = Office(tmp_path)
    assert [office.run(Registry()) for _ in range(2)] == [DONE, DONE]
    assert "generator" in office.missed["scan"]


def test_what_an_agent_is_told_leaves_out_what_only_decides_when_it_works():
    node = Node("a", kind="agent", priority=3, cost=5, phase="P", metadata={"depth": 1, "phase": "p"})
    assert told_to(node) == {"depth": 1, "id": "a", "reads": (), "writes": (), "source": ""}
