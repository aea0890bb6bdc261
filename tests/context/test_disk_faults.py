"""Whatever the system refuses, and whenever it does: what was acknowledged is read, and the rest is a miss."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from orchestra_nb.context import connections
from orchestra_nb.context.disk import DiskStore, StoreError
from orchestra_nb.context.file_operations import FileOperations

LARGE = b"l" * 100_000
ERRORS = [errno.ENOSPC, errno.EIO, errno.EACCES]
CODES = {
    errno.ENOSPC: (sqlite3.SQLITE_FULL, "database or disk is full"),
    errno.EIO: (sqlite3.SQLITE_IOERR, "disk I/O error"),
    errno.EACCES: (sqlite3.SQLITE_READONLY, "attempt to write a readonly database"),
}


class Fault:
    """Counts operations, and lets those from the n-th on fail, so many of them."""

    def __init__(self):
        self.reset()

    def reset(self, first=10**9, times=10**9, code=errno.ENOSPC):
        self.first, self.times, self.code = first, times, code
        self.count = self.failed = 0

    def hits(self):
        self.count += 1
        hit = self.first <= self.count < self.first + self.times
        self.failed += hit
        return hit


FAULT = Fault()


class Cursor(sqlite3.Cursor):
    def execute(self, statement, *values):
        if FAULT.hits():
            code, text = CODES[FAULT.code]
            error = sqlite3.OperationalError(text)
            error.sqlite_errorcode, error.sqlite_errorname = code, "SQLITE_TEST"
            raise error
        return super().execute(statement, *values)


class Connection(sqlite3.Connection):
    def cursor(self, factory=Cursor):
        return super().cursor(factory)

    def execute(self, statement, *values):
        return self.cursor().execute(statement, *values)


def failing(name):
    real = getattr(FileOperations, name)

    def method(self, *args):
        if FAULT.hits():
            if name == "write":  # the disk takes a part of it
                real(self, args[0], args[1][: len(args[1]) // 2])
            if name == "close":
                real(self, *args)
            raise OSError(FAULT.code, os.strerror(FAULT.code))
        return real(self, *args)

    return method


NAMES = [
    "make_folder",
    "status",
    "create",
    "open",
    "write",
    "sync",
    "sync_folder",
    "close",
    "replace",
    "remove",
    "map",
    "read",
]
Faulty = type("Faulty", (FileOperations,), {name: failing(name) for name in NAMES})


def connect(self, path):
    return sqlite3.connect(
        f"{path.as_uri()}?mode=rw",
        uri=True,
        timeout=0.1,
        isolation_level=None,
        check_same_thread=False,
        factory=Connection,
    )


Faulty.connect = connect


class FaultyStore(DiskStore):
    files = Faulty()


def session(store, known):
    """Use all of a store; ``known`` is told what was acknowledged, and what may be there as well."""
    for key, value in (("small", 1), ("large", LARGE), ("small", 2), ("large", LARGE + b"2"), ("other", LARGE)):
        known[key] = known.get(key, set()) | {repr(value), None}  # where it fails, the key has the new value or none
        if store.put(key, value):
            known[key] = {repr(value)}
            found = store.get(key)
            assert found is None or found.value == value
        else:
            assert store.get(key) is None, "an older value is given out"
    known["later"] = {repr(LARGE + b"later"), None}
    store.put_later("later", LARGE + b"later")
    if store.flush():
        known["later"] = {repr(LARGE + b"later")}
    known["gone"] = {None, repr(1)}
    store.put("gone", 1)
    if store.delete("gone"):
        known["gone"] = {None}
    store.keys()
    store.statistics()


def judge(folder, known, before):
    events = []
    with DiskStore(folder, on_event=lambda *event: events.append(event)) as store:
        for key, value in before.items():
            assert store.get(key).value == value, f"{key}, which was there before, is lost"
        for key, values in known.items():
            found = store.get(key)
            assert (None if found is None else repr(found.value)) in values, key
        assert store.statistics().damaged == 0
        assert store.put("after", LARGE), events


@pytest.mark.parametrize(("times", "durable"), [(1, False), (1, True), (3, False), (10**9, False)])
def test_the_nth_operation_fails_for_every_n(times, durable, tmp_path):
    first = 0
    before = {"before": 5, "large before": b"before" * 20_000}
    with DiskStore(tmp_path / "good") as store:
        for key, value in before.items():
            store.put(key, value)
    while True:
        first += 1
        folder = tmp_path / "cache"
        shutil.copytree(tmp_path / "good", folder)
        known, events = {}, []
        FAULT.reset(first, times, ERRORS[first % 3])
        with contextlib.suppress(StoreError):
            store = FaultyStore(folder, durable=durable, on_event=lambda *event: events.append(event))  # noqa: B023
            session(store, known)
            store.close()
        failed, reached = FAULT.failed, FAULT.count
        FAULT.reset()
        judge(folder, known, before)
        kinds = [kind for kind, _, _ in events if kind == "not-kept"]
        assert len(kinds) <= 6, "each kind of trouble is told once"
        shutil.rmtree(folder)
        if not failed:
            assert reached > 40
            break
    assert first > 40


def test_a_store_without_room_keeps_nothing_more_says_so_once_and_recovers(tmp_path):
    events = []
    FAULT.reset()
    with FaultyStore(tmp_path, on_event=lambda *event: events.append(event)) as store:
        store.put("kept", LARGE)
        store.put("changed", 1)
        FAULT.reset(first=10**9)
        Faulty.write, Faulty.create, before = failing("write"), refuse_create, (Faulty.write, Faulty.create)
        try:
            for number in range(10):
                assert store.put("changed", LARGE + bytes([number])) is False
                assert store.put(str(number), LARGE + bytes([number])) is False
                store.put_later(str(number), LARGE + bytes([number]))
                assert store.flush() is False
                assert store.get(str(number)) is None
            assert [kind for kind, _, _ in events] == ["not-kept"]
            assert "ENOSPC" in events[0][2]
            assert store.get("kept").value == LARGE
            assert store.get("changed") is None, "an older value must not be given out"
            assert store.statistics().refused >= 30
        finally:
            Faulty.write, Faulty.create = before
        assert store.put("changed", LARGE) is True
        assert store.get("changed").value == LARGE


def refuse_create(self, path):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_the_folder_is_removed_under_an_open_store(tmp_path, monkeypatch):
    monkeypatch.setattr(connections, "LOOK_EVERY", 0.0)
    events = []
    with DiskStore(tmp_path / "cache", on_event=lambda *event: events.append(event)) as store:
        store.put("small", 1)
        store.put("large", LARGE)
        shutil.rmtree(tmp_path / "cache")
        assert store.get("small") is None
        assert store.get("large") is None
        assert [kind for kind, _, _ in events] == ["begun-anew"]
        assert store.put("small", 2)
        assert store.put("large", LARGE)
        with DiskStore(tmp_path / "cache") as other:
            assert (other.get("small").value, other.get("large").value) == (2, LARGE)


def test_a_file_comes_in_the_place_of_the_folder_of_an_open_store(tmp_path, monkeypatch):
    monkeypatch.setattr(connections, "LOOK_EVERY", 0.0)
    events = []
    with DiskStore(tmp_path / "cache", on_event=lambda *event: events.append(event)) as store:
        store.put("small", 1)
        shutil.rmtree(tmp_path / "cache")
        (tmp_path / "cache").write_text("mine")
        assert store.get("small") is None
        assert store.put("small", 2) is False
        assert store.put("large", LARGE) is False
        store.put_later("later", 1)
        assert store.flush() is False
        assert store.delete("small") is False
        assert store.keys() == []
        assert store.statistics().entries == 0
        assert "not-kept" in {kind for kind, _, _ in events}
        assert (tmp_path / "cache").read_text() == "mine"
        (tmp_path / "cache").unlink()
        assert store.put("small", 3) is True


FILL = """
import sys
from orchestra_nb.context.disk import DiskStore
events = []
with DiskStore(sys.argv[1], on_event=lambda *event: events.append(event)) as store:
    stored = {}
    for number in range(60):
        for key, value in ((f"s{number}", b"%d" % number * 2000), (f"l{number}", b"%d" % number * 50_000)):
            if store.put(key, value):
                stored[key] = value
            else:
                assert store.get(key) is None
    assert 3 < len(stored) < 100, len(stored)
    assert all(store.get(key).value == value for key, value in stored.items())
    kinds = [event for event in events if event[0] == "not-kept"]
    assert 1 <= len(kinds) <= 10, kinds
    assert store.clear() >= len(stored)
    assert store.put("again", b"x" * 100_000), events
with DiskStore(sys.argv[1]) as store:
    assert store.get("again").value == b"x" * 100_000
print("good")
"""


def test_a_real_disk_of_one_megabyte_is_full(tmp_path):
    """On a disk of its own where this user may mount one; else within a limit on the size of files."""
    place = tmp_path / "disk"
    place.mkdir(mode=0o700)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", place], capture_output=True)
    limit = "" if mounted.returncode == 0 else "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    if limit:
        limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
    try:
        found = subprocess.run(
            [sys.executable, "-c", limit + FILL, str(place / "cache")], capture_output=True, text=True, timeout=120
        )
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", place], check=True)
    assert found.stderr == ""
    assert found.stdout == "good\n"


def test_a_large_value_never_meets_the_limits_of_sqlite(tmp_path):
    class Limited(FileOperations):
        def connect(self, path):
            made = super().connect(path)
            made.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 100_000)
            return made

    class LimitedStore(DiskStore):
        files = Limited()

    with LimitedStore(tmp_path) as store:
        for number, value in enumerate([b"x" * 65_000, b"x" * 99_999, b"x" * 10_000_000, list(range(1_000_000))]):
            assert store.put(str(number), value)
            assert store.get(str(number)).value == value
