"""What a function imports when it runs, read from its byte code: its source may be nowhere."""

from __future__ import annotations

import dis
from functools import lru_cache
from types import CodeType

from orchestra_nb.running.sources import COMPUTING, joined


@lru_cache(maxsize=4096)
def imports_of(code: CodeType) -> tuple[frozenset[str], bool]:
    """Name what the code, and code within it, imports when it runs.

    Returns
    -------
    tuple
        The names, as :class:`~orchestra_nb.running.sources.Source` has them; and whether there may be more. Where
        there may be, every constant that could be the name of a module is among them.

    Examples
    --------
    >>> def load(path):
    ...     from .files import read
    ...     return read(path)
    >>> sorted(imports_of(load.__code__)[0])
    ['.files', '.files.read']
    """
    found: set[str] = set()
    steps = [step for step in dis.get_instructions(code) if step.opname != "EXTENDED_ARG"]
    for at, step in enumerate(steps):
        if step.opname == "IMPORT_NAME":
            level, names = steps[at - 2].argval, steps[at - 1].argval
            base = "." * (level if isinstance(level, int) else 0) + step.argval
            found.add(base)
            found.update(joined(base, name) for name in names or ())
    computed = not COMPUTING.isdisjoint((*code.co_names, *code.co_varnames))
    if computed:
        texts = (each for each in code.co_consts if isinstance(each, str))
        found.update(text for text in texts if all(word.isidentifier() for word in text.split(".")))
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            names, more = imports_of(inner)
            found, computed = found | names, computed or more
    return frozenset(found), computed
