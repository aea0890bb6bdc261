"""A saga whose process is killed, at whatever point: another process goes on, and nothing is skipped or done again."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from orchestra_nb.errors import CheckpointError, NodeCancelled, NodeFailed, SagaFailed
from orchestra_nb.recovery.saga_result import Unknown
from orchestra_nb.recovery.saga_running import Surroundings
from orchestra_nb.recovery.sagas import SagaStep, execute_saga, resume_saga

from .saga_worlds import SHAPES, judge, run

QUIET = Surroundings(sleep=lambda seconds: None)


def killed(how, shape, folders, root):
    """Have processes killed with sagas of theirs, in folders; gives how many were."""
    command = [sys.executable, "-m", "tests.recovery.saga_worlds", how, shape, str(folders)]
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=280)
    assert (found.returncode, found.stderr) == (0, "")
    return int(found.stdout)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 and fork are of Unix")
@pytest.mark.parametrize("shape", SHAPES)
def test_a_kill_at_any_point_skips_no_compensation_and_repeats_no_step(shape, tmp_path, root):
    kills = killed("everywhere", shape, tmp_path, root)
    assert kills > 60
    for folder in tmp_path.iterdir():
        judge(shape, folder, run(shape, folder))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 and fork are of Unix")
@pytest.mark.parametrize("shape", SHAPES)
def test_kills_of_those_who_go_on_change_nothing(shape, tmp_path, root):
    kills = killed("again and again", shape, tmp_path, root)
    assert kills > 60
    for folder in tmp_path.iterdir():
        judge(shape, folder, run(shape, folder), kills=3)


class Stop(BaseException):
    """Stands for the end of the process."""


def stopped(*steps, journal, at="undo-begun", context=None):
    """Run a saga until a fact of that kind is on the disk, and leave it there."""
    from orchestra_nb.recovery.saga_journal import Journal

    append = Journal.append

    def stopping(self, fact):
        append(self, fact)
        if fact.kind == at:
            self.append = lambda fact: (_ for _ in ()).throw(Stop())
            raise Stop

    Journal.append = stopping
    try:
        with pytest.raises(Stop):
            execute_saga(steps, context or {}, journal=journal, around=QUIET)
    finally:
        Journal.append = append


def fails(context):
    raise ValueError("no")


def test_a_saga_goes_on_with_the_next_step_when_it_ended_between_two(tmp_path):
    calls = []
    steps = [SagaStep("a", lambda context: calls.append("a") or 1), SagaStep("b", lambda context: context["a"] + 1)]
    stopped(*steps, journal=tmp_path / "saga", at="step-done")
    report = resume_saga(steps, tmp_path / "saga")
    assert (calls, dict(report.values), report.success) == (["a"], {"a": 1, "b": 2}, True)


def test_a_step_under_way_when_the_process_ended_is_in_doubt_and_undone(tmp_path):
    undone = []
    steps = [SagaStep("a", print, lambda context, result: undone.append(result))]
    stopped(*steps, journal=tmp_path / "saga", at="step-begun")
    report = resume_saga(steps, tmp_path / "saga", raises=False)
    assert isinstance(undone[0], Unknown)
    assert (report.in_doubt, report.compensated, type(report.error)) == (("a",), ("a",), NodeCancelled)


def test_a_failure_of_an_earlier_process_is_told_again(tmp_path):
    steps = [SagaStep("a", lambda context: 1, lambda context, result: None), SagaStep("b", fails)]
    stopped(*steps, journal=tmp_path / "saga")
    with pytest.raises(SagaFailed, match="the saga failed at step 'b': ValueError: no") as caught:
        resume_saga(steps, tmp_path / "saga")
    assert isinstance(caught.value.__cause__, NodeFailed)
    assert caught.value.__cause__.ename == "ValueError"


def test_a_saga_that_ended_gives_its_report_again_and_calls_nothing(tmp_path):
    calls = []
    steps = [SagaStep("a", lambda context: calls.append("do"), lambda r, c: calls.append("undo")), SagaStep("b", fails)]
    first = execute_saga(steps, journal=tmp_path / "saga", raises=False)
    assert resume_saga(steps, tmp_path / "saga", raises=False) == first
    assert calls == ["do", "undo"]


def test_an_undo_gets_the_result_of_an_earlier_process(tmp_path):
    got = []
    steps = [
        SagaStep("a", lambda context: {"order": [7]}, lambda context, result: got.append(result)),
        SagaStep("b", fails),
    ]
    stopped(*steps, journal=tmp_path / "saga")
    resume_saga(steps, tmp_path / "saga", raises=False)
    assert got == [{"order": [7]}]


def test_a_result_that_json_cannot_hold_is_unknown_and_never_another(tmp_path):
    got = []
    steps = [SagaStep("a", lambda context: (1, 2), lambda context, result: got.append(result)), SagaStep("b", fails)]
    stopped(*steps, journal=tmp_path / "saga")
    report = resume_saga(steps, tmp_path / "saga", raises=False)
    assert isinstance(got[0], Unknown)
    assert report.values == {}


def test_who_needs_a_result_that_could_not_be_kept_is_told_so(tmp_path):
    steps = [SagaStep("a", lambda context: (1, 2)), SagaStep("b", lambda context: context["a"])]
    stopped(*steps, journal=tmp_path / "saga", at="step-done")
    report = resume_saga(steps, tmp_path / "saga", raises=False)
    assert isinstance(report.error, CheckpointError)
    assert "the value of 'a' is not known any more" in str(report.error)


def test_the_context_comes_back_and_what_json_cannot_hold_is_given_again(tmp_path):
    steps = [SagaStep("a", lambda context: 1), SagaStep("b", lambda context: (context["plain"], context["odd"]))]
    context = {"plain": [1.5], "odd": {2}}
    stopped(*steps, journal=tmp_path / "saga", at="step-done", context=context)
    report = resume_saga(steps, tmp_path / "saga", {"odd": {3}})
    assert report.values["b"] == ([1.5], {3})


def test_an_interrupted_compensation_goes_on_from_the_journal(tmp_path):
    left = [KeyboardInterrupt()]
    calls = []

    def undo(context, result):
        if left:
            raise left.pop()
        calls.append(result)

    steps = [SagaStep("a", lambda context: 1, undo), SagaStep("b", lambda context: 2, undo), SagaStep("c", fails)]
    with pytest.raises(KeyboardInterrupt) as caught:
        execute_saga(steps, journal=tmp_path / "saga")
    assert "resume_saga" in caught.value.__notes__[-1]
    assert resume_saga(steps, tmp_path / "saga", raises=False).compensated == ("b", "a")
    assert calls == [2, 1]
