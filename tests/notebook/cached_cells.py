"""Runs of cells that all say ``cache``, with what they keep in memory, as bytes: no run gets another's objects."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.fingerprint import fingerprint
from orchestra_nb.cells.inference import cell_dag
from orchestra_nb.cells.settings import NodeSettings
from orchestra_nb.config import RunConfig
from orchestra_nb.context.content import content_digest
from orchestra_nb.events import EventBus
from orchestra_nb.notebook.program import CellProgram, run_cells
from orchestra_nb.running.recall import Recall, open_recall
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.scheduler import ParallelScheduler


class BytesStore:
    """Keeps results as pickles."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.ttls: dict[str, float | None] = {}

    def get(self, key: str) -> Any:
        return SimpleNamespace(value=pickle.loads(self.held[key])) if key in self.held else None

    def put(self, key: str, value: Any, ttl: float | None = None) -> bool:
        self.held[key] = pickle.dumps(value)
        self.ttls[key] = ttl
        return True


@dataclass
class Ran:
    """What one run left."""

    result: RunResult
    namespace: dict[str, Any]
    missed: Mapping[str, str]

    @property
    def status(self) -> dict[str, str]:
        return {name: outcome.status for name, outcome in self.result.outcomes.items()}

    @property
    def said(self) -> dict[str, list[Any]]:
        """What each cell printed and showed."""
        return {name: [_said(output) for output in o.outputs] for name, o in self.result.outcomes.items()}

    @property
    def digests(self) -> dict[str, str]:
        own = {name: value for name, value in self.namespace.items() if not name.startswith("__")}
        return {name: fingerprint(value) for name, value in own.items()}


@dataclass
class Notebook:
    """Runs cells again and again, as often as somebody edits them, with one store."""

    cache: bool | float = True
    folder: str = ""
    """Where results are kept instead, for runs in processes."""
    store: BytesStore = field(default_factory=BytesStore)

    def run(self, sources: Sequence[str], namespace: dict[str, Any] | None = None, **config: Any) -> Ran:
        cells = [Cell(n, source, NodeSettings(cache=self.cache)) for n, source in enumerate(sources, 1)]
        recall = Recall(lambda: self.store, content_digest) if self.cache else None
        if self.folder:
            recall = open_recall(RunConfig(cache=self.folder), ())
        missed: dict[str, str] = {}
        bus = EventBus()
        bus.on("cache:node-missed", lambda event: missed.update({event.node: event.reason}))
        space = {"__name__": "__main__"} if namespace is None else namespace
        dag = cell_dag(cells, {name: value for name, value in space.items() if not name.startswith("__")})
        scheduler = ParallelScheduler(RunConfig(**{"jobs": 3, "history": False, **config}), bus)
        result = run_cells(dag, CellProgram(dag, space, None, 0.0, recall), scheduler)
        return Ran(result, space, missed)


def plain(sources: Sequence[str], **config: Any) -> Ran:
    """Run cells one after the other, with nothing kept."""
    return Notebook(cache=False).run(sources, **{"jobs": 1, "policy": "fifo", **config})


def _said(output: Mapping[str, Any]) -> Any:
    return output.get("text") or output.get("data") or (output.get("ename"), output.get("evalue"))


@contextmanager
def global_random_states_kept() -> Iterator[None]:
    """Leave the random states of this process as they were."""
    import random

    import numpy as np

    before, numpy_before = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(numpy_before)
