"""How long an entry lives, told by clocks that may be set back.

Policy: an entry never lives longer than its ttl, and may live shorter. While the machine has not been started again,
the clock that counts from its start decides (it counts on during sleep, and nobody sets it). Afterwards only the wall
clock is left: an entry that was made later than now is over, because the clock was set back.

What this cannot see: a wall clock that was wrong at the making or is wrong after a new start, and yet shows the later
time at the later moment. Daylight
saving does not matter, because seconds since 1970 do not know it.

Rejected: the wall clock alone (set back by an hour, it adds an hour to every life), and a mark of the latest moment
that was ever seen (one visit to the year 2099 would end every entry of an earlier start).
"""

from __future__ import annotations

import functools
import math
import os
import time
from pathlib import Path
from typing import NamedTuple

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", None)


class Now(NamedTuple):
    """A moment, on two clocks.

    Parameters
    ----------
    boot
        Which start of the machine ``monotonic`` counts from: 16 bytes.
    monotonic
        Seconds since then, time asleep included.
    wall
        Seconds since 1970.
    """

    boot: bytes
    monotonic: float
    wall: float


class Life(NamedTuple):
    """When an entry was made, and for how long: seconds, or ``None`` for ever."""

    made: Now
    ttl: float | None

    def left(self, now: Now) -> float | None:
        """Say how many seconds are left; ``None``: it never ends; 0 or less: it is over.

        Examples
        --------
        >>> life = Life(Now(b"one", 100.0, 5000.0), ttl=60.0)
        >>> life.left(Now(b"one", 110.0, 1.0)), life.left(Now(b"two", 3.0, 5010.0)), life.left(Now(b"two", 3.0, 4999.0))
        (50.0, 50.0, 0.0)
        """
        if self.ttl is None:
            return None
        made = self.made
        age = now.monotonic - made.monotonic if now.boot == made.boot else now.wall - made.wall
        return self.ttl - age if age >= 0 else 0.0

    @property
    def wall_end(self) -> float | None:
        """When it ends by the wall clock: a hint for whoever makes room, and not what decides."""
        return None if self.ttl is None else self.made.wall + self.ttl


def checked_ttl(ttl: float | None) -> float | None:
    """Give a ttl in seconds that can be meant; infinity is for ever.

    Raises
    ------
    ValueError
        It is no number above zero.
    """
    if ttl is None:
        return None
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)) or not ttl > 0:
        raise ValueError(f"a ttl is a number of seconds above zero, or None for ever, and not {ttl!r}")
    try:
        seconds = float(ttl)
    except OverflowError:
        return None
    return None if math.isinf(seconds) else seconds


def system_now() -> Now:
    """Read the clocks of this machine.

    Where it does not name its start (macOS, Windows), the name is this process's own: what another process made is then
    judged by the wall clock.
    """
    since = time.monotonic() if _SINCE_BOOT is None else time.clock_gettime(_SINCE_BOOT)
    return Now(_boot(), since, time.time())


@functools.cache
def _boot() -> bytes:
    try:
        return bytes.fromhex(Path(_BOOT_ID).read_text("ascii").strip().replace("-", ""))[:16].ljust(16, b"\0")
    except (OSError, ValueError):
        return os.urandom(16)
