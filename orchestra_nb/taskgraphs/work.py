"""Work for nodes that keeps a core busy: so much of it, and not for so long.

Policy: :func:`busy` multiplies small matrices, which releases the interpreter's lock, takes one core whatever the
library of linear algebra would like, and fits into the nearest cache. How many multiplications a second are is measured
once in a process, as CPU time of the thread, so that others on the machine do not count. From then on the work is
fixed: it takes longer where cores are shared or slow, as real work does, and the same work is done in every process it
is sent to. Rejected: sleeping (any number of sleeps fit on a core) and looking at the clock until the time is up (two
that share a core would both be done in time).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from time import thread_time

from orchestra_nb.errors import ConfigError
from orchestra_nb.taskgraphs.making import Facts

_SIDE = 64
"""Rows of a matrix: BLAS shares out larger ones among threads."""
_BATCH = 32
"""Matrices for one call, which takes about a millisecond."""


@dataclass(frozen=True, slots=True)
class Busy:
    """A function of nothing that multiplies matrices so many times; made by :func:`busy`.

    Parameters
    ----------
    products
        How often.

    Examples
    --------
    >>> Busy(3)()
    3
    """

    products: int

    def __call__(self) -> int:
        """Do the work; returns how many multiplications that were."""
        import numpy as np

        batch, one = np.full((_BATCH, _SIDE, _SIDE), 0.5), np.eye(_SIDE)
        room = np.empty_like(batch)
        for _ in range(self.products // _BATCH):
            np.matmul(batch, one, out=room)
        np.matmul(batch[: self.products % _BATCH], one)
        return self.products


def busy(seconds: float | Facts, *, rate: float | None = None) -> Busy:
    """Make work that takes a core of this machine so many seconds.

    As ``work=`` of a maker it gives each node work for the seconds it is expected to take.

    Parameters
    ----------
    seconds
        How long, or the facts of a node, whose cost says it.
    rate
        Multiplications of 64 by 64 numbers a second; ``None``: as measured, once in a process.

    Raises
    ------
    ConfigError
        Seconds below zero.

    Examples
    --------
    >>> busy(0.25, rate=1000)
    Busy(products=250)
    >>> from orchestra_nb import Pipeline, taskgraphs
    >>> dag = taskgraphs.fork_join(4, cost=0.001, work=taskgraphs.busy)
    >>> Pipeline(dag).run().success
    True
    """
    asked = seconds.cost if isinstance(seconds, Facts) else seconds
    if isinstance(asked, bool) or not isinstance(asked, int | float) or not 0 <= asked < 1e9:
        raise ConfigError(f"busy: seconds must be a number, zero or more, not {asked!r}")
    return Busy(round(asked * (measured_rate() if rate is None else rate)))


@cache
def measured_rate(clock: Callable[[], float] = thread_time) -> float:
    """How many multiplications a second this machine makes on one core; measured at the first call.

    Parameters
    ----------
    clock
        Seconds of CPU time of the calling thread.

    Examples
    --------
    >>> ticks = iter(range(100))
    >>> measured_rate(lambda: next(ticks))
    512.0
    """
    work = Busy(16 * _BATCH)
    work()  # the first time, libraries are loaded and memory is fetched
    best = 0.0
    for _ in range(5):
        began = clock()
        work()
        took = clock() - began
        if took > 0:
            best = max(best, work.products / took)
    return best or 1e5
