"""What an engine counts: the snapshots of its parts, side by side."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from orchestra_nb.context.metrics import CacheMetrics
from orchestra_nb.presentation import Bundle, Presented
from orchestra_nb.progress.stats import ProgressStats
from orchestra_nb.recovery.statistics import RecoveryStats
from orchestra_nb.resources.statistics import ResourceStats

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class EngineCacheMetrics(CacheMetrics):
    """How an engine's cache did; hits and misses are those by key together with those of nodes.

    Parameters
    ----------
    node_hits, node_misses
        Nodes that had their result from an earlier run, and those that were looked up in vain.

    Examples
    --------
    >>> counted = EngineCacheMetrics.of(CacheMetrics(hits=1, misses=1), node_hits=2, node_misses=0)
    >>> counted.hits, counted.hit_rate, counted.node_hits
    (3, 0.75, 2)
    """

    node_hits: int = 0
    node_misses: int = 0

    @classmethod
    def of(cls, counted: CacheMetrics, node_hits: int, node_misses: int) -> EngineCacheMetrics:
        """Add what nodes were looked up to what a cache was asked by key.

        Examples
        --------
        >>> EngineCacheMetrics.of(CacheMetrics(hits=1), node_hits=2, node_misses=1).misses
        1
        """
        given = {each.name: getattr(counted, each.name) for each in fields(CacheMetrics)}
        given |= {"hits": counted.hits + node_hits, "misses": counted.misses + node_misses}
        return cls(**given, node_hits=node_hits, node_misses=node_misses)


@dataclass(frozen=True, slots=True)
class EngineStats(Presented):
    """All parts of an engine at one moment.

    Examples
    --------
    >>> from orchestra_nb import OrchestrationEngine
    >>> engine = OrchestrationEngine()
    >>> engine.cache.set("answer", 42)
    >>> stats = engine.statistics()
    >>> stats.cache.entries, stats.progress.percent, stats.recovery.sagas
    (1, 0.0, 0)
    """

    progress: ProgressStats
    cache: CacheMetrics
    resources: ResourceStats
    recovery: RecoveryStats

    @property
    def frame(self) -> pd.DataFrame:
        """The numbers of all parts, as a tidy frame: part, item, measure, value.

        Examples
        --------
        >>> from orchestra_nb import OrchestrationEngine
        >>> engine = OrchestrationEngine()
        >>> engine.cache.set("answer", 42)
        >>> engine.statistics().frame.query("part == 'cache' and measure == 'entries'").value.item()
        1.0
        """
        from orchestra_nb.display.overview import overview_frame

        return overview_frame({**self._parts(), "circuits": self.recovery.circuits})

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        from orchestra_nb.display.overview import overview

        return overview(self._parts())

    def _parts(self) -> dict[str, Presented]:
        return {each.name: getattr(self, each.name) for each in fields(self)}
