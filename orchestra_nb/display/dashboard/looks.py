"""Marks and colours of states, and the small pieces of HTML that panels share.

Policy: a state is never told by its colour alone; its mark and its word stand beside it. Text has the colour of the
page (a dark theme stays dark), colours are those of borders and bars, which are readable on white and on black.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestra_nb.display import html
from orchestra_nb.display.looks import LOOKS
from orchestra_nb.display.wording import clean

_CHIP = (
    "display:inline-block;margin:2px 6px 2px 0;padding:1px 8px;border:1px solid rgba(128,128,128,0.4);"
    "border-left:4px solid {colour};border-radius:4px;font-variant-numeric:tabular-nums;white-space:nowrap"
)
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


def chips(counts: Iterable[tuple[str, int]]) -> str:
    """How many there are of each state, side by side; states of which there are none are left out."""
    return "".join(
        f'<div style="{_CHIP.format(colour=colour(state))}">{html.text(f"{mark(state)} {number:,} {state}")}</div>'
        for state, number in counts
        if number
    )


def bar(share: float, state: str = "done", size: str = "width:120px;height:9px") -> str:
    """A bar in the colour of a state, for what is said in numbers beside it."""
    inner = f"width:{100 * max(0.0, min(1.0, share)):.1f}%;height:100%;background:{colour(state)}"
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
