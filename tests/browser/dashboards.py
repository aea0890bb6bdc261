"""The live dashboard below a cell, as a person reads and uses it: panels, their tables, buttons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.browser.held_runs import HeldRun
from tests.browser.pages import NotebookPage
from tests.browser.servers import wait_for

_READ = """panel => ({
  title: panel.querySelector('h4').innerText,
  text: panel.querySelector('.orchestra-body').textContent,
  tables: [...panel.querySelectorAll('table')].map(table => {
    const heads = [...table.querySelectorAll('thead th')].map(cell => cell.textContent);
    return [...table.querySelectorAll('tbody tr')].map(
      row => Object.fromEntries([...row.cells].map((cell, i) => [heads[i], cell.textContent])));
  }),
})"""
ROOT = ".orchestra-dashboard"


@dataclass(frozen=True)
class Panel:
    """What a panel showed at one moment: its text, and each table's rows by heading."""

    title: str
    text: str
    tables: list[list[dict[str, str]]]

    def column(self, heading: str, table: int = 0) -> list[str]:
        """The texts of one column."""
        return [row.get(heading, "") for row in self.tables[table]]


class Dashboard:
    """The dashboard of the run that a cell has begun.

    Parameters
    ----------
    page
        The notebook.
    cell
        Which code cell.
    """

    def __init__(self, page: NotebookPage, cell: int) -> None:
        self.page = page
        self.root = page.output(cell).locator(ROOT)
        self.root.wait_for(timeout=30_000)

    @property
    def state(self) -> str:
        """``running``, ``paused`` or ``over``."""
        return str(self.root.get_attribute("data-state"))

    @property
    def status(self) -> str:
        """What it says in words of what was last asked for."""
        return str(self.root.get_by_role("status").inner_text())

    def keys(self) -> list[str]:
        """The panels, in their order."""
        return list(self.root.locator("[data-panel]").evaluate_all("all => all.map(one => one.dataset.panel)"))

    def panel(self, key: str) -> Panel:
        """What a panel shows now."""
        return Panel(**self.root.locator(f"[data-panel={key}]").evaluate(_READ))

    def shows(self, key: str, *texts: str) -> Panel:
        """A panel as soon as it shows all of some texts."""

        def seen() -> Panel | None:
            panel = self.panel(key)
            return panel if all(text in panel.text for text in texts) else None

        found: Panel = wait_for(seen, f"{texts} in the panel {key}", 30)
        return found

    def button(self, action: str, panel: str = "") -> Any:
        """A button by what it does, and for which panel."""
        inside = self.root.locator(f"[data-panel={panel}]") if panel else self.root.locator(".orchestra-controls")
        return inside.locator(f"button[data-action={action}]")

    def usable(self, action: str) -> bool:
        """Whether a button can be pressed now."""
        return self.button(action).get_attribute("aria-disabled") != "true"

    def becomes(self, state: str) -> None:
        """Wait for a state."""
        self.page.page.wait_for_selector(f"{ROOT}[data-state={state}]", state="attached", timeout=30_000)

    def framed(self, key: str, run: HeldRun) -> list[dict[str, Any]]:
        """Press a panel's "as frame", and read the variable that it names, while the cell is busy."""
        self.button("frame", key).click()
        wait_for(lambda: f"is the frame of {self.panel(key).title}." in self.status, f"the frame of {key}", 30)
        name = self.status.split()[0]
        rows: list[dict[str, Any]] = run.ask(f"json.loads({name}.to_json(orient='records'))")
        return rows
