"""Who does the work of agents, written down: a file that the user names, or a table of the project's pyproject.toml.

::

    [defaults]
    timeout = 60

    [linter]                                        # an agent type, or the id of an agent
    words = ["ruff", "check", "--output-format", "json", "{input.path}"]
    parse = "json"
    success = [0, 1]

    [writer]
    model = "llama3.2"
    base_url = "http://localhost:11434/v1"

Policy: a command definition never says what is executed; only this file does, and it is the user's own act to name it.
A table with ``words`` is a program (:class:`.AgentCommand`), one with ``model`` a chat service
(:class:`.ChatExecutor`), a list is a program without settings, and ``defaults`` hold for all programs. TOML, YAML or
JSON, by the file's ending. A folder in ``cwd`` counts from where the file is.

Failure: :class:`~orchestra_nb.errors.ConfigError` with the file and the agent type.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from orchestra_nb.agents.chat import ChatExecutor
from orchestra_nb.agents.command_line import AgentCommand
from orchestra_nb.agents.registry import AgentRegistry, Executor
from orchestra_nb.agents.subprocesses import SubprocessExecutor, command_of
from orchestra_nb.definitions.documents import read_json, read_yaml
from orchestra_nb.errors import ConfigError, DefinitionError, nearest

DEFAULTS = "defaults"
_CHAT = tuple(field.name for field in fields(ChatExecutor) if field.name != "usage")
_MOST = 256 * 1024


def read_agents_file(path: Path) -> AgentRegistry:
    """Read a file of agents.

    Raises
    ------
    ConfigError
        It is not there, cannot be read, or an entry of it cannot be meant.
    """
    try:
        if path.stat().st_size > _MOST:
            raise ConfigError(f"{path} is longer than {_MOST // 1024} KB, which no file of agents is")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{path} cannot be read: {why}; give a TOML, YAML or JSON file of agents") from None
    return agents_of(_data(path, text), str(path), path.parent)


def agents_of(table: Mapping[str, Any], place: str, folder: Path) -> AgentRegistry:
    """Make the executor that a table of agents describes.

    Parameters
    ----------
    table
        By agent type or id.
    place
        Where it stands, for what is said of faults.
    folder
        From where ``cwd`` counts.

    Raises
    ------
    ConfigError
        An entry cannot be meant.

    Examples
    --------
    >>> table = {"defaults": {"timeout": 60}, "linter": ["ruff", "check", "{input.path}"]}
    >>> agents_of(table, "agents.toml", Path(".")).names
    ('linter',)
    >>> agents_of({"linter": {"word": ["ruff"]}}, "agents.toml", Path("."))
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: agents.toml: linter: there are no 'words', as in ['ruff', 'check', '{input.path}']
    """
    knobs = table.get(DEFAULTS, {})
    if not isinstance(knobs, Mapping):
        raise ConfigError(f"{place}: {DEFAULTS} must be a table of settings")
    entries = {name: given for name, given in table.items() if name != DEFAULTS}
    if not entries:
        raise ConfigError(f"{place}: names no agents; write a table for each type, with 'words' or a 'model'")
    try:
        SubprocessExecutor({}, **knobs)
        return AgentRegistry({name: _entry(name, given, knobs, folder) for name, given in entries.items()})
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from None


def runs_programs(registry: AgentRegistry) -> bool:
    """Whether a registry has programs, which take a core each while they run."""
    return any(isinstance(entry, AgentCommand) for entry in registry.entries.values())


def _entry(name: str, given: Any, knobs: Mapping[str, Any], folder: Path) -> Executor:
    if isinstance(given, Mapping) and "model" in given:
        return _chat(name, given)
    if isinstance(given, str):
        return command_of(name, given, knobs)  # which is refused, with a hint
    found = {**knobs, **given} if isinstance(given, Mapping) else {**knobs, "words": given}
    if isinstance(found.get("cwd"), str):
        found["cwd"] = str(folder / found["cwd"])
    return command_of(name, found, {})


def _chat(name: str, given: Mapping[str, Any]) -> ChatExecutor:
    for key in given:
        if key not in _CHAT:
            raise ConfigError(f"{name}: a chat service has no {key!r}; {nearest(key, _CHAT)}")
    try:
        return ChatExecutor(**given)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None


def _data(path: Path, text: str) -> Mapping[str, Any]:
    try:
        if path.suffix.lower() == ".toml":
            data: Any = tomllib.loads(text)
        else:
            read = read_json if path.suffix.lower() == ".json" else read_yaml
            data = read(text, path.name)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}; mend it there") from None
    except DefinitionError as error:
        raise ConfigError(str(error)) from None
    if not isinstance(data, Mapping):
        raise ConfigError(f"{path} must be a table with an entry for each agent type")
    return data
