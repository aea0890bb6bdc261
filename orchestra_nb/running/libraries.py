"""Which code outside of a function's own module its result follows from: libraries by version, other files by content.

:mod:`orchestra_nb.graph.content` describes a function with everything of its own module that it names, and names what
comes from elsewhere. That counts here: the modules of whatever the function names or carries (:mod:`.named_things`)
and everything that these import (:mod:`.imports`). What was installed counts by version (:mod:`.installed`); a module
of the user's, wherever it lies and whatever version it has, by the digests of its files. The standard library counts by
Python's version.

What counts is what lies on disk, because that is known before anything is loaded, and is the same in every process.
What runs is what was loaded. So where the two may differ there is no answer (:mod:`.loads`).

Failure: ``TypeError``, for that reason. A module without version and file (made by hand) counts by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orchestra_nb.running.imports import ALL, REST, Reach
from orchestra_nb.running.named_things import NamedThings
from orchestra_nb.running.sources import file_digest, text_source

__all__ = ["file_digest", "imports_in", "uncovered", "versions_of"]
_TAKEN = {"Python": "the module Python"}
"""What a module's part is called whose name another part of a key has."""


def versions_of(
    fn: Callable[..., Any] | None,
    *,
    more: Iterable[object] = (),
    imports: Iterable[str] = (),
    walk: NamedThings | None = None,
) -> Mapping[str, str]:
    """Say what a function uses beside its own module.

    Parameters
    ----------
    fn
        The function; ``None``: only the others.
    more
        Other values: of functions, classes and modules their modules count, of everything else its type, and what it
        contains.
    imports
        Dotted names of modules that count, such as :func:`imports_in` gives. For ``from a import b`` say ``a`` and
        ``a.b``, for ``from a import *`` say ``a.*``, and ``*`` where names are computed; a name that is no module does
        no harm.
    walk
        A new one, for who wants to know what else it meets.

    Returns
    -------
    Mapping
        Version, or digest, by the name of the top-level module. What is loaded of it and not named by any import
        statement is a part of its own.

    Raises
    ------
    TypeError
        A module was edited after it was imported, or a library was installed anew, or that may be so: what runs is not
        what would be counted. To reload it does not help, because others may go on with what they took from it.

    Examples
    --------
    >>> import numpy
    >>> def mean(rows):
    ...     return numpy.mean(rows)
    >>> versions_of(mean) == {"numpy": numpy.__version__}
    True
    >>> sorted(versions_of(None, more=[numpy.float64(1)], imports=["pandas.api", "json"]))
    ['numpy', 'pandas']
    """
    walk = walk if walk is not None else NamedThings(Reach())
    walk.read(more if fn is None else [fn, *more])
    walk.reach.follow(imports)
    return {_TAKEN.get(name, name): part for name, part in walk.reach.parts().items()}


def imports_in(text: str) -> tuple[str, ...]:
    """Name what a text imports, wherever in it, as :func:`versions_of` takes it; nothing if it is no Python.

    Raises
    ------
    TypeError
        It is too deep for the parser.

    Examples
    --------
    >>> imports_in("from a import b, c")
    ('a', 'a.b', 'a.c')
    >>> imports_in("from importlib import import_module as load; load(name)")
    ('*', 'importlib', 'importlib.import_module')
    """
    source = text_source(text, "the text")
    return tuple(sorted([*source.imports, *([ALL] if source.computed else [])]))


def uncovered(used: Mapping[str, str], known: Mapping[str, str]) -> tuple[str, ...]:
    """Name the parts of what a call used in another process that are not among those that were known before it.

    Parameters
    ----------
    used
        What :func:`versions_of` says there. Of what happens to be loaded, less than here does no harm.
    known
        What it said here.

    Examples
    --------
    >>> here = {"mine": "d1", "the rest of mine": "mine.a=d2 mine.b=d3"}
    >>> uncovered({"mine": "d1", "the rest of mine": "mine.b=d3"}, here)
    ()
    >>> uncovered({"mine": "d1", "the rest of mine": "mine.c=d4"}, here)
    ('the rest of mine',)
    """

    def is_known(name: str) -> bool:
        part, there = used[name], known.get(name, "")
        return part == there or (name.startswith(REST) and {*part.split()} <= {*there.split()})

    return tuple(name for name in used if not is_known(name))
