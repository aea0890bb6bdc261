"""What a run made, put into a notebook document as Jupyter would have left it.

Policy: the cells of a run are numbered from 1 in document order, whatever order they ran in: the written file is that
of a linear run. A cell that was not reached has no number and no outputs, for old ones would be taken for new. The
parts of a pipeline cell share its outputs, in their order. ``metadata.execution`` is written as Jupyter and nbclient do
it, and read again as the cost of the next run. What a kernel says of its language and of the widgets that were made
becomes metadata of the notebook.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import nbformat

from orchestra_nb.cells.cell import Cell
from orchestra_nb.errors import NodeFailed
from orchestra_nb.model import Outcome, Output

_from_dict: Callable[[object], nbformat.NotebookNode] = nbformat.from_dict
_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "stream": {"name": "stdout", "text": ""},
    "display_data": {"data": {}, "metadata": {}},
    "execute_result": {"data": {}, "metadata": {}, "execution_count": None},
    "error": {"ename": "", "evalue": "", "traceback": []},
}


def fill(
    document: nbformat.NotebookNode,
    cells: Sequence[Cell],
    outcomes: Mapping[str, Outcome],
    began: datetime | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> nbformat.NotebookNode:
    """Return a copy of the document with the outputs, numbers and times of a run.

    Parameters
    ----------
    document
        A notebook of format 4.
    cells
        Its nodes.
    outcomes
        How each node ended, by id.
    began
        When the run began; now minus its length when not given.
    metadata
        What the run adds to the notebook's own: ``language_info`` and, where there were any, ``widgets``.
    """
    result = deepcopy(document)
    result.metadata.update(_from_dict(dict(metadata or {})))
    length = max((outcome.ended or 0.0 for outcome in outcomes.values()), default=0.0)
    start = began or datetime.now(UTC) - timedelta(seconds=length)
    by_position: dict[int, list[Outcome | None]] = {}
    for cell in cells:
        by_position.setdefault(cell.position, []).append(outcomes.get(cell.id))
    count = 0
    code = [cell for cell in result.cells if cell.cell_type == "code"]
    for position, raw in enumerate(code, 1):
        if position not in by_position:
            continue
        planned = [outcome for outcome in by_position[position] if outcome is not None]
        count += bool(planned)  # also where it was not reached: a traceback of a later cell has said its number
        executed = [outcome for outcome in planned if _was_begun(outcome)]
        _fill_cell(raw, executed, count, start)
    return result


def _was_begun(outcome: Outcome) -> bool:
    return outcome.status in ("done", "cached", "failed") or outcome.started is not None


def _fill_cell(raw: nbformat.NotebookNode, executed: Sequence[Outcome], count: int, start: datetime) -> None:
    raw.outputs = []
    raw.execution_count = None
    raw.metadata.pop("execution", None)
    if not executed:
        return
    raw.execution_count = count
    made = [output for outcome in executed for output in _outputs(outcome) if output.get("output_type") in _FIELDS]
    raw.outputs = [_from_dict(_valid(output, count)) for output in made]
    started = [outcome.started for outcome in executed if outcome.started is not None]
    ended = [outcome.ended for outcome in executed if outcome.ended is not None]
    if started and ended:
        first, last = (_stamp(start + timedelta(seconds=moment)) for moment in (min(started), max(ended)))
        raw.metadata["execution"] = _from_dict(
            {
                "iopub.status.busy": first,
                "iopub.execute_input": first,
                "shell.execute_reply": last,
                "iopub.status.idle": last,
            }
        )


def _outputs(outcome: Outcome) -> list[Output]:
    """Return the outputs, with the error of a failed node at the end, where Jupyter shows it."""
    outputs = list(outcome.outputs)
    error = outcome.error
    if error is None or any(output.get("output_type") == "error" for output in outputs):
        return outputs
    ename, evalue, traceback = type(error).__name__, str(error), list[str]()
    if isinstance(error, NodeFailed) and error.ename:
        ename, evalue, traceback = error.ename, error.evalue, list(error.traceback)
    traceback = traceback or [f"{ename}: {evalue}"]
    return [*outputs, {"output_type": "error", "ename": ename, "evalue": evalue, "traceback": traceback}]


def _valid(output: Output, count: int) -> dict[str, Any]:
    """Keep the fields that the schema has for this kind of output, and no others."""
    kind = str(output["output_type"])
    fields = _FIELDS[kind]
    result = {"output_type": kind, **{key: output.get(key, default) for key, default in fields.items()}}
    if kind == "execute_result":
        result["execution_count"] = count
    return result


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
