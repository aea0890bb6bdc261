"""Values in an IPython that has no front end: drawn for its terminal, as the command line draws them.

IPython prints a value's ``text/plain``, which is for diffs and log files too and so has neither colours nor a width. A
shell without kernel, at a terminal that can do more, is told to ask here instead, for classes of ours only; in all
others, and for whoever asks a value itself, nothing changes. Failure: none of its own.
"""

from __future__ import annotations

import sys
from typing import Any

from orchestra_nb.display.terminal import capable, drawn, of_value
from orchestra_nb.notebook.reports import Report
from orchestra_nb.presentation import Bundle, Presented

_OURS: tuple[type, ...] = (Presented, Report)


def begin(shell: Any) -> None:
    """Have a shell draw our values for its terminal, if it has one and no front end."""
    if getattr(shell, "kernel", None) is None and capable(sys.stdout):
        for cls in _OURS:
            shell.display_formatter.mimebundle_formatter.for_type(cls, _bundle)


def end(shell: Any) -> None:
    """Have it no longer do so."""
    formatter = shell.display_formatter.mimebundle_formatter
    for cls in _OURS:
        if formatter.type_printers.get(cls) is _bundle:
            formatter.pop(cls)


def _bundle(value: Any) -> Bundle:
    plain = str(value._repr_mimebundle_()["text/plain"])
    return {"text/plain": drawn(of_value(value, plain), sys.stdout)}
