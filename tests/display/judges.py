"""Whether something that is shown is harmless, told by parsing it as whoever shows it would."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

from orchestra_nb.display.html import PICTURE

HTML_TAGS = {
    *("div", "span", "img", "p", "details", "summary", "progress"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
HTML_ATTRIBUTES = {"class", "style", "src", "alt", "open", "max", "value"}
SVG_TAGS = {"svg", "g", "a", "title", "polygon", "polyline", "path", "text", "tspan", "rect", "ellipse", "line", "defs"}
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What no text may have: controls but line ends and tabs, bidirectional overrides, halves of characters."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_FORGED = re.compile(r"(?m)^(forged|second|third)")


class Reader(HTMLParser):
    """Collects the tags, attributes and texts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.beside: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.texts.append(data)

    def handle_comment(self, data):
        self.beside.append(data)

    def handle_decl(self, decl):
        self.beside.append(decl)

    def handle_pi(self, data):
        self.beside.append(data)

    def unknown_decl(self, data):
        self.beside.append(data)


def assert_harmless_svg(drawing: str) -> None:
    """An image that draws, and does nothing else: known elements, no handler, link or style."""
    assert not re.search("[\ud800-\udfff]", drawing)
    for element in ElementTree.fromstring(drawing).iter():
        assert element.tag.split("}")[-1] in SVG_TAGS
        for name, value in element.attrib.items():
            local = name.split("}")[-1]
            assert not local.lower().startswith("on")
            assert local not in ("href", "style")
            assert local == "title" or "javascript:" not in value.lower()  # dot's tooltips are texts


def assert_harmless_html(page: str) -> Reader:
    """A page of known tags and attributes, whose pictures are harmless too; whatever else is in it is text."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.tags <= HTML_TAGS
    assert not reader.beside
    assert not UNSEEN.search(page)
    for name, value in reader.attributes:
        assert name in HTML_ATTRIBUTES
        if name == "class":
            assert value == PICTURE
        if name == "src":
            assert value.startswith("data:image/svg+xml;base64,")
            assert_harmless_svg(base64.b64decode(value.split(",", 1)[1]).decode())
        if name == "style":
            assert not re.search(r"url|expression|import|javascript|fixed|[<>]", value)
    return reader


def assert_harmless_text(text: str) -> None:
    """Lines that a terminal prints as they are, and none of which a name has begun."""
    assert not UNSEEN.search(text)
    assert not _FORGED.search(text)


def assert_harmless_terminal(written: str) -> None:
    """What a terminal is sent: texts as above, and colours, which are rich's own."""
    assert_harmless_text(_COLOURS.sub("", written))
