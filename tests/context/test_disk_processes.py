"""Several processes, threads and forks on one store, and kills at any moment: what was acknowledged is read."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from orchestra_nb.context.disk import DiskStore

KILLS = int(os.environ.get("ORCHESTRA_NB_KILLS", "40"))
LARGE = b"l" * 100_000

WORKER = """
import hashlib, itertools, os, random, sys, threading
from orchestra_nb.context.disk import DiskStore

def value_of(text, large):  # which text it was made of can be read in it
    return (text + ":").encode() + hashlib.sha256(text.encode()).digest() * (3000 if large else 3)

folder, name, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
say = threading.Lock()

def told(*words):  # one write, so that no kill leaves half a line
    with say:
        os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def on_event(kind, key, detail):
    told("event", kind, key)

store = DiskStore(folder, on_event=on_event)

def work(thread):
    dice = random.Random(seed * 100 + thread)
    for number in itertools.count():
        key = f"{name}-{thread}-{dice.randrange(4)}"
        large = dice.random() < 0.3
        what = dice.random()
        text = f"{key}/{seed}/{number}"
        if what < 0.5:
            told("begin", key, text)
            if store.put(key, value_of(text, large)):
                told("have", key, text)
        elif what < 0.6:
            told("begin", key, "-")
            store.delete(key)
            told("have", key, "-")
        elif what < 0.75:
            told("begin", key, text)
            store.put_later(key, value_of(text, large))
            if store.flush():
                told("have", key, text)
        else:
            other = f"{dice.choice('abcd')}-{dice.randrange(8)}-{dice.randrange(4)}"
            found = store.get(other)
            if found is not None:
                text, _, rest = found.value.partition(b":")
                if hashlib.sha256(text).digest() * (len(rest) // 32) != rest or not text.startswith(other.encode()):
                    told("wrong", other, text[:50])

told("ready", "-")
threads = [threading.Thread(target=work, args=(thread,), daemon=True) for thread in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


class Worker:
    """A process of eight threads, and what it says."""

    def __init__(self, folder, name, seed):
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder), name, str(seed)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.lines, self.errors = [], []
        self.ready = threading.Event()
        self.readers = [threading.Thread(target=self.read), threading.Thread(target=self.complain)]
        for reader in self.readers:
            reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.decode().split())
            self.ready.set()
        self.ready.set()

    def complain(self):
        self.errors.extend(self.process.stderr)

    def kill(self):
        self.process.kill()
        self.process.wait(60)
        for reader in self.readers:
            reader.join(60)
        self.process.stdout.close()
        self.process.stderr.close()


def test_kills_at_random_moments_lose_nothing_that_was_acknowledged_and_leave_nothing_damaged(tmp_path):
    dice = random.Random(11)
    folder = tmp_path / "cache"
    known = {}
    workers = {name: Worker(folder, name, seed) for seed, name in enumerate("abcd")}
    try:
        for kill in range(KILLS):
            name = "abcd"[kill % 4]
            worker = workers[name]
            assert worker.ready.wait(60)
            time.sleep(dice.uniform(0.0, 0.3))  # a moment, not an order
            worker.kill()
            assert worker.errors == []
            take_note(worker.lines, known)
            judge(folder, name, known)
            workers[name] = Worker(folder, name, 100 + kill)
    finally:
        for worker in workers.values():
            worker.kill()
    for name, worker in workers.items():
        take_note(worker.lines, known)
        judge(folder, name, known)
    assert sum(None not in values for values in known.values()) > 20, "hardly anything was stored"
    with DiskStore(folder) as store:
        blobs = folder / "v1" / "blobs"
        keys = store.keys()
        entries = len([key for key in keys if store.get(key).bytes > 65_536])
        store._committer.sweep(before=time.time() + 10)
        assert len(list(blobs.iterdir())) <= entries, "files of the dead are left"
        assert all(store.get(key) is not None for key in keys)
        assert store.statistics().damaged == 0


def take_note(lines, known):
    """What may be found under a key, by what its worker said: all that it began since it last had something."""
    for word, key, *rest in lines:
        if word == "begin":
            known.setdefault(key, {"-"}).add(rest[0])
        elif word == "have":
            known[key] = {rest[0]}
        elif word == "wrong":
            raise AssertionError((key, rest))
        elif word == "event":
            assert key == "stored", (key, rest)


def judge(folder, name, known):
    with DiskStore(folder) as store:
        for key, texts in known.items():
            if key.startswith(name):
                found = store.get(key)
                text = "-" if found is None else found.value.partition(b":")[0].decode()
                assert text in texts, (key, text, texts)
        assert store.statistics().damaged == 0


def in_fork(work):
    """Do something in a forked child; raises what it raised."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(code)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        threading.Event().wait(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError("the child hangs")


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_connections_a_writer_and_locks_of_its_own(tmp_path):
    with DiskStore(tmp_path) as store:
        store.put("before", 1)
        store.put("large", LARGE)
        connection = store._connections.idle[-1].connection

        def child():
            assert connection not in [seat.connection for seat in store._connections.idle]
            assert store.get("before").value == 1
            assert store.get("large").value == LARGE
            assert store.put("child", 2)
            assert store.put("child, large", LARGE + b"c")
            store.put_later("child, later", 3)
            assert store.flush()
            store.close()

        for number in range(5):
            in_fork(child)
            assert store.put("parent", number)
            assert store.get("child, large").value == LARGE + b"c"
        assert store.get("child, later").value == 3
        assert store.get("parent").value == 4


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_fork_while_locks_are_taken_and_jobs_wait_leaves_both_to_the_parent(tmp_path):
    with DiskStore(tmp_path) as store:
        store.put("key", 1)
        assert store.flush()
        turn, lock, counts = store._index.turn, store._writer._lock, store._reader.counts.lock
        with store._writer._running, turn, lock, counts:
            store._writer._backlog.jobs.clear()

            def child():
                assert store.put("child", 2)
                store.put_later("later", LARGE)
                assert store.flush()
                assert store.get("key").value == 1

            in_fork(child)
        assert store.get("child").value == 2
        assert store.get("later").value == LARGE


EXIT = """
import sys
from orchestra_nb.context.disk import DiskStore
store = DiskStore(sys.argv[1])
for number in range(200):
    store.put_later(str(number), b"%d" % number * 40_000)
"""


def test_what_waits_is_written_before_python_ends(tmp_path):
    found = subprocess.run(
        [sys.executable, "-Wd", "-X", "dev", "-c", EXIT, str(tmp_path)], capture_output=True, timeout=120
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")
    with DiskStore(tmp_path) as store:
        assert all(store.get(str(number)).value == b"%d" % number * 40_000 for number in range(200))


DAMAGED = """
import sys
from orchestra_nb.context.disk import DiskStore
with DiskStore(sys.argv[1]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(20):
        if store.put(f"{sys.argv[2]}-{number}", number):
            print(f"{sys.argv[2]}-{number}", flush=True)
"""


def test_processes_that_find_the_index_damaged_at_once_begin_one_new_index(tmp_path):
    DiskStore(tmp_path).close()
    children = [
        subprocess.Popen(
            [sys.executable, "-c", DAMAGED, str(tmp_path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in "abc"
    ]
    with contextlib.ExitStack() as stack:
        for child in children:
            stack.enter_context(child)
            assert child.stdout.readline() == "ready\n"
        path = tmp_path / "v1" / "index" / "index.db"
        path.write_bytes(b"x" * path.stat().st_size)
        for child in children:
            child.stdin.write("go\n")
            child.stdin.flush()
        told = [child.communicate(timeout=120) for child in children]
    assert [errors for _, errors in told] == ["", "", ""]
    with DiskStore(tmp_path) as store:
        acknowledged = "".join(lines for lines, _ in told).split()
        assert len(acknowledged) == 60
        assert sorted(store.keys()) == sorted(acknowledged)
    assert len(list(tmp_path.glob("v1/index.damaged-*"))) == 1


def test_another_process_that_writes_for_long_is_waited_for(tmp_path):
    import sqlite3

    with (
        DiskStore(tmp_path) as store,
        contextlib.closing(
            sqlite3.connect(tmp_path / "v1" / "index" / "index.db", isolation_level=None, check_same_thread=False)
        ) as other,
    ):
        store.put("key", 1)
        other.execute("BEGIN IMMEDIATE")
        ended = threading.Timer(0.5, lambda: other.execute("COMMIT"))
        ended.start()
        assert store.get("key").value == 1, "readers do not wait"
        assert store.put("key", 2)
        ended.join()
        assert store.get("key").value == 2
