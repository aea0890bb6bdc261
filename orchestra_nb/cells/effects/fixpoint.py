"""Fixed points: work that may come upon itself, bounded.

Functions that recurse, iterators over themselves and libraries that call what they were given all lead the interpreter
back to what it is in the middle of. There it takes what is known so far and goes on; whoever began repeats it until
nothing new is learned, which is the least fixed point (Kleene; abstract values only grow and are finite, so it is
reached). Since finite is not quick, work and depth are counted, and a cell beyond them keeps document order.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from orchestra_nb.cells.effects.machine import Machine
from orchestra_nb.cells.effects.values import NOTHING, Value

DEEPEST = 600
"""Of Python's own frames, which are 1,000 by default; a kernel uses up to a hundred before it comes here. Running into
the interpreter's limit instead would be survivable too, but not for whoever traces or measures this process."""


FRAMES_OF_A_CALL = 12
FRAMES_OF_A_ROUND = 8
"""About how many of them following a function takes, and a round of a fixed point."""


class TooMuchWork(Exception):
    """The cell is beyond what the analysis follows; it becomes a barrier."""


@dataclass(slots=True)
class Unsettled:
    """Something that is being worked out: what is known of it so far, and whether it was met again."""

    out: Value = NOTHING
    met: bool = False


class FixedPoints(Machine):
    """Bounds the interpreter's work and finishes what comes upon itself."""

    def spend(self, steps: int = 1) -> None:
        """Count work: an expression, a call, an iteration, each hundred objects looked through.

        Everything that recurses counts itself, so no cell takes the analysis for ever, whatever fixed points meet.

        Raises
        ------
        TooMuchWork
            When the cell has used its share, or stands too deep for Python's own stack.
        """
        self.work += steps
        if self.work + self.heap.visited // 100 - self.visited > self.allowance or self.depth > DEEPEST:
            self.allowance = max(self.allowance // 2, 1000)  # what made one cell hard makes those after it hard
            raise TooMuchWork

    @contextmanager
    def deeper(self, frames: int) -> Iterator[None]:
        """A part that may recurse, and about how many of Python's own frames it takes here."""
        self.depth += frames
        try:
            yield
        finally:
            self.depth -= frames

    def fixed_point(self, key: Hashable, once: Callable[[], Value], frames: int) -> Value:
        """What comes out of something that may come upon itself.

        Parameters
        ----------
        key
            What it is; everything its result depends on, apart from the state that :attr:`version` counts.
        once
            One round of it.
        frames
            About how many of Python's own frames a round takes here.
        """
        key = (key, self.weak > 0, self.doubt > 0, self.trying > 0)
        known = self.memo.get(key)
        if known is not None and known[0] == self.version:
            remembered: Value = known[1]
            return remembered
        running: Unsettled | None = self.unsettled.get(key)
        if running is not None:
            running.met = True
            return running.out
        running = self.unsettled[key] = Unsettled()
        try:
            with self.deeper(frames):
                self._repeat(running, once)
        finally:
            del self.unsettled[key]
        self.memo[key] = (self.version, running.out)
        return running.out

    def _repeat(self, running: Unsettled, once: Callable[[], Value]) -> None:
        while True:
            self.spend()
            running.met, version = False, self.version
            out = running.out | once().plain
            grown = out != running.out
            running.out = out
            if not running.met or not (grown or self.version != version):
                return
            self.changes += grown  # what was worked out meanwhile, from less, no longer holds
