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

from orchestra_nb.display import layered
from orchestra_nb.display.dot import dot
from orchestra_nb.display.picture import svg
from orchestra_nb.display.scene import scene
from orchestra_nb.display.wording import short
from orchestra_nb.errors import Issue, NodeFailed
from orchestra_nb.graph import DAG, ValidationResult
from orchestra_nb.model import Edge, Evidence, Node, Outcome
from orchestra_nb.planning import simulate
from orchestra_nb.running.result import RunResult

from .payloads import PAYLOADS

HTML_TAGS = {"div", "img", "p", "details", "summary", "table", "thead", "tbody", "tr", "th", "td"}
HTML_ATTRIBUTES = {"style", "src", "alt", "open"}
SVG_TAGS = {"svg", "g", "a", "title", "polygon", "polyline", "path", "text", "rect", "ellipse"}


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
    for element in ElementTree.fromstring(drawing).iter():
        assert element.tag.split("}")[-1] in SVG_TAGS
        for name in element.attrib:
            local = name.split("}")[-1]
            assert not local.lower().startswith("on")
            assert local not in ("href", "style")


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


def test_hostile_names_in_both_drawings():
    dag = graph_of(PAYLOADS)
    assert_harmless_svg(svg(dag, outcomes_of(dag)))
    assert_harmless_svg(layered.draw(scene(dag, outcomes_of(dag))))


@pytest.mark.parametrize("draw", [svg, lambda dag: layered.draw(scene(dag))], ids=["best", "own"])
def test_hostile_names_are_shown_as_they_are(draw):
    root = ElementTree.fromstring(draw(DAG([Node(name) for name in PAYLOADS])))
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
    dag = DAG([Node(f"{PAYLOADS[i % len(PAYLOADS)]}{i}", index=i) for i in range(400)])
    assert_harmless_svg(svg(dag))


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
    assert_harmless_svg(layered.draw(scene(dag)))
