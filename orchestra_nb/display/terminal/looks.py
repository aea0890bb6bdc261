"""How a status looks on a terminal: a mark, and a colour that only repeats what the mark says."""

from __future__ import annotations

from collections.abc import Mapping

from orchestra_nb.display.scene import LOOKS

STYLES: Mapping[str, str] = {
    **{"waiting": "dim", "queued": "dim", "running": "bold blue", "resting": "magenta"},
    **{"done": "green", "cached": "cyan", "failed": "bold red", "skipped": "dim", "cancelled": "yellow"},
}
"""By state of a node."""
MARKS: Mapping[str, str] = {
    **{"waiting": "·", "queued": "·", "running": "▶", "resting": "◷"},
    **{status: look.mark for status, look in LOOKS.items() if status is not None},
}
"""By state of a node."""
CRITICAL = "◆"
"""Marks a node of the critical path."""
CRITICAL_STYLE = "bold blue"
