"""Resources of a machine: two managers stand for two kernels where that is enough, processes where they die."""

from __future__ import annotations

import asyncio
import signal
import stat
import subprocess
import sys
import threading

import pytest

from orchestra_nb import ResourceManager
from orchestra_nb.errors import LockTimeout, ResourceError
from orchestra_nb.resources.machine import FOLDER, FileSlots
from orchestra_nb.resources.requests import Request
from orchestra_nb.resources.shared import SharedPool
from orchestra_nb.resources.table import LockTable

LONG = 60.0


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER, str(tmp_path / "locks"))
    return tmp_path / "locks"


def kernel(**resources):
    made = ResourceManager()
    for name, count in (resources or {"gpu": 1}).items():
        made.register_resource(name, max_concurrent=count, scope="machine")
    return made


CHILD = """
import sys
from orchestra_nb import ResourceManager
manager = ResourceManager()
manager.register_resource("gpu", max_concurrent=int(sys.argv[1]), scope="machine")
print(manager.acquire_lock("gpu", "child"), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def child():
    """A process that holds one."""
    running = []

    def start(count=1):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        process = subprocess.Popen([sys.executable, "-c", CHILD, str(count)], **pipes)
        running.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_two_kernels_share_so_many_places():
    here, there = kernel(gpu=2), kernel(gpu=2)
    first = here.acquire_lock("gpu", "a", timeout=0)
    second = there.acquire_lock("gpu", "b", timeout=0)
    assert second > first, "tokens grow across kernels"
    assert here.acquire_lock("gpu", "c", timeout=0.02) is None
    assert there.release_lock(second)
    third = here.acquire_lock("gpu", "c", timeout=LONG)
    assert third > second


def test_the_folder_is_private_and_names_may_be_anything(folder):
    manager = kernel(**{"../../etc/passwd": 1, "a/b": 1, "\udc80": 1, "x" * 500: 1})
    with manager.lock("../../etc/passwd", "a/b", "\udc80", "x" * 500, owner="a"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert all(path.parent == folder for path in folder.parent.rglob("*.lock"))
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.glob("*.lock"))


def test_a_killed_process_leaves_no_lock(child):
    process, token = child()
    manager = kernel()
    assert manager.acquire_lock("gpu", "here", timeout=0) is None
    got = []
    thread = threading.Thread(target=lambda: got.append(manager.acquire_lock("gpu", "here", timeout=LONG)))
    thread.start()
    process.send_signal(signal.SIGKILL)
    thread.join(LONG)
    assert got[0] > token


def test_waiting_for_another_kernel_holds_nothing_else(child):
    child()
    manager = kernel()
    manager.register_resource("db")
    waits = threading.Event()
    manager.on("resource:lock-queued", lambda event: waits.set())
    guard = manager.lock("db", "gpu", owner="patient", timeout=LONG)
    entered = threading.Event()

    def work():
        try:
            with guard:
                entered.set()
        except ResourceError:
            pass

    thread = threading.Thread(target=work)
    thread.start()
    assert waits.wait(LONG)
    with manager.lock("db", owner="other", timeout=LONG):
        assert not entered.is_set()
    manager.cancel_waits("patient")
    thread.join(LONG)
    assert not manager.get_resource_stats().owners


def test_a_wait_for_another_kernel_keeps_to_its_time_and_can_be_interrupted(child):
    child()
    manager = kernel()
    with pytest.raises(LockTimeout), manager.lock("gpu", owner="a", timeout=0.05):
        pass

    async def main():
        waiting = asyncio.create_task(manager.acquire_lock_async("gpu", "b"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    main_thread, out = threading.main_thread().ident, threading.Event()

    def press():
        while not manager._front._sleepers:
            pass
        while not out.wait(0.05):
            signal.pthread_kill(main_thread, signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            manager.acquire_lock("gpu", "c")
    finally:
        out.set()
        thread.join(LONG)
    assert not manager.get_resource_stats().owners


def test_a_nested_hold_takes_no_second_place():
    here, there = kernel(gpu=2), kernel(gpu=2)
    with here.lock("gpu", owner="a"), here.lock("gpu", owner="a"), there.lock("gpu", owner="b", timeout=0):
        assert there.acquire_lock("gpu", "c", timeout=0) is None
    assert there.acquire_lock("gpu:2", "c", timeout=0)


def test_two_kernels_that_want_two_things_do_not_hold_one_while_they_wait_for_the_other():
    here, there = kernel(a=1, b=1), kernel(a=1, b=1)
    blocker = there.acquire_lock("b", "x")
    assert here.acquire_lock("a", "probe", timeout=0)
    here.release_all_locks("probe")
    with pytest.raises(LockTimeout), here.lock("a", "b", owner="y", timeout=0.02):
        pass
    assert there.acquire_lock("a", "x", timeout=LONG)
    assert there.release_lock(blocker)


def test_closing_gives_the_places_back():
    here, there = kernel(), kernel()
    here.acquire_lock("gpu", "a")
    here.close()
    assert there.acquire_lock("gpu", "b", timeout=0)


@pytest.mark.parametrize("place", ["", "/dev/null/locks"])
def test_without_a_private_folder_it_says_what_to_do(place, monkeypatch):
    monkeypatch.setenv(FOLDER, place)
    with pytest.raises(ResourceError, match=f"private folder for lock files; set the environment variable {FOLDER}"):
        kernel()


def test_a_damaged_counter_is_an_error_and_not_a_token_that_was_there_before(folder):
    kernel()
    (folder / "count").write_text("nonsense")
    with pytest.raises(ResourceError, match="is damaged"):
        kernel()


def test_a_file_that_cannot_be_locked_counts_as_taken(folder, monkeypatch, caplog):
    manager = kernel()
    monkeypatch.setattr(FileSlots, "_next", lambda *args: (_ for _ in ()).throw(OSError("no space left")))
    assert manager.acquire_lock("gpu", "a", timeout=0) is None
    assert manager.acquire_lock("gpu", "a", timeout=0) is None
    assert [record.message.count("no space left") for record in caplog.records] == [1]
    monkeypatch.undo()
    monkeypatch.setenv(FOLDER, str(folder))
    assert kernel().acquire_lock("gpu", "a", timeout=0)


class Elsewhere:
    """Places of which other processes hold some."""

    def __init__(self, count):
        self.count, self.here, self.there = count, 0, 0

    def take(self, amount, least):
        if self.here + self.there + amount > self.count:
            return None
        self.here += amount
        return least

    def keep(self, amount):
        self.here = amount


def test_the_table_tries_again_in_the_order_of_its_queue_when_time_has_passed():
    slots = Elsewhere(1)
    table, pool = LockTable(), SharedPool("gpu", "custom", 1, 0.0, slots, "machine")
    slots.there = 1
    first, urgent = Request("a", pool.one), Request("b", pool.one, priority=5)
    for request in (first, urgent):
        table.ask(request, 0.0)
    again = table.wake(first, 0.0)
    assert again == table.wake(urgent, 0.0) > 0.0
    table.tick(again)
    assert table.wake(first, again) > again, "the pause grows"
    slots.there = 0
    table.tick(table.wake(first, again))
    assert (first.status, urgent.status, slots.here) == ("waiting", "held", 1)
    table.release(urgent, 1.0)
    assert (first.status, slots.here) == ("held", 1)
    table.release(first, 1.0)
    assert slots.here == 0


def test_a_lock_of_this_machine_is_not_inherited_by_programs_that_are_started():
    here, there = kernel(), kernel()
    lock_id = here.acquire_lock("gpu", "a")
    sleeper = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        here.release_lock(lock_id)
        assert there.acquire_lock("gpu", "b", timeout=0)
    finally:
        sleeper.communicate(b"")
