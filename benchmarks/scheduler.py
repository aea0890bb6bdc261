"""What the scheduler itself costs: nodes that do nothing, values that travel, nodes that only wait.

Chains, fan-outs and layered random graphs of 1,000 and 10,000 nodes, ours on two threads and on none, beside dask,
pipefunc, graphlib with a pool, joblib level by level, a serial loop, and threads written by hand that take what is
ready (the floor). Everyone has the same bodies, and a fresh graph in each repeat; see ``comparing/``. Medians of wall
time with their spread; a peer that would take minutes is measured on a smaller graph of the family, which is marked,
and compared by its time per node. Prints tables and one line of JSON. Targets, checked at the end:

====  ================================================================================================================
P1    time per node on threads at most 0.6 of graphlib with a pool and 0.12 of dask.threaded in every family; the aim is
      3 times the floor
P2    with one job at most 8 microseconds per node
P4    ``schedule="levels"`` no slower than a bare ``joblib.Parallel`` per level
P16   an array of 100 MB back from a process, and read: at most 0.3 of plain loky
P17   10,000 nodes: at most 60 MB over an idle process, graph included
P18   1,000 coroutines that wait a second: under 1.3 s, one thread, under 20 MB
====  ================================================================================================================

Cost grows linearly: ``--large`` goes on to 100,000 nodes and shows the slope. The memory of values that nodes hand on
is shown for a run that is asked for all of them and for one that is asked for the last.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

from comparing import peers
from comparing.footprint import in_child, measure
from comparing.measuring import Check, Times, in_turn, report, warmed
from comparing.travel import travel
from comparing.work import FAMILIES, Work, layered

THREADS, SERIAL, OBSERVED = "ours, 2 threads", "ours, 1 job", "ours, 2 threads, observed"
POOL, DASK, FLOOR = "graphlib + pool", "dask.threaded", "threads by hand"


Found = tuple[dict[str, Any], list[Check]]
"""Figures by name, and the targets that they belong to."""


@dataclass(frozen=True)
class Contender:
    """Somebody who runs graphs, and how large a graph of a family it is given."""

    make: peers.Make
    most: dict[str, int] = field(default_factory=dict)

    def size(self, family: str, asked: int) -> int:
        return min(asked, self.most.get(family, asked))


def contenders() -> dict[str, Contender]:
    found = {
        THREADS: Contender(peers.ours),
        SERIAL: Contender(lambda work, workers: peers.ours(work, 1)),
        OBSERVED: Contender(peers.ours_observed),
        FLOOR: Contender(peers.threads),
        "serial loop by hand": Contender(peers.serial_loop),
        POOL: Contender(peers.graphlib_pool),
        "joblib, level by level": Contender(peers.joblib_levels, {"chain": 50}),  # it polls every 10 ms
    }
    if "dask" not in peers.missing():
        found[DASK] = Contender(peers.dask_threaded)
    if "pipefunc" not in peers.missing():
        found["pipefunc, threads"] = Contender(peers.pipefunc_threads, dict.fromkeys(FAMILIES, 200))
    return found


def idle_nodes(sizes: list[int], repeats: int) -> Found:
    """P1 and P2: microseconds per node where nodes do nothing."""
    figures: dict[str, float] = {}
    checks = []
    for family, shape in FAMILIES.items():
        for size in sizes:
            known = contenders()
            works = {name: shape(one.size(family, size)) for name, one in known.items()}
            found = in_turn({name: partial(known[name].make, works[name], 2) for name in known}, repeats)
            per_node = {name: times.median / len(works[name]) * 1e6 for name, times in found.items()}
            _print_nodes(f"{family}, {size:,} nodes", works, found, per_node)
            figures |= {f"{family}, {size}, {name}": value for name, value in per_node.items()}
            checks += _of_nodes(f"{family}, {size:,}", per_node)
    return figures, checks


def _print_nodes(title: str, works: dict[str, Work], found: dict[str, Times], per_node: dict[str, float]) -> None:
    cpu = {name: median(times.cpu) / len(works[name]) * 1e6 for name, times in found.items()}
    print(f"\n{title}; microseconds per node, medians of {len(found[THREADS].seconds)}")
    print(f"{'':28}{'per node':>10}{'spread':>20}{'of CPU':>10}{'ours on threads / this':>25}{'of CPU':>8}")
    whole = max(map(len, works.values()))
    for name, times in found.items():
        size = len(works[name])
        mark = f"  on {size:,} nodes" if size < whole else ""
        row = f"{per_node[name]:>10.3g}{times.spread(size / 1e6):>20}{cpu[name]:>10.3g}"
        print(f"{name:28}{row}{per_node[THREADS] / per_node[name]:>25.3g}{cpu[THREADS] / cpu[name]:>8.3g}{mark}")


def _of_nodes(where: str, per_node: dict[str, float]) -> list[Check]:
    threads = per_node[THREADS]
    against = [(POOL, 0.6), (DASK, 0.12), (FLOOR, 3.0)]
    return [
        *(
            Check("P1", f"{where}: {'aim, ' if name == FLOOR else ''}over {name}", threads / per_node[name], limit)
            for name, limit in against
            if name in per_node
        ),
        Check("P2", f"{where}: microseconds per node with one job", per_node[SERIAL], 8.0),
    ]


def levels(scale: float, repeats: int) -> Found:
    """P4: levels, ours and with a bare loop; at a scale below 1 without processes, which take a while to start."""
    cases = {
        "threads, nodes that do nothing": (layered(int(1_000 * scale)), "threading"),
        "threads, nodes of 1 ms": (layered(int(200 * scale), seconds=0.001), "threading"),
    }
    if scale >= 1:
        cases["loky, nodes that do nothing"] = layered(int(200 * scale)), "loky"
    figures: dict[str, float] = {}
    checks = []
    print(f"\nlevel by level on 2 workers; milliseconds, medians of {repeats}")
    print(f"{'':38}{'ours':>10}{'spread':>18}{'joblib':>10}{'spread':>18}")
    for what, (work, backend) in cases.items():
        makers = {
            "ours": partial(peers.ours, work, 2, schedule="levels", backend=backend),
            "joblib": partial(peers.joblib_levels, work, 2, backend=backend),
        }
        found = in_turn({who: warmed(make) for who, make in makers.items()}, repeats)
        name = f"{what}, {len(work):,}"
        row = "".join(f"{times.median * 1e3:>10.4g}{times.spread(1e-3):>18}" for times in found.values())
        print(f"{name:38}{row}")
        figures |= {f"{name}, {who}": times.median for who, times in found.items()}
        checks.append(Check("P4", f"{name}: over joblib", found["ours"].median / found["joblib"].median, 1.0))
    return figures, checks


Measure = Callable[..., dict[str, Any]]


def footprints(nodes: int, agents: int, wait: float, megabytes: float, measured: Measure) -> Found:
    """P17, P18 and values that are let go: each in a process of its own."""
    run, waiting = in_child("run", f"{nodes}"), measured("agents", f"{agents}", f"{wait}")
    hows = ["all asked for", "last asked for", "by hand", *(["dask"] if "dask" not in peers.missing() else [])]
    kept = {how: measured("values", how, f"{megabytes}")["megabytes"] for how in hows}
    print(f"\npeak of {nodes:,} nodes over idle: " + ", ".join(f"{k} {v:.3g}" for k, v in run.items()))
    print(f"{agents:,} coroutines that wait {wait:g} s: " + ", ".join(f"{k} {v:.4g}" for k, v in waiting.items()))
    print(f"peak over idle of 25 nodes that hand on {megabytes:g} MB each, by what is asked for: ", end="")
    print(", ".join(f"{how} {peak:.4g} MB" for how, peak in kept.items()))
    of_agents = f"{agents:,} coroutines"
    if not waiting["success"]:
        of_agents += " (stopped at the limit)"
    more = 1 + waiting["threads"] - waiting["threads with one agent"]
    checks = [
        Check("P17", f"{nodes:,} nodes: MB over idle", run["megabytes"], 60),
        Check("P18", f"{of_agents}: seconds over the wait", waiting["seconds"] - wait, 0.3),
        Check("P18", f"{of_agents}: threads", max(waiting["threads of agents"], more), 1),
        Check("P18", f"{of_agents}: MB", waiting["megabytes"], 20),
        Check(
            "memory", "last value asked for: peak over that of all", kept["last asked for"] / kept["all asked for"], 0.6
        ),
    ]
    return {"run": run, "agents": waiting, "values": kept}, checks


def slope(sizes: list[int], repeats: int) -> dict[str, float]:
    """Time by size: what grows linearly has the same figure everywhere."""
    figures: dict[str, float] = {}
    print(f"\nslope: layered, microseconds per node and edge, medians of {repeats}")
    print(f"{'':28}" + "".join(f"{size:>12,}" for size in sizes))
    rows: dict[str, list[float]] = {THREADS: [], SERIAL: [], FLOOR: []}
    for size in sizes:
        work = layered(size)
        edges = sum(map(len, work.needs))
        known = contenders()
        for name, times in in_turn({name: partial(known[name].make, work, 2) for name in rows}, repeats).items():
            rows[name].append(times.median / (size + edges) * 1e6)
            figures[f"{name}, {size}"] = rows[name][-1]
    for name, row in rows.items():
        print(f"{name:28}" + "".join(f"{value:>12.3g}" for value in row))
    return figures


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--large", action="store_true", help="go on to 100,000 nodes")
    parser.add_argument("--quick", action="store_true", help="see that it runs; the figures mean nothing")
    asked = parser.parse_args()
    for name in peers.missing():
        print(f"{name} is not installed, and is left out")
    quick, repeats = asked.quick, 1 if asked.quick else asked.repeats
    nodes, of_nodes = idle_nodes([100] if quick else [1_000, 10_000], repeats)
    by_level, of_levels = levels(0.05 if quick else 1.0, repeats)
    back, of_back = travel(1.0 if quick else 100.0, repeats)
    prints, of_prints = footprints(*((100, 10, 0.1, 1.0, measure) if quick else (10_000, 1_000, 1.0, 20.0, in_child)))
    sizes = [100, 200] if quick else [1_000, 10_000, *([100_000] if asked.large else [])]
    grows = slope(sizes, repeats)
    checks = report([*of_nodes, *of_levels, *of_back, *of_prints])
    figures = {"idle_us": nodes, "levels_s": by_level, "travel_s": back, "footprint": prints, "slope_us": grows}
    print(json.dumps({"scheduler": figures, "checks": checks}))


if __name__ == "__main__":
    main()
