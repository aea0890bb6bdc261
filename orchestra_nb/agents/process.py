"""One program from its start to its end, on an event loop: bounded in time and in bytes, and gone afterwards.

Policy: no shell. The program begins a session of its own, so that it and all that it starts can be ended together:
when its time is up, when it writes too much, when whoever waits for it is cancelled, and also when it has ended well
and left something running. Ending means SIGKILL: a linter has nothing to put in order, and what is asked politely may
stay. Both pipes are read as they fill, into memory and up to the limit; neither can block the other, nor the program.
Nothing waits in a thread.

Order: the program ends, what it left is ended, the pipes close, and only then is there a result. A grandchild that
began a session of its own is not found; the pipes that it still holds are closed a moment after the program's end, and
it lives on. When this process ends, its programs do; but a ``kill -9``, or a SIGTERM that nobody handles, leaves them
running (:func:`ended_by_sigterm` handles one). Rejected for that: ``PR_SET_PDEATHSIG``, which has to run Python between
fork and exec, where threads make it unsafe.

Rejected: ``asyncio.create_subprocess_exec`` with ``communicate()`` (no limit in bytes, and on some versions of Python
``wait()`` hangs while a grandchild holds a pipe); threads (one for each waiting program).
"""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, cast

from orchestra_nb.errors import AgentTimeout, CommandFailed, OutputTooLong

_LINGER = 1.0
"""Seconds after the program's end until its pipes are closed, whoever still holds them."""
MOST = 10 * 2**20
"""Bytes that a program may write where nobody says otherwise."""
_running: dict[int, int] = {}
"""Process groups that this process has started, and its own id: a forked child has no part in them."""
_starting: list[None] = []
"""One entry for each program that is being started: it may run, and nobody has been told its number."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may take.

    Parameters
    ----------
    timeout
        Seconds; ``None``: no limit.
    max_output
        Bytes of standard output and standard error together.
    """

    timeout: float | None = None
    max_output: int = MOST


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended.

    Parameters
    ----------
    code
        Its exit code; the negative number of the signal that ended it.
    out, err
        What it wrote.
    """

    code: int
    out: bytes
    err: bytes


async def run_program(
    words: Sequence[str],
    limits: Limits,
    *,
    stdin: bytes | None = None,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Ended:
    """Run a program to its end.

    Parameters
    ----------
    words
        The program and its arguments.
    stdin
        What it can read; ``None``: nothing.
    cwd, env
        Where, and with which environment; ``None``: as this process has it.

    Raises
    ------
    CommandFailed
        It could not be started.
    AgentTimeout, OutputTooLong
        It was ended for its time or its output.

    Examples
    --------
    >>> asyncio.run(run_program(["cat"], Limits(timeout=60), stdin=b"hello"))
    Ended(code=0, out=b'hello', err=b'')
    """
    loop = asyncio.get_running_loop()
    _starting.append(None)
    try:
        transport, watch = await loop.subprocess_exec(
            partial(_Watch, loop, limits.max_output),
            *words,
            stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=cwd,
            env=dict(env) if env is not None else None,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:  # no such program, no such folder, a NUL in an argument
        raise CommandFailed(f"{words[0]!r} could not be started: {error}") from None
    finally:
        _starting.pop()
    try:
        if stdin is not None:
            _feed(transport, stdin)
        async with asyncio.timeout(limits.timeout):
            await watch.over.wait()
    except TimeoutError:
        raise AgentTimeout(f"{words[0]!r} had not ended after {limits.timeout:g} s, and was ended") from None
    finally:
        if not watch.over.is_set():
            watch.kill()
            await watch.over.wait()
    if watch.too_long:
        raise OutputTooLong(f"{words[0]!r} wrote more than {limits.max_output:,} bytes, and was ended")
    code = transport.get_returncode()
    return Ended(-1 if code is None else code, b"".join(watch.parts[1]), b"".join(watch.parts[2]))


def _feed(transport: asyncio.SubprocessTransport, data: bytes) -> None:
    pipe = cast(asyncio.WriteTransport | None, transport.get_pipe_transport(0))
    if pipe is not None and not pipe.is_closing():
        pipe.write(data)
        pipe.close()  # once it is written


class _Watch(asyncio.SubprocessProtocol):
    """Hears what a program does; on the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int) -> None:
        self.parts: dict[int, list[bytes]] = {1: [], 2: []}
        self.over = asyncio.Event()
        self.too_long = False
        self._loop = loop
        self._left = most
        self._transport: Any = None
        self._closing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        _running[self._transport.get_pid()] = os.getpid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            if not self.too_long:
                self.too_long = True
                self.kill()
            return
        self.parts[fd].append(data)

    def process_exited(self) -> None:
        self.kill()
        self._closing = self._loop.call_later(_LINGER, self._transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._closing is not None:
            self._closing.cancel()
        self._transport.close()
        _running.pop(self._transport.get_pid(), None)
        self.over.set()

    def kill(self) -> None:
        """End the program, if it still runs, and whatever it has started."""
        _end(self._transport.get_pid())


def _end(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # all gone; or zombies, on macOS
        os.killpg(group, signal.SIGKILL)


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let a SIGTERM that comes within the block end the programs too: as Ctrl-C would, where that is heard.

    Only the main thread hears signals, and a handler that somebody has installed stays; else nothing is done.
    """
    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminated(number: int, frame: FrameType | None) -> None:
    if callable(signal.getsignal(signal.SIGINT)):
        signal.raise_signal(signal.SIGINT)
        return
    _end_all()  # started in the background by a shell, where nobody hears an interrupt
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


@atexit.register
def _end_all() -> None:
    for group, owner in tuple(_running.items()):
        if owner == os.getpid():
            _end(group)
    for child in _children() if _starting else ():
        with suppress(OSError):
            if os.getsid(child) == child:  # as all that are started here
                _end(child)


def _children() -> Iterator[int]:
    """Name the children of this process, where the system tells."""
    for listed in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            yield from map(int, listed.read_text().split())
