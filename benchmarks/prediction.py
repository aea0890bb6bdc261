"""How far predictions of ``what_if`` are from real runs: workers, a faster node, results that are kept, more of a lock.

Graphs of about 118 tasks in the shape of known workflows (``comparing/recipes.py``); a task takes ``--scale`` times 5
to 50 ms and sleeps, so that four workers mean something on two cores; every fourth task uses ``db``, of which there is
one. Each is run once with two workers. From that run alone are predicted: one worker, four, the ten longest tasks twice
as fast, the first quarter of the tasks kept, and two of ``db``. Each of these is then really run, and the error is the
distance of the prediction over what was measured. The run as it was is among them: it says what of a run no simulation
knows.

Target: less than 5 % in the median, over all. Prints a table and one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Iterable
from dataclasses import replace

from comparing.measuring import Check, report
from comparing.recipes import graphs
from comparing.work import Work, sleeper
from orchestra_nb import DAG, Node, ParallelScheduler, RunConfig, RunResult, what_if

LOCK = "db"
Change = tuple[str, dict[str, object], Callable[[list[Node]], list[Node]], dict[str, object]]
"""What it is called, what is asked of ``what_if``, and the nodes and the settings of the real run."""


def nodes_of(work: Work) -> list[Node]:
    """Make the tasks, every fourth of which needs the lock."""
    return [replace(node, uses=(LOCK,) if i % 4 == 0 else ()) for i, node in enumerate(work.nodes())]


def run(nodes: Iterable[Node], **settings: object) -> RunResult:
    """Run them."""
    config = RunConfig(**{"jobs": 2, "history": False, **settings})  # type: ignore[arg-type]
    result = ParallelScheduler(config).execute(DAG(nodes))
    result.raise_for_errors()
    return result


def taking(nodes: list[Node], names: Iterable[str], factor: float) -> list[Node]:
    """Make the same tasks, some of them with a share of their time."""
    chosen = set(names)
    return [
        replace(node, cost=node.cost * factor, fn=sleeper(node.cost * factor)) if node.id in chosen else node
        for node in nodes
    ]


def changes(nodes: list[Node]) -> list[Change]:
    """Say what is changed."""
    longest = [node.id for node in sorted(nodes, key=lambda node: -node.cost)[:10]]
    first = [node.id for node in nodes[: len(nodes) // 4]]
    return [
        ("as it was", {}, lambda same: same, {}),
        ("1 worker", {"workers": 1}, lambda same: same, {"jobs": 1}),
        ("4 workers", {"workers": 4}, lambda same: same, {"jobs": 4}),
        ("10 faster", {"faster": dict.fromkeys(longest, 2)}, lambda same: taking(same, longest, 0.5), {}),
        ("a quarter kept", {"cached": first}, lambda same: freed(taking(same, first, 0.0), first), {}),
        ("2 of the lock", {"lock": {LOCK: 2}}, lambda same: same, {"resources": {LOCK: 2}}),
    ]


def freed(nodes: list[Node], names: Iterable[str]) -> list[Node]:
    """Make the same tasks, of which some use nothing: a kept result is read without any resource."""
    chosen = set(names)
    return [replace(node, uses=()) if node.id in chosen else node for node in nodes]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=0.5, help="tasks take so many times 5 to 50 ms")
    parser.add_argument("--every", type=int, default=3, help="only each so-manieth graph")
    parser.add_argument("--quick", action="store_true", help="see that it runs; the figures mean nothing")
    asked = parser.parse_args()
    works = graphs(0.005 if asked.quick else asked.scale)[:: 12 if asked.quick else asked.every]
    names = [name for name, *_ in changes([])]
    errors: dict[str, list[float]] = {name: [] for name in names}
    print("\ndistance of the prediction from what was measured, in percent")
    print(f"{'':20}" + "".join(f"{name:>16}" for name in names))
    for work in works:
        nodes = nodes_of(work)
        base = run(nodes)
        for name, change, remade, settings in changes(nodes):
            predicted = what_if(base, **change).predicted  # type: ignore[arg-type]
            taken = base.total_time if name == "as it was" else run(remade(nodes), **settings).total_time
            errors[name].append(abs(predicted - taken) / taken)
        print(f"{work.name:20}" + "".join(f"{errors[name][-1] * 100:>16.2f}" for name in names))
    every = [error for each in errors.values() for error in each]
    print(f"{'median':20}" + "".join(f"{statistics.median(errors[name]) * 100:>16.2f}" for name in names))
    checks = [
        Check("what-if", "median distance from the measured time, in percent", statistics.median(every) * 100, 5.0)
    ]
    checks.append(Check("what-if", "the worst of all, in percent", max(every) * 100, 10.0))
    verdicts = report(checks)
    print(json.dumps({"prediction": errors, "checks": verdicts}))


if __name__ == "__main__":
    main()
