"""Runs on the disk that fail and are undone, in processes that are killed meanwhile; their effects are lines."""

from __future__ import annotations

import os
import random
import signal
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path

import filelock  # noqa: F401  once, and not in each child

from orchestra_nb.config import RunConfig
from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.durable.faults import acting
from orchestra_nb.durable.files import JournalFiles
from orchestra_nb.durable.runs import Runs
from orchestra_nb.model import Node
from orchestra_nb.recovery.saga_running import Surroundings
from orchestra_nb.running.scheduler import ParallelScheduler

OPERATIONS = ("create", "open", "read", "write", "truncate", "sync", "sync_folder", "replace", "close")
UNDOES = ("a", "b", "d")
"""Nodes that declare a compensation; that of ``d`` fails once and is tried again."""


class World:
    """A folder with a run and its effects; ``point`` is called between any two things that happen."""

    def __init__(self, folder, point=lambda: None):
        self.folder, self.point = Path(folder), point

    @property
    def lines(self):
        file = self.folder / "effects"
        return file.read_text().split("\n")[:-1] if file.exists() else []

    def say(self, line):
        self.point()
        with open(self.folder / "effects", "a") as file:
            file.write(line + "\n")
        self.point()

    def do(self, name):
        self.say(f"do {name}")
        return f"{name} {self.lines.count(f'do {name}')}"

    def end(self):
        if not (self.folder / "fair").exists():
            raise OSError("storm")
        self.say("do end")

    def undo(self, name, result):
        self.say(f"undo {name}")
        assert result == f"{name} {self.lines.count(f'do {name}')}", "not the value of the last time"
        if name == "d" and self.lines.count("undo d") == 1:
            raise OSError("not now")
        self.say(f"undone {name}")

    def dag(self):
        def node(name, after=(), undo=None):
            return Node(name, fn=partial(self.do, name), after=after, undo=undo)

        return DAGBuilder().build_dag(
            [
                node("a", undo="un-a"),
                node("b", ["a"], partial(self.undo_by_result, "b")),
                node("c", ["a"]),
                node("d", ["b", "c"], "un-d"),
                Node("un-a", fn=lambda result: self.undo("a", result)),
                Node("un-d", fn=lambda d: self.undo("d", d), retry={"attempts": 2, "initial_delay": 0.0}),
                Node("end", fn=self.end, after=["d"]),
            ]
        )

    def undo_by_result(self, name, result):
        self.undo(name, result)

    def run(self):
        """Begin the run of this folder, or go on with it."""
        config = RunConfig(jobs=2, history=False, cache=str(self.folder / "kept"), checkpoint="fast")
        scheduler = ParallelScheduler(config)
        scheduler._undo._around = Surroundings(events=scheduler.bus, files=Files(self))
        known = Runs(self.folder / "kept", durable=False).all()
        if known:
            return scheduler.resume_from_checkpoint(known[-1].run_id, self.dag())
        return scheduler.execute(self.dag())


class Files(JournalFiles):
    """Files that survive the death of a process, though not of the machine."""

    def __init__(self, world):
        self.world = world


def _around(name):
    def method(self, *arguments):
        self.world.point()
        value = None if name.startswith("sync") else getattr(JournalFiles, name)(self, *arguments)
        self.world.point()
        return value

    return method


for _name in OPERATIONS:
    setattr(Files, _name, _around(_name))


class Killing:
    """Kills this process at so many points after it began to undo its run, and not when that is over."""

    def __init__(self, number):
        self.left, self.armed, self.over = number, False, False

    def __call__(self, point=""):
        self.armed = self.armed or point == "undo.after-journal"
        if self.armed and not self.over:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        self.over = self.over or point == "undo.after-forgotten"


def child(folder, number):
    """Run in a process that kills itself there; says whether it did."""
    made = os.fork()
    if made == 0:
        killing = Killing(number)
        killing.armed = any(Path(folder).glob("kept/runs/*/undo"))  # it goes on with the way back
        try:
            with acting(killing):
                World(folder, killing).run()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(made, 0)[1])


def judge(folder):
    """See that what happened may happen, to a run that was killed in the middle of its way back, and then succeeded."""
    lines = World(folder).lines
    for name in ("a", "b", "c", "d"):
        at = [place for place, line in enumerate(lines) if line == f"do {name}"]
        assert lines.count("do end") == 1
        for first, second in pairwise(at):
            between = lines[first:second]
            assert name == "c" or f"undone {name}" in between, f"{name} ran again though it was not undone: {lines}"
        for place in [place for place, line in enumerate(lines) if line == f"undone {name}"]:
            last = max(first for first in at if first < place)
            for user in {"a": "bd", "b": "d", "d": ""}[name]:  # what used it was undone before
                used = [p for p, line in enumerate(lines) if line == f"do {user}" and last < p < place]
                assert not used or f"undone {user}" in lines[used[-1] : place], f"{name} before {user}: {lines}"
        if name in UNDOES:
            assert lines.count(f"undone {name}") >= 1, f"{name} was skipped: {lines}"
            assert f"undone {name}" not in lines[at[-1] :], f"{name} is undone in a run that succeeded: {lines}"
        assert at, lines


def everywhere(folders, most):
    """Kill a child at each point of the way back, or at so many of them; gives how many were killed."""
    folders, dice = Path(folders), random.Random(most)
    (trial := folders / "trial").mkdir()
    counting = Killing(0)
    with acting(counting):
        World(trial, counting).run()
    points = list(range(1, -counting.left + 1))
    kills = 0
    for number in sorted(dice.sample(points, min(most, len(points)))):
        (folder := folders / str(number)).mkdir()
        kills += child(folder, number)
        for _ in range(dice.randint(0, 2)):  # those who go on are killed, too
            kills += child(folder, dice.randint(1, len(points)))
        (folder / "fair").touch()
        child(folder, 10**9)
        judge(folder)
    return kills


if __name__ == "__main__":
    print(everywhere(sys.argv[1], int(sys.argv[2])))
