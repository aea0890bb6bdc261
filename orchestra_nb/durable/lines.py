"""Lines of text that prove themselves: each has a digest of itself and of the digest before it.

A line is a JSON list of two: the digest, and what it says. So a line that was changed, lost, doubled or moved is found
at the first line that does not follow. Failure: :class:`Damage` with the number of the line. What a crash leaves behind
the last line that was acknowledged is no damage, and is dropped: an end without its break; and, for a file to which
several lines are written at once, whatever no later line builds on. (A line that is whole but for its break counts.)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

_DIGEST = 32
"""Characters of a digest."""


class Damage(Exception):
    """A line is not what was written; the first argument is its number, from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def sealed(payload: str, before: str) -> tuple[bytes, str]:
    """Make a line, without its break, and its digest.

    Parameters
    ----------
    payload
        JSON, in ASCII.
    before
        The digest of the line before; empty for the first.
    """
    digest = _digest(payload.encode("ascii"), before)
    return f'["{digest}",{payload}]'.encode("ascii"), digest


def unsealed(line: bytes, before: str) -> tuple[bytes, str] | None:
    """Give the payload and digest of a line, or ``None`` when it is damaged or does not follow."""
    digest, payload = line[2 : 2 + _DIGEST], payload_of(line)
    whole = line == b'["' + digest + b'",' + payload + b"]" and digest == _digest(payload, before).encode("ascii")
    return (payload, digest.decode("ascii")) if whole else None


def payload_of(line: bytes) -> bytes:
    """Give what a line says, whether that is true or not."""
    return line[4 + _DIGEST : -1]


def object_of(payload: bytes) -> dict[str, Any]:
    """Read a payload that is a JSON object.

    Raises
    ------
    ValueError
        It is none.
    """
    try:
        found = json.loads(payload)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    return found


def _digest(payload: bytes, before: str) -> str:
    return blake2b(before.encode("ascii") + b"\n" + payload, digest_size=_DIGEST // 2).hexdigest()


@dataclass(frozen=True, slots=True)
class Lines:
    """What a file says: the payload and digest of each line, where each ends, and what is behind the last.

    Parameters
    ----------
    found
        Payload, digest, and the place in the file behind the line and its break.
    broken
        Whether only the break of the last line is missing.
    """

    found: tuple[tuple[bytes, str, int], ...]
    broken: bool = False

    @property
    def end(self) -> int:
        """Where the next line begins."""
        return self.found[-1][2] if self.found else 0


def split_lines(data: bytes, *, in_groups: bool = False) -> Lines:
    r"""Read the lines of a file, and drop what a crash left behind the last.

    Parameters
    ----------
    data
        All of the file.
    in_groups
        Whether several lines are written at once, of which a crash may leave any part: then damaged lines at the end
        are dropped too, unless one of them follows from the one before it.

    Raises
    ------
    Damage
        A line is damaged.

    Examples
    --------
    >>> line, digest = sealed('{"n":1}', "")
    >>> split_lines(line + b"\n[half of").found[0][0]
    b'{"n":1}'
    """
    *whole, rest = data.split(b"\n")
    found: list[tuple[bytes, str, int]] = []
    digest, end = "", 0
    for number, line in enumerate(whole, 1):
        read = unsealed(line, digest)
        if read is None:
            if in_groups and found and not _goes_on(whole[number - 1 :]):
                return Lines(tuple(found))
            raise Damage(number)
        digest, end = read[1], end + len(line) + 1
        found.append((*read, end))
    if rest and unsealed(rest[:-1], digest) is not None:  # the line is whole, and something stands for its break
        raise Damage(len(found) + 1)
    last = unsealed(rest, digest)
    if last is not None:
        found.append((*last, end + len(rest) + 1))
    return Lines(tuple(found), broken=last is not None)


def _goes_on(lines: list[bytes]) -> bool:
    """Whether a line is what was written behind the one before it: then that was acknowledged, and is damaged."""
    before = [line[2 : 2 + _DIGEST].decode("ascii", "replace") for line in lines]
    return any(
        digest.isascii() and unsealed(line, digest) is not None
        for digest, line in zip(before[:-1], lines[1:], strict=True)
    )
