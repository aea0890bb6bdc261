"""What a call is given, and an activation of a function that is being followed."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestra_nb.cells.effects.scopes import Scope
from orchestra_nb.cells.effects.values import NOTHING, Value


@dataclass(slots=True)
class Frame:
    """An activation of a notebook function that is being followed."""

    scope: Scope
    returns: Value = NOTHING
    yields: Value = NOTHING
    met: bool = False
    """Whether it was called again while it was followed."""
    changed: bool = False
    owner: int | None = None
    """The class in whose body the function stands, for ``super()``."""
    ended: bool = False
    """Whether a ``return`` was met."""
    sent: Value = NOTHING
    """What ``yield`` may give, in a generator."""


@dataclass(slots=True)
class Arguments:
    """The evaluated arguments of a call."""

    positional: list[Value] = field(default_factory=list)
    keywords: dict[str, Value] = field(default_factory=dict)
    spread: Value | None = None
    """What came through ``*args`` or ``**kwargs``: it may be any parameter."""

    @property
    def everything(self) -> Value:
        """Whatever the callee may get hold of."""
        objects: frozenset[int] = frozenset() if self.spread is None else self.spread.objects
        for value in (*self.positional, *self.keywords.values()):
            objects |= value.objects
        return Value(objects)

    def pick(self, position: int | str) -> Value | None:
        """The argument at a position or of a keyword; ``None`` when it is not given."""
        if isinstance(position, str):
            return self.keywords.get(position)
        return self.positional[position] if position < len(self.positional) else None
