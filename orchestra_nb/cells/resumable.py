"""What going on with a run that was cut short has to know of each cell: can its result be taken over, and what else.

It is nearly what a cell that says ``cache`` is asked (:mod:`.keepable`), and differs where a run goes on from where a
result is kept for any later run:

* What follows from something outside (the time, the network, chance) is taken over: who goes on with a run wants what
  it had fetched, and not something else. But where such a cell *cannot* be taken over, because of what it leaves, it
  runs again and may leave something else; so all that needs it has to run again too. ``changing`` says why.
* A cell may write files. What it left in them belongs to its result, as far as their names are known; what it only
  appended to is a log, in which everything stays that was ever written to it.
* Instances of the notebook's classes can be taken over, for the cell that has the class runs again before; and so can
  what is left of ``with open(...) as file``: a file that is closed.

What a cell did to a list or a dictionary can be done again by piece (:mod:`orchestra_nb.notebook.edits`). What changes
another object that other cells see, sets hidden state, or leaves a function, a class or something open, runs again.
That gives what a linear run gives, because it runs on what its inputs were when they were made.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestra_nb.cells.conflicts import names_of
from orchestra_nb.cells.effects import ANYTHING, UNKNOWN_CODE, Effects, Interpreter
from orchestra_nb.cells.effects.records import RANDOM
from orchestra_nb.cells.keepable import effect, feature, outside
from orchestra_nb.model import Node

METADATA = "resuming"
"""The key of a cell's metadata under which stands what :func:`resumable` found, as a dictionary."""
_SEEN_THEN = frozenset({"handle", "instance", "bound"})
"""Kinds of objects of which it shows when they are stored whether they can be: a file that is closed can."""


@dataclass(frozen=True, slots=True)
class Resumable:
    """What is to be known of a cell.

    Parameters
    ----------
    against
        Why its result cannot be taken over, to be read after "it"; empty when it can.
    changing
        From what outside it follows, to be read after "it"; empty where nothing was seen.
    unknown
        Whether it runs code that is not known.
    reads, writes, logs
        Paths of the files that it reads, that it writes, and that it only appends to; ``"*"`` is any file.
    draws
        The global random states that it draws from or seeds.
    maybe
        Names that it binds on some paths only.
    edits
        Names of the lists and dictionaries whose content it changes.
    modules
        Names that it binds to what it imports, and to nothing else.
    figures
        Whether it may draw into a figure that is open.
    """

    against: str = ""
    changing: str = ""
    unknown: bool = False
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    draws: tuple[str, ...] = ()
    maybe: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    figures: bool = False

    @property
    def record(self) -> dict[str, Any]:
        """The same as plain values."""
        return {name: getattr(self, name) for name in Resumable.__slots__}


def resumable(effects: Effects, machine: Interpreter, tree: ast.Module | None = None) -> Resumable:
    r"""Look at the cell that was just interpreted.

    Parameters
    ----------
    effects, machine
        What was found.
    tree
        The cell's code.

    Examples
    --------
    >>> from orchestra_nb.cells.effects import step
    >>> from orchestra_nb.cells.source import prepare
    >>> machine = Interpreter()
    >>> resumable(step(machine, 0, prepare("import time\nnow = time.time()\nxs = []")), machine).changing
    'follows from the time (time.time, line 2)'
    >>> resumable(step(machine, 1, prepare("xs.append(1)")), machine).edits
    ('xs',)
    >>> resumable(step(machine, 2, prepare("def f():\n    xs.clear()")), machine).against
    'defines the function f, which belongs to this namespace'
    >>> resumable(step(machine, 3, prepare("open('log', 'a').write('x')")), machine).logs
    ('log',)
    """
    states = {str(access.key) for access in effects.of("state", "write")}
    written = [str(access.key) for access in effects.of("file", "write")]
    return Resumable(
        against=feature(tree) or effect(effects, machine, resuming=True, aside=_SEEN_THEN),
        changing=outside(effects),
        unknown=bool(states & {ANYTHING, UNKNOWN_CODE}),
        reads=tuple(str(access.key) for access in effects.of("file", "read")),
        writes=tuple(path for path in written if path in effects.rewrites),
        logs=tuple(path for path in written if path not in effects.rewrites),
        draws=tuple(key for key in RANDOM if key in states),
        maybe=tuple(str(access.key) for access in effects.of("name", "write") if not access.certain),
        edits=names_of(effects.of("object", "write")),
        modules=_imported(tree),
        figures=any(("state", "matplotlib", mode) in effects.accesses for mode in ("read", "write")),
    )


def _imported(tree: ast.Module | None) -> tuple[str, ...]:
    """Name what a cell binds by importing it, and in no other way."""
    steps = tree.body if tree is not None else []
    names = [
        alias.asname or alias.name.partition(".")[0]
        for step in steps
        if isinstance(step, ast.Import | ast.ImportFrom)
        for alias in step.names
    ]
    bound = {each.id for step in steps for each in ast.walk(step) if isinstance(each, ast.Name) and _binds(each)}
    return tuple(name for name in dict.fromkeys(names) if name not in bound)


def _binds(name: ast.Name) -> bool:
    return not isinstance(name.ctx, ast.Load)


def with_resumable(found: Sequence[Resumable], effects: Sequence[Effects], nodes: Sequence[Node]) -> list[Node]:
    """Tell the run what it needs, now that all cells are known: who draws from a random state that nobody seeded."""
    seeded: set[str] = set()
    told = []
    for known, cell, node in zip(found, effects, nodes, strict=True):
        wild = [key for key in known.draws if key not in seeded and key not in cell.begins_with]
        if wild and not known.changing:
            known = replace(known, changing=f"follows from chance ({wild[0]}, which no cell before it seeds)")
        seeded |= cell.seeds
        told.append(replace(node, metadata={**node.metadata, METADATA: known.record}))
    return told


def resuming_of(node: Node) -> Mapping[str, Any]:
    """Give what was found of a cell; of one that nobody looked at, that it cannot be taken over."""
    found: Mapping[str, Any] = node.metadata.get(METADATA) or Resumable("was not looked at").record
    return found
