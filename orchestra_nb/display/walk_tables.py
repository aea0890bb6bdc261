"""The frame of a schedule that is walked through: its columns."""

from __future__ import annotations

from orchestra_nb.display.columns import Table, count, seconds, text

WALK = Table(
    "step_through(dag, 2).frame",
    "step of a schedule that is walked through: per time at which anything happens",
    {
        "step": count("which step, from 1"),
        "at": seconds("when it is, since the run began"),
        "happened": text("what happened then, in words"),
        "begun": count("nodes that begin then"),
        "first": text("the node that is looked at first; empty where none could begin"),
        "ready": count("nodes that could begin, and have no worker"),
        "running": count("nodes that run from then on"),
        "waiting": count("nodes that wait for a resource"),
        "resting": count("nodes that failed, and rest before another attempt"),
        "done": count("nodes that have ended well by then"),
        "failed": count("nodes that have failed or were cancelled by then"),
        "skipped": count("nodes that were skipped by then"),
        "levels": count("levels that are complete"),
    },
)
