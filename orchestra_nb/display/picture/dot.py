r"""A scene as DOT text, for those who draw it themselves: ``graphviz``, an editor, the widget in the browser.

Policy: written by hand, because every text must be a *quoted* string: python-graphviz passes ``<…>`` through as an
HTML-like label, on which a name such as ``<img`` makes ``dot`` fail. Node names are ``n0``, ``n1``, …; user text stands
only in labels and tooltips, never in ``URL``, ``id`` or ``name``, where ``javascript:`` would reach the SVG. Quoted:
``\`` doubled (else ``\N`` is replaced and a last one swallows the quote), ``"``, and ``&`` (``dot`` reads entities in
labels). Boxes are at least as wide as we take their text to be: who draws may have other letters than who laid out, as
the browser has, and text must not stand over the border. Nodes of one level share a column; phases become boxes around
their nodes and then decide the columns. The
class of node *i* is ``n{i}``, as in our own pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestra_nb.display.looks import LOOKS
from orchestra_nb.display.picture.faces import NOTHING, Moment, face, plan
from orchestra_nb.display.picture.layout import FONT
from orchestra_nb.display.picture.parts import CRITICAL, FAINT, LINES, Box, Line, Scene
from orchestra_nb.display.wording import clean, short

_INCH = 72.0

_HEAD = f"""digraph {{
graph [rankdir=LR, charset="UTF-8", bgcolor="white", nodesep=0.22, ranksep=0.55, pad=0.15, tooltip=" ",
  nslimit=1, mclimit=0.3, fontname="{FONT}", fontsize=11, fontcolor="#444444"]
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


def dot(scene: Scene, states: Mapping[str, str] | None = None) -> str:
    """Write the scene in the DOT language.

    Parameters
    ----------
    scene
        What to draw.
    states
        The state word of each node.

    Examples
    --------
    >>> print(dot(Scene((Box(("load",), "load", ("load",)),), (), "")).splitlines()[-2])
    n0 [class=n0, width=0.85, label="load", tooltip="load", fillcolor="#ffffff", color="#6b6b6b", penwidth=1]
    """
    moment = Moment(states, {}, {}) if states else NOTHING
    parts = [_HEAD, *_columns(scene, moment), *map(_edge, scene.lines), "}"]
    return "\n".join(parts)


def _columns(scene: Scene, moment: Moment) -> Iterator[str]:
    groups: dict[object, list[str]] = {}
    widths = [shape.width / _INCH for shape in plan(scene, roomy=False).shapes]
    phases = any(box.phase for box in scene.boxes)
    for i, box in enumerate(scene.boxes):
        groups.setdefault(box.phase if phases else box.level, []).append(_node(i, box, widths[i], moment))
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


def _node(i: int, box: Box, width: float, moment: Moment) -> str:
    shown = face(box, moment)
    look = LOOKS[shown.state]
    colour, pen = (CRITICAL, 3) if box.critical else (look.border, 1)
    dashed = ', style="rounded,filled,dashed"' if look.dash else ""
    tip = quote(" · ".join([*box.facts, *shown.told]))
    return (
        f"n{i} [class=n{i}, width={width:.2f}, label={quote(*shown.rows)}, tooltip={tip}, "
        f'fillcolor="{look.fill}", color="{colour}", penwidth={pen}{dashed}]'
    )


def _edge(line: Line) -> str:
    colour, width = (CRITICAL, 2.6) if line.critical else (LINES[line.kind], 1.1)
    style = ", style=dashed" if line.possible else ""
    if line.implied and not line.critical:
        colour, width, style = FAINT, 0.7, f"{style}, arrowsize=0.4, weight=0"
    tip = quote(line.tooltip)
    return f'n{line.source} -> n{line.target} [color="{colour}", penwidth={width}, tooltip={tip}{style}]'
