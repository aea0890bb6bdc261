"""How long graphs of uneven tasks take on 2, 4 and 8 workers: makespan over max(span, work / workers).

Thirteen graphs of about 118 tasks: nine in the shape of WfCommons' recipes, three layered random, a Cholesky
factorisation (``comparing/recipes.py``). Tasks take ``--scale`` times 5 to 50 ms and sleep, so that eight workers mean
something on two cores. In the same run and in turn: ours with the highest upward rank first, and level by level; the
same order in threads written by hand; dask.threaded; a pool that graphlib feeds first come first served; joblib with a
barrier after each level; and the ideal: the simulated schedule by upward rank, in which nothing costs anything but the
tasks. Ratios of median wall times. Then each of our policies on 4 workers, beside what the simulator says of it.

P3: geometric mean at most 1.01 of the ideal; ahead of dask.threaded and of levels on every graph. Where every order is
as good (one layer, and something that gathers it) nobody can be ahead: up to 0.5 % behind counts as level.

P20: what the seed's three commands save against one agent after another: the bound itself, 58.5, 60 and 49 %, in the
simulator and in a run where a minute takes ``--scale`` times 40 ms. Prints tables and one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import replace
from functools import partial
from typing import get_args

from comparing import peers
from comparing.commands import PROMISED, commands
from comparing.measuring import Check, in_turn, report
from comparing.recipes import graphs
from comparing.work import Work, sleeper
from orchestra_nb import DAG, ParallelScheduler, RunConfig, simulate
from orchestra_nb.config import Policy

IDEAL, OURS, LEVELS, DASK = "ideal", "ours", "ours, levels", "dask"
BEHIND = 1.005
"""How far behind somebody one may be and still count as level with them."""

Ratios = dict[str, dict[str, float]]
"""Makespan over the bound, by graph and by who did it."""


def contenders() -> dict[str, peers.Make]:
    found: dict[str, peers.Make] = {
        OURS: peers.ours,
        "ranked threads": peers.ranked_threads,
        "graphlib, FIFO": peers.graphlib_pool,
        "joblib, levels": peers.joblib_levels,
        LEVELS: partial(peers.ours, schedule="levels"),
    }
    if "dask" not in peers.missing():
        found[DASK] = peers.dask_threaded
    return found


def compare(works: list[Work], workers: int, repeats: int) -> Ratios:
    """Everyone on every graph."""
    found: Ratios = {}
    known = contenders()
    columns = [IDEAL, *known]
    print(f"\n{workers} workers: makespan over max(span, work / workers), medians of {repeats}")
    print(f"{'':20}{'tasks':>6}" + "".join(f"{name:>16}" for name in columns) + f"{'spread of ours':>18}")
    for work in works:
        dag = DAG(work.nodes())
        bound = dag.lower_bound(workers)
        makers = {name: partial(make, work, workers) for name, make in known.items()}
        times = in_turn(makers, repeats)
        row = {name: one.median / bound for name, one in times.items()}
        found[work.name] = row = {IDEAL: simulate(dag, workers).makespan / bound, **row}
        cells = "".join(f"{row[name]:>16.3f}" for name in columns)
        print(f"{work.name:20}{len(work):>6}{cells}{times[OURS].spread(bound):>18}")
    means = {name: statistics.geometric_mean(row[name] for row in found.values()) for name in columns}
    print(f"{'geometric mean':26}" + "".join(f"{means[name]:>16.3f}" for name in columns))
    return {**found, "geometric mean": means}


def of_makespans(workers: int, found: Ratios) -> list[Check]:
    """P3, for one number of workers."""
    means = found["geometric mean"]
    checks = [Check("P3", f"{workers} workers: geometric mean over the ideal", means[OURS] / means[IDEAL], 1.01)]
    for other in (DASK, LEVELS):
        if other in means:
            worst = max((row[OURS] / row[other], name) for name, row in found.items() if name != "geometric mean")
            where = f"{workers} workers: over {other}, where it is worst ({worst[1]})"
            checks.append(Check("P3", where, worst[0], BEHIND))
    return checks


def policies(works: list[Work], workers: int, repeats: int) -> dict[str, dict[str, float]]:
    """Each of our policies, simulated and run."""
    figures: dict[str, dict[str, float]] = {}
    print(f"\nour policies on {workers} workers: geometric means over all graphs, medians of {repeats}")
    print(f"{'':24}{'simulated':>12}{'run':>12}")
    ways: dict[str, dict[str, str]] = {policy: {"policy": policy} for policy in get_args(Policy)}
    ways |= {f"levels, {policy}": {"policy": policy, "schedule": "levels"} for policy in ("critical-path", "fifo")}
    simulated: dict[str, list[float]] = {way: [] for way in ways}
    measured: dict[str, list[float]] = {way: [] for way in ways}
    for work in works:
        dag = DAG(work.nodes())
        bound = dag.lower_bound(workers)
        times = in_turn({way: partial(peers.ours, work, workers, **knobs) for way, knobs in ways.items()}, repeats)
        for way, knobs in ways.items():
            simulated[way].append(simulate(dag, workers, **knobs).makespan / bound)  # type: ignore[arg-type]
            measured[way].append(times[way].median / bound)
    for way in ways:
        means = [statistics.geometric_mean(ratios[way]) for ratios in (simulated, measured)]
        figures[way] = dict(zip(("simulated", "run"), means, strict=True))
        print(f"{way:24}" + "".join(f"{mean:>12.3f}" for mean in means))
    return figures


def savings(scale: float, repeats: int) -> tuple[dict[str, dict[str, float]], list[Check]]:
    """P20: what the seed's commands save."""
    figures: dict[str, dict[str, float]] = {}
    checks = []
    factor = 0.04 * scale / 60
    print("\nsaved against one agent after another, in percent")
    print(f"{'':24}{'promised':>12}{'the bound':>12}{'simulated':>12}{'run':>12}")
    for name, dag in commands().items():
        workers = dag.max_parallelism
        times = in_turn({name: partial(_slept, dag, workers, factor)}, repeats)
        seconds = {
            "bound": dag.lower_bound(workers),
            "simulated": simulate(dag, workers).makespan,
            "run": times[name].median / factor,
        }
        figures[name] = saved = {how: 1 - taken / dag.total_time for how, taken in seconds.items()}
        print(f"{name:24}{PROMISED[name] * 100:>12.1f}" + "".join(f"{share * 100:>12.1f}" for share in saved.values()))
        for how, limit in (("simulated", 0.0), ("run", 1.0)):
            what = f"{name}, {how}: points of saving less than the bound"
            checks.append(Check("P20", what, (saved["bound"] - saved[how]) * 100, limit))
    return figures, checks


def _slept(dag: DAG, workers: int, factor: float) -> peers.Run:
    """Prepare a run in which each second of an agent is a sleep of so many."""
    nodes = [replace(node, fn=sleeper(node.cost * factor), kind="function") for node in dag.nodes.values()]
    scheduler = ParallelScheduler(RunConfig(jobs=workers))
    graph = DAG(nodes)
    return lambda: scheduler.execute(graph)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scale", type=float, default=0.5, help="tasks take so many times 5 to 50 ms")
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--quick", action="store_true", help="see that it runs; the figures mean nothing")
    asked = parser.parse_args()
    if "dask" in peers.missing():
        print("dask is not installed, and is left out")
    scale, repeats = (0.005, 1) if asked.quick else (asked.scale, asked.repeats)
    works = graphs(scale)[:: 4 if asked.quick else 1]
    makespans: dict[int, Ratios] = {}
    checks = []
    for workers in [2] if asked.quick else asked.workers:
        makespans[workers] = compare(works, workers, repeats)
        checks += of_makespans(workers, makespans[workers])
    by_policy = policies(works, 4, repeats)
    saved, of_savings = savings(scale, repeats)
    verdicts = report([*checks, *of_savings])
    print(json.dumps({"makespan": makespans, "policies": by_policy, "saved": saved, "checks": verdicts}))


if __name__ == "__main__":
    main()
