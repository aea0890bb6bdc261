"""A whole pipeline in one cell: its body, split at ``# %% name key=value ...`` markers.

The markers are jupytext's percent format. What follows ``# %%`` is the part's name (which may have several words), an
optional ``[markdown]`` or ``[raw]`` (the part is text, and skipped), and settings, whose values may be quoted and whose
lists are comma-separated: ``# %% train after=load,clean phase="model building"``.

A marker counts only where Python sees a comment. Whether a candidate line does is asked of the tokenizer: if the text
since the last marker ends inside a triple-quoted string or an open bracket, the line is not a marker. Looking for
quotes with a regular expression was rejected; it is wrong for strings that hold quotes. Shell and magic lines are no
Python, so when they seem to break something or leave it open, they are blanked and the question is asked again.
"""

from __future__ import annotations

import io
import re
import shlex
import tokenize
from dataclasses import dataclass
from typing import Literal

from orchestra_nb.cells.merging import Place, from_text
from orchestra_nb.cells.settings import KEYS
from orchestra_nb.errors import Issue

_CANDIDATE = re.compile(r"#[ \t]*%%(?!%)(?:[ \t]+(.*))?")
_TEXT_PART = re.compile(r"(?:^|\s)\[(markdown|md|raw)\](?:\s|$)")
_SETTING = re.compile(r"([A-Za-z_][\w.-]*)=(.*)", re.DOTALL)
_NOT_PYTHON = re.compile(r"^[ \t]*[!%?].*$", re.MULTILINE)
_OPEN = re.compile(r"multi-line|triple-quoted")


@dataclass(frozen=True, slots=True)
class Part:
    """One node of a pipeline cell.

    Parameters
    ----------
    place
        The settings on its marker, the name among them.
    source
        Its code, without the marker.
    first_line
        The line of the cell at which ``source`` begins.
    issues
        Faults of the marker itself.
    """

    place: Place
    source: str
    first_line: int = 1
    issues: tuple[Issue, ...] = ()

    @property
    def name(self) -> str:
        """The name on the marker, or ``""``."""
        return str(self.place.values.get("name", ""))


def split_parts(body: str, path: str = "", first_line: int = 1) -> tuple[Part, ...] | None:
    r"""Split a cell's body at its markers.

    Parameters
    ----------
    body
        The cell's text below its ``%%orchestrate`` line.
    path
        The cell's name in messages.
    first_line
        The line of the cell at which ``body`` begins.

    Returns
    -------
    tuple of Part or None
        ``None`` when there is no marker. Text before the first marker is a part without a name, unless it is blank or
        only comments.

    Examples
    --------
    >>> parts = split_parts("# %% load\nx = 1\n# %% train after=load cost=2\ny = x")
    >>> [(part.name, part.source, part.first_line) for part in parts]
    [('load', 'x = 1', 2), ('train', 'y = x', 4)]
    >>> parts[1].place.values["cost"]
    2.0
    """
    lines = body.split("\n")
    starts = _markers(lines)
    if not starts:
        return None
    parts: list[Part] = []
    preface = lines[: starts[0]]
    if any(line.strip() and not line.lstrip().startswith("#") for line in preface):
        parts.append(Part(Place({}, path), "\n".join(preface), first_line))
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        title = _title(lines[start])
        if _TEXT_PART.search(title):
            continue
        number = start + first_line
        source = "\n".join(lines[start + 1 : end])
        place, issues = _read_title(title, path, number)
        parts.append(Part(place, source, number + 1, issues))
    return tuple(parts)


def _title(line: str) -> str:
    match = _CANDIDATE.fullmatch(line.rstrip())
    return (match.group(1) or "") if match else ""


def _markers(lines: list[str]) -> list[int]:
    """Find the lines that are markers."""
    found: list[int] = []
    begin = 0
    for index, line in enumerate(lines):
        if _CANDIDATE.fullmatch(line.rstrip()) and not _is_open("\n".join(lines[begin:index])):
            found.append(index)
            begin = index + 1
    return found


def _is_open(text: str) -> bool:
    """Whether the text ends inside a string or bracket, so that a next line would belong to it."""
    return _ending(text) != "closed" and _ending(_NOT_PYTHON.sub("", text)) == "open"


def _ending(text: str) -> Literal["closed", "open", "broken"]:
    """How the text ends; what is ``"broken"`` cannot be told, and is for the compiler to complain about."""
    try:
        for _ in tokenize.generate_tokens(io.StringIO(text).readline):
            pass
    except tokenize.TokenError as error:
        return "open" if _OPEN.search(str(error.args[0])) else "broken"
    except SyntaxError:  # bad indentation and the like
        return "broken"
    return "closed"


def _read_title(title: str, path: str, line: int) -> tuple[Place, tuple[Issue, ...]]:
    where = f"{path}, line {line}" if path else f"line {line}"
    try:
        words = shlex.split(title)
    except ValueError:
        return Place({}, path), (Issue("bad-marker", f"the marker {title!r} has an open quote", path=where),)
    values: dict[str, str] = {}
    name: list[str] = []
    issues: list[Issue] = []
    for word in words:
        setting = _SETTING.fullmatch(word)
        if setting is None:
            name.append(word)
        elif setting.group(1) in values:
            issues.append(Issue("bad-marker", f"the marker gives {setting.group(1)!r} twice", path=where))
        else:
            values[setting.group(1)] = setting.group(2)
    for word in name[1:]:
        if word in KEYS:
            message = f"the marker has {word!r} without a value"
            issues.append(Issue("bad-marker", message, path=where, suggestion=f"write {word}=…, without spaces"))
    if name and "name" in values:
        message = f"the marker has two names, {' '.join(name)!r} and {values['name']!r}"
        issues.append(Issue("bad-marker", message, path=where))
    elif name:
        values = {"name": " ".join(name), **values}
    return Place(from_text(values), path, dict.fromkeys(values, line)), tuple(issues)
