"""Programs as agents: a command line for each agent type. What a command line is, :mod:`.command_line` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from orchestra_nb.agents.command_line import AgentCommand
from orchestra_nb.agents.registry import AgentRegistry
from orchestra_nb.errors import ConfigError, nearest

KNOBS = tuple(field.name for field in fields(AgentCommand) if field.name != "words")


class SubprocessExecutor(AgentRegistry):
    """An agent executor that runs a program for each agent, without a shell.

    Programs are waited for on the event loop, which costs no worker: ``RunConfig(async_jobs=…)`` or a phase's
    ``maxConcurrent`` says how many may run at once.

    Parameters
    ----------
    commands
        By agent type or id: the program and its arguments, an :class:`.AgentCommand`, or a mapping with the same keys.
    **knobs
        What holds for all commands that do not say otherwise: ``timeout`` (seconds), ``max_output`` (bytes), ``parse``,
        ``success``, ``stdin``, ``cwd``, ``env``, ``inherit``; see :class:`.AgentCommand`.

    Raises
    ------
    ConfigError
        A command or a knob that cannot be meant; it names the agent type.

    Examples
    --------
    >>> from orchestra_nb import Pipeline, RunConfig
    >>> tools = SubprocessExecutor({"counter": ["wc", "-w", "{input.path}"]}, timeout=60)
    >>> agents = [{"id": "words", "type": "counter", "input": {"path": "/dev/null"}}]
    >>> command = {"phases": [{"name": "Count", "agents": agents}]}
    >>> Pipeline(command, RunConfig(jobs=1, cache=False), agents=tools).run().values["words"].split()
    ['0', '/dev/null']
    """

    def __init__(self, commands: Mapping[str, Sequence[str] | Mapping[str, Any] | AgentCommand], **knobs: Any) -> None:
        _known("", knobs)
        if not isinstance(commands, Mapping):
            raise ConfigError(f"commands are a mapping of agent types to lists of words, not {type(commands).__name__}")
        super().__init__({name: command_of(name, given, knobs) for name, given in commands.items()})


def command_of(name: str, given: Any, knobs: Mapping[str, Any]) -> AgentCommand:
    """Read the command of one agent type.

    Parameters
    ----------
    name
        The type, for what is said of faults.
    given
        What stands for it.
    knobs
        What holds unless it says otherwise.

    Raises
    ------
    ConfigError
        It is no command.

    Examples
    --------
    >>> command_of("lint", {"words": ["ruff", "check"], "success": [0, 1]}, {"timeout": 60}).timeout
    60
    >>> command_of("lint", {"words": ["ruff"], "tiemout": 1}, {})
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: lint: there is no 'tiemout'; did you mean 'timeout'?
    """
    if isinstance(given, AgentCommand):
        return given
    if isinstance(given, str) or not isinstance(given, Mapping | Sequence):
        hint = f"give a list, such as {given.split()!r}" if isinstance(given, str) else "give a list of texts"
        raise ConfigError(f"{name}: {given!r} is no command; no shell reads it, so {hint}")
    told = dict(given) if isinstance(given, Mapping) else {"words": given}
    if "words" not in told:
        raise ConfigError(f"{name}: there are no 'words', as in ['ruff', 'check', '{{input.path}}']")
    _known(name, told)
    try:
        return AgentCommand(**{**knobs, **told})
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None


def _known(name: str, told: Mapping[str, Any]) -> None:
    for key in told:
        if key not in KNOBS and not (name and key == "words"):
            raise ConfigError((f"{name}: " if name else "") + f"there is no {key!r}; {nearest(key, KNOBS)}")
