from __future__ import annotations

import re
import sys

import pytest

from orchestra_nb.display.picture import browser_widget as by_its_other_name
from orchestra_nb.display.picture.dot import dot
from orchestra_nb.display.picture.in_browser import browser_widget
from orchestra_nb.display.picture.scene import scene
from orchestra_nb.errors import CommandError
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node

from ..payloads import PAYLOADS

DAG_ = DAG([Node("load"), Node("plot", after=["load"])])


def test_the_browser_is_given_the_text_that_dot_would_be_given():
    assert browser_widget(DAG_).dot_source == dot(scene(DAG_))
    assert "✓ load" in browser_widget(DAG_, {"load": "done"}).dot_source
    assert by_its_other_name is browser_widget


def test_what_the_browser_runs_comes_with_the_package():
    bundle = str(browser_widget(DAG_)._esm)
    assert len(bundle) > 1_000_000
    assert not re.search(r"""(import|fetch)\s*\(?\s*["'`]https?://""", bundle)


def test_hostile_names_are_quoted_texts_of_labels_and_tooltips():
    source = browser_widget(DAG([Node(name) for name in PAYLOADS])).dot_source
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', '""', source, flags=re.DOTALL)
    assert not re.search(r"<|URL|href|javascript|script|alert", outside)
    assert set(re.findall(r"^\s*(\w+) \[", outside, flags=re.MULTILINE)) == {
        *("graph", "node", "edge"),
        *(f"n{i}" for i in range(len(PAYLOADS))),
    }


def test_without_the_widget_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz_anywidget", None)
    with pytest.raises(CommandError, match=re.escape("pip install 'orchestra_nb[browser]'")):
        browser_widget(DAG_)
