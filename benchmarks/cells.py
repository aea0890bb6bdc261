"""Time from a notebook's cells to its DAG: parsing, effects, edges; nothing runs.

Prints a table and one line of JSON. The cells are of the usual kinds (imports, frames, functions, loops, models), with
names of their own so that nothing is found in a cache; medians of several repeats.
"""

from __future__ import annotations

import json
import statistics
import time

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


def measure(number: int, repeats: int = 5) -> float:
    """Median seconds for a notebook of so many cells."""
    times = []
    for _ in range(repeats):
        given = cells(number)
        prepare.cache_clear()
        began = time.perf_counter()
        cell_dag(given)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    """Print the table."""
    cell_dag(cells(2))  # imports and the table of libraries
    figures = {number: measure(number) for number in (10, 100, 1000)}
    for number, seconds in figures.items():
        print(f"{number:>6} cells  {seconds * 1000:8.1f} ms")
    print(json.dumps({"cells_to_dag_seconds": figures}))


if __name__ == "__main__":
    main()
