"""Whether a cell's result can be kept for later runs, and what it follows from beside its names.

A result that is kept is given back in the cell's place: the names that it binds, and its outputs. So a cell can be kept
when that is all that it does, as far as its code shows:

* It changes no object that other cells see, writes no file, sets no hidden state. Two states are excepted, because they
  can be put back: the global random states, which are read before and set after; and the current figure, as long as the
  cell leaves none open.
* It leaves no function, class, or instance of the notebook's classes, whose globals and identity would be another's; no
  open file, no iterator.
* It follows from its names, from files with known paths, and from hidden state. Of hidden state what can be read counts
  by content when the cell is about to run (the environment, the working directory, options, the random states); for all
  of it the cells before that set it count, with all that they wait for, by their code.

What follows from something outside (the time, the network, chance that nobody seeded, a file whose name shows only when
it runs) is not kept for ``cache: true``. With a number of seconds it is: so old may it be.

Rejected: keeping what a cell changes in place, by keeping the whole object: the next run would have to find it in the
very state that this one found it in, and all others who refer to it would keep the old one. Following what is opened
while a cell runs, by an audit hook: it sees what Python opens, not what C libraries do, and can never be taken off.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from orchestra_nb.cells.effects import ANYTHING, UNKNOWN_CODE, Effects, Interpreter
from orchestra_nb.cells.effects.records import OPEN_TO_ALL, RANDOM, Mode
from orchestra_nb.cells.verdicts import can_be_edited, what_stays
from orchestra_nb.model import Node
from orchestra_nb.running.not_kept import ALL_THE_SAME

READ = frozenset({"env", "cwd", "options", "matplotlib"})
"""Hidden state that is read when the cell is about to run, whoever set it."""
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_PUT_BACK = frozenset({*RANDOM, "matplotlib"})
_OUTSIDE = frozenset({"network"})
_MODES: tuple[Mode, ...] = ("read", "write")


@dataclass(frozen=True, slots=True)
class Keepable:
    """What is to be known of a cell that says ``cache``.

    Parameters
    ----------
    against
        Why its result is not kept, to be read after "it"; empty when it is.
    files
        Paths of the files that it reads.
    states
        The hidden state that it uses, by key, with the nodes before it that set it.
    draws
        The global random states that it draws from or seeds.
    started
        Those of them that it seeds before it draws: what they were before does not matter.
    maybe
        Names that it binds on some paths only.
    """

    against: str
    files: tuple[str, ...] = ()
    states: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    draws: tuple[str, ...] = ()
    started: tuple[str, ...] = ()
    maybe: tuple[str, ...] = ()


def keepable(effects: Effects, machine: Interpreter, aged: bool = False, tree: ast.Module | None = None) -> Keepable:
    r"""Look at the cell that was just interpreted.

    Parameters
    ----------
    effects, machine
        What was found.
    aged
        Whether the user said how old a result may be.
    tree
        The cell's code.

    Examples
    --------
    >>> from orchestra_nb.cells.effects import step
    >>> from orchestra_nb.cells.source import prepare
    >>> machine = Interpreter()
    >>> keepable(step(machine, 0, prepare("xs = []")), machine).against
    ''
    >>> keepable(step(machine, 1, prepare("xs.append(1)")), machine).against
    'changes xs, which other cells see'
    >>> effects = step(machine, 2, prepare("import time\nnow = time.time()"))
    >>> keepable(effects, machine).against
    'follows from the time (time.time, line 2); cache=SECONDS keeps it all the same'
    """
    files = [str(access.key) for access in effects.of("file", "read")]
    draws = tuple(key for key in RANDOM if ("state", key, "write") in effects.accesses)
    states = [str(access.key) for mode in _MODES for access in effects.of("state", mode)]
    return Keepable(
        feature(tree) or effect(effects, machine) or ("" if aged else _outside(effects)),
        tuple(path for path in files if not _is_elsewhere(path)),
        {key: () for key in states if key not in RANDOM},
        draws,
        tuple(key for key in draws if key in effects.begins_with),
        tuple(str(access.key) for access in effects.of("name", "write") if not access.certain),
    )


def settled(
    found: Sequence[Keepable | None], effects: Sequence[Effects], nodes: Sequence[Node], live: bool
) -> list[Node]:
    """Tell the run what it needs, now that all cells are known.

    Parameters
    ----------
    found
        Of each cell that says ``cache``.
    effects, nodes
        Of each cell.
    live
        Whether something ran before the first of them, and may have seeded what they draw from.
    """
    told = []
    for number, (node, known) in enumerate(zip(nodes, found, strict=True)):
        if known is not None:
            known = _seeded(known, effects[:number], live, not isinstance(node.cache, bool))
            states = {key: _setters(key, effects[:number], nodes) for key in known.states}
            keeping = {
                "files": known.files,
                "states": {key: names for key, names in states.items() if names or key in READ},
                "draws": known.draws,
                "started": known.started,
                "maybe": known.maybe,
            }
            node = replace(node, metadata={**node.metadata, "not_kept": known.against, "keeping": keeping})
        told.append(node)
    return told


def _seeded(known: Keepable, before: Sequence[Effects], live: bool, aged: bool) -> Keepable:
    """Leave out the random states that nobody seeded: they are other ones in each run."""
    seeded = {key for cell in before for key in cell.seeds} | set(known.started)
    wild = () if live else tuple(key for key in known.draws if key not in seeded)
    if not wild:
        return known
    if aged:
        return replace(known, draws=tuple(key for key in known.draws if key not in wild))
    what = "numpy's" if wild[0] == "numpy.random" else "the"
    told = f"follows from chance: no cell before it seeds {what} global random state; {ALL_THE_SAME}"
    return replace(known, against=known.against or told)


def _setters(key: str, before: Sequence[Effects], nodes: Sequence[Node]) -> tuple[str, ...]:
    """Name the cells before that set a hidden state, or may."""
    keys = {key, ANYTHING, UNKNOWN_CODE} if key in OPEN_TO_ALL else {key, ANYTHING}
    return tuple(
        nodes[number].id
        for number, cell in enumerate(before)
        if any(("state", each, "write") in cell.accesses for each in keys)
    )


def feature(tree: ast.Module | None) -> str:
    """Say whether a cell turns on a feature of Python, which holds for all later cells and binds a name for each."""
    body = tree.body if tree is not None else []
    found = [step for step in body if isinstance(step, ast.ImportFrom) and step.module == "__future__"]
    return "turns on features of Python (from __future__)" if found else ""


def effect(effects: Effects, machine: Interpreter, *, resuming: bool = False, aside: Collection[str] = ()) -> str:
    """Say what a cell does beside binding names and saying something.

    Parameters
    ----------
    effects, machine
        What was found.
    resuming
        Whether to leave aside what can be done again: writing files, changing the content of lists and dictionaries.
    aside
        As in :func:`.what_stays`.
    """
    if effects.barriers:
        return f"keeps its place among all cells ({effects.barriers[0].why})"
    for access in effects.of("object", "write"):
        if resuming and can_be_edited(access, machine):
            continue
        return f"changes {access.via or 'an object'}, which other cells see"
    for access in effects.of("state", "write"):
        if access.key in (ANYTHING, UNKNOWN_CODE):
            return f"{access.why}"
        if access.key not in _PUT_BACK | _OUTSIDE:
            return f"sets hidden state ({access.key}: {access.why})" if access.why else f"sets {access.key}"
    for access in effects.of("file", "write") if not resuming else ():
        return f"writes a file ({access.why})"
    if effects.main_thread:
        return f"is bound to the main thread ({effects.main_thread[0]})"
    return what_stays(effects, machine, aside)


def _outside(effects: Effects) -> str:
    found = outside(effects)
    return f"{found}; {ALL_THE_SAME}" if found else ""


def outside(effects: Effects) -> str:
    """Say what a cell follows from that no key can hold; empty for nothing."""
    told = list(effects.outside)
    for access in effects.of("file", "read"):
        if _is_elsewhere(str(access.key)):
            what = "a file whose name shows only when it runs" if access.key == ANYTHING else "the network"
            told.append(f"{what} ({access.why}, line {access.line})")
    told += [
        f"the {access.key} ({access.why}, line {access.line})"
        for access in effects.of("state", "write")
        if access.key in _OUTSIDE
    ]
    return f"follows from {told[0]}" if told else ""


def _is_elsewhere(path: str) -> bool:
    return path == ANYTHING or bool(_ADDRESS.match(path))
