"""Pieces of static HTML that survive everywhere.

Policy: what an untrusted notebook, GitHub and nbconvert keep is all that is used: ``style`` attributes, tables,
``<details>`` and pictures as ``data:`` URIs; no ``<style>``, no ``<script>``, no inline ``<svg>`` (which JupyterLab
strips to its texts). Colours of text and lines are inherited, so that dark themes stay dark; a picture stands in a
white box. Every text passes :func:`text`; the other functions take HTML that was made here.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape

from orchestra_nb.display.wording import clean

PICTURE = "orchestra-picture"
"""Class of our pictures, by which a live front end knows what can be zoomed (``front/pictures.js``)."""
MOST_ROWS = 500
"""Rows of a table in a notebook; the frame behind it has all of them."""

_CELL = "padding:2px 10px;text-align:left;vertical-align:top;border-bottom:1px solid rgba(128,128,128,0.3)"
_WHITE = (
    "background:#ffffff;color:#111111;display:inline-block;box-sizing:border-box;max-width:100%;overflow-x:auto;"
    "border:1px solid rgba(128,128,128,0.4);border-radius:4px;padding:4px"
)


def text(value: object) -> str:
    """Escape text for HTML, between tags and in attributes.

    Examples
    --------
    >>> text('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    return escape(clean(value), quote=True)


_WIDTH = re.compile(r'<svg[^>]*?\bwidth="([\d.]+)(pt)?"')


def picture(svg: str, alt: str) -> str:
    """Show an SVG as an image in a white box; it shrinks to the page, but not until it is unreadable."""
    found = _WIDTH.search(svg)
    least = round(0.6 * float(found[1]) * (4 / 3 if found[2] else 1)) if found else 0
    data = b64encode(svg.encode("utf-8", "replace")).decode("ascii")
    fit = f"display:block;max-width:100%;min-width:{least}px;height:auto"
    image = f'<img class="{PICTURE}" src="data:image/svg+xml;base64,{data}" alt="{text(alt)}" style="{fit}"/>'
    return f'<div style="{_WHITE}">{image}</div>'


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Make a table of texts; beyond :data:`MOST_ROWS` rows it says how many are left out."""
    head = "".join(f'<th style="{_CELL}">{text(heading)}</th>' for heading in headings)
    given = [tuple(row) for row in rows]
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{text(cell)}</td>' for cell in row) + "</tr>"
        for row in given[:MOST_ROWS]
    )
    left = len(given) - MOST_ROWS
    more = f"<p>and {left:,} more; the frame has all of them</p>" if left > 0 else ""
    return (
        f'<table style="border-collapse:collapse;font-size:90%"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>{more}"
    )


def details(summary: str, body: str, *, shown: bool = False) -> str:
    """Fold a part away behind its summary."""
    return f"<details{' open' if shown else ''}><summary>{text(summary)}</summary>{body}</details>"


def paragraph(line: object, style: str = "") -> str:
    """Make a paragraph of one text."""
    return f'<p style="margin:4px 0;{style}">{text(line)}</p>'
