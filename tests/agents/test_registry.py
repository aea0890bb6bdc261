"""Who does the work of which agent, and what an executor may give."""

from __future__ import annotations

import asyncio
import pickle
import threading

import pytest

from orchestra_nb import (
    AgentError,
    AgentRegistry,
    ConfigError,
    DefinitionError,
    NodeFailed,
    RunConfig,
    SubprocessExecutor,
)
from orchestra_nb.pipeline import Pipeline

AGENTS = [
    {"id": "quality", "type": "reviewer"},
    {"id": "security", "type": "reviewer"},
    {"id": "sum", "type": "writer", "dependencies": ["quality", "security"]},
    {"id": "bare"},
]
COMMAND = {"phases": [{"name": "All", "parallel": True, "agents": AGENTS}]}


def run(registry, command=COMMAND, context=None, **config):
    return Pipeline(command, RunConfig(**{"jobs": 2, "history": False, **config}), agents=registry).run(context)


def one(executor, **config):
    return run(executor, {"phases": [{"name": "One", "agents": [{"id": "a"}]}]}, **config)


def says(word):
    return lambda node, context: f"{word} {node.id}"


async def later(node, context):
    await asyncio.sleep(0)
    return f"later {node.id}"


def test_an_agent_is_done_by_who_has_its_id_then_its_type_then_by_the_default():
    registry = AgentRegistry({"reviewer": later, "security": says("special")}, default=says("default"))
    registry.register("writer", lambda node, context: sorted(context))
    result = run(registry)
    assert dict(result.values) == {
        "quality": "later quality",
        "security": "special security",
        "sum": ["quality", "security"],
        "bare": "default bare",
    }


def test_each_agent_works_where_its_own_function_belongs():
    registry = AgentRegistry({"reviewer": later}, default=says("default"))
    result = run(registry)
    assert result.outcomes["quality"].worker == "event loop"
    assert result.outcomes["sum"].worker != "event loop"


def test_async_agents_of_a_registry_wait_together_however_few_workers_there_are():
    together = {"now": 0, "all": asyncio.Event()}

    async def meet(node, context):
        together["now"] += 1
        if together["now"] == 30:
            together["all"].set()
        await together["all"].wait()

    agents = [{"id": f"a{number}", "type": "waiter"} for number in range(30)]
    assert run(AgentRegistry({"waiter": meet}), {"phases": [{"name": "P", "parallel": True, "agents": agents}]}).success


def test_a_registry_may_be_an_entry_of_another():
    inner = AgentRegistry({"reviewer": says("inner")})
    outer = AgentRegistry({"reviewer": inner, "writer": says("outer"), "bare": later})
    assert run(outer).values["quality"] == "inner quality"
    with pytest.raises(DefinitionError, match="'bare'; known: reviewer"):
        run(AgentRegistry({"reviewer": inner, "writer": inner}, default=inner))


def test_all_unknown_agents_are_named_at_once_with_the_nearest_and_nothing_runs():
    ran = []
    registry = AgentRegistry({"reviewr": lambda node, context: ran.append(node.id), "bear": says("x")})
    with pytest.raises(DefinitionError) as caught:
        run(registry)
    assert [str(issue) for issue in caught.value.issues] == [
        "phases[0].agents[0]: nobody does the work of 'quality', of the type 'reviewer'; did you mean 'reviewr'?",
        "phases[0].agents[1]: nobody does the work of 'security', of the type 'reviewer'; did you mean 'reviewr'?",
        "phases[0].agents[2]: nobody does the work of 'sum', of the type 'writer'; known: bear, reviewr",
        "phases[0].agents[3]: nobody does the work of 'bare'; did you mean 'bear'?",
    ]
    assert ran == []
    with pytest.raises(DefinitionError, match=r"register\('reviewer', function\)"):
        run(AgentRegistry())


def test_an_unknown_agent_of_a_dynamic_phase_fails_the_phase_by_name():
    mapping = {"id": "pack-${item}", "type": "pakcer"}
    phases = [
        {"name": "Scan", "agents": [{"id": "scan", "outputs": ["packages"]}]},
        {"name": "Pack", "parallel": True, "dynamicAgents": {"source": "context.packages", "mapping": mapping}},
    ]
    registry = AgentRegistry({"scan": lambda node, context: ["core"], "packer": later})
    result = run(registry, {"phases": phases})
    assert not result.success
    assert "nobody does the work of 'pack-core', of the type 'pakcer'; did you mean 'packer'?" in str(result.errors[0])


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_a_registry_travels_to_processes(backend):
    registry = AgentRegistry(default=says("there"))
    assert run(registry, backend=backend).values["bare"] == "there bare"
    assert pickle.loads(pickle.dumps(AgentRegistry({"x": str}))).names == ("x",)


def test_the_decorator_gives_the_function_back():
    registry = AgentRegistry()

    @registry.register("reviewer")
    def review(node, context):
        return node.id

    assert review.__name__ == "review"
    assert registry.names == ("reviewer",)


def _generator(node, context):
    yield 1


async def _async_generator(node, context):
    yield 1


async def _never_awaited(node, context):
    return later(node, context)


@pytest.mark.parametrize(
    ("executor", "says"),
    [
        (lambda node, context: ValueError("no rows"), "returned an exception, ValueError: no rows; raise it"),
        (lambda node, context: _generator(node, context), "gave a generator"),
        (lambda node, context: _async_generator(node, context), "gave a generator"),
        (_never_awaited, "gave something to await; await it"),
        (lambda node, context: _never_awaited(node, context), "gave something to await; await it"),
    ],
    ids=["exception", "generator", "async generator", "coroutine on the loop", "coroutine in a thread"],
)
def test_what_is_no_value_is_a_failure_that_says_so(executor, says):
    result = one(executor)
    (error,) = result.errors
    assert isinstance(error, NodeFailed)
    assert isinstance(error.__cause__, AgentError)
    assert says in str(error)


def test_what_is_no_value_is_tried_again_like_any_failure_and_not_kept(tmp_path):
    given = [ValueError("not yet"), 3]
    agent = {"id": "a", "cache": True, "retry": {"maxAttempts": 2, "initialDelay": 0}}
    command = {"phases": [{"name": "One", "agents": [agent]}]}
    result = run(AgentRegistry(default=lambda node, context: given.pop(0)), command, cache=str(tmp_path))
    assert (result.values["a"], result.outcomes["a"].attempts) == (3, 2)


@pytest.mark.parametrize("wrong", ["reviewer", None, 3, _generator, _async_generator])
def test_an_entry_that_is_no_function_is_refused(wrong):
    with pytest.raises(ConfigError, match="agent executor"):
        AgentRegistry({"a": wrong})
    if wrong is not None:
        with pytest.raises(ConfigError, match="agent executor"):
            AgentRegistry(default=wrong)


def test_a_name_that_is_no_text_is_refused():
    for executor in (AgentRegistry, SubprocessExecutor):
        with pytest.raises(ConfigError, match="are a mapping"):
            executor(["reviewer"])
    with pytest.raises(ConfigError, match="agent type is a text"):
        AgentRegistry().register("", later)


def test_results_are_kept_by_the_function_of_their_own_agent(tmp_path):
    command = {"phases": [{"name": "One", "agents": [{"id": "a", "type": "x", "cache": True}]}]}

    def status(functions):
        return run(AgentRegistry(functions), command, cache=str(tmp_path)).outcomes["a"].status

    lock = threading.Lock()  # an entry that could not be told from others
    assert status({"x": later}) == "done"
    assert status({"x": later, "y": lambda node, context: lock}) == "cached"
    assert status({"x": says("other")}) == "done"
