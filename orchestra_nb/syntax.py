"""Source to syntax tree, one thread at a time.

Until Python 3.11.8 and 3.12.2 the interpreter counts the depth of the tree that it is building in one place for all
threads. Building may collect garbage, whose finalizers may let another thread run; if that one builds a tree as well,
either may end with ``SystemError: AST constructor recursion depth mismatch`` (issue 106905 of CPython). Cells that
start at the same moment would fail for it, so every tree of this library is built here.

The lock may be taken again by its own thread: a finalizer may parse, too. A forked process has a lock of its own, for
the thread that held it is not there.
"""

from __future__ import annotations

import ast
import os
import threading

_lock = threading.RLock()


def _renew() -> None:
    global _lock
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_renew)


def tree_of(source: str | bytes, filename: str = "<unknown>", flags: int = 0) -> ast.Module:
    """Parse a program.

    Parameters
    ----------
    source
        The program.
    filename
        What messages call it.
    flags
        Of the compiler, such as those of ``from __future__`` statements.

    Raises
    ------
    SyntaxError, ValueError, RecursionError, MemoryError
        As ``compile`` does.

    Examples
    --------
    >>> ast.unparse(tree_of("x=1"))
    'x = 1'
    """
    with _lock:
        tree: ast.Module = compile(source, filename, "exec", flags | ast.PyCF_ONLY_AST, dont_inherit=True)
    return tree
