"""A chat service as an agent, against a real HTTP server on loopback: whole answers, or errors that say what to do."""

from __future__ import annotations

import asyncio
import pickle
import re
from dataclasses import replace

import pytest

from orchestra_nb import (
    AgentTimeout,
    AnswerBroken,
    ConfigError,
    DefinitionError,
    RateLimited,
    RunConfig,
    ServiceError,
    ServiceUnreachable,
)
from orchestra_nb.agents.chat import ChatExecutor
from orchestra_nb.agents.registry import AgentRegistry
from orchestra_nb.context.content import content_digest
from orchestra_nb.definitions.command import Agent
from orchestra_nb.model import Node
from orchestra_nb.pipeline import Pipeline
from orchestra_nb.recovery.retry_after import retry_after
from orchestra_nb.running.loop import LOOP
from tests.agents.chat_server import chat_server
from tests.agents.loops import run

NODE = Node("judge", kind="agent", metadata={"agent": Agent("judge", "judge", "Rank them", {"path": "src"})})
KEY = "sk-very-secret-12345"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for name in ("OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def asked(model, context=None, **settings):
    """Ask a server once; gives the answer or the error, and the server."""

    async def main(loop):
        async with chat_server() as server:
            chat = ChatExecutor(model, base_url=server.url, **settings)
            try:
                return await chat(NODE, context or {}), server, chat
            except Exception as error:
                return error, server, chat

    return run(main)


def test_a_streamed_answer_is_put_together_and_its_tokens_are_counted():
    answer, server, chat = asked("whole")
    assert answer == "Two findings."
    assert (chat.usage.total.prompt, chat.usage.total.answer) == (7, 3)
    assert chat.usage.frame.loc["judge", "total"] == 10
    (request,) = server.requests
    assert request["stream"] is True
    assert server.keys == [KEY]


def test_prompts_are_filled_from_the_task_the_input_and_the_context():
    answer, server, _ = asked(
        "whole",
        {"code-scan": {"files": ["a.py"]}, "depth": 2},
        prompt="{task} in {input.path}: ${codeScan.files.length} files, {context.depth} deep; answer as {'n': 1}",
        system="You are {id}.",
        options={"temperature": 0, "stream_options": None},
    )
    assert answer == "Two findings."
    (request,) = server.requests
    assert request["messages"] == [
        {"role": "system", "content": "You are judge."},
        {"role": "user", "content": "Rank them in src: 1 files, 2 deep; answer as {'n': 1}"},
    ]
    assert request["temperature"] == 0
    assert "stream_options" not in request


@pytest.mark.parametrize(("model", "value"), [("json", {"findings": [1, 2]}), ("fenced", {"a": 1})])
def test_json_is_read_with_and_without_a_fence(model, value):
    assert asked(model, parse="json")[0] == value


@pytest.mark.parametrize("model", ["no-reason-but-tokens", "odd"])
def test_an_answer_that_is_whole_is_taken_from_servers_that_say_less(model):
    assert asked(model)[0] in ("All of it", "ok")


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("closes-early", "broke off after 11 characters"),
        ("says-done-early", "broke off after 11 characters"),
        ("breaks-off", "broke off: .*incomplete chunked read"),
        ("too-long", "cut at its limit of tokens; raise max_tokens"),
        ("tools", "wants to call tools"),
        ("held-back", "held the answer back"),
        ("garbage", "sent what is no answer"),
        ("page", "broke off after 0 characters"),
    ],
)
def test_half_an_answer_is_an_error_and_never_a_value(model, says):
    error, _, chat = asked(model)
    assert isinstance(error, AnswerBroken)
    assert re.search(says, str(error)), str(error)
    assert chat.usage.total.calls == 0


def test_an_answer_that_is_not_the_json_that_was_asked_for_is_quoted():
    error, _, _ = asked("prose", parse="json")
    assert isinstance(error, AnswerBroken)
    assert "begins with 'Sure! Here you are'" in str(error)


@pytest.mark.parametrize(
    ("model", "kind", "status", "wait"),
    [
        ("busy", RateLimited, 429, 7.0),
        ("busy-until", RateLimited, 429, 30.0),
        ("busy-ms", RateLimited, 429, 1.5),
        ("broken", ServiceError, 500, None),
        ("away", ServiceError, 503, 3.0),
        ("unknown-key", ServiceError, 401, None),
        ("overloaded-meanwhile", ServiceError, None, None),
    ],
)
def test_a_refusal_says_when_to_come_again_and_is_asked_only_once(model, kind, status, wait):
    error, server, _ = asked(model)
    assert type(error) is kind
    assert error.status == status
    assert len(server.requests) == 1
    assert retry_after(error, wall=90.0) == wait
    assert retry_after(pickle.loads(pickle.dumps(error)), wall=90.0) == wait


def test_a_server_that_is_not_there_and_one_that_hangs_up_are_unreachable():
    assert isinstance(asked("hangs-up")[0], ServiceUnreachable)
    gone = ChatExecutor("m", base_url="http://127.0.0.1:9/v1")
    with pytest.raises(ServiceUnreachable, match=r"127\.0\.0\.1:9"):
        asyncio.run(gone(NODE, {}))


def test_silence_in_the_middle_of_an_answer_is_given_up():
    async def main(loop):
        async with chat_server() as server:
            call = asyncio.ensure_future(ChatExecutor("silence", base_url=server.url, stall=3600)(NODE, {}))
            await server.silent.wait()
            await loop.hours_pass(call)
            with pytest.raises(AgentTimeout, match="said nothing for 3600 s"):
                await call
            await server.gone.wait()

    run(main)


def test_cancelling_hangs_up():
    async def main(loop):
        async with chat_server() as server:
            call = asyncio.ensure_future(ChatExecutor("silence", base_url=server.url)(NODE, {}))
            await server.silent.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await server.gone.wait()

    run(main)


def test_calls_at_the_same_time_share_a_client_and_none_waits_for_another():
    async def main(loop):
        async with chat_server() as server:
            server.wanted = 200
            chat = ChatExecutor("whole", base_url=server.url)
            answers = await asyncio.gather(*(chat(NODE, {}) for _ in range(200)))
            assert answers == ["Two findings."] * 200
            assert server.most_at_once == 200
            assert chat.usage.total.calls == 200

    run(main)


def test_the_key_is_in_no_text_pickle_error_or_cache_key(monkeypatch):
    error, _, chat = asked("unknown-key")
    assert KEY not in str(error) + repr(chat) + repr(vars(chat))
    assert KEY.encode() not in pickle.dumps((error, chat))
    assert error.__cause__ is None
    assert error.__context__ is None
    before = content_digest(chat)
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    chat.usage.add("judge", 1, 1)
    assert content_digest(chat) == before
    assert content_digest(replace(chat, model="other")) != before


def test_the_run_tries_again_after_the_rest_that_the_service_asks_for():
    """The whole way: a command, a registry, our own retries; 1.5 s were asked for, and the policy has a limit."""
    rests = []

    async def opened():
        context = chat_server()
        return context, await context.__aenter__()

    context, server = LOOP.run(opened())
    try:
        server.busy_times = 1
        chat = ChatExecutor("whole", base_url=server.url)
        retry = {"maxAttempts": 2, "initialDelay": 0, "maxDelay": 20, "retryableErrors": ["rate_limit"]}
        command = {"phases": [{"name": "Ask", "agents": [{"id": "a", "type": "judge", "retry": retry}]}]}
        pipeline = Pipeline(command, RunConfig(jobs=2, history=False), agents=AgentRegistry({"judge": chat}))
        pipeline.bus.on("execution:node-retrying", rests.append)
        result = pipeline.run()
    finally:
        LOOP.run(context.__aexit__(None, None, None))
    assert result.values["a"] == "Two findings."
    assert result.outcomes["a"].attempts == 2
    assert len(server.requests) == 2
    assert [event.delay for event in rests] == [0.02]


def test_an_agent_without_a_key_is_found_before_anything_is_asked(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    command = {"phases": [{"name": "Ask", "agents": [{"id": "a"}, {"id": "b"}]}]}
    with pytest.raises(DefinitionError, match="no key for the service") as caught:
        Pipeline(command, RunConfig(history=False), agents=AgentRegistry(default=ChatExecutor("m"))).run()
    assert [issue.code for issue in caught.value.issues] == ["no-key", "no-key"]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"model": ""}, "model=''"),
        ({"parse": "xml"}, "parse='xml' is not one of"),
        ({"stall": 0}, "stall"),
        ({"prompt": "${input.}"}, "cannot be read"),
        ({"options": {"model": "x"}}, "'model' is said otherwise"),
        ({"options": "fast"}, "options='fast' must be a mapping"),
        ({"base_url": 80}, "must be texts"),
        ({"prompt": "{context.code-scan}"}, "no plain path; write a name such as code-scan as codeScan"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_an_error_at_once(settings, says):
    with pytest.raises(ConfigError, match=says):
        ChatExecutor(**{"model": "m", **settings})
