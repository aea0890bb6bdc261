"""One node's worth of notebook: a code cell, or one part of a pipeline cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestra_nb.cells.settings import NodeSettings
from orchestra_nb.model import NodeId


@dataclass(frozen=True, slots=True)
class Cell:
    """Code to run as one node, with what the user said about it.

    Parameters
    ----------
    position
        From 1, among *all* code cells of the notebook; the parts of one pipeline cell share it.
    source
        The text of the Jupyter cell as it is, ``%%orchestrate`` line included; of a part, the lines below its marker.
    settings
        Settled from all places.
    metadata
        The Jupyter cell's metadata, as it is in the file.
    tags
        Its tags; ``"raises-exception"`` says that a failure is expected.
    cell_id
        The Jupyter cell's id, or ``""``.
    seconds
        How long the cell took when it last ran, where the file says so.
    first_line
        The line of the Jupyter cell at which ``source`` begins, from 1.
    part
        From 1, the part of a pipeline cell; 0 for a whole cell.
    places
        Where each setting was given (``"cell 3, line 1"``), by key.

    Examples
    --------
    >>> Cell(3, "x = 1").id, Cell(3, "x = 1").place
    ('cell-3', 'cell 3')
    """

    position: int
    source: str
    settings: NodeSettings = field(default_factory=NodeSettings)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    cell_id: str = ""
    seconds: float | None = None
    first_line: int = 1
    part: int = 0
    places: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def id(self) -> NodeId:
        """The node's id: its name, else ``cell-N``, or ``cell-N.P`` for a part without a name."""
        return NodeId(self.settings.name or default_name(self.position, self.part))

    @property
    def place(self) -> str:
        """The cell in messages: ``"cell 3"``."""
        return f"cell {self.position}"

    @property
    def may_fail(self) -> bool:
        """Whether the notebook's author expects this cell to fail, as Jupyter's own tools understand it."""
        return "raises-exception" in self.tags

    def where(self, key: str) -> str:
        """Say where a setting was given: ``"cell 3, line 1"``; the cell when nobody gave it."""
        return self.places.get(key, self.place)

    def line(self, number: int) -> str:
        """Name a line of ``source`` (from 1) in messages, counted in the Jupyter cell: ``"cell 3, line 2"``."""
        return f"{self.place}, line {number + self.first_line - 1}"


def default_name(position: int, part: int = 0) -> str:
    """Name a cell that nobody named."""
    return f"cell-{position}.{part}" if part else f"cell-{position}"


_SPANS = (("iopub.execute_input", "shell.execute_reply"), ("iopub.status.busy", "iopub.status.idle"))


def recorded_seconds(metadata: Mapping[str, Any]) -> float | None:
    """Tell how long a cell took when it last ran, from what Jupyter or papermill left in its metadata.

    Returns
    -------
    float or None
        Seconds; ``None`` when nothing usable was recorded.

    Examples
    --------
    >>> recorded_seconds({"papermill": {"duration": 1.5}})
    1.5
    """
    execution = metadata.get("execution")
    if isinstance(execution, Mapping):
        for begin, end in _SPANS:
            started, ended = _time(execution.get(begin)), _time(execution.get(end))
            if started is not None and ended is not None and ended >= started:
                return ended - started
    papermill = metadata.get("papermill")
    duration = papermill.get("duration") if isinstance(papermill, Mapping) else None
    if isinstance(duration, int | float) and not isinstance(duration, bool) and 0 <= duration < float("inf"):
        return float(duration)
    return None


def _time(stamp: object) -> float | None:
    if not isinstance(stamp, str):
        return None
    try:
        moment = datetime.fromisoformat(stamp)
        return moment.timestamp()
    except (ValueError, OverflowError, OSError):
        return None
