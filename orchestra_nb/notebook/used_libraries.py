"""Which libraries a cell's result follows from, by version, and modules of the user's by content.

What a cell imports counts, and the modules of what it is given: of functions, classes and modules their own, of other
values that of their type, and of small ones also what they contain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestra_nb.context.sizes import size_of
from orchestra_nb.running.libraries import imports_in, versions_of
from orchestra_nb.running.recall import python_version

_SMALL = 100_000
"""Bytes of a value that is looked into."""


def used_libraries(text: str, given: Iterable[Any]) -> dict[str, str]:
    """Name what a cell uses.

    Parameters
    ----------
    text
        The cell's code.
    given
        Its inputs.

    Raises
    ------
    TypeError
        A module was edited after it was imported, or that may be so.

    Examples
    --------
    >>> sorted(used_libraries("import numpy", [1]))
    ['Python', 'numpy']
    """
    things = [value if size_of(value) <= _SMALL else type(value) for value in given]
    return {"Python": python_version(), **versions_of(None, more=things, imports=imports_in(text))}


def other_libraries(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Name what was used and is another one now.

    Examples
    --------
    >>> other_libraries({"numpy": "2.1.0"}, {"numpy": "2.2.0", "pandas": "3.0.0"})
    ['numpy']
    """
    return [name for name, version in before.items() if now.get(name) != version]
