"""Damage of any kind is a miss and an event: never another value, never an exception, and the store goes on."""

from __future__ import annotations

import contextlib
import os
import pickle
import random
import shutil
import sqlite3

import numpy as np
import pytest

from orchestra_nb.context import schema
from orchestra_nb.context.disk import DiskStore, StoreError

FLIPS = int(os.environ.get("ORCHESTRA_NB_FLIPS", "10000"))
VALUES = {
    "text": "some text " * 20,
    "dict": {"a": [1, 2.5, None]},
    "array": np.arange(100.0),
    "large array": np.arange(10_000.0),
    "large text": "ä" * 50_000,
    "objects": [Exception("x"), complex(1, 2)] * 50,
}


def same(found, expected):
    if isinstance(expected, np.ndarray):
        return np.array_equal(found, expected)
    return repr(found) == repr(expected)


def filled(folder, events=None):
    store = DiskStore(folder, on_event=lambda *event: None if events is None else events.append(event))
    for key, value in VALUES.items():
        assert store.put(key, value)
    assert store.flush()
    return store


def change(path, place, mask):
    with open(path, "r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ mask]))


def index(folder):
    return contextlib.closing(sqlite3.connect(folder / "v1" / "index" / "index.db", isolation_level=None))


def test_flipped_bits_and_cut_files_never_give_another_value(tmp_path):
    """Many flips for each opening: what is found must be what was written, or nothing."""
    dice = random.Random(int(os.environ.get("ORCHESTRA_NB_SEED", "7")))
    good = tmp_path / "good"
    filled(good).close()
    done = hits = misses = 0
    while done < FLIPS:
        folder = tmp_path / "bad"
        shutil.copytree(good, folder)
        files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]
        count = dice.choice([1, 1, 4, 64, 256])
        for _ in range(count):
            path = dice.choice(files)
            size = path.stat().st_size
            if size and dice.random() < 0.02:
                os.truncate(path, dice.randrange(size))
            elif size:
                change(path, dice.randrange(size), 1 << dice.randrange(8))
        done += count
        with DiskStore(folder) as store:
            for key, value in VALUES.items():
                found = store.get(key)
                assert found is None or same(found.value, value), (key, done)
                hits, misses = hits + (found is not None), misses + (found is None)
            assert isinstance(store.keys(), list)
            for _ in range(3):  # what is damaged further down may come up only now, and is then begun anew
                store.put("new", 1)
                store.put("new large", VALUES["large text"])
                found = [store.get("new"), store.get("new large")]
                assert found[0] is None or found[0].value == 1
                assert found[1] is None or same(found[1].value, VALUES["large text"])
                assert store.flush()
            assert None not in found
        shutil.rmtree(folder)
    assert hits
    assert misses


def test_damage_under_an_open_store_is_found_at_the_next_reading(tmp_path):
    dice = random.Random(3)
    with filled(tmp_path) as store:
        paths = sorted(tmp_path.glob("v1/blobs/*"))
        for _ in range(100):
            for key in ("large array", "large text"):
                assert same(store.get(key).value, VALUES[key])
            path = dice.choice(paths)
            if dice.random() < 0.2:
                os.truncate(path, dice.randrange(path.stat().st_size))
            else:
                change(path, dice.randrange(path.stat().st_size), 1 << dice.randrange(8))
            found = [store.get(key) for key in ("large array", "large text")]
            assert [each is None for each in found].count(True) == 1
            assert store.flush()
            for key in ("large array", "large text"):
                store.put(key, VALUES[key])


@pytest.mark.parametrize("harm", ["flip", "cut", "remove", "empty", "replace", "link", "folder", "pipe"])
def test_a_damaged_file_is_a_miss_an_event_and_goes(harm, tmp_path):
    events = []
    with filled(tmp_path, events) as store:
        (path,) = [each for each in tmp_path.glob("v1/blobs/*") if each.stat().st_size == 100_000]
        if harm == "flip":
            change(path, 5, 1)
        elif harm == "cut":
            os.truncate(path, 50_000)
        elif harm == "replace":
            path.write_bytes(b"x" * 100_000)
        else:
            path.unlink()
        if harm == "empty":
            path.touch()
        elif harm == "link":
            path.symlink_to(tmp_path / "elsewhere")
            (tmp_path / "elsewhere").write_bytes(VALUES["large text"].encode())
        elif harm == "folder":
            path.mkdir()
        elif harm == "pipe":
            os.mkfifo(path)
        assert store.get("large text") is None
        assert [event[:2] for event in events] == [("damaged", "large text")]
        assert store.statistics().damaged == 1
        assert store.flush()
        assert "large text" not in set(store.keys())
        assert same(store.get("large array").value, VALUES["large array"])
        if harm != "folder":
            assert store.put("large text", VALUES["large text"])
            assert same(store.get("large text").value, VALUES["large text"])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET record = substr(record, 1, 40) WHERE key = ?",
        "UPDATE entry SET record = x'' WHERE key = ?",
        "UPDATE entry SET record = 'text' WHERE key = ?",
        "UPDATE entry SET record = 5 WHERE key = ?",
        "UPDATE entry SET record = zeroblob(length(record)) WHERE key = ?",
        "UPDATE entry SET record = (SELECT record FROM entry WHERE key = CAST('array' AS BLOB)) WHERE key = ?",
        "UPDATE entry SET record = CAST(record || x'00' AS BLOB) WHERE key = ?",
    ],
)
def test_a_damaged_or_foreign_record_is_a_miss_an_event_and_goes(statement, tmp_path):
    events = []
    with filled(tmp_path, events) as store:
        with index(tmp_path) as db:
            db.execute(statement, (b"dict",))
        assert store.get("dict") is None
        assert [event[:2] for event in events] == [("damaged", "dict")]
        assert store.flush()
        with index(tmp_path) as db:
            assert db.execute("SELECT count(*) FROM entry WHERE key = ?", (b"dict",)).fetchone() == (0,)
        assert same(store.get("array").value, VALUES["array"])


def test_nothing_is_unpickled_whose_digest_does_not_match(tmp_path):
    sign = tmp_path / "sign"

    class Bomb:
        def __reduce__(self):
            return (sign.touch, ())

    with filled(tmp_path / "cache") as store:
        bomb = pickle.dumps(Bomb())
        with index(tmp_path / "cache") as db:
            ((record,),) = db.execute("SELECT record FROM entry WHERE key = ?", (b"objects",)).fetchall()
            for crafted in (record[:100] + bomb, bomb, bytes(32) + record[32:100] + bomb):
                db.execute("UPDATE entry SET record = ? WHERE key = ?", (crafted, b"objects"))
                assert store.get("objects") is None
        for path in (tmp_path / "cache").glob("v1/blobs/*"):
            path.write_bytes(bomb)
        assert store.get("large array") is None
    assert not sign.exists()


def test_a_value_that_cannot_be_rebuilt_here_is_a_miss_and_stays(tmp_path, monkeypatch):
    import types

    module = types.ModuleType("a_module_of_another_kernel")
    exec("class Thing: pass", module.__dict__)
    events = []
    with filled(tmp_path, events) as store:
        with monkeypatch.context() as patch:
            patch.setitem(__import__("sys").modules, module.__name__, module)
            store.put("thing", module.Thing())
            assert type(store.get("thing").value) is module.Thing
        assert store.get("thing") is None
        assert [event[:2] for event in events] == [("unreadable", "thing")]
        assert store.statistics().unreadable == 1
        monkeypatch.setitem(__import__("sys").modules, module.__name__, module)
        assert type(store.get("thing").value) is module.Thing


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 1000, b"SQLite format 3\0" + bytes(5000)])
def test_an_index_that_is_none_is_moved_aside_and_begun_anew(content, tmp_path):
    filled(tmp_path).close()
    path = tmp_path / "v1" / "index" / "index.db"
    path.write_bytes(content)
    events = []
    with DiskStore(tmp_path, on_event=lambda *event: events.append(event)) as store:
        assert store.get("text") is None
        assert store.put("text", 1)
        assert store.get("text").value == 1
    aside = list(tmp_path.glob("v1/index.damaged-*/index.db"))
    assert [each.read_bytes() for each in aside] == ([content] if content else [])
    assert [kind for kind, _, _ in events] == (["begun-anew"] if content else [])


def test_an_index_that_is_damaged_under_an_open_store_is_begun_anew(tmp_path):
    events = []
    with filled(tmp_path, events) as store:
        store.close()
    with DiskStore(tmp_path, on_event=lambda *event: events.append(event)) as store:
        path = tmp_path / "v1" / "index" / "index.db"
        path.write_bytes(b"x" * path.stat().st_size)
        for key in VALUES:
            assert store.get(key) is None
        assert store.put("text", 1)
        assert store.get("text").value == 1
        assert [kind for kind, _, _ in events] == ["begun-anew"], events


def test_tables_of_somebody_else_are_moved_aside_whole(tmp_path):
    (tmp_path / "v1" / "index").mkdir(parents=True, mode=0o700)
    with index(tmp_path) as db:
        db.execute("CREATE TABLE mine (a)")
        db.execute("INSERT INTO mine VALUES (1)")
    with DiskStore(tmp_path) as store:
        assert store.put("text", 1)
    (aside,) = tmp_path.glob("v1/index.damaged-*/index.db")
    with contextlib.closing(sqlite3.connect(aside)) as db:
        assert db.execute("SELECT a FROM mine").fetchall() == [(1,)]


def test_the_index_of_a_newer_version_is_not_touched(tmp_path):
    filled(tmp_path).close()
    with index(tmp_path) as db:
        db.execute(f"PRAGMA user_version={2 * schema.MARK}")
    path = tmp_path / "v1" / "index" / "index.db"
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer version of orchestra_nb wrote it; upgrade") as caught:
        DiskStore(tmp_path)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert path.read_bytes() == before
    assert list(tmp_path.glob("v1/index.*")) == []


def test_what_else_stands_in_the_folder_is_left_alone(tmp_path):
    foreign = [
        tmp_path / "notes.txt",
        tmp_path / "v2" / "index.db",
        tmp_path / "v1" / "blobs" / "README",
        tmp_path / "v1" / "blobs" / ("Z" * 64),
    ]
    with filled(tmp_path) as store:
        for path in foreign:
            path.parent.mkdir(exist_ok=True)
            path.write_text("mine")
            os.utime(path, (0, 0))
        store._committer.sweep(before=1e10)
        store.clear()
    assert [path.read_text() for path in foreign] == ["mine"] * len(foreign)


def test_files_of_dead_writers_go_and_those_of_living_ones_stay(tmp_path):
    with filled(tmp_path) as store:
        blobs = tmp_path / "v1" / "blobs"
        orphan = blobs / ("ab" * 32)
        half = blobs / "half-0123456789abcdef"
        young = blobs / "half-fedcba9876543210"
        for path in (orphan, half, young):
            path.write_bytes(b"x" * 100)
        kept = set(blobs.iterdir()) - {orphan, half}
        for path in kept - {young} | {orphan, half}:
            os.utime(path, (1000, 1000))
        store._committer.sweep(before=2000.0)
        assert set(blobs.iterdir()) == kept
        assert same(store.get("large array").value, VALUES["large array"])


def test_a_sum_that_was_damaged_is_counted_anew(tmp_path):
    filled(tmp_path).close()
    with index(tmp_path) as db:
        db.execute("UPDATE total SET bytes = -1000000000")
    with DiskStore(tmp_path, max_bytes=500_000) as store:
        for number in range(20):
            store.put(str(number), bytes([number]) * 80_000)
            store.flush()
        assert 0 < store.statistics().bytes <= 500_000
        assert len(list(tmp_path.glob("v1/blobs/*"))) <= 6
