"""Whether two runs of a notebook had the same results: names, their values, and every cell's output.

Values are compared by their fingerprints, which each run computed where the values were. Outputs are compared as a
reader would see them: stream text per stream, displayed data by MIME type, errors by name and text. What legitimately
differs between two linear runs is taken out first: memory addresses in texts. Timings and random identifiers that a
cell prints are not taken out: a difference there is shown, and so is the same difference between two linear runs, if
that is asked for (:func:`noise`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from orchestra_nb.cells.fingerprint import OPAQUE

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_MINIMAL = re.compile(r'id="sk-[^"]*"|sk-container-id-\d+|for="sk-[^"]*"')
"""Counters that scikit-learn puts into its HTML: they count displays in the process."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What one run left behind.

    Parameters
    ----------
    names
        The fingerprint of each variable.
    outputs
        Each cell's outputs, in nbformat's shape, by node id.
    """

    names: Mapping[str, str]
    outputs: Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two runs do not have in common.

    Parameters
    ----------
    kind
        ``"missing"`` or ``"extra"`` name, a ``"value"`` or an ``"output"`` that differs.
    where
        The variable or the node.
    message
        What differs, in one sentence.
    """

    kind: Literal["missing", "extra", "value", "output"]
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def compare(linear: RunRecord, other: RunRecord) -> tuple[Difference, ...]:
    """List every difference between a linear run and another.

    Examples
    --------
    >>> one = RunRecord({"x": "aa", "y": "bb"}, {})
    >>> [str(d) for d in compare(one, RunRecord({"x": "ab"}, {}))]
    ['x: has another value than in the linear run', 'y: is not there after the run']
    """
    found: list[Difference] = []
    for name in sorted(linear.names.keys() | other.names.keys()):
        if name not in other.names:
            found.append(Difference("missing", name, "is not there after the run"))
        elif name not in linear.names:
            found.append(Difference("extra", name, "is not there after a linear run"))
        elif linear.names[name] != other.names[name]:
            found.append(Difference("value", name, "has another value than in the linear run"))
    for node in dict.fromkeys((*linear.outputs, *other.outputs)):
        message = _differs(linear.outputs.get(node, ()), other.outputs.get(node, ()))
        if message:
            found.append(Difference("output", node, message))
    return tuple(found)


def opaque_names(record: RunRecord) -> tuple[str, ...]:
    """Variables that could only be compared by their type."""
    return tuple(name for name, digest in record.names.items() if digest.startswith(OPAQUE))


def noise(first: RunRecord, second: RunRecord) -> frozenset[str]:
    """Names and nodes that differ even between two linear runs: clocks, process ids, unseeded draws."""
    return frozenset(difference.where for difference in compare(first, second))


def _differs(one: Sequence[Mapping[str, Any]], two: Sequence[Mapping[str, Any]]) -> str:
    first, second = _readable(one), _readable(two)
    if first == second:
        return ""
    if len(first) != len(second):
        return f"has {len(second)} outputs instead of {len(first)}"
    for left, right in zip(first, second, strict=True):
        if left != right:
            return f"shows {_brief(right)} instead of {_brief(left)}"
    return ""


def _brief(part: tuple[str, Any]) -> str:
    text = f"{part[0]}: {part[1]!r}"
    return text if len(text) <= 160 else text[:157] + "…"


def _readable(outputs: Sequence[Mapping[str, Any]]) -> list[tuple[str, Any]]:
    """Outputs as a reader meets them: the text of each stream in one, then the rest, incidental identifiers out.

    Where text stands among displays is not compared: a kernel sends it when it has waited long enough, and what child
    processes write when it arrives, so that two linear runs of one cell differ there.
    """
    parts: list[tuple[str, Any]] = []
    texts: dict[str, str] = {}
    for output in outputs:
        match output.get("output_type"):
            case "stream":
                kind, text = str(output.get("name", "stdout")), _clean(output.get("text", ""))
                texts[kind] = texts.get(kind, "") + text
            case "error":
                parts.append(("error", (output.get("ename"), _clean(output.get("evalue", "")))))
            case kind:
                data = {mime: _clean(item) for mime, item in sorted(dict(output.get("data", {})).items())}
                parts.append((str(kind), data))
    return [*sorted(texts.items()), *parts]


def _clean(item: Any) -> Any:
    if isinstance(item, list) and all(isinstance(part, str) for part in item):
        item = "".join(item)
    if isinstance(item, str):
        return _MINIMAL.sub("sk", _ANSI.sub("", _ADDRESS.sub("0x", item)))
    return item
