"""What there is to do, as a checklist; beneath phases where there are any."""

from __future__ import annotations

from functools import cache

from orchestra_nb.display.dashboard.panel import Panel
from orchestra_nb.display.dashboard.sheet import Column, Sheet
from orchestra_nb.display.dashboard.snapshot import Snapshot
from orchestra_nb.display.todo_list import todo_list
from orchestra_nb.progress.todos import Todo

_COLUMNS = (
    Column("content"),
    Column("status", ("pending", "in_progress", "completed")),
    Column("activeForm"),
    Column("phase", "flag"),
)


def todos_panel(snapshot: Snapshot) -> Panel:
    """Make the panel; in its frame, ``phase`` says which todos stand for a whole phase."""
    state = snapshot.state
    phases = any(node.phase is not None for node in state.dag.nodes.values())

    @cache
    def todos() -> list[Todo]:
        return state.todos(by_phase=phases)

    def sheet() -> Sheet:
        beneath = any(todo["content"].startswith("  ") for todo in todos())
        return Sheet(
            _COLUMNS,
            [
                (
                    todo["content"].strip(),
                    todo["status"],
                    todo["activeForm"].strip(),
                    beneath and not todo["content"].startswith("  "),
                )
                for todo in todos()
            ],
        )

    return Panel(
        "todos", "To do", lambda most: todo_list(todos(), most), lambda: sheet().frame(), says=len(state.dag) > 0
    )
