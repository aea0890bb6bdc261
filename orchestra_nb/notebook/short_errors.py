"""How an error of a magic is shown: the cell, the line with its code, the message with the next step, in one block.

The frames between a cell and the message are this library's and IPython's, and say nothing to their reader. So an error
that leaves a magic gets its *place*: the innermost cell whose code stands on the stack (a function of an earlier cell
may have called the magic), the line there as it was typed, and, where the fault is in the cell below ``%%orchestrate``,
that line of it. IPython asks the error itself for its lines (``_render_traceback_``); for nbclient, nbval and everybody
else it is the exception that it is. A node's failure shows the lines of the node's own code instead, which say where.

The whole traceback is kept as text, not as frames, which would keep the values of a failed run alive:
``%orchestrate error`` gives it, and ``%config Orchestrate.tracebacks = "full"`` shows it at once.

Failure: none; an error whose place cannot be found is shown without it.
"""

from __future__ import annotations

import linecache
import re
import sys
import traceback
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any

from orchestra_nb.display.wording import short
from orchestra_nb.errors import DefinitionError, NodeFailed, OrchestraError

HINT = "(in full: %orchestrate error)"
_LINE = re.compile(r"\bline (\d+)")
_CELL = re.compile(r"cell \d+, line ")
_NUMBER = re.compile(r"In\s?\[(\d+)\]")
_LONGEST = 160


def explain(error: OrchestraError, shell: Any, cell: str | None = None) -> str:
    """Give an error its place, and its whole traceback as text.

    Parameters
    ----------
    error
        Was raised in a magic, whose frame is the caller's; keeps its class and its message.
    shell
        The IPython shell.
    cell
        What stands below ``%%orchestrate``, with that line; ``None`` for a line magic.

    Returns
    -------
    str
        The whole traceback.
    """
    found = _innermost(shell, sys._getframe(1))
    trace = error.__traceback__
    if found is not None:
        trace = TracebackType(trace, found, found.f_lasti, found.f_lineno)
        if not isinstance(error, NodeFailed):
            error.place = tuple(place_of(error, shell, found, cell))
            error.told_as = _told_as(error, _label(shell, found.f_code.co_filename)) if cell is not None else ()
    error.hint = (HINT,)
    return "".join(traceback.format_exception(type(error), error, trace))


def place_of(error: OrchestraError, shell: Any, frame: FrameType, cell: str | None) -> Sequence[str]:
    """Say which cell and line it is, with the line of code; nothing when that cannot be found."""
    filename, number = frame.f_code.co_filename, frame.f_lineno
    label = _label(shell, filename)
    lines = cell.splitlines() if cell is not None else _typed(shell, filename, label)
    if cell is not None:
        number = _faulty_line(error, len(lines))
    elif lines:
        number += _left_out(lines)
    code = lines[number - 1] if 0 < number <= len(lines) else linecache.getline(filename, number)
    head = f"Cell {label}, line {number}"
    return (head, f"----> {number} {short(code.strip(), _LONGEST)}", "") if code.strip() else (head, "")


def _faulty_line(error: OrchestraError, lines: int) -> int:
    """The line of a cell that a fault is in: as its first fault says, else that of the magic."""
    paths = [issue.path for issue in error.issues] if isinstance(error, DefinitionError) else []
    found = next(filter(None, map(_LINE.search, paths)), None)
    number = int(found[1]) if found else 1
    return number if 0 < number <= lines else 1


def _told_as(error: OrchestraError, label: str) -> tuple[tuple[str, str], ...]:
    """Name the cell as its prompt does: a session counts its declared cells, and no reader does."""
    paths = [issue.path for issue in error.issues] if isinstance(error, DefinitionError) else []
    found = next(filter(None, map(_CELL.match, paths)), None)
    return ((found[0], f"cell {label}, line "),) if found else ()


def _innermost(shell: Any, frame: FrameType | None) -> FrameType | None:
    """The innermost frame of a cell's code."""
    while frame is not None:
        if _label(shell, frame.f_code.co_filename):
            return frame
        frame = frame.f_back
    return None


def _label(shell: Any, filename: str) -> str:
    """What IPython calls the cell of a file of code, as ``In[3]``; empty for what is no cell."""
    told = shell.compile.format_code_name(filename)
    return str(told[1]) if told else ""


def _typed(shell: Any, filename: str, label: str) -> list[str]:
    """The lines of a cell as they were typed, if they are still known."""
    found, inputs = _NUMBER.search(label), shell.history_manager.input_hist_raw
    number = int(found[1]) if found else -1
    return str(inputs[number]).splitlines() if 0 < number < len(inputs) else []


def _left_out(lines: Sequence[str]) -> int:
    """How many empty lines IPython left out at the beginning of a cell."""
    return next((number for number, line in enumerate(lines) if line.strip()), 0)
