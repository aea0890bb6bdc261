"""A real kernel, really interrupted: a hundred times, at random moments of runs that would go on for a minute.

``ORCHESTRA_NB_INTERRUPTS`` says how often (``make soak`` raises it), ``ORCHESTRA_NB_SEED`` repeats a failure: kinds of
runs and moments follow from it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from .front_end import FrontEnd, front_end

TIMES = int(os.environ.get("ORCHESTRA_NB_INTERRUPTS", "50"))
LONGEST = 0.15
"""Seconds after the beginning of the run's cell up to which it is interrupted."""
LIMIT = 60.0
"""Seconds within which it must have ended: far more than it takes, and far less than its bodies do."""

SETUP = """\
%load_ext orchestra_nb
import faulthandler, json, signal, threading, time
faulthandler.register(signal.SIGUSR1, file=open("stacks", "w"))
stop = threading.Event()
def spin(stop):
    ending = time.monotonic() + 600
    while not stop.is_set() and time.monotonic() < ending:
        pass
def churn(stop):
    ending = time.monotonic() + 600
    while not stop.is_set() and time.monotonic() < ending:
        for _ in range(100):
            loop = []
            loop.append(loop)
"""
BODIES = {
    "quick": "n = sum(range(1000))",
    "then": "m = n + 1\nprint('quick', m)",
    "sleeps": "time.sleep(600)",
    "waits": "over = stop.wait(600)",
    "spins": "spin(stop)",
    "churns": "churn(stop)",
    "awaits": "import asyncio\nawait asyncio.sleep(600)",
    "main_sleeps": "%time time.sleep(600)",
    "main_spins": "print('begun', flush=True)\n%time spin(stop)",
    "process": "import time\nfor _ in range(600):\n    time.sleep(1)",
}
"""All but those of processes begin after the two quick ones; there is nothing to see of the interrupted ones."""
RUNS = {
    "threads": ("-j 3", ("sleeps", "waits", "spins")),
    "garbage": ("-j 2", ("churns", "then")),
    "main lane": ("-j 2", ("main_sleeps", "waits")),
    "busy main lane": ("-j 2", ("main_spins", "sleeps")),
    "coroutines": ("-j 3", ("awaits", "waits", "main_sleeps")),
    "serial": ("-j 1", ("sleeps",)),
    "processes": ("-j 2 --backend loky", ("process",)),
}
STATE = """\
stop.set()
def state():
    session = get_ipython().magics_manager.registry["Orchestrate"].session
    outcomes = {} if session.result is None else session.result.outcomes
    statuses = sorted({o.status for o in outcomes.values()})
    drivers = [t for t in threading.enumerate() if t.name == "orchestra-driver"]
    return {"statuses": statuses, "drivers": len(drivers), "running": session._running}
print(json.dumps(state()))
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    with front_end(tmp_path_factory.mktemp("interrupts")) as started:
        started.run(SETUP, "setup")
        started.run("%time 1", "setup")  # loads it: IPython never gets over an interrupt of that
        for name, body in BODIES.items():
            after = "" if name in ("quick", "process") else "--after quick" if name == "then" else "--after then"
            started.run(f"%%orchestrate {name} {after}\n{body}", name)
        yield started


def test_every_interrupt_stops_its_run_and_the_kernel_goes_on(kernel: FrontEnd) -> None:
    seed = int(os.environ.get("ORCHESTRA_NB_SEED", random.randrange(10**6)))
    rng = random.Random(seed)
    for number in range(TIMES):
        kind = "processes" if number % 16 == 15 else rng.choice([kind for kind in RUNS if kind != "processes"])
        delay = rng.uniform(0, LONGEST)
        told = f"{kind}, {delay:.3f} s after it began (number {number}, ORCHESTRA_NB_SEED={seed})"
        reply = interrupted(kernel, kind, delay)
        assert reply is not None, f"no reply: {told}\n{kernel.seen}\n{stacks(kernel)}"
        assert (reply["status"], reply.get("ename")) == ("error", "KeyboardInterrupt"), f"{told}: {reply}"
        found = state(kernel)
        assert set(found["statuses"]) <= {"done", "cancelled", "skipped"}, f"{told}: {found}"
        assert not found["running"], told
    until(lambda: state(kernel)["drivers"] == 0)
    workers, trackers = children(kernel)
    assert len(workers) <= 2, workers
    assert len(trackers) <= 2, trackers  # loky's own, and that of multiprocessing
    shown = kernel.run("%orchestrate run then", "run")
    assert ("then", "stream", "quick 499501\n") in shown
    assert kernel.value("m") == "499501"
    assert state(kernel) == {"statuses": ["done"], "drivers": 0, "running": False}


def interrupted(kernel: FrontEnd, kind: str, delay: float) -> dict[str, Any] | None:
    """Start a run, interrupt it, and return the reply of its cell, if there is one in time."""
    options, targets = RUNS[kind]
    kernel.run("stop = threading.Event()", "probe")
    # It says itself that it has begun: what comes earlier may land in ipykernel's own code, which then never replies.
    code = f"print('begun', flush=True)\n%orchestrate run {options} {' '.join(targets)}"
    request = kernel.send(code, "run")
    kernel.begun(request, "stream")
    time.sleep(delay)
    kernel.manager.interrupt_kernel()
    try:
        reply = kernel.reply(request, LIMIT)
    except AssertionError:
        return None
    kernel.wait(request)
    return reply


def state(kernel: FrontEnd) -> dict[str, Any]:
    """What is known of the last run; in the cell that comes after it, as its user would ask."""
    request = kernel.send(STATE, "probe")
    assert kernel.reply(request, LIMIT)["status"] == "ok"
    kernel.seen = []
    kernel.wait(request)
    said = "".join(text for _, kind, text in kernel.seen if kind == "stream")
    found: dict[str, Any] = json.loads(said)
    return found


def stacks(kernel: FrontEnd) -> str:
    """Where the kernel's threads are."""
    os.kill(kernel.manager.provisioner.pid, signal.SIGUSR1)
    time.sleep(1)
    return (kernel.folder / "stacks").read_text()


def children(kernel: FrontEnd) -> tuple[list[str], list[str]]:
    """The command lines of the kernel's workers, and of what else it started."""
    found = psutil.Process(kernel.manager.provisioner.pid).children(recursive=True)
    lines = [" ".join(child.cmdline()) for child in found if child.status() != psutil.STATUS_ZOMBIE]
    others = [line for line in lines if "popen_loky" not in line]
    assert all("resource_tracker" in line for line in others), others
    return [line for line in lines if line not in others], others


def until(holds: Callable[[], bool]) -> None:
    ending = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < ending
        time.sleep(0.05)
