"""Marks and colours of states, and the small pieces of HTML that panels share.

Policy: a state is never told by its colour alone; its mark and its word stand beside it. Text has the colour of the
page (a dark theme stays dark); bars have the fill of a state with its border, which are seen on white and on black.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestra_nb.display import html
from orchestra_nb.display.looks import LOOKS
from orchestra_nb.display.wording import clean

_TRACK = (
    "display:inline-block;vertical-align:middle;{size};"
    "background:rgba(128,128,128,0.3);border-radius:3px;overflow:hidden"
)


def mark(state: str) -> str:
    """The mark of a state.

    Examples
    --------
    >>> mark("running"), mark("done")
    ('▶', '✓')
    """
    return LOOKS[state].mark


def colour(state: str) -> str:
    """The colour of a state, for borders and bars."""
    return LOOKS[state].border


def state_cell(state: str) -> str:
    """A state in a table: its mark and its word."""
    return html.text(f"{mark(state)} {state}")


def bar(share: float, state: str = "done", size: str = "width:120px;height:9px") -> str:
    """A bar in the colour of a state, for what is said in numbers beside it."""
    look = LOOKS[state]
    fill = f"height:100%;box-sizing:border-box;background:{look.fill};border:1px solid {look.border};border-radius:3px"
    inner = f"width:{100 * max(0.0, min(1.0, share)):.1f}%;{fill}" if share > 0 else "width:0"
    return f'<div style="{_TRACK.format(size=size)}"><div style="{inner}"></div></div>'


def names(found: Iterable[str], most: int = 5) -> str:
    """Some names, and how many there are beside.

    Examples
    --------
    >>> names(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    given = [clean(name) for name in found]
    more = len(given) - most
    return ", ".join(given[:most]) + (f" and {more:,} more" if more > 0 else "")
