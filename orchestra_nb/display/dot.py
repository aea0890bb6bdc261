r"""A scene as DOT text.

Policy: written by hand, because every text must be a *quoted* string: python-graphviz passes ``<…>`` through as an
HTML-like label, on which a name such as ``<img`` makes ``dot`` fail. Node names are ``n0``, ``n1``, …; user text stands
only in labels and tooltips, never in ``URL``, ``id`` or ``name``, where ``javascript:`` would reach the SVG. Quoted:
``\`` doubled (else ``\N`` is replaced and a last one swallows the quote), ``"``, and ``&`` (``dot`` reads entities in
labels). Nodes of one level share a column; phases become boxes around their nodes and then decide the columns.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestra_nb.display.scene import CRITICAL, FAINT, LINES, LOOKS, Box, Line, Scene
from orchestra_nb.display.wording import clean, short

FONT = "Helvetica,Arial,sans-serif"

_HEAD = f"""digraph {{
graph [rankdir=LR, charset="UTF-8", bgcolor="white", nodesep=0.22, ranksep=0.55, pad=0.15, tooltip=" ",
  fontname="{FONT}", fontsize=11, fontcolor="#444444"]
node [shape=box, style="rounded,filled", fontname="{FONT}", fontsize=12, fontcolor="#111111", margin="0.16,0.08",
  height=0.3]
edge [arrowsize=0.7, tooltip=" "]"""


def quote(*lines: str) -> str:
    r"""Write text as a DOT string; several lines are centred below each other.

    Examples
    --------
    >>> print(quote('a "b"', chr(92) + "N & <i>"))
    "a \"b\"\n\\N &amp; <i>"
    """
    escaped = [clean(line).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return '"' + r"\n".join(escaped) + '"'


def dot(scene: Scene) -> str:
    """Write the scene in the DOT language.

    Examples
    --------
    >>> print(dot(Scene((Box(("load",), "load", 0),), (), "")).splitlines()[-2])
    n0 [label="load", tooltip="load", fillcolor="#ffffff", color="#6b6b6b", penwidth=1]
    """
    parts = [_HEAD, *_columns(scene), *map(_edge, scene.lines), "}"]
    return "\n".join(parts)


def _columns(scene: Scene) -> Iterator[str]:
    groups: dict[object, list[str]] = {}
    phases = any(box.phase for box in scene.boxes)
    for i, box in enumerate(scene.boxes):
        groups.setdefault(box.phase if phases else box.level, []).append(_node(i, box))
    for number, (key, members) in enumerate(groups.items()):
        if phases and key:
            label = quote(short(key))
            yield f'subgraph cluster_{number} {{ label={label}; style=rounded; color="#b0b0b0"; tooltip={label}'
            yield from members
            yield "}"
        elif not phases and len(members) > 1:
            yield "{ rank=same"
            yield from members
            yield "}"
        else:
            yield from members


def _node(i: int, box: Box) -> str:
    look = LOOKS[box.status]
    colour, width = (CRITICAL, 3) if box.critical else (look.border, 1)
    return (
        f"n{i} [label={quote(*box.lines)}, tooltip={quote(box.tooltip)}, "
        f'fillcolor="{look.fill}", color="{colour}", penwidth={width}]'
    )


def _edge(line: Line) -> str:
    colour, width = (CRITICAL, 2.6) if line.critical else (LINES[line.kind], 1.1)
    style = ", style=dashed" if line.possible else ""
    if line.implied and not line.critical:
        colour, width, style = FAINT, 0.7, f"{style}, arrowsize=0.4, weight=0"
    tip = quote(line.tooltip)
    return f'n{line.source} -> n{line.target} [color="{colour}", penwidth={width}, tooltip={tip}{style}]'
