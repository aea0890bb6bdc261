"""What a dashboard costs the run that it shows, and how much it sends.

Runs of 10,000 short nodes (chains of ten, so levels are wide), with the dashboard live and without, in turn: nodes that
do nothing, where every microsecond of the driver counts, and nodes that wait a millisecond. "on" is all that a session
does for one: it follows the bus, looks, makes panels, and hands them to a real widget whose channel counts what it is
given as JSON. Medians on the clock and of CPU: what is used of CPU beyond the run without, as a share of its time, is
the steadier of the two where others work on the machine. Targets:

====  ==================================================================================================================
P14   a run of 10,000 short nodes with a dashboard: at most 2 % longer than without
J3    at most 10 messages and 200 kB a second, however many events
====  ==================================================================================================================
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from comparing.measuring import Check, in_turn, print_microseconds, report
from orchestra_nb.config import RunConfig
from orchestra_nb.display.live.dashboard import LiveDashboard
from orchestra_nb.display.live.watching import Watching
from orchestra_nb.display.live.widget import DashboardWidget
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.scheduler import ParallelScheduler

OFF, ON = "without a dashboard", "with a dashboard"


def chains(nodes: int, body: Callable[[], object]) -> DAG:
    return DAG(
        Node(f"n{i}", fn=body, after=[f"n{i - 1}"] if i % 10 else [], phase=f"phase {i % 10}") for i in range(nodes)
    )


def wait() -> None:
    time.sleep(0.001)


class Wire:
    """Counts what is sent, as JSON."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, int]] = []

    def listen(self, widget: DashboardWidget) -> None:
        self.count("open", widget._model.get_state())
        widget.comm.publish_msg = self.count

    def count(self, kind: str, data: Any = None, **more: Any) -> None:
        self.sent.append((time.perf_counter(), len(json.dumps(data, default=str))))


class NoFrames:
    """Nobody asks for frames."""

    def name(self, key: str) -> str:
        return f"orchestra_{key}"

    def keep(self, key: str, frame: Any) -> str:
        return self.name(key)


def shown(dag: DAG, wire: Wire) -> Callable[[], RunResult]:
    scheduler = ParallelScheduler(RunConfig(jobs=2, history=False))
    watching = Watching(scheduler, scheduler.config, dag)
    live = LiveDashboard(watching.snapshot, scheduler, NoFrames(), wire.listen)

    def run() -> RunResult:
        with watching.attached(scheduler.bus):
            live.start(watching.nodes)
            try:
                return scheduler.execute(dag)
            finally:
                live.silence()

    return run


def busiest(sent: list[tuple[float, int]]) -> tuple[int, int]:
    """The most messages, and characters, of any second."""
    windows = [[size for at, size in sent if first <= at < first + 1.0] for first, _ in sent]
    return max(map(len, windows), default=0), max(map(sum, windows), default=0)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="see that it runs; the figures mean nothing")
    asked = parser.parse_args()
    nodes, repeats = (200, 1) if asked.quick else (10_000, asked.repeats)
    checks, figures = [], {}
    for title, body in (("do nothing", int), ("wait 1 ms", wait)):
        dag, wires = chains(nodes, body), []

        def off(dag: DAG = dag) -> Callable[[], RunResult]:
            scheduler = ParallelScheduler(RunConfig(jobs=2, history=False))
            return lambda: scheduler.execute(dag)

        def on(dag: DAG = dag, wires: list[Wire] = wires) -> Callable[[], RunResult]:
            wires.append(Wire())
            return shown(dag, wires[-1])

        found = in_turn({OFF: off, ON: on}, repeats)
        print_microseconds(f"microseconds per node, {nodes:,} nodes that {title}, {repeats} times", found, nodes)
        ratio = found[ON].median / found[OFF].median
        messages, characters = max(busiest(wire.sent) for wire in wires)
        rate = median(
            sum(size for _, size in wire.sent) / seconds for wire, seconds in zip(wires, found[ON].seconds, strict=True)
        )
        print(f"sent: {median(len(wire.sent) for wire in wires):g} messages, {rate / 1000:.0f} kB/s over the run")
        more = (median(found[ON].cpu) - median(found[OFF].cpu)) / found[OFF].median
        checks += [
            Check("P14", f"nodes that {title}: with a dashboard, of the time without", ratio, 1.02),
            Check("P14", f"nodes that {title}: CPU of the dashboard, of the time without", more, 0.02),
            Check("J3", f"nodes that {title}: messages in any second", messages, 10),
            Check("J3", f"nodes that {title}: kB in a second, over the run", rate / 1000, 200),
        ]
        figures[title] = {
            "ratio": ratio,
            "cpu": more,
            "messages": messages,
            "most_in_a_second": characters,
            "per_second": rate,
        }
    print(json.dumps({"dashboard": figures, "checks": report(checks)}))


if __name__ == "__main__":
    main()
