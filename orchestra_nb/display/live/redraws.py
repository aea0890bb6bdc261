"""When a dashboard is drawn again: a machine without clock and threads. Times are passed in, in seconds.

Four limits, and the strictest holds: a period; a share of one core's time; a rate of characters over the wire; and,
where nothing has happened, only what the clock changes, once a second, more seldom in a long run. Whoever clicks is
answered sooner than the period, but never more than ten times a second. Failure: none.
"""

from __future__ import annotations

from dataclasses import dataclass

PERIOD = 0.25
"""Seconds between two redraws."""
LEAST = 0.1
"""Seconds between two redraws, whoever asks."""
RESTS = 80.0
"""How many times as long as it took, a look rests: with its dear panels (:mod:`.panel_turns`) that is 2 % of a core."""
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
        self._due = now + max(PERIOD, RESTS * spent, over_the_wire)
        self._tick = now + max(TICK, SHARE * elapsed)

    def looked(self, now: float, *, spent: float) -> None:
        """Take note that there was nothing to draw, which has taken time as well."""
        self._due = now + max(PERIOD, RESTS * spent)

    def wait(self, now: float, *, asked: bool = False) -> float:
        """Say how many seconds it is until the next redraw; sooner where somebody has ``asked`` for it by a click."""
        return max(0.0, (min(self._soonest, self._due) if asked else self._due) - now)

    def stale(self, now: float) -> bool:
        """Say whether to draw although nothing has happened: the time goes on."""
        return now >= self._tick
