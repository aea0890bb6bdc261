"""Agents run: what each is given, what it made, and what a command says of conditions, inputs and dynamic phases."""

from __future__ import annotations

import asyncio
import time

import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.definitions.loading import load_command
from orchestra_nb.errors import ConfigError, DefinitionError
from orchestra_nb.pipeline import Pipeline
from orchestra_nb.running.scheduler import ParallelScheduler

REVIEW = {
    "inputs": {"required": ["path"], "optional": {"depth": {"default": 2}}},
    "phases": [
        {"name": "Scan", "agents": [{"id": "code-scan", "context": {"outputs": ["files", "risk"]}}]},
        {
            "name": "Look",
            "parallel": True,
            "agents": [
                {"id": "style", "context": {"inputs": ["files"]}},
                {"id": "deep", "dependencies": ["code-scan"], "conditional": {"condition": "context.risk > 7"}},
                {"id": "sum", "dependencies": ["style", "deep"]},
            ],
        },
    ],
}


def run(definition, work, context=None, **config):
    command = load_command(definition)
    return Pipeline(command, config=RunConfig(**{"jobs": 2, "history": False, **config}), agents=work).run(context)


def statuses(result):
    return {name: outcome.status for name, outcome in result.outcomes.items()}


@pytest.mark.parametrize("kind", ["sync", "async", "process"])
def test_each_agent_is_given_what_it_needs_and_its_outputs_are_read_by_key(kind):
    def answer(node, context):
        return {"files": ["a.py"], "risk": 9} if node.id == "code-scan" else sorted(context)

    async def later(node, context):
        await asyncio.sleep(0)
        return answer(node, context)

    backend = "loky" if kind == "process" else "threading"
    result = run(REVIEW, later if kind == "async" else answer, {"path": "."}, backend=backend)
    assert result.success
    assert result.values["style"] == ["code-scan", "depth", "files", "path"]
    assert result.values["sum"] == ["deep", "depth", "path", "style"]


def test_a_false_condition_skips_an_agent_and_not_what_comes_after_it():
    result = run(REVIEW, lambda node, context: {"files": [], "risk": 1}, {"path": "."})
    assert statuses(result) == {"code-scan": "done", "style": "done", "deep": "skipped", "sum": "done"}
    assert result.success


def test_an_input_that_is_required_and_not_there_is_named_before_anything_runs():
    with pytest.raises(DefinitionError, match="the command needs 'path'"):
        run(REVIEW, lambda node, context: None)


def test_an_agent_that_gives_the_wrong_names_fails_with_both_lists():
    result = run(REVIEW, lambda node, context: {"filez": []}, {"path": "."})
    assert "was to give files, risk, and gave a mapping with filez" in str(result.errors[0])


def test_agents_without_an_executor_are_an_error_that_says_what_to_do():
    with pytest.raises(DefinitionError, match=r"nobody does the work of code-scan.*set_agent_executor"):
        ParallelScheduler(RunConfig(jobs=2)).execute(load_command(REVIEW).dag)
    with pytest.raises(ConfigError, match="function of a node and a context"):
        ParallelScheduler().set_agent_executor("nobody")


def test_a_dynamic_phase_becomes_its_agents_and_what_follows_waits_for_them():
    definition = {
        "phases": [
            {"name": "Scan", "agents": [{"id": "scan", "outputs": ["packages"]}]},
            {
                "name": "Pack",
                "parallel": True,
                "dynamicAgents": {"source": "context.packages", "mapping": {"id": "pack-${item}"}},
            },
            {"name": "End", "agents": [{"id": "end", "dependencies": ["pack"]}]},
        ]
    }
    order = []

    def work(node, context):
        order.append(node.id)
        return ["core", "web"]

    result = run(definition, work)
    assert statuses(result) == dict.fromkeys(["scan", "pack", "end", "pack-core", "pack-web"], "done")
    assert order[0] == "scan"
    assert order[-1] == "end"


def test_a_phase_with_a_limit_runs_so_many_agents_at_once():
    inside, most = [], []

    def work(node, context):
        inside.append(node.id)
        time.sleep(0.003)
        most.append(len(inside))
        inside.remove(node.id)

    agents = [{"id": f"a{number}"} for number in range(12)]
    phase = {"name": "All", "parallel": True, "parallelism": {"maxConcurrent": 1}, "agents": agents}
    assert run({"phases": [phase]}, work, jobs=4).success
    assert max(most) == 1


def test_agents_are_tried_again_as_their_definition_says():
    calls = []

    def work(node, context):
        calls.append(node.id)
        if len(calls) < 3:
            raise ConnectionError("busy")
        return "done"

    retry = {"maxAttempts": 3, "initialDelay": 0, "retryableErrors": ["ConnectionError"]}
    result = run({"phases": [{"name": "One", "agents": [{"id": "a", "retry": retry}]}]}, work)
    assert (result.values["a"], result.outcomes["a"].attempts) == ("done", 3)


def test_the_words_of_a_definition_decide_what_is_tried_again():
    tries = []

    class APIStatusError(Exception):
        status_code = 429

    def work(node, context):
        tries.append(node.id)
        if len(tries) == 1:
            raise APIStatusError("slow down")
        if len(tries) == 2:
            raise ValueError("not worth another attempt")
        return 1

    retry = {"maxAttempts": 5, "initialDelay": 0, "retryableErrors": ["timeout", "network_error", "rate_limit"]}
    command = {"name": "/x", "phases": [{"name": "p", "agents": [{"id": "a", "retry": retry}]}]}
    scheduler = ParallelScheduler(RunConfig(jobs=1, history=False, cache=False))
    scheduler.set_agent_executor(work)
    result = scheduler.execute(load_command(command).dag)
    assert tries == ["a", "a"]
    assert result.outcomes["a"].error.ename == "ValueError"
