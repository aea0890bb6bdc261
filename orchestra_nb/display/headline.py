"""How a run went, in one line: did it work, and how long did it take."""

from __future__ import annotations

from orchestra_nb.display.looks import LOOKS, tally
from orchestra_nb.display.wording import clean, count, duration
from orchestra_nb.running.result import RunResult


def headline(result: RunResult) -> str:
    """Say how a run went, in one line."""
    statuses = [outcome.status for outcome in result.outcomes.values()]
    counted = ", ".join(f"{number:,} {status}" for status, number in tally(statuses))
    how = "done" if result.success else (clean(result.stopped) or "failed")
    took = duration(result.total_time) + (f" (paused for {duration(result.paused)})" if result.paused else "")
    mark = LOOKS["done" if result.success else "cancelled" if result.stopped else "failed"].mark
    return (
        f"{mark} {how}: {count(len(statuses), 'node')} ({counted or 'nothing to do'}) in {took}"
        f" · lower bound {duration(result.lower_bound)} · speed-up {result.speedup:.2f}"
        f" · jobs={result.jobs} · {clean(result.backend)}"
    )
