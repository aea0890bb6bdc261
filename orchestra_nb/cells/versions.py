"""Names are versions: which cells mean the same variable when they write the same name.

Notebooks use names over and over: ``for i in …``, ``fig, ax = …``, ``df = df.dropna()``. In one shared namespace each
rebinding orders cells that have nothing to do with one another: the earlier cell must be done with its ``df`` before
the later one binds its own. Compilers know these as anti and output dependences, and remove them by *renaming*
(R. Cytron, J. Ferrante et al., *Efficiently Computing Static Single Assignment Form*, TOPLAS 13(4), 1991; the units of
renaming here are *webs*, unions of chains from definitions to uses, S. Muchnick, *Advanced Compiler Design and
Implementation*, section 16.3.3). This module finds the webs; :mod:`orchestra_nb.notebook.slots` keeps each web of a
name in a slot of its own while cells run, and puts the name back as a linear run would leave it.

The scheme
----------
Cells are read in document order. Each cell that binds a name is a *definition*; one that happens on every path hides
those before it, any other only joins them. A cell that reads a name before binding it *uses* every definition that may
reach it, and these are then one web, because the cell cannot be told which. A cell that both uses and binds a name
keeps the two in one web, except where its first binding is a plain assignment at top level (``df = clean(df)``): the
right-hand side and all before it see the old variable, all after it the new one, so the web can change there.

A web keeps the order edges among its own cells; between webs there are none. A name with a single web stays as it is.
In the run, a cell's *code* names the slot (``df @cell-3``): its syntax tree is rewritten, so comprehensions and lambdas
that run within the cell follow. After the run, and before any cell that looks at everything, the last definition that
really happened gets the name, and the slots go. A loop variable whose loop may be empty needs no proof: if its slot was
never written, the definition before it is the last.

What must not be renamed (:mod:`.fixed_names`)
----------------------------------------------
The trick is sound only while nothing but the cell's own code, while it runs, looks a name up. So a name stays one
variable with all its edges when, anywhere in the notebook,

- code that may run later mentions it: a function, a method, a lambda, a generator expression that is handed on. A
  function's globals are found by name in the one namespace at the moment of the call, and must be the linear ones;
- it is bound by ``def``, ``class`` or ``import``: what is found through such names is found by pickle, by
  ``__qualname__`` and by tracebacks too. (Importing the same thing under the same name again is no definition at all.)
  The same goes for an assignment that tells its own name, as ``Point = namedtuple("Point", …)`` does;
- it is deleted, or annotated (``__annotations__`` would tell);
- a text names it where a library may look names up (``df.query("a > @limit")``, any text in a cell that calls code
  which is not known: formulas do this);
- the user declared what the cell reads or writes: what was declared holds, not what the code shows;
- the live session holds a function that reads it.

And nothing at all is renamed when code asks for frames, for the namespace of ``__main__`` or for type hints, or when
the end of an object can be noticed (``__del__``, weak references): binding a name anew ends the old value's life, and
with renaming it would live on until its last reader is done. Cells that look at everything (magics, ``globals()``)
divide the notebook: names are settled before they run.

Identity is untouched: a slot holds the very object, ``is`` and aliases see no difference. What travels to a process
travels under its plain name.

Rejected
--------
- *A namespace per cell* (a dictionary that falls back to the shared one): functions that a cell defines would keep the
  wrong globals for good, and rebinding ``__globals__`` is not possible.
- *Running the cell with a mapping as its locals*: comprehensions and lambdas in it look names up in the globals.
- *Wrapping the cell in a function*: its tracebacks, ``NameError`` and star-imports change, lambdas that outlive it
  would keep private variables instead of seeing the notebook's.
- *Renaming names that functions read, by patching the functions' code*: exact only when all callers agree on the
  version, and seen by everything that looks at the code. Such names keep their order instead.
- *Renaming at run time, on the value's first write*: needs no analysis, but which version a reader means is known only
  from document order, which is what the webs are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestra_nb.cells.effects.names import BUILTINS

_OUTSIDE = -1
"""The definition that stands for what a name meant before the cells."""


@dataclass(frozen=True, slots=True)
class Slots:
    """Where a cell finds the names that have several versions; all others are where they always are.

    Parameters
    ----------
    before
        Slot of each name up to the statement that binds it anew.
    after
        Slot of each name from there on; the same for a name that is not bound anew.
    """

    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.before or self.after)


@dataclass(frozen=True, slots=True)
class Use:
    """What one cell does with names, as far as versions depend on it.

    Parameters
    ----------
    cell
        Its id.
    reads
        Names that it may read before it has bound them.
    writes
        Names that it binds; ``True`` where it does so on every path.
    splits
        Names for which an assignment at top level divides the cell.
    alone
        Whether it looks at everything, so that all names must be settled before it.
    """

    cell: str
    reads: frozenset[str] = frozenset()
    writes: Mapping[str, bool] = field(default_factory=dict)
    splits: frozenset[str] = frozenset()
    alone: bool = False


def webs(uses: Sequence[Use], fixed: frozenset[str] = frozenset(), known: Iterable[str] = ()) -> list[Slots]:
    """Give each version of a name its slot.

    Parameters
    ----------
    uses
        Of every cell, in document order.
    fixed
        Names that must stay as they are.
    known
        Names that mean something before the first cell.

    Returns
    -------
    list of Slots
        One for each cell.

    Examples
    --------
    >>> first, second = Use("cell-1", writes={"i": False}), Use("cell-2", writes={"i": False})
    >>> [slots.after for slots in webs([first, second])]
    [{'i': 'i @cell-1'}, {'i': 'i @cell-2'}]
    >>> webs([first, Use("cell-2", reads=frozenset("i"), writes={"i": False})])
    [Slots(before={}, after={}), Slots(before={}, after={})]
    """
    outside = BUILTINS.union(known)
    slots: list[Slots] = []
    part: list[Use] = []
    for use in uses:
        if use.alone:
            slots += [*_slots_of(part, fixed, outside), Slots()]
            outside = outside.union(*(u.writes for u in part), use.writes)
            part = []
        else:
            part.append(use)
    return slots + _slots_of(part, fixed, outside)


def _slots_of(uses: Sequence[Use], fixed: frozenset[str], outside: frozenset[str]) -> list[Slots]:
    """The slots of cells between two that look at everything."""
    count = Counter(name for use in uses for name in use.writes)
    several = {name for name, times in count.items() if (times > 1 or name in outside) and name not in fixed}
    users: dict[str, list[tuple[int, Use]]] = {name: [] for name in sorted(several)}
    for number, use in enumerate(uses):
        for name in several.intersection((*use.reads, *use.writes)):
            users[name].append((number, use))
    found = {name: _Webs(name, part, name in outside) for name, part in users.items()}
    slots = []
    for number, use in enumerate(uses):
        before = {name: found[name].slot(found[name].read_by.get(number)) for name in use.reads if name in found}
        after = {name: found[name].slot(number) for name in use.writes if name in found}
        whole = {**before, **after}
        slots.append(
            Slots(
                {name: before.get(name, slot) for name, slot in whole.items() if before.get(name, slot)},
                {name: slot for name, slot in whole.items() if slot},
            )
        )
    return slots


class _Webs:
    """The webs of one name, as a forest of definitions (union-find)."""

    def __init__(self, name: str, users: Sequence[tuple[int, Use]], outside: bool) -> None:
        self._name = name
        self._ids = {number: use.cell for number, use in users}
        self._above: dict[int, int] = {_OUTSIDE: _OUTSIDE}
        self.read_by: dict[int, int] = {}
        """By number of the cell, one of the definitions that it reads."""
        reaching = {_OUTSIDE} if outside else set[int]()
        for number, use in users:
            if name in use.reads and reaching:
                for definition in reaching:
                    self._join(definition, min(reaching))
                self.read_by[number] = min(reaching)
            if name in use.writes:
                self._above[number] = number
                reads = name in use.reads
                if reads and number in self.read_by and name not in use.splits:
                    self._join(number, self.read_by[number])
                elif reads:
                    self.read_by.setdefault(number, number)
                reaching = {number} if use.writes[name] else reaching | {number}
        self._plain = self._find_plain()

    def slot(self, definition: int | None) -> str:
        """The slot of a definition's web; empty when it is the name itself."""
        if definition is None or self._plain is None:
            return ""
        root = self._root(definition)
        return "" if root == self._plain else f"{self._name} @{self._ids[root]}"

    def _find_plain(self) -> int | None:
        """The web that keeps the plain name: that of the value from before; ``None`` when all do."""
        roots = {self._root(definition) for definition in self._above}
        own = roots - {_OUTSIDE}
        mixed = any(self._root(d) == _OUTSIDE for d in self._above if d != _OUTSIDE)
        if mixed or not own or (len(own) == 1 and _OUTSIDE not in self.read_by.values()):
            return None
        return _OUTSIDE

    def _root(self, definition: int) -> int:
        while self._above[definition] != definition:
            self._above[definition] = self._above[self._above[definition]]
            definition = self._above[definition]
        return definition

    def _join(self, one: int, other: int) -> None:
        first, second = sorted((self._root(one), self._root(other)))
        self._above[second] = first
