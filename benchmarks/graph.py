"""Graphs of 50 to 100,000 nodes: build, validate, levels, critical path; then reduction, width, gains and merging.

Beside networkx, graphlib and (where it is installed) rustworkx in the same run: all are measured in turn, A B A B, so
that a busy machine is unfair to nobody; figures are medians of CPU time with the spread beside them. A peer does what
it can: graphlib knows an order and no critical path. Targets: 50 nodes under 1 ms; 10,000 nodes under a quarter of
networkx; 100,000 under 1 s and 60 MB; transitive reduction of 10,000 nodes under 100 ms (near edges) and 0.5 s (far
edges). Prints tables and one line of JSON.

Nothing here makes nodes or edges while the clock runs: each library is given its own kind of list, and the collector
does not look at what was there before. *Build* is where a graph is made; ours is checked there (names, needs, cycles),
since a faulty one cannot be. *Validate* is what is left to ask: for ours what is odd, for networkx and rustworkx
whether it is a DAG at all, for graphlib ``prepare``. Ours gives names and not positions. The check of a definition that
may be faulty is listed below, as nobody else has one.
"""

from __future__ import annotations

import argparse
import gc
import graphlib
import json
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

import networkx as nx

from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.graph import DAG, check
from orchestra_nb.model import Node, NodeId

try:
    import rustworkx as rx
except ImportError:
    rx = None

SIZES = (50, 1_000, 10_000, 100_000)
NEAR = 50
"""How far back a near edge reaches."""


@dataclass(frozen=True)
class Shape:
    """A random graph: for each node what it needs (2.5 others on average), and its cost."""

    needs: list[list[int]]
    costs: list[float]

    @property
    def edges(self) -> list[tuple[int, int]]:
        """Pairs of needed and needing."""
        return [(j, i) for i, before in enumerate(self.needs) for j in before]

    def nodes(self) -> list[Node]:
        """What a user gives us."""
        names = [NodeId(f"n{i}") for i in range(len(self.costs))]
        return [
            Node(names[i], after=tuple([names[j] for j in before]), cost=cost, index=i)
            for i, (before, cost) in enumerate(zip(self.needs, self.costs, strict=True))
        ]


def body() -> None:
    """Nothing."""


def shape(size: int, reach: int = NEAR, seed: int = 0) -> Shape:
    draw = random.Random(seed)
    needs = [
        sorted({draw.randrange(max(0, i - reach), i) for _ in range(draw.choice((2, 3)))}) if i else []
        for i in range(size)
    ]
    return Shape(needs, [draw.random() for _ in range(size)])


Steps = dict[str, float]


class Clock:
    """Adds up CPU seconds by the name of a step."""

    def __init__(self) -> None:
        self.steps: Steps = {}

    def __call__(self, name: str, work: Callable[[], object]) -> object:
        """Do the work of a step."""
        began = time.process_time()
        made = work()
        self.steps[name] = time.process_time() - began
        return made


def ours(given: Shape) -> Callable[[], Steps]:
    nodes = given.nodes()

    def once() -> Steps:
        clock = Clock()
        dag = clock("build", lambda: DAG(nodes))
        assert isinstance(dag, DAG)
        clock("validate", lambda: DAGBuilder().validate(dag))
        clock("levels", lambda: dag.levels)
        clock("critical path", lambda: (dag.critical_path, dag.critical_time))
        return clock.steps

    return once


def networkx(given: Shape) -> Callable[[], Steps]:
    edges = [(j, i, given.costs[j]) for j, i in given.edges]

    def build() -> object:
        graph = nx.DiGraph()
        graph.add_nodes_from(range(len(given.costs)))
        graph.add_weighted_edges_from(edges)
        return graph

    def once() -> Steps:
        clock = Clock()
        graph = clock("build", build)
        assert isinstance(graph, nx.DiGraph)
        clock("validate", lambda: nx.is_directed_acyclic_graph(graph))
        clock("levels", lambda: list(nx.topological_generations(graph)))
        clock("critical path", lambda: nx.dag_longest_path(graph))
        return clock.steps

    return once


def standard(given: Shape) -> Callable[[], Steps]:
    edges = dict(enumerate(given.needs))

    def levels(sorter: graphlib.TopologicalSorter[int]) -> list[tuple[int, ...]]:
        found = []
        while sorter.is_active():
            found.append(sorter.get_ready())
            sorter.done(*found[-1])
        return found

    def once() -> Steps:
        clock = Clock()
        sorter = clock("build", lambda: graphlib.TopologicalSorter(edges))
        assert isinstance(sorter, graphlib.TopologicalSorter)
        clock("validate", sorter.prepare)
        clock("levels", lambda: levels(sorter))
        return clock.steps

    return once


def rust(given: Shape) -> Callable[[], Steps]:
    edges = [(j, i, given.costs[j]) for j, i in given.edges]

    def build() -> object:
        graph = rx.PyDiGraph()
        graph.add_nodes_from(range(len(given.costs)))
        graph.add_edges_from(edges)
        return graph

    def once() -> Steps:
        clock = Clock()
        graph = clock("build", build)
        clock("validate", lambda: rx.is_directed_acyclic_graph(graph))
        clock("levels", lambda: list(rx.topological_generations(graph)))
        clock("critical path", lambda: rx.dag_weighted_longest_path(graph, lambda s, t, w: w))
        return clock.steps

    return once


PEERS = {"orchestra_nb": ours, "networkx": networkx, "graphlib": standard, **({"rustworkx": rust} if rx else {})}


def in_turn(calls: dict[str, Callable[[], Steps]], repeats: int) -> dict[str, list[Steps]]:
    """Call each in turn, so often; the collector passes over what was alive before a call."""
    found: dict[str, list[Steps]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            gc.collect()
            gc.freeze()
            found[name].append(call())
            gc.unfreeze()
    return found


def memory(work: Callable[[], object]) -> float:
    """Peak megabytes while working, over what was there."""
    gc.collect()
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def scale(sizes: tuple[int, ...], repeats: int) -> dict[str, object]:
    """Build, validate, levels, critical path at each size."""
    figures: dict[str, object] = {}
    per_node: dict[int, float] = {}
    for size in sizes:
        given = shape(size)
        found = in_turn({name: make(given) for name, make in PEERS.items()}, repeats)
        total = {name: statistics.median(sum(steps.values()) for steps in runs) for name, runs in found.items()}
        print(f"\n{size:,} nodes, {len(given.edges):,} edges; milliseconds of CPU, medians of {repeats}")
        print(f"{'':14}{'build':>9}{'validate':>10}{'levels':>9}{'critical':>10}{'all':>9}{'spread':>15}{'memory':>10}")
        for name, runs in found.items():
            sums = sorted(sum(steps.values()) * 1e3 for steps in runs)
            cells = [
                statistics.median(steps.get(step, 0.0) for steps in runs) * 1e3 for step in found["orchestra_nb"][0]
            ]
            spread, peak = f"{sums[0]:.3g}-{sums[-1]:.3g}", memory(PEERS[name](given))
            row = f"{cells[0]:>9.3g}{cells[1]:>10.3g}{cells[2]:>9.3g}{cells[3]:>10.3g}{total[name] * 1e3:>9.4g}"
            print(f"{name:14}{row}{spread:>15}{peak:>7.3g} MB")
            figures[f"{name}, {size}"] = {"seconds": total[name], "megabytes": peak}
        per_node[size] = total["orchestra_nb"] / (size + len(given.edges))
        print(f"ours / networkx: {total['orchestra_nb'] / total['networkx']:.3f}")
    print(
        "\nslope: ours, microseconds per node and edge: "
        + ", ".join(f"{n:,}: {s * 1e6:.2f}" for n, s in per_node.items())
    )
    return figures


def more(repeats: int) -> dict[str, float]:
    """What else a graph is asked; the width is the one that does not grow linearly."""
    near, far = (DAG(shape(10_000, reach).nodes()) for reach in (NEAR, 10_000))
    chains = DAG(
        Node(NodeId(f"n{i}"), fn=body, after=(NodeId(f"n{i - 1}"),) if i % 5 else (), cost=1) for i in range(1_000)
    )

    def fresh(dag: DAG) -> DAG:
        return dag.with_costs({})

    work: dict[str, Callable[[], object]] = {
        "transitive reduction, 10,000 nodes, near edges": lambda: DAGBuilder().optimize(near),
        "transitive reduction, 10,000 nodes, far edges": lambda: DAGBuilder().optimize(far),
        "check of a definition that may be faulty, 10,000": lambda: check(near.nodes.values()),
        "slack of all, 10,000 nodes": lambda: fresh(near).slack,
        "gains of all, 10,000 nodes": lambda: fresh(near).gains,
        "bounds on 8 workers, 1,000 nodes": lambda: fresh(chains).bounds(8),
        "bounds on 8 workers, 10,000 nodes": lambda: fresh(near).bounds(8),
        "true width, 1,000 nodes": lambda: chains.width(),
        "true width, 10,000 nodes, far edges": lambda: far.width(),
        "hash, 10,000 nodes": lambda: DAG(near.nodes.values(), near.given).hash,
        "merging 200 chains of five, 1,000 nodes": lambda: DAGBuilder().optimize(chains, merge_below=3.5),
    }

    def timed(call: Callable[[], object]) -> Callable[[], Steps]:
        def once() -> Steps:
            clock = Clock()
            clock("all", call)
            return clock.steps

        return once

    found = in_turn({name: timed(call) for name, call in work.items()}, repeats)
    print("\nmilliseconds of CPU")
    figures = {name: statistics.median(steps["all"] for steps in runs) for name, runs in found.items()}
    for name, seconds in figures.items():
        print(f"{name:50}{seconds * 1e3:>9.4g}")
    return figures


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="leave out larger graphs")
    asked = parser.parse_args()
    if rx is None:
        print("rustworkx is not installed, and is left out")
    figures = scale(tuple(size for size in SIZES if size <= asked.most), asked.repeats)
    print(json.dumps({"graph": figures, "analysis_seconds": more(asked.repeats)}))


if __name__ == "__main__":
    main()
