"""A cache as anybody would write it who has time: everything is searched from its beginning at each step."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from orchestra_nb.config import CachePolicy

CAP = 40
POLICIES = {
    "lru": (CachePolicy(max_bytes=CAP, max_entries=6, eviction="lru", default_ttl=None), False),
    "lfu": (CachePolicy(max_bytes=CAP, max_entries=6, eviction="lfu", default_ttl=None), False),
    "ttl": (CachePolicy(max_bytes=CAP, max_entries=6, eviction="ttl", default_ttl=None), True),
    "lru+ttl": (CachePolicy(max_bytes=CAP, eviction="lru", default_ttl=50.0), True),
    "lfu+ttl": (CachePolicy(max_bytes=CAP, eviction="lfu", default_ttl=50.0), True),
}
"""By name: the policy, and whether values are given a lifetime."""
KEYS = "abcdefghij"
CONTENTS = ["", "0", "1", "22", "x" * 7, "y" * 7, "z" * 13, "v" * 20, "w" * CAP, "u" * (CAP + 1)]
"""Of no weight, of some, of exactly the cap, of more."""


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Row:
    content: str
    expires: float
    uses: int
    used: int
    age: float


class Model:
    """What a cache of texts must do; a text weighs its length."""

    def __init__(self, policy: CachePolicy) -> None:
        self.policy = policy
        self.rows: dict[str, Row] = {}
        self.turn = 0
        self.age = 0.0
        self.evicted = self.expired = 0

    @property
    def weight(self) -> int:
        return sum(map(len, {row.content for row in self.rows.values()}))

    def get(self, key: str, now: float) -> str | None:
        row = self.rows.get(key)
        if row is None or row.expires <= now:
            return None
        self.turn += 1
        row.uses, row.used, row.age = row.uses + 1, self.turn, self.age
        return row.content

    def put(self, key: str, content: str, ttl: float | None, now: float) -> None:
        self.expire(now)
        old = self.rows.pop(key, None)
        if len(content) > self.policy.max_bytes:
            return
        while self._too_much(content):
            self._evict()
        self.turn += 1
        uses = 1 if old is None else old.uses + 1
        self.rows[key] = Row(content, inf if ttl is None else now + ttl, uses, self.turn, self.age)

    def drop(self, key: str, now: float) -> bool:
        self.expire(now)
        return self.rows.pop(key, None) is not None

    def expire(self, now: float) -> None:
        for key in [key for key, row in self.rows.items() if row.expires <= now]:
            del self.rows[key]
            self.expired += 1

    def _too_much(self, content: str) -> bool:
        new = 0 if content in {row.content for row in self.rows.values()} else len(content)
        most = self.policy.max_entries
        return self.weight + new > self.policy.max_bytes or (most is not None and len(self.rows) >= most)

    def _evict(self) -> None:
        key = min(self.rows, key=self._rank)
        if self.policy.eviction == "lfu":
            self.age = max(self.age, self._rank(key)[0])
        del self.rows[key]
        self.evicted += 1

    def _rank(self, key: str) -> tuple[float, int]:
        row = self.rows[key]
        first = {"lru": 0.0, "lfu": row.uses + row.age, "ttl": row.expires}[self.policy.eviction]
        return first, row.used
