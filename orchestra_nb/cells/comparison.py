"""Whether two runs of a notebook had the same results: names, their values, every cell's output, and files.

Values are compared by their fingerprints, which each run computed where the values were; their descriptions
(:mod:`.description`) only serve to say where they part. Outputs are compared as a reader would see them: stream text
per stream, displayed data by MIME type, errors by name and text. What legitimately differs between two linear runs is
taken out first: memory addresses in texts. Timings and random identifiers that a cell prints are not taken out: a
difference there is shown, and so is the same difference between two linear runs, if that is asked for (:func:`noise`).

A run that failed stopped there, so that its names and the outputs of cells that it skipped say nothing: the failure is
the difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from typing import Any, Literal

from orchestra_nb.cells.description import Description, place_of_difference
from orchestra_nb.cells.fingerprint import OPAQUE

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_KERNEL = re.compile(r"ipykernel_\d+")
"""The folder of a kernel's cells, as warnings show it: it has the number of the process."""
_MINIMAL = re.compile(r'id="sk-[^"]*"|sk-container-id-\d+|for="sk-[^"]*"')
"""Counters that scikit-learn puts into its HTML: they count displays in the process."""
_LINES = 12
_WIDTH = 160


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What one run left behind.

    Parameters
    ----------
    names
        The fingerprint of each variable.
    outputs
        Each cell's outputs, in nbformat's shape, by node id.
    values
        A description of each variable.
    files
        A digest of each file that the run wrote, by path; empty for one that it deleted.
    times
        When each cell that ran began and ended, in seconds since the run began.
    failures
        What each cell that failed, was cancelled or refused said, by node id.
    seconds
        How long the run took.
    """

    names: Mapping[str, str]
    outputs: Mapping[str, Sequence[Mapping[str, Any]]]
    values: Mapping[str, Description] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    times: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two runs do not have in common.

    Parameters
    ----------
    kind
        ``"missing"`` or ``"extra"`` name, a ``"value"``, an ``"output"`` or a ``"file"`` that differs, or a cell's
        ``"failure"``.
    where
        The variable, the node or the file.
    message
        What differs, in one sentence.
    path
        Where within a value, such as ``"['k'][0]"``.
    linear, other
        What the linear run has there and what the other one has, shortened.
    diff
        Lines of text outputs that differ, as a unified diff.
    """

    kind: Literal["missing", "extra", "value", "output", "file", "failure"]
    where: str
    message: str
    path: str = ""
    linear: str = ""
    other: str = ""
    diff: tuple[str, ...] = ()

    @property
    def subject(self) -> tuple[str, str]:
        """What it is about: a name, a cell's output, its failure, or a file."""
        return ("name" if self.kind in ("missing", "extra", "value") else self.kind, self.where)

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
    failed = {node: text for node, text in other.failures.items() if node not in linear.failures}
    found = [
        Difference("failure", node, f"{text}; the linear run does not", other=text) for node, text in failed.items()
    ]
    if not failed:
        found += _names(linear, other)
    for node in dict.fromkeys((*linear.outputs, *other.outputs)):
        if node in failed or (failed and node not in other.times):
            continue
        difference = _output(node, linear.outputs.get(node, ()), other.outputs.get(node, ()))
        if difference is not None:
            found.append(difference)
    if not failed:
        found += _files(linear, other)
    return tuple(found)


def opaque_names(record: RunRecord) -> tuple[str, ...]:
    """Variables that could only be compared by their type."""
    return tuple(name for name, digest in record.names.items() if digest.startswith(OPAQUE))


def noise(first: RunRecord, second: RunRecord) -> frozenset[str]:
    """Names and nodes that differ even between two linear runs: clocks, process ids, unseeded draws."""
    return frozenset(difference.where for difference in compare(first, second))


def _names(linear: RunRecord, other: RunRecord) -> Iterator[Difference]:
    for name in sorted(linear.names.keys() | other.names.keys()):
        if name not in other.names:
            yield Difference("missing", name, "is not there after the run")
        elif name not in linear.names:
            yield Difference("extra", name, "is not there after a linear run")
        elif linear.names[name] != other.names[name]:
            yield _value(name, linear.values.get(name), other.values.get(name))


def _value(name: str, one: Description | None, two: Description | None) -> Difference:
    message = "has another value than in the linear run"
    if one is None or two is None:
        return Difference("value", name, message)
    path, left, right = place_of_difference(one, two)
    if left == right:
        return Difference("value", name, f"{message}, deep inside: {left}", linear=left, other=right)
    sizes = [str(side.get("size", "")) for side in (one, two)]
    grown = f"; in all {sizes[1]} instead of {sizes[0]}" if path and sizes[0] != sizes[1] else ""
    place = f"at {path} " if path else ""
    return Difference("value", name, f"{place}is {right} instead of {left}{grown}", path, left, right)


def _files(linear: RunRecord, other: RunRecord) -> Iterator[Difference]:
    for path in sorted(linear.files.keys() | other.files.keys()):
        left, right = (side.get(path) for side in (linear.files, other.files))
        if left == right:
            continue
        if right is None:
            message = "is not written" if left else "is not deleted"
        elif left is None:
            message = f"is {'written' if right else 'deleted'}, and the linear run does not"
        elif left and right:
            message = "has another content than after the linear run"
        else:
            message = (
                f"is {'written' if right else 'deleted'}, and the linear run {'deletes' if right else 'leaves'} it"
            )
        yield Difference("file", path, message)


def _output(node: str, one: Sequence[Mapping[str, Any]], two: Sequence[Mapping[str, Any]]) -> Difference | None:
    first, second = _readable(one), _readable(two)
    if first == second:
        return None
    for left, right in zip(first, second, strict=False):
        if left != right and left[0] == right[0]:
            return _part(node, left, right)
    if len(first) != len(second):
        shown = [_brief(part) for side in (first, second) for part in side[:1]]
        message = f"has {len(second)} outputs instead of {len(first)}"
        return Difference("output", node, message, linear=shown[0] if first else "", other=shown[-1] if second else "")
    left, right = next(pair for pair in zip(first, second, strict=True) if pair[0] != pair[1])
    texts = _brief(left), _brief(right)
    return Difference("output", node, f"shows {texts[1]} instead of {texts[0]}", "", *texts)


def _part(node: str, left: tuple[str, Any], right: tuple[str, Any]) -> Difference:
    """What differs in two outputs of one kind: a text line by line, a picture as such."""
    kind, one, two = left[0], left[1], right[1]
    if not isinstance(one, Mapping):
        return (
            _text(node, kind, one, two) if isinstance(one, str) else _text(node, kind, ": ".join(one), ": ".join(two))
        )
    differing = [mime for mime in dict.fromkeys((*one, *two)) if one.get(mime) != two.get(mime)]
    pictures = [mime for mime in differing if mime.startswith("image/")]
    if pictures:
        return Difference("output", node, f"shows another picture ({', '.join(pictures)})")
    mime = "text/plain" if "text/plain" in differing else differing[0]
    return _text(node, mime, *(str(side.get(mime, "nothing")) for side in (one, two)))


def _text(node: str, kind: str, one: str, two: str) -> Difference:
    """The first line that differs, and what follows it as a diff."""
    before, after = (text.splitlines(keepends=True) or [""] for text in (one, two))
    same = next((n for n, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), None)
    if same is None:
        same = min(len(before), len(after))
    start = max(0, same - 1)
    parts = [[_cut(line.rstrip("\n")) for line in side[start : start + _LINES]] for side in (before, after)]
    diff = tuple(unified_diff(parts[0], parts[1], n=1, lineterm=""))[3:]
    left, right = (_cut(repr(side[same])) if same < len(side) else "nothing" for side in (before, after))
    message = f"shows {kind} {right} instead of {left}, in line {same + 1}"
    return Difference("output", node, message, "", left, right, diff[:_LINES])


def _brief(part: tuple[str, Any]) -> str:
    return _cut(f"{part[0]}: {part[1]!r}")


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def _readable(outputs: Sequence[Mapping[str, Any]]) -> list[tuple[str, Any]]:
    """Outputs as a reader meets them: a stream's text joined up to the next display, incidental identifiers out.

    A kernel sends standard output and standard error each in its own time: their order among each other says nothing.
    """
    parts: list[tuple[str, Any]] = []
    streams: dict[str, str] = {}
    for output in (*outputs, {}):
        if streams and output.get("output_type") != "stream":
            parts += sorted(streams.items(), reverse=True)
            streams = {}
        match output.get("output_type"):
            case None:
                pass
            case "stream":
                name = str(output.get("name", "stdout"))
                streams[name] = streams.get(name, "") + _clean(output.get("text", ""))
            case "error":
                parts.append(("error", (output.get("ename"), _clean(output.get("evalue", "")))))
            case kind:
                data = {mime: _clean(item) for mime, item in sorted(dict(output.get("data", {})).items())}
                parts.append((str(kind), data))
    return parts


def _clean(item: Any) -> Any:
    if isinstance(item, list) and all(isinstance(part, str) for part in item):
        item = "".join(item)
    if isinstance(item, str):
        return _MINIMAL.sub("sk", _KERNEL.sub("ipykernel", _ANSI.sub("", _ADDRESS.sub("0x", item))))
    return item
