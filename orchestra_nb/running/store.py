"""Where values are kept between nodes: in memory; and which of them a run still needs.

The store is a seam (:class:`.Store`) so that values can be kept elsewhere; nothing there knows who put them in. Single
dictionary operations are atomic, so readers in worker threads need no lock.

A value that was left where it was made (:class:`.Kept`) has two forms: the reference, and the one live object that
nodes of this process get. Which of them is the value? The reference, as long as no node of this process that had the
object has ended; from then on the object, which that node may have changed. A process that starts earlier is not
ordered after such a node, and sees the value as it was made.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from orchestra_nb.running.parcels import Parcel
from orchestra_nb.running.readers import Readers, Released
from orchestra_nb.running.seams import Kept, Store, is_kept

_log = logging.getLogger("orchestra_nb.running")


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


class Values:
    """The values of a run. Used by the driver's thread alone.

    Parameters
    ----------
    store
        Where they are.
    readers
        Who reads them.
    """

    def __init__(self, store: Store, readers: Readers) -> None:
        self.lean = readers.lean
        self._store = store
        self._readers = readers
        self._there: set[str] = set()
        self._kept: set[str] = set()
        self._changed: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._there

    @property
    def kept(self) -> bool:
        """Whether there are values that are kept elsewhere."""
        return bool(self._kept)

    def keep(self, name: str, value: Any) -> Any:
        """Put a value into the store; returns what its node's outcome shows of it."""
        self._store.put(name, value)
        self._there.add(name)
        stays = not self.lean or self._readers.stays(name)
        if is_kept(value):
            self._kept.add(name)
            if type(value) is Parcel and not stays:
                value.forget()  # it was opened once to see whether that works
        return value if stays else Released.of(value)

    def get(self, name: str) -> Any:
        """Give a value, or the reference to it."""
        value = self._store.get(name)
        return value.fetch() if name in self._changed else value

    def ended(self, node: str, here: bool) -> None:
        """Take note that a node, which was ``here`` in this process or not, will read no more."""
        if here and self._kept:
            self._changed.update(self._kept.intersection(self._readers.reads(node)))
        if not self.lean:
            return
        for name in self._readers.ended(node):
            if name in self._kept:
                self._kept.discard(name)
                self._changed.discard(name)
                self._let_go(self._store.get(name))
            self._store.delete(name)
            self._there.discard(name)

    @staticmethod
    def _let_go(value: Kept) -> None:
        try:
            value.release()
        except Exception:  # nobody needs it; its keeper tidies up when it goes itself
            _log.exception("a value that was kept elsewhere could not be released")
