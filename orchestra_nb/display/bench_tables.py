"""The frames of sweeps and of their comparison: columns, kinds and meanings, as in :mod:`.tables`."""

from __future__ import annotations

from typing import get_args

from orchestra_nb.bench.verdicts import Verdict
from orchestra_nb.config import Policy, Schedule
from orchestra_nb.display.columns import Column, Table, category, count, flag, moment, number, seconds, text

ENDS = ("done", "failed")
"""How a measured run ended."""
_HOW = {
    "backend": text("what ran the nodes"),
    "schedule": category("when a node may begin", get_args(Schedule)),
    "policy": category("which of the ready nodes went first", get_args(Policy)),
}
_WHICH: dict[str, Column] = {"graph": text("what ran"), "jobs": count("how many nodes could run at once"), **_HOW}

SWEEP = Table(
    "sweep.frame",
    "run of a sweep, in the order in which they were made",
    {
        "number": count("its place in that order, from 1"),
        **_WHICH,
        "round": count("which repeat of its configuration, from 1; 0 and below are warm-up"),
        "warmup": flag("whether it does not count"),
        "status": category("how it ended", ENDS),
        "seconds": seconds("what it took, from its first decision to its last; missing where it failed"),
        "wall": seconds("what making it took in all, with the start of a kernel"),
        "work": seconds("all bodies together"),
        "bound": seconds("no schedule of these bodies on so many workers is shorter"),
        "utilization": number("share of the workers' time in which bodies ran", "0 to 1"),
        "nodes": count("how many ended well", "nodes"),
        "load_before": number("load of the machine when it began, over a minute"),
        "load_after": number("load of the machine when it ended, over a minute"),
        "at": seconds("when it began, since the sweep began"),
        "started_at": moment("`at` on the wall clock"),
        "error": text("why it failed"),
    },
)
SUMMARY = Table(
    "sweep.summary",
    "configuration of each graph, without warm-up",
    {
        **_WHICH,
        "n": count("how many ended well and are summed up", "runs"),
        "failed": count("how many failed and are left out", "runs"),
        "median": seconds("the median of their times"),
        "low": seconds("the lower end of an interval for the median of all such runs"),
        "high": seconds("its upper end"),
        "coverage": number("how sure that interval is", "0 to 1"),
        "spread": seconds("the median distance of times from their median (MAD)"),
        "speedup": number("how many times as long runs with one job take; missing where there are none"),
        "speedup_low": number("the lower end of an interval for that"),
        "speedup_high": number("its upper end"),
        "speedup_coverage": number("how sure that interval is", "0 to 1"),
        "efficiency": number("speed-up for each worker"),
        "karp_flatt": number("the serial fraction that the speed-up amounts to; missing for one job"),
        "work": seconds("the median of all bodies together"),
        "bound": seconds("the median of what no schedule of these bodies can beat"),
        "over_bound": number("`median` over `bound`: 1 cannot be beaten"),
        "utilization": number("the median share of the workers' time in which bodies ran", "0 to 1"),
    },
)
COMPARISON = Table(
    "bench.compare(before, after).frame",
    "configuration of each graph; before them all together, where there are several",
    {
        "graph": text("what ran; empty for all together"),
        "jobs": count("how many nodes could run at once", optional=True),
        **_HOW,
        "n_before": count("how many ended well", "runs"),
        "n_after": count("how many ended well", "runs"),
        "before": seconds("the median"),
        "after": seconds("the median"),
        "ratio": number("how many times as long it takes after"),
        "low": number("the lower end of an interval for that"),
        "high": number("its upper end"),
        "coverage": number("how sure that interval is, by itself", "0 to 1"),
        "p": number("how often chance would show as much, adjusted for how many comparisons there are", "0 to 1"),
        "detectable": number("the smallest ratio above 1 that would have been found four times in five"),
        "verdict": category("what follows", get_args(Verdict)),
    },
)
