"""Time from a notebook's cells to its DAG: parsing, effects, edges; nothing runs.

Prints a table and one line of JSON: with no cache at all, with a cache that does not know the notebook yet (the plan is
made and kept), and with one that does. The cells are of the usual kinds (imports, frames, functions, loops, models);
medians of several repeats.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable

from orchestra_nb.cells import plan_cache
from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.inference import cell_dag
from orchestra_nb.cells.source import prepare

KINDS = (
    "frame_{n} = pd.DataFrame({{'g': list('aab'), 'v': [1, 2, {n}]}})\nframe_{n}['w'] = frame_{n}.v * 2",
    "def clean_{n}(df, drop=()):\n    out = df.dropna()\n    for name in drop:\n        del out[name]\n    return out",
    "means_{n} = {{g: part.v.mean() for g, part in frame_{back}.groupby('g')}}\nprint(means_{n})",
    "total_{n} = 0\nfor row in range({n}):\n    total_{n} += row\ntotal_{n}",
    "model_{n} = RandomForestClassifier(n_estimators=10, random_state=0).fit(np.eye(3), [0, 1, 1])\nmodel_{n}.score(np.eye(3), [0, 1, 1])",  # noqa: E501
)


def cells(number: int) -> list[Cell]:
    """A notebook of so many cells."""
    imports = "import numpy as np\nimport pandas as pd\nfrom sklearn.ensemble import RandomForestClassifier"
    made = [KINDS[n % 5].format(n=n, back=n - n % 5) for n in range(number - 1)]
    return [Cell(position, source) for position, source in enumerate([imports, *made], 1)]


def measure(number: int, how: str, repeats: int = 5) -> float:
    """Median seconds for a notebook of so many cells: ``"fresh"``, or from a cache that is ``"cold"`` or ``"warm"``."""
    plan: Callable[[list[Cell]], object] = cell_dag if how == "fresh" else plan_cache.dag_of
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(repeats):
            os.environ[plan_cache.VARIABLE] = os.path.join(folder, "0" if how == "warm" else str(repeat))
            given = cells(number)
            if how == "warm":
                plan(given)
            prepare.cache_clear()
            began = time.perf_counter()
            plan(given)
            times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    """Print the table."""
    cell_dag(cells(2))  # imports and the table of libraries
    if plan_cache.code_digest() is None:
        raise SystemExit("the package's files have just changed: run it again")
    figures = {how: {number: measure(number, how) for number in (10, 100, 1000)} for how in ("fresh", "cold", "warm")}
    print(f"{'':>12}  {'no cache':>10}  {'cold':>10}  {'warm':>10}")
    for number in figures["fresh"]:
        print(f"{number:>6} cells  " + "  ".join(f"{figures[how][number] * 1000:7.1f} ms" for how in figures))
    print(json.dumps({"cells_to_dag_seconds": figures}))


if __name__ == "__main__":
    main()
