"""A command line as an agent: its words with holes, its limits, its surroundings, and what its output means.

Policy: the words are the user's own, from code or from a file that the user names; a definition only fills the holes.
There is no shell, so a value is always one argument, whatever stands in it, or a part of one. One thing is refused: a
text from outside that would be read as an option because it begins with ``-`` where the argument begins; after a
``--`` it may. The program itself has no holes.

The environment is small by choice: where programs and the home are, language and time zone, plus what is asked for by
name. Keys and tokens of this process do not reach a program by accident. Programs that are installed beside this
Python (in its virtual environment) are found first.

Failure: :class:`~orchestra_nb.errors.AgentError` and what derives from it, with the end of what the program said.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from orchestra_nb.agents.holes import filled, pieces_of, words_of
from orchestra_nb.agents.process import MOST, Ended, Limits, run_program
from orchestra_nb.agents.registry import path_of
from orchestra_nb.errors import AgentError, AnswerBroken, CommandFailed, ConfigError, Issue
from orchestra_nb.knobs import one_of, positive
from orchestra_nb.model import Node

Parse = Literal["text", "json"]
Stdin = Literal["nothing", "context"]
_PASSED_ON = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ"),
    *("TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV"),
)
_TAIL = 2000
"""Characters of standard error that an error keeps."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class AgentCommand:
    """A command line, as what agents of one type do. It is an agent executor itself.

    Parameters
    ----------
    words
        The program and its arguments, each with or without holes (``{input.path}``, ``${context.files.length}``).
    parse
        What standard output is: ``"text"``, or ``"json"``.
    success
        Exit codes that are no failure: linters end with 1 when they have found something.
    stdin
        What the program can read: ``"nothing"``, or ``"context"``, one JSON object with ``agent`` and ``context``.
    timeout
        Seconds; ``None``: no limit of its own.
    max_output
        Bytes of standard output and standard error together; a program that writes more is ended.
    cwd
        Folder where it runs; ``None``: this process's.
    env
        Variables that are added to its environment.
    inherit
        Names of this process's variables that it gets too; ``("*",)``: all of them.

    Raises
    ------
    ConfigError
        A value that cannot be meant, or a hole that cannot be read.

    Examples
    --------
    >>> import asyncio
    >>> repeat = AgentCommand(("cat",), stdin="context", parse="json")
    >>> asyncio.run(repeat(Node("twice", kind="agent"), {"path": "."}))["context"]
    {'path': '.'}
    """

    words: tuple[str, ...]
    parse: Parse = "text"
    success: tuple[int, ...] = (0,)
    stdin: Stdin = "nothing"
    timeout: float | None = None
    max_output: int = MOST
    cwd: str | None = None
    env: Mapping[str, str] = field(default_factory=dict, hash=False)
    inherit: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, kind in (("words", str), ("success", int), ("inherit", str)):
            object.__setattr__(self, name, _several(name, getattr(self, name), kind))
        if not self.words or not all(self.words[:1]):
            raise ConfigError("an agent's command needs a program, as in ['ruff', 'check', '{input.path}']")
        if any(not isinstance(piece, str) for word in self.words for piece in pieces_of(word)[: word is self.words[0]]):
            raise ConfigError(f"the program {self.words[0]!r} may have no holes: only arguments come from definitions")
        one_of("parse", self.parse, get_args(Parse))
        one_of("stdin", self.stdin, get_args(Stdin))
        positive("timeout", self.timeout)
        if isinstance(self.max_output, bool) or not isinstance(self.max_output, int) or self.max_output < 1:
            raise ConfigError(f"max_output={self.max_output!r} must be a whole number of bytes, from 1")
        if self.cwd is not None:
            object.__setattr__(self, "cwd", os.fspath(self.cwd))
        if not isinstance(self.env, Mapping) or not all(isinstance(t, str) for item in self.env.items() for t in item):
            raise ConfigError("env must be a mapping of names to texts")
        object.__setattr__(self, "env", dict(self.env))

    async def __call__(self, node: Node, context: Mapping[str, Any]) -> Any:
        """Run the program for an agent.

        Raises
        ------
        AgentError
            A hole cannot be filled; the program failed, took too long or wrote too much; its output is no JSON.
        """
        words = arguments(self.words, words_of(node, context))
        given = _as_json(node, context) if self.stdin == "context" else None
        limits = Limits(self.timeout, self.max_output)
        ended = await run_program(words, limits, stdin=given, cwd=self.cwd, env=self.environment())
        if ended.code not in self.success:
            raise _failed(words[0], ended, self.success)
        text = ended.out.decode("utf-8", "replace")
        return text if self.parse == "text" else _parsed(words[0], text, ended)

    def environment(self) -> dict[str, str]:
        """Make the program's environment, from this process's as it is now.

        Examples
        --------
        Keys of this process do not reach a program, unless somebody says so:

        >>> command = AgentCommand(("ruff", "check"), env={"NO_COLOR": "1"})
        >>> found = command.environment()
        >>> found["NO_COLOR"], "OPENAI_API_KEY" in found
        ('1', False)
        """
        passed = os.environ if "*" in self.inherit else {*_PASSED_ON, *self.inherit}
        found = {name: os.environ[name] for name in passed if name in os.environ}
        path = os.pathsep.join(part for part in (os.path.dirname(sys.executable), found.get("PATH", "")) if part)
        return {**found, "PATH": path, **self.env}

    def faults(self, nodes: Iterable[Node]) -> list[Issue]:
        """Say for which agents there is no program.

        Examples
        --------
        >>> for issue in AgentCommand(("ruf", "check", ".")).faults([Node("lint", kind="agent")]):
        ...     print(issue)
        there is no program 'ruf' here, which does the work of 'lint'; install it, or give its full path
        """
        program, path = self.words[0], self.environment().get("PATH")
        if os.path.dirname(program) and self.cwd is not None:
            program = os.path.join(self.cwd, program)
        if shutil.which(program, path=path):
            return []
        hint = "install it, or give its full path"
        told = f"there is no program {self.words[0]!r} here"
        return [
            Issue("no-program", f"{told}, which does the work of {node.id!r}", (node.id,), path_of(node), hint)
            for node in nodes
        ]


def arguments(words: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    """Fill the holes of a command line.

    Raises
    ------
    AgentError
        A hole comes out as nothing, or as what the program would take for an option.

    Examples
    --------
    >>> arguments(["grep", "-c", "{input.text}"], {"input": {"text": "a; rm -rf *"}})
    ['grep', '-c', 'a; rm -rf *']
    >>> arguments(["cat", "{input.path}"], {"input": {"path": "--help"}})
    Traceback (most recent call last):
    orchestra_nb.errors.AgentError: '{input.path}' comes out as '--help', which 'cat' would take for an option; put '--'
    before it
    """
    made: list[str] = []
    for word in words:
        text = filled(word, values)
        if text.startswith("-") and not word.startswith("-") and "--" not in made and not _is_number(text):
            hint = "put '--' before it"
            raise AgentError(f"{word!r} comes out as {text!r}, which {words[0]!r} would take for an option; {hint}")
        if "\0" in text:
            raise AgentError(f"{word!r} comes out with a NUL in it, which no argument can have")
        made.append(text)
    return made


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-\d+(\.\d+)?", text) is not None


def _several(name: str, value: Any, kind: type) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigError(f"{name}={value!r} must be a list")
    found = tuple(value)
    wrong = [item for item in found if not isinstance(item, kind) or isinstance(item, bool)]
    if wrong:
        raise ConfigError(f"{name}: {wrong[0]!r} is no {'text' if kind is str else 'whole number'}")
    return found


def _as_json(node: Node, context: Mapping[str, Any]) -> bytes:
    words = words_of(node, {})
    agent = {name: words[name] for name in ("id", "type", "task", "input")}
    for name, value in (*context.items(), ("input", agent["input"])):
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise AgentError(f"{name!r} cannot be written as JSON for the program to read: {error}") from None
    return json.dumps({"agent": agent, "context": dict(context)}, ensure_ascii=False).encode()


def _failed(program: str, ended: Ended, success: Sequence[int]) -> CommandFailed:
    said = _COLOUR.sub("", ended.err.decode("utf-8", "replace")).strip()
    said = said or _COLOUR.sub("", ended.out.decode("utf-8", "replace")).strip()
    how = f"ended with code {ended.code}" if ended.code >= 0 else f"was ended by signal {-ended.code}"
    last = said.rpartition("\n")[2][-300:]
    hint = "" if last else f"; codes that count as success: {', '.join(map(str, success))}"
    return CommandFailed(f"{program!r} {how}" + (f": {last}" if last else hint), ended.code, said[-_TAIL:])


def _parsed(program: str, text: str, ended: Ended) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        said = _COLOUR.sub("", ended.err.decode("utf-8", "replace")).strip()[-300:]
        begins = f"it begins with {text[:80]!r}" if text.strip() else "it is empty"
        raise AnswerBroken(
            f"the output of {program!r} is not JSON: {error}; {begins}" + (f"; it complained: {said}" if said else "")
        ) from None
