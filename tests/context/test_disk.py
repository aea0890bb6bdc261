"""The disk store as one process sees it: values, order, bounds, and what waits to be written."""

from __future__ import annotations

import gc
import itertools
import logging
import math
import sqlite3
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb.context import writing
from orchestra_nb.context.disk import DiskStore, StoreError
from orchestra_nb.context.file_operations import FileOperations

SMALL, LARGE = b"s" * 100, b"l" * 100_000


class Gate(FileOperations):
    """Large values wait here before they are written."""

    def __init__(self):
        self.open_, self.waiting = threading.Event(), threading.Event()

    def create(self, path):
        if path.name.startswith("half-"):
            self.waiting.set()
            assert self.open_.wait(60)
        return super().create(path)


@pytest.fixture
def events():
    return []


@pytest.fixture
def store(tmp_path, events):
    with DiskStore(tmp_path / "cache", on_event=lambda *event: events.append(event)) as made:
        yield made


@pytest.fixture
def gated(tmp_path, events):
    """A store whose writer stands still while it has a large value to write."""

    class Gated(DiskStore):
        files = Gate()

    with Gated(tmp_path / "gated", on_event=lambda *event: events.append(event)) as made:
        yield made
        made.files.open_.set()


def kinds(events):
    return [kind for kind, _, _ in events]


@pytest.mark.parametrize("value", [SMALL, LARGE, None], ids=["small", "large", "none"])
def test_a_value_is_there_until_it_is_deleted(value, store):
    assert store.get("key") is None
    assert store.put("key", value) is True
    found = store.get("key")
    assert (found.value, found.ttl) == (value, None)
    assert found.bytes >= len(value or b"")
    assert store.keys() == ["key"]
    assert store.delete("key") is True
    assert store.get("key") is None
    assert store.delete("key") is False
    assert store.keys() == []


def test_the_last_value_of_a_key_counts_whatever_the_sizes(store):
    for number, value in enumerate(itertools.chain(*itertools.permutations([SMALL, LARGE, LARGE + b"x"]))):
        (store.put if number % 3 else store.put_later)("key", value)
        assert store.get("key").value == value
    assert store.flush()
    assert store.get("key").value == value
    assert store.statistics().entries == 1


@pytest.mark.parametrize("key", ["", "a" * 60_000, "\0", "über/../..", "\ud800", "'; DROP TABLE entry; --"])
def test_any_text_is_a_key(key, store):
    assert store.put(key, 1)
    store.put_later(key + "+", 2)
    assert (store.get(key).value, store.get(key + "+").value) == (1, 2)
    assert store.flush()
    assert sorted(store.keys()) == sorted([key, key + "+"])
    assert store.delete(key)


@pytest.mark.parametrize("key", [1, None, b"a", ("a",), "a" * 70_000], ids=["int", "none", "bytes", "tuple", "long"])
def test_what_is_no_key_is_an_error(key, store):
    for call in (store.get, store.delete, lambda key: store.put(key, 1), lambda key: store.put_later(key, 1)):
        with pytest.raises(StoreError, match="a key"):
            call(key)


@pytest.mark.parametrize("ttl", [0, -1, math.nan, "1", True, -math.inf])
def test_a_ttl_that_cannot_be_meant_is_an_error_and_nothing_changes(ttl, store):
    store.put("key", 1)
    for write in (store.put, store.put_later):
        with pytest.raises(StoreError, match=r"'key' is not stored: a ttl is a number of seconds above zero"):
            write("key", 2, ttl=ttl)
    assert store.get("key").value == 1


@pytest.mark.parametrize("size", [0, -1, 1.5, True, None])
def test_a_size_that_cannot_be_meant_is_an_error(size, tmp_path):
    with pytest.raises(StoreError, match="max_bytes is a whole number of bytes"):
        DiskStore(tmp_path / "cache", max_bytes=size)
    assert not (tmp_path / "cache").exists()


def test_values_outlive_the_store(tmp_path):
    with DiskStore(tmp_path) as store:
        store.put("small", SMALL)
        store.put_later("large", LARGE)
    with DiskStore(str(tmp_path)) as store:
        assert (store.get("small").value, store.get("large").value) == (SMALL, LARGE)


def test_two_stores_of_one_folder_see_each_other(tmp_path):
    with DiskStore(tmp_path) as one, DiskStore(tmp_path) as other:
        for value in (SMALL, LARGE):
            one.put("key", value)
            assert other.get("key").value == value
            other.delete("key")
            assert one.get("key") is None


def test_the_default_folder_is_below_where_it_was_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with DiskStore() as store:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        store.put("key", LARGE)
        assert store.get("key").value == LARGE
    assert (tmp_path / ".cache" / "orchestration" / "v1").is_dir()


def test_a_closed_store_says_so_and_closes_twice(tmp_path):
    store = DiskStore(tmp_path)
    store.put("key", 1)
    store.close()
    store.close()
    calls = [
        lambda: store.get("key"),
        lambda: store.put("key", LARGE),
        lambda: store.put_later("key", 1),
        lambda: store.delete("key"),
        store.keys,
        store.clear,
        store.statistics,
    ]
    for call in calls:
        with pytest.raises(StoreError, match="closed; open it anew"):
            call()
    assert store.flush() is True


def test_a_store_that_nobody_holds_writes_what_waits_and_lets_go(tmp_path):
    store = DiskStore(tmp_path)
    store.put("small", SMALL)
    store.put_later("large", LARGE)
    connections, gone = store._connections, weakref.ref(store)
    del store
    gc.collect()
    assert gone() is None
    writer = next((thread for thread in threading.enumerate() if thread.name == "orchestra-cache-writer"), None)
    if writer is not None:
        writer.join(60)
    assert connections.closed
    assert not connections.idle
    with DiskStore(tmp_path) as store:
        assert store.get("large").value == LARGE


def test_clear_removes_all_and_says_how_much(store):
    for number in range(3):
        store.put(f"small {number}", SMALL)
        store.put(f"large {number}", LARGE + bytes([number]))
    store.put("twin", LARGE + b"\0")
    assert store.clear() == 7
    assert store.keys() == []
    assert store.statistics().bytes == 0
    assert list(store.folder.glob("v1/blobs/*")) == []
    assert store.put("again", LARGE)


def test_content_that_many_keys_share_is_one_file_until_the_last_is_gone(store):
    for name in "abc":
        store.put(name, LARGE)
    assert len(list(store.folder.glob("v1/blobs/*"))) == 1
    store.delete("a")
    store.put("b", SMALL)
    store.put("d", LARGE + b"d")
    assert store.get("c").value == LARGE
    store.delete("c")
    store.put("e", LARGE + b"e")
    assert len(list(store.folder.glob("v1/blobs/*"))) == 2


def test_statistics_tell_what_happened(store):
    store.put("a", SMALL)
    store.put_later("b", LARGE)
    assert store.flush()
    store.get("a")
    store.get("b")
    store.get("c")
    found = store.statistics()
    assert (found.entries, found.hits, found.misses, found.stored, found.refused) == (2, 2, 1, 2, 0)
    assert (found.waiting, found.waiting_bytes, found.journal) == (0, 0, "wal")
    assert len(SMALL) + len(LARGE) < found.bytes < len(SMALL) + len(LARGE) + 1000


# --- bounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1_000, 100_000], ids=["rows", "files"])
@pytest.mark.parametrize("later", [False, True], ids=["put", "put_later"])
def test_it_never_holds_more_than_it_may_and_who_was_not_used_goes_first(size, later, tmp_path):
    most = 20 * size
    with DiskStore(tmp_path, max_bytes=most) as store:
        write = store.put_later if later else store.put
        for number in range(60):
            write(str(number), number.to_bytes(2, "big") * (size // 2))
            if later:
                assert store.flush()
            assert store.get("0") is not None, f"it was used after each of the {number}"
            assert store.statistics().bytes <= most
        found = store.statistics()
        assert 10 <= found.entries < 20
        assert found.entries + found.evicted == 60
        rest = sorted(map(int, store.keys()))
        assert rest == [0, *range(61 - found.entries, 60)]
        files = list(store.folder.glob("v1/blobs/*"))
        assert len(files) == (found.entries if size > 65_536 else 0)


def test_a_use_is_written_at_most_once_a_minute(tmp_path):
    time = itertools.count()
    now = [0.0]
    clock = lambda: (b"boot", now[0], next(time))  # noqa: E731
    from orchestra_nb.context.lifetimes import Now

    with DiskStore(tmp_path, clock=lambda: Now(*clock())) as store:
        store.put("key", 1)
        assert store.flush()

        def changes():
            with sqlite3.connect(store._connections.path) as other:
                ((used,),) = other.execute("SELECT used FROM entry").fetchall()
            other.close()
            return used

        seen = [changes()]
        for second in range(1, 181):
            now[0] = float(second)
            for _ in range(20):
                store.get("key")
            store.flush()
            if changes() != seen[-1]:
                seen.append(changes())
        assert 2 <= len(seen) <= 4


def test_a_value_that_is_too_large_for_the_store_is_told_and_leaves_no_older_one(tmp_path, events):
    with DiskStore(tmp_path, max_bytes=50_000, on_event=lambda *event: events.append(event)) as store:
        for write in (store.put, store.put_later):
            store.put("key", SMALL)
            assert not write("key", LARGE)
            assert store.get("key") is None
        assert kinds(events) == ["too-large", "too-large"]
        assert store.statistics().refused == 2


# --- what waits -------------------------------------------------------------------------------------------------------


def test_what_is_put_later_is_seen_at_once_and_acknowledged_only_when_it_is_written(gated, events):
    gated.put_later("large", LARGE, ttl=50.0)
    gated.put_later("small", SMALL)
    assert gated.files.waiting.wait(60)
    assert gated.get("large").value == LARGE
    assert 0 < gated.get("large").ttl <= 50
    assert sorted(gated.keys()) == ["large", "small"]
    assert gated.flush(timeout=0) is False
    assert events == []
    assert gated.statistics().waiting == 2
    gated.files.open_.set()
    assert gated.flush() is True
    assert sorted(events) == [("stored", "large", ""), ("stored", "small", "")]
    assert gated.statistics().waiting == 0


def test_a_later_write_takes_the_place_of_one_that_waits(gated, events):
    gated.put_later("other", LARGE)
    assert gated.files.waiting.wait(60)
    for number in range(100):
        gated.put_later("key", number)
    assert gated.get("key").value == 99
    assert gated.statistics().waiting == 2
    gated.files.open_.set()
    assert gated.flush()
    assert gated.get("key").value == 99
    assert events.count(("stored", "key", "")) == 1


def test_deleting_what_waits_says_that_there_was_something(gated):
    gated.put_later("other", LARGE)
    assert gated.files.waiting.wait(60)
    gated.put_later("key", 1)
    found = []
    thread = threading.Thread(target=lambda: found.append(gated.delete("key")))
    thread.start()
    while gated.get("key") is not None:
        pass
    assert gated.keys() == ["other"]
    gated.files.open_.set()
    thread.join(60)
    assert found == [True]
    assert gated.get("key") is None
    assert gated.delete("key") is False


def test_clearing_forgets_what_waits(gated):
    gated.put_later("other", LARGE)
    assert gated.files.waiting.wait(60)
    gated.put_later("key", 1)
    gated.files.open_.set()
    gated.clear()
    assert gated.keys() == []


def test_more_than_may_wait_waits_itself(gated, monkeypatch):
    gated._writer._backlog._most = 250_000
    gated.put_later("a", LARGE)
    assert gated.files.waiting.wait(60)
    gated.put_later("b", LARGE)
    done = threading.Event()
    thread = threading.Thread(target=lambda: (gated.put_later("c", LARGE + b"c"), done.set()))
    thread.start()
    assert not done.wait(0.2)
    assert gated.statistics().waiting_bytes <= 250_000
    gated.files.open_.set()
    assert done.wait(60)
    thread.join()
    assert gated.flush()
    assert gated.get("c").value == LARGE + b"c"


def test_the_writer_ends_when_nothing_comes_and_begins_again(store, monkeypatch):
    monkeypatch.setattr(writing.Writer._loop, "__defaults__", (0.0,))
    for number in range(50):
        store.put_later("key", number)
        assert store.flush()
        for thread in threading.enumerate():
            if thread.name == "orchestra-cache-writer":
                thread.join(60)
        assert not store._writer._running.locked()
    assert store.get("key").value == 49


def test_an_observer_may_use_the_store_and_one_that_raises_hurts_nobody(tmp_path, caplog):
    done = threading.Event()
    with DiskStore(tmp_path, on_event=lambda kind, key, detail: observe(key)) as store:

        def observe(key):
            if key == "first":
                store.put("second", LARGE)
                store.put_later("third", SMALL)
                store.delete("second")
                store.flush()
                store.put("fourth", LARGE)
                done.set()
            raise RuntimeError("observer")

        with caplog.at_level(logging.ERROR, logger="orchestra_nb.context"):
            store.put_later("first", SMALL)
            assert done.wait(60)
            assert store.flush()
        assert sorted(store.keys()) == ["first", "fourth", "third"]
    assert "an observer of the cache failed at stored" in caplog.text


def test_where_no_thread_can_be_started_the_caller_writes(store, monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    store.put_later("key", LARGE)
    assert store.flush()
    assert store.put("other", LARGE)
    assert store.delete("key")


def test_threads_that_write_and_read_the_same_keys_see_whole_values(store):
    errors, stop = [], threading.Event()
    values = {b"%d" % number * size for number in range(10) for size in (50, 70_000)}

    def read():
        while not stop.is_set():
            for key in "abc":
                found = store.get(key)
                if found is not None and found.value not in values:
                    errors.append(found.value[:20])

    def write(seed):
        for number in range(30):
            key = "abc"[(number + seed) % 3]
            value = b"%d" % (number % 10) * (50 if (number + seed) % 2 else 70_000)
            if number % 7 == 6:
                store.delete(key)
            else:
                (store.put_later if number % 2 else store.put)(key, value)

    readers = [threading.Thread(target=read) for _ in range(2)]
    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    assert errors == []
    assert store.flush()
    assert (store.statistics().damaged, store.statistics().refused) == (0, 0)
    assert {record.value for record in map(store.get, store.keys())} <= values


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put_later", "delete", "get", "flush", "clear", "reopen"]),
        st.sampled_from("abc"),
        st.integers(0, 3),
    ),
    max_size=25,
)


@given(OPERATIONS)
@settings(max_examples=60)
def test_it_does_what_a_dict_does(tmp_path_factory, operations):
    folder = tmp_path_factory.mktemp("model")
    model = {}
    store = DiskStore(folder)
    try:
        for name, key, choice in operations:
            value = [1, "text", b"x" * 1000, b"y" * 70_000][choice]
            if name in ("put", "put_later"):
                getattr(store, name)(key, value)
                model[key] = value
            elif name == "delete":
                assert store.delete(key) == (model.pop(key, None) is not None)
            elif name == "clear":
                assert store.clear() >= 0
                model.clear()
            elif name == "flush":
                assert store.flush()
                assert store.statistics().entries == len(model)
            elif name == "reopen":
                store.close()
                store = DiskStore(folder)
            found = store.get(key)
            assert (None if found is None else found.value) == model.get(key)
            assert sorted(store.keys()) == sorted(model)
    finally:
        store.close()


def test_maps_go_with_their_values(store):
    import os

    store.put("array", np.arange(100_000.0))
    before = len(os.listdir("/proc/self/fd"))
    held = [store.get("array").value for _ in range(600)]
    assert len(os.listdir("/proc/self/fd")) <= before + 256 + 5
    assert all(value[-1] == 99_999 for value in held)
    del held
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before + 5
