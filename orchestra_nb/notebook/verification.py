"""The proof in kernels: each trial in a fresh one, each in the same fresh copy of the notebook's folder.

What is tried and what follows from it is decided in :mod:`orchestra_nb.cells.verification`; here trials become runs of
the file, runs become records, and the whole becomes one object for machines, from which
:mod:`orchestra_nb.display.proof` makes the text.

Failure: a notebook whose linear run fails proves nothing, and says so; if it fails in the copied folder only (it may
look for a path from the folder's real place), everything is done again in the folder itself. A trial whose kernel dies
differs. An interrupt ends the proof, for half of one proves nothing; during the search, it ends the search only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestra_nb.cells.comparison import Difference, RunRecord, opaque_names
from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.cells.search import MissingEdge, Suspect
from orchestra_nb.cells.suspicion import Suspicion
from orchestra_nb.cells.trials import BACKENDS, Trial, TrialPlan, plan_trials
from orchestra_nb.cells.verification import SEARCH_RUNS, TrialResult, Verification, verify
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import BackendError, ComparisonError, NodeFailed
from orchestra_nb.model import Outcome
from orchestra_nb.notebook.file_run import HeadlessRun, run_file
from orchestra_nb.notebook.folders import Workplace, workplace
from orchestra_nb.planning.variation import Variation
from orchestra_nb.running.backends import resolve
from orchestra_nb.running.run_records import edge_record

Listener = Callable[[Mapping[str, Any]], object]
Pairs = Iterable[tuple[str, str]]
_MOST_SUSPECTS = 10
RUN_STARTED = "verification:run-started"
RUN_ENDED = "verification:run-ended"


def verify_file(
    path: str | Path | Notebook,
    config: RunConfig | None = None,
    runs: int = 5,
    on_event: Listener | None = None,
    without: Pairs = (),
) -> Mapping[str, Any]:
    """Compare a linear run of a notebook with others, and name the edges that are missing where they differ.

    Parameters
    ----------
    path
        The notebook: a file, or one that has been read.
    config
        Jobs (at most; two and more are tried), backend (threads and processes by turns when not given), timeout, and
        the seed of the orders.
    runs
        How many runs to compare with the linear one.
    on_event
        Called when each run starts and ends, with a mapping that has its ``name``.
    without
        Edges to leave out of the graph, as pairs of node ids: how the proof itself is tested.

    Returns
    -------
    mapping
        ``equal``; ``runs``, one entry each; ``differences``, each with ``kind``, ``where``, ``message``, ``run`` and
        what both sides have there; ``missing_edges``, ``suspects``, ``in_document_order`` and ``unsteady``, which say
        what the search for causes found, and ``search``, what it took; ``pairs``, how many pairs of cells the graph
        leaves unordered and how many of them ran the other way round; ``backwards``, the pairs that an ``after`` turns
        round against the document; ``noise``, what differs between two linear runs; ``opaque``, the names that could
        only be compared by type; ``folder``, ``"copied"`` or ``"shared"``.

    Raises
    ------
    ComparisonError
        The linear run failed.
    DefinitionError, BackendError
        The file or the backend cannot be used; nothing has run.
    KeyboardInterrupt
        The proof was interrupted.
    """
    config = config if config is not None else RunConfig()
    resolve(config)
    notebook = path if isinstance(path, Notebook) else Notebook.read(path)
    left_out = tuple(without)
    dag = Variation(without=left_out).of(notebook.dag)
    most = config.jobs if config.jobs is not None and config.jobs > 1 else 4
    plan = plan_trials(dag, runs, config.seed, most, (config.backend,) if config.backend else BACKENDS)
    task = _Task(notebook, config, plan, left_out)
    suspicion = Suspicion(notebook.cells)
    file = Path.cwd() / "notebook.ipynb" if notebook.path is None else Path(notebook.path)
    with workplace(file) as place:
        try:
            found = verify(dag, _Runner(place, task, on_event).run, plan)
        except ComparisonError:
            if not place.copied:
                raise
            place = Workplace(file, None)
            found = verify(dag, _Runner(place, task, on_event).run, plan)
    place_of = {node: number for number, node in enumerate(dag.nodes)}
    return {
        **_told(found, suspicion),
        "backwards": [[e.source, e.target] for e in dag.edges if place_of[e.source] > place_of[e.target]],
        "folder": "copied" if place.copied else "shared",
    }


def record_of(run: HeadlessRun) -> RunRecord:
    """What a run left, in the form in which runs are compared."""
    outcomes = run.outcomes
    return RunRecord(
        dict(run.fingerprints),
        {name: outcome.outputs for name, outcome in outcomes.items()},
        values=dict(run.values),
        times={
            name: (outcome.started, outcome.ended)
            for name, outcome in outcomes.items()
            if outcome.started is not None and outcome.ended is not None
        },
        failures={name: _failure(outcome) for name, outcome in outcomes.items() if outcome.error is not None},
        seconds=run.run.total_time,
    )


def _failure(outcome: Outcome) -> str:
    error = outcome.error
    return f"fails with {error.ename}: {error.evalue}" if isinstance(error, NodeFailed) else str(error)


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be proved, and how."""

    notebook: Notebook
    config: RunConfig
    plan: TrialPlan
    without: tuple[tuple[str, str], ...]


class _Runner:
    """Runs trials in kernels, and tells of it."""

    def __init__(self, place: Workplace, task: _Task, tell: Any) -> None:
        self._place = place
        self._task = task
        self._total = 1 + len(task.plan.trials)
        self._tell = tell if tell is not None else lambda _: None
        self._number = 0

    def run(self, trial: Trial) -> RunRecord:
        """Run one."""
        self._number += 1
        told = {"number": self._number, "total": max(self._total, self._number), "what": _words(trial)}
        told |= {"searching": self._number > self._total}
        self._tell({"name": RUN_STARTED, **told})
        self._place.reset()
        record = self._run(trial)
        self._tell({"name": RUN_ENDED, **told, "seconds": record.seconds, "failed": bool(record.failures)})
        return replace(record, files=self._place.changed())

    def _run(self, trial: Trial) -> RunRecord:
        notebook = replace(self._task.notebook, path=self._place.notebook)
        config = self._task.config
        if trial.kind == "linear":
            run = run_file(notebook, config, linear=True)
        else:
            variation = Variation(trial.order, self._task.without)
            try:
                run = run_file(notebook, _config(config, trial), variation=variation)
            except BackendError as error:  # the linear run has shown that kernels start
                return RunRecord({}, {}, failures={"the kernel": str(error)})
        if run.run.stopped == "interrupted":
            raise KeyboardInterrupt
        return record_of(run)


def _config(config: RunConfig, trial: Trial) -> RunConfig:
    """How a trial runs; one that is to be repeatable follows no history, and one in an odd order teaches nothing."""
    # what is to be proved must run
    config = replace(config, history=False, cache=False, log=None, checkpoint="memory")
    if trial.kind == "serial":
        return replace(config, jobs=1, backend="threading", schedule="eager", policy="fifo", keep_going=False)
    return replace(config, jobs=trial.jobs, backend=trial.backend, policy="random", seed=trial.seed)


def _words(trial: Trial) -> str:
    if trial.kind != "parallel":
        return "linear" if trial.kind == "linear" else "one by one, in another order"
    return f"{trial.jobs} at once, {trial.backend}"


def _told(found: Verification, suspicion: Suspicion) -> dict[str, Any]:
    suspects = sorted(
        found.suspects, key=lambda pair: (suspicion.weight(pair.first, pair.second), pair.seconds), reverse=True
    )
    return {
        "equal": found.equal,
        "runs": [
            {"order": "linear", "jobs": 1, "backend": "linear", "total_time": found.linear.seconds},
            *map(_trial_record, found.results),
        ],
        "differences": [{**_difference(difference), "run": number} for number, difference in found.differences],
        "missing_edges": [_edge(edge, suspicion) for edge in found.missing],
        "suspects": [_suspect(pair, suspicion) for pair in suspects[:_MOST_SUSPECTS]],
        "in_document_order": [_difference(difference) for difference in found.in_document_order],
        "unsteady": [_difference(difference) for difference in found.unsteady],
        "search": {"runs": found.search_runs, "limit": SEARCH_RUNS, "complete": found.complete},
        "pairs": {"unordered": found.plan.pairs, "inverted": found.plan.inverted},
        "noise": sorted({where for _, where in found.noise}),
        "opaque": list(opaque_names(found.linear)),
    }


def _trial_record(result: TrialResult) -> dict[str, Any]:
    trial = result.trial
    ran: dict[str, Any] = {"jobs": trial.jobs, "total_time": result.record.seconds}
    if trial.kind == "serial":
        return {"order": "serial", "backend": "serial", **ran, "nodes": list(trial.order)}
    return {"order": "random", "backend": trial.backend, **ran, "seed": trial.seed}


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "kind": difference.kind,
        "where": difference.where,
        "message": str(difference),
        "path": difference.path,
        "linear": difference.linear,
        "other": difference.other,
        "diff": list(difference.diff),
    }


def _edge(edge: MissingEdge, suspicion: Suspicion) -> dict[str, Any]:
    pair = edge.source, edge.target
    return {
        "source": edge.source,
        "target": edge.target,
        "differences": [_difference(difference) for difference in edge.differences],
        "evidence": [edge_record(found) for found in suspicion.edges(*pair)],
        "shared": list(suspicion.shared(*pair)),
        "overrides": list(suspicion.overrides(*pair)),
        "mend": suspicion.mend(*pair),
    }


def _suspect(pair: Suspect, suspicion: Suspicion) -> dict[str, Any]:
    return {
        "nodes": [pair.first, pair.second],
        "seconds": pair.seconds,
        "shared": list(suspicion.shared(pair.first, pair.second)),
        "mend": suspicion.after(pair.first, pair.second),
    }
