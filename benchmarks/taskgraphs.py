"""Task graphs of 1,000 and 10,000 nodes: made, written and read in each format; and real kernels of a factorisation.

Reading is measured from text, as from a file in the cache of the system, with all checks; writing to text. Layered
graphs with about five needs a node. Then the tiled Cholesky factorisation of one matrix on one worker and on two beside
numpy's own, which may take all cores: what tiles and scheduling cost, and what two workers gain. Targets: 10,000 nodes
are made in less than 0.5 s and read in less than 3 s in every format. Prints tables and one line of JSON.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from comparing.measuring import Check, Times, in_turn
from orchestra_nb import DAG, Pipeline, RunConfig, taskgraphs

FORMATS = ("wfformat", "fabric", "json", "graphml", "stg")


def made(nodes: int) -> DAG:
    return taskgraphs.layered(nodes // 50, 50, density=0.1, cost=taskgraphs.lognormal(1, 1))


def cpu(times: Times) -> float:
    return sorted(times.cpu)[len(times.cpu) // 2]


def files(nodes: int, repeats: int) -> dict[str, float]:
    """Measure making, writing and reading graphs of one size, in seconds of CPU."""
    dag = made(nodes)
    texts = {name: taskgraphs.graph_text(dag, name) for name in FORMATS}
    whats = {"make": lambda: lambda: made(nodes)}
    for name in FORMATS:
        whats[f"write {name}"] = lambda name=name: lambda: taskgraphs.graph_text(dag, name)
        whats[f"read {name}"] = lambda name=name: lambda: taskgraphs.read_graph(texts[name], format=name)
    found = {what: cpu(times) for what, times in in_turn(whats, repeats).items()}
    print(f"{nodes:,} nodes, {len(dag.edges):,} needs: made in {found['make'] * 1e3:,.0f} ms")
    for name in FORMATS:
        size = len(texts[name]) / 1e6
        shown = f"written in {found[f'write {name}'] * 1e3:8,.0f} ms, read in {found[f'read {name}'] * 1e3:8,.0f} ms"
        print(f"  {name:<9} {size:6.2f} MB  {shown}")
    return found


def factorisation(rows: int, tiles: int, repeats: int) -> dict[str, float]:
    """Measure a factorisation on workers, beside numpy's own, in seconds on the clock."""
    spread = np.random.default_rng(0).standard_normal((rows, rows))
    matrix = spread @ spread.T + rows * np.eye(rows)
    dag = taskgraphs.cholesky(tiles, matrix=matrix)
    whats = {"numpy": lambda: lambda: np.linalg.cholesky(matrix)}
    for jobs in (1, 2):
        pipeline = Pipeline(dag, RunConfig(jobs=jobs, history=False))
        whats[f"{jobs} workers"] = lambda pipeline=pipeline: pipeline.run
    found = {what: times.median for what, times in in_turn(whats, repeats).items()}
    shown = "  ".join(f"{what} {seconds * 1e3:,.0f} ms" for what, seconds in found.items())
    print(f"cholesky of {rows:,} rows in {tiles} by {tiles} tiles: {shown}")
    return found


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small and few")
    quick = parser.parse_args().quick
    sizes, repeats = ((500,), 2) if quick else ((1_000, 10_000), 3)
    measured = {nodes: files(nodes, repeats) for nodes in sizes}
    real = factorisation(*((200, 4) if quick else (2_000, 8)), repeats=repeats)
    large = measured[max(sizes)]
    slowest = max((what for what in large if what.startswith("read")), key=large.__getitem__)
    checks = [
        Check("made", f"{max(sizes):,} nodes, seconds", large["make"], 0.5),
        Check("read", f"{max(sizes):,} nodes, {slowest}, seconds", large[slowest], 3.0),
    ]
    for check in checks:
        print(f"{check.verdict:>7}  {check.target}: {check.what}: {check.found:.2f} (at most {check.limit:g})")
    told = [{"what": check.what, "found": check.found, "verdict": check.verdict} for check in checks]
    print(json.dumps({"taskgraphs": {"files": measured, "cholesky": real}, "checks": told}))


if __name__ == "__main__":
    main()
