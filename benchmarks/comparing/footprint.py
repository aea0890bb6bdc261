"""Memory and threads of one run, measured in a process of its own: what was there before would hide it.

``python -m comparing.footprint WHAT NUMBERS`` prints one line of JSON. Resident megabytes (10**6 bytes), as the system
counts them; where it keeps no peak that can be set back, the peak of the process's life stands in, less what it was.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from comparing.peers import optional, ours
from comparing.work import layered
from orchestra_nb import DAG, Node, ParallelScheduler, Pipeline, RunConfig, RunResult
from orchestra_nb.model import NodeId

_STATUS = Path("/proc/self/status")
LAYERS, WIDTH = 8, 3
"""Of the graph whose nodes pass arrays; each reads two of the layer before, and one node reads the last layer."""


def resident(field: str) -> float:
    """Megabytes of this process: ``"VmRSS"`` now, ``"VmHWM"`` at most."""
    if not _STATUS.exists():
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(lines[field].split()[0]) * 1024 / 1e6


def growth(work: Callable[[], object]) -> tuple[float, object]:
    """Peak megabytes while working, over what was there; and what the work made."""
    gc.collect()
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = resident("VmRSS")
    made = work()
    return resident("VmHWM") - before, made


def run(size: int) -> dict[str, Any]:
    """A run of so many nodes that do nothing, over a process that has run before; its graph is counted too."""
    ours(layered(100), 2)()
    given = layered(size)
    graph = 0.0

    def whole() -> object:
        nonlocal graph
        before = resident("VmRSS")
        dag = DAG(given.nodes())
        graph = resident("VmRSS") - before
        return ParallelScheduler(RunConfig(jobs=2)).execute(dag)

    megabytes, result = growth(whole)
    assert getattr(result, "success", False), result
    return {"megabytes": megabytes, "of which graph": graph}


def agents(count: int, seconds: float) -> dict[str, Any]:
    """So many coroutines that wait, beside one that does; they are to take none of the run's two jobs.

    A run that makes them wait for each other is stopped after ten times the wait.
    """

    def nodes(number: int, seen: Counter[int], alive: list[int]) -> list[Node]:
        async def agent() -> int:
            seen[threading.get_ident()] += 1
            await asyncio.sleep(seconds)
            alive.append(threading.active_count())
            return 1

        return [Node(NodeId(f"agent{n}"), fn=agent) for n in range(number)]

    def once(number: int) -> tuple[float, float, int, int, bool]:
        seen: Counter[int] = Counter()
        alive: list[int] = []
        pipeline = Pipeline(nodes(number, seen, alive), config=RunConfig(jobs=2, timeout=10 * seconds))
        began = time.perf_counter()
        megabytes, result = growth(pipeline.run)
        took = time.perf_counter() - began
        return took, megabytes, len(seen), max(alive, default=0), bool(getattr(result, "success", False))

    _, _, _, alone, _ = once(1)
    took, megabytes, theirs, most, success = once(count)
    return {
        "seconds": took,
        "megabytes": megabytes,
        "threads of agents": theirs,
        "threads": most,
        "threads with one agent": alone,
        "success": success,
    }


def values(how: str, megabytes: float) -> dict[str, Any]:
    """A graph whose nodes pass arrays: peak over idle."""
    ours(layered(100), 2)()
    runs: dict[str, Callable[[], object]] = {
        "all asked for": lambda: _array_pipeline(megabytes).run(),
        "last asked for": lambda: _array_pipeline(megabytes).run(targets=["last"]),
        "by hand": lambda: _arrays_by_hand(megabytes),
        "dask": lambda: optional("dask.threaded").get(_array_tasks(megabytes), "last", num_workers=2),
    }
    peak, made = growth(runs[how])
    last: Any = made.values["last"] if isinstance(made, RunResult) else made
    assert last[0] == LAYERS + 1, last  # every array was read
    return {"megabytes": peak}


def _array_needs() -> dict[str, list[str]]:
    needs = {
        f"a{layer}_{place}": [f"a{layer - 1}_{(place + step) % WIDTH}" for step in (0, 1)] if layer else []
        for layer in range(LAYERS)
        for place in range(WIDTH)
    }
    return {**needs, "last": [f"a{LAYERS - 1}_{place}" for place in range(WIDTH)]}


class _Add:
    """Makes an array of what it is given, by name or by position."""

    def __init__(self, needs: list[str], megabytes: float) -> None:
        named = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in needs]
        self.__signature__ = inspect.Signature(named)
        self._length = int(megabytes * 1e6 / 8)

    def __call__(self, *given: Any, **named: Any) -> Any:
        highest = max((float(array.max()) for array in (*given, *named.values())), default=0.0)
        return np.full(self._length, highest + 1.0)


def _array_pipeline(megabytes: float) -> Pipeline:
    nodes = [
        Node(NodeId(name), fn=_Add(before, megabytes), after=tuple(map(NodeId, before)))
        for name, before in _array_needs().items()
    ]
    return Pipeline(nodes, config=RunConfig(jobs=2))


def _array_tasks(megabytes: float) -> dict[str, tuple[Any, ...]]:
    return {name: (_Add([], megabytes), *before) for name, before in _array_needs().items()}


def _arrays_by_hand(megabytes: float) -> Any:
    """One after another; an array goes when its last reader has read it."""
    needs = _array_needs()
    readers = Counter(needed for before in needs.values() for needed in before)
    made: dict[str, Any] = {}
    for name, before in needs.items():
        made[name] = _Add([], megabytes)(*[made[needed] for needed in before])
        readers.subtract(before)
        for needed in before:
            if not readers[needed]:
                made.pop(needed, None)
    return made["last"]


def measure(what: str, *given: str) -> dict[str, Any]:
    """Measure in this process: what, and its numbers as they stand on a command line."""
    known: dict[str, Callable[[], dict[str, Any]]] = {
        "run": lambda: run(int(given[0])),
        "agents": lambda: agents(int(given[0]), float(given[1])),
        "values": lambda: values(given[0], float(given[1])),
    }
    return known[what]()


def in_child(what: str, *given: str) -> dict[str, Any]:
    """Measure in a process of its own."""
    here = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join([here, *(os.path.abspath(entry) for entry in sys.path if entry)])
    done = subprocess.run(
        [sys.executable, "-m", "comparing.footprint", what, *given],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:])))
