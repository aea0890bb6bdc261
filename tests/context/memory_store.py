"""A store in memory, as the cache's tests need it: by pickle, with writes that are on their way until a flush."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from threading import RLock
from typing import Any, NamedTuple


class Kept(NamedTuple):
    value: Any
    ttl: float | None
    bytes: int


class MemoryStore:
    """Keeps bytes; ``clock`` is its own."""

    def __init__(self, values: Mapping[str, Any] | None = None, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.clock = clock
        self.kept: dict[str, tuple[bytes, float | None]] = {}
        self.pending: dict[str, tuple[bytes, float | None]] = {}
        self.reads: list[str] = []
        self.closed = False
        self._lock = RLock()
        for key, value in (values or {}).items():
            self.put(key, value)

    def get(self, key: str) -> Kept | None:
        with self._lock:
            self.reads.append(key)
            data, expires = self.pending.get(key) or self.kept.get(key) or (None, None)
            if data is None:
                return None
            left = None if expires is None else expires - self.clock()
            return None if left is not None and left <= 0 else Kept(pickle.loads(data), left, len(data))

    def put(self, key: str, value: Any, ttl: float | None = None) -> None:
        with self._lock:
            self.kept[key] = self._packed(value, ttl)
            self.pending.pop(key, None)

    def put_later(self, key: str, value: Any, ttl: float | None = None) -> None:
        with self._lock:
            self.pending[key] = self._packed(value, ttl)

    def delete(self, key: str) -> bool:
        with self._lock:
            there = self.get(key) is not None
            self.pending.pop(key, None)
            self.kept.pop(key, None)
            return there

    def keys(self) -> list[str]:
        with self._lock:
            return [key for key in {**self.kept, **self.pending} if self.get(key) is not None]

    def clear(self) -> int:
        with self._lock:
            found = len(self.keys())
            self.kept.clear()
            self.pending.clear()
            return found

    def flush(self, timeout: float | None = None) -> bool:
        with self._lock:
            self.kept.update(self.pending)
            self.pending.clear()
            return True

    def close(self) -> None:
        self.flush()
        self.closed = True

    def statistics(self) -> object:
        return {"keys": len(self.kept)}

    def _packed(self, value: Any, ttl: float | None) -> tuple[bytes, float | None]:
        return pickle.dumps(value), None if ttl is None else self.clock() + ttl
