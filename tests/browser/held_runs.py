"""A notebook whose run waits wherever a test wants to look at it, and a way to ask its kernel meanwhile.

The nodes wait for files, so nothing depends on how long anything takes. The kernel's main thread belongs to the run;
questions are answered by a thread that the notebook's first cell starts, from the same names that a person's next cell
would see. So what the page shows at a moment can be held against the frames of that moment.
"""

from __future__ import annotations

import json
import os
import shutil
from itertools import count
from pathlib import Path
from typing import Any

from tests.browser.pages import write
from tests.browser.servers import wait_for

_ANSWERING = """
import json, os, pathlib, threading, time, traceback


def answering(folder, names):
    while folder.exists():
        for asked in sorted(folder.glob("*.py")):
            try:
                answer = {"value": eval(asked.read_text(), names)}
                text = json.dumps(answer, default=str)
            except Exception:
                text = json.dumps({"error": traceback.format_exc()})
            asked.unlink()
            done = asked.with_suffix(".part")
            done.write_text(text)
            done.rename(asked.with_suffix(".json"))
        time.sleep(0.02)


def hold(gate):
    with open(f"{gate}.begun", "w"):
        pass
    while not os.path.exists(gate):
        time.sleep(0.02)


threading.Thread(target=answering, args=(pathlib.Path(FOLDER).resolve(), globals()), daemon=True).start()
"""

CELLS = (
    "%load_ext orchestra_nb",
    "%%orchestrate load\n#| phase: Get\n#| cache: true\nx = 20 + len(GATES)",
    "%%orchestrate fit\n#| phase: Model\n#| uses: db\n#| cost: 4\nhold(GATES + 'fit')\ny = x + 1\nprint('fitted')",
    "%%orchestrate score\n#| phase: Model\n#| uses: db\n#| cost: 2\nhold(GATES + 'score')\nz = x * 2",
    "%%orchestrate ask\n#| phase: Model\n"
    '#| breaker: {"name": "web", "threshold": 1, "rest": 3}\n'
    '#| retry: {"attempts": 99, "initial_delay": 3, "multiplier": 1}\n'
    "if not os.path.exists(GATES + 'web'):\n    raise ConnectionError('web is down')\nw = x + 3",
    "%%orchestrate report\n#| phase: Report\nprint('all', x + y + z + w)\nx + y + z + w",
    "%orchestrate run -j 3",
)
"""Load, then fit and score one after the other (both use the same database), and a service that is down at first."""
RUN = 6
"""The cell that runs them."""


class HeldRun:
    """The notebook on disk, and what its nodes wait for.

    Parameters
    ----------
    folder
        Where the notebook stands.
    name
        Its name, without ``.ipynb``.
    cells
        What is in it; names may use ``GATES``.
    """

    def __init__(self, folder: Path, name: str, cells: tuple[str, ...] = CELLS) -> None:
        self.name = f"{name}.ipynb"
        self.path = folder / self.name
        self._asked = folder / f"{name}-asked"
        self._gates = folder / f"{name}-gates"
        self._numbers = count(1)
        for made in (self._asked, self._gates):
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
        places = f"FOLDER = {self._asked.name!r}\nGATES = {self._gates.name + os.sep!r}\n"
        first = (cells[0] + "\n" + places + _ANSWERING, {"jupyter": {"source_hidden": True}})
        write(self.path, (first, *cells[1:]))

    def began(self, gate: str) -> None:
        """Wait until a node stands before its gate."""
        wait_for((self._gates / f"{gate}.begun").exists, f"{gate} to begin")

    def has_begun(self, gate: str) -> bool:
        """Whether a node has come as far as its gate."""
        return (self._gates / f"{gate}.begun").exists()

    def open(self, *gates: str) -> None:
        """Let nodes go on."""
        for gate in gates:
            (self._gates / gate).touch()

    def shut(self) -> None:
        """Begin again: nothing has begun, and all gates are shut."""
        for path in self._gates.iterdir():
            path.unlink()

    def ask(self, expression: str) -> Any:
        """What an expression is worth in the kernel now, as JSON gives it."""
        asked = self._asked / f"{next(self._numbers):03}.py"
        made = asked.with_suffix(".part")
        made.write_text(expression)
        made.rename(asked)
        answer = asked.with_suffix(".json")
        wait_for(answer.exists, f"an answer to {expression}")
        told = json.loads(answer.read_text())
        assert "error" not in told, told.get("error")
        return told["value"]

    def end(self) -> None:
        """Let everything go on to its end."""
        self.open("fit", "score", "web")
        shutil.rmtree(self._asked, ignore_errors=True)
