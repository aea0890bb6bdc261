"""Why the result of a node will not be kept although the node says ``cache``: known before anything runs.

A result that follows from the time, the network or chance is not kept unless the user says for how long it may be
taken: ``cache=True`` keeps it not, ``cache=3600`` does. One that can be undone is never kept: a later run would take it
for done when it was not any more. A plan lists such nodes with their reason, and so does a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orchestra_nb.errors import Issue
from orchestra_nb.graph.validation import Place, place_of
from orchestra_nb.model import Node, NodeId
from orchestra_nb.running.outside_of import outside_of
from orchestra_nb.running.pickling import told

METADATA = "not_kept"
"""The key of a cell's metadata under which stands why its result is not kept, in the words of :func:`not_kept`."""
CODE = "not-kept"
"""Of the warning that says the same."""
ALL_THE_SAME = "cache=SECONDS keeps it all the same"
_MOST = 3
"""Reasons that one line has."""


def not_kept(node: Node) -> str:
    """Say why the result of a node that says ``cache`` would not be kept.

    Parameters
    ----------
    node
        A function or a cell. Agents' results are not kept, and nothing is said of them.

    Returns
    -------
    str
        What is to be said of the node, such as ``"follows from the time (time.time); cache=SECONDS keeps it all the
        same"``; empty when nothing is against it.

    Examples
    --------
    >>> import time
    >>> not_kept(Node("stamp", fn=lambda: time.time(), cache=True))
    'follows from the time (time.time); cache=SECONDS keeps it all the same'
    >>> not_kept(Node("stamp", fn=lambda: time.time(), cache=60)), not_kept(Node("total", fn=sum, cache=True))
    ('', '')
    """
    if node.undo is not None:
        return "can be undone, and what was kept would outlive that"
    if node.kind == "cell":
        return str(node.metadata.get(METADATA, ""))
    if node.kind != "function" or node.fn is None or node.cache is not True:
        return ""
    return why_not(node.fn)


def why_not(fn: Callable[..., Any]) -> str:
    """Say why no result of a function is kept for good, in the words of :func:`not_kept`."""
    try:
        found = outside_of(fn)
    except Exception as fault:
        return f"has code that cannot be looked through ({told(fault)}); {ALL_THE_SAME}"
    shown = [*found[:_MOST], *([f"{len(found) - _MOST} more"] if len(found) > _MOST else [])]
    *rest, last = shown or [""]
    return f"follows from {', '.join(rest)}{' and ' if rest else ''}{last}; {ALL_THE_SAME}" if last else ""


def reasons(nodes: Iterable[Node]) -> Mapping[NodeId, str]:
    """Give the reasons of those nodes that say ``cache`` and will not be kept.

    Examples
    --------
    >>> import os
    >>> reasons([Node("a", fn=os.urandom, cache=True), Node("b", fn=os.urandom), Node("c", fn=len, cache=True)])
    {'a': 'follows from chance (os.urandom); cache=SECONDS keeps it all the same'}
    """
    known: dict[tuple[str, int], str] = {}  # many nodes may have one function
    found = {}
    for node in nodes:
        if not node.cache:
            continue
        key = node.kind, id(node.fn)
        if node.kind == "cell" or node.cache is not True or node.undo is not None:
            why = not_kept(node)
        elif key in known:
            why = known[key]
        else:
            why = known[key] = not_kept(node)
        if why:
            found[node.id] = why
    return found


def lines(nodes: Iterable[Node]) -> list[str]:
    """Give the lines of a plan that say what will not be kept.

    Examples
    --------
    >>> import os
    >>> lines([Node("key", fn=os.urandom, cache=True)])
    ['not kept: key follows from chance (os.urandom); cache=SECONDS keeps it all the same']
    """
    return [f"not kept: {name} {why}" for name, why in reasons(nodes).items()]


def cautions(nodes: Iterable[Node], *, place: Place = place_of) -> tuple[Issue, ...]:
    """Give the same as warnings."""
    by_id = {node.id: node for node in nodes}
    return tuple(
        Issue(CODE, f"{name!r} is not kept: it {why}", (name,), place(by_id[name], "cache"), severity="warning")
        for name, why in reasons(by_id.values()).items()
    )
