"""Runs of cells that are cut short and gone on with, in this process: each resume has a namespace of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

from orchestra_nb.cells.fingerprint import fingerprint
from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.config import RunConfig
from orchestra_nb.durable.facts import Ended, Head
from orchestra_nb.durable.runs import Runs, new_run_id
from orchestra_nb.events import EventBus
from orchestra_nb.model import Node, Outcome
from orchestra_nb.notebook.cell_checkpoint import CellCheckpoint
from orchestra_nb.notebook.code import codes_of
from orchestra_nb.notebook.lineage import known_of
from orchestra_nb.notebook.program import CellProgram, run_cells
from orchestra_nb.notebook.resuming import plan_of
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.scheduler import ParallelScheduler
from orchestra_nb.running.seams import Lane, Reply, Task


@dataclass
class Ran:
    """What one run left."""

    result: RunResult
    namespace: dict[str, Any]
    missed: dict[str, str]
    told: dict[str, str]
    """What the plan said of each cell."""
    checkpoint: CellCheckpoint

    @property
    def status(self) -> dict[str, str]:
        return {name: outcome.status for name, outcome in self.result.outcomes.items()}

    @property
    def said(self) -> dict[str, list[Any]]:
        return {name: [_said(output) for output in o.outputs] for name, o in self.result.outcomes.items()}

    @property
    def digests(self) -> dict[str, str]:
        own = {name: value for name, value in self.namespace.items() if not name.startswith("__")}
        return {name: fingerprint(value) for name, value in own.items()}


class CutShort(CellProgram):
    """Runs cells until so many have ended; then none begins, as in a process that is gone by then."""

    left: int | None = None

    def task(self, node: Node, lane: Lane) -> Task:
        if self.left is None or self.left > 0:
            return super().task(node, lane)
        gone = Reply("failed", ename="Gone", evalue="the process is gone")
        return cast(Task, partial(_awaited, gone)) if lane == "async" else lambda: gone

    def ended(self, node: Node, outcome: Outcome) -> None:
        super().ended(node, outcome)
        if self.left is not None and outcome.status != "failed":
            self.left -= 1


async def _awaited(reply: Reply) -> Reply:
    return reply


@dataclass
class Story:
    """One notebook that is run, cut short, edited, and gone on with."""

    folder: Path
    everything: bool = True
    run_id: str = ""
    runs: Runs = field(init=False)

    def __post_init__(self) -> None:
        self.runs = Runs(self.folder / "store", durable=False)

    def begin(self, sources: Sequence[str], cut: int | None = None, **config: Any) -> Ran:
        """Run it anew, until so many cells have ended; ``None``: all."""
        dag = _dag(sources)
        nodes = {str(name): digest for name, digest in known_of(dag)[0].items()}
        head = Head(new_run_id(), "notebook", "/home/ann/story.ipynb", nodes=nodes, started=time.time())
        journal = self.runs.begin(head)
        self.run_id = str(journal.run_id)
        return self._run(dag, journal, cut, {}, config)

    def resume(self, sources: Sequence[str], cut: int | None = None, **config: Any) -> Ran:
        """Go on with it, in a namespace that has nothing yet."""
        dag = _dag(sources)
        plan = plan_of(dag, self.runs, self.run_id)
        journal = self.runs.resume(self.run_id)
        journal.go_on(time.time())
        told = {name: verdict.told for name, verdict in plan.verdicts.items()}
        return self._run(dag, journal, cut, plan.taken, config, told)

    def _run(self, dag: Any, journal: Any, cut: int | None, taken: Any, config: Any, told: Any = None) -> Ran:
        bus, missed = EventBus(), {}
        bus.on("cache:node-missed", lambda event: missed.update({event.node: event.reason}))
        space: dict[str, Any] = {"__name__": "__main__"}
        codes = codes_of(dag)
        checkpoint = CellCheckpoint(dag, codes, space, known_of(dag), journal, taken, everything=self.everything)
        config = {"jobs": 3, "history": False, "keep_going": cut is None, **config}
        scheduler = ParallelScheduler(RunConfig(**config), bus)
        program = CutShort(dag, space, None, 0.0, None, checkpoint)
        program.left = cut
        try:
            result = run_cells(dag, program, scheduler)
            if result.success and not checkpoint.trouble:
                journal.append(Ended(True))
        finally:
            journal.close()
        return Ran(result, space, missed, told or {}, checkpoint)


def plain(sources: Sequence[str]) -> Ran:
    """Run cells one after the other, with nothing stored."""
    dag, space = _dag(sources), {"__name__": "__main__"}
    scheduler = ParallelScheduler(RunConfig(jobs=1, policy="fifo", history=False))
    return Ran(run_cells(dag, CellProgram(dag, space), scheduler), space, {}, {}, None)  # type: ignore[arg-type]


def _dag(sources: Sequence[str]) -> Any:
    return Notebook.from_sources(list(sources)).dag


def _said(output: Any) -> Any:
    return output.get("text") or output.get("data") or (output.get("ename"), output.get("evalue"))
