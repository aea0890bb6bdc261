"""Which panels of a dashboard are made now: a machine without clock. Times are passed in, in seconds.

Most panels take less than a millisecond and are made at each look, above all how far the run is. Some grow with the
graph (of ten thousand nodes, levels and the paint of the graph take some milliseconds, todos 40, the Gantt chart 120),
and a look that made them all would cost a run of some seconds more than it may, and put the next look off for long. So
a panel that was dear rests by itself, until it is an eighth of a per cent of the time: there are four such, and half a
per cent is theirs. The others do not wait for it. What has not been made yet is guessed from the number of nodes, and
so comes later into a large run. When the run is over everything is made.
"""

from __future__ import annotations

from collections.abc import Mapping

_SHARE = 800.0
"""How many times as long as it took, a dear panel rests."""
_DEAR = 0.002
"""Seconds from which on a panel is dear."""
_GUESSES: Mapping[str, float] = {"gantt": 12e-6, "todos": 4e-6, "graph": 1e-6, "levels": 0.4e-6}
"""Seconds for each node, of a panel that was not made yet."""
_PICTURES: Mapping[str, float] = {"gantt": 1.0}
"""Seconds that a picture rests at least: what it shows is told beside it, for a later moment."""
_ALWAYS = ("progress", "running")
"""What is made at each look, whatever it takes: how far the run is, and who runs, are what people look for."""


class PanelTurns:
    """When each panel is made again.

    Examples
    --------
    >>> turns = PanelTurns()
    >>> [turns.due(key, 1.0, nodes=10_000) for key in ("progress", "gantt")], turns.due("gantt", 97.0, nodes=10_000)
    ([True, False], True)
    >>> turns.made("gantt", 97.0, 0.1)
    True
    >>> turns.due("gantt", 170.0, nodes=10_000), turns.due("gantt", 177.1, nodes=10_000)
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
        if key in _ALWAYS:
            return True
        if key not in self._due:
            guess = _GUESSES.get(key, 0.0) * nodes
            self._due[key] = _SHARE * guess if guess >= _DEAR else 0.0
        return elapsed >= self._due[key]

    def made(self, key: str, elapsed: float, spent: float) -> bool:
        """Take note that it was made, and what that took; says whether it was dear."""
        dear = spent >= _DEAR and key not in _ALWAYS
        self._due[key] = elapsed + max(_PICTURES.get(key, 0.0), _SHARE * spent if dear else 0.0)
        return dear
