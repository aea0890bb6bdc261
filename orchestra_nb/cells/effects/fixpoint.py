"""Fixed points: work that may come upon itself, bounded.

Functions that recurse, iterators over themselves and libraries that call what they were given all lead the interpreter
back to what it is in the middle of. There it takes what is known so far and goes on; whoever began repeats it until
nothing new is learned, which is the least fixed point (Kleene; abstract values only grow and are finite, so it is
reached). Since finite is not quick, work and depth are counted, and a cell beyond them keeps document order.

A round has learned something when it changed what outlives it: objects, the notebook's names, variables of functions
that were running before. The variables of functions that are called in the round are made anew in the next one from the
same objects, so binding them is no news; it would be in every round, and no round would be the last. What closes over
such variables stays behind, and is compared with what the round before left (:meth:`FixedPoints.leave`).

Two counters keep this apart. ``version`` grows with all that could be seen by something remembered, which then has to
be worked out again; ``learned`` does not count what only follows from the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from orchestra_nb.cells.effects.machine import Machine
from orchestra_nb.cells.effects.scopes import BIRTHS, Scope
from orchestra_nb.cells.effects.values import NOTHING, Value

LEAST_ALLOWANCE = 0.1
"""The part of the usual work that any cell may take, however many before it were too hard."""
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
    """In any round: what met it in an earlier one may be remembered in this, and then does not ask again."""


@dataclass(slots=True)
class Round:
    """A pass at hand: since when, and whether anything was learned in it."""

    began: int
    learned: bool = False


class FixedPoints(Machine):
    """Bounds the interpreter's work and finishes what comes upon itself."""

    drains = 0
    """Grows whenever an iterator advances."""

    def spend(self, steps: int = 1) -> None:
        """Count work: an expression, a call, an iteration, each hundred objects looked through.

        Everything that recurses counts itself, so no cell takes the analysis for ever, whatever fixed points meet.

        Raises
        ------
        TooMuchWork
            When the cell has used its share, or stands too deep for Python's own stack.
        """
        self.work += steps
        if self.work + self.heap.visited // 100 - self.visited > self.most_work or self.depth > DEEPEST:
            self.allowance = max(
                self.allowance / 2, LEAST_ALLOWANCE
            )  # what made one cell hard makes those after it hard
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
        key = (key, self.weak > 0, self.doubt > 0, self.trying > 0, self.turn, self.home)
        known = self.recall(key)
        if known is not None:
            remembered: Value = known
            return remembered
        running: Unsettled | None = self.unsettled.get(key)
        if running is not None:
            running.met = True
            return running.out
        running = self.unsettled[key] = Unsettled()
        before = self.so_far()
        try:
            with self.deeper(frames):
                self._repeat(running, once)
        finally:
            del self.unsettled[key]
        self.remember(key, before, running.out)
        return running.out

    def _repeat(self, running: Unsettled, once: Callable[[], Value]) -> None:
        while True:
            self.spend()
            with self.round() as this:
                out = running.out | once().plain
            grown = out != running.out
            running.out = out
            if not running.met or not (grown or this.learned):
                return
            self.renewals += grown  # what was worked out meanwhile, from less, no longer holds

    @contextmanager
    def round(self) -> Iterator[Round]:
        """A pass that is repeated for as long as something is learned in it."""
        this = Round(next(BIRTHS))
        before = self.heap.version + self.changes
        self.rounds.append(this)
        try:
            yield this
        finally:
            self.rounds.pop()
            this.learned = this.learned or self.heap.version + self.changes != before

    def bound(self, scope: Scope) -> None:
        """A name was bound to something else: news for those rounds to which the scope is not new.

        A scope that was left is changed through what closes over it, which may be met anywhere: that is always news.
        """
        if scope.kind == "module" or scope.left:
            self.changes += 1
            return
        self.renewals += scope.shared
        for this in reversed(self.rounds):
            if this.began < scope.born:
                break
            this.learned = True

    def leave(self, key: Hashable, scope: Scope) -> None:
        """A scope is done with. If something closes over it, it is news where it was left otherwise before."""
        if scope.shared:
            before = self.left.get(key)
            self.left[key] = dict(scope.names)
            self.changes += before != scope.names
            scope.left = True

    # -- what was worked out before ----------------------------------------------------------------------------------

    def so_far(self) -> tuple[frozenset[str], int, int]:
        """Where the cell stands in what :attr:`version` does not count."""
        return frozenset(self.own), self.hidden, self.drains

    def remember(self, key: Hashable, before: tuple[frozenset[str], int, int], out: Any) -> None:
        """Keep what something came to, and what else it did to the state since ``before``."""
        own, hidden, drains = before
        self.memo[key] = (self.version, own, self.own - own, self.hidden - hidden, self.drains - drains, out)

    def recall(self, key: Hashable) -> Any:
        """What something comes to, if nothing that it could see has changed; ``None`` if it may have.

        Names that the cell had bound already were not recorded as read; where they are not bound for certain now,
        they have to be.
        """
        known = self.memo.get(key)
        if known is None or known[0] != self.version or not known[1] <= self.own:
            return None
        self.own |= known[2]
        self.hidden += known[3]
        self.drains += known[4]
        return known[5]
