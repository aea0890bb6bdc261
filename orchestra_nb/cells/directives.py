"""The ``#|`` comment block at the top of a cell, as Quarto and nbdev write it.

Policy
------
The block is every ``#|`` line among the cell's leading blank and comment lines; a first ``%%magic`` line may stand
above it. Its text is YAML (:mod:`orchestra_nb.yaml_text`), read line for line: a fault's line is the cell's own.

Three spellings mean the same: ``#| after: load``, ``#| orchestrate.after: load`` and ``#| orchestrate: {after: load}``.
To give one key in two of them is an error: neither could be said to win.

Other tools write into the same block. The rule for a key that is not ours:

1. under ``orchestrate`` it is an error, always;
2. if Quarto or nbdev define it (``echo``, ``eval``, ``fig-cap``, ``export``, ...), it is left alone, in silence: a cell
   with ``eval: false`` runs here as it does in Jupyter;
3. if it is near one of ours (``aftr``), it is an error that names the nearest;
4. otherwise it is left alone with a warning.

nbdev's directives without a colon (``#| export``) are left alone by name; any other line without a colon is malformed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from orchestra_nb.cells.merging import Place
from orchestra_nb.cells.settings import KEYS
from orchestra_nb.errors import Issue, nearest
from orchestra_nb.yaml_text import YamlFault, read_mapping

_LINE = re.compile(r"#\|[ \t]?(.*)")
_BARE_WORD = re.compile(r"([A-Za-z_][\w.-]*)(?:\s+[\w.*/-]+)*\s*")

_NBDEV_WORDS = """
export exporti exports export_and_hide exec_doc default_exp default_cls_lvl hide hide_input hide_output hide_line
filter_stream skip_showdoc skip_exec eval notest slow cuda distributed collapse collapse_input collapse_output
collapse_show collapse_hide code-fold cls_lvl showdoc doc
"""
_QUARTO_WORDS = """
eval echo include output warning error message results id tags classes panel column renderings prompt freeze dependson
autodep tidy comment collapse indent engine purl child file ref-label lang filename location aria-label layout title
df-print page-layout context exercise setup envir caption
"""
_QUARTO_STARTS = """
fig- fig. tbl- lst- code- output- layout- cap- html- slide- cache- class- attr- out- out. ipynb- pdf- jupyter-
animation-
"""
NBDEV = frozenset(_NBDEV_WORDS.split())
QUARTO = frozenset(_QUARTO_WORDS.split())
_QUARTO_PREFIXES = tuple(_QUARTO_STARTS.split())


@dataclass(frozen=True, slots=True)
class Directives:
    """What a cell's ``#|`` block says: our settings as a :class:`~.merging.Place`, and every fault."""

    place: Place
    issues: tuple[Issue, ...] = ()


def read_directives(source: str, path: str = "", first_line: int = 1) -> Directives:
    r"""Read the ``#|`` block of a cell.

    Parameters
    ----------
    source
        The cell's text.
    path
        The cell's name in messages, ``"cell 3"``.
    first_line
        The line of the cell at which ``source`` begins.

    Examples
    --------
    >>> read_directives("#| echo: false\n#| after: load\nx = 1").place.values
    {'after': 'load'}
    >>> print(*read_directives("#| after: [load\nx = 1", "cell 3").issues)
    cell 3, line 1: the '#|' block is not YAML: expected ',' or ']', but got '<stream end>'
    """
    lines, bare = _block(source)
    fault = _bare_fault(bare, path, first_line)
    if fault is not None:
        return Directives(Place({}, path), (fault,))
    if not any(lines):
        return Directives(Place({}, path))
    last = max((number for number, text in enumerate(lines) if text), default=0)
    try:
        block = read_mapping("\n".join(lines))
    except YamlFault as error:
        line = min(error.line - 1, last) + first_line
        message = f"the '#|' block {error}"
        return Directives(Place({}, path), (Issue("bad-directive", message, path=_where(path, line)),))
    numbers = {key: line + first_line - 1 for key, line in block.lines.items()}
    return _sort(block.values, numbers, path)


def _where(path: str, line: int) -> str:
    return f"{path}, line {line}" if path else f"line {line}"


def _block(source: str) -> tuple[list[str], list[tuple[int, str]]]:
    """Extract the YAML text line for line, and the lines without a colon that nbdev might have written."""
    lines: list[str] = []
    bare: list[tuple[int, str]] = []
    for number, line in enumerate(source.split("\n")):
        directive = _LINE.fullmatch(line.rstrip())
        if directive is None:
            header = line.startswith("%%") and not source[: source.index(line)].strip()
            if line.strip() and not line.startswith("#") and not header:
                break
            lines.append("")
            continue
        text = directive.group(1)
        word = _BARE_WORD.fullmatch(text)
        if word is not None:
            bare.append((number, word.group(1)))
        lines.append("" if word is not None and word.group(1) in NBDEV else text)
    return lines, bare


def _bare_fault(bare: list[tuple[int, str]], path: str, first_line: int) -> Issue | None:
    """Say what a line such as ``#| after load`` lacks; YAML would call it a scalar."""
    for number, word in bare:
        if word in KEYS:
            message = f"the '#|' block has {word!r} without a colon"
            where = _where(path, number + first_line)
            return Issue("bad-directive", message, path=where, suggestion=f"write '#| {word}: …'")
    return None


@dataclass(slots=True)
class _Sorted:
    """The keys of a block on their way into ours, and the faults."""

    path: str
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)

    def add(self, key: str, value: Any, written: str, lines: Mapping[str, int]) -> None:
        """Take a setting that the block has under the path ``written``."""
        line = lines[written]
        if key in self.values:
            message = f"{key!r} is given twice, on lines {self.lines[key]} and {line}"
            self.issues.append(Issue("contradiction", message, path=_where(self.path, line), suggestion="keep one"))
            return
        self.values[key] = value
        inner = f"{written}."
        self.lines |= {f"{key}.{name[len(inner) :]}": n for name, n in lines.items() if name.startswith(inner)}
        self.lines[key] = line


def _sort(values: Mapping[str, Any], lines: Mapping[str, int], path: str) -> Directives:
    ours = _Sorted(path)
    for key, value in values.items():
        if key == "orchestrate":
            _add_mapping(ours, value, lines, path)
        elif key.startswith("orchestrate."):
            ours.add(key.removeprefix("orchestrate."), value, key, lines)
        elif key in KEYS or key == "label":
            ours.add(key, value, key, lines)
        else:
            ours.issues += _foreign(key, _where(path, lines[key]))
    return Directives(Place(ours.values, path, ours.lines), tuple(ours.issues))


def _add_mapping(ours: _Sorted, value: Any, lines: Mapping[str, int], path: str) -> None:
    if not isinstance(value, Mapping):
        message = f"'orchestrate' is {value!r}, expected a mapping of settings"
        hint = "write '#| orchestrate: {after: load}'"
        ours.issues.append(Issue("bad-directive", message, path=_where(path, lines["orchestrate"]), suggestion=hint))
        return
    for key, item in value.items():
        ours.add(key, item, f"orchestrate.{key}", lines)


def _foreign(key: str, where: str) -> list[Issue]:
    if key in QUARTO or key in NBDEV or key.startswith(_QUARTO_PREFIXES):
        return []
    if get_close_matches(key, KEYS, n=1, cutoff=0.6):
        return [Issue("unknown-setting", f"unknown setting {key!r}", path=where, suggestion=nearest(key, KEYS))]
    message = f"{key!r} is no setting of ours and none that Quarto or nbdev define; it is left alone"
    return [Issue("unknown-setting", message, path=where, severity="warning")]
