"""Frozen snapshots of a run's progress: what views, sinks, tests and bug reports read."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from orchestra_nb.model import NodeId
from orchestra_nb.presentation import Presented
from orchestra_nb.progress.eta import NOTHING, Estimate
from orchestra_nb.progress.state import STANDINGS, Progress, Standing


@dataclass(frozen=True, slots=True)
class Counts:
    """How many nodes stand how."""

    pending: int = 0
    in_progress: int = 0
    completed: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(getattr(self, standing) for standing in STANDINGS)

    @property
    def done(self) -> int:
        """Those that have ended, one way or another."""
        return self.total - self.pending - self.in_progress


@dataclass(frozen=True, slots=True)
class PhaseStats:
    """How the nodes of one phase stand; ``phase`` is empty for nodes that have none."""

    phase: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class SinkStats:
    """What a sink has been given.

    Parameters
    ----------
    name
        What it calls itself.
    delivered
        How many states it took.
    failures
        How many it refused, by raising.
    error
        What it raised last, in words.
    """

    name: str
    delivered: int
    failures: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class ProgressStats(Presented):
    """How far a run is.

    Parameters
    ----------
    name
        Of the run.
    percent
        From 0 to 100: never less than before, and 100 exactly when the run has ended.
    counts
        Of all nodes.
    elapsed
        Seconds since it began, until it ended.
    eta
        Seconds until its end, as an interval.
    over
        Whether it has ended.
    active
        Names of the nodes that run now, in the order of their start.
    phases
        The same counts for each phase, in the order in which they first occur.
    sinks
        What has been delivered.
    paused
        Whether nothing begins, because somebody has paused the run; ``eta`` is then from when it goes on.

    Examples
    --------
    >>> stats = ProgressStats("today", 50.0, Counts(pending=1, completed=1), 3.0)
    >>> stats.total, stats.pending, stats.running, stats.completed, stats.failed
    (2, 1, 0, 1, 0)
    """

    name: str
    percent: float
    counts: Counts
    elapsed: float
    eta: Estimate = NOTHING
    over: bool = False
    active: tuple[NodeId, ...] = ()
    phases: tuple[PhaseStats, ...] = ()
    sinks: tuple[SinkStats, ...] = ()
    paused: bool = False

    @property
    def total(self) -> int:
        """How many nodes there are.

        Examples
        --------
        >>> counts = Counts(pending=4, in_progress=3, completed=2, failed=1)
        >>> ProgressStats("today", 30.0, counts, elapsed=3.0).total
        10
        """
        return self.counts.total

    @property
    def pending(self) -> int:
        """How many have not started.

        Examples
        --------
        >>> counts = Counts(pending=4, in_progress=3, completed=2, failed=1)
        >>> ProgressStats("today", 30.0, counts, elapsed=3.0).pending
        4
        """
        return self.counts.pending

    @property
    def running(self) -> int:
        """How many run now.

        Examples
        --------
        >>> counts = Counts(pending=4, in_progress=3, completed=2, failed=1)
        >>> ProgressStats("today", 30.0, counts, elapsed=3.0).running
        3
        """
        return self.counts.in_progress

    @property
    def completed(self) -> int:
        """How many have ended well.

        Examples
        --------
        >>> counts = Counts(pending=4, in_progress=3, completed=2, failed=1)
        >>> ProgressStats("today", 30.0, counts, elapsed=3.0).completed
        2
        """
        return self.counts.completed

    @property
    def failed(self) -> int:
        """How many have failed.

        Examples
        --------
        >>> counts = Counts(pending=4, in_progress=3, completed=2, failed=1)
        >>> ProgressStats("today", 30.0, counts, elapsed=3.0).failed
        1
        """
        return self.counts.failed

    def as_mapping(self) -> dict[str, Any]:
        """Say the same in what JSON knows.

        Examples
        --------
        >>> told = ProgressStats("today", 50.0, Counts(pending=1, completed=1), elapsed=3.0).as_mapping()
        >>> told["percent"], told["counts"]["completed"]
        (50.0, 1)
        """
        return asdict(self)


def stats_of(
    progress: Progress, name: str, elapsed: float, eta: Estimate, sinks: tuple[SinkStats, ...]
) -> ProgressStats:
    """Take a snapshot."""
    ids = progress.dag.table.ids
    named = [node.phase or "" for node in progress.dag.nodes.values()]
    phases: dict[str, dict[Standing, int]] = {phase: {} for phase in dict.fromkeys(named)}
    if len(phases) == 1:
        phases[named[0]] = progress.counts
    else:
        for (phase, standing), number in Counter(zip(named, progress.standings, strict=True)).items():
            phases[phase][standing] = number
    return ProgressStats(
        name=name,
        percent=progress.percent,
        counts=Counts(**progress.counts),
        elapsed=elapsed,
        eta=eta,
        over=progress.over,
        active=tuple(ids[i] for i in progress.running),
        phases=tuple(PhaseStats(phase, Counts(**counts)) for phase, counts in phases.items()),
        sinks=sinks,
        paused=progress.paused_at is not None,
    )
