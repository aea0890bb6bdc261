"""The benchmarks run: their figures are for people to judge, and no test looks at them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "name",
    [
        *("cache", "scheduler", "makespan", "recovery", "events", "gantt", "taskgraphs", "policies"),
        *("simulator", "prediction", "sweeps"),
    ],
)
def test_a_benchmark_prints_its_tables_its_targets_and_one_line_of_json(name: str, root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", root / "benchmarks" / f"{name}.py", "--quick"],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *tables, last = done.stdout.splitlines()
    found = json.loads(last)
    assert name in found
    assert {check["verdict"] for check in found["checks"]} <= {"ok", "missed"}
    assert len(tables) > len(found["checks"])
