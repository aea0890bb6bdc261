"""One cell's code, ready to run: compiled statement by statement under the rules of IPython.

Each top-level statement is compiled by itself, as IPython does, so that ``from __future__`` may stand anywhere, only
the statements that await are coroutines, and the ones to be shown are compiled to call ``sys.displayhook``. The file
name is made by the shell's own compiler: tracebacks then say ``Cell In[3], line 2``, the debugger finds its
breakpoints, and tools that look for notebook code (numba's and joblib's caches) recognise it.

Rejected: a name of our own such as ``<cell-3>``, which those tools do not know; compiling the cell as one module,
which would show no expression before the last.
"""

from __future__ import annotations
import __future__

import ast
import inspect
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from types import CodeType
from typing import Any, Literal

from orchestra_nb.cells.versions import Slots
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId
from orchestra_nb.notebook.slots import renamed, slots_of_node
from orchestra_nb.syntax import tree_of

Interactivity = Literal["all", "last", "last_expr", "last_expr_or_assign", "none"]
FUTURES = reduce(or_, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names))
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)


@dataclass(frozen=True, slots=True)
class CellCode:
    """One cell's code and what decides how it runs; picklable.

    Parameters
    ----------
    node
        The node's id.
    label
        What a traceback calls the cell: the number that it is given to be executed under (``number`` in the node's
        metadata), else its number among the code cells, or its name.
    source
        The cell as it was written.
    text
        The same as plain Python.
    flags
        The ``from __future__`` features of earlier cells, which in a notebook hold for the later ones.
    interactivity
        Which expressions are shown, as the shell's ``ast_node_interactivity``.
    is_async
        Whether the cell awaits at top level.
    may_raise
        Whether an error is an expected output (tag ``raises-exception``).
    figures
        Whether the cell may draw with matplotlib.
    foreign
        Whether the cell may start processes, whose output comes by other ways.
    slots
        Where it finds the names that have versions.
    """

    node: str
    label: str
    source: str
    text: str
    flags: int = 0
    interactivity: Interactivity = "last_expr"
    is_async: bool = False
    may_raise: bool = False
    figures: bool = False
    foreign: bool = False
    slots: Slots = field(default_factory=Slots)


def cell_code(node: Node, flags: int = 0, interactivity: Interactivity = "last_expr") -> CellCode:
    r"""The code of one cell node.

    A cell that does not parse gives code that fails when it runs, with IPython's usual message.

    Examples
    --------
    >>> from orchestra_nb.model import NodeId
    >>> code = cell_code(Node(NodeId("cell-2"), kind="cell", source="x = 1", index=1))
    >>> code.label, code.text
    ('2', 'x = 1\n')
    """
    from orchestra_nb.cells.source import CellSyntaxError, prepare

    try:
        prepared = prepare(node.source)
        text, is_async = prepared.code, prepared.is_async
    except CellSyntaxError:
        text, is_async = node.source, False
    state = node.metadata.get("state", ())
    number = node.id.removeprefix("cell-")
    return CellCode(
        node=node.id,
        label=str(node.metadata.get("number") or (number if number.isdecimal() else node.id)),
        source=node.source,
        text=text,
        flags=flags,
        interactivity=interactivity,
        is_async=is_async,
        may_raise="raises-exception" in node.metadata.get("tags", ()),
        figures="matplotlib" in state or "*" in state,
        foreign=bool(node.verdicts.get("threading")),
        slots=slots_of_node(node),
    )


def codes_of(dag: DAG, shell: Any = None) -> dict[NodeId, CellCode]:
    """Make the code of each cell of a notebook, with the features that those before it turn on.

    Parameters
    ----------
    dag
        Its nodes are cells.
    shell
        The IPython shell that runs them; ``None`` for a plain one.
    """
    flags = shell.compile.flags & FUTURES if shell is not None else 0
    interactivity: Interactivity = shell.ast_node_interactivity if shell is not None else "last_expr"
    codes = {}
    for node in dag.nodes.values():
        codes[node.id] = code = cell_code(node, flags, interactivity)
        flags |= future_flags(code.text)
    return codes


def future_flags(text: str) -> int:
    """Compiler flags of the ``from __future__`` statements in some code.

    Examples
    --------
    >>> future_flags("from __future__ import annotations") == __future__.annotations.compiler_flag
    True
    """
    if "__future__" not in text:
        return 0
    try:
        body = tree_of(text).body
    except (SyntaxError, ValueError):  # nothing of it will run
        return 0
    names = (
        alias.name
        for statement in body
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        for alias in statement.names
    )
    return reduce(or_, (getattr(__future__, name).compiler_flag for name in names), 0)


def register(code: CellCode, shell: Any = None) -> str:
    """Make the cell's lines known to tracebacks; returns the file name to compile the code with.

    Parameters
    ----------
    code
        The cell.
    shell
        Whose compiler makes up the name; ``None`` for IPython's plain one.
    """
    if shell is not None:
        compiler = shell.compile
    else:
        from IPython.core.compilerop import CachingCompiler

        compiler = CachingCompiler()
    return str(compiler.cache(code.text, code.label, raw_code=code.source))


def compiled(code: CellCode, filename: str, shell: Any = None) -> Iterator[CodeType]:
    """Compile the cell's statements one after the other.

    Parameters
    ----------
    code
        The cell.
    filename
        From :func:`register`.
    shell
        Whose syntax tree transformers to apply; ``None`` for none.

    Yields
    ------
    CodeType
        To be executed; a coroutine if ``co_flags`` say so.
    """
    flags = code.flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = tree_of(code.text, filename, flags)
    if shell is not None:
        tree = shell.transform_ast(tree)
    if code.slots:
        tree = renamed(tree, code.slots)
    for statement, shown in interactive(tree.body, code.interactivity):
        module: Any = ast.Interactive([statement]) if shown else ast.Module([statement], [])
        unit = compile(module, filename, "single" if shown else "exec", flags, dont_inherit=True)
        flags |= unit.co_flags & FUTURES
        yield unit


def awaits(unit: CodeType) -> bool:
    """Whether a compiled statement is a coroutine."""
    return bool(unit.co_flags & inspect.CO_COROUTINE)


def interactive(body: Iterable[ast.stmt], interactivity: str) -> list[tuple[ast.stmt, bool]]:
    """Each statement, and whether its expressions are shown.

    Examples
    --------
    >>> [shown for _, shown in interactive(ast.parse("a; b; c").body, "last_expr")]
    [False, False, True]
    >>> [shown for _, shown in interactive(ast.parse("a = 1").body, "last_expr_or_assign")]
    [False, True]
    """
    statements = list(body)
    if not statements:
        return []
    if interactivity == "last_expr_or_assign":
        target = _assigned(statements[-1])
        if target is not None:
            statements.append(ast.fix_missing_locations(ast.Expr(ast.Name(target.id, ast.Load()))))
    if interactivity == "all":
        return [(statement, True) for statement in statements]
    last = interactivity == "last" or (interactivity != "none" and isinstance(statements[-1], ast.Expr))
    return [*((statement, False) for statement in statements[:-1]), (statements[-1], last)]


def is_quiet(text: str) -> bool:
    """Whether the code's last token is a semicolon, which in a notebook keeps its value unshown.

    Examples
    --------
    >>> is_quiet("plot(x);  # the curve"), is_quiet("';'")
    (True, False)
    """
    from IPython.core.displayhook import DisplayHook

    try:
        return bool(DisplayHook.semicolon_at_end_of_expression(text))
    except (SyntaxError, tokenize.TokenError):
        return False


def _assigned(statement: ast.stmt) -> ast.Name | None:
    if not isinstance(statement, _ASSIGNMENTS):
        return None
    if isinstance(statement, ast.Assign):
        target: ast.expr | None = statement.targets[0] if len(statement.targets) == 1 else None
    else:
        target = statement.target
    return target if isinstance(target, ast.Name) else None
