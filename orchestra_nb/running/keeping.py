"""Calls whose results are kept for later runs: what looks for a result, and the task around the task that keeps it.

A :class:`KeepingTask` is what a worker is given in place of the call, wherever that worker is. In this process the
inputs are the run's own objects, and what the call did to them is looked at; in another one they are copies, which a
run does not get back. A node whose result is not to be kept (:mod:`.not_kept`) is neither looked for nor kept, and its
outcome says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Protocol, cast

from orchestra_nb.context.node_keys import NodeKey
from orchestra_nb.model import Node, NodeId
from orchestra_nb.running.not_kept import not_kept
from orchestra_nb.running.recall import NOT_KEPT, Recall, life_of
from orchestra_nb.running.seams import Lane, Reply, Task


class Call(Protocol):
    """What a worker is to do for a node: a function, or an agent's executor, with what it is given."""

    @property
    def fn(self) -> Callable[..., Any]:
        """What is called."""

    def inputs(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Give what it is given, by position and by name."""

    def __call__(self) -> Reply:
        """Do it."""

    async def awaited(self) -> Reply:
        """Do it on the event loop."""


class Keeper:
    """What a program knows of the results of its nodes in earlier runs.

    Parameters
    ----------
    recall
        Has them.
    """

    def __init__(self, recall: Recall) -> None:
        self._recall = recall
        self._keys: dict[NodeId, NodeKey] = {}
        self._against: dict[NodeId, str] = {}

    def against(self, node: Node) -> str:
        """Say why the result of a node that says ``cache`` is not to be kept; empty when it may."""
        if node.id not in self._against:
            self._against[node.id] = not_kept(node)
        return self._against[node.id]

    def look(self, node: Node, call: Call, names: tuple[str, ...]) -> Task:
        """Make what looks for a node's result; ``names`` are those of the call's inputs by position."""
        return partial(self._find, node.id, call, names)

    def _find(self, node: NodeId, call: Call, names: tuple[str, ...]) -> Reply:
        try:
            key = self._recall.key(call.fn, named_inputs(call, names))
        except TypeError as error:
            return Reply("missed", reason=str(error))
        found = self._recall.find(key)
        if found is not None:
            return Reply("done", value=found.value)
        self._keys[node] = key
        return Reply("missed", reason=self._recall.why_not(node, key))

    def keeps(self, node: Node) -> bool:
        """Whether a node was looked for, and what it makes is to be kept."""
        return node.id in self._keys

    def task(self, node: Node, lane: Lane, call: Call, names: tuple[str, ...]) -> Task:
        """Make the call of a node that :meth:`keeps` its result."""
        entry = Entry(node.id, self._keys[node.id], life_of(node))
        task = KeepingTask(call, self._recall, entry, names, copies=lane == "process")
        return cast(Task, task.awaited) if lane == "async" else task

    def unkept(self, node: Node, lane: Lane, call: Call) -> Task:
        """Make the call of a node whose result is not to be kept."""
        task = UnkeptTask(call, f"{NOT_KEPT}: it {self.against(node)}")
        return cast(Task, task.awaited) if lane == "async" else task

    def ended(self, node: Node) -> None:
        """Take note that a node will not run again."""
        self._keys.pop(node.id, None)
        self._against.pop(node.id, None)


@dataclass(frozen=True, slots=True)
class UnkeptTask:
    """A call whose reply says why its result was not kept. Pickles if the call does.

    Parameters
    ----------
    call
        The node's.
    why
        What the outcome is to say.
    """

    keeps_value: ClassVar[bool] = True  # as a function's own task
    call: Call
    why: str

    def __call__(self) -> Reply:
        """Make the call."""
        return self._told(self.call())

    async def awaited(self) -> Reply:
        """Make the call on the event loop."""
        return self._told(await self.call.awaited())

    def _told(self, reply: Reply) -> Reply:
        return replace(reply, reason=self.why) if reply.status == "done" else reply


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a result belongs.

    Parameters
    ----------
    node
        Whose it is.
    key
        What it follows from.
    ttl
        Seconds for which it may be given back; ``None``: no limit.
    """

    node: str
    key: NodeKey
    ttl: float | None = None


@dataclass(frozen=True, slots=True)
class KeepingTask:
    """A call, and where its result is to be kept. Pickles if the call does.

    Parameters
    ----------
    call
        The node's.
    recall, entry
        By what, and where, it is kept.
    names
        Of the call's inputs by position.
    copies
        Whether the inputs are copies, in another process.
    """

    keeps_value: ClassVar[bool] = False
    call: Call
    recall: Recall
    entry: Entry
    names: tuple[str, ...]
    copies: bool = False

    def __call__(self) -> Reply:
        """Make the call, and keep its result if it is good."""
        return self._kept(self.call())

    async def awaited(self) -> Reply:
        """Make the call on the event loop; the result is kept from a thread, while the loop goes on."""
        reply = await self.call.awaited()
        return await asyncio.to_thread(self._kept, reply)

    def _kept(self, reply: Reply) -> Reply:
        if reply.status != "done":
            return reply
        recall, entry, inputs = self.recall, self.entry, named_inputs(self.call, self.names)
        if self.copies:
            against = recall.against_of_copies(entry.key, self.call.fn, inputs)
        else:
            against = recall.against(entry.key, self.call.fn, inputs, reply.value)
        against = against or recall.keep(entry.node, entry.key, reply.value, entry.ttl)
        return replace(reply, reason=against) if against else reply


def named_inputs(call: Call, names: tuple[str, ...]) -> dict[str, Any]:
    """Give the inputs of a call by the names of its parameters; ``names`` are those by position."""
    args, kwargs = call.inputs()
    return {**dict(zip(names, args, strict=True)), **kwargs}
