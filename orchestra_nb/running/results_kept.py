"""What is kept of nodes' results between runs, at one moment: how many, and what they weigh."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from orchestra_nb.config import RunConfig
from orchestra_nb.context.disk import DiskStore
from orchestra_nb.running.recall import folder_of, is_result


@dataclass(frozen=True, slots=True)
class ResultsKept:
    """What is kept of results.

    Parameters
    ----------
    folder
        Where; empty: nowhere.
    results
        Results of nodes.
    entries, bytes
        Everything that is kept there, with what is remembered of keys and with values of the cache.
    """

    folder: str = ""
    results: int = 0
    entries: int = 0
    bytes: int = 0


def results_kept(config: RunConfig) -> ResultsKept:
    """Look at what runs of this config would find.

    Parameters
    ----------
    config
        Says where results are kept.

    Raises
    ------
    CacheError
        The folder cannot be used.

    Examples
    --------
    >>> results_kept(RunConfig(cache=False))
    ResultsKept(folder='', results=0, entries=0, bytes=0)
    """
    folder = folder_of(config)
    if not folder or not os.path.isdir(folder):
        return ResultsKept(folder)
    store = _opened(folder)
    found = store.statistics()
    return ResultsKept(folder, sum(map(is_result, store.keys())), found.entries, found.bytes)


@cache
def _opened(folder: str) -> DiskStore:
    return DiskStore(folder)
