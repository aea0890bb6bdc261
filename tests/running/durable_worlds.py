"""Random graphs whose nodes change, share and hide things, and runs of them that end anywhere."""

from __future__ import annotations

import itertools
import random
import shutil

from orchestra_nb.config import RunConfig
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Expand, Node
from orchestra_nb.running.scheduler import ParallelScheduler
from tests.durable.worlds import Unsynced, UnsyncedBlobs

KINDS = ["make", "make", "look", "look", "alias", "wrap", "part", "change", "change", "hide", "large", "grow"]


class World:
    """A graph made of a seed. What its nodes do follows from their inputs, but for those that draw.

    Each value is a dictionary with the serial number of what made it and those of its inputs; ``log`` is where others
    leave theirs. ``draws``: whether some nodes come out otherwise each time they run.
    """

    def __init__(self, seed, length=9, draws=False, start=0, log=None, fails=""):
        self.ran, self.drawing, self.log, self.fails = [], set(), log, fails
        self.serials = itertools.count(start)
        chance = random.Random(seed)
        nodes, barrier, since = [], None, []
        for step in range(length):
            kinds = [
                "make",
                "make",
                "look",
                "look",
                "alias",
                "wrap",
                "part",
                "change",
                "change",
                "hide",
                "large",
                "grow",
            ]
            kind = chance.choice(kinds if step else ["make"])
            reads = chance.sample(range(step), min(step, chance.choice((1, 1, 2))))
            name = f"n{step}"
            if draws and chance.random() < 0.5:
                self.drawing.add(name)
            after = [f"n{read}" for read in reads]
            if barrier is not None:
                after.append(barrier)
            if kind in ("change", "hide"):  # whoever changes something is ordered with everybody
                after += since
            if kind in ("change", "hide"):
                barrier, since = name, []
            else:
                since.append(name)
            nodes.append(Node(name, fn=self.body(kind, name, [f"n{read}" for read in reads]), after=after, index=step))
        self.dag = DAG(nodes)

    def body(self, kind, name, reads):
        arguments = ", ".join(reads)
        return eval(
            f"lambda {arguments}: act(kind, name, [{arguments}])", {"act": self.act, "kind": kind, "name": name}
        )

    def act(self, kind, name, inputs):
        self.ran.append(name)
        if self.log is not None:
            with open(self.log, "ab", buffering=0) as file:  # one write to the end, whoever else writes
                file.write(f"{name}\n".encode())
        if name == self.fails:
            raise OSError("storm")
        inputs = [next(iter(each)) if type(each) is Hidden else each for each in inputs]
        serial = next(self.serials) if name in self.drawing else name
        value = {"by": serial, "of": [[each["by"], list(each["log"])] for each in inputs], "log": []}
        if kind == "alias" and inputs:
            return inputs[0]
        if kind == "wrap":
            return value | {"inner": inputs}
        if kind == "part" and inputs:
            return value | {"log": inputs[0]["log"]}
        if kind == "change":
            for each in inputs:
                each["log"].append(serial)
        if kind == "hide":
            return Hidden(value)
        if kind == "large":
            value["bytes"] = name.encode() * 40_000
        if kind == "grow":
            made = [Node(f"{name}-{i}", fn=self.body("make", f"{name}-{i}", [name])) for i in range(2)]
            return Expand(made, value=value)
        return value


class Hidden:
    """A value that no pickler can read."""

    def __init__(self, value):
        self.value = value

    def __iter__(self):
        return iter([self.value])

    def __reduce__(self):
        raise TypeError("hidden")


def canonical(values):
    """Say what some values are, with what is the same object in them."""
    met, found = {}, []
    left = [(f"{name}", value) for name, value in sorted(values.items(), reverse=True)]
    while left:
        path, value = left.pop()
        if type(value) is Hidden:
            value = value.value
        if type(value) in (list, dict):
            if id(value) in met:
                found.append((path, "is", met[id(value)]))
                continue
            met[id(value)] = path
            items = value.items() if type(value) is dict else enumerate(value)
            left += [(f"{path}/{key}", each) for key, each in reversed(list(items))]
            found.append((path, type(value).__name__, len(value)))
        else:
            found.append((path, value))
    return found


def scheduler(folder, **config):
    return ParallelScheduler(
        RunConfig(**{"jobs": 2, "history": False, "checkpoint": "fast", "cache": str(folder), **config})
    )


def cut(source, target, lines):
    """Copy the one run of a cache folder as a kill would have left it after so many lines."""
    shutil.copytree(source / "runs", target / "runs")
    (run,) = [each for each in (target / "runs").iterdir() if each.name != "values"]
    journal = run / "journal"
    whole = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(whole[:lines]))
    return run.name, len(whole)


def lines_of(folder):
    (run,) = [each for each in (folder / "runs").iterdir() if each.name != "values"]
    return len((run / "journal").read_bytes().splitlines())


__all__ = ["Hidden", "Unsynced", "UnsyncedBlobs", "World", "canonical", "cut", "lines_of", "scheduler"]
