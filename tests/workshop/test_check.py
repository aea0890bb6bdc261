"""``make test``: whatever fails fails the whole, and what runs beside it does not outlive it.

The scripts are run for real, in a copy, with a Python and tools that only write down what they are asked, and fail or
hang where a test wants them to.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

TOOL = """#!/bin/sh
case "$1 $*" in
  -I*) exec "$PYTHON" "$@" ;;
  *cpu_count*) echo 4; exit 0 ;;
esac
asked="${0##*/} $*"
echo "$asked" >> "$SHOP/log"
case "$asked" in
  *"$FAULT"*) echo "this is wrong"; [ "$HANGS" = nothing ] || cat "$SHOP/pipe" > /dev/null; exit 3 ;;
  *"$HANGS"*)
    echo "$$" >> "$SHOP/hanging"
    # What a shell starts in the background does not hear the interrupt: only force ends it.
    [ "$HANGS" = --nbval ] || { sleep 600 & echo "$!" >> "$SHOP/hanging"; }
    echo hanging >> "$SHOP/pipe"
    exec sleep 600 ;;
esac
"""
STEPS = (
    "python -m ruff check",
    "python -m ruff format --check",
    "lint-imports",
    "python -m compileall",
    "python -m sphinx",
    "python tools/links.py",
    "python -m mypy",
    "--nbval",
    "python -m pytest --no-cov tests/running/test_executors.py",
    "--dist loadgroup --no-cov",
    "--cov-append",
    "--no-cov tests/browser",
    "binder.sh",
)
"""A part of what each step calls, and no other."""
BESIDE = ("python -m sphinx", "--no-cov tests/browser", "binder.sh")


@dataclass
class Shop:
    """A copy of the scripts and tools that only write down what they are asked."""

    place: Path

    @property
    def surroundings(self) -> dict[str, str]:
        path = f"{self.place / 'commands'}{os.pathsep}{os.environ['PATH']}"
        return {"PYTHON": sys.executable, "PATH": path, "SHOP": str(self.place), "FAULT": "nothing", "HANGS": "nothing"}

    def check(self, *, fault: str = "nothing", hangs: str = "nothing") -> subprocess.Popen[str]:
        variables = {**self.surroundings, "FAULT": fault, "HANGS": hangs}
        script = self.place / "tree" / "tools" / "check.sh"
        return subprocess.Popen(
            ["/bin/sh", script], env=variables, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def run(self, *, fault: str = "nothing", hangs: str = "nothing") -> tuple[int, str]:
        with self.check(fault=fault, hangs=hangs) as process:
            output, _ = process.communicate(timeout=120)
        return process.returncode, output

    @property
    def log(self) -> list[str]:
        return (self.place / "log").read_text(encoding="utf-8").splitlines()

    def wait_for_hanging(self) -> None:
        """Come back when a tool says that it hangs."""
        assert (self.place / "pipe").read_text(encoding="utf-8") == "hanging\n"

    def hanging(self) -> list[psutil.Process]:
        path = self.place / "hanging"
        numbers = path.read_text(encoding="utf-8").split() if path.exists() else []
        return [psutil.Process(int(number)) for number in numbers if lives(int(number))]

    def nothing_hangs(self) -> bool:
        """Whether all that hung has ended; who was killed takes a moment to die."""
        until = time.monotonic() + 60
        while self.hanging() and time.monotonic() < until:
            time.sleep(0.01)
        return not self.hanging()


def lives(number: int) -> bool:
    """Whether there is such a process: one that ended may wait for ever for somebody to ask how."""
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def shop(tmp_path: Path, root: Path) -> Iterator[Shop]:
    tools = tmp_path / "tree" / "tools"
    shutil.copytree(root / "tools", tools)
    places = [tmp_path / "tree" / ".venv" / "bin" / name for name in ("python", "lint-imports")]
    for path in (*places, tools / "binder.sh", tmp_path / "commands" / "chromium"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TOOL, encoding="utf-8")
        path.chmod(0o755)
    os.mkfifo(tmp_path / "pipe")
    made = Shop(tmp_path)
    yield made
    for process in made.hanging():
        process.kill()


def test_where_nothing_is_wrong_every_step_is_made_once(shop: Shop) -> None:
    code, output = shop.run()
    assert code == 0, output
    assert {step: sum(step in line for line in shop.log) for step in STEPS} == dict.fromkeys(STEPS, 1)


@pytest.mark.parametrize("step", STEPS)
def test_whatever_fails_fails_the_whole_and_says_what_is_wrong(shop: Shop, step: str) -> None:
    code, output = shop.run(fault=step)
    assert (code, "this is wrong" in output) == (3, True), output


def test_what_has_failed_beside_others_is_told_before_its_turn(shop: Shop) -> None:
    script = """set -eu
      python=.venv/bin/python beside=build/beside
      . tools/beside.sh
      begin early "what fails early" sh -c 'echo this is wrong; exit 4'
      begin late "what would take long" sleep 600
      while [ ! -s build/beside/early.code ]; do sleep 0.1; done
      ahead
      echo "it went on"
    """
    done = subprocess.run(
        ["/bin/sh", "-c", script], cwd=shop.place / "tree", env={**os.environ, **shop.surroundings}, timeout=120,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (4, "\n== what fails early\nthis is wrong\n"), done.stderr


@pytest.mark.parametrize("hangs", BESIDE)
def test_what_still_runs_beside_others_when_one_fails_is_stopped(shop: Shop, hangs: str) -> None:
    code, output = shop.run(fault="--nbval", hangs=hangs)
    assert code == 3, output
    assert shop.nothing_hangs()


def interrupt(process: subprocess.Popen[str]) -> None:
    """Do what a terminal does."""
    os.killpg(process.pid, signal.SIGINT)


@pytest.mark.parametrize(
    ("hangs", "end", "code"),
    [
        pytest.param("--nbval", interrupt, 130, id="during a step"),
        pytest.param("binder.sh", interrupt, 130, id="beside others"),
        pytest.param("binder.sh", subprocess.Popen.terminate, 143, id="beside others, by its parent"),
    ],
)
def test_an_interrupt_ends_everything(
    shop: Shop, hangs: str, end: Callable[[subprocess.Popen[str]], None], code: int
) -> None:
    with shop.check(hangs=hangs) as process:
        shop.wait_for_hanging()
        end(process)
        output, _ = process.communicate(timeout=120)
    assert process.returncode == code, output
    assert shop.nothing_hangs()
