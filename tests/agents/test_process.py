"""Programs: bounded in time and bytes, without a deadlock, and gone afterwards with all that they have started."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from orchestra_nb.agents.process import Limits, run_program
from orchestra_nb.errors import AgentTimeout, CommandFailed, OutputTooLong
from tests.agents.loops import run

FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(1000)"])
with open(sys.argv[1] + ".new", "w") as file:
    file.write(f"{os.getpid()} {child.pid}")
os.rename(sys.argv[1] + ".new", sys.argv[1])
if sys.argv[2] == "wait":
    time.sleep(1000)
"""
"""A program with a child that a SIGTERM does not end; it says who they are, and stays or leaves the child behind."""


def python(code, *words):
    return [sys.executable, "-c", code, *map(str, words)]


async def family_of(path: Path) -> list[int]:
    while not path.exists():
        await asyncio.sleep(0.005)
    return [int(word) for word in path.read_text().split()]


def lives(pid: int) -> bool:
    """Whether a process does something yet: a zombie, which waits for init to take note of its end, does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            return not Path("/proc/self").exists()
        return False


async def all_gone(pids: list[int]) -> None:
    while any(map(lives, pids)):  # a signal has been sent; the kernel delivers it when it gets to it
        await asyncio.sleep(0.005)


def test_both_pipes_are_read_however_much_comes_on_either():
    code = "import sys\nfor _ in range(64): sys.stderr.write('e' * 65536); sys.stdout.write('o' * 65536)"
    ended = asyncio.run(run_program(python(code), Limits()))
    assert (ended.code, len(ended.out), len(ended.err)) == (0, 64 * 65536, 64 * 65536)


def test_a_large_input_goes_in_while_output_comes_out():
    data = os.urandom(4 * 2**20)
    assert asyncio.run(run_program(["cat"], Limits(), stdin=data)).out == data


def test_a_program_that_does_not_read_its_input_ends_as_it_likes():
    assert asyncio.run(run_program(python("print('done')"), Limits(), stdin=b"x" * 2**20)).out == b"done\n"


def test_what_writes_more_than_it_may_is_ended():
    endless = python("import sys\nwhile True: sys.stdout.write('x' * 65536)")
    with pytest.raises(OutputTooLong, match="wrote more than 1,000,000 bytes"):
        asyncio.run(run_program(endless, Limits(max_output=1_000_000)))
    exactly = asyncio.run(run_program(python("print('x' * 99)"), Limits(max_output=100)))
    assert len(exactly.out) == 100


def test_a_timeout_ends_the_program_and_its_children(tmp_path):
    async def main(loop):
        path = tmp_path / "family"
        call = asyncio.ensure_future(run_program(python(FAMILY, path, "wait"), Limits(timeout=3600)))
        family = await family_of(path)
        assert all(map(lives, family))
        await loop.hours_pass(call)
        with pytest.raises(AgentTimeout, match="had not ended after 3600 s"):
            await call
        await all_gone(family)

    run(main)


def test_cancelling_ends_the_program_and_its_children(tmp_path):
    async def main():
        path = tmp_path / "family"
        call = asyncio.ensure_future(run_program(python(FAMILY, path, "wait"), Limits()))
        family = await family_of(path)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await all_gone(family)

    asyncio.run(main())


def test_what_a_program_leaves_running_is_ended_with_it(tmp_path):
    async def main():
        path = tmp_path / "family"
        ended = await run_program(python(FAMILY, path, "leave"), Limits())
        assert ended.code == 0
        await all_gone(await family_of(path))

    asyncio.run(main())


def test_the_result_does_not_wait_for_a_grandchild_that_has_gone_its_own_way(tmp_path):
    path = tmp_path / "pid"
    code = """
import subprocess, sys
child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
open(sys.argv[1], "w").write(str(child.pid))
print("done", flush=True)
"""

    async def main(loop):
        call = asyncio.ensure_future(run_program(python(code, path), Limits()))
        await loop.hours_pass(call)
        return await call

    try:
        assert run(main).out == b"done\n"
    finally:
        os.kill(int(path.read_text()), 9)


def test_the_end_of_python_ends_the_programs_that_it_has_started(tmp_path):
    path = tmp_path / "family"
    code = f"""
import asyncio, sys, threading
from orchestra_nb.agents.process import Limits, run_program
from tests.agents.test_process import FAMILY, family_of, python
from pathlib import Path
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
asyncio.run_coroutine_threadsafe(run_program(python(FAMILY, {str(path)!r}, "wait"), Limits()), loop)
asyncio.run(family_of(Path({str(path)!r})))
"""
    root = Path(__file__).resolve().parents[2]
    subprocess.run(python(code), check=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, timeout=120)
    asyncio.run(all_gone(asyncio.run(family_of(path))))


@pytest.mark.parametrize(
    ("words", "cwd", "says"),
    [
        (["no-such-program-at-all"], None, "No such file"),
        (["echo"], "/no/such/folder", "No such file"),
        ([os.devnull], None, "Permission denied"),
        (["echo", "a\0b"], None, "null byte"),
    ],
)
def test_what_cannot_be_started_is_said(words, cwd, says):
    with pytest.raises(CommandFailed, match=says) as caught:
        asyncio.run(run_program(words, Limits(), cwd=cwd))
    assert caught.value.code is None


def test_a_program_that_a_signal_ended_has_the_signal_as_its_code():
    assert asyncio.run(run_program(python("import os; os.kill(os.getpid(), 9)"), Limits())).code == -9


def test_many_programs_at_once_each_get_their_own_output():
    async def main():
        calls = [run_program(["echo", str(number)], Limits()) for number in range(40)]
        return [ended.out for ended in await asyncio.gather(*calls)]

    assert asyncio.run(main()) == [f"{number}\n".encode() for number in range(40)]
