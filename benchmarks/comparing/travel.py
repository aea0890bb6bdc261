"""An array on its way home from another process: ours beside plain loky, which joblib hands its tasks to.

Both have two warm workers, and a worker makes the array only once: what is timed is the way. Two users of loky with
different settings end each other's workers, so each is warmed before every call that is timed. A result that is mapped
into memory costs little until it is read, so the target is judged on one that has been read, every number of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from comparing.measuring import Check, in_turn, warmed
from orchestra_nb import DAG, Node, ParallelScheduler, RunConfig
from orchestra_nb.model import NodeId

_WARM = 3
"""Calls before each one that is timed, so that either worker has made the array."""


@lru_cache(maxsize=1)
def array(megabytes: float) -> Any:
    """Make an array, once in each worker: to make it is not what is timed."""
    return np.arange(int(megabytes * 1e6 / 8), dtype=float)


def _itself(call: Callable[[], object]) -> Callable[[], object]:
    return call


def travel(megabytes: float, repeats: int) -> tuple[dict[str, float], list[Check]]:
    """P16: an array back from a process, and every number of it read."""
    dag = DAG([Node(NodeId("array"), fn=partial(array, megabytes), cost=0.1)])
    scheduler = ParallelScheduler(RunConfig(jobs=2, backend="loky"))

    def home() -> Any:
        return scheduler.execute(dag).values["array"]

    def plain() -> Any:
        with Parallel(n_jobs=2, backend="loky") as parallel:
            return parallel([delayed(array)(megabytes)])[0]

    calls: dict[str, Callable[[], object]] = {
        "ours, back and read": lambda: home().sum(),
        "ours, back": home,
        "plain loky, back and read": lambda: plain().sum(),
        "plain loky, back": plain,
        "copied in memory": array(megabytes).copy,
    }
    found = in_turn({who: warmed(partial(_itself, call), _WARM) for who, call in calls.items()}, repeats)
    print(f"\n{megabytes:,.4g} MB from a process; milliseconds, medians of {repeats}")
    for name, times in found.items():
        print(f"{name:38}{times.median * 1e3:>10.4g}{times.spread(1e-3):>18}")
    medians = {name: times.median for name, times in found.items()}
    ratio = medians["ours, back and read"] / medians["plain loky, back and read"]
    return medians, [Check("P16", f"{megabytes:,.4g} MB back and read: over plain loky", ratio, 0.3)]
