"""What a picture of a graph costs: the first one, another moment on it, with ``dot`` and without; beside graphviz.

Graphs of 30 to 5,000 nodes, wide, deep and dense (50,000 edges), with phases and without. "first" is from the graph to
the SVG, nothing kept from before; "painted" is another moment on a drawing that is laid out; "kB" is what a notebook
keeps of it, as HTML. Beside it the ``pipe`` of python-graphviz on all of the graph, as people do it who have no
collapsing, in a process of its own that is ended after some seconds: ``pipe`` has no limit. Medians, in turn. Prints
tables and one line of JSON. Targets:

====  ==================================================================================================================
P-a   a graph of 5,000 nodes, whatever its shape: the first picture in 2 s, with ``dot`` and without
P-b   painting another moment: a tenth of the first picture at most, and no layout
====  ==================================================================================================================
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from unittest.mock import patch

from comparing.measuring import Check, in_turn, report
from orchestra_nb.display.graphs import picture_block
from orchestra_nb.display.picture import drawings
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.replay.fold import STATES

PIPE = "import sys, graphviz; graphviz.Source(sys.stdin.read()).pipe('svg')"


def random_graph(size: int, needs: int, window: int, phases: int = 0) -> DAG:
    """Each node needs so many of those at most ``window`` before it."""
    dice = random.Random(size + needs)
    return DAG(
        Node(
            f"n{i}",
            index=i,
            cost=dice.random(),
            phase=f"phase {i * phases // size}" if phases else None,
            after=[f"n{j}" for j in sorted(dice.sample(range(max(0, i - window), i), min(needs, i, window)))],
        )
        for i in range(size)
    )


def wide(size: int) -> DAG:
    return DAG([Node("root", cost=2.0), *(Node(f"n{i}", index=i, after=["root"]) for i in range(1, size))])


def deep(size: int) -> DAG:
    return DAG(Node(f"n{i}", index=i, after=[f"n{i - 1}"] if i else (), cost=1.0 + i % 3) for i in range(size))


def graphs(quick: bool) -> dict[str, DAG]:
    large = 500 if quick else 5_000
    return {
        "30 nodes, 2 needs each": random_graph(30, 2, 30),
        "300 nodes, 2 needs each": random_graph(300, 2, 40),
        "300 nodes, 3 needs each": random_graph(300, 3, 40),
        "300 nodes, 3 needs, 6 phases": random_graph(300, 3, 40, 6),
        f"{large:,} wide": wide(large),
        f"{large:,} deep": deep(large),
        f"{large:,} dense": random_graph(large, 10, 400),
        f"{large:,} dense, 9 phases": random_graph(large, 10, 400, 9),
    }


def first(dag: DAG, program: str | None) -> Callable[[], object]:
    """Get ready to draw as if nothing had been drawn before."""
    drawings._laid_out.cache_clear()
    fresh = DAG(dag.nodes.values(), dag.edges)

    def draw() -> str:
        with patch.object(shutil, "which", lambda _: program):
            return drawings.svg(fresh)

    return draw


def painted(dag: DAG) -> Callable[[], object]:
    drawn = drawings.drawing(dag)
    states = {name: STATES[i % len(STATES)] for i, name in enumerate(dag.nodes)}
    return partial(drawn.painted, states, dict.fromkeys(dag.nodes, 1.5))


def whole(dag: DAG, limit: float) -> float | None:
    """Seconds that graphviz takes for all of it; ``None`` beyond the limit."""
    lines = [f'n{i} [label="{name}"]' for i, name in enumerate(dag.nodes)]
    index = dag.table.index
    lines += [f"n{index[edge.source]} -> n{index[edge.target]}" for edge in dag.edges]
    text = "digraph { rankdir=LR; node [shape=box]\n" + "\n".join(lines) + "\n}"
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", PIPE],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        process.communicate(text, timeout=limit)
    except subprocess.TimeoutExpired:
        end_group(process)
        return None
    return time.perf_counter() - began if process.returncode == 0 else None


def end_group(process: subprocess.Popen[str]) -> None:
    """End the process and the ``dot`` that it has begun: both are of the session that began with it."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def measured(dag: DAG, repeats: int, limit: float) -> dict[str, float | None]:
    makers: dict[str, Callable[[], Callable[[], object]]] = {"without dot": partial(first, dag, None)}
    program = shutil.which("dot")
    if program is not None:
        makers["with dot"] = partial(first, dag, program)
    makers["painted"] = partial(painted, dag)
    found: dict[str, float | None] = {name: times.median for name, times in in_turn(makers, repeats).items()}
    found["graphviz, all of it"] = whole(dag, limit) if program is not None else None
    found["kB"] = len(picture_block(dag)) / 1000
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--limit", type=float, default=20.0, help="seconds that graphviz may take for all of a graph")
    parser.add_argument("--quick", action="store_true", help="see that it runs; the figures mean nothing")
    asked = parser.parse_args()
    repeats, limit = (1, 1.0) if asked.quick else (asked.repeats, asked.limit)
    columns = ("with dot", "without dot", "painted", "graphviz, all of it", "kB")
    print(f"{'seconds':32}" + "".join(f"{column:>21}" for column in columns))
    figures: dict[str, dict[str, float | None]] = {}
    checks = []
    for what, dag in graphs(asked.quick).items():
        found = figures[what] = measured(dag, repeats, limit)
        cells = ("-" if found.get(column) is None else f"{found[column]:.4g}" for column in columns)
        print(f"{what:32}" + "".join(f"{cell:>21}" for cell in cells), flush=True)
        ways = [(way, seconds) for way in columns[:2] if (seconds := found.get(way)) is not None]
        if len(dag) >= 500:
            checks += [Check("P-a", f"{what}: seconds, {way}", seconds, 2.0) for way, seconds in ways]
        else:
            slowest = max(seconds for _, seconds in ways)
            checks.append(Check("P-b", f"{what}: painted over first", (found["painted"] or 0.0) / slowest, 0.1))
    print(f"graphviz is ended after {limit:g} s (-)")
    print(json.dumps({"pictures": figures, "checks": report(checks)}))


if __name__ == "__main__":
    main()
