"""A chat service as an agent: a prompt from what the agent is given, and one whole answer.

Through the ``openai`` client, which every service and local server that speaks this protocol is made to work with
(``base_url``): vLLM, Ollama, llama.cpp, LM Studio, and the compatible front doors of most providers. Rejected: litellm
(one name for providers that are reached this way too, for four seconds of import and a download as it is imported);
httpx alone (no release since 2024, and the protocol by hand).

Policy: the answer is streamed, so that silence is noticed after ``stall`` seconds, however long the whole takes; and it
is whole or it is an error. It is whole when the service says that the model came to its end, or sends the sum of
tokens that comes last of all; some servers close a broken stream as if it had ended. The client tries nothing again:
that is the run's business, which knows the node's retries, its circuit and the stop button; what a service says of
``Retry-After`` is in the error. How many tokens a run may take is a budget (``resources={"llm-tokens": "50000/run"}``,
and ``llm-tokens:2000`` among an agent's resources); how many it took, ``usage`` counts. Variants for agent types are
entries of an :class:`.AgentRegistry`, made with ``dataclasses.replace``.

Trust: the key comes from an environment variable when it is needed, and is in no attribute, text, error, pickle or key
of the cache; where a service repeats it, it is struck out.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from orchestra_nb.agents.chat_calls import Answer, Service, ask
from orchestra_nb.agents.holes import filled, pieces_of, words_of
from orchestra_nb.agents.registry import path_of
from orchestra_nb.agents.usage import TokenUsage
from orchestra_nb.errors import AnswerBroken, ConfigError, Issue
from orchestra_nb.knobs import one_of, positive
from orchestra_nb.model import Node

Parse = Literal["text", "json"]
PROMPT = "{task}\n\nWhat you are given:\n${input}\n\nWhat is known so far:\n${context}"
"""What an agent is asked where nobody says otherwise."""
_FENCED = re.compile(r"\s*```(?:json)?[ \t]*\n(.*?)\n?```\s*", re.DOTALL | re.IGNORECASE)
_OURS = ("model", "messages", "stream")
_QUOTED = 120


@dataclass(frozen=True)
class ChatExecutor:
    """An agent executor that asks a chat service.

    Parameters
    ----------
    model
        As the service names it.
    prompt
        What an agent is asked: a text with holes such as ``{task}``, ``{input.path}`` or ``${context.files}``.
    system
        What stands before it; may have holes too.
    parse
        What the answer is: ``"text"``, or ``"json"``, also within a fence of three backticks.
    base_url
        Where the service is, such as ``"http://localhost:11434/v1"``; ``None``: what the client takes by itself.
    key_from
        Name of the environment variable that holds the key. A local server needs none.
    stall
        Seconds of silence after which an answer is given up.
    options
        Sent along as they are: ``temperature``, ``max_tokens``, ``response_format``, ...; ``None`` leaves one out.
    usage
        Where the tokens are counted, by agent; variants made with ``dataclasses.replace`` share it.

    Raises
    ------
    ConfigError
        A setting that cannot be meant, a hole that cannot be read, or the client is not installed.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from orchestra_nb.agents.registry import AgentRegistry
    >>> small = ChatExecutor("llama3.2", base_url="http://localhost:11434/v1", system="You are brief.")
    >>> judge = replace(small, model="qwen3:32b", prompt="Rank these: ${context.findings}", parse="json")
    >>> AgentRegistry({"judge": judge}, default=small)
    <AgentRegistry: judge>
    """

    model: str
    prompt: str = PROMPT
    system: str = ""
    parse: Parse = "text"
    base_url: str | None = None
    key_from: str = "OPENAI_API_KEY"
    stall: float = 60.0
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    usage: TokenUsage = field(default_factory=TokenUsage, compare=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("model", "prompt", "key_from"):
            if not isinstance(value := getattr(self, name), str) or not value:
                raise ConfigError(f"{name}={value!r} must be a text")
        if not isinstance(self.system, str) or not isinstance(self.base_url, str | None):
            raise ConfigError(f"system={self.system!r} and base_url={self.base_url!r} must be texts")
        if not isinstance(self.options, Mapping):
            raise ConfigError(f"options={self.options!r} must be a mapping, such as {{'temperature': 0}}")
        for text in (self.prompt, self.system):
            pieces_of(text)
        one_of("parse", self.parse, get_args(Parse))
        positive("stall", self.stall)
        taken = [name for name in _OURS if name in self.options]
        if taken:
            raise ConfigError(f"options: {taken[0]!r} is said otherwise; leave it out")
        object.__setattr__(self, "options", dict(self.options))
        _client_is_there()

    async def __call__(self, node: Node, context: Mapping[str, Any]) -> Any:
        """Ask the service for an agent.

        Raises
        ------
        AgentError
            A hole cannot be filled; or what the service did: :class:`~orchestra_nb.errors.RateLimited`,
            :class:`~orchestra_nb.errors.ServiceUnreachable`, another :class:`~orchestra_nb.errors.ServiceError`,
            :class:`~orchestra_nb.errors.AgentTimeout`, :class:`~orchestra_nb.errors.AnswerBroken`.
        """
        words = words_of(node, context)
        messages = [{"role": "user", "content": filled(self.prompt, words)}]
        if self.system:
            messages.insert(0, {"role": "system", "content": filled(self.system, words)})
        key = os.environ.get(self.key_from, "")
        answer = await ask(Service(self.base_url, key, self.stall), {**self._request(), "messages": messages})
        self.usage.add(str(node.id), answer.prompt_tokens, answer.answer_tokens)
        return answer.text if self.parse == "text" else _parsed(answer)

    def faults(self, nodes: Iterable[Node]) -> list[Issue]:
        """Say which agents cannot be done, because there is no key for the service.

        Examples
        --------
        >>> from orchestra_nb import ChatExecutor, Node
        >>> for issue in ChatExecutor("gpt-5", key_from="A_KEY_THAT_NOBODY_SET").faults([Node("review", kind="agent")]):
        ...     print(issue)
        there is no key for the service that 'review' asks; set A_KEY_THAT_NOBODY_SET, ...
        >>> ChatExecutor("llama3.2", base_url="http://localhost:11434/v1").faults([Node("review", kind="agent")])
        []
        """
        local = self.base_url is not None or os.environ.get("OPENAI_BASE_URL")
        if local or os.environ.get(self.key_from):
            return []
        hint = f"set {self.key_from}, or name a local server with base_url"
        return [
            Issue("no-key", f"there is no key for the service that {node.id!r} asks", (node.id,), path_of(node), hint)
            for node in nodes
        ]

    def _request(self) -> dict[str, Any]:
        asked = {"stream_options": {"include_usage": True}, **self.options, "model": self.model, "stream": True}
        return {name: value for name, value in asked.items() if value is not None}


def _client_is_there() -> None:
    try:
        import openai  # noqa: F401  # here and not in the call, where it would hold up the loop for half a second
    except ImportError:
        raise ConfigError("chat services need the openai client; pip install 'orchestra_nb[agents]'") from None


def _parsed(answer: Answer) -> Any:
    fenced = _FENCED.fullmatch(answer.text)
    text = fenced[1] if fenced else answer.text
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        begins = text.strip()[:_QUOTED]
        said = f"it begins with {begins!r}" if begins else "it is empty"
        raise AnswerBroken(f"the answer is not JSON: {error}; {said}; ask for JSON and nothing else") from None
