"""One notebook in one tab of the browser, as a person has it before them.

Everything that goes wrong in a page is remembered and judged when it is closed: what it asked of other machines, what
it wrote into the console as an error, and dialogs that a script opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import nbformat

from tests.browser.screenshots import keep
from tests.browser.servers import Server, wait_for

Theme = Literal["light", "dark"]
Cells = Sequence[str | tuple[str, dict[str, Any]]]
_THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
_NUMBERED = """which => {
  const code = window.jupyterapp.shell.currentWidget.content.widgets.filter(cell => cell.model.type === 'code');
  return which.every(i => code[i].model.executionCount && code[i].model.executionState !== 'running');
}"""
WIDTHS = """output => Promise.all([...output.querySelectorAll('img, figure.orchestra-zoom > svg')].map(
  one => one.decode ? one.decode().catch(() => 0).then(() => one.naturalWidth) : one.viewBox.baseVal.width))"""
_COMMAND = "([id, args]) => window.jupyterapp.commands.execute(id, args).then(() => true)"
_IDLE = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
_FRONT_ENDS_OWN = re.compile(r"^http://127\.0\.0\.1:\d+/static/(lab|notebook)/")
_BEGIN = "id => { window.jupyterapp.commands.execute(id) }"


def write(path: Path, cells: Cells) -> None:
    """Write a notebook of code cells, some with metadata."""
    given = [(one, {}) if isinstance(one, str) else one for one in cells]
    made = [nbformat.v4.new_code_cell(source, metadata=metadata) for source, metadata in given]
    notebook = nbformat.v4.new_notebook(cells=made)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


class NotebookPage:
    """A notebook of a server's folder.

    Parameters
    ----------
    context
        The browser.
    server
        Who shows it.
    name
        The file in the server's folder.
    kernel
        Whether there is one. Without, the front end is told that this machine has none at all.
    """

    def __init__(self, context: Any, server: Server, name: str, *, kernel: bool = True) -> None:
        self.server, self.name = server, name
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.dialogs: list[str] = []
        self.page = context.new_page()
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", self._heard)
        self.page.on("pageerror", self._not_caught)
        self.page.on("dialog", self._dialog)
        if not kernel:
            self._take_kernels_away()
        self.page.goto(server.page(name))
        self.page.wait_for_selector(".jp-Notebook-cell", timeout=60_000)
        if kernel:
            self.idle()
        else:
            self.page.locator(".jp-Dialog", has_text="No Kernel").get_by_role("button", name="Select").click()

    def idle(self) -> None:
        """Wait until the page has a kernel that waits for a cell: one that is run before that is dropped silently."""
        wait_for(self._ready, "the kernel")
        self.page.wait_for_function(_IDLE, timeout=60_000)

    def _ready(self) -> bool:
        kernels = (one["kernel"] for one in self.server.sessions(self.name))
        return any(one["connections"] and one["execution_state"] == "idle" for one in kernels)

    def _take_kernels_away(self) -> None:
        nothing = {"default": "", "kernelspecs": {}}
        self.page.route(re.compile(r"/api/kernelspecs"), lambda route: route.fulfill(json=nothing))
        self.page.route(re.compile(r"/api/(sessions|kernels)"), lambda route: route.fulfill(json=[]))

    def _heard(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _not_caught(self, error: Any) -> None:
        """An error of the front end alone (Notebook 7 has one as it starts) is none of ours."""
        places = re.findall(r"(?:https?|blob|file):[^\s)]+", error.stack or "")
        if not places or not all(_FRONT_ENDS_OWN.search(place) for place in places):
            self.complaints.append(f"not caught: {error.stack or error}")

    def _dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    # What a person does

    def begin(self) -> None:
        """Run every cell, and do not wait."""
        self.page.evaluate(_BEGIN, "notebook:run-all-cells")

    def run_all(self) -> None:
        """Run every cell and wait until each has its number."""
        self.begin()
        self.ended(*range(len(self.outputs())))

    def begin_cell(self, index: int) -> None:
        """Run one cell, and do not wait."""
        self.page.evaluate("i => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = i }", index)
        self.page.evaluate(_BEGIN, "notebook:run-cell")

    def run_cell(self, index: int) -> None:
        """Run one cell to its end."""
        self.page.evaluate("i => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = i }", index)
        self.do("notebook:run-cell")

    def ended(self, *which: int) -> None:
        """Wait until these cells have their numbers."""
        self.page.wait_for_function(_NUMBERED, arg=list(which), timeout=90_000)

    def do(self, command: str, **arguments: Any) -> None:
        """Carry out a command of the front end."""
        self.page.evaluate(_COMMAND, [command, arguments])

    def save(self) -> None:
        """Save the notebook."""
        self.do("docmanager:save")

    def theme(self, theme: Theme) -> None:
        """Change the front end's theme."""
        self.do("apputils:change-theme", theme=_THEMES[theme])
        light = "true" if theme == "light" else "false"
        self.page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")

    def close(self) -> None:
        """Close the tab and end the kernel; nothing may have gone wrong in the page."""
        self.page.close()
        self.server.end(self.name)
        assert self.dialogs == []
        assert self.complaints == [], self.complaints
        hosts = {urlsplit(url).hostname for url in self.asked if url.startswith("http")}
        assert hosts == {"127.0.0.1"}

    # What a person sees

    def output(self, index: int) -> Any:
        """The output area of a code cell."""
        return self.page.locator(".jp-CodeCell").nth(index).locator(".jp-Cell-outputWrapper")

    def outputs(self) -> list[str]:
        """The text in each cell's output area."""
        text = "cells => cells.map(c => c.querySelector('.jp-Cell-outputWrapper').innerText)"
        return list(self.page.eval_on_selector_all(".jp-CodeCell", text))

    def widths(self, index: int) -> list[int]:
        """The natural widths of the pictures below a cell; a picture that the browser cannot show has 0."""
        return list(self.output(index).evaluate(WIDTHS))

    def trusted(self) -> bool:
        """Whether the front end trusts every code cell."""
        each = "() => [...window.jupyterapp.shell.currentWidget.model.cells].every(c => c.type !== 'code' || c.trusted)"
        return bool(self.page.evaluate(each))

    def shoot(self, name: str, what: Any = None) -> Path:
        """Keep a picture of the page, or of a part of it."""
        return keep(name, (what or self.page).screenshot())


@contextmanager
def opened(context: Any, server: Server, name: str, *, kernel: bool = True) -> Iterator[NotebookPage]:
    """A page that is closed, and its kernel ended, whatever happens; what went wrong in it is told last."""
    page = NotebookPage(context, server, name, kernel=kernel)
    try:
        yield page
    except BaseException:
        print(*page.outputs(), *page.complaints, sep="\n----\n")  # pytest shows it with the failure
        page.shoot(f"failed {Path(name).stem}")
        page.page.close()
        server.end(name)
        raise
    page.close()
