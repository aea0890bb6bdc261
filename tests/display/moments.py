"""Runs as their events tell them, for tests of what is drawn of them."""

from __future__ import annotations

from hypothesis import strategies as st

from orchestra_nb.eventlog.reading import LoggedRun
from orchestra_nb.events import NodeEnded, NodeQueued, NodeRetrying, NodeStarted, RunEnded, RunStarted
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.model import Node, Outcome
from orchestra_nb.replay import RunReplay


def replay_of(dag, *events):
    """A run with these events."""
    return RunReplay(LoggedRun(DagBuilt(0.0, "r", "", dag), tuple(events), tuple(range(2, len(events) + 2))))


@st.composite
def runs(draw):
    """A run of up to a dozen nodes that need nothing, in any order of what may happen, on any lanes.

    Times are small whole numbers, so that much happens at one moment.
    """
    count = draw(st.integers(1, 12))
    names = [f"n{i}" for i in range(count)]
    events, now = [RunStarted(0.0, count, 3, "threading")], 0.0
    waiting, queued, running, rested = list(names), [], {}, {}
    while waiting or queued or running:
        now += draw(st.sampled_from((0, 0, 1, 2)))
        choices = [name for name, have in (("queue", waiting), ("start", queued), ("go on", running)) if have]
        what = draw(st.sampled_from(choices))
        if what == "queue":
            node = waiting.pop(draw(st.integers(0, len(waiting) - 1)))
            queued.append(node)
            events.append(NodeQueued(now, node))
        elif what == "start":
            node = queued.pop(draw(st.integers(0, len(queued) - 1)))
            running[node] = now
            events.append(NodeStarted(now, node, draw(st.sampled_from(("thread", "process", "async", "main")))))
        else:
            node = draw(st.sampled_from(sorted(running)))
            if rested.get(node, 0) < 2 and draw(st.booleans()):
                delay = draw(st.integers(0, 3))
                rested[node] = rested.get(node, 0) + 1
                events.append(NodeRetrying(now, node, rested[node], float(delay), "no"))
                running[node] = now + delay
                continue
            began = running.pop(node)
            started = min(now, began + draw(st.sampled_from((0.0, 0.25))))
            status = draw(st.sampled_from(("done", "failed", "cancelled", "cached")))
            attempts = rested.get(node, 0) + 1
            events.append(
                NodeEnded(now, Outcome(node, status, started=started, ended=now, attempts=attempts, worker="w"))
            )
    events.append(RunEnded(now, True))
    return replay_of(DAG([Node(name) for name in names]), *events)
