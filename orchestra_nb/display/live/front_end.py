"""Whether there is somebody to draw what is live: a property of the front end, and no kernel knows its front end.

Those that show widgets send the id of the cell with each request (JupyterLab, Notebook, VS Code), and tools that only
store outputs do not. A cell under ``%%capture``, or one that a run has taken over, has another publisher, and nothing
live either. The shell is asked and never changed.
"""

from __future__ import annotations

from typing import Any


def is_live(shell: Any) -> bool:
    """Say whether whoever runs this cell shows widgets.

    Examples
    --------
    >>> is_live(object())
    False
    """
    kernel = getattr(shell, "kernel", None)
    if kernel is None or getattr(shell.display_pub, "pub_socket", None) is None:
        return False
    return bool(cell_of(shell)[0])


def cell_of(shell: Any) -> tuple[str, str]:
    """Say which cell is run, and in which request; empty texts where nobody says it.

    Examples
    --------
    >>> cell_of(object())
    ('', '')
    """
    try:
        parent = shell.get_parent() or {}
        return str(parent.get("metadata", {}).get("cellId") or ""), str(parent.get("header", {}).get("msg_id", ""))
    except Exception:  # a thread that no cell knows
        return "", ""
