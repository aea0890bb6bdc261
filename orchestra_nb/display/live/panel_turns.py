"""Which panels of a dashboard are made now: a machine without clock. Times are passed in, in seconds.

Most panels take a millisecond and are made at each look. Some grow with the graph (of ten thousand nodes, todos take a
tenth of a second and the Gantt chart a third), and a look that made them all would cost a run of some seconds more than
it may, and put the next look off for long. So a panel that was dear rests by itself, until it is one per cent of the
time; the others do not wait for it. What has not been made yet is guessed from the number of nodes, and so comes later
into a large run. When the run is over everything is made.
"""

from __future__ import annotations

from collections.abc import Mapping

_SHARE = 100.0
"""How many times as long as it took, a dear panel rests."""
_DEAR = 0.005
"""Seconds from which on a panel is dear."""
_GUESSES: Mapping[str, float] = {"gantt": 40e-6, "todos": 8e-6}
"""Seconds for each node, of a panel that was not made yet."""
_PICTURES: Mapping[str, float] = {"gantt": 1.0}
"""Seconds that a picture rests at least: what it shows is told beside it, for a later moment."""


class PanelTurns:
    """When each panel is made again.

    Examples
    --------
    >>> turns = PanelTurns()
    >>> [turns.due(key, 1.0, nodes=10_000) for key in ("levels", "gantt")], turns.due("gantt", 41.0, nodes=10_000)
    ([True, False], True)
    >>> turns.made("gantt", 41.0, 0.3)
    True
    >>> turns.due("gantt", 60.0, nodes=10_000), turns.due("gantt", 71.1, nodes=10_000)
    (False, True)
    """

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def due(self, key: str, elapsed: float, *, nodes: int) -> bool:
        """Say whether a panel is to be made.

        Parameters
        ----------
        key
            The panel.
        elapsed
            Seconds since somebody began to look.
        nodes
            Of the graph.
        """
        if key not in self._due:
            guess = _GUESSES.get(key, 0.0) * nodes
            self._due[key] = _SHARE * guess if guess >= _DEAR else 0.0
        return elapsed >= self._due[key]

    def made(self, key: str, elapsed: float, spent: float) -> bool:
        """Take note that it was made, and what that took; says whether it was dear."""
        dear = spent >= _DEAR
        self._due[key] = elapsed + max(_PICTURES.get(key, 0.0), _SHARE * spent if dear else 0.0)
        return dear
