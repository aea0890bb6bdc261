"""A story below a cell, as a person uses it."""

from __future__ import annotations

from typing import Any

from tests.browser.pages import NotebookPage

ROOT = ".orchestra-steps"
"""Where a story is drawn."""


class Walking:
    """A story that is walked through.

    Parameters
    ----------
    page
        The notebook.
    cell
        Which cell shows it.
    """

    def __init__(self, page: NotebookPage, cell: int) -> None:
        self.page = page
        self.root = page.output(cell).locator(ROOT)
        self.root.wait_for(timeout=30_000)

    def button(self, move: str) -> Any:
        return self.root.locator(f"[data-move={move}]")

    @property
    def step(self) -> int:
        return int(self.root.get_attribute("data-step"))

    def told(self) -> str:
        return str(self.root.locator(".orchestra-told").inner_text())

    def turned(self, name: str) -> Any:
        return self.root.locator(f"[data-control='{name}']").locator("input, select")

    def summary(self) -> str:
        return str(self.root.locator(".orchestra-summary").inner_text())
