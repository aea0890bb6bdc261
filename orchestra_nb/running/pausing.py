"""A run that somebody has paused: what goes on meanwhile, what waits, and what does not count.

State in, decisions out, as all of :class:`.Driver`. A pause is a gate in one place: nothing is *begun* behind it.

* **What waits.** No attempt begins: no body, no look for an earlier result, no other try of what has rested, no second
  beginning of what lost its worker. What has become ready stays in the plan, untouched: no condition is asked and no
  outcome of an earlier run is taken over, for both run code of the user or put values into a namespace, and who has
  paused a run wants to look at it as it stands. So a node that has become ready meanwhile is not queued either, and its
  wait for a worker begins when the run goes on.
* **What goes on.** Bodies that run go on to their end, under their own timeouts, and are committed. What follows from
  an end without beginning anything is told at once: levels that are complete, nodes that will not run because another
  failed. A run of which nothing is left ends, paused or not.
* **What does not count.** The time of the run's own timeout, and the silence after which a run says whom it waits for.
* **Locks.** What running nodes hold they keep, and so does a node that rests with its locks (``keep_locks``). Nobody
  takes more: who waits in a queue that others share is taken out of it, so that it is not granted there what it would
  only keep from others. It asks again when the run goes on, behind those who have come meanwhile.
* **Stops** end the pause. So each :class:`.RunPaused` is followed by one :class:`.RunUnpaused`, before the run's end.

Failure: none. Pausing what is paused, stopped or over changes nothing, nor does going on with what is not paused.

Rejected: to stop what runs and begin it again (it may have done half of something); to ask conditions meanwhile (a node
could then be skipped for what the user is just about to correct); to keep the turn in a shared queue (a queue whose
first does not want its turn holds up everybody behind it).
"""

from __future__ import annotations

from orchestra_nb.events import RunPaused, RunUnpaused
from orchestra_nb.running.attempts import Attempts
from orchestra_nb.running.decisions import Stopped


class Pausing(Attempts):
    """The attempts of a run that can be held up."""

    @property
    def paused(self) -> bool:
        """Whether nothing begins until :meth:`.Driver.unpause`."""
        return self._paused_at is not None

    @property
    def paused_for(self) -> float:
        """Seconds in all pauses that are over."""
        return self._paused_for

    @property
    def _limit(self) -> float | None:
        """When the run's time is up, as far as is known now."""
        if self._terms.timeout is None or self.stopped or self._paused_at is not None:
            return None
        return self._terms.timeout + self._paused_for

    def _hold(self, reason: str, now: float) -> None:
        """Begin nothing from now on."""
        if self._paused_at is None and not self.stopped and not self._plan.done:
            self._paused_at = now
            self.places.recall()
            self._out.append(RunPaused(now, reason))

    def _go_on(self, now: float) -> None:
        """End the pause, if there is one."""
        if self._paused_at is None:
            return
        seconds = now - self._paused_at
        self._paused_at, self._heard_at = None, now
        self._paused_for += seconds
        self._out.append(RunUnpaused(now, seconds))

    def _halt(self, how: Stopped, reason: str, now: float) -> None:
        if not self.stopped and not self._plan.done:
            self._go_on(now)
        super()._halt(how, reason, now)
