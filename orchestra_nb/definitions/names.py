"""What the words of a definition stand for: agents, phases, context values, inputs.

An agent's result is reached by its id, as it is or in camelCase (conditions cannot hold a ``-``), the values that it
puts into the context by their keys, bare or behind ``context.``, and the caller's inputs behind ``inputs.``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from orchestra_nb.definitions.command import CommandDefinition
from orchestra_nb.errors import nearest

ROOTS = ("context", "inputs", "results", "agents", "input")
"""Words that a condition may begin with and that stand for everything of a kind."""


def camel_case(name: str) -> str:
    """Write an id as a condition can.

    Examples
    --------
    >>> camel_case("security-reviewer"), camel_case("scan_all files"), camel_case("plain")
    ('securityReviewer', 'scanAllFiles', 'plain')
    """
    first, *others = re.split(r"[^A-Za-z0-9$]+", name)
    return first + "".join(part[:1].upper() + part[1:] for part in others)


class Names:
    """Looks words of a definition up.

    Examples
    --------
    >>> from orchestra_nb.definitions.schema import read_definition
    >>> command, _ = read_definition({"phases": [{"name": "A", "agents": [{"id": "code-scan", "outputs": ["files"]}]}]})
    >>> names = Names(command)
    >>> names.agent_of("codeScan"), names.dependency("A"), list(names.makers_before("files", 3))
    ('code-scan', ('code-scan',), ['code-scan'])
    """

    def __init__(self, command: CommandDefinition) -> None:
        self.command = command
        self.agents: dict[str, int] = {}
        self._phases: dict[str, tuple[str, ...]] = {}
        self._makers: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        index = 0
        for phase in command.phases:
            there = tuple(agent.id for agent in phase.agents) or ((phase.id,) if phase.dynamic is not None else ())
            for agent in phase.agents:
                for key in dict.fromkeys(item.key for item in agent.outputs):
                    self._makers[key].append((index, agent.id))
                self.agents.setdefault(agent.id, index)
                index += 1
            if not phase.agents and phase.dynamic is not None:
                self.agents.setdefault(phase.id, index)
                index += 1
            for word in (phase.id, phase.name):
                self._phases.setdefault(word, there)
        self._camel: dict[str, str] = {}
        for name in self.agents:
            self._camel.setdefault(camel_case(name), name)
        self.aside = frozenset(agent.undo for agent in command.agents if agent.undo is not None)
        """Agents that compensate others."""
        self.given = {*command.required, *command.optional, *command.shared}

    def dependency(self, name: str) -> tuple[str, ...]:
        """The agents that a dependency names: itself, or all of a phase; none when it is unknown."""
        return (name,) if name in self.agents else self._phases.get(name, ())

    def nearest_agent(self, name: str, but: str) -> str:
        """Say which agent or phase was probably meant."""
        agents = [agent for agent in self.agents if agent != but]
        close = nearest(name, [*agents, *self._phases])
        return close if close.startswith("did") else nearest(name, agents)

    def agent_of(self, word: str) -> str | None:
        """The agent whose result a word of a condition stands for."""
        return word if word in self.agents else self._camel.get(word)

    def makers(self, key: str) -> list[str]:
        """The agents that make a context value, in document order."""
        return [agent for _, agent in self._makers.get(key, ())]

    def makers_before(self, key: str, index: int) -> list[str]:
        """The agents that make a context value before the agent at an index; those after it when there are none."""
        found = self._makers.get(key, [])
        return [agent for at, agent in found if at < index] or [agent for at, agent in found if at > index]

    @property
    def keys(self) -> tuple[str, ...]:
        """Every context value that somebody makes."""
        return tuple(self._makers)

    def read_by(self, path: Sequence[str]) -> Iterator[str]:
        """The names of agents or context values that a path in a condition reads."""
        head, rest = path[0], path[1:]
        if head in ("context", "results", "agents"):
            if rest:
                yield rest[0]
            else:
                yield from self._makers if head == "context" else self.agents
        elif head not in ROOTS:
            yield head
