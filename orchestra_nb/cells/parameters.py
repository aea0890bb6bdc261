"""Parameters of a notebook, as papermill has them: values that are bound right after the cell tagged ``parameters``.

Policy: a new cell, tagged ``injected-parameters``, binds the given names; it takes the place of one that is there
already, else it follows the first cell tagged ``parameters``, else it comes first. It is an ordinary cell of the
notebook that is analysed, run and written. Its text, and what the words of a command line mean, are papermill's, so
that the same file comes out.

Failure: a name or value that cannot be written as Python is an error; a name that the tagged cell does not bind is a
warning with the nearest one, because papermill takes such names too.
"""

from __future__ import annotations

import ast
import keyword
import math
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import nbformat

from orchestra_nb.cells.source import CellSyntaxError, prepare
from orchestra_nb.errors import Issue, NotebookError, nearest
from orchestra_nb.syntax import tree_of

_TAG, _INJECTED = "parameters", "injected-parameters"
_WORDS: Mapping[str, bool | None] = {"True": True, "False": False, "None": None}
_new_code_cell: Callable[..., nbformat.NotebookNode] = nbformat.v4.new_code_cell


def value_of(text: str) -> bool | int | float | str | None:
    """What a word of a command line stands for.

    Parameters
    ----------
    text
        ``True``, ``False``, ``None``, a whole number, a number, or anything else, which stands for itself.

    Examples
    --------
    >>> [value_of(text) for text in ("3", "0.5", "True", "None", "abc", "")]
    [3, 0.5, True, None, 'abc', '']
    """
    if text in _WORDS:
        return _WORDS[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def parameters_source(parameters: Mapping[str, Any]) -> str:
    r"""The text of the cell that binds parameters.

    Parameters
    ----------
    parameters
        Values by name: texts, numbers, booleans, ``None``, and lists, tuples and mappings of those.

    Raises
    ------
    NotebookError
        A name is no name, or a value cannot be written as Python.

    Examples
    --------
    >>> print(parameters_source({"rate": 0.5, "names": ["a", 'say "b"']}), end="")
    # Parameters
    rate = 0.5
    names = ["a", "say \"b\""]
    """
    issues, lines = [], ["# Parameters"]
    for name, value in parameters.items():
        if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
            issues.append(_fault(f"{name!r} is not a name that can be bound", "give a name, such as 'rate'"))
            continue
        try:
            lines.append(f"{name} = {_written(value)}")
        except (TypeError, RecursionError) as error:
            hint = "give texts, numbers, True, False, None, and lists and mappings of those"
            issues.append(_fault(f"the value of {name!r} cannot be written as Python: {error}", hint))
    if issues:
        raise NotebookError(issues)
    return "\n".join(lines) + "\n"


def inject(document: nbformat.NotebookNode, parameters: Mapping[str, Any]) -> tuple[Issue, ...]:
    """Put a cell that binds parameters into a document.

    Parameters
    ----------
    document
        Of format 4; it is changed.
    parameters
        Values by name; nothing happens when there are none.

    Returns
    -------
    tuple of Issue
        Warnings.

    Raises
    ------
    NotebookError
        As :func:`parameters_source` does.
    """
    if not parameters:
        return ()
    tagged, old = _first(document, _TAG), _first(document, _INJECTED)
    taken = {cell.get("id") for number, cell in enumerate(document.cells) if number != old}
    name = next(name for name in (_INJECTED + "-x" * times for times in count()) if name not in taken)
    cell = _new_code_cell(parameters_source(parameters), metadata={"tags": [_INJECTED]}, id=name)
    if document.get("nbformat_minor", 0) < 5:
        del cell["id"]
    if old is not None:
        document.cells[old] = cell
    else:
        document.cells.insert(0 if tagged is None else tagged + 1, cell)
    if tagged is None:
        message = "no cell is tagged 'parameters', so the given values may be bound anew by the notebook"
        return (_warning(message, "tag the cell that binds their defaults"),)
    known = _bound(document.cells[tagged])
    return tuple(
        _warning(f"the cell tagged 'parameters' does not bind {name!r}", nearest(name, sorted(known)))
        for name in parameters
        if known is not None and name not in known
    )


def _written(value: Any) -> str:
    """A value as Python's source text; of the built-in types only, whose text can be trusted."""
    match value:
        case None | True | False:
            return repr(value)
        case str():
            return '"' + str.encode(value, "unicode_escape").decode("ascii").replace('"', r"\"") + '"'
        case int():
            return int.__repr__(value)
        case float():
            return float.__repr__(value) if math.isfinite(value) else f"float('{float.__repr__(value)}')"
        case list():
            return f"[{', '.join(map(_written, value))}]"
        case tuple():
            return f"({', '.join(map(_written, value))}{',' * (len(value) == 1)})"
        case Mapping():
            return "{" + ", ".join(f"{_written(key)}: {_written(item)}" for key, item in value.items()) + "}"
    raise TypeError(f"it is or holds {type(value).__name__}")


def _first(document: nbformat.NotebookNode, tag: str) -> int | None:
    for number, cell in enumerate(document.cells):
        tags = cell.metadata.get("tags")
        if isinstance(tags, list) and tag in tags:
            return number
    return None


def _bound(cell: nbformat.NotebookNode) -> set[str] | None:
    """The names that a cell binds by plain assignments; ``None`` when it cannot be told."""
    try:
        body = tree_of(prepare(cell.source).code).body if cell.cell_type == "code" else []
    except (CellSyntaxError, SyntaxError):
        return None
    targets = [
        target
        for statement in body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
    ]
    return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}


def _fault(message: str, hint: str) -> Issue:
    return Issue("bad-parameter", message, path="parameters", suggestion=hint)


def _warning(message: str, hint: str) -> Issue:
    return Issue("unknown-parameter", message, path="parameters", suggestion=hint, severity="warning")
