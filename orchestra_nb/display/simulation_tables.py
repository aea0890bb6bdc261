"""The frames of simulations: their columns, what each means, its kind and unit; beside those of :mod:`.tables`."""

from __future__ import annotations

from typing import get_args

from orchestra_nb.display.columns import Table, category, count, flag, number, seconds, text
from orchestra_nb.model import Status
from orchestra_nb.running.seams import Lane
from orchestra_nb.simulation.waits import WaitKind, Why

SCHEDULE = Table(
    "simulate(dag, 2).frame",
    "attempt at a node of a simulated schedule, by start",
    {
        "node": text("its name"),
        "worker": count("which worker, from 0; on the event loop, from the number of workers on"),
        "start": seconds("when it begins"),
        "end": seconds("when it ends"),
        "seconds": seconds("what it takes"),
        "queued": seconds("since when it could have begun"),
        "lock_wait": seconds("how long it waited for resources before it began"),
        "waited_for": text("the resource that it waited for last"),
        "held_by": text("who let it in at last, as `a, b`"),
        "attempt": count("which attempt at the node, from 1"),
        "status": category("how it ended", get_args(Status)),
        "reason": text("why it failed or was cancelled"),
        "lane": category("where it ran", get_args(Lane)),
        "critical": flag("whether its node is on the longest way through the graph"),
    },
)
WAITS = Table(
    "simulate(dag, 2).waits.frame",
    "time that an attempt waited, by the start of the attempt",
    {
        "node": text("who"),
        "kind": category(
            "for what: the barrier of its level, the end of its rest, a worker, what a resource holds, or a rate",
            get_args(WaitKind),
        ),
        "start": seconds("from when on"),
        "end": seconds("until when"),
        "seconds": seconds("how long"),
        "resource": text("which one, of a lock or a rate"),
        "held_by": text("who let it in at last, as `a, b`; of a rate, whose turn had left its window"),
        "attempt": count("before which attempt"),
    },
)
GAPS = Table(
    "simulate(dag, 2).gaps.frame",
    "time that a worker was idle, by worker and time",
    {
        "worker": count("which, from 0"),
        "start": seconds("from when on"),
        "end": seconds("until when"),
        "seconds": seconds("how long"),
        "why": category(
            "what the next node was doing: what it needs had not ended, its barrier, its rest, a lock, a rate; or "
            "nothing came any more",
            get_args(Why),
        ),
        "node": text("that node"),
        "resource": text("which one, of a lock or a rate"),
    },
)
MANY = Table(
    "simulate_many(dag, 2).frame",
    "simulated run, by its seed",
    {
        "seed": count("its seed"),
        "makespan": seconds("until everything had ended"),
        "span": seconds("the longest way by what nodes took"),
        "utilization": number("share of the workers' time spent on nodes, from 0 to 1"),
        "success": flag("whether every node ended well"),
    },
)
CRITICALITY = Table(
    "simulate_many(dag, 2).nodes",
    "node, in document order",
    {
        "node": text("its name"),
        "criticality": number("share of the runs in which it was on the longest way, from 0 to 1"),
        "seconds": seconds("what it took on the average, all attempts together"),
    },
)
WHAT_IF = Table(
    "what_if(run, workers=4).frame",
    "node, by its start as it was; then those that only one of the two has",
    {
        "node": text("its name"),
        "seconds_before": seconds("what it took, all attempts together"),
        "seconds_after": seconds("what it would take"),
        "start_before": seconds("when it began"),
        "start_after": seconds("when it would begin"),
        "end_before": seconds("when it ended"),
        "end_after": seconds("when it would end"),
        "critical_before": flag("whether it was on the longest way"),
        "critical_after": flag("whether it would be"),
    },
)
SIMULATION = (SCHEDULE, WAITS, GAPS, MANY, CRITICALITY, WHAT_IF)
