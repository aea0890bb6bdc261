"""A cell's text to a Python syntax tree, with IPython's syntax translated and the line numbers kept.

IPython's own transformer turns magics, shell escapes and ``obj?`` into ordinary calls, so that analysis and execution
see the same Python. It drops leading blank lines, which would shift every line that we show to the user; they are put
back. This is the one module outside :mod:`orchestra_nb.notebook` that knows IPython, and it uses only its text
transformer, which needs no shell.
"""

from __future__ import annotations

import ast
import inspect
import re
import warnings
from dataclasses import dataclass
from functools import lru_cache

from orchestra_nb.syntax import tree_of

COMPILER_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_OWN_HEADER = re.compile(r"\A\s*%%orchestrate\b[^\n]*(\n|\Z)")
_OWN_LINE = re.compile(r"\s*%(orchestrate\b|(load_ext|reload_ext|unload_ext)\s+orchestra_nb\b)")


class CellSyntaxError(Exception):
    """A cell does not parse; ``line`` is counted from 1 within the cell."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Prepared:
    """A cell's code, ready to be analysed and compiled.

    Parameters
    ----------
    code
        Plain Python; line *n* of it is line *n* of the cell, except after a multi-line magic.
    tree
        Its syntax tree.
    is_async
        Whether it awaits at top level.
    """

    code: str
    tree: ast.Module
    is_async: bool


@lru_cache(maxsize=2048)
def prepare(source: str) -> Prepared:
    r"""Translate and parse one cell.

    Raises
    ------
    CellSyntaxError
        With the line in the cell.

    Examples
    --------
    >>> prepare("x = 1\nawait f(x)").is_async
    True
    >>> prepare("\n\n!ls").code
    "\n\nget_ipython().system('ls')\n"
    """
    code = _translate(_blank_own_header(source))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape is the cell's business, shown when the cell runs
            tree = tree_of(code, "<cell>", COMPILER_FLAGS)
            compiled = compile(code, "<cell>", "exec", COMPILER_FLAGS, dont_inherit=True)
    except SyntaxError as error:
        raise CellSyntaxError(f"{error.msg}: {(error.text or '').strip()!r}", error.lineno or 1) from None
    except ValueError as error:  # a NUL byte in the source
        raise CellSyntaxError(str(error), 1) from None
    except (RecursionError, MemoryError):
        raise CellSyntaxError("it is nested too deeply", 1) from None
    assert isinstance(tree, ast.Module)
    return Prepared(code, tree, bool(compiled.co_flags & inspect.CO_COROUTINE))


def is_own_command(source: str) -> bool:
    r"""Whether a cell holds nothing but this library's own line magics, which are never nodes.

    Examples
    --------
    >>> is_own_command("%load_ext orchestra_nb\n%orchestrate run --notebook")
    True
    >>> is_own_command("x = 1")
    False
    """
    lines = [line for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return bool(lines) and all(_OWN_LINE.match(line) for line in lines)


def _blank_own_header(source: str) -> str:
    """Take ``%%orchestrate …`` off the top, leaving its line empty so that the others keep their numbers."""
    match = _OWN_HEADER.match(source)
    return source if match is None else "\n" * match.group().count("\n") + source[match.end() :]


def _translate(source: str) -> str:
    from IPython.core.inputtransformer2 import TransformerManager

    body = source.lstrip("\n")
    blank = 0
    for line in source.splitlines():
        if line.strip():
            break
        blank += 1
    if not source.strip():
        return source
    body = "\n".join(source.splitlines()[blank:])
    try:
        return "\n" * blank + str(TransformerManager().transform_cell(body))
    except SyntaxError as error:
        raise CellSyntaxError(str(error.msg), (error.lineno or 1) + blank) from None
    except Exception as error:  # a fault of IPython's own, which also makes the cell fail there
        raise CellSyntaxError(f"IPython cannot read it ({type(error).__name__}: {error})", 1 + blank) from None
