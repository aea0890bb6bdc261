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
    """Keeps values by key."""

    def get(self, key: str) -> Record | None:
        """Find what is kept of a key."""

    def put(self, key: str, value: Any, ttl: float | None = None) -> object:
        """Keep a value, and return when it is kept."""

    def put_later(self, key: str, value: Any, ttl: float | None = None) -> object:
        """Keep a value soon, and at the end of the process at the latest."""

    def delete(self, key: str) -> bool:
        """Forget a key; whether there was one."""

    def keys(self) -> list[str]:
        """List the keys, those that are on their way too."""

    def clear(self) -> int:
        """Forget everything; how many keys there were."""

    def flush(self, timeout: float | None = None) -> bool:
        """Wait, for so many seconds at most, until what is on its way is kept; whether it is."""

    def close(self) -> object:
        """Flush, and let the files go."""

    def statistics(self) -> object:
        """Tell how it did."""


def open_store(folder: str | PathLike[str]) -> Store:
    """Open the store on disk in a folder; what it stands on is loaded only now.

    Raises
    ------
    OrchestraError
        The folder cannot be used.
    """
    store: Store = importlib.import_module("orchestra_nb.context.disk").DiskStore(folder)
    return store
