"""Processes killed at a named point of a run, or of going on with one; by fork, from a process without threads.

``python -m tests.running.durable_kills FOLDER FIRST COUNT`` plays so many games, from that seed on, and prints for each
point how often somebody was killed there. A game: a random graph, a kill at some hit of some point, up to two more
while others go on, and then the end. ``ORCHESTRA_NB_KILLS`` says how many games the tests play.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path

import filelock  # noqa: F401  once, and not in each child

from orchestra_nb.durable.faults import POINTS, acting
from orchestra_nb.durable.runs import Runs
from tests.running.durable_worlds import World, canonical, scheduler

OF_RUNS = tuple(point for point in POINTS if not point.startswith(("prune", "state")))
AT_FIRST = tuple(point for point in OF_RUNS if not point.startswith(("resume", "end")) and point != "value.after-link")


def killing(point, hit):
    """Make what kills this process at a hit of a point, and counts them."""
    left = [hit]

    def act(name):
        if name == point:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return act


def in_child(work):
    """Do something in a child; says whether that was killed."""
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    if status:
        raise SystemExit(f"a child failed: {status}")
    return False


def made_by(name):
    """The nodes that a node of a world may make; where it runs again, they do."""
    return f"{name}-0", f"{name}-1"


class Game:
    """One graph in one folder."""

    def __init__(self, seed, folder):
        self.seed, self.folder = seed, folder
        folder.mkdir(parents=True)
        self.length = random.Random(seed).randint(10, 40)
        self.log = folder / "log"

    def world(self, log=True):
        return World(self.seed, self.length, log=self.log if log else None)

    def undisturbed(self):
        self.tell("expected", scheduler(self.folder, checkpoint="memory").execute(self.world(log=False).dag))

    def tell(self, name, result):
        assert result.success, result.errors
        (self.folder / name).write_text(json.dumps(canonical(result.values), default=repr))

    def state(self):
        runs = Runs(self.folder)
        found = runs.all()
        return runs.look(found[-1].run_id) if found else None

    def play(self, act):
        """Begin the run, or go on with it, in this process."""
        world, state = self.world(), self.state()
        with acting(act):
            made = scheduler(self.folder)
            made.bus.on("*", lambda event: None)
            if state is None:
                self.tell("found", made.execute(world.dag))
            else:
                self.tell("found", made.resume_from_checkpoint(state.head.run_id, world.dag))

    def counted(self, state):
        """How often each node has run that needs to no more, as the plan says."""
        if state is None:
            return {}
        plan = scheduler(self.folder).plan_resume(state.head.run_id, self.world(log=False).dag)
        assert {*plan.taken, *plan.again} <= set(state.committed)
        assert set(state.committed) - {*plan.taken, *plan.again} <= {
            new for name in plan.again for new in made_by(name)
        }
        ran = self.ran()
        return {name: ran[name] for name in plan.taken}

    def ran(self):
        return Counter(self.log.read_text().split()) if self.log.exists() else Counter()

    def judge(self, before):
        after = self.ran()
        for name, times in before.items():
            assert after[name] == times, f"seed {self.seed}: {name} was committed and ran again"


def point_of(seed, killed):
    """Choose where to kill next: each point in its turn, those of going on when there is something to go on with."""
    if killed[-1:] == ["value.after-file"]:
        return "value.after-link"  # the file is there already
    points = OF_RUNS if killed else AT_FIRST
    return points[(seed + 5 * len(killed)) % len(points)]


def play(seed, folder):
    game = Game(seed, folder)
    in_child(game.undisturbed)
    chance = random.Random(seed)
    killed = []
    for _ in range(3):
        state = game.state()
        before = game.counted(state)
        point = point_of(seed, killed)
        most = 1 if point.startswith(("run", "resume", "end")) else 2 if "value" in point else game.length
        if in_child(lambda point=point, most=most: game.play(killing(point, chance.randint(1, most)))):
            killed.append(point)
        game.judge(before)
        if (game.folder / "found").exists():
            break
    state = game.state()
    before = game.counted(state)
    if not (game.folder / "found").exists():
        in_child(lambda: game.play(lambda point: None))
        game.judge(before)
    expected, found = ((game.folder / name).read_text() for name in ("expected", "found"))
    assert found == expected, f"seed {seed}: killed at {killed}, and the values are others"
    return killed


def main(folder, first, count):
    counts = Counter()
    for seed in range(int(first), int(first) + int(count)):
        counts.update(play(seed, Path(folder) / str(seed)))
    print(json.dumps(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])
