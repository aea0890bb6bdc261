"""The house style of figures: what a sheet, a line and a bar look like, and how a figure becomes a picture.

Policy: a figure is a ``matplotlib.figure.Figure`` and nothing of pyplot: no window, no global list of figures, no
backend that is chosen; it is drawn as SVG, PDF or PNG wherever it is saved. Its size is that of one column of a paper,
its texts are 8 points high there. The paper is white, as that of all pictures here, for a figure is printed; so it
stands in a white box in a dark page. A series has a colour, a marker and a stroke of its own: colours are the fills
and borders of :mod:`..looks`, in an order in which the first six are told apart without red or green, and whoever sees
no colours has the markers and strokes. Names never become formulae: a ``$`` is a dollar. The same numbers make the
same bytes: no date, no random ids.

Order: :func:`figure` is a context, because matplotlib looks at its style while things are made; what is made later,
when the figure is drawn, finds the same style (:mod:`.paper`). Failure: without matplotlib a :class:`.ConfigError` says
how to get it. matplotlib is imported when the first figure is made, and never by importing this module. Rejected: a
style sheet in a file (``matplotlib.use`` and ``rcParams`` of the user would be changed for all their own figures).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from orchestra_nb.display import html
from orchestra_nb.display.looks import LOOKS
from orchestra_nb.display.wording import short
from orchestra_nb.errors import ConfigError

if TYPE_CHECKING:
    from orchestra_nb.display.plots.paper import Paper

COLUMN = 3.4
"""Width of one column of a paper, in inches."""
PAGE = 7.0
"""Width of a page of a paper, in inches."""
BOUND = "#111111"
"""Colour of a line that nothing can pass."""
_NAME = 24


@dataclass(frozen=True, slots=True)
class Series:
    """How one series of numbers is painted.

    Parameters
    ----------
    fill
        Colour of its bars and of the inside of its markers.
    line
        Colour of its line and of the borders of its bars and markers; at least 4.5:1 on white.
    marker
        As matplotlib names them.
    dash
        Lengths of the strokes of its line, in points; empty for a line without gaps.

    Examples
    --------
    >>> series(0).marker, series(0) == series(9), series(1).line
    ('o', True, '#a83800')
    """

    fill: str
    line: str
    marker: str
    dash: tuple[float, ...] = ()


_STATES = ("cached", "failed", "done", "running", "skipped", "cancelled", "resting", "queued", "waiting")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h", "<")
_LONG, _SHORT, _DOTTED, _MIXED = (8.0, 2.0), (4.0, 1.5), (1.5, 1.5), (6.0, 1.5, 1.5, 1.5)
_DASHES: tuple[tuple[float, ...], ...] = ((), _SHORT, _DOTTED, _MIXED, (), _LONG, _SHORT, _DOTTED, _MIXED)
SERIES = tuple(
    Series(LOOKS[state].fill, LOOKS[state].border, marker, dash)
    for state, marker, dash in zip(_STATES, _MARKERS, _DASHES, strict=True)
)
"""Nine series, of which the first six are told apart by everybody who sees any colours."""


def series(number: int) -> Series:
    """Give the look of a series by its number, from 0; after the last comes the first again.

    Examples
    --------
    >>> [series(n).marker for n in (0, 1, 8, 9)]
    ['o', 's', '<', 'o']
    """
    return SERIES[number % len(SERIES)]


def named(name: object) -> str:
    """Make a name fit beside an axis or into a legend; one that begins with ``_`` is shown like any other.

    Examples
    --------
    >>> named("a rather long name of a policy"), named("_mine") == "_mine"
    ('a rather long name of a…', False)
    """
    told = short(name, _NAME)
    return f"\N{ZERO WIDTH NON-JOINER}{told}" if told.startswith("_") else told  # which matplotlib would leave out


def drawable() -> bool:
    """Tell whether matplotlib is there, without importing it.

    Examples
    --------
    >>> isinstance(drawable(), bool)
    True
    """
    return find_spec("matplotlib") is not None


@contextmanager
def figure(width: float = COLUMN, height: float = 2.4, alt: str = "") -> Iterator[Paper]:
    """Make an empty figure, and hold the house style while it is filled.

    Parameters
    ----------
    width, height
        Inches.
    alt
        What it shows, in a sentence, for those who do not see it.

    Raises
    ------
    ConfigError
        matplotlib is not installed.

    Examples
    --------
    >>> with figure(alt="three numbers") as made:
    ...     line = made.add_subplot().plot([1, 2, 3])
    >>> made.get_size_inches().tolist(), figure_svg(made).startswith("<svg")
    ([3.4, 2.4], True)
    """
    try:
        from orchestra_nb.display.plots.paper import Paper, style
    except ImportError as error:
        if drawable():
            raise
        raise ConfigError("a figure needs matplotlib: pip install 'orchestra_nb[plots]'") from error
    with style():
        yield Paper((width, height), alt)


def figure_svg(made: Paper) -> str:
    """Draw a figure as SVG that needs nothing beside it: no style sheet, script, id or link; equal bytes each time.

    It is not clipped: what is outside of the limits of the axes is drawn, too.

    Examples
    --------
    >>> with figure() as made:
    ...     line = made.add_subplot().plot([1, 2])
    >>> "<style" in figure_svg(made), figure_svg(made) == figure_svg(made)
    (False, True)
    """
    return made.plain_svg()


def figure_html(made: Paper) -> str:
    """Show a figure in a page: an image in a white box, with its sentence for those who do not see it.

    Examples
    --------
    >>> with figure(alt="a <b>") as made:
    ...     line = made.add_subplot().plot([1, 2])
    >>> 'alt="a &lt;b&gt;"' in figure_html(made)
    True
    """
    return html.picture(figure_svg(made), made.alt)
