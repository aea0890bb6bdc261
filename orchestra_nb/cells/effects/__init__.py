"""Source to effects: what each cell of a notebook reads, binds and changes, found without running anything.

The cells are interpreted once, in document order, over *abstract* values (:mod:`.values`): for each expression, which
objects it may refer to. Document order is the order whose results the product promises, so the types and aliases that
hold at a cell in that order are the ones that hold when the cell runs, provided that the edges built from these very
effects are obeyed. Functions of the notebook are followed where they are called; libraries are looked up in one
declarative table; all else is taken to do the worst it could to whatever it can reach, and keeps document order.

What is assumed, beyond the table being right:

- operators, attribute reads and comparisons on objects of unknown libraries do not change them, and
  ``repr`` of them does not either;
- a known library does not keep an argument and change it in a later call, unless a method of the object that kept it
  is called (then what it holds counts as changed with it only if the analysis saw it being put there);
- calling code that is not known may use random states, files, the figure, the directory, the environment, but does not
  reassign options or attributes of known libraries (importing it may);
- nobody but a notebook's own cells writes into the memory behind a frame of pandas 3, past its copying on write;
- the source on disk is the code that runs: no import hooks, no tracing, no changed builtins.

Rejected roads: regular expressions and a flat ``ast.walk`` (wrong on every nested scope); ``symtable`` alone (right on
names, blind to aliases and mutation, the commonest source of wrong results); tracing a first run (exact for that run
only, needs it to happen, and costs the run its threads); one union-find class per alias group over the whole notebook
(sound, but one reuse of a loop variable glues everything together).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from orchestra_nb.cells.effects.fixpoint import TooMuchWork
from orchestra_nb.cells.effects.records import ANYTHING, UNKNOWN_CODE, Access, Barrier, Effects
from orchestra_nb.cells.effects.scopes import bound_by
from orchestra_nb.cells.effects.statements import Interpreter
from orchestra_nb.cells.source import Prepared

__all__ = ["ANYTHING", "UNKNOWN_CODE", "Access", "Barrier", "Effects", "Interpreter", "analyse", "step"]


def analyse(cells: Iterable[Prepared], interpreter: Interpreter | None = None) -> list[Effects]:
    """Effects of cells, in document order.

    Parameters
    ----------
    cells
        The prepared cells of one notebook.
    interpreter
        Carries what is known of names from outside the notebook; a new one by default.

    Examples
    --------
    >>> from orchestra_nb.cells.source import prepare
    >>> first, second = analyse([prepare("xs = []"), prepare("xs.append(1)")])
    >>> [access.via for access in second.of("object", "write")]
    ['xs']
    """
    machine = interpreter or Interpreter()
    return [step(machine, number, cell) for number, cell in enumerate(cells)]


def step(machine: Interpreter, number: int, cell: Prepared, *, may_raise: bool = False) -> Effects:
    """Interpret the next cell; what one that is expected to raise does may not happen."""
    machine.nodes += sum(1 for _ in ast.walk(cell.tree))
    machine.begin(number)
    machine.weak += may_raise
    machine.trying += may_raise
    machine.trees.append(cell.tree)
    machine.effects.is_async = cell.is_async
    try:
        machine.let_tasks_begin(cell.tree)
        machine.run(cell.tree.body)
        machine.let_tasks_end()
    except (TooMuchWork, RecursionError):
        machine.barrier("is beyond what the analysis follows")
        machine.forget_types("a cell beyond the analysis binds", bound_by(cell.tree))
    return machine.effects
