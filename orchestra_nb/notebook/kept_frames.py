"""Frames that a reader of the dashboard asked for, as variables in the notebook.

The frame of the panel ``locks`` becomes ``orchestra_locks``, and the next one replaces it. A name that somebody else
has bound is never taken: then it is ``orchestra_locks_2``, and so on. What was bound here is known by the value, so a
name that the user has since bound anew is the user's.

**Not the next cell.** A kernel can put text into the next cell only as part of its reply to the cell that runs
(``set_next_input``), when that ends: by then a reader who clicked minutes ago is elsewhere in the notebook, and a cell
appears where nobody asked for one. A variable is there at once, for the next cell that anybody writes.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    import pandas as pd

_made: WeakValueDictionary[str, pd.DataFrame] = WeakValueDictionary()
"""What was bound here last, by name; weakly, because it is the user's to let go."""


class KeptFrames:
    """Puts frames into a namespace.

    Parameters
    ----------
    namespace
        The user's.

    Examples
    --------
    >>> import pandas as pd
    >>> namespace = {"orchestra_locks": "mine"}
    >>> kept = KeptFrames(namespace)
    >>> [kept.keep(key, pd.DataFrame({"n": [n]})) for n, key in enumerate(["locks", "locks", "cache"])]
    ['orchestra_locks_2', 'orchestra_locks_2', 'orchestra_cache']
    >>> namespace["orchestra_locks"], namespace["orchestra_locks_2"].n.item()
    ('mine', 1)
    """

    def __init__(self, namespace: MutableMapping[str, Any]) -> None:
        self._namespace = namespace

    def name(self, key: str) -> str:
        """The variable that the frame of a panel would get now."""
        base = f"orchestra_{key}"
        names = (base if number == 1 else f"{base}_{number}" for number in count(1))
        return next(name for name in names if self._free(name))

    def keep(self, key: str, frame: pd.DataFrame) -> str:
        """Put a frame there; returns the variable's name."""
        name = self.name(key)
        _made[name] = self._namespace[name] = frame
        return name

    def _free(self, name: str) -> bool:
        return name not in self._namespace or self._namespace[name] is _made.get(name, self)
