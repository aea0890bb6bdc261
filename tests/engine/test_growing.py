"""Conditional and dynamic phases through the engine, and going on with runs that have grown."""

from __future__ import annotations

import asyncio

import nbformat
import pytest

from orchestra_nb import (
    CheckpointError,
    ConfigError,
    Expand,
    Node,
    OrchestrationEngine,
    RunConfig,
)

from .runs import nodes

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
