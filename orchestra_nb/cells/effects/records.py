"""What one cell does to what it shares with the others: a flat list of accesses.

A cell is described by accesses to four families of resources: *names* of the notebook's namespace, *objects* (the
things that names refer to, by the place that made them), *files* and hidden *state*. Two cells conflict where they
access one resource and at least one of them changes it; that, and nothing else, makes an inferred edge.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

Family = Literal["name", "object", "file", "state"]
Mode = Literal["read", "write"]
ANYTHING = "*"
"""As a file's path or a state's key: it could be any of them."""
UNKNOWN_CODE = "unknown code"
"""As a state's key: all that code which is not known may use, itself included; see :data:`OPEN_TO_ALL`."""
AGAIN = "imports it again"
"""Why a name is written that means the same already; such a write conflicts with nothing."""
RANDOM = ("random", "numpy.random")
"""Keys of the global random states."""
OPEN_TO_ALL = frozenset(
    {
        UNKNOWN_CODE,
        "numpy.random",
        "random",
        "matplotlib",
        "cwd",
        "env",
        "warnings",
        "logging",
        "network",
        "locale",
        "context",
        "signal",
    }
)
"""Hidden state that a call into unknown code may use. Options and attributes of modules are not among it: importing
such code may set them, calling it is taken not to."""


@dataclass(frozen=True, slots=True)
class Access:
    """One use of one resource.

    Parameters
    ----------
    family
        What sort of resource.
    key
        Which: a variable's name, an object's number, a normalised path, a state's key.
    mode
        ``"write"`` binds a name, changes an object in place, writes a file or sets state.
    line
        Line in the cell, from 1.
    certain
        ``False`` when the analysis cannot exclude it, rather than having seen it.
    via
        For objects: the variable through which it was reached.
    why
        What made it so, where that is not obvious (``"np.random.seed"``, ``"calls foo(), which is not known"``).
    """

    family: Family
    key: str | int
    mode: Mode
    line: int
    certain: bool = True
    via: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Barrier:
    """Something that may touch everything: it keeps its place among all cells."""

    line: int
    why: str


@dataclass(slots=True)
class Effects:
    """Everything that one cell does, in the order in which it does it.

    Attributes
    ----------
    accesses
        Deduplicated by family, key and mode; the first line is kept, and certainty once seen.
    barriers
        Reasons why the cell must keep its place among all others.
    main_thread
        Reasons why it must run on the thread that a linear run would use.
    outside
        What it calls whose result follows from something outside: the time, the network, chance. Each with its line.
    deletes
        Names that it may delete, also those of caught exceptions.
    rewrites
        Paths of the files that it writes otherwise than by appending to them.
    seeds, begins_with
        The global random states that it seeds; those of them that it surely seeds before it does anything else to them.
    is_async
        Whether it awaits at top level.
    looked_up
        Names that libraries may look up because a text holds them.
    """

    accesses: dict[tuple[Family, str | int, Mode], Access] = field(default_factory=dict)
    barriers: list[Barrier] = field(default_factory=list)
    main_thread: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    deletes: set[str] = field(default_factory=set)
    rewrites: set[str] = field(default_factory=set)
    seeds: set[str] = field(default_factory=set)
    begins_with: set[str] = field(default_factory=set)
    is_async: bool = False
    looked_up: set[str] = field(default_factory=set)

    def add(self, access: Access) -> bool:
        """Record an access; says whether anything was new."""
        key = (access.family, access.key, access.mode)
        known = self.accesses.get(key)
        if known is None or (access.certain and not known.certain):
            first = known is not None and access.family == "name"  # any way of binding it will do
            self.accesses[key] = replace(access, line=known.line) if known is not None and first else access
            return True
        return False

    def of(self, family: Family, mode: Mode) -> list[Access]:
        """The accesses of one family and mode, in order."""
        return [a for a in self.accesses.values() if a.family == family and a.mode == mode]

    @property
    def state(self) -> tuple[str, ...]:
        """Keys of the hidden state that the cell touches."""
        return tuple(dict.fromkeys(str(a.key) for a in self.accesses.values() if a.family == "state"))
