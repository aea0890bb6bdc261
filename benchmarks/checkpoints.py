"""What it costs a headless run of a notebook that it is stored while it goes on (``checkpoint="auto"``).

Whole runs, kernel and all, in turn: once with ``"memory"``, which stores nothing, once with ``"auto"``. The CPU seconds
of the kernels are compared, which others on the machine disturb less than the clock; the seconds on the clock stand
beside them. Each run has a fresh copy of the notebook's folder. The least of the repeats counts: what disturbs only
adds.

Target: at most 1.03 of a run whose cells take seconds. Notebooks whose cells take milliseconds pay some tens of
milliseconds, beside the second that their kernel takes to start. Prints a table and one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import tempfile
import time
from pathlib import Path

from comparing.measuring import Check, report
from orchestra_nb.config import RunConfig
from orchestra_nb.notebook.file_run import run_file

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = (
    "notebooks/01_quickstart.ipynb",
    "tests/corpus/17_pandas_recipes.ipynb",
    "tests/corpus/21_sklearn_models.ipynb",
)
MODES = ("memory", "auto")


def kernels() -> float:
    """Give the CPU seconds of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(notebook: Path, repeats: int) -> dict[str, list[tuple[float, float]]]:
    """Run a notebook in each mode, in turn; gives CPU seconds and seconds."""
    found: dict[str, list[tuple[float, float]]] = {mode: [] for mode in MODES}
    for _ in range(repeats):
        for mode in MODES:
            with tempfile.TemporaryDirectory() as folder:
                copy = shutil.copy(notebook, folder)
                config = RunConfig(checkpoint=mode, history=False, cache=str(Path(folder, "cache")))
                used, began = kernels(), time.perf_counter()
                run = run_file(copy, config)
                found[mode].append((kernels() - used, time.perf_counter() - began))
                if not run.run.success:
                    raise RuntimeError(f"{notebook.name} failed")
    return found


def main() -> None:
    """Run the notebooks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    checks, told = [], {}
    for name in NOTEBOOKS:
        found = measured(ROOT / name, options.repeats)
        cpu, clock = ([min(row[which] for row in found[mode]) for mode in MODES] for which in (0, 1))
        print(
            f"{Path(name).stem:24} cpu {cpu[0]:.2f} s, stored {cpu[1]:.2f} s; clock {clock[0]:.2f} s, {clock[1]:.2f} s"
        )
        told[Path(name).stem] = {"cpu": cpu, "seconds": clock}
        checks.append(
            Check("checkpoint", f"{Path(name).stem}: cpu of a stored run over one that is not", cpu[1] / cpu[0], 1.03)
        )
    print(json.dumps({"checkpoints": told, "verdicts": report(checks)}))


if __name__ == "__main__":
    main()
