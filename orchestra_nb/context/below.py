"""A store that may fail, seen from the cache above it: what it raises is an answer of nothing, and is told later.

The first failure is logged, each is remembered in :attr:`Below.failures` until somebody who holds no lock publishes it.
A key that could not be deleted, or whose time is up above while it may still live below, is *distrusted*: it is not
read before it has been deleted or written again. Without a store, this one has nothing and keeps nothing.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from orchestra_nb.context.store import Record, Store

_T = TypeVar("_T")
_log = logging.getLogger("orchestra_nb.context")


class Below:
    """The level below memory.

    Parameters
    ----------
    store
        What keeps the values; ``None``: nothing does.

    Examples
    --------
    >>> below = Below(None)
    >>> below.there, below.get("key"), below.delete("key")
    (False, None, False)
    """

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._distrusted: set[str] = set()
        self._told = False
        self.failures: deque[tuple[str, str]] = deque(maxlen=1000)
        """Keys, empty where it was about all of them, and what went wrong."""

    @property
    def there(self) -> bool:
        """Whether there is a store."""
        return self._store is not None

    def get(self, key: str) -> Record | None:
        """Read what is kept of a key."""
        store = self._store
        if store is None or key in self._distrusted:
            return None
        return self._asked(lambda: store.get(key), None, key)

    def write(self, key: str, value: Any, ttl: float | None) -> None:
        """Keep a value soon; if that cannot be, at least not an older one."""
        store = self._store
        if store is None:
            return

        def written() -> bool:
            store.put_later(key, value, ttl)
            return True

        if self._asked(written, False, key):
            self._distrusted.discard(key)
        else:
            self.delete(key)

    def delete(self, key: str) -> bool:
        """Forget a key; whether it was known."""
        store = self._store
        if store is None:
            return False
        found = self._asked(lambda: store.delete(key), None, key)
        if found is None:
            self._distrusted.add(key)
        else:
            self._distrusted.discard(key)
        return bool(found)

    def distrust(self, keys: Iterable[str]) -> None:
        """Do not read these keys before they have been deleted or written again."""
        if self._store is not None:
            self._distrusted.update(keys)

    def keys(self) -> list[str]:
        """List what is kept."""
        store = self._store
        return [] if store is None else self._asked(store.keys, [], "")

    def clear(self) -> None:
        """Forget everything."""
        if (store := self._store) is not None:
            self._asked(store.clear, 0, "")

    def flush(self, timeout: float | None) -> bool:
        """Wait until everything is kept."""
        store = self._store
        return store is None or self._asked(lambda: store.flush(timeout), False, "")

    def close(self) -> None:
        """Let the store go, when it has kept everything."""
        store, self._store = self._store, None
        if store is not None:
            self._asked(store.flush, False, "")
            self._asked(store.close, None, "")

    def _asked(self, question: Callable[[], _T], nothing: _T, key: str) -> _T:
        try:
            return question()
        except Exception as error:
            if not self._told:
                self._told = True
                _log.warning("the store below a cache fails, and is taken for empty where it does: %r", error)
            self.failures.append((key, f"the store raised {type(error).__name__}: {error}"))
            return nothing
