"""What a simulation costs: graphs of 100 to 100,000 nodes, on the plan machine alone and on the driver of a run.

Layered graphs in which a node needs two of the fifty before it, and random costs; a fresh graph each time, so that all
that follows from it (levels, ranks, the longest way) is worked out within the time. *Plain* is what ``simulate`` does
of such a graph. *Driver* is what it does where nodes use resources: here every third node one of four places of ``db``.
*Ways* is what a thousand simulations with drawn durations take of the first graph. Seconds of this process's CPU,
medians; the slope is the exponent of n between the sizes, 1 for what grows as the graph does.

P19: 1,000 nodes in 20 ms, 100,000 in 3 s. Prints tables and one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
from collections.abc import Callable
from functools import partial
from itertools import pairwise

from comparing.measuring import Check, Times, in_turn, report
from orchestra_nb import DAG, Node, simulate, simulate_many

SIZES = (100, 1_000, 10_000, 100_000)
RESOURCES = {"db": 4}


def graph_of(size: int, *, shared: bool) -> DAG:
    """Make a graph of so many nodes."""
    chance = random.Random(size)
    return DAG(
        Node(
            f"n{i}",
            index=i,
            after=[f"n{j}" for j in sorted({chance.randrange(max(0, i - 50), i) for _ in range(2)})] if i else (),
            cost=chance.random(),
            uses=("db",) if shared and i % 3 == 0 else (),
        )
        for i in range(size)
    )


def ready(size: int, *, shared: bool) -> Callable[[], object]:
    """Make a fresh graph, and what simulates it."""
    return partial(simulate, graph_of(size, shared=shared), 8, resources=RESOURCES if shared else None)


def cpu(times: Times) -> float:
    """The median of the CPU's seconds."""
    return statistics.median(times.cpu)


def table(name: str, found: dict[int, Times]) -> dict[str, float]:
    """Print a row for each size, with the slope from the one before."""
    print(f"\n{name}")
    print(f"{'nodes':>10}{'ms of CPU':>14}{'µs a node':>12}{'slope':>8}{'ms on the clock':>24}")
    slopes = [math.nan] + [math.log(cpu(found[b]) / cpu(found[a])) / math.log(b / a) for a, b in pairwise(found)]
    for (size, times), slope in zip(found.items(), slopes, strict=True):
        took = cpu(times)
        print(f"{size:>10,}{took * 1e3:>14.2f}{took / size * 1e6:>12.2f}{slope:>8.2f}{times.spread(1e-3):>24}")
    return {str(size): cpu(times) for size, times in found.items()}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="see that it runs; the figures mean nothing")
    asked = parser.parse_args()
    sizes, repeats, runs = (SIZES[:2], 1, 20) if asked.quick else (SIZES, asked.repeats, 1_000)
    figures: dict[str, dict[str, float]] = {}
    checks = []
    for name, shared in (("plain", False), ("driver", True)):
        found = {size: in_turn({name: partial(ready, size, shared=shared)}, repeats)[name] for size in sizes}
        figures[name] = table(name, found)
        for size, limit in ((1_000, 20.0), (100_000, 3_000.0)):
            if size in found:
                checks.append(Check("P19", f"{name}, {size:,} nodes: ms of CPU", cpu(found[size]) * 1e3, limit))
    ways = in_turn({"ways": lambda: partial(simulate_many, graph_of(sizes[0], shared=False), 8, runs=runs)}, 1)["ways"]
    figures["ways"] = {str(runs): cpu(ways)}
    print(f"\n{runs:,} simulations of {sizes[0]} nodes with drawn durations: {cpu(ways):.2f} s of CPU")
    verdicts = report(checks)
    print(json.dumps({"simulator": figures, "checks": verdicts}))


if __name__ == "__main__":
    main()
