"""The frames of labs: their columns, what each means, its kind and unit (see :mod:`orchestra_nb.display.tables`)."""

from __future__ import annotations

from typing import get_args

from orchestra_nb.display.columns import Table, category, count, flag, seconds, text
from orchestra_nb.labs.lock_moments import Kind
from orchestra_nb.labs.storm import RESULTS

_STATES = ("closed", "half-open", "open")
_WHATS = ("begins", "probes", "is refused", "succeeds", "fails")

DEADLOCK_LAB = Table(
    "deadlock_lab(script).frame",
    "event of a deadlock lab",
    {
        "at": seconds("on the virtual clock"),
        "owner": text("who acted; empty at the beginning and at the end"),
        "what": category("what happened", get_args(Kind)),
        "told": text("the same in words"),
        "held": text("who holds what then, as `anna: db and 2 of gpu; ben: disk`"),
        "waiting": text("who waits for what"),
        "can_finish": text("who can finish, in the order of the reduction"),
        "stuck": text("who cannot, whoever else does"),
        "circle": text("a circle of waits, whether that is a deadlock or not"),
        "victim": text("who gives way"),
    },
)
BREAKER_LAB = Table(
    "breaker_lab(calls).frame",
    "event of a breaker lab",
    {
        "at": seconds("on the virtual clock"),
        "call": count("the number of the call"),
        "what": category("what it did", _WHATS),
        "state": category("of the circuit then", _STATES),
        "failures_in_a_row": count("of a closed circuit, up to then", "calls"),
        "retry_after": seconds("until the rest of an open circuit is over; else 0"),
        "succeeded": count("so far", "calls"),
        "failed": count("so far", "calls"),
        "late": count("that ended after the circuit had changed, and did not count", "calls"),
        "rejected": count("so far", "calls"),
        "opened": count("how often it has opened"),
        "told": text("what happened, in words"),
    },
)
RETRY_LAB = Table(
    "retry_lab(policy).frame",
    "attempt of a retry lab, of all that is compared",
    {
        "storm": text("what is special about it, as `jitter 0.5`"),
        "client": count("whose"),
        "attempt": count("which of its attempts"),
        "at": seconds("on the virtual clock"),
        "result": category("how it ended", RESULTS),
        "rest": seconds("until the client's next attempt, where there is one"),
        "gave_up": flag("whether it failed and was the last one"),
    },
)
LABS = (DEADLOCK_LAB, BREAKER_LAB, RETRY_LAB)
"""Every frame of a lab."""
