"""A layout by ``dot``, in a process of its own under a time limit.

Policy: ``dot`` gets boxes of a fixed size without a label, and gives places and ways as JSON; no text of a user ever
reaches it, but for the widths of phases' names, as so many letters. Its search for a better picture is bounded
(``nslimit``, ``mclimit``): a graph of 300 nodes and 900 edges then takes 0.3 to 0.7 s instead of 1.4 to 3.4 s, and
looks the same to the eye. Boxes of one level share a column; frames decide the columns where there are some.

Failure: whatever goes wrong (no such program, an older one without JSON, a late one, a line without a way) is ``None``,
and a line in the log. Rejected: python-graphviz's ``pipe``, which has no time limit; ``-Tsvg`` with the labels, which
would have to be laid out again for each colour, and on which a name like ``<img`` can make ``dot`` fail.
"""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestra_nb.display.picture.layout import FRAME_SIZE, Layout, Place, Plan, Way

_log = logging.getLogger("orchestra_nb.display")

_INCH = 72.0
_MARGIN = 14.0
_HEAD = """digraph {
graph [rankdir=LR, nodesep=0.22, ranksep=0.55, nslimit=1, mclimit=0.3]
node [shape=box, label="", fixedsize=true]
edge [arrowsize=0.7]"""
_LETTER = 0.5
"""How wide ``dot`` takes an x to be, as a share of its height; a little less is a little more room."""


def lay_out(program: str, plan: Plan, limit: float) -> Layout | None:
    """Let ``dot`` lay a plan out; ``None`` if it will not, or not within ``limit`` seconds."""
    try:
        done = subprocess.run(
            [program, "-Tjson0"],
            input=skeleton(plan).encode(),
            capture_output=True,
            timeout=limit,
            check=True,
            close_fds=True,
        )
        return _read(json.loads(done.stdout), plan)
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError) as error:
        _log.info("dot did not lay the graph out (%s); doing it ourselves", type(error).__name__)
        return None


def skeleton(plan: Plan) -> str:
    """Write a plan in the DOT language: sizes, columns and lines, no text."""
    return "\n".join([_HEAD, *_columns(plan), *_lines(plan), "}"])


def _columns(plan: Plan) -> Iterator[str]:
    groups: dict[tuple[str, int | None], list[str]] = {}
    for i, shape in enumerate(plan.shapes):
        column = ("level", shape.level) if not plan.frames else ("frame", shape.frame)
        size = f"width={shape.width / _INCH:.4f}, height={shape.height / _INCH:.4f}"
        groups.setdefault(column, []).append(f"n{i} [{size}]")
    for (kind, number), members in groups.items():
        if kind == "level":
            yield from ("{ rank=same", *members, "}")
        elif number is None:
            yield from members
        else:
            letters = "x" * round(plan.frames[number] / (_LETTER * FRAME_SIZE) + 1)
            yield f'subgraph cluster_{number} {{ label="{letters}"; fontname="Helvetica"; fontsize={FRAME_SIZE:g}'
            yield from (*members, "}")


def _lines(plan: Plan) -> Iterator[str]:
    for source, target, implied in plan.lines:
        yield f"n{source} -> n{target}" + (" [arrowsize=0.4, weight=0]" if implied else "")


def _read(drawn: Mapping[str, Any], plan: Plan) -> Layout:
    """Read what ``dot`` says; its y grows upwards, ours downwards."""
    left, low, right, high = map(float, drawn["bb"].split(","))
    objects: Mapping[str, Any] = {item["name"]: item for item in drawn.get("objects", ()) if "name" in item}
    number = {objects[f"n{i}"]["_gvid"]: i for i in range(len(plan.shapes))}

    def turned(x: float, y: float) -> tuple[float, float]:
        return round(x - left + _MARGIN, 1), round(high - y + _MARGIN, 1)

    places = []
    for i, shape in enumerate(plan.shapes):
        x, y = turned(*map(float, objects[f"n{i}"]["pos"].split(",")))
        places.append(Place(x - shape.width / 2, y - shape.height / 2, shape.width, shape.height))
    frames = []
    for i in range(len(plan.frames)):
        x0, y0, x1, y1 = map(float, objects[f"cluster_{i}"]["bb"].split(","))
        frames.append(Place(*turned(x0, y1), x1 - x0, y1 - y0))
    ways = {
        (number[edge["tail"]], number[edge["head"]]): _way([turned(x, y) for x, y in _points(edge["pos"])])
        for edge in drawn.get("edges", ())
    }
    ordered = tuple(ways[source, target] for source, target, _ in plan.lines)
    return Layout(right - left + 2 * _MARGIN, high - low + 2 * _MARGIN, tuple(places), ordered, tuple(frames))


def _points(text: str) -> list[tuple[float, float]]:
    """The point of the head, then those of the curve."""
    head, *curve = text.split()
    if not head.startswith("e,") or len(curve) < 4 or ";" in text:
        raise ValueError("a line without a head")
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in (head[2:], *curve))]


def _way(points: Sequence[tuple[float, float]]) -> Way:
    point, start, *rest = points
    curve = " ".join(f"{x:.0f},{y:.0f}" for x, y in rest)
    return Way(f"M{start[0]:.0f},{start[1]:.0f}C{curve}", rest[-1], point)
