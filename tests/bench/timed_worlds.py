"""Runs that cost nothing: their times are said, and a clock goes on by them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from random import Random

from orchestra_nb import DAG, Node, Outcome, RunConfig, RunResult
from orchestra_nb.bench import Environment, Measured, Setting, Sweep, Turn
from orchestra_nb.bench.measuring import Instruments
from orchestra_nb.errors import NodeFailed

WHERE = Environment("3.11.9 CPython", "Linux x86_64", cores=2, started_at="2026-05-01T12:00:00+00:00")


class World:
    """A clock, and a target whose runs take what ``takes`` says of their config."""

    def __init__(self, takes: Callable[[RunConfig], float], failing: Iterable[int] = ()) -> None:
        self.now, self.takes, self.failing = 0.0, takes, set(failing)
        self.configs: list[RunConfig] = []

    @property
    def instruments(self) -> Instruments:
        return Instruments(lambda: self.now, lambda: 0.25)

    def __call__(self, config: RunConfig) -> RunResult:
        self.configs.append(config)
        took = self.takes(config)
        self.now += took + 0.5  # what is not the run's own
        return result(took, config, failed=len(self.configs) in self.failing)


def result(took: float, config: RunConfig, *, failed: bool = False, stopped: str = "") -> RunResult:
    error = NodeFailed("node 'fit' failed: ValueError: no", "fit") if failed else None
    ended = Outcome("fit", "failed" if failed else "done", error=error, started=0.0, ended=took, worker="w")
    dag = DAG([Node("fit", fn=int)])
    given = {"jobs": config.jobs, "backend": config.backend, "total_time": took, "run_id": "r"}
    return RunResult({"fit": ended}, {}, dag, started_at="2026-05-01T12:00:00+00:00", stopped=stopped, **given)


def sweep_of(
    times: dict[Setting, Sequence[float]], name: str = "graph", graph: str = "graph", where: Environment = WHERE
) -> Sweep:
    """A sweep that measured these times; work and bound follow from them."""
    turns = [
        (Turn(0, graph, setting, number), took)
        for setting, found in times.items()
        for number, took in enumerate(found, 1)
    ]
    runs = tuple(
        Measured(turn, 0.0, took, took, 0.9 * took * turn.setting.jobs, 0.8 * took, 3)
        if math.isfinite(took)
        else Measured(turn, 0.0, 0.1, error="node 'fit' failed")
        for turn, took in turns
    )
    return Sweep(name, name, runs, len(runs), where)


def noisy(random: Random, middle: float, n: int, noise: float = 0.04) -> list[float]:
    """Times as machines make them: skewed, and now and then one that was disturbed."""
    return [
        middle * math.exp(random.gauss(0, noise)) * (1 + (random.random() < 0.1) * random.random()) for _ in range(n)
    ]
