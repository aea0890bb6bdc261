"""The seam between the cache in memory and one that outlives it.

A store is asked from any thread. It keeps what it is given as it was when it was given, and hands out a value that
nobody else holds. A write that is still on its way is seen by ``get`` and undone by ``delete`` and ``clear``: after
those nothing of the key comes back. Lifetimes are in seconds; what is over is not there. A store never fails for the
disk's sake in a way that would hurt: the cache treats whatever it raises as "not there", and says so once.
"""

from __future__ import annotations

import importlib
from os import PathLike
from typing import Any, Protocol, runtime_checkable


class Record(Protocol):
    """What a store has of a key."""

    @property
    def value(self) -> Any:
        """The value; it belongs to whoever asked."""

    @property
    def ttl(self) -> float | None:
        """Seconds that it still lives; ``None``: without end."""

    @property
    def bytes(self) -> int:
        """What it weighs in the store."""


@runtime_checkable
class Store(Protocol):
    """Keeps values by key.

    Examples
    --------
    What is kept on the disk is there for the next process, or the next cache:

    >>> import tempfile
    >>> from orchestra_nb import ContextManager
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with ContextManager(path=folder) as cache:
    ...         cache.set("answer", [42])
    ...     with ContextManager(path=folder) as cache:
    ...         cache.get("answer")
    [42]
    """

    def get(self, key: str) -> Record | None:
        """Find what is kept of a key.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = open_store(folder)
        ...     _ = store.put("answer", [42], ttl=3600)
        ...     found = store.get("answer")
        ...     print(found.value, 0 < found.ttl <= 3600, store.get("question"))
        ...     store.close()
        [42] True None
        """

    def put(self, key: str, value: Any, ttl: float | None = None) -> object:
        """Keep a value, and return when it is kept.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = open_store(folder)
        ...     _ = store.put("answer", [42])
        ...     print(store.get("answer").value)
        ...     store.close()
        [42]
        """

    def put_later(self, key: str, value: Any, ttl: float | None = None) -> object:
        """Keep a value soon, and at the end of the process at the latest.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = open_store(folder)
        ...     _ = store.put_later("answer", [42])
        ...     print(store.get("answer").value, store.flush(60))
        ...     store.close()
        [42] True
        """

    def delete(self, key: str) -> bool:
        """Forget a key; whether there was one.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = open_store(folder)
        ...     _ = store.put("answer", [42])
        ...     print(store.delete("answer"), store.delete("answer"), store.get("answer"))
        ...     store.close()
        True False None
        """

    def keys(self) -> list[str]:
        """List the keys, those that are on their way too.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = open_store(folder)
        ...     _ = store.put("answer", [42])
        ...     _ = store.put_later("question", "?")
        ...     print(sorted(store.keys()))
        ...     store.close()
        ['answer', 'question']
        """

    def clear(self) -> int:
        """Forget everything; how many keys there were.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = open_store(folder)
        ...     _ = store.put("answer", [42])
        ...     print(store.clear(), store.keys())
        ...     store.close()
        1 []
        """

    def flush(self, timeout: float | None = None) -> bool:
        """Wait, for so many seconds at most, until what is on its way is kept; whether it is.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = open_store(folder)
        ...     _ = store.put_later("answer", [42])
        ...     print(store.flush(timeout=60))
        ...     store.close()
        True
        """

    def close(self) -> object:
        """Flush, and let the files go.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = open_store(folder)
        ...     _ = store.put_later("answer", [42])
        ...     store.close()
        ...     again = open_store(folder)
        ...     print(again.get("answer").value)
        ...     again.close()
        [42]
        """

    def statistics(self) -> object:
        """Tell how it did.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = open_store(folder)
        ...     _ = store.put("answer", [42])
        ...     told = store.statistics()
        ...     print(told.entries, told.stored, told.misses)
        ...     store.close()
        1 1 0
        """


def open_store(folder: str | PathLike[str]) -> Store:
    """Open the store on disk in a folder; what it stands on is loaded only now.

    Raises
    ------
    OrchestraError
        The folder cannot be used.
    """
    store: Store = importlib.import_module("orchestra_nb.context.disk").DiskStore(folder)
    return store
