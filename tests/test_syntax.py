"""Syntax trees are built one thread at a time, whatever the garbage collector lets in between."""

from __future__ import annotations

import ast
import gc
import os
import sys
import threading
from collections.abc import Iterator

import pytest

from orchestra_nb import syntax
from orchestra_nb.syntax import tree_of

SOURCE = "\n".join(f"x{i} = [a * {i} for a in range({i}) if a]; y{i} = f(x{i}, k={{'a': (1, [3])}})" for i in range(40))


class Circle:
    """Garbage whose end takes a while, and lets other threads run."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        for _ in range(20):
            pass


@pytest.fixture
def _hurried() -> Iterator[None]:
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(50, 1, 1)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)


@pytest.mark.usefixtures("_hurried")
def test_threads_that_parse_at_once_do_not_fail():
    """Without the lock a tenth of these fail, on Pythons that have the fault."""
    faults: list[BaseException] = []

    def parse() -> None:
        for _ in range(40):
            Circle()
            try:
                tree_of(SOURCE)
            except SystemError as error:
                faults.append(error)

    threads = [threading.Thread(target=parse) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def test_it_gives_what_ast_gives():
    assert ast.dump(tree_of(SOURCE)) == ast.dump(ast.parse(SOURCE))
    assert tree_of("x: int").body
    with pytest.raises(SyntaxError, match=r"here\.py"):
        tree_of("x = = 1", "here.py")


def test_who_parses_may_be_interrupted_by_one_that_parses_in_the_same_thread():
    with syntax._lock:
        assert tree_of("x = 1").body


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_does_not_wait_for_a_thread_that_is_not_there():
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with syntax._lock:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        os._exit(len(tree_of("x = 1; y = 2").body))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    done.set()
    thread.join()
