"""What a worker does beside the body of a node whose run is on the disk: it looks, encodes and writes.

Around the body, in whichever thread or process that runs, a :class:`CommittingTask` finds out two things. *Whether the
value can be given back*: a copy means the same as what the node made only if the node changed no input in place, and if
its value shares no mutable object with an input (:mod:`.census`); in another process inputs are copies, and neither can
be. If so, the value is encoded and, when it is large, is on the disk before the reply is sent: the driver's seat only
adds a line. *What tells whether it came out the same*, should it have to run again (:mod:`.taken_over`): the digest of
its bytes, or that of the content of its value and of its inputs afterwards.

An agent hands on a copy of what it made, where that shares something with the context that it was given.

An input that no pickler can read (a connection, a generator) may have been changed by whoever had it, so its readers
run again, too. What nodes do to each other behind the graph's back (globals, closures, files, a thread that goes on)
is not seen. Failure: none of this fails a node; it becomes the reason for which the node is to run again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

from orchestra_nb.context.encoding import NotEncodable
from orchestra_nb.durable.facts import ValueRef
from orchestra_nb.durable.faults import fault
from orchestra_nb.durable.values import RunValues
from orchestra_nb.graph.signature import parameters
from orchestra_nb.model import Expand, NodeId
from orchestra_nb.running.agent_task import AgentTask
from orchestra_nb.running.agents import make_agents
from orchestra_nb.running.census import Census
from orchestra_nb.running.current_node import NodeRun, current
from orchestra_nb.running.function_task import FunctionTask
from orchestra_nb.running.keeping import KeepingTask, UnkeptTask
from orchestra_nb.running.parcels import at_home
from orchestra_nb.running.parts import Earlier, PartsTask
from orchestra_nb.running.pickling import told
from orchestra_nb.running.seams import Reply, Task

_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})
_SLIGHT, _FEW = 4096, 32
"""Characters or bytes of a text, and members of a container, that are looked at where the event loop waits for it."""
_SHARES = "its value shares"
_OPAQUE = "opaque"
"""What tells of a value that no pickler can read: nothing, but whoever reads it runs again as well."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a worker sends beside a node's value.

    Parameters
    ----------
    node, attempt
        Whose it is.
    value, growth
        Where its value is, and the nodes that it made.
    again
        Why it has to run again where a process goes on; empty when it need not.
    result
        What tells whether it came out the same; empty: nothing does.
    trouble
        What the disk refused.
    shared
        Whether the value shares something with the context that an agent was given; then it hands on a copy.
    """

    node: NodeId
    attempt: int
    value: ValueRef | None = None
    growth: ValueRef | None = None
    again: str = ""
    result: str = ""
    trouble: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class CommittingTask:
    """A body, and what is to be done beside it. Pickles if the body does.

    Parameters
    ----------
    task
        The body, its inputs bound.
    who
        Which attempt this is.
    values
        Where values are kept.
    here
        Whether the inputs are the run's own objects, and not copies in another process.
    before
        What the inputs were when the first attempt began, by node; only in this process.
    """

    task: Task
    who: NodeRun
    values: RunValues
    here: bool = False
    before: dict[NodeId, Look | None] = field(default_factory=dict)

    def __reduce__(self) -> tuple[Any, ...]:
        return CommittingTask, (self.task, self.who, self.values)

    @property
    def keeps_value(self) -> bool:
        """Whether the body's value may stay where it was made."""
        return bool(getattr(self.task, "keeps_value", False))

    def __call__(self) -> Reply:
        """Run the body, and see to its value."""
        inputs = self._begun()
        mark = current.set(self.who)
        try:
            fault("node.before-body")
            reply = self.task()
            fault("node.after-body")
        finally:
            current.reset(mark)
        return self._stored(reply, inputs)

    async def awaited(self) -> Reply:
        """Run the body on the event loop; the rest is done in a thread, while the loop goes on, unless it is slight."""
        slight = self._are_slight()
        inputs = self._begun() if slight else await asyncio.to_thread(self._begun)
        current.set(self.who)
        fault("node.before-body")
        reply = await cast(Any, self.task())
        fault("node.after-body")
        if slight and _is_slight(reply.value):
            return self._stored(reply, inputs)
        return await asyncio.to_thread(self._stored, reply, inputs)

    def _are_slight(self) -> bool:
        """Whether looking at the inputs costs less than a thread does."""
        try:
            return not self.here or all(_is_slight(value) for _, value in _given_to(self.task))
        except Exception:  # as there
            return False

    def _begun(self) -> dict[str, Any] | None:
        """Look at the inputs before the first attempt; ``None`` where they cannot be had."""
        if not self.here:
            return {}
        inputs: dict[str, Any] | None = None
        try:
            inputs = dict(_inputs_of(self.task))
            if self.who.node not in self.before:
                self.before[self.who.node] = _looked(inputs)
        except KeyboardInterrupt:
            raise
        except BaseException:  # a value's own code may raise anything, and that is no failure of the node
            self.before.setdefault(self.who.node, None)
        return inputs

    def _stored(self, reply: Reply, inputs: dict[str, Any] | None) -> Reply:
        if reply.status != "done":
            return reply
        try:
            stored = self._judged(reply.value, inputs)
            if stored.shared and stored.value is not None:
                reply = replace(reply, value=self.values.give(stored.value))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            stored = Stored(self.who.node, self.who.attempt, again=f"its value cannot be judged: {told(error)}")
        reply.__dict__["stored"] = stored  # nobody else has it yet; to copy a frozen record takes ten times as long
        return reply

    def _judged(self, value: Any, inputs: dict[str, Any] | None) -> Stored:
        node, attempt = self.who.node, self.who.attempt
        growth, again, trouble, shared = None, "", "", False
        if isinstance(value, Expand):
            value, nodes = value.value, (value.nodes, value.edges)
            growth, again, trouble = self._kept(nodes, "what it made")
        if self.here and not again and not (type(value) in _ATOMS and _are_atoms(inputs)):
            again = _against(self.before.get(self.who.node), inputs, value)
            if again.startswith(_SHARES) and isinstance(getattr(self.task, "__self__", self.task), AgentTask):
                again, shared = "", True
        if not again:
            ref, again, trouble = self._kept(value, "its value")
            if ref is not None:
                return Stored(node, attempt, ref, growth, "", f"bytes {ref.digest}", "", shared)
            if trouble:
                return Stored(node, attempt, None, growth, again, f"bytes {self.values.digest(value)}", trouble)
        return Stored(node, attempt, None, growth, again, _content(inputs or {}, value), trouble)

    def _kept(self, value: Any, what: str) -> tuple[ValueRef | None, str, str]:
        """Keep something; or say why it is not kept, and what the disk refused."""
        try:
            return self.values.keep(value), "", ""
        except NotEncodable as error:
            return None, f"{what} is not kept: {error}", ""
        except OSError as error:
            trouble = f"{what} could not be written: {error.strerror or error}"
            return None, trouble, trouble


@dataclass(frozen=True, slots=True)
class Look:
    """What some inputs were at a moment: a digest after each, by name."""

    digests: Mapping[str, str]


def _are_atoms(inputs: Mapping[str, Any] | None) -> bool:
    """Whether nothing can be changed in any of them."""
    return inputs is not None and all(type(value) in _ATOMS for value in inputs.values())


def _is_slight(value: Any, depth: int = 2) -> bool:
    """Whether something is quickly looked at and encoded: few bytes, of types whose own code is nobody's.

    Examples
    --------
    >>> _is_slight({"ok": 1, "rows": [1, 2]}), _is_slight("x" * 10_000), _is_slight([[[1]]]), _is_slight(object())
    (True, False, False, False)
    """
    kind = type(value)
    if kind in _ATOMS:
        return kind not in (str, bytes) or len(value) <= _SLIGHT
    if kind not in (dict, list, tuple) or not depth or len(value) > _FEW:
        return False
    members = (*value.keys(), *value.values()) if kind is dict else value
    return all(_is_slight(each, depth - 1) for each in members)


def _looked(inputs: Mapping[str, Any], census: Census | None = None) -> Look | None:
    """Look at inputs; ``None`` where a pickler cannot."""
    if _are_atoms(inputs):
        return Look({})
    try:
        return Look((census or Census()).scan(inputs))
    except Exception:
        return None


def _against(before: Look | None, inputs: dict[str, Any] | None, value: Any) -> str:
    """Say why a copy of a value would not mean what the value does; empty when it would."""
    if inputs is None:
        return "its inputs cannot be looked at"
    seen, made = Census(), Census()
    after = _looked(inputs, seen)
    if before is None or after is None:
        return f"whether it changed its input {seen.name!r} cannot be told" if seen.name else "its inputs are not known"
    changed = [name for name, digest in after.digests.items() if before.digests.get(name) != digest]
    if changed or len(before.digests) != len(after.digests):
        return f"it changed its input {changed[0]!r} in place" if changed else "its inputs are others than they were"
    try:
        made.scan({"its value": value})
    except Exception as error:
        return f"its value cannot be stored: {told(error)}"
    shared = made.shared_with(seen)
    if shared is not None:
        return f"{_SHARES} a {shared[2]} with its input {shared[1]!r}"
    return "its value holds an array that shares memory with another" if made.overlap else ""


def _content(inputs: Mapping[str, Any], value: Any) -> str:
    """Tell what came of a call, value and inputs, as far as that can be told."""
    from orchestra_nb.context.content import content_digest

    readable = {name: each for name, each in inputs.items() if _looked({name: each}) is not None}
    if _looked({"its value": value}) is None:
        return _OPAQUE if not readable else _digest(content_digest, [readable, _OPAQUE])
    return _digest(content_digest, [readable, value])


def _digest(digest: Any, content: Any) -> str:
    try:
        return f"content {digest(content)}"
    except Exception:
        return ""


def _inputs_of(task: Any) -> Iterator[tuple[str, Any]]:
    """Give what a body is given, by name.

    Raises
    ------
    Exception
        An input that is kept elsewhere cannot be had.
    """
    return ((name, at_home(value)) for name, value in _given_to(task))


def _given_to(task: Any) -> Iterator[tuple[str, Any]]:
    """Give the same as it came, also what is kept elsewhere."""
    if isinstance(task, partial) and task.args and isinstance(task.args[0], FunctionTask):
        task = task.args[0]  # awaited on the loop
    task = getattr(task, "__self__", task)
    while isinstance(task, KeepingTask | UnkeptTask):
        task = task.call
    if isinstance(task, PartsTask):
        for part, call in task.calls:
            yield from ((f"{part}: {name}", value) for name, value in _given_to(call))
    elif isinstance(task, FunctionTask):
        names = [each.name for each in parameters(task.fn)] if task.args else []
        args, kwargs = task.inputs()
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        yield from ((name, value) for name, value in given.items() if not isinstance(value, Earlier))
    elif isinstance(task, AgentTask):
        yield from task.context.items()
    elif not (isinstance(task, partial) and task.func is make_agents):
        raise TypeError(f"what a {type(task).__name__} is given is not known")
