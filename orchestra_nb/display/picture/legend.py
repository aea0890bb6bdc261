"""What the marks and lines of a picture mean, below it, in plain HTML.

Policy: only what the picture has is explained, each in the words that frames use too; a mark stands on its own colour,
so that who tells marks and who tells colours both find it. Lines are drawn as a border, since no SVG survives in the
HTML of a notebook that is not trusted. On a dark theme the words take its colour; the marks keep theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestra_nb.display import html
from orchestra_nb.display.looks import LOOKS, tally
from orchestra_nb.display.picture.parts import CRITICAL, LINES, Scene
from orchestra_nb.model import EdgeKind

_ITEM = "display:inline-block;white-space:nowrap;margin:0 14px 2px 0"
_MARK = "display:inline-block;min-width:1.4em;text-align:center;border-radius:4px;margin-right:4px;color:#111111"
_WORDS: Mapping[EdgeKind, str] = {
    "value": "a value",
    "mutation": "a value that is changed",
    "alias": "another name of a value",
    "file": "a file",
    "state": "a state of the process",
    "declared": "declared",
    "order": "order",
}


def states_legend(states: Iterable[str]) -> str:
    """Explain the marks of these states, each once, with how many nodes are so.

    Examples
    --------
    >>> "✓</span>done" in states_legend(["done"]), "failed" in states_legend(["done"]), states_legend([])
    (True, False, '')
    """
    items = []
    for state, number in tally(states):
        look = LOOKS[state]
        border = "dashed" if look.dash else "solid"
        swatch = f"{_MARK};background:{look.fill};border:1px {border} {look.border}"
        said = f"{html.text(state)} {number:,}"
        items.append(f'<span style="{_ITEM}"><span style="{swatch}">{html.text(look.mark)}</span>{said}</span>')
    return _block(items)


def lines_legend(scene: Scene) -> str:
    """Explain the lines of a scene: the heavy ones, the dashed ones, and colours where there are several."""
    items = [_line(f"3px solid {CRITICAL}", "critical path")] if any(line.critical for line in scene.lines) else []
    kinds = [kind for kind in LINES if any(line.kind == kind and not line.critical for line in scene.lines)]
    if len(kinds) > 1 and not any(box.many for box in scene.boxes):
        items += [_line(f"2px solid {LINES[kind]}", _WORDS[kind]) for kind in kinds]
    if any(line.possible for line in scene.lines):
        items.append(_line("2px dashed #808080", "only possible"))
    return _block(items)


def _line(border: str, word: str) -> str:
    # white behind it: the colours were chosen on white, as the picture's are
    drawn = "display:inline-block;background:#ffffff;padding:4px 3px;border-radius:4px;margin-right:4px"
    stroke = f"display:block;width:22px;border-top:{border}"
    return (
        f'<span style="{_ITEM}"><span style="{drawn};vertical-align:middle"><span style="{stroke}"></span></span>'
        f"{html.text(word)}</span>"
    )


def _block(items: list[str]) -> str:
    return f'<div style="margin:4px 0;font-size:90%">{"".join(items)}</div>' if items else ""
