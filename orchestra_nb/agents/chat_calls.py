"""One call of a chat service: from messages to a whole answer, or to an error of ours that says what went wrong.

The client is shared by all calls that are under way on a loop and want the same service, and is closed after the last
of them: a fan-out shares its connections, nothing is left open, and nobody has to remember to close anything. The next
fan-out connects anew, which costs a hand-shake where answers take seconds. A cancelled call closes its connection.
No more than :data:`_SHARE` calls share one, because its pool looks through all of its connections at each step of each
call: a thousand calls took twice as long through one pool as through twenty.

Errors of the client carry the request, and the request carries the key; so they are translated, and not chained. Only
texts cross over, and what says when to come again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from orchestra_nb.errors import (
    AgentError,
    AgentTimeout,
    AnswerBroken,
    RateLimited,
    ServiceError,
    ServiceUnreachable,
)

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_CONNECT = 30.0
"""Seconds for a connection to come about, also where a thousand are made at once."""
_SHARE = 50
"""Calls that share a client."""
_NO_KEY = "none"
"""Sent where there is no key: the client wants one, local servers do not look."""
_COME_AGAIN = ("retry-after", "retry-after-ms")
_WHOLE = frozenset({"stop", "eos", "eos_token", "end_turn", "stop_sequence", "complete"})
"""Why a model may stop, where that was its end."""
_SHORT = {
    "length": "the answer was cut at its limit of tokens; raise max_tokens, or ask for less",
    "content_filter": "the service held the answer back (content_filter)",
    "tool_calls": "the model wants to call tools, which nobody offers",
}


@dataclass(frozen=True, slots=True)
class Service:
    """A chat service, and how to speak with it.

    Parameters
    ----------
    base_url
        Where it is; ``None``: what the client takes by itself.
    key
        Shown to it, and to nobody else.
    stall
        Seconds of silence after which an answer is given up.
    """

    base_url: str | None
    key: str
    stall: float

    def __repr__(self) -> str:
        return f"Service({self.base_url!r})"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer.

    Parameters
    ----------
    text
        What the model said.
    prompt_tokens, answer_tokens
        What it took, as the service counts; 0 where it does not say.
    """

    text: str
    prompt_tokens: int = 0
    answer_tokens: int = 0


class _Heard:
    """What has come of an answer so far."""

    def __init__(self) -> None:
        self.begun = False
        self._parts: list[str] = []
        self._refusal: list[str] = []
        self._finish = ""
        self._closed = False
        self._tokens = (0, 0)

    def hear(self, chunk: Any) -> None:
        """Take in what came; fields may be missing, whatever the types say."""
        self.begun = True
        choices = getattr(chunk, "choices", None) or ()
        for choice in choices[:1]:
            delta = getattr(choice, "delta", None)
            self._parts.append(getattr(delta, "content", None) or "")
            self._refusal.append(getattr(delta, "refusal", None) or "")
            self._finish = getattr(choice, "finish_reason", None) or self._finish
        usage = getattr(chunk, "usage", None)
        if usage is not None:
            self._tokens = (getattr(usage, "prompt_tokens", 0) or 0, getattr(usage, "completion_tokens", 0) or 0)
            self._closed = self._closed or not choices

    def whole(self) -> Answer:
        """Give the answer.

        Raises
        ------
        AnswerBroken
            It is not whole.
        """
        text, refusal = "".join(self._parts), "".join(self._refusal)
        finish = self._finish.lower()
        if refusal:
            raise AnswerBroken(f"the model refused: {refusal[:200]}")
        if finish not in _WHOLE and (finish or not self._closed):
            ended = (
                f"the answer ended with {finish!r}" if finish else f"the answer broke off after {len(text)} characters"
            )
            raise AnswerBroken(_SHORT.get(finish, ended + ", before its end"))
        return Answer(text, *self._tokens)


async def ask(service: Service, request: Mapping[str, Any]) -> Answer:
    """Ask a service, and wait for its whole answer.

    Raises
    ------
    AgentError
        It refused, fell silent, broke off, or is not there.
    """
    heard = _Heard()
    async with _client(service) as client:
        error = await _listen(client, request, heard, service)
    if error is not None:
        raise error
    return heard.whole()


async def _listen(
    client: AsyncOpenAI, request: Mapping[str, Any], heard: _Heard, service: Service
) -> AgentError | None:
    """Take in an answer; gives what went wrong as a value, so that nothing of the client's error stays with ours."""
    try:
        stream = await client.chat.completions.create(**request)
        try:
            async for chunk in stream:
                heard.hear(chunk)
        finally:
            await stream.close()
    except Exception as error:
        return _translated(error, service, heard.begun)
    return None


def _translated(error: Exception, service: Service, begun: bool) -> AgentError:
    import openai

    text = _plain(error, service)
    if type(error.__cause__).__name__ == "ConnectTimeout":
        return ServiceUnreachable(f"no connection to the service came about within {_CONNECT:g} s")
    if isinstance(error, openai.APITimeoutError) or "timeout" in type(error).__name__.lower():
        return AgentTimeout(f"the service said nothing for {service.stall:g} s, and was given up")
    if isinstance(error, openai.APIStatusError):
        headers = {name: error.response.headers[name] for name in _COME_AGAIN if name in error.response.headers}
        kind = RateLimited if error.status_code == 429 else ServiceError
        return kind(f"the service answered {error.status_code}: {text}", error.status_code, _in_seconds(headers))
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return AnswerBroken(f"the service sent what is no answer: {text}")
    if begun and not isinstance(error, openai.APIError):
        return AnswerBroken(f"the answer broke off: {text}")
    if isinstance(error, openai.APIConnectionError):
        if begun:
            return AnswerBroken(f"the answer broke off: {text}")
        where = service.base_url or "it"
        return ServiceUnreachable(f"the service at {where} cannot be reached, or hung up: {text}")
    return ServiceError(f"the service failed: {text}")


def _in_seconds(headers: Mapping[str, str]) -> dict[str, str]:
    """Bring milliseconds, which some services count in, to the header that all know."""
    try:
        return {"Retry-After": str(float(headers["retry-after-ms"]) / 1000)}
    except (KeyError, ValueError):
        return {"Retry-After": headers["retry-after"]} if "retry-after" in headers else {}


def _plain(error: BaseException, service: Service) -> str:
    """Say in one line what an error says, and what caused it, without the key."""
    cause = error.__cause__
    told = str(error) + (f" ({type(cause).__name__}: {cause})" if cause is not None and str(cause) else "")
    text = " ".join((told.replace(service.key, "…") if service.key else told).split())
    return text if len(text) <= 300 else text[:299] + "…"


@dataclass(slots=True, eq=False)
class _Shared:
    """A client that is in use by so many calls."""

    client: AsyncOpenAI
    calls: int = 0


_open: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Service, list[_Shared]]] = WeakKeyDictionary()
"""Of each loop, the clients that are in use."""


@asynccontextmanager
async def _client(service: Service) -> AsyncIterator[AsyncOpenAI]:
    services = _open.setdefault(asyncio.get_running_loop(), {})
    clients = services.setdefault(service, [])
    shared = next((each for each in clients if each.calls < _SHARE), None)
    if shared is None:
        shared = _Shared(_made(service))
        clients.append(shared)
    shared.calls += 1
    try:
        yield shared.client
    finally:
        shared.calls -= 1
        if not shared.calls:
            clients.remove(shared)
            if not clients and services.get(service) is clients:
                del services[service]
            await shared.client.close()


def _made(service: Service) -> AsyncOpenAI:
    from openai import AsyncOpenAI, Timeout

    return AsyncOpenAI(
        api_key=service.key or _NO_KEY,
        base_url=service.base_url,
        max_retries=0,
        timeout=Timeout(service.stall, connect=_CONNECT, pool=None),
    )
