"""The SVG that matplotlib writes, made plain: what draws stays, and nothing else. Pure.

Policy: pictures of this package need nothing beside them: no style sheet, ids, links or metadata, so that they can
stand in any page, twice, and a careful reader's cleaner takes nothing away. matplotlib's have all of these. So styles
become attributes, what is used twice stands there twice, and clips and hatches are left out: a figure is to keep
within its axes, and to tell by colour, marker and stroke. Texts stay texts, in the font of the other pictures, for
search and for readers aloud; their widths are matplotlib's estimate. Order: that of the drawing. Failure: none for what
matplotlib writes; a use of what was never defined draws nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

from orchestra_nb.display.html import text
from orchestra_nb.display.picture.layout import FONT

_KEPT = {
    "path": ("d", "transform"),
    "rect": ("x", "y", "width", "height", "transform"),
    "text": ("x", "y", "transform"),
    "tspan": ("x", "y"),
    "g": ("transform",),
}
"""What is kept of each element, beside what its style says."""
_PAINT = frozenset(
    (
        *("fill", "fill-opacity", "fill-rule", "opacity", "stroke", "stroke-dasharray", "stroke-dashoffset"),
        *("stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "stroke-opacity", "stroke-width"),
        *("font-size", "font-style", "font-weight", "text-anchor"),
    )
)
_ROOT = 'role="img" stroke-linejoin="round" stroke-linecap="butt"'
_LINK = "{http://www.w3.org/1999/xlink}href"

Element = ElementTree.Element


def plain(drawing: str, title: str = "") -> str:
    """Make an SVG that needs nothing beside it.

    Parameters
    ----------
    drawing
        As matplotlib wrote it.
    title
        What it shows.

    Examples
    --------
    >>> drawn = '<svg xmlns="http://www.w3.org/2000/svg" width="9pt" height="9pt" viewBox="0 0 9 9">'
    >>> drawn += '<g id="a"><path d="M 0 0" style="fill: none; stroke: #111111"/></g></svg>'
    >>> print(plain(drawn, "a line"))
    <svg xmlns="http://www.w3.org/2000/svg" width="9pt" height="9pt" viewBox="0 0 9 9" role="img" ...>
    <title>a line</title>
    <path d="M 0 0" fill="none" stroke="#111111"/>
    </svg>
    """
    root = ElementTree.fromstring(drawing)
    known = {element.attrib["id"]: element for element in root.iter() if "id" in element.attrib}
    size = " ".join(f'{name}="{text(root.attrib[name])}"' for name in ("width", "height", "viewBox"))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {_ROOT} font-family="{FONT}">'
    return "\n".join([head, f"<title>{text(title)}</title>", *_inside(root, known), "</svg>"])


def _inside(element: Element, known: Mapping[str, Element]) -> Iterator[str]:
    for child in element:
        yield from _drawn(child, known)


def _drawn(element: Element, known: Mapping[str, Element], more: Mapping[str, str] | None = None) -> Iterator[str]:
    """Write an element; ``more`` is the paint of who uses it, which comes before its own."""
    kind = element.tag.rpartition("}")[2]
    if kind == "use":
        yield from _used(element, known)
    if kind not in _KEPT:
        return
    paint = {**_paint(element), **(more or {})}
    if paint.get("fill", "").startswith("url("):
        return  # a hatch
    given = {name: element.attrib[name] for name in _KEPT[kind] if name in element.attrib} | paint
    attributes = "".join(f' {name}="{text(" ".join(value.split()))}"' for name, value in given.items())
    if kind in ("text", "tspan"):
        spans = "".join(_inside(element, known))
        yield f"<{kind}{attributes}>{text(element.text or '')}{spans}</{kind}>"
    elif kind == "g":
        inside = list(_inside(element, known))
        if inside and attributes:
            inside = [f"<g{attributes}>", *inside, "</g>"]
        yield from inside
    else:
        yield f"<{kind}{attributes}/>"


def _used(element: Element, known: Mapping[str, Element]) -> Iterator[str]:
    """Write what an element refers to in its place."""
    shape = known.get(element.attrib.get(_LINK, "").removeprefix("#"))
    if shape is None:
        return
    x, y = element.attrib.get("x", "0"), element.attrib.get("y", "0")
    yield f'<g transform="translate({text(x)} {text(y)})">'
    yield from _drawn(shape, known, _paint(element))
    yield "</g>"


def _paint(element: Element) -> dict[str, str]:
    """Read the style of an element as attributes."""
    pairs = (part.partition(":") for part in element.attrib.get("style", "").split(";"))
    found = {name.strip(): value.strip() for name, _, value in pairs}
    return {name: value for name, value in found.items() if name in _PAINT}
