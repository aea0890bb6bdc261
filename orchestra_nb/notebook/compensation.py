"""A function of the notebook that compensates a cell: called like the one line of a cell, with its output captured.

Its parameters are filled by name from the notebook's variables; ``result`` is what the compensated cell has bound, and
``context`` all variables (:mod:`~orchestra_nb.running.undoing`). The call runs as a cell of its own, so that what it
prints and displays, and its traceback, are as for any cell; they belong to the cell that is undone.
"""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import Any

from orchestra_nb.graph.signature import is_generator_function
from orchestra_nb.model import Node, NodeId
from orchestra_nb.notebook.body import run_body
from orchestra_nb.notebook.code import CellCode, cell_code
from orchestra_nb.notebook.execution import Execution
from orchestra_nb.running.coroutine_call import is_coroutine_function
from orchestra_nb.running.seams import Reply, Undo
from orchestra_nb.running.undoing import arguments

_CALL = "_orchestra_undo"
"""The name under which the function stands with its arguments while it is called."""


def run_call(name: str, undo: Undo, namespace: dict[str, Any], shell: Any = None) -> Reply:
    """Call a function that compensates a cell, in this thread.

    Parameters
    ----------
    name
        What the function is called.
    undo
        What is to be undone.
    namespace
        Where the function is.
    shell
        The IPython shell whose display and error formatting to use.

    Examples
    --------
    >>> space = {"free": lambda seat, result: print("free", seat, dict(result)), "seat": 7}
    >>> undo = Undo(Node("cell-1"), Node("undo of cell-1"), {}, {"seat": 7})
    >>> reply = run_call("free", undo, space)
    free 7 {'seat': 7}
    >>> reply.status, sorted(space)
    ('done', ['free', 'seat'])
    >>> run_call("fere", undo, space).evalue
    "there is no function 'fere' to undo 'cell-1' with"
    """
    fn = namespace.get(name)
    if not callable(fn):
        told = f"there is no function {name!r} to undo {str(undo.node.id)!r} with"
        return Reply("failed", ename="NameError", evalue=told, exception=NameError(told))
    if is_generator_function(fn):
        told = f"{name!r} is a generator, and calling it runs nothing of it; undo with return, not with yield"
        return Reply("failed", ename="TypeError", evalue=told, exception=TypeError(told))
    args, kwargs = arguments(fn, MappingProxyType(namespace), undo.result)
    scope = {_CALL: partial(fn, *args, **kwargs), "__builtins__": namespace.get("__builtins__", __builtins__)}
    return run_body(_code(undo, awaits=is_coroutine_function(fn)), scope, shell, Execution(None, waited=True))


def _code(undo: Undo, *, awaits: bool) -> CellCode:
    source = f"await {_CALL}();" if awaits else f"{_CALL}();"
    return cell_code(Node(NodeId(undo.by.id), kind="cell", source=source, index=undo.node.index))
