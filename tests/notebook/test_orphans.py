"""A kernel that is killed in the middle of a run leaves nobody behind."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from .front_end import front_end

LIMIT = 100.0
"""Seconds: many times what it takes, and far less than the bodies do."""
BODIES = {
    "sleeping": "import time\nprint('begun')\ntime.sleep(600)",
    "busy": "print('begun')\nwhile True:\n    pass",
}


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_the_workers_of_a_killed_kernel_end_whatever_they_do(backend: str, tmp_path: Path) -> None:
    with front_end(tmp_path) as kernel:
        kernel.run("%load_ext orchestra_nb", "setup")
        for name, body in BODIES.items():
            kernel.run(f"%%orchestrate {name}\n{body}", name)
        kernel.begun(kernel.send(f"%orchestrate run -j 2 --backend {backend}", "run"))
        process = psutil.Process(kernel.manager.provisioner.pid)
        below = children_once_the_workers_are_tied(process)
        process.kill()
        assert left(below, LIMIT) == []


def is_worker(process: psutil.Process) -> bool:
    """Whether a kernel's child is a worker; one that has just ended is none."""
    try:
        return "resource_tracker" not in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # a zombie too
        return False


def children_once_the_workers_are_tied(process: psutil.Process) -> list[psutil.Process]:
    """What a kernel has started, when two workers are at work: none has another thread before the one that watches."""
    ending = time.monotonic() + 120
    while time.monotonic() < ending:
        children: list[psutil.Process] = process.children(recursive=True)
        workers = [child for child in children if is_worker(child)]
        if len(workers) == 2 and all(worker.num_threads() > 1 for worker in workers):
            return children
        time.sleep(0.1)
    raise AssertionError(f"the workers have not begun: {children}")


def left(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that are still there after so many seconds; at once when none is."""
    ending = time.monotonic() + seconds
    while True:
        alive = [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
        if not alive or time.monotonic() > ending:
            return alive
        time.sleep(0.1)
