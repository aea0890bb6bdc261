"""What a run's events tell: the pure fold that a progress display, a log's reader or a resumed session would do.

A node is queued, started and ended, once each and in this order; what it does between its start and its end (attempts
after a worker's death, the end of a rest) is not told. The shell makes ``NodeStarted`` of a first attempt and
``NodeEnded`` of an outcome; the driver's laws hold the fold to the driver's own state after every step.
"""

from __future__ import annotations

from collections import Counter

from orchestra_nb.events import (
    GraphGrown,
    LevelEnded,
    NodeEnded,
    NodeQueued,
    NodeRetrying,
    NodeStarted,
    RunEnded,
    RunPaused,
    RunStarted,
    RunUnpaused,
)


class Told:
    """What somebody knows of a run who only reads its events: a fold, one event after the other."""

    def __init__(self):
        self.at, self.total, self.levels, self.success = 0.0, None, 0, None
        self.queued, self.begun, self.tries, self.ended = {}, {}, Counter(), {}
        self.joined = set()
        self.paused_at, self.paused_for = None, 0.0

    def hear(self, event):
        assert event.at >= self.at, "time went back"
        assert self.success is None or isinstance(event, RunEnded), "something happened after the end"
        self.at = event.at
        if isinstance(event, NodeQueued):
            assert self.paused_at is None, "queued in a pause"
            assert event.node not in self.queued, "queued twice"
            assert event.node not in self.ended, "queued after its end"
            self.queued[event.node] = event.at
        elif isinstance(event, RunPaused):
            assert self.total is not None, "paused before it started"
            assert self.paused_at is None, "paused twice"
            self.paused_at = event.at
        elif isinstance(event, RunUnpaused):
            assert self.paused_at is not None, "went on without a pause"
            assert event.seconds == event.at - self.paused_at
            self.paused_at, self.paused_for = None, self.paused_for + event.seconds
        elif isinstance(event, NodeStarted):
            assert self.paused_at is None, "it started in a pause"
            assert event.node in self.queued, "it started before it was queued"
            assert event.node not in self.begun, "it started twice"
            assert event.node not in self.ended, "it started after its end"
            self.begun[event.node] = event.lane
            self.tries[event.node] = 1
        elif isinstance(event, NodeEnded):
            assert event.outcome.node not in self.ended, "a second end"
            self.ended[event.outcome.node] = event.outcome
        elif isinstance(event, NodeRetrying):
            assert event.attempt == self.tries[event.node], "an attempt was not counted"
            self.tries[event.node] += 1
        elif isinstance(event, RunStarted):
            assert self.total is None, "it started twice"
            self.total = event.total
        elif isinstance(event, LevelEnded):
            assert event.level == self.levels, "a level was left out"
            self.levels += 1
        elif isinstance(event, GraphGrown):
            self.total += len(event.nodes)
            assert self.joined.isdisjoint(event.nodes), "it joined twice"
            assert not self.ended.keys() & set(event.nodes), "it ended before it joined"
            self.joined |= set(event.nodes)
        elif isinstance(event, RunEnded):
            assert self.success is None, "it ended twice"
            assert self.paused_at is None, "it ended in a pause"
            self.success = event.success

    @property
    def waiting(self):
        """Nodes that wait for a place, before their first attempt."""
        return self.queued.keys() - self.begun.keys() - self.ended.keys()

    @property
    def busy(self):
        """Nodes that have begun and not ended: they run, rest, or wait to run again."""
        return self.begun.keys() - self.ended.keys()
