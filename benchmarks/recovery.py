"""What it costs to be careful: a retry or a circuit breaker around a call, a refusal, a checkpoint after each node.

Beside the bare call and, for the retry, tenacity itself, in turn, in the same run; medians with their spread. Prints a
table and one line of JSON. Targets, checked at the end:

====  ================================================================================================================
W7    a rest between two attempts ends at most 0.1 s after it was cancelled, in a thread and in a task
W8    a closed breaker adds at most 20 microseconds to a call, an open one refuses within 100; 8 parallel calls of 0.3 s
      through one breaker take at most 0.5 s, in threads and in tasks
P12   a checkpoint after a node takes at most 5 ms when it is durable, 0.3 ms in fast mode: a chain of nodes that make
      small mappings, against the same in memory
====  ================================================================================================================
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from tenacity import Retrying, stop_after_attempt

from comparing.measuring import Check, in_turn, print_microseconds, report, warmed
from orchestra_nb.config import BreakerPolicy, Checkpointing, RetryPolicy, RunConfig
from orchestra_nb.errors import CircuitOpenError
from orchestra_nb.events import EventBus
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId
from orchestra_nb.recovery.breakers import Breakers
from orchestra_nb.recovery.retrying import Retries, Surroundings
from orchestra_nb.running.scheduler import ParallelScheduler

CLOSED, OPEN = "ours, closed breaker", "ours, open breaker refuses"
ONCE, TWICE = "ours, retry, no failure", "ours, retry, one failure"
LATE = 3600.0


def nothing() -> None:
    """The call that is made."""


def fails() -> None:
    raise ConnectionError("refused")


def repeated(call: Callable[[], object], times: int) -> Callable[[], Callable[[], None]]:
    def run() -> None:
        for _ in range(times):
            call()

    return lambda: run


def opened() -> Breakers:
    """Breakers whose circuit ``db`` is open for an hour."""
    breakers = Breakers(BreakerPolicy(threshold=1, rest=LATE))
    with suppress(ConnectionError):
        breakers.call("db", fails)
    return breakers


def refused(breakers: Breakers) -> None:
    try:
        breakers.call("db", nothing)
    except CircuitOpenError:
        return
    raise RuntimeError("the circuit is not open")


def second_time_lucky(retries: Retries) -> None:
    fail = [True]

    def body() -> None:
        if fail:
            fail.clear()
            fails()

    retries.call(body)


def per_call(times: int, repeats: int) -> dict[str, float]:
    """Microseconds for one call, by what is around it."""
    windowed = Breakers(BreakerPolicy(rate=0.5, window=1.0))
    alone = Surroundings(sleep=lambda seconds: None)
    calls: dict[str, Callable[[], object]] = {
        "bare call": nothing,
        CLOSED: partial(Breakers().call, "db", nothing),
        "ours, closed, with a window": partial(windowed.call, "db", nothing),
        OPEN: partial(refused, opened()),
        ONCE: partial(Retries(RetryPolicy(attempts=3)).call, nothing),
        TWICE: partial(second_time_lucky, Retries(RetryPolicy(attempts=3), surroundings=alone)),
        "tenacity, no failure": partial(Retrying(stop=stop_after_attempt(3), reraise=True), nothing),
    }
    found = in_turn({name: repeated(call, times) for name, call in calls.items()}, repeats)
    print_microseconds(f"microseconds per call, medians of {repeats} times {times:,}", found, times)
    return {name: each.median / times * 1e6 for name, each in found.items()}


def side_by_side(seconds: float) -> dict[str, float]:
    """Seconds that 8 parallel calls take through one breaker."""
    breakers = Breakers()

    def threads() -> None:
        work = partial(breakers.call, "db", partial(time.sleep, seconds))
        running = [threading.Thread(target=work) for _ in range(8)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()

    async def tasks() -> None:
        await asyncio.gather(*(breakers.call_async("db", partial(asyncio.sleep, seconds)) for _ in range(8)))

    found = {}
    for name, run in (("threads", threads), ("tasks", lambda: asyncio.run(tasks()))):
        began = time.perf_counter()
        run()
        found[name] = time.perf_counter() - began
        print(f"8 {name}, {seconds} s each through one breaker: {found[name]:.3g} s")
    return found


def cancelled_thread() -> float:
    """Seconds from the cancellation of a rest to its end."""
    bus, cancel, rests = EventBus(), threading.Event(), threading.Event()
    bus.on("recovery:retrying", lambda event: rests.set(), inline=True)
    retries = Retries(RetryPolicy(attempts=2, initial_delay=LATE, max_delay=LATE), bus=bus)
    ended: list[float] = []

    def work() -> None:
        with suppress(ConnectionError):
            retries.call(fails, cancel=cancel)
        ended.append(time.perf_counter())

    thread = threading.Thread(target=work)
    thread.start()
    rests.wait()
    time.sleep(0.01)  # until it does rest
    began = time.perf_counter()
    cancel.set()
    thread.join()
    return ended[0] - began


def cancelled_task() -> float:
    """Seconds from the cancellation of a task that rests to its end."""

    async def main() -> float:
        retries = Retries(RetryPolicy(attempts=2, initial_delay=LATE, max_delay=LATE))
        task = asyncio.ensure_future(retries.call_async(fails))
        await asyncio.sleep(0.01)
        began = time.perf_counter()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return time.perf_counter() - began

    return asyncio.run(main())


def chain(nodes: int) -> DAG:
    """Nodes that wait for each other: nothing of what one costs is hidden behind another."""

    def first() -> dict[str, int]:
        return {"n": 0}

    def after(before: dict[str, int]) -> dict[str, int]:
        return {"n": before["n"] + 1}

    body: dict[str, Any] = {"after": after}
    made = [Node(NodeId("n0"), fn=first)]
    for number in range(1, nodes):
        fn = eval(f"lambda n{number - 1}: after(n{number - 1})", body)
        made.append(Node(NodeId(f"n{number}"), fn=fn, after=(NodeId(f"n{number - 1}"),), index=number))
    return DAG(made)


def per_checkpoint(nodes: int, repeats: int) -> dict[str, float]:
    """Milliseconds for one node of a chain, by where its checkpoint goes."""
    dag = chain(nodes)
    with tempfile.TemporaryDirectory() as folder:

        def run(mode: Checkpointing) -> Callable[[], None]:
            def once() -> None:
                config = RunConfig(jobs=2, history=False, checkpoint=mode, cache=folder)
                result = ParallelScheduler(config).execute(dag)
                if not result.success or result.unsaved:
                    raise RuntimeError(result.unsaved or "the chain failed")

            return once

        def bare() -> None:
            with open(os.path.join(folder, "bare"), "wb", buffering=0) as file:
                for _ in range(nodes):
                    file.write(b"x" * 400)
                    os.fsync(file.fileno())

        modes: tuple[Checkpointing, ...] = ("memory", "fast", "durable")
        calls = {mode: warmed(partial(run, mode)) for mode in modes}
        found = in_turn({**calls, "a bare write and sync": lambda: bare}, repeats)
    print(f"\nmilliseconds per node, a chain of {nodes} nodes, medians of {repeats}")
    for name, each in found.items():
        print(f"{name:32}{each.median / nodes * 1e3:>10.3g}{each.spread(nodes / 1e3):>20}")
    return {name: each.median / nodes * 1e3 for name, each in found.items()}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="see that it runs; the figures mean nothing")
    asked = parser.parse_args()
    calls = per_call(50 if asked.quick else 20_000, 1 if asked.quick else asked.repeats)
    print()
    parallel = side_by_side(0.01 if asked.quick else 0.3)
    tries = 2 if asked.quick else 50
    stops = {
        "thread": max(cancelled_thread() for _ in range(tries)),
        "task": max(cancelled_task() for _ in range(tries)),
    }
    checks = [Check("W7", f"a {name} that rests is cancelled: worst, s", found, 0.1) for name, found in stops.items()]
    added = calls[CLOSED] - calls["bare call"]
    checks.append(Check("W8", "a closed breaker: microseconds added to a call", added, 20.0))
    checks.append(Check("W8", "an open breaker: microseconds for a refusal", calls[OPEN], 100.0))
    checks += [Check("W8", f"8 {name}, 0.3 s each: seconds", found, 0.5) for name, found in parallel.items()]
    nodes = 10 if asked.quick else 300
    each = per_checkpoint(nodes, 1 if asked.quick else asked.repeats)
    checks.append(Check("P12", "a durable checkpoint: milliseconds", each["durable"] - each["memory"], 5.0))
    checks.append(Check("P12", "a fast checkpoint: milliseconds", each["fast"] - each["memory"], 0.3))
    kept = report(checks)
    figures = {"per_call_us": calls, "parallel_s": parallel, "cancelled_s": stops, "checkpoint_ms": each}
    print(json.dumps({"recovery": figures, "checks": kept}))


if __name__ == "__main__":
    main()
