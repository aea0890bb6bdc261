"""Texts with holes for what an agent is given: arguments of commands, prompts.

Policy: the language is that of templates in definitions (:mod:`orchestra_nb.definitions.templates`): what stands in
``${…}`` or ``{{…}}`` is an expression of the language of conditions, worked out without running anybody's code. Beside
it there is a short form for a plain path, ``{input.path}``, which has to begin with one of :data:`WORDS`; any other
brace means itself, so that JSON and ``find -exec … {}`` need no escapes. Holes know the words, and every key of the
agent's context by its own name.

Texts come from the user's own code or file, never from a definition. Failure: a text that cannot be read is a
:class:`~orchestra_nb.errors.ConfigError` when it is given; a hole that comes out as nothing, an
:class:`~orchestra_nb.errors.AgentError` that names it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from orchestra_nb.definitions.command import Agent
from orchestra_nb.definitions.condition import Condition, parse_condition
from orchestra_nb.definitions.names import camel_case
from orchestra_nb.definitions.templates import plain, written
from orchestra_nb.errors import AgentError, ConditionError, ConfigError, nearest
from orchestra_nb.model import Node

WORDS = ("id", "type", "task", "input", "context")
"""What the short form may begin with."""
_HOLE = re.compile(r"\$\{([^{}]*)\}|\{\{([^{}]*)\}\}|\{((?:" + "|".join(WORDS) + r")(?:[.\[][^{}]*)?)\}")
_PLAIN = re.compile(r"\w+(?:\.[A-Za-z_$][\w$]*|\[\d+\])*")
Pieces = tuple[str | Condition, ...]


@lru_cache(maxsize=4096)
def pieces_of(text: str) -> Pieces:
    """Take a text apart: what stands between the holes, and the expressions in them.

    Raises
    ------
    ConfigError
        An expression cannot be read.

    Examples
    --------
    >>> [piece if isinstance(piece, str) else piece.source for piece in pieces_of('{"all": {input.path}}')]
    ['{"all": ', 'input.path', '}']
    >>> pieces_of("find . -exec cat {} +")
    ('find . -exec cat {} +',)
    """
    pieces: list[str | Condition] = []
    end = 0
    for hole in _HOLE.finditer(text):
        if hole[3] and not _PLAIN.fullmatch(hole[3]):
            hint = "write a name such as code-scan as codeScan, and anything longer as ${…}"
            raise ConfigError(f"{hole[0]!r} is no plain path; {hint}")
        try:
            found = parse_condition(hole[1] or hole[2] or hole[3] or "")
        except ConditionError as error:
            raise ConfigError(f"{hole[0]!r} cannot be read: {error}") from None
        pieces += [text[end : hole.start()], found]
        end = hole.end()
    return tuple(piece for piece in (*pieces, text[end:]) if piece != "")


def words_of(node: Node, context: Mapping[str, Any]) -> dict[str, Any]:
    """Give what holes may begin with, for one agent.

    Examples
    --------
    >>> words_of(Node("scan", kind="agent"), {"path": "."})["path"]
    '.'
    """
    known = {**{camel_case(name): value for name, value in context.items()}, **context}
    agent = node.metadata.get("agent")
    told = agent if isinstance(agent, Agent) else Agent(node.id)
    return {
        **known,
        "id": str(node.id),
        "type": told.type,
        "task": told.task,
        "input": dict(told.input),
        "context": known,
    }


def filled(text: str, words: Mapping[str, Any]) -> str:
    """Put values into the holes of a text. Texts go in as they are, everything else as JSON.

    Raises
    ------
    AgentError
        A hole comes out as nothing, or as what cannot be written.

    Examples
    --------
    >>> filled("lint {input.path} at ${input.level ?? 2}", {"input": {"path": "src"}})
    'lint src at 2'
    >>> filled("{input.paht}", {"input": {"path": "src"}})
    Traceback (most recent call last):
    orchestra_nb.errors.AgentError: '{input.paht}' has a hole for input.paht, which comes out as nothing; did you mean
    'path'?
    """
    return "".join(piece if isinstance(piece, str) else _value(piece, text, words) for piece in pieces_of(text))


def _value(expression: Condition, text: str, words: Mapping[str, Any]) -> str:
    try:
        return written(plain(expression.value(dict(words))))
    except (ConditionError, ValueError, TypeError, RecursionError) as error:
        why = str(error) if isinstance(error, ConditionError | ValueError) else "cannot be written as text"
        hint = _hint(expression, words)
        told = f"{_short(text)!r} has a hole for {expression.source}, which {why}"
        raise AgentError(told + (f"; {hint}" if hint else "")) from None


def _hint(expression: Condition, words: Mapping[str, Any]) -> str:
    """Say which member was probably meant."""
    found: Any = words
    for word in expression.paths[0] if len(expression.paths) == 1 else ():
        if not isinstance(found, Mapping):
            return ""
        if word not in found:
            return nearest(word, [key for key in found if isinstance(key, str)])
        found = found[word]
    return ""


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
