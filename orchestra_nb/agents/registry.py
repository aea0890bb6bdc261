"""Who does the work of which agent: functions by agent type.

An agent is looked up by its id, then by its type, then there is the default. So one of several agents of a type can
have a function of its own. A function may be any agent executor, sync or async, a chat service or another registry;
each agent runs where *its* function belongs, and its kept results follow from that function alone, so that another
entry of the registry changes nothing for them.

Failure: an agent that nobody can do is found before anything runs, all of them at once, each with the nearest known
name; so is what an entry itself can say against its agents (a program that is not installed, a missing key). Rejected:
a registry that is global, which one notebook would change for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import isasyncgenfunction, isgeneratorfunction
from typing import Any, overload

from orchestra_nb.definitions.command import Agent
from orchestra_nb.errors import ConfigError, DefinitionError, Issue, nearest
from orchestra_nb.model import Node

Executor = Callable[[Node, Mapping[str, Any]], Any]


class AgentRegistry:
    """An agent executor that leaves each agent to a function of its own.

    Parameters
    ----------
    functions
        Functions of a node and its context, by agent type or id; sync or async.
    default
        Does the work of all others; ``None``: an agent that is not known is an error before anything runs.

    Raises
    ------
    ConfigError
        A function is none.

    Examples
    --------
    >>> from orchestra_nb import Pipeline, RunConfig
    >>> registry = AgentRegistry()
    >>> @registry.register("reader")
    ... def read(node, context):
    ...     return len(context["text"])
    >>> command = {"phases": [{"name": "Read", "agents": [{"id": "count", "type": "reader"}]}]}
    >>> config = RunConfig(jobs=1, cache=False)
    >>> Pipeline(command, config, agents=registry).run({"text": "abc"}).values["count"]
    3
    >>> command["phases"][0]["agents"][0]["type"] = "raeder"
    >>> Pipeline(command, config, agents=registry).run({"text": "abc"})
    Traceback (most recent call last):
    orchestra_nb.errors.DefinitionError: phases[0].agents[0]: nobody does the work of 'count', of the type 'raeder'; did
    you mean 'reader'?
    """

    def __init__(self, functions: Mapping[str, Executor] | None = None, default: Executor | None = None) -> None:
        self._functions: dict[str, Executor] = {}
        if functions is not None and not isinstance(functions, Mapping):
            raise ConfigError(f"agents are a mapping of types to functions, not {type(functions).__name__}")
        for name, fn in (functions or {}).items():
            self.register(name)(fn)
        self.default = default if default is None else _checked("the default", default)

    @overload
    def register(self, name: str, fn: Executor) -> Executor: ...

    @overload
    def register(self, name: str) -> Callable[[Executor], Executor]: ...

    def register(self, name: str, fn: Executor | None = None) -> Any:
        """Say who does the work of a type of agents, or of one agent; the last word counts.

        Parameters
        ----------
        name
            The type, or the id of an agent.
        fn
            A function of a node and its context. Left out, this is a decorator.

        Raises
        ------
        ConfigError
            The name is empty, or the function is none.

        Examples
        --------
        >>> registry = AgentRegistry()
        >>> @registry.register("reader")
        ... def read(node, context):
        ...     return len(context["text"])
        >>> _ = registry.register("judge", lambda node, context: "good")
        >>> registry
        <AgentRegistry: judge, reader>
        """
        if not isinstance(name, str) or not name:
            raise ConfigError(f"an agent type is a text such as 'reviewer', not {name!r}")

        def enter(found: Executor) -> Executor:
            self._functions[name] = _checked(f"for {name!r}", found)
            return found

        return enter if fn is None else enter(fn)

    @property
    def entries(self) -> Mapping[str, Executor]:
        """The functions, by type or id.

        Examples
        --------
        >>> registry = AgentRegistry({"judge": lambda node, context: "good"})
        >>> registry.entries["judge"](Node("verdict", kind="agent"), {})
        'good'
        """
        return dict(self._functions)

    @property
    def names(self) -> tuple[str, ...]:
        """The types and ids that are known, in order.

        Examples
        --------
        >>> AgentRegistry({"reader": lambda node, context: 1, "judge": lambda node, context: "good"}).names
        ('judge', 'reader')
        """
        return tuple(sorted(self._functions))

    def choose(self, node: Node) -> Executor:
        """Give the function of an agent.

        Raises
        ------
        DefinitionError
            Nobody does its work.

        Examples
        --------
        By its id first, then by its type, then the default:

        >>> registry = AgentRegistry({"verdict": lambda *_: "by id"}, default=lambda *_: "by default")
        >>> [registry.choose(Node(name, kind="agent"))(None, {}) for name in ("verdict", "other")]
        ['by id', 'by default']
        """
        found = self._find(node)
        if found is None:
            raise DefinitionError([self._unknown(node)])
        return found

    def faults(self, nodes: Iterable[Node]) -> list[Issue]:
        """Say which agents cannot be done, and why; before anything runs.

        Examples
        --------
        >>> registry = AgentRegistry({"reader": lambda node, context: 1})
        >>> for issue in registry.faults([Node("raeder", kind="agent"), Node("reader", kind="agent")]):
        ...     print(issue)
        nobody does the work of 'raeder'; did you mean 'reader'?
        """
        issues = []
        for node in nodes:
            found = self._find(node)
            if found is None:
                issues.append(self._unknown(node))
            elif callable(asked := getattr(found, "faults", None)):
                issues += asked([node])
        return issues

    def __call__(self, node: Node, context: Mapping[str, Any]) -> Any:
        """Let the agent's function do its work; of an async one, this is what has to be awaited."""
        return self.choose(node)(node, context)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(self.names) or 'empty'}>"

    def _find(self, node: Node) -> Executor | None:
        for name in (node.id, type_of(node)):
            if name in self._functions:
                return self._functions[name]
        return self.default

    def _unknown(self, node: Node) -> Issue:
        kind = type_of(node)
        told = f"nobody does the work of {node.id!r}" + (f", of the type {kind!r}" if kind else "")
        hint = nearest(kind or node.id, self._functions) or f"register({kind or node.id!r}, function)"
        return Issue("unknown-agent", told, (node.id,), path_of(node), hint)


def type_of(node: Node) -> str:
    """Give the type of an agent; empty when its definition says none.

    Examples
    --------
    >>> type_of(Node("a", kind="agent", metadata={"agent": Agent("a", "reader")})), type_of(Node("a", kind="agent"))
    ('reader', '')
    """
    agent = node.metadata.get("agent")
    return agent.type if isinstance(agent, Agent) else str(node.metadata.get("type", ""))


def path_of(node: Node) -> str:
    """Give the place of an agent in its definition; empty when there is none."""
    agent = node.metadata.get("agent")
    return agent.path if isinstance(agent, Agent) else ""


def _checked(which: str, fn: Executor) -> Executor:
    if not callable(fn):
        raise ConfigError(f"the agent executor {which} is a function of a node and a context, not {fn!r}")
    if isgeneratorfunction(fn) or isasyncgenfunction(fn):
        raise ConfigError(f"the agent executor {which} gives its value with return; this is a generator, with yield")
    return fn
