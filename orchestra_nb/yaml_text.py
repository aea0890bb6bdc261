"""Untrusted YAML: read with limits, with the line of every key.

Policy: YAML 1.2 through ruamel's safe, pure loader, so that ``no`` and ``12:30`` stay text and a duplicate key is an
error. Nothing is constructed before its events were counted: an alias bomb parses instantly and only explodes when
somebody walks the value, so aliases are refused altogether, and size and depth are bounded. PyYAML was rejected: it
lets the last of two equal keys win in silence.

Failure is a :class:`YamlFault` with the line (from 1); nothing else leaves this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import MappingNode

MAX_BYTES = 64 * 1024
MAX_DEPTH = 20


class YamlFault(ValueError):
    """The text is not YAML that can be accepted; ``line`` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        self.line = line
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class YamlMapping:
    """A mapping that was read, and the line (from 1) of each key; nested keys are joined with a dot."""

    values: Mapping[str, Any]
    lines: Mapping[str, int]


def read_mapping(text: str, most_bytes: int = MAX_BYTES) -> YamlMapping:
    r"""Read a YAML mapping.

    Parameters
    ----------
    text
        Nested at most 20 deep, without anchors' aliases, with text keys.
    most_bytes
        How long it may be; 64 KB by default. The reader takes about a second for each 100 KB.

    Raises
    ------
    YamlFault
        With the reason and the line.

    Examples
    --------
    >>> block = read_mapping("name: load\nretry: {attempts: 3}")
    >>> dict(block.values), block.lines["retry.attempts"]
    ({'name': 'load', 'retry': {'attempts': 3}}, 2)
    """
    if len(text.encode("utf-8", "surrogatepass")) > most_bytes:
        raise YamlFault(f"is longer than {most_bytes // 1024} KB", 1)
    try:
        _check_events(text)
        root = _loader().compose(text)
        if root is None:
            return YamlMapping(MappingProxyType({}), MappingProxyType({}))
        if not isinstance(root, MappingNode):
            raise YamlFault("is not made of 'key: value' lines", root.start_mark.line + 1)
        lines: dict[str, int] = {}
        _note_lines(root, "", lines)
        values = _loader().load(text)
    except MarkedYAMLError as error:
        raise YamlFault(_problem(error), _line(error)) from None
    except YamlFault:
        raise
    except (YAMLError, ValueError, ArithmeticError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise YamlFault(f"is not YAML: {reason}", 1) from None
    return YamlMapping(MappingProxyType(dict(values)), MappingProxyType(lines))


def _loader() -> YAML:
    return YAML(typ="safe", pure=True)


def _check_events(text: str) -> None:
    """Refuse what is cheap to write and dear to read, before anything is constructed."""
    depth = 0
    for event in _loader().parse(text):
        if isinstance(event, AliasEvent):
            raise YamlFault("holds an alias (*name); write the value out", event.start_mark.line + 1)
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            depth += 1
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise YamlFault(f"is nested deeper than {MAX_DEPTH}", event.start_mark.line + 1)


def _note_lines(node: MappingNode, prefix: str, lines: dict[str, int]) -> None:
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.tag != "tag:yaml.org,2002:str":
            raise YamlFault(f"has the key {key.value!r}, which is not text", line)
        path = f"{prefix}{key.value}"
        lines[path] = line
        if isinstance(value, MappingNode):
            _note_lines(value, f"{path}.", lines)


def _problem(error: MarkedYAMLError) -> str:
    problem = (error.problem or error.context or "cannot be read").splitlines()[0]
    return f"is not YAML: {problem}"


def _line(error: MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark is not None else 1
