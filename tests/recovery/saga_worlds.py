"""Sagas whose effects are lines in a file, for tests in which processes die; and what must be true of the lines."""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

import filelock  # noqa: F401  once, and not in each child

from orchestra_nb.config import RetryPolicy
from orchestra_nb.durable.files import JournalFiles
from orchestra_nb.recovery.saga_running import Surroundings
from orchestra_nb.recovery.sagas import SagaStep, execute_saga, resume_saga

OPERATIONS = (
    *("make_folder", "lock", "create", "open", "read", "write", "truncate"),
    *("sync", "sync_folder", "replace", "remove", "close"),
)
TWICE = RetryPolicy(attempts=2, initial_delay=0.0)
# For each shape: name, after, whether it declares an undo, how many attempts of the action and of the undo fail.
SHAPES = {
    "a list that is done": [("a", None, True, 0, 0), ("b", None, True, 1, 0), ("c", None, False, 0, 0)],
    "a list that fails": [
        *[("a", None, True, 0, 0), ("b", None, True, 1, 1), ("c", None, False, 0, 0)],
        *[("d", None, True, 0, 2), ("e", None, True, 2, 0), ("f", None, True, 0, 0)],
    ],
    "a diamond that fails": [
        *[("top", (), True, 0, 0), ("left", ("top",), True, 0, 1), ("look", ("top",), False, 0, 0)],
        *[("right", ("look",), True, 0, 0), ("end", ("left", "right"), True, 2, 0)],
    ],
}


def steps_of(shape, effects, point=lambda: None):
    """Steps that append what they do to a file; how often each has failed is counted there, too.

    ``point`` is called after each line that is written.
    """

    def said():
        return effects.read_text().split("\n") if effects.exists() else []

    def say(line):
        with open(effects, "a") as file:
            file.write(line + "\n")
        point()

    def act(what, name, fails):
        say(f"{what} {name}")
        if said().count(f"{what}-failed {name}") < fails:
            say(f"{what}-failed {name}")
            raise OSError(f"{what} {name}")
        say(f"{what}-done {name}")
        return f"{name}!"

    def step(name, after, undoes, fails, undo_fails):
        def undo(context, result):
            act("undo", name, undo_fails)

        def action(context):
            return act("do", name, fails)

        return SagaStep(name, action, undo if undoes else None, TWICE, TWICE, after)

    return [step(*settings) for settings in SHAPES[shape]]


class Unsynced(JournalFiles):
    """Files that survive the death of a process, though not of the machine, and cost no test its time."""

    def sync(self, descriptor):
        pass

    def sync_folder(self, path):
        pass


class Counting(Unsynced):
    """Calls ``hit`` around each operation, with its number; before it, in the middle of a write, and after it."""

    def __init__(self, hit):
        self.hit, self.count = hit, 0

    def point(self):
        self.count += 1
        self.hit(self.count, "before", "action")


def _counted(name):
    real = getattr(Unsynced, name)

    def method(self, *arguments):
        self.count += 1
        self.hit(self.count, "before", name)
        if name == "write":
            descriptor, data, place = arguments
            real(self, descriptor, data[: len(data) // 2], place)
            self.hit(self.count, "middle", name)
        value = real(self, *arguments)
        self.hit(self.count, "after", name)
        return value

    return method


for _name in OPERATIONS:
    setattr(Counting, _name, _counted(_name))


def run(shape, folder, files=None, around=None):
    """Begin the saga of a folder, or go on with it."""
    journal, effects = Path(folder) / "place" / "saga", Path(folder) / "effects"
    around = around or Surroundings(sleep=lambda seconds: None, files=files or Unsynced())
    steps = steps_of(shape, effects, getattr(files, "point", lambda: None))
    if journal.exists():
        return resume_saga(steps, journal, raises=False, around=around)
    return execute_saga(steps, journal=journal, raises=False, around=around)


def judge(shape, folder, report, kills=1):
    """See that the world is as the report says, and that what happened may happen."""
    lines = (Path(folder) / "effects").read_text().split("\n")
    undoes = {name for name, _, undo, _, _ in SHAPES[shape] if undo}
    for step in report.steps:
        name = step.step
        begun, done = lines.count(f"do {name}"), lines.count(f"do-done {name}")
        assert done <= 1, f"{name}: an action that was done ran again"
        assert begun <= 2 + kills
        undos = lines.count(f"undo-done {name}")
        if report.success:
            assert (step.fate, done, undos) == ("done", 1, 0)
        elif done and name in undoes:  # committed, or in doubt
            assert step.fate in ("undone", "needs-person")
            assert (undos >= 1) == (step.fate == "undone"), f"{name}: a compensation was skipped"
            assert undos <= 1 + kills
        elif not begun:
            assert step.fate in ("never-begun", "undone", "needs-person", "in-doubt")
            assert undos <= 1 + kills
        if name not in undoes:
            assert undos == 0
    assert not report.left
    order = list(dict.fromkeys(line[5:] for line in lines if line.startswith("undo ")))
    done = [line[8:] for line in lines if line.startswith("do-done")]
    known = [name for name in order if name in done]
    assert known == [name for name in reversed(done) if name in undoes and not report.success]


def _kill(number, moment):
    def hit(count, when, name):
        if (count, when) == (number, moment):
            os.kill(os.getpid(), signal.SIGKILL)

    return hit


def _child(shape, folder, number, moment):
    """Run in a process that kills itself there; says whether it did."""
    child = os.fork()
    if child == 0:
        try:
            run(shape, folder, Counting(_kill(number, moment)))
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _everywhere(shape, folders):
    """Kill one child at each moment of each operation, until one gets through; gives how many were killed."""
    number = kills = 0
    while True:
        number += 1
        for moment in ("before", "middle", "after"):
            folder = Path(folders) / f"{number}-{moment}"
            folder.mkdir()
            killed = _child(shape, folder, number, moment)
            kills += killed
            if not killed and moment == "before":
                return kills


def _again_and_again(shape, folders, sagas=100):
    """Kill three processes of each saga, one after another, at random moments."""
    dice, kills = random.Random(len(shape)), 0
    for number in range(sagas):
        folder = Path(folders) / str(number)
        folder.mkdir()
        for _ in range(3):
            kills += _child(shape, folder, dice.randint(1, 40), dice.choice(["before", "middle", "after"]))
    return kills


if __name__ == "__main__":
    print({"everywhere": _everywhere, "again and again": _again_and_again}[sys.argv[1]](*sys.argv[2:]))
