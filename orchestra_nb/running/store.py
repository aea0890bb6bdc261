"""Where values are kept between nodes: in memory.

The store is a seam (:class:`.Store`) so that values can be kept elsewhere; nothing here knows who put them in. Single
dictionary operations are atomic, so readers in worker threads need no lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class MemoryStore:
    """Values by key, in a dictionary.

    Parameters
    ----------
    values
        What it holds to begin with; copied.

    Examples
    --------
    >>> store = MemoryStore({"a": 1})
    >>> store.put("b", 2)
    >>> store.delete("a")
    >>> store.get("b")
    2
    >>> store.get("a")
    Traceback (most recent call last):
    KeyError: 'a'
    """

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values = dict(values or {})

    def get(self, key: str) -> Any:
        """Return the value; raises ``KeyError`` when there is none."""
        return self._values[key]

    def put(self, key: str, value: Any) -> None:
        """Keep a value."""
        self._values[key] = value

    def delete(self, key: str) -> None:
        """Forget a value; an unknown key is fine."""
        self._values.pop(key, None)
