"""What code sees counts by content: a table that a function names is as much its input as an argument."""

from __future__ import annotations

import abc
import dataclasses
import enum
import functools
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import pydantic
import pytest

from orchestra_nb.context.content import content_digest
from orchestra_nb.running.seen_values import SeenValues

T = TypeVar("T")
TABLE = {"a": 1}
COUNT, LOCK, LOG = 5, threading.Lock(), logging.getLogger("seen")


def global_table() -> int:
    return TABLE["a"]


def through_another() -> int:
    return global_table()


def harmless() -> str:
    with LOCK:
        LOG.debug("x")
    return json.dumps(COUNT)


def seen_values(things: list[Any], digest: Callable[[Any], str]) -> Any:
    walk = SeenValues()
    walk.read(things)
    return walk.digests(digest)


class Held:
    table: Any = TABLE

    def read(self) -> Any:
        return self.table["a"]

    @property
    def more(self) -> Any:
        return TABLE


class Derived(Held):
    pass


def closure(held: Any) -> Callable[[], Any]:
    return lambda: held


def attributed() -> None:
    pass


attributed.rows = TABLE  # type: ignore[attr-defined]


@functools.cache
def cached() -> int:
    return TABLE["a"]


SEEING: dict[str, Any] = {
    "a global": global_table,
    "a global of what it calls": through_another,
    "a closure": closure(TABLE),
    "a closure in a closure": closure(closure(TABLE)),
    "an attribute of a function": attributed,
    "a class": Held,
    "an instance": Held(),
    "an instance of a class below": Derived(),
    "a method": Held().read,
    "a partial": functools.partial(global_table),
    "a cached one": cached,
    "in a list": [1, [global_table]],
    "in a dictionary": {"f": {"g": global_table}},
    "in an attribute": type("Any", (), {"__init__": lambda self: setattr(self, "f", global_table)})(),
    "a lambda": lambda: TABLE,
    "in a nested function": lambda: lambda: TABLE,
}


@pytest.fixture
def _table() -> Any:
    yield
    TABLE.clear()
    TABLE["a"] = 1


@pytest.mark.usefixtures("_table")
@pytest.mark.parametrize("name", SEEING)
def test_what_it_sees_counts_by_content(name: str):
    before = seen_values([SEEING[name]], content_digest)
    assert seen_values([SEEING[name]], content_digest) == before
    TABLE["a"] = 2
    changed = seen_values([SEEING[name]], content_digest)
    assert changed.keys() == before.keys()
    assert changed != before
    TABLE["a"] = 1
    assert seen_values([SEEING[name]], content_digest) == before


@pytest.mark.parametrize("thing", [harmless, len, json.dumps, 5, "text", [1, {"a": (2,)}], None, int, dict])
def test_constants_code_and_locks_are_not_seen(thing: Any):
    assert seen_values([thing], content_digest) == {}


class Abstract(abc.ABC):
    @abc.abstractmethod
    def read(self) -> int: ...


class Concrete(Abstract):
    @functools.cached_property
    def once(self) -> int:
        return 1

    def read(self) -> int:
        return self.once


class Colour(enum.Flag):
    RED = 1
    BLUE = 2


class Pair(NamedTuple):
    a: int
    b: int = 2


class Box(Generic[T]):
    held: T


@dataclasses.dataclass(slots=True)
class Record:
    a: int = 1
    rows: list[int] = dataclasses.field(default_factory=list)


class Model(pydantic.BaseModel):
    a: int = 1


class Reads(Protocol):
    def read(self) -> int: ...


OF_EVERY_KIND = [Concrete(), Colour.RED, Pair(1), Box(), Record(), Model(), Reads]


@pytest.mark.parametrize("thing", OF_EVERY_KIND, ids=lambda thing: type(thing).__name__)
def test_classes_of_every_kind_have_digests_that_stay(thing: Any):
    before = seen_values([thing], content_digest)
    if thing is Colour.RED:
        assert Colour.RED | Colour.BLUE  # which makes a member
    if isinstance(thing, Concrete):
        assert thing.once
    assert seen_values([thing], content_digest) == before


def test_functions_that_see_one_another_end():
    def even(n: int) -> bool:
        return n == 0 or odd(n - 1)

    def odd(n: int) -> bool:
        return n != 0 and bool(rows) and even(n - 1)

    rows = [1]
    (name,) = seen_values([even], content_digest)
    assert "sees (rows in " in name


def test_what_has_no_digest_is_named():
    with pytest.raises(TypeError, match=r"<lambda> sees \(held in .*\) cannot be told from others"):
        seen_values([closure(n for n in [1])], content_digest)


SCRIPT = """
import sys, json
from orchestra_nb import Node, Pipeline, RunConfig
TABLE = json.loads(sys.argv[2])
MEMO = []
class Box:
    rows = TABLE
def seen(): return TABLE["a"]
def boxed(box): return box.rows["a"]
def counts(): MEMO.append(1); return len(MEMO)
nodes = [Node("seen", fn=seen, cache=True), Node("boxed", fn=boxed, cache=True), Node("counts", fn=counts, cache=True)]
config = RunConfig(cache=sys.argv[1], history=False, backend=sys.argv[3], jobs=2)
if __name__ == "__main__":
    result = Pipeline(nodes, config).run({"box": Box()})
    print(json.dumps({n: [o.value, o.status, o.reason] for n, o in result.outcomes.items()}))
"""


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_a_run_with_another_table_is_another_run(backend: str, tmp_path: Path, root: Path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    def run(table: str) -> dict[str, list[Any]]:
        words = [sys.executable, str(script), str(tmp_path / "kept"), table, backend]
        done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=root)
        found: dict[str, list[Any]] = json.loads(done.stdout)
        return found

    for table, value, status in [('{"a": 1}', 1, "done"), ('{"a": 1}', 1, "cached"), ('{"a": 2}', 2, "done")]:
        found = run(table)
        assert (found["seen"][:2], found["boxed"][:2]) == ([value, status], [value, status])
        assert found["counts"][:2] == [1, "done"]
    if backend == "threading":
        assert found["counts"][2] == "its result was not kept: what counts sees (MEMO) changed while it ran"
