"""Sweeps: how often their intervals hold, how often a comparison alarms for nothing and finds what is there, and costs.

Times are simulated as machines make them: spread around their median by 4 %, a tenth of them disturbed for up to as
long again. For several numbers of repeats: how often the interval of a median and of a speed-up holds the truth, how
often two equal sweeps of four configurations show a difference anywhere, and how often one that is 20 % slower is found
in a configuration. Then what a sweep adds to each run, with results in a file, over calling the runs one by one; and
reading and comparing large results. Targets: false alarms in at most 5 % (and what chance allows), intervals of ratios
hold as often as they say, less than 20 ms for each run in a file. Prints tables and one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from comparing.measuring import Check
from orchestra_nb import DAG, Node, Pipeline, RunConfig, bench
from orchestra_nb.bench import Environment, Measured, Setting, Sweep, Turn
from orchestra_nb.bench.rank_tests import ratio
from orchestra_nb.bench.statistics import middle

FOUR = [Setting(jobs, backend) for jobs in (1, 2) for backend in ("threading", "loky")]
WHERE = Environment("", "", cores=2)


def noisy(random: Random, level: float, n: int) -> list[float]:
    """Times as machines make them: spread, and now and then one that was disturbed."""
    return [level * math.exp(random.gauss(0, 0.04)) * (1 + (random.random() < 0.1) * random.random()) for _ in range(n)]


def swept(random: Random, factor: float, n: int, settings: list[Setting]) -> Sweep:
    runs = [
        Measured(Turn(0, "graph", how, i), 0.0, took, took, took, took, 1)
        for how in settings
        for i, took in enumerate(noisy(random, factor / how.jobs, n), 1)
    ]
    return Sweep("s", "graph", tuple(runs), len(runs), WHERE)


def coverage(n: int, rounds: int) -> dict[str, float]:
    """How often intervals hold the truth, beside how often they say so."""
    random = Random(n)
    true = sorted(noisy(random, 1.0, 20_001))[10_000]
    held = {"median": 0, "ratio": 0}
    for _ in range(rounds):
        before, after = noisy(random, 1.0, n), noisy(random, 1.5, n)
        found, times = middle(before), ratio(before, after)
        held["median"] += found.low <= true <= found.high
        held["ratio"] += times.low <= 1.5 <= times.high
    shares = {name: count / rounds for name, count in held.items()}
    return {**shares, "median says": found.coverage, "ratio says": times.coverage}


def comparisons(n: int, rounds: int) -> dict[str, float]:
    """How often equal sweeps differ anywhere, and how often what is 20 % slower is found in a configuration."""
    random, alarms, found = Random(n), 0, 0
    for _ in range(rounds):
        alarms += bench.compare(swept(random, 1, n, FOUR), swept(random, 1, n, FOUR)).differs
        compared = bench.compare(swept(random, 1, n, FOUR), swept(random, 1.2, n, FOUR))
        found += sum(row.verdict == "slower" for row in compared.rows[1:])
    return {"alarms": alarms / rounds, "found": found / (rounds * len(FOUR))}


def cost(repeats: int) -> float:
    """What a sweep adds to each run: seconds, the results being written to a file."""
    dag = DAG([Node("nothing", fn=int)])
    config = RunConfig(jobs=1, history=False, cache=False, checkpoint="memory")

    def alone() -> object:
        return [Pipeline(dag, config).run() for _ in range(repeats)]

    def together(count: int, path: Path) -> object:
        return bench.sweep(dag, [1], repeats=count, warmup=0, file=path)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "results.jsonl")
        together(1, path)  # what is imported once
        some, more = taken(lambda: together(1, path)), taken(lambda: together(1 + repeats, path))
        return (more - some - taken(alone)) / repeats


def large(configurations: int, repeats: int) -> dict[str, float]:
    """Seconds for writing, reading, summing up and comparing large results."""
    settings = [Setting(jobs) for jobs in range(1, configurations + 1)]
    sweep = swept(Random(0), 1.0, repeats, settings)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "results.jsonl")
        whats: dict[str, Callable[[], object]] = {"write": lambda: sweep.save(path), "read": lambda: bench.load(path)}
        whats |= {"sum up": lambda: sweep.summaries, "compare": lambda: bench.compare(sweep, sweep)}
        return {name: taken(what) for name, what in whats.items()}


def taken(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small and few")
    quick = parser.parse_args().quick
    rounds = 60 if quick else 1_000
    table = {n: {**coverage(n, rounds), **comparisons(n, rounds)} for n in ((5,) if quick else (5, 7, 10, 20))}
    print("repeats  median holds (says)   ratio holds (says)   false alarms   20 % slower is found")
    for n, row in table.items():
        medians, ratios = (f"{row[name]:6.1%} ({row[f'{name} says']:.1%})" for name in ("median", "ratio"))
        print(f"{n:>7}  {medians:>19}  {ratios:>19}  {row['alarms']:>13.1%}  {row['found']:>21.1%}")
    each = cost(20 if quick else 200)
    print(f"a sweep adds {each * 1e3:.2f} ms to each run, its line in a file among them")
    size = (4, 5) if quick else (100, 20)
    many = large(*size)
    print(
        f"{size[0]} configurations, {size[1]} repeats: " + ", ".join(f"{k} {v * 1e3:,.0f} ms" for k, v in many.items())
    )
    chance = 3 * math.sqrt(0.05 * 0.95 / rounds)
    checks = [
        Check("alarms", "share of equal sweeps", max(row["alarms"] for row in table.values()), 0.05 + chance),
        Check("interval", "of ratios: misses more than it says",
              max(row["ratio says"] - row["ratio"] for row in table.values()), chance),
        Check("cost", "seconds for each run", each, 0.02),
    ]  # fmt: skip
    for check in checks:
        print(f"{check.verdict:>7}  {check.target}: {check.what}: {check.found:.3f} (at most {check.limit:.3f})")
    told = [{"what": check.what, "found": check.found, "verdict": check.verdict} for check in checks]
    print(json.dumps({"sweeps": {"repeats": table, "cost": each, "large": many}, "checks": told}))


if __name__ == "__main__":
    main()
