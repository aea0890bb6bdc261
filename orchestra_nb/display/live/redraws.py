"""When a dashboard is drawn again: a machine without clock and threads. Times are passed in, in seconds.

Four limits, and the strictest holds: a period; a share of one core's time; a rate of characters over the wire; and,
where nothing has happened, only what the clock changes, once a second, more seldom in a long run. Whoever clicks is
answered sooner than the period, but never more than ten times a second. Failure: none.

The share is 0.6 per cent, for a run of thousands of short nodes needs its core; but what somebody sees should move
every two seconds, so the share may be as much as 1.25 per cent where the look would come later than that. Of 10,000
nodes a look without dear panels (:mod:`.panel_turns`) takes 10 to 20 ms, most of them for folding what has happened.
"""

from __future__ import annotations

from dataclasses import dataclass

PERIOD = 0.25
"""Seconds between two redraws."""
LEAST = 0.1
"""Seconds between two redraws, whoever asks."""
RESTS, RESTS_LEAST = 160.0, 80.0
"""How many times as long as it took, a look rests; and at least, where that would be longer than :data:`LIVELY`."""
LIVELY = 2.0
"""Seconds after which something should move, if it is to be had for that."""
FIRST = 1e-4
"""Seconds for each node of the graph before the first look: a large run that is over in a moment pays for none."""
PER_SECOND = 200_000
"""Characters that may be sent in a second, over time."""
TICK, SHARE = 1.0, 0.01
"""Seconds between two redraws while nothing happens, and that as a share of the time so far: a night is long."""


@dataclass
class Redraws:
    """When the next redraw is due.

    Examples
    --------
    >>> redraws = Redraws()
    >>> redraws.drawn(0.0, spent=0.001, sent=2_000, elapsed=10.0)
    >>> redraws.wait(0.0), redraws.wait(0.0, asked=True), redraws.stale(0.5)
    (0.25, 0.1, False)
    >>> redraws.drawn(1.0, spent=0.001, sent=300_000, elapsed=10.0)
    >>> redraws.wait(1.0)
    1.5
    """

    _due: float = 0.0
    _soonest: float = 0.0
    _tick: float = 0.0

    def drawn(self, now: float, *, spent: float, sent: int, elapsed: float) -> None:
        """Take note of a redraw that is over.

        Parameters
        ----------
        now
            When.
        spent
            Seconds of a core that it took.
        sent
            Characters.
        elapsed
            Seconds since the run began.
        """
        over_the_wire = sent / PER_SECOND
        self._soonest = now + max(LEAST, over_the_wire)
        self._due = now + max(rest_after(spent), over_the_wire)
        self._tick = now + max(TICK, SHARE * elapsed)

    def looked(self, now: float, *, spent: float) -> None:
        """Take note that there was nothing to draw, which has taken time as well."""
        self._due = now + rest_after(spent)

    def wait(self, now: float, *, asked: bool = False) -> float:
        """Say how many seconds it is until the next redraw; sooner where somebody has ``asked`` for it by a click."""
        return max(0.0, (min(self._soonest, self._due) if asked else self._due) - now)

    def stale(self, now: float) -> bool:
        """Say whether to draw although nothing has happened: the time goes on."""
        return now >= self._tick


def rest_after(spent: float) -> float:
    """Say how long to rest after a look that took so many seconds.

    Examples
    --------
    >>> [rest_after(spent) for spent in (0.001, 0.005, 0.02, 0.1)]
    [0.25, 0.8, 2.0, 8.0]
    """
    return max(PERIOD, RESTS_LEAST * spent, min(LIVELY, RESTS * spent))


def first_look(nodes: int) -> float:
    """Say after how many seconds to look first, of a graph of so many nodes.

    Examples
    --------
    >>> first_look(20), first_look(10_000)
    (0.25, 1.0)
    """
    return min(LIVELY, max(PERIOD, FIRST * nodes))
