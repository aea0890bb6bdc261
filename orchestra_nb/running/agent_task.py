"""One agent's work with its context bound: what a worker is given, here or in another process.

An executor may leave each agent to an executor of its own (:class:`Choosing`); the agent's place and the key of its
result then follow from that one. What an executor gives has to be a value: what would have had to be awaited or
consumed first, or an exception that was returned and not raised, is a failure that says so.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from time import perf_counter
from types import MappingProxyType
from typing import Any, Protocol, cast

from orchestra_nb.definitions.command import Agent
from orchestra_nb.definitions.expansion import expands
from orchestra_nb.errors import AgentError, Issue
from orchestra_nb.model import Node
from orchestra_nb.running import replies
from orchestra_nb.running.loop import Cancel, current_loop
from orchestra_nb.running.pickling import told
from orchestra_nb.running.seams import Reply

AgentExecutor = Callable[[Node, Mapping[str, Any]], Any]
_TOLD = "what it is told"
"""Stands among an agent's inputs for itself."""


class Choosing(Protocol):
    """An executor that leaves each agent to an executor of its own."""

    def choose(self, node: Node) -> AgentExecutor:
        """Give the executor of an agent."""

    def faults(self, nodes: Iterable[Node]) -> list[Issue]:
        """Say which agents cannot be done, and why; asked before anything runs, and for agents that join."""


def chosen(executor: AgentExecutor, node: Node) -> AgentExecutor:
    """Give the executor that does the work of an agent, which may be one that another has chosen."""
    while callable(getattr(executor, "choose", None)):
        executor = cast(Choosing, executor).choose(node)
    return executor


def not_done(executor: AgentExecutor, nodes: Iterable[Node]) -> list[Issue]:
    """Say which agents an executor cannot do, where it can tell."""
    asked = getattr(executor, "faults", None)
    if not callable(asked):
        return []
    return list(asked([node for node in nodes if node.kind == "agent" and node.fn is None and not expands(node)]))


@dataclass(frozen=True, slots=True)
class AgentTask:
    """One agent's work with its context bound. Pickles if they do."""

    executor: AgentExecutor
    node: Node
    context: Mapping[str, Any]
    running: list[Cancel] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _sent, (self.executor, self.node, dict(self.context))

    @property
    def fn(self) -> AgentExecutor:
        """What is called."""
        return self.executor

    def inputs(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Give all that the result follows from beside the executor: the context, and what the agent is told."""
        return (), {**self.context, _TOLD: told_to(self.node)}

    def __call__(self) -> Reply:
        """Do the work, and wait for it when it is a coroutine."""
        began = perf_counter()
        value = self.executor(self.node, self.context)
        if inspect.isawaitable(value):
            waited = value if inspect.iscoroutine(value) else _wait_for(value)
            try:
                value = current_loop().run(waited, self.running)
            except asyncio.CancelledError:
                return replies.cancelled("its coroutine was cancelled", perf_counter() - began)
        _check(self.node, value)
        return Reply("done", value=value, seconds=perf_counter() - began, worker=replies.worker_name())

    async def awaited(self) -> Reply:
        """Do the work on the event loop."""
        began = perf_counter()
        value = await self.executor(self.node, self.context)
        _check(self.node, value)
        return Reply("done", value=value, seconds=perf_counter() - began, worker="event loop")


def told_to(node: Node) -> Mapping[str, Any]:
    """Say what an agent is and is to do, without what only decides when and where it runs.

    Examples
    --------
    >>> told_to(Node("scan", kind="agent", writes=["files"], priority=3, metadata={"depth": 2}))["depth"]
    2
    """
    told = {name: value for name, value in node.metadata.items() if name not in ("agent", "phase", "dynamic")}
    agent = node.metadata.get("agent")
    if isinstance(agent, Agent):
        told |= {name: getattr(agent, name) for name in ("type", "task", "input", "metadata")}
    return {**told, "id": str(node.id), "reads": node.reads, "writes": node.writes, "source": node.source}


def _check(node: Node, value: Any) -> None:
    """Refuse what is no value."""
    if isinstance(value, BaseException):
        raise AgentError(f"the executor of agent {node.id!r} returned an exception, {told(value)}; raise it") from value
    if isinstance(value, Generator | AsyncGenerator):
        raise AgentError(f"the executor of agent {node.id!r} gave a generator; give what it makes, such as a list")
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()  # else Python warns that nobody awaited it
        raise AgentError(f"the executor of agent {node.id!r} gave something to await; await it, and give the value")


async def _wait_for(value: Awaitable[Any]) -> Any:
    return await value


def _sent(executor: AgentExecutor, node: Node, context: dict[str, Any]) -> AgentTask:
    return AgentTask(executor, node, MappingProxyType(context))
