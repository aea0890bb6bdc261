"""The text of a definition as plain data: JSON, YAML or Markdown, read with limits.

Nothing is constructed but mappings, lists, texts, numbers, true, false and null. What is cheap to write and dear to
read is refused first: length, nesting, YAML aliases. A key that stands twice is an error and not the last one's win.

Failure is a :class:`.DefinitionError` with the file, the line and, for the usual slips, what to write instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from orchestra_nb.definitions.markdown import read_markdown
from orchestra_nb.errors import DefinitionError, Issue, nearest
from orchestra_nb.yaml_text import YamlFault, read_mapping

MAX_JSON = 1024 * 1024
MAX_YAML = 256 * 1024
"""Bytes; the YAML reader is some hundred times slower than the one for JSON."""
MAX_DEPTH = 40
SUFFIXES = (".json", ".yaml", ".yml", ".md", ".markdown")
_DEEP = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


def read_document(path: Path) -> Mapping[str, Any]:
    """Read a definition file.

    Raises
    ------
    DefinitionError
        There is no such file, or it cannot be read as what its name says it is.
    """
    text = _text(path)
    suffix = path.suffix.lower()
    if suffix == ".json" or (suffix not in SUFFIXES and text.lstrip().startswith("{")):
        data = read_json(text, path.name)
    elif suffix in (".md", ".markdown"):
        try:
            data = read_markdown(text, MAX_YAML)
        except YamlFault as fault:
            _refuse("not-yaml", str(fault), f"{path.name}, line {fault.line}", "mend the YAML there")
    else:
        data = read_yaml(text, path.name)
    if not isinstance(data, Mapping):
        hint = "begin with the command's name and phases"
        _refuse("not-a-definition", "is not a mapping with 'phases'", path.name, hint)
    return data


def read_yaml(text: str, name: str) -> Mapping[str, Any]:
    """Read YAML; see :mod:`orchestra_nb.yaml_text`."""
    try:
        return read_mapping(text, MAX_YAML).values
    except YamlFault as fault:
        lines = text.split("\n")
        line = lines[fault.line - 1] if fault.line <= len(lines) else ""
        hint = "indent with spaces, not with tabs" if line.lstrip(" ").startswith("\t") else "mend the YAML there"
        _refuse("not-yaml", str(fault), f"{name}, line {fault.line}", hint)


def read_json(text: str, name: str, longest: int = MAX_JSON) -> Any:
    """Read JSON; keys that stand twice, numbers that are none and deep nesting are refused."""
    if len(text) > longest:
        _refuse("too-large", f"is longer than {longest // 1024} KB", name, "split it, or leave data out of it")
    if _deepest(text) > MAX_DEPTH:
        _refuse("too-deep", f"is nested deeper than {MAX_DEPTH}", name, "write it flatter")
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant, parse_int=_short_int)
    except json.JSONDecodeError as error:
        where = f"{name}, line {error.lineno}, column {error.colno}"
        _refuse("not-json", f"is not JSON: {error.msg}", where, _slip(text, error.pos))
    except _Twice as error:
        line = _second_line(text, error.key)
        _refuse("duplicate-key", f"has the key {error.key!r} twice in one mapping", f"{name}, line {line}", "keep one")
    except (ValueError, RecursionError) as error:
        _refuse("not-json", f"is not JSON: {error}", name, "mend the value")


class _Twice(ValueError):
    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(key)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        raise _Twice(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number in JSON")


def _short_int(text: str) -> int:
    if len(text) > 100:
        raise ValueError(f"a number of {len(text)} digits cannot be meant")
    return int(text)


def _deepest(text: str) -> int:
    depth = deepest = 0
    for match in _DEEP.finditer(text):
        mark = match.group()
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in "]}":
            depth -= 1
    return deepest


def _second_line(text: str, key: str) -> int:
    places = [m.start() for m in re.finditer(re.escape(json.dumps(key)) + r"\s*:", text)]
    return text.count("\n", 0, places[1] if len(places) > 1 else 0) + 1


def _slip(text: str, position: int) -> str:
    """Say what the usual mistakes want."""
    here, before = text[position : position + 1], text[:position].rstrip()[-1:]
    if before == "," and here in "]}":
        return "take away the comma before it"
    if here == ",":
        return "take away this comma, or write what is missing before it"
    if here == "'":
        return 'use double quotes: "…"'
    if here in ("/", "#"):
        return "JSON has no comments; take it away, or use YAML"
    if text[position : position + 4] in ("True", "None") or text[position : position + 5] == "False":
        return "write true, false or null"
    if before in '"]}' or before.isalnum():
        return "a comma or a closing bracket is missing before it"
    return "mend it there"


def _text(path: Path) -> str:
    name = str(path)
    if path.is_dir():
        found = sorted(file.name for file in path.iterdir() if file.suffix in SUFFIXES)
        _refuse("missing-file", "is a folder, not a definition", name, nearest("", found))
    try:
        if path.stat().st_size > MAX_JSON:
            _refuse("too-large", f"is longer than {MAX_JSON // 1024} KB", name, "split it, or leave data out of it")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        folder = path.parent
        found = [file.name for file in folder.iterdir() if file.suffix in SUFFIXES] if folder.is_dir() else []
        close = nearest(path.name, found)
        hint = close if close.startswith("did") else "give the path of a JSON, YAML or Markdown file"
        _refuse("missing-file", "there is no such file", name, hint)
    except UnicodeDecodeError:
        _refuse("not-text", "is not UTF-8 text", name, "give a JSON, YAML or Markdown file")
    except OSError as error:
        _refuse("missing-file", f"cannot be read: {error.strerror}", name, "check its permissions")


def _refuse(code: str, message: str, where: str, hint: str) -> NoReturn:
    raise DefinitionError([Issue(code, message, path=where, suggestion=hint)]) from None
