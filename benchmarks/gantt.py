"""Gantt charts of 100 to 10,000 nodes: what the bookkeeping of a run's events costs, then timeline, picture and text.

The bookkeeping is the part of a fold that only a chart needs (``replay.spans``): it is measured against the same fold
without it, in turn, A B A B; medians, with the quarters beside them. Targets: 10,000 nodes in any number of lanes are
drawn in less than a second and less than 300 kB. Prints tables and one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from orchestra_nb.bus import Event
from orchestra_nb.display.gantt.bars import Timeline
from orchestra_nb.display.gantt.svg import gantt_svg
from orchestra_nb.display.gantt.text import gantt_text
from orchestra_nb.display.gantt.timeline import timeline_of
from orchestra_nb.eventlog.reading import LoggedRun
from orchestra_nb.events import NodeEnded, NodeQueued, NodeStarted, RunStarted
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.model import Node, NodeId, Outcome, RunId
from orchestra_nb.replay import ReplayState, RunReplay
from orchestra_nb.replay.fold import Fold
from orchestra_nb.replay.spans import Spans
from orchestra_nb.simulation import simulate


class NoSpans(Spans):
    """Hears everything and keeps nothing."""

    def queue(self, node: NodeId, at: float) -> None:
        """Keep nothing."""

    def begin(self, node: NodeId, at: float, lane: str) -> None:
        """Keep nothing."""

    def end(self, node: NodeId) -> None:
        """Keep nothing."""


def run_of(count: int, lanes: int) -> tuple[DAG, list[Event]]:
    """Make a run of so many nodes of random lengths, and its events."""
    chance = random.Random(count)
    dag = DAG([Node(NodeId(f"node-{i}"), cost=chance.expovariate(1)) for i in range(count)])
    slots = simulate(dag, lanes).rows
    told: list[tuple[float, int, Event]] = [(0.0, 0, RunStarted(0.0, count, lanes, "threading"))]
    for slot in slots:
        outcome = Outcome(slot.node, "done", started=slot.start, ended=slot.end, attempts=1, worker="w", queued=0.0)
        told.append((0.0, 1, NodeQueued(0.0, slot.node)))
        told += [
            (slot.start, 3, NodeStarted(slot.start, slot.node, "thread")),
            (slot.end, 2, NodeEnded(slot.end, outcome)),
        ]
    told.sort(key=lambda entry: entry[:2])
    return dag, [event for _, _, event in told]


def folded(dag: DAG, events: list[Event], spans: type[Spans]) -> float:
    """Seconds of CPU for one fold."""
    fold = Fold(dag)
    fold.hear(events[0])
    fold.spans = spans()
    begun = time.process_time()
    for event in events[1:]:
        fold.hear(event)
    return time.process_time() - begun


def quarters(times: list[float]) -> tuple[float, float, float]:
    """The median, and the quarters around it."""
    low, middle, high = statistics.quantiles(times, n=4)
    return middle, low, high


def timed(what: Callable[[], object], rounds: int) -> list[float]:
    """Seconds of CPU, round by round."""
    found = []
    for _ in range(rounds):
        begun = time.process_time()
        what()
        found.append(time.process_time() - begun)
    return found


def bookkeeping(count: int, rounds: int) -> dict[str, Any]:
    """Compare a fold with one that keeps nothing for charts."""
    dag, events = run_of(count, 8)
    kinds: dict[str, type[Spans]] = {"with": Spans, "without": NoSpans}
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, kind in kinds.items():
            times[name].append(folded(dag, events, kind))
    told = {name: quarters(found)[0] for name, found in times.items()}
    each = (told["with"] - told["without"]) / count * 1e6
    shown = "  ".join(f"{name} {seconds * 1e3:8.1f} ms" for name, seconds in told.items())
    print(f"{count:>7,} nodes  fold {shown}  {each:+.2f} µs a node")
    return {"nodes": count, **told, "microseconds_a_node": each}


def drawn(count: int, lanes: int, rounds: int) -> dict[str, Any]:
    """Measure a chart of a run that still goes on, step by step."""
    dag, events = run_of(count, lanes)
    replay = RunReplay(LoggedRun(DagBuilt(0.0, RunId("r"), "", dag), tuple(events), tuple(range(len(events)))))
    half: ReplayState = replay.after(len(events) - lanes)
    half.nodes  # noqa: B018  (every view of the moment reads them)
    whole: Timeline = timeline_of(half)
    steps = {
        "timeline": timed(lambda: timeline_of(half), rounds),
        "svg": timed(lambda: gantt_svg(whole, whole), rounds),
        "text": timed(lambda: gantt_text(whole), rounds),
    }
    size = len(gantt_svg(whole, whole).encode())
    shown = "  ".join(f"{name} {m * 1e3:7.1f} ms ({a * 1e3:.1f}-{b * 1e3:.1f})" for name, (m, a, b) in
                      ((name, quarters(times)) for name, times in steps.items()))  # fmt: skip
    print(f"{count:>7,} nodes {lanes:>4} lanes  {shown}  {size / 1000:6.0f} kB")
    return {
        "nodes": count,
        "lanes": lanes,
        "bytes": size,
        **{name: quarters(times)[0] for name, times in steps.items()},
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small and few")
    quick = parser.parse_args().quick
    sizes, rounds = ((100, 500), 4) if quick else ((100, 1_000, 10_000), 9)
    print("what a chart adds to the bookkeeping of events")
    kept = [bookkeeping(count, rounds) for count in sizes]
    print("a chart with a plan behind it, in seconds of CPU")
    charts = [drawn(count, lanes, rounds) for count in sizes for lanes in (4, 40, min(400, count))]
    most = max(chart["timeline"] + chart["svg"] for chart in charts)
    large = max(chart["bytes"] for chart in charts)
    checks = [
        {"what": "drawn in under 1 s", "found": most, "verdict": "ok" if most < 1 else "missed"},
        {"what": "under 300 kB", "found": large, "verdict": "ok" if large < 300_000 else "missed"},
    ]
    for check in checks:
        print(f"{check['verdict']:>7}  {check['what']}: {check['found']:,.2f}")
    print(json.dumps({"gantt": {"kept": kept, "charts": charts}, "checks": checks}))


if __name__ == "__main__":
    main()
