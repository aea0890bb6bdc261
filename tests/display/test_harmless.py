"""Names come from notebooks that others wrote: none of them may become markup, a script or a failure of ``dot``."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestra_nb.display import picture
from orchestra_nb.display.dot import dot
from orchestra_nb.display.picture import drawing, svg
from orchestra_nb.display.scene import scene
from orchestra_nb.display.wording import short
from orchestra_nb.errors import Issue, NodeFailed
from orchestra_nb.graph import DAG, ValidationResult
from orchestra_nb.model import Edge, Evidence, Node, Outcome
from orchestra_nb.planning import simulate
from orchestra_nb.replay.fold import STATES
from orchestra_nb.running.result import RunResult

PAYLOADS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img ",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "</title><script>alert(1)</script>",
    "</text><script>alert(1)</script>",
    "<foreignObject><iframe src=javascript:alert(1)></foreignObject>",
    "<iframe src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "javascript:alert(1)",
    '" onmouseover="alert(1)',
    "' onmouseover='alert(1)",
    '"><script>alert(1)</script>',
    "'><script>alert(1)</script>",
    "<!--<script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "]]><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "&amp;lt;script&amp;gt;",
    "&bogus; &#xZZ; &",
    '"]; n9 [URL="javascript:alert(1)"]; x ["',
    '\\" URL=\\"javascript:alert(1)',
    "\\",
    "\\\\\\",
    "\\N\\G\\E\\L\\l\\r",
    "<<b>bold</b>>",
    "a:b:c",
    "node",
    "digraph { a -> b }",
    "<details open ontoggle=alert(1)>",
    "<style>*{display:none}</style>",
    "<math><mi xlink:href=javascript:alert(1)>x</mi></math>",
    "x\x00<script>y",
    "\u202e<script>",
    "\ud800<script>\udfff",
    "{{constructor.constructor('alert(1)')()}}",
    "日本語 <b>العربية</b> 🧪",
]

HTML_TAGS = {"div", "span", "img", "p", "details", "summary", "table", "thead", "tbody", "tr", "th", "td"}
HTML_ATTRIBUTES = {"style", "src", "alt", "open"}
SVG_TAGS = {"svg", "g", "title", "polygon", "path", "text", "rect"}
SVG_ATTRIBUTES = {
    *("width", "height", "viewBox", "role", "font-family", "font-size", "x", "y", "rx", "d", "points", "class"),
    *("fill", "stroke", "stroke-width", "stroke-dasharray", "text-anchor", "textLength", "lengthAdjust"),
}


class Reader(HTMLParser):
    """Collects the tags, attributes and texts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.texts.append(data)


def assert_harmless_svg(drawing: str) -> None:
    classes = []
    for element in ElementTree.fromstring(drawing).iter():
        assert element.tag.removeprefix("{http://www.w3.org/2000/svg}") in SVG_TAGS
        assert set(element.attrib) <= SVG_ATTRIBUTES
        classes += [element.attrib["class"]] if "class" in element.attrib else []
    assert classes == [f"n{i}" for i in range(len(classes))]


def assert_harmless_html(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.tags <= HTML_TAGS
    for name, value in reader.attributes:
        assert name in HTML_ATTRIBUTES
        if name == "src":
            assert value.startswith("data:image/svg+xml;base64,")
            assert_harmless_svg(base64.b64decode(value.split(",", 1)[1]).decode())
        if name == "style":
            assert "url" not in value
    return reader


def graph_of(names: list[str]) -> DAG:
    first, *others = names
    nodes = [Node(name, index=i, phase=name, reads=(name,), cost=i + 1) for i, name in enumerate(names)]
    return DAG(nodes, [Edge(first, name, "file", evidence=(Evidence(name, reason=name),)) for name in others])


def outcomes_of(dag: DAG) -> dict[str, Outcome]:
    return {
        name: Outcome(name, "failed", error=NodeFailed(name, name), started=0.0, ended=1.0, worker=name, reason=name)
        for name in dag.nodes
    }


@pytest.fixture(params=["best", "own"])
def layouts(request, monkeypatch):
    """Laid out by what the machine has, and by ourselves."""
    if request.param == "own":
        monkeypatch.setattr(picture.shutil, "which", lambda name: None)


@pytest.mark.usefixtures("layouts")
def test_hostile_names_in_every_drawing():
    dag = graph_of(PAYLOADS)
    assert_harmless_svg(svg(dag))
    assert_harmless_svg(svg(dag, outcomes_of(dag)))
    for state in STATES:
        states = dict.fromkeys(dag.nodes, state)
        assert_harmless_svg(drawing(dag).painted(states, dict.fromkeys(dag.nodes, 1.0)))
        for group in drawing(dag).groups(states):
            assert {e.tag for e in ElementTree.fromstring(group).iter()} == {"g", "title", "rect", "text"}


def test_a_state_that_does_not_exist_is_refused():
    with pytest.raises(KeyError, match="onload"):
        drawing(DAG([Node("a")])).painted({"a": '" onload="alert(1)'})


@pytest.mark.usefixtures("layouts")
def test_hostile_names_are_shown_as_they_are():
    root = ElementTree.fromstring(svg(DAG([Node(name) for name in PAYLOADS])))
    shown = {
        " ".join("".join(e.itertext()).replace("\xa0", " ").split()) for e in root.iter() if e.tag.endswith("text")
    }
    assert {" ".join(short(name).split()) for name in PAYLOADS} <= shown


def test_hostile_names_in_every_page():
    dag = graph_of(PAYLOADS)
    run = RunResult(outcomes_of(dag), {}, dag, 2, PAYLOADS[0], 1.0, PAYLOADS[1], PAYLOADS[2], PAYLOADS[3])
    faults = ValidationResult(tuple(Issue(text, text, (text,), text, text) for text in PAYLOADS))
    for value in (dag, run, faults, simulate(dag, 2)):
        bundle = value._repr_mimebundle_()
        reader = assert_harmless_html(bundle["text/html"])
        assert any("<script>alert(1)</script>" in text for text in reader.texts)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\u202e]", bundle["text/plain"])


def test_a_collapsed_picture_is_as_harmless():
    for phases in (None, PAYLOADS):
        named = ((i, PAYLOADS[i % len(PAYLOADS)]) for i in range(400))
        dag = DAG([Node(f"{name}{i}", index=i, phase=name if phases else None) for i, name in named])
        assert_harmless_svg(svg(dag, outcomes_of(dag)))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=60, unique=True))
@example(["\\"])
@example(["\x00", "\x0b", "\ufffe", "\x85", "\u2028", "\U000e0001", "\u0600", "a\u0301\u0302"])
def test_no_name_makes_dot_fail(names):
    dag = graph_of(names)
    program = shutil.which("dot")
    if program is not None:
        done = subprocess.run([program, "-Tsvg"], input=dot(scene(dag)).encode(), capture_output=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, b"")
    assert_harmless_svg(svg(dag))
    assert_harmless_svg(drawing(dag).painted(dict.fromkeys(names, "running")))
