"""Large values: 100 MB home from a process, inputs that go there again and again, and the peak memory of a whole graph.

Beside plain loky (a pool of its own, the same function) and joblib's own memory-mapping of arguments in the same run,
in turn, A B A B. Medians of wall time with the spread beside them. Target: an array of 100 MB back from a process node
in at most 0.3 of plain loky's time.

The graph is a recorded one in the sense that its shape and the sizes of its values are fixed: five layers of eight
nodes, each of which reads two of the layer before and makes 8 MB. *Live* is the least that any run in this order must
hold: what is still to be read, and what is being made. Memory is that of this process and its workers that is nobody
else's (``RssAnon``), and what stands in the files of the run, looked at every few milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import joblib
import numpy as np
from joblib.externals.loky import ProcessPoolExecutor

from orchestra_nb.config import RunConfig
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.running import joblib_seam as seam
from orchestra_nb.running.functions import FunctionTask
from orchestra_nb.running.joblib_executor import JoblibExecutor
from orchestra_nb.running.scheduler import ParallelScheduler

LAYERS, WIDTH = 5, 8
MB = 1_000_000


def make(megabytes: int) -> Any:
    import numpy

    return numpy.ones(megabytes * MB // 8)


def look(array: Any) -> float:
    return float(array[::512].sum())


class Ours:
    """One process executor, as a run has it."""

    def __init__(self) -> None:
        self._executor = JoblibExecutor(seam.Pool(seam.make_backend("loky"), 2))
        self._replies: SimpleQueue[Any] = SimpleQueue()

    def call(self, fn: Callable[..., Any], *args: Any) -> Any:
        self._executor.submit(FunctionTask(fn, args, {}), self._replies.put)
        value = self._replies.get().value
        return value.fetch() if hasattr(value, "fetch") else value

    def close(self) -> None:
        self._executor.shutdown()


def mapped(fn: Callable[..., Any], *args: Any) -> Any:
    return joblib.Parallel(n_jobs=2, backend="loky")([joblib.delayed(fn)(*args)])[0]


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_turn(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Each in turn; the first round, which starts workers, does not count."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            took = seconds(call)
            if turn:
                found[name].append(took)
    return found


def journeys(megabytes: int, repeats: int) -> dict[str, float]:
    """Back from a process, and there again with the same array."""
    ours, plain, array = Ours(), ProcessPoolExecutor(2), np.ones(megabytes * MB // 8)
    calls: dict[str, Callable[[], object]] = {
        "home, orchestra_nb": lambda: ours.call(make, megabytes),
        "home, loky": lambda: plain.submit(make, megabytes).result(),
        "there, orchestra_nb": lambda: ours.call(look, array),
        "there, loky": lambda: plain.submit(look, array).result(),
        "there, joblib (memory-mapped)": lambda: mapped(look, array),
    }
    found = in_turn(calls, repeats)
    ours.close()
    plain.shutdown()
    print(f"{megabytes} MB, milliseconds (median, least to most)")
    for name, times in found.items():
        row = [1000 * figure for figure in (statistics.median(times), min(times), max(times))]
        print(f"  {name:32} {row[0]:8.1f}   {row[1]:.0f} to {row[2]:.0f}")
    medians = {name: statistics.median(times) for name, times in found.items()}
    ratio = medians["home, orchestra_nb"] / medians["home, loky"]
    print(f"  home: {ratio:.2f} of plain loky (target: 0.3)\n")
    return {**medians, "ratio home": ratio}


def layered(megabytes: int) -> DAG:
    nodes = []
    for layer in range(LAYERS):
        for place in range(WIDTH):
            name = f"n{layer}_{place}"
            needs = [f"n{layer - 1}_{(place + step) % WIDTH}" for step in (0, 1)] if layer else []
            code = f"lambda {', '.join(needs)}: make({megabytes})"
            nodes.append(Node(name, fn=eval(code, {"make": make}), after=tuple(needs)))
    return DAG(nodes)


def anonymous() -> int:
    """Bytes of this process and those below it that belong to nobody else."""
    parents, found = {}, 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = dict(line.split(":", 1) for line in (entry / "status").read_text().splitlines())
            except OSError:
                continue
            parents[int(entry.name)] = (int(fields["PPid"]), int(fields.get("RssAnon", "0").split()[0]) * 1024)
    for pid, (_, size) in parents.items():
        above = pid
        while above in parents and above != os.getpid():
            above = parents[above][0]
        found += size if above == os.getpid() else 0
    return found


def stored(folder: str) -> int:
    found = 0
    for path in Path(folder).rglob("*"):
        try:
            found += path.stat().st_size
        except OSError:
            continue
    return found


@contextmanager
def peak(folder: str, into: list[int]) -> Iterator[None]:
    """The most that is used meanwhile, beyond what was used before."""
    idle, over, most = anonymous(), threading.Event(), [0]

    def watch() -> None:
        while not over.wait(0.005):
            most[0] = max(most[0], anonymous() - idle + stored(folder))

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield
    over.set()
    watcher.join()
    into.append(most[0])


def peaks(megabytes: int, repeats: int) -> dict[str, float]:
    """A whole graph: with all values, and with the results that are asked for."""
    dag = layered(megabytes)
    results = [f"n{LAYERS - 1}_0"]
    figures: dict[str, float] = {}
    print(f"{LAYERS} layers of {WIDTH} nodes, {megabytes} MB each: peak megabytes")
    print(f"  {'all values':32} {LAYERS * WIDTH * megabytes:8}")
    print(f"  {'live, about':32} {(2 * WIDTH + 1) * megabytes:8}")
    for backend in ("threading", "loky"):
        for name, wanted in (("all values", None), ("one result", results)):
            found: list[int] = []
            for _ in range(repeats):
                with tempfile.TemporaryDirectory(dir=_memory()) as folder, joblib.parallel_config(temp_folder=folder):
                    scheduler = ParallelScheduler(RunConfig(jobs=2, backend=backend))
                    scheduler.execute(DAG([Node("warm", fn=make, after=())]), {"megabytes": 1})
                    with peak(folder, found):
                        assert scheduler.execute(dag, results=wanted).success
            figures[f"{backend}, {name}"] = statistics.median(found) / MB
            print(f"  {backend + ', ' + name:32} {statistics.median(found) / MB:8.0f}")
    return figures


def _memory() -> str | None:
    return "/dev/shm" if os.path.isdir("/dev/shm") else None


def main() -> None:
    """Print tables and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=100)
    given = parser.parse_args()
    figures = {"seconds": journeys(given.megabytes, given.repeats), "peak megabytes": peaks(8, min(given.repeats, 3))}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
