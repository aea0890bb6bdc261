"""How a status looks on a terminal: a mark, and a colour that only repeats what the mark says."""

from __future__ import annotations

from collections.abc import Mapping

from orchestra_nb.display.looks import LOOKS

STYLES: Mapping[str, str] = {
    **{"waiting": "dim", "queued": "dim", "running": "bold blue", "resting": "magenta"},
    **{"done": "green", "cached": "cyan", "failed": "bold red", "skipped": "dim", "cancelled": "yellow"},
}
"""By state of a node."""
MARKS: Mapping[str, str] = {state: look.mark for state, look in LOOKS.items() if state}
"""By state of a node: those of the pictures."""
CRITICAL = "◆"
"""Marks a node of the critical path."""
CRITICAL_STYLE = "bold blue"
