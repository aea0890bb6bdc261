from __future__ import annotations

import shutil
import stat
from xml.etree import ElementTree

import pytest

from orchestra_nb.display import picture
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node

DAG_ = DAG([Node("load", cost=2), Node("plot", after=["load"])])


@pytest.fixture(autouse=True)
def fresh():
    picture._run_dot.cache_clear()


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a program of our own in the place of ``dot``."""

    def install(script: str) -> None:
        path = tmp_path / "dot"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(shutil, "which", lambda name: str(path))

    return install


def is_ours(drawing: str) -> bool:
    return 'role="img"' in drawing


def test_without_dot_it_still_draws(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert is_ours(picture.svg(DAG_))


@pytest.mark.parametrize("script", ["exit 1", "echo no picture here", "kill -9 $$"])
def test_when_dot_fails_it_still_draws(program, script):
    program(script)
    assert is_ours(picture.svg(DAG_))


def test_when_dot_is_late_it_still_draws(program, monkeypatch):
    monkeypatch.setattr(picture, "LIMIT", 0.2)
    program("exec sleep 30")
    assert is_ours(picture.svg(DAG_))


def test_when_dot_cannot_be_started_it_still_draws(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: "/nowhere/dot")
    assert is_ours(picture.svg(DAG_))


def test_what_dot_says_before_the_picture_is_left_out(program):
    program("echo '<?xml version=\"1.0\"?><!DOCTYPE svg><svg>drawn</svg>'")
    assert picture.svg(DAG_) == "<svg>drawn</svg>"


def test_the_same_picture_is_drawn_once(program, tmp_path):
    program(f"echo x >> {tmp_path}/calls; echo '<svg/>'")
    picture.svg(DAG_)
    picture.svg(DAG_)
    assert (tmp_path / "calls").read_text() == "x\n"


def test_too_many_lines_are_not_given_to_dot(program, monkeypatch):
    program("echo '<svg/>'")
    monkeypatch.setattr(picture, "_MOST_LINES", 0)
    assert is_ours(picture.svg(DAG_))


def test_whoever_draws_every_name_is_in_the_picture():
    root = ElementTree.fromstring(picture.svg(DAG_))
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"load", "plot", "2.0 s"} <= texts


def test_five_thousand_nodes_are_drawn():
    dag = DAG(Node(f"n{i}", index=i, after=[f"n{i - 100}"] if i >= 100 else ()) for i in range(5000))
    assert "200 nodes" in picture.svg(dag)
