"""What an event costs whoever publishes it, what a log costs a run, and what a step in time costs.

In turn, in the same run; medians with their spread. Prints a table and one line of JSON. Targets, checked at the end:

====  ================================================================================================================
P13   an event costs at most 0.3 microseconds that nobody listens to, and 3 that one does
E2    beside a subscriber that sleeps, an event delays who publishes it by at most 10 ms
====  ================================================================================================================
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from comparing.measuring import Check, in_turn, print_microseconds, report
from orchestra_nb import DAG, EventBus, EventLog, Node, ParallelScheduler, Replay, RunConfig
from orchestra_nb.events import Event, RunEnded

NOBODY, OTHERS, STEP, ONE, FOUR = "nobody listens", "to others only", "one, in step", "one", "four"
SLEEPS = "one that sleeps"
FACT = RunEnded(1.0, True)


def ignore(event: Event) -> None:
    """A subscriber that does nothing."""


class Sleeper:
    """A subscriber that does not come back before it is told."""

    def __init__(self) -> None:
        self.may = threading.Event()

    def __call__(self, event: Event) -> None:
        self.may.wait()


def bus_of(name: str, sleeper: Sleeper) -> EventBus:
    """A bus with these subscribers."""
    bus = EventBus(backlog=10_000_000)
    if name == OTHERS:
        bus.on("cache:*", ignore)
    for _ in range({ONE: 1, FOUR: 4}.get(name, 0)):
        bus.on("*", ignore)
    if name == STEP:
        bus.on("*", ignore, inline=True)
    if name == SLEEPS:
        bus.on("*", sleeper)
    return bus


def per_event(times: int, repeats: int) -> dict[str, float]:
    """Microseconds that one event costs whoever publishes it, by who listens."""
    sleeper = Sleeper()

    def make(name: str) -> Callable[[], Callable[[], None]]:
        def ready() -> Callable[[], None]:
            bus = bus_of(name, sleeper)
            bus.publish(FACT)  # a first time: who listens is found once, and a thread begins

            def run() -> None:
                publish = bus.publish
                for _ in range(times):
                    publish(FACT)

            return run

        return ready

    names = (NOBODY, OTHERS, STEP, ONE, FOUR, SLEEPS)
    found = in_turn({name: make(name) for name in names}, repeats)
    sleeper.may.set()
    print_microseconds(f"microseconds per event, medians of {repeats} times {times:,}", found, times)
    return {name: each.median / times * 1e6 for name, each in found.items()}


def delays(times: int) -> float:
    """The longest that one event, published now and then, delayed who published it, in seconds."""
    sleeper, longest = Sleeper(), 0.0
    bus = bus_of(SLEEPS, sleeper)
    bus.on("*", ignore)
    for _ in range(times):
        began = time.perf_counter()
        bus.publish(FACT)
        longest = max(longest, time.perf_counter() - began)
        time.sleep(0.001)
    sleeper.may.set()
    return longest


def chains(nodes: int) -> DAG:
    """Chains of ten nodes that do nothing."""
    return DAG(Node(f"n{i}", fn=int, after=[f"n{i - 1}"] if i % 10 else []) for i in range(nodes))


def per_node(folder: Path, nodes: int, repeats: int) -> dict[str, float]:
    """Microseconds that a node of a run costs, by who listens."""
    dag, number = chains(nodes), iter(range(10**6))

    def make(name: str) -> Callable[[], Callable[[], object]]:
        def ready() -> Callable[[], object]:
            bus = EventBus()
            if name == ONE:
                bus.on("*", ignore)
            if name == "a log":
                EventLog(folder / f"{next(number)}.jsonl").attach(bus)
            scheduler = ParallelScheduler(RunConfig(jobs=2, history=False), bus)
            return lambda: scheduler.execute(dag)

        return ready

    found = in_turn({name: make(name) for name in (NOBODY, ONE, "a log")}, repeats)
    print_microseconds(
        f"microseconds per node of a run that does nothing, medians of {repeats} times {nodes:,}", found, nodes
    )
    return {name: each.median / nodes * 1e6 for name, each in found.items()}


def replayed(folder: Path, nodes: int) -> dict[str, float]:
    """Seconds to read a log, and to go through it."""
    path = folder / "long.jsonl"
    ParallelScheduler(RunConfig(jobs=2, history=False, log=str(path))).execute(chains(nodes))
    began = time.perf_counter()
    replay = Replay.read(path)
    found = {"read": time.perf_counter() - began}
    moments = replay.moments
    some = moments[:: max(1, len(moments) // 100)]
    for name, order in (("a step forward", some), ("a step back", some[::-1])):
        began = time.perf_counter()
        for at in order:
            replay.at(at)
        found[name] = (time.perf_counter() - began) / len(some)
    print(f"\na log of {len(replay.last.facts):,} events, {path.stat().st_size:,} bytes")
    for name, seconds in found.items():
        print(f"{name:32}{seconds:>10.3g} s")
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="see that it runs; the figures mean nothing")
    asked = parser.parse_args()
    repeats = 1 if asked.quick else asked.repeats
    events = per_event(100 if asked.quick else 100_000, repeats)
    longest = delays(10 if asked.quick else 1000)
    with tempfile.TemporaryDirectory() as name:
        nodes = per_node(Path(name), 50 if asked.quick else 5000, repeats)
        steps = replayed(Path(name), 50 if asked.quick else 30_000)
    checks = [
        Check("P13", "an event that nobody listens to: microseconds", max(events[NOBODY], events[OTHERS]), 0.3),
        Check("P13", "an event with one subscriber: microseconds", events[ONE], 3.0),
        Check("E2", "an event beside one that sleeps: worst, ms", longest * 1e3, 10.0),
    ]
    print()
    kept = report(checks)
    figures = {"per_event_us": events, "per_node_us": nodes, "replay_s": steps, "longest_s": longest}
    print(json.dumps({"events": figures, "checks": kept}))


if __name__ == "__main__":
    main()
