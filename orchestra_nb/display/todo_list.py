"""Todos as HTML: what a run has to do, with what is being done and what was done, for a display that is replaced often.

A mark stands before each, as in the Markdown checklist: only what was done is ticked. A long list shows its phases and
what is in progress, and says how many it leaves out. Failure: none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestra_nb.display import html
from orchestra_nb.progress.todos import Todo, TodoStatus

_MARKS: Mapping[TodoStatus, str] = {"pending": "☐", "in_progress": "▶", "completed": "☑"}
_MOST = 40
_INDENT = "  "
_ITEM = '<div style="padding-left:{indent}em;{style}">{said}</div>'


def todo_list(todos: Sequence[Todo], most: int = _MOST) -> str:
    """List todos, those beneath a phase set in; at most so many.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.model import Node
    >>> from orchestra_nb.progress.state import Progress
    >>> from orchestra_nb.progress.todos import todos_of
    >>> print(todo_list(todos_of(Progress(DAG([Node("load", phase="<Get>")])), by_phase=True)))
    <div style="padding-left:0em;font-weight:bold">☐ &lt;Get&gt;</div><div style="padding-left:1.5em;">☐ Run load</div>
    """
    shown = list(todos)
    if len(shown) > most:
        shown = [todo for todo in shown if not todo["content"].startswith(_INDENT) or todo["status"] == "in_progress"]
    left = len(todos) - len(shown[:most])
    more = html.paragraph(f"and {left:,} more") if left else ""
    phases = any(todo["content"].startswith(_INDENT) for todo in todos)
    return "".join(_item(todo, bold=phases) for todo in shown[:most]) + more


def _item(todo: Todo, bold: bool) -> str:
    active = todo["status"] == "in_progress"
    text = todo["activeForm" if active else "content"]
    beneath = text.startswith(_INDENT)
    said = html.text(f"{_MARKS[todo['status']]} {text.strip()}")
    style = "font-weight:bold" if bold and not beneath else ""
    return _ITEM.format(indent=1.5 if beneath else 0, style=style, said=said)
