"""Names come from notebooks that others wrote: in a picture they are text, and make no layout fail."""

from __future__ import annotations

import random
import shutil
import subprocess
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestra_nb.display.picture import drawing, drawings, svg
from orchestra_nb.display.picture.dot import dot
from orchestra_nb.display.picture.legend import lines_legend, states_legend
from orchestra_nb.display.picture.scene import scene
from orchestra_nb.display.wording import short
from orchestra_nb.errors import ConfigError
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.replay.fold import STATES

from ..judges import assert_harmless_html, assert_harmless_svg
from ..payloads import PAYLOADS
from ..specimens import graph_of, outcomes_of

TAGS = {"svg", "g", "title", "polygon", "path", "text", "rect"}
ATTRIBUTES = {
    *("width", "height", "viewBox", "role", "font-family", "font-size", "x", "y", "rx", "d", "points", "class"),
    *("fill", "stroke", "stroke-width", "stroke-dasharray", "text-anchor", "textLength", "lengthAdjust"),
}


@pytest.fixture(params=["best", "own"])
def layouts(request, monkeypatch):
    """Laid out by what the machine has, and by ourselves."""
    if request.param == "own":
        monkeypatch.setattr(drawings.shutil, "which", lambda name: None)


def assert_ours(drawn: str) -> None:
    """Harmless, and made of what we write and nothing else; the classes are the numbers of the boxes."""
    assert_harmless_svg(drawn)
    classes = []
    for element in ElementTree.fromstring(drawn).iter():
        assert element.tag.removeprefix("{http://www.w3.org/2000/svg}") in TAGS
        assert set(element.attrib) <= ATTRIBUTES
        classes += [element.attrib["class"]] if "class" in element.attrib else []
    assert classes == [f"n{i}" for i in range(len(classes))]


@pytest.mark.usefixtures("layouts")
def test_hostile_names_in_every_drawing():
    dag = graph_of(PAYLOADS)
    assert_ours(svg(dag))
    assert_ours(svg(dag, outcomes_of(dag)))
    drawn = drawing(dag)
    for state in STATES:
        states = dict.fromkeys(dag.nodes, state)
        assert_ours(drawn.painted(states, dict.fromkeys(dag.nodes, 1.0)))
        for group in drawn.groups(states):
            assert {element.tag for element in ElementTree.fromstring(group).iter()} == {"g", "title", "rect", "text"}


@pytest.mark.usefixtures("layouts")
def test_hostile_names_are_shown_as_they_are():
    root = ElementTree.fromstring(svg(DAG([Node(name) for name in PAYLOADS])))
    shown = {
        " ".join("".join(e.itertext()).replace("\xa0", " ").split()) for e in root.iter() if e.tag.endswith("text")
    }
    assert {" ".join(short(name).split()) for name in PAYLOADS} <= shown


@pytest.mark.parametrize("phased", [False, True])
def test_a_collapsed_picture_is_as_harmless(phased):
    named = [(i, PAYLOADS[i % 100]) for i in range(400)]
    dag = DAG([Node(f"{name}{i}", index=i, phase=name if phased else None) for i, name in named])
    drawn = drawing(dag)
    assert len(drawn.boxes) == (100 if phased else 1)
    assert_ours(drawn.painted(dict.fromkeys(dag.nodes, "failed")))


def test_a_state_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="is no state of a node"):
        drawing(DAG([Node("a")])).painted({"a": '" onload="alert(1)'})


def test_a_legend_says_nothing_that_came_from_outside():
    dag = graph_of(PAYLOADS)
    shown = assert_harmless_html(states_legend([*STATES, *PAYLOADS]) + lines_legend(scene(dag)))
    assert not any("alert" in text for text in shown.texts)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=60, unique=True))
@example(["\\"])
@example(["\x00", "\x0b", "\ufffe", "\x85", "\u2028", "\U000e0001", "\u0600", "a\u0301\u0302"])
def test_no_name_makes_dot_fail(names):
    dag = graph_of(names)
    program = shutil.which("dot")
    if program is not None:
        done = subprocess.run([program, "-Tsvg"], input=dot(scene(dag)).encode(), capture_output=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, b"")
    assert_ours(svg(dag))
    assert_ours(drawing(dag).painted(dict.fromkeys(names, "running")))


@pytest.mark.skipif(shutil.which("dot") is None, reason="there is no dot on this machine")
def test_ten_thousand_names_of_any_letters_and_dot_complains_of_none():
    dice = random.Random(7)
    odd = "\"\\<>&:;{}[]|\x00\x07\x1b\n\t\u202e\u2066\ufffe\ud800🧪é日ا\u0301'`$#"

    def letter() -> str:
        kind = dice.random()
        return dice.choice(odd) if kind < 0.5 else chr(dice.randrange(32, 127 if kind < 0.7 else 0x110000))

    names: dict[str, None] = {}
    while len(names) < 10_000:
        names["".join(letter() for _ in range(dice.randint(1, 24)))] = None
    every = list(names)
    graphs = [DAG([Node(name, phase=name if i % 9 == 0 else None) for i, name in enumerate(every[k : k + 250])])
              for k in range(0, len(every), 250)]  # fmt: skip
    text = "\n".join(dot(scene(dag)) for dag in graphs)
    done = subprocess.run(["dot", "-Tsvg"], input=text.encode(), capture_output=True, timeout=150)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b'class="node n') == 10_000
