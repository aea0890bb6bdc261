"""Everyone who can do the work: this package, other libraries, and what one would write by hand.

Each function takes the work and a number of workers and returns what is to be timed. Bringing the work into somebody's
own shape (nodes, a dictionary of tuples, a sorter) is not timed; what is derived from that shape (signatures, ranks,
levels, checks) is, as each run pays for it. Pools of threads are started and ended within the time, as ours are.

By hand, twice: a pool that is fed by ``graphlib`` (finished futures come back through a queue, which was quicker than
``concurrent.futures.wait``: that one registers with every pending future each time it is called), and threads that take
ready tasks themselves and hand on what became ready, under one lock and without futures: the floor.
"""

from __future__ import annotations

import graphlib
import importlib
import inspect
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from heapq import heappop, heappush
from importlib.util import find_spec
from queue import SimpleQueue
from threading import Condition, Lock, Thread
from typing import Any

from joblib import Parallel, delayed

from comparing.work import Work
from orchestra_nb import DAG, EventBus, ParallelScheduler, RunConfig

Run = Callable[[], object]
Make = Callable[[Work, int], Run]


@cache
def optional(module: str) -> Any:
    """Return the module, loaded only when it is first asked for, or ``None`` where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def missing() -> list[str]:
    """Say which of those who could be compared are not installed."""
    return [name for name in ("dask", "pipefunc") if not find_spec(name)]


def ours(work: Work, workers: int, **knobs: Any) -> Run:
    dag = DAG(work.nodes())
    scheduler = ParallelScheduler(RunConfig(jobs=workers, **knobs))
    return lambda: scheduler.execute(dag)


def ours_observed(work: Work, workers: int) -> Run:
    """As ours, with somebody who is told of every event."""
    dag, bus, seen = DAG(work.nodes()), EventBus(), deque[object](maxlen=1)
    bus.on("*", seen.append)
    scheduler = ParallelScheduler(RunConfig(jobs=workers), bus)
    return lambda: scheduler.execute(dag)


def serial_loop(work: Work, workers: int) -> Run:
    """One after another, as they become ready."""

    def run() -> None:
        calls, users = work.calls, work.users
        lacking = [len(before) for before in work.needs]
        ready = deque(task for task, number in enumerate(lacking) if not number)
        while ready:
            task = ready.popleft()
            calls[task]()
            for user in users[task]:
                lacking[user] -= 1
                if not lacking[user]:
                    ready.append(user)

    return run


class Crew:
    """Threads that take what is ready: first come first served, or the highest rank first."""

    def __init__(self, work: Work, ranked: bool) -> None:
        order = work.by_rank if ranked else list(range(len(work)))
        place = {task: position for position, task in enumerate(order)}  # a task's number is its place in the order
        self._calls = [work.calls[task] for task in order]
        self._users = [[place[user] for user in work.users[task]] for task in order]
        self._lacking = [len(work.needs[task]) for task in order]
        first = [task for task, number in enumerate(self._lacking) if not number]  # in order, so it is a heap
        self._ready: Any = first if ranked else deque(first)
        self._put: Any = heappush if ranked else deque.append
        self._take: Any = heappop if ranked else deque.popleft
        self._left = len(order)
        self._change = Condition(Lock())

    def run(self, workers: int) -> None:
        threads = [Thread(target=self._serve) for _ in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _serve(self) -> None:
        change, ready, put, take, lacking = self._change, self._ready, self._put, self._take, self._lacking
        task = -1
        while True:
            with change:
                if task >= 0:
                    before = len(ready)
                    for user in self._users[task]:
                        lacking[user] -= 1
                        if not lacking[user]:
                            put(ready, user)
                    self._left -= 1
                    if not self._left:
                        change.notify_all()
                    elif len(ready) > before + 1:  # one of them is for this thread
                        change.notify(len(ready) - before - 1)
                while self._left and not ready:
                    change.wait()
                if not ready:
                    return
                task = take(ready)
            self._calls[task]()


def threads(work: Work, workers: int) -> Run:
    crew = Crew(work, ranked=False)
    return lambda: crew.run(workers)


def ranked_threads(work: Work, workers: int) -> Run:
    crew = Crew(work, ranked=True)
    return lambda: crew.run(workers)


def graphlib_pool(work: Work, workers: int) -> Run:
    sorter = graphlib.TopologicalSorter(dict(enumerate(work.needs)))
    ended: SimpleQueue[Future[int]] = SimpleQueue()
    calls = work.calls

    def perform(task: int) -> int:
        calls[task]()
        return task

    def run() -> None:
        sorter.prepare()
        with ThreadPoolExecutor(workers) as pool:
            while sorter.is_active():
                for task in sorter.get_ready():
                    pool.submit(perform, task).add_done_callback(ended.put)
                sorter.done(ended.get().result())

    return run


def joblib_levels(work: Work, workers: int, backend: str = "threading") -> Run:
    """One ``Parallel`` that is kept, and a call of it for each level."""
    levels = [[delayed(work.calls[task])() for task in level] for level in work.levels]

    def run() -> None:
        with Parallel(n_jobs=workers, backend=backend) as parallel:
            for level in levels:
                parallel(level)

    return run


def dask_threaded(work: Work, workers: int) -> Run:
    graph = {
        f"n{task}": (call, *(f"n{needed}" for needed in before))
        for task, (call, before) in enumerate(zip(work.calls, work.needs, strict=True))
    }
    last = [f"n{task}" for task, users in enumerate(work.users) if not users]
    get = optional("dask.threaded").get
    return lambda: get(graph, last, num_workers=workers)


def pipefunc_threads(work: Work, workers: int) -> Run:
    pipefunc = optional("pipefunc")
    pipeline = pipefunc.Pipeline(
        [
            pipefunc.PipeFunc(_with_parameters(call, [f"n{needed}" for needed in before]), output_name=f"n{task}")
            for task, (call, before) in enumerate(zip(work.calls, work.needs, strict=True))
        ]
    )

    def run() -> None:
        with ThreadPoolExecutor(workers) as pool:
            pipeline.map({}, executor=pool, run_folder=None, storage="dict", show_progress=False)

    return run


def _with_parameters(call: Callable[..., None], names: list[str]) -> Callable[..., None]:
    def body(**values: object) -> None:
        call()

    named = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
    body.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    return body
