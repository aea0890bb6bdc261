"""One agent's work with its context bound: what a worker is given, here or in another process."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from types import MappingProxyType
from typing import Any

from orchestra_nb.definitions.command import Agent
from orchestra_nb.model import Node
from orchestra_nb.running import replies
from orchestra_nb.running.loop import Cancel, current_loop
from orchestra_nb.running.seams import Reply

AgentExecutor = Callable[[Node, Mapping[str, Any]], Any]
_TOLD = "what it is told"
"""Stands among an agent's inputs for itself."""


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
        return Reply("done", value=value, seconds=perf_counter() - began, worker=replies.worker_name())

    async def awaited(self) -> Reply:
        """Do the work on the event loop."""
        began = perf_counter()
        value = await self.executor(self.node, self.context)
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


async def _wait_for(value: Awaitable[Any]) -> Any:
    return await value


def _sent(executor: AgentExecutor, node: Node, context: dict[str, Any]) -> AgentTask:
    return AgentTask(executor, node, MappingProxyType(context))
