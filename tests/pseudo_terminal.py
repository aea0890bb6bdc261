"""A command in a pseudo-terminal of its own, and what a person sees there: the screen, told from what was written."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterable
from dataclasses import dataclass

_BEGIN = "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
_PART = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|\r|\n|[^\x1b\r\n]+|\x1b")
_PATIENCE = 120.0
"""Seconds until a command is given up; a busy machine is slow."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its code, all that it wrote, and what is on the screen."""

    code: int
    written: str

    @property
    def screen(self) -> list[str]:
        """The lines that are there in the end."""
        return screen(self.written)

    @property
    def cursor_is_shown(self) -> bool:
        """Whether the cursor is there for whoever types next."""
        return self.written.rfind("\x1b[?25h") >= self.written.rfind("\x1b[?25l")


def on_a_terminal(code: str, *, size: tuple[int, int] = (80, 30), interrupt: str = "", **environment: str) -> Ended:
    """Run Python code at a terminal.

    Parameters
    ----------
    code
        What Python runs.
    size
        Columns and rows.
    interrupt
        Type Ctrl-C once this has been written.
    environment
        On top of this process's.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    known = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    command = [sys.executable, "-c", _BEGIN + code]
    process = subprocess.Popen(
        command,
        **dict.fromkeys(("stdin", "stdout", "stderr"), theirs),
        start_new_session=True,
        env={**known, "TERM": "xterm-256color", **environment},
    )
    os.close(theirs)
    try:
        written = _read(ours, interrupt)
        return Ended(process.wait(_PATIENCE), written)
    finally:
        os.close(ours)
        process.kill()
        process.wait()


def _read(terminal: int, interrupt: str) -> str:
    written, until = b"", time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if not select.select([terminal], [], [], 1.0)[0]:
            continue
        try:
            new = os.read(terminal, 65536)
        except OSError:  # the other side has been closed
            break
        if not new:
            break
        written += new
        if interrupt and interrupt.encode() in written:
            os.write(terminal, b"\x03")
            interrupt = ""
    return written.decode("utf-8", "replace")


def screen(written: str) -> list[str]:
    """Tell what is on the screen, as far as this program moves a cursor: to the line's begin, up, and erasing lines.

    Examples
    --------
    >>> screen("one\\r\\ntwo\\x1b[1A\\r\\x1b[2Kthree\\r\\n")
    ['three', 'two']
    """
    lines: list[list[str]] = [[]]
    row = column = 0
    for found in _PART.finditer(written):
        part, kind = found[0], found[2]
        if part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            if row == len(lines):
                lines.append([])
        elif kind == "A":
            row = max(0, row - int(found[1] or 1))
        elif kind == "K":
            lines[row] = []
        elif kind is None:
            line = lines[row]
            line += " " * (column - len(line))
            line[column : column + len(part)] = part
            column += len(part)
    return _trimmed("".join(line).rstrip() for line in lines)


def _trimmed(lines: Iterable[str]) -> list[str]:
    kept = list(lines)
    while kept and not kept[-1]:
        kept.pop()
    return kept
