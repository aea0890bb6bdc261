"""An interrupt before every line that the calling thread executes: no lock stays taken, no transaction open."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import threading

import pytest

from orchestra_nb.context import (
    backlog,
    blobs,
    committing,
    connections,
    disk,
    encoding,
    facts,
    file_operations,
    index,
    opening,
    putting,
    reading,
    records,
    uses,
    writing,
)
from orchestra_nb.context.disk import DiskStore

from ..interrupting import Injector, apart

MODULES = (backlog, blobs, committing, connections, disk, encoding, facts, file_operations)
MODULES += (index, opening, putting, reading, records, uses, writing)
FILES = {each.__file__ for each in MODULES}
LARGE = b"l" * 70_000


CALLS = {
    "put small": lambda store: store.put("key", 2),
    "put large": lambda store: store.put("key", LARGE + b"2"),
    "put later": lambda store: (store.put_later("key", 2), store.flush()),
    "put large later": lambda store: (store.put_later("key", LARGE + b"2"), store.flush()),
    "get small": lambda store: store.get("small"),
    "get large": lambda store: store.get("large"),
    "delete": lambda store: store.delete("key"),
    "keys": lambda store: store.keys(),
    "statistics": lambda store: store.statistics(),
}
EXPECTED = {"delete": {None, 1}}


@pytest.mark.parametrize("name", CALLS)
@apart
def test_an_interrupt_at_any_line_leaves_no_lock_and_no_transaction(name, tmp_path):
    call = CALLS[name]
    moment = raised = 0
    with (
        DiskStore(tmp_path / "cache") as store,
        contextlib.closing(sqlite3.connect(store._connections.path, isolation_level=None, timeout=60.0)) as other,
    ):
        store.put("small", 1)
        store.put("large", LARGE)
        assert store.flush()
        kept = []
        while True:
            moment += 1
            store.put("key", 1)
            if moment % 3 == 0:
                assert store.flush()
            with Injector(FILES, [moment]) as injector:
                try:
                    call(store)
                    interrupted = False
                except KeyboardInterrupt as error:
                    kept.append(error)  # and with it all frames, as IPython keeps them
                    interrupted = True
            raised += interrupted
            other.execute("BEGIN IMMEDIATE")  # waits only for the writer's thread, which ends its work
            other.execute("COMMIT")
            assert free(store._index.turn)
            assert free(store._writer._lock)
            assert free(store._reader.counts.lock)
            value = store.get("key")
            assert (None if value is None else value.value) in {1, 2, LARGE + b"2", None}
            assert store.get("small").value == 1
            assert store.get("large").value == LARGE
            if injector.lines < moment:
                assert not interrupted
                break
            assert moment < 3000
        assert raised > 10
        assert store.put("after", LARGE)
        store.flush()
        assert store.flush()
        assert store.statistics().waiting == 0


def free(lock):
    """Whether nobody holds a lock for good."""
    if lock.acquire(timeout=60):
        lock.release()
        return True
    return False


def put_and_be_interrupted(store, value):
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    try:
        store.put("key", value)
    finally:
        timer.join()


@apart
def test_an_interrupt_while_a_put_waits_for_another_process_comes_through(tmp_path):
    with (
        DiskStore(tmp_path) as store,
        contextlib.closing(sqlite3.connect(store._connections.path, isolation_level=None)) as other,
    ):
        for value in (1, LARGE):
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(KeyboardInterrupt):
                put_and_be_interrupted(store, value)
            other.execute("COMMIT")
        assert store.put("key", 2)
        assert store.get("key").value == 2
