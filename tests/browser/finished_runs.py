"""A notebook whose run has something to show when it is over, and what a page shows of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.browser.pages import NotebookPage

CELLS = (
    "%load_ext orchestra_nb\nimport time\ntries = []",
    "%%orchestrate load\n#| phase: Get\n#| cost: 0.2\ntime.sleep(0.2)\nrows = list(range(40))",
    "%%orchestrate linear\n#| phase: Model\n#| uses: gpu\n#| cost: 0.3\ntime.sleep(0.3)\nlinear = sum(rows)",
    "%%orchestrate forest\n#| phase: Model\n#| uses: gpu\n#| cost: 0.5\ntime.sleep(0.5)\nforest = max(rows)",
    "%%orchestrate ask\n#| phase: Model\n"
    '#| breaker: web\n#| retry: {"attempts": 3, "initial_delay": 0.1, "jitter": 0}\n#| cost: 0.2\n'
    "tries.append(1)\ntime.sleep(0.1)\n"
    "if len(tries) < 2:\n    raise ConnectionError('web is down')\nsaid = len(rows)",
    "%%orchestrate report\n#| phase: Report\n#| cost: 0.1\ntime.sleep(0.1)\nprint('best', max(linear, forest, said))",
    "%orchestrate run -j 3",
)
RUN = 6
"""The cell that runs them."""


@dataclass(frozen=True)
class Twin:
    """What a page shows of a finished run."""

    text: str
    tables: list[str]
    widths: list[int]
    live: int
    scripts: int


def twin_of(output: Any, widths: list[int]) -> Twin:
    """Read the twin in an output area."""
    tables = "tables => tables.map(table => table.textContent)"
    # a table may also hold the titles of a picture that can be zoomed; those of the twin itself never do
    return Twin(
        output.text_content(),
        list(output.locator("table").evaluate_all(tables)),
        widths,
        output.locator(".jupyter-widgets, .orchestra-dashboard, .jupyter-widgets-view").count(),
        output.locator("script").count(),
    )


def shown_by(page: NotebookPage, cell: int = RUN) -> Twin:
    """Read the twin below a cell of a notebook."""
    return twin_of(page.output(cell), page.widths(cell))
