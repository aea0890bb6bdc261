"""Cells that run only if a condition holds, as the analysis sees them.

A cell with ``when`` is one that begins with ``if``: it reads the names of its condition, and what it binds may be bound
by it or by whoever bound it before. So its syntax tree is put under an ``if`` with these names before it is analysed,
and everything else follows: the edges from who makes the names, the uncertain bindings, the earlier cells that later
ones still need. The code that runs is the cell's own; the condition is decided by the run.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.settings import BreakerSettings, RetrySettings
from orchestra_nb.cells.source import Prepared
from orchestra_nb.config import RetryPolicy
from orchestra_nb.definitions.condition import parse_condition


def under_condition(code: Prepared, cell: Cell) -> Prepared:
    """Put a cell's tree under its condition, if it has one.

    Raises
    ------
    ConditionError
        The condition cannot be read.

    Examples
    --------
    >>> from orchestra_nb.cells.settings import NodeSettings
    >>> from orchestra_nb.cells.source import prepare
    >>> cell = Cell(1, "deploy()", NodeSettings(when="failed === 0"))
    >>> print(ast.unparse(under_condition(prepare(cell.source), cell).tree))
    if (failed,):
        deploy()
    """
    if cell.settings.when is None:
        return code
    names = parse_condition(cell.settings.when).names
    body = code.tree.body or [ast.Pass()]
    test = ast.Tuple([ast.Name(name, ast.Load()) for name in names], ast.Load())
    return replace(code, tree=ast.fix_missing_locations(ast.Module([ast.If(test, body, [])], [])))


def retry_policy_of(said: int | RetrySettings) -> int | RetryPolicy:
    """Turn what a cell says about being tried again into a policy; what it leaves out is the policy's own default.

    Examples
    --------
    >>> retry_policy_of(3), retry_policy_of(RetrySettings(attempts=2, max_delay=5.0)).max_delay
    (3, 5.0)
    """
    if not isinstance(said, RetrySettings):
        return said
    given = {key: value for key, value in said.model_dump().items() if value is not None}
    if isinstance(given.get("jitter"), bool):
        given["jitter"] = 1.0 if given["jitter"] else 0.0
    return RetryPolicy(**given)


def breaker_of(said: str | BreakerSettings | None) -> str | dict[str, Any] | None:
    """Turn what a cell says about its circuit into what nodes say: its name, or a mapping.

    Examples
    --------
    >>> breaker_of("db"), breaker_of(BreakerSettings(name="db", threshold=2))
    ('db', {'name': 'db', 'threshold': 2})
    """
    if not isinstance(said, BreakerSettings):
        return said
    return {key: value for key, value in said.model_dump().items() if value is not None}
