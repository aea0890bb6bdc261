"""The sheet that a figure is drawn on: matplotlib's figure in the house style, also when it is drawn much later.

Policy: ticks and their labels are made as a figure is drawn, so drawing and saving hold the style as making did. A
figure shows itself in a notebook, which matplotlib's own does only after pyplot was imported there. Saved files have no
date; fonts in PDF are embedded as TrueType (Type 42), as journals ask. A character that the font does not have is
drawn as a box, and nothing is said about it. This module imports matplotlib and is imported by :mod:`.figure` alone,
when somebody wants a figure.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from orchestra_nb.display import html
from orchestra_nb.display.plots.plain import plain
from orchestra_nb.presentation import Bundle

_INK = "#111111"
_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#6b6b6b",
    "axes.facecolor": "#ffffff",
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "axes.labelcolor": _INK,
    "axes.labelsize": 8,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 8,
    "axes.unicode_minus": True,
    "errorbar.capsize": 2,
    "figure.constrained_layout.use": True,
    "figure.dpi": 150,
    "figure.facecolor": "#ffffff",
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.5,
    "patch.linewidth": 0.8,
    "pdf.fonttype": 42,
    "savefig.bbox": None,
    "savefig.dpi": 300,
    "savefig.facecolor": "#ffffff",
    "svg.fonttype": "path",
    "svg.hashsalt": "orchestra_nb",
    "text.color": _INK,
    "text.parse_math": False,
    "text.usetex": False,
    "xtick.color": "#444444",
    "xtick.labelcolor": _INK,
    "xtick.labelsize": 7,
    "ytick.color": "#444444",
    "ytick.labelcolor": _INK,
    "ytick.labelsize": 7,
}
_UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


@contextmanager
def style(**more: Any) -> Iterator[None]:
    """Hold the house style; what the user has set comes back afterwards.

    Examples
    --------
    >>> with style():
    ...     mpl.rcParams["text.parse_math"]
    False
    """
    rules: dict[Any, Any] = {name: value for name, value in mpl.rcParamsDefault.items() if name != "backend"}
    rules |= _STYLE | more
    with mpl.rc_context(rules):
        yield


class Paper(Figure):
    """A figure in the house style, with a sentence that says what it shows.

    Parameters
    ----------
    size
        Width and height in inches.
    alt
        What it shows, for those who do not see it.

    Examples
    --------
    >>> from orchestra_nb.display.plots.figure import figure
    >>> with figure(alt="nothing yet") as made:
    ...     pass
    >>> made
    <figure: nothing yet>
    """

    def __init__(self, size: tuple[float, float], alt: str = "") -> None:
        super().__init__(figsize=size)
        self.alt = alt

    def __repr__(self) -> str:
        return f"<figure: {self.alt}>" if self.alt else "<figure>"

    def draw(self, renderer: Any) -> None:
        """Draw it in the house style, as matplotlib asks a figure to."""
        with style(**{"svg.fonttype": mpl.rcParams["svg.fonttype"]}), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
            super().draw(renderer)

    def savefig(self, fname: Any, **kwargs: Any) -> None:
        """Save it in the house style and without a date; everything else is as matplotlib's ``savefig`` has it.

        Examples
        --------
        >>> from orchestra_nb.display.plots.figure import figure
        >>> with figure() as made:
        ...     line = made.add_subplot().plot([1, 2])
        >>> first, second = io.BytesIO(), io.BytesIO()
        >>> made.savefig(first, format="pdf"), made.savefig(second, format="pdf")
        (None, None)
        >>> first.getvalue() == second.getvalue()
        True
        """
        kind = str(kwargs.get("format") or str(fname).rpartition(".")[2]).lower()
        if kind in _UNDATED:
            kwargs["metadata"] = {**_UNDATED[kind], **(kwargs.get("metadata") or {})}
        with style(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
            super().savefig(fname, **kwargs)

    def plain_svg(self) -> str:
        """Draw it as SVG that needs nothing beside it (:mod:`.plain`)."""
        written = io.StringIO()
        with style(**{"svg.fonttype": "none"}), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
            super().savefig(written, format="svg", metadata=_UNDATED["svg"])
        return plain(written.getvalue(), self.alt)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        return {"text/plain": repr(self), "text/html": html.picture(self.plain_svg(), self.alt)}
