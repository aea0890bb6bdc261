from __future__ import annotations

import json
import math
import os
import subprocess

import pytest

from orchestra_nb.bench import environment
from orchestra_nb.bench.environment import Environment, busier, capture, differences, usual_load


def test_the_environment_says_what_it_can_find_out():
    found = capture("2026-05-01T12:00:00+00:00")
    assert found.python.startswith("3.")
    assert {"orchestra_nb", "joblib"} <= found.packages.keys()
    assert found.cores >= 1
    assert found.started_at == "2026-05-01T12:00:00+00:00"
    json.dumps(found.to_json())


def test_nothing_of_it_has_to_be_there(monkeypatch, tmp_path):
    def nothing(*_, **__):
        raise OSError("not here")

    monkeypatch.setattr(environment.subprocess, "run", nothing)
    monkeypatch.setattr(environment.Path, "read_text", nothing)
    monkeypatch.setattr(environment.os, "sysconf", nothing)
    monkeypatch.setattr(environment.os, "getloadavg", nothing)
    monkeypatch.setattr(environment.importlib.metadata, "version", nothing)
    found = capture("")
    assert (found.revision, found.memory, list(found.packages)) == ("", 0, ["orchestra_nb"])
    assert math.isnan(usual_load())


@pytest.mark.parametrize(("changed", "mark"), [(False, ""), (True, "+")])
def test_the_revision_is_that_of_the_working_directory_with_a_mark_when_it_was_changed(
    tmp_path, monkeypatch, changed, mark
):
    def git(*words: str) -> str:
        names = ("-c", "user.name=x", "-c", "user.email=x@x.invalid", "-c", "commit.gpgsign=false")
        return subprocess.run(["git", *names, *words], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    git("init", "-q")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-qm", "one")
    if changed:
        (tmp_path / "a").write_text("2")
    monkeypatch.chdir(tmp_path)
    assert environment._revision() == git("rev-parse", "--short=12", "HEAD").strip() + mark


def test_threads_of_numeric_libraries_are_noted(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert capture("").threads["OMP_NUM_THREADS"] == "3"
    assert os.environ["OMP_NUM_THREADS"] == "3"


def test_what_differs_is_named_and_the_time_is_no_difference():
    before = Environment("3.11", "Linux", "A", 2, packages={"joblib": "1.4"}, started_at="yesterday")
    after = Environment("3.11", "Linux", "B", 2, packages={"joblib": "1.5", "numpy": "2"}, started_at="today")
    assert differences(before, after) == (
        "processor: A before, B after",
        "joblib: 1.4 before, 1.5 after",
        "numpy: none before, 2 after",
    )
    assert differences(before, before) == ()


@pytest.mark.parametrize(("before", "after", "told"), [(0.1, 0.9, False), (0.1, 1.2, True), (math.nan, 9.0, False)])
def test_a_load_is_named_when_it_is_half_of_the_cores_apart(before, after, told):
    assert bool(busier(before, after, 2)) == told
