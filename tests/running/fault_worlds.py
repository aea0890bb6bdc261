"""Random DAGs that something befalls while they run, and what must be true after they went on.

Each node's body says in a file when it begins and ends, so that what ran twice can be told in whatever process it ran.
What is to happen stands in another file, which whoever does it takes away first: so it happens once.

As a program, ``python -m tests.running.fault_worlds FOLDER FROM TO`` lets the worlds of these seeds have their runs,
each in a process of its own, which may be killed.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import json
import os
import random
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from orchestra_nb.config import RunConfig
from orchestra_nb.durable.faults import acting
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.scheduler import ParallelScheduler

_OFTEN = ("exception", "process dies", "disk is full")
KINDS = (*_OFTEN, "timeout", *_OFTEN, "worker dies", *_OFTEN[:2])
"""What can happen, as often as it does in ten worlds: processes of workers take long to begin."""
_MOST = 1_000_003
_BIG = 70_000
"""Bytes that do not stand in a journal's own lines."""


@dataclass(frozen=True)
class World:
    """What a seed stands for.

    Parameters
    ----------
    seed
        Everything follows from it.
    folder
        Where its processes leave what they did, and their checkpoints.
    """

    seed: int
    folder: Path

    @property
    def kind(self) -> str:
        return KINDS[self.seed % len(KINDS)]

    @cached_property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """The nodes, each with those whose values it takes."""
        chance, found = random.Random(f"needs {self.seed}"), {}
        for number in range(chance.randint(6, 40)):
            before = [f"n{k}" for k in range(max(0, number - 8), number)]
            found[f"n{number}"] = tuple(chance.sample(before, min(len(before), chance.choice((0, 1, 1, 2, 3)))))
        return found

    @cached_property
    def victim(self) -> tuple[str, str]:
        """Whom it befalls, and whether at its beginning or its end."""
        chance = random.Random(f"victim {self.seed}")
        return chance.choice(list(self.needs)), chance.choice(("begin", "end"))

    @cached_property
    def undoable(self) -> frozenset[str]:
        chance = random.Random(f"undo {self.seed}")
        return frozenset(name for name in self.needs if chance.random() < 0.3)

    @property
    def undoes(self) -> bool:
        return random.Random(f"undoes {self.seed}").random() < 0.7

    @cached_property
    def using(self) -> frozenset[str]:
        """Who holds the one database while it runs."""
        chance = random.Random(f"uses {self.seed}")
        return frozenset(name for name in self.needs if chance.random() < 0.3)

    def salt(self, name: str) -> int:
        return random.Random(f"{self.seed} {name}").randrange(_MOST)

    def size(self, name: str) -> int:
        return _BIG if self.salt(name) % 5 == 0 else self.salt(name) % 50

    @cached_property
    def expected(self) -> dict[str, dict]:
        """What an undisturbed run gives."""
        values: dict[str, dict] = {}
        for name, needed in self.needs.items():
            values[name] = made(self.salt(name), self.size(name), [values[need] for need in needed])
        return values

    # Its graph.

    def dag(self, patience: float = 60.0) -> DAG:
        """The graph, of functions in a module of its own; ``patience`` is how long who is befallen may take."""
        path = self.folder / f"world_{self.seed}.py"
        if not path.exists():
            path.write_text("from tests.running.fault_worlds import act, undo\n" + "".join(map(self._text, self.needs)))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return DAG([self._node(name, vars(module), patience) for name in self.needs])

    def _text(self, name: str) -> str:
        given = ", ".join(self.needs[name])
        told = f"{str(self.folder)!r}, {name!r}"
        act = f"def {name}({given}):\n    return act({told}, {self.salt(name)}, {self.size(name)}, [{given}])\n\n"
        return act + (f"def undo_{name}({name}):\n    undo({told}, {name})\n\n" if name in self.undoable else "")

    def _node(self, name: str, made: dict, patience: float) -> Node:
        befallen = name == self.victim[0]
        return Node(
            name,
            fn=made[name],
            after=self.needs[name],
            uses=("database",) if name in self.using else (),
            undo=made.get(f"undo_{name}"),
            timeout=patience if befallen and self.kind == "timeout" else None,
            backend="loky" if befallen and self.kind == "worker dies" else "inherit",
        )

    # What is done with it.

    def arrange(self) -> None:
        """Have it happen in the next run."""
        (self.folder / "fault").write_text(json.dumps([self.kind, *self.victim, list(self.needs)[-1]]))

    def scheduler(self) -> ParallelScheduler:
        config = RunConfig(jobs=3, history=False, cache=str(self.folder / "cache"), checkpoint="fast", undo=self.undoes)
        return ParallelScheduler(config)

    def at_a_point(self, point: str) -> None:
        """Have the disk be full, from when it is said to be."""
        if point.startswith("commit.before") and (self.folder / "full").exists():
            raise OSError(errno.ENOSPC, "No space left on device")

    @property
    def said(self) -> list[list[str]]:
        """What the bodies said, in order: what, of whom."""
        path = self.folder / "said"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def made(salt: int, size: int, values: list[dict]) -> dict:
    """What a body makes of the values that it is given."""
    number = (salt + sum((k + 2) * value["number"] for k, value in enumerate(values))) % _MOST
    return {"number": number, "bytes": number.to_bytes(4, "big") * (size // 4)}


def act(folder: str, name: str, salt: int, size: int, values: list[dict]) -> dict:
    """Do what a node does; whatever is to befall it does."""
    say(folder, "begin", name)
    befall(folder, name, "begin")
    value = made(salt, size, values)
    say(folder, "end", name)
    befall(folder, name, "end")
    return value


def undo(folder: str, name: str, value: dict) -> None:
    """Take it back."""
    say(folder, "undo", f"{name} {value['number']}")


def say(folder: str, what: str, name: str) -> None:
    """Add a line, in one step, whoever else does."""
    file = os.open(os.path.join(folder, "said"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(file, f"{what} {name}\n".encode())
    finally:
        os.close(file)


def befall(folder: str, name: str, moment: str) -> None:
    """Do what is to happen here, once."""
    path = os.path.join(folder, "fault")
    try:
        with open(path, encoding="utf-8") as file:
            kind, whom, when, last = json.load(file)
    except FileNotFoundError:
        return
    if (whom, when) != (name, moment):
        return
    os.unlink(path)
    if kind == "exception":
        raise OSError(errno.EREMOTEIO, "storm")
    if kind == "timeout":
        while True:
            time.sleep(0.001)
    if kind == "worker dies":
        os._exit(9)
    if kind == "process dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "disk is full":
        Path(folder, "full").touch()
        new = Path(folder, "fault.new")
        new.write_text(json.dumps(["exception", last, "end", last]))
        new.replace(path)  # others may be reading it


# The nursery: a process without threads, whose children may die.


def ready() -> None:
    """Import once, and not in each child, what every run needs; numpy makes no threads, which a fork would lose."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    ours = ("orchestra_nb.context.content", "orchestra_nb.running.joblib_seam")
    for name in ("filelock", "joblib.externals.loky", *ours):
        importlib.import_module(name)


def child(work) -> int:
    """Do something in a child; gives how that ended, as :func:`os.waitpid` does."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 70
    try:
        work()
        code = 0
        workers = sys.modules["joblib.externals.loky.reusable_executor"]._executor
        if workers is not None:  # this child ends without the farewells of Python
            workers.shutdown(wait=True)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def first(world: World) -> None:
    """Run a world until something befalls it, or it has gone on in spite of that."""
    world.arrange()
    with acting(world.at_a_point):
        told(world, "first", world.scheduler().execute(world.dag(patience=0.5)))


def going_on(world: World) -> None:
    """Go on with a world, if it has not ended well; the disk has room again."""
    for name in ("full", "fault"):
        (world.folder / name).unlink(missing_ok=True)
    say(str(world.folder), "again", "-")
    scheduler, dag = world.scheduler(), world.dag()
    found = scheduler.get_checkpoints()
    if found:
        plan = scheduler.plan_resume(str(found[-1].run_id), dag)
        (world.folder / "plan").write_text(json.dumps({"taken": plan.taken, "again": dict(plan.again)}))
        result = scheduler.resume_from_checkpoint(str(found[-1].run_id), dag)
    else:  # nothing was committed
        result = scheduler.execute(dag)
    told(world, "second", result)


def told(world: World, which: str, result: RunResult) -> None:
    """Leave what became of a run for whoever judges."""
    values = {name: value == world.expected[name] for name, value in result.values.items() if name in world.expected}
    said = {
        "success": result.success,
        "statuses": {name: outcome.status for name, outcome in result.outcomes.items()},
        "right": values,
        "errors": [f"{type(error).__name__}: {error}" for error in result.errors],
        "ended": {name: outcome.ended for name, outcome in result.outcomes.items() if outcome.status == "done"},
        "undone": list(result.undone.compensated) if result.undone is not None else [],
        "not undone": list(result.undone.failed_compensations) if result.undone is not None else [],
        "unsaved": result.unsaved,
    }
    (world.folder / which).write_text(json.dumps(said))


def lived(world: World) -> None:
    """Let a world have its two runs, in processes of their own."""
    world.folder.mkdir()
    codes = [child(partial(first, world))]
    if not (world.folder / "first").exists() or not json.loads((world.folder / "first").read_text())["success"]:
        codes.append(child(partial(going_on, world)))
    (world.folder / "codes").write_text(json.dumps(codes))


if __name__ == "__main__":
    ready()
    for seed in range(int(sys.argv[2]), int(sys.argv[3])):
        lived(World(seed, Path(sys.argv[1]) / str(seed)))
