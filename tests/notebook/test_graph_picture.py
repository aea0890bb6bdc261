from __future__ import annotations

import shutil
from argparse import Namespace
from typing import Any

import pytest

from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.notebook.graph_picture import show_graph

DAG_ = DAG([Node("load"), Node("plot", after=["load"])])


class Publisher:
    def __init__(self) -> None:
        self.said: list[str] = []

    def publish(self, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        self.said.append(data["text/plain"])


def shown(monkeypatch: pytest.MonkeyPatch, dot: str | None, kernel: object) -> list[str]:
    monkeypatch.setattr(shutil, "which", lambda name: dot)
    shell = Namespace(display_pub=Publisher(), kernel=kernel)
    assert show_graph(shell, DAG_, Namespace(output=None, browser=False)) is DAG_
    return shell.display_pub.said


def test_where_the_browser_would_draw_it_better_one_line_says_so(monkeypatch):
    assert [line.partition(";")[0] for line in shown(monkeypatch, None, object())] == [
        "there is no dot on this machine"
    ]
    assert shown(monkeypatch, "/usr/bin/dot", object()) == []
    assert shown(monkeypatch, None, None) == []


def test_drawn_in_the_browser_a_still_picture_is_left_below(monkeypatch):
    displayed: list[dict[str, Any]] = []
    monkeypatch.setattr("IPython.display.display", lambda data, metadata, raw: displayed.append(data))
    answer = show_graph(Namespace(), DAG_, Namespace(output=None, browser=True))
    (data,) = displayed
    assert set(data) == {"text/plain", "application/vnd.jupyter.widget-view+json"}
    assert data["text/plain"] == ("DAG of 2 nodes in 2 levels; critical path load → plot, drawn in the browser")
    bundle = answer._repr_mimebundle_()
    assert bundle["text/html"].startswith("<details><summary>the same, as a still picture</summary>")
    assert "data:image/svg+xml;base64," in bundle["text/html"]
    assert "load" in bundle["text/plain"]
    assert list(answer.frame["id"]) == ["load", "plot"]
