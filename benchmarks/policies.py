"""How far policies are from the shortest schedule, how often that is proved, and what both cost.

Two kinds of graphs, with times drawn from a log-normal distribution (median 1 s, sigma 0.7): the study graphs of
``orchestra_nb.taskgraphs`` small enough for a proof, and the thirteen workflow graphs of ``comparing/recipes.py``. Each
policy on 2, 4 and 8 workers: geometric mean and worst of its makespan over the lower bound. The optimum: in how many
cases it is proved within ``--seconds``, after what time, how much shorter a schedule could be in the worst case that is
not proved (gap), and how far HLFET and HEFT were from it where it is. No target is promised for these.

Prints tables and one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Mapping

from comparing.measuring import report
from comparing.recipes import graphs
from orchestra_nb import DAG, compare_policies, optimum, taskgraphs
from orchestra_nb.simulation.optimum import Optimum

POLICIES = (
    *("critical-path", "highest-level", "most-successors", "smallest-slack", "longest-first", "shortest-first"),
    *("fifo", "levels", "random", "heft"),
)


def small(seed: int) -> Mapping[str, DAG]:
    """Graphs of twenty to forty nodes."""
    cost = taskgraphs.lognormal(1.0, 0.7, seed)
    return {
        "fork-join 10x3": taskgraphs.fork_join(10, 3, cost=cost),
        "layered 6x5": taskgraphs.layered(6, 5, 0.4, seed, cost=cost),
        "random 30": taskgraphs.erdos_renyi(30, 0.1, seed, cost=cost),
        "cholesky 5": taskgraphs.cholesky(5, cost=cost),
        "fft 8": taskgraphs.fft(8, cost=cost),
        "stencil 6x5": taskgraphs.stencil(6, 5, cost=cost),
        "in-tree": taskgraphs.in_tree(4, 2, cost=cost),
        "montage 6": taskgraphs.montage(6, cost=cost),
    }


def over_bound(title: str, dags: list[DAG], workers: list[int]) -> dict[str, dict[str, float]]:
    """Each policy over the lower bound."""
    ratios: dict[str, list[float]] = {policy: [] for policy in POLICIES}
    for dag in dags:
        for row in compare_policies(dag, workers, POLICIES, optimum=False).rows:
            ratios[row.label].append(row.over_bound)
    print(f"\n{title}, on {', '.join(map(str, workers))} workers: makespan over the lower bound")
    print(f"{'':20}{'geometric mean':>16}{'worst':>10}")
    found = {}
    for policy, each in ratios.items():
        found[policy] = {"mean": statistics.geometric_mean(each), "worst": max(each)}
        print(f"{policy:20}{found[policy]['mean']:>16.3f}{found[policy]['worst']:>10.3f}")
    return found


def proofs(seeds: int, workers: list[int], seconds: float) -> dict[str, dict[str, float]]:
    """How often the optimum is proved, and how far others were from it."""
    print(f"\nthe optimum within {seconds:g} s, {seeds} drawings of each on {', '.join(map(str, workers))} workers")
    print(f"{'':20}{'nodes':>6}{'proved':>10}{'median s':>10}{'longest s':>10}{'gap':>9}", end="")
    print(f"{'HLFET over':>12}{'HEFT over':>12}")
    found: dict[str, dict[str, float]] = {}
    for name in small(0):
        cases = [(small(seed)[name], number) for seed in range(seeds) for number in workers]
        taken, solved = [], []
        for dag, number in cases:
            began = time.perf_counter()
            solved.append(optimum(dag, number, timeout=seconds))
            taken.append(time.perf_counter() - began)
        known = [(dag, number, best) for (dag, number), best in zip(cases, solved, strict=True) if best.proved]
        found[name] = row = {
            "proved": len(known) / len(cases),
            "median": statistics.median(taken),
            "longest": max(taken),
            "gap": max(best.makespan / best.shortest for best in solved) - 1,
            **{policy: _over(policy, known) for policy in ("critical-path", "heft")},
        }
        print(
            f"{name:20}{len(cases[0][0]):>6}{len(known):>5} of {len(cases):<2}{row['median']:>9.2f}"
            f"{row['longest']:>10.2f}{row['gap']:>9.2%}{row['critical-path']:>12.4f}{row['heft']:>12.4f}"
        )
    return found


def _over(policy: str, known: list[tuple[DAG, int, Optimum]]) -> float:
    """The geometric mean of a policy over the optimum, where that is proved."""
    ratios = [compare_policies(dag, n, policy).rows[0].makespan / best.makespan for dag, n, best in known]
    return statistics.geometric_mean(ratios) if ratios else float("nan")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each proof")
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--quick", action="store_true", help="see that it runs; the figures mean nothing")
    asked = parser.parse_args()
    seeds, seconds, workers = (1, 0.05, [2]) if asked.quick else (asked.seeds, asked.seconds, asked.workers)
    found = {
        "small": over_bound("study graphs", [dag for seed in range(seeds) for dag in small(seed).values()], workers),
        "workflows": over_bound("workflows", [DAG(work.nodes()) for work in graphs(1.0)], workers),
        "optimum": proofs(seeds, workers, seconds),
    }
    print(json.dumps({"policies": found, "checks": report([])}))


if __name__ == "__main__":
    main()
