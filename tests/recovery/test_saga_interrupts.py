"""An interrupt before any line of a saga: it turns back or stops, and the journal knows how to go on."""

from __future__ import annotations

import gc

import pytest

from orchestra_nb.durable import files, lines
from orchestra_nb.errors import CheckpointError
from orchestra_nb.recovery import saga, saga_journal, saga_lines, saga_running, sagas
from tests.interrupting import Injector, apart

from .saga_worlds import judge, run

FILES = [module.__file__ for module in (files, lines, saga, saga_journal, saga_lines, saga_running, sagas)]
EVERY = 7
"""Of so many lines one is tried; another one in each run of the same place of the saga."""


def interrupted(folder, moments, shape):
    with Injector(FILES, moments) as injector:
        try:
            run(shape, folder)
        except KeyboardInterrupt:
            return injector
    return injector


@apart
@pytest.mark.parametrize("shape", ["a list that is done", "a diamond that fails"])
@pytest.mark.parametrize("second", [None, 40], ids=["once", "twice"])
def test_an_interrupt_before_any_line_skips_no_compensation(shape, second, tmp_path):
    moment = hit = collected = 0
    while True:
        moment += EVERY
        folder = tmp_path / str(moment)
        folder.mkdir()
        injector = interrupted(folder, {moment} if second is None else {moment, moment + second}, shape)
        if (folder / "effects").exists():
            try:
                report = run(shape, folder)
            except CheckpointError:  # it came just before the lock was let go, and left that to the collector
                collected += 1
                gc.collect()
                report = run(shape, folder)
            judge(shape, folder, report, kills=2)
        hit += injector.raised
        if not injector.raised:
            break
    assert hit > 100
    assert collected <= 2
