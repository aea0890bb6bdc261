"""A worker process does not outlive the process that it works for."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import threading

import psutil
import pytest

from orchestra_nb.running import joblib_seam as seam
from orchestra_nb.running import orphans
from orchestra_nb.running.orphans import tie, tied


@pytest.fixture(autouse=True)
def _nobody_is_watched(monkeypatch):
    monkeypatch.setattr(orphans, "_watched", set())


def test_a_worker_whose_parent_is_gone_ends_itself_once(monkeypatch):
    parents = itertools.chain([7, 7, 7], itertools.repeat(1))
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    monkeypatch.setattr(orphans, "_PERIOD", 0.0)
    ended = threading.Semaphore(0)
    monkeypatch.setattr(orphans, "_end", ended.release)
    assert tied(7, pow, 2, 3) == 8
    assert ended.acquire(timeout=60)
    tie(7)
    assert not ended.acquire(blocking=False)


def test_the_worker_of_somebody_else_is_not_watched(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", lambda thread: pytest.fail("watched"))
    assert tied(os.getppid() + 1, pow, 2, 3) == 8


def test_a_worker_whose_parent_was_gone_when_it_began_ends_too(monkeypatch):
    monkeypatch.setattr(os, "getppid", lambda: 1)
    ended = threading.Event()
    monkeypatch.setattr(orphans, "_end", ended.set)
    tie(7)
    assert ended.wait(60)


def test_loky_workers_are_tied_before_they_get_a_task_unless_they_begin_in_another_way(monkeypatch):
    given = []
    monkeypatch.setattr(seam.LokyBackend, "configure", lambda self, **kwargs: given.append(kwargs) or 2)
    assert seam.FaithfulLoky().configure(n_jobs=2) == 2
    assert seam.FaithfulLoky(initializer=print).configure(n_jobs=2) == 2
    assert given == [{"n_jobs": 2, "initializer": tie, "initargs": (os.getpid(),)}, {"n_jobs": 2}]


def test_what_the_worker_started_ends_with_it(monkeypatch):
    ends, kill = [], os.kill

    def note(pid, number):
        ends.append((pid, number)) if pid == os.getpid() else kill(pid, number)

    child = subprocess.Popen(["sleep", "600"])
    monkeypatch.setattr(psutil.Process, "children", lambda self, recursive: [psutil.Process(child.pid)])
    monkeypatch.setattr(os, "kill", note)
    orphans._end()
    assert child.wait(60) == -signal.SIGKILL
    assert ends == [(os.getpid(), signal.SIGKILL)]
