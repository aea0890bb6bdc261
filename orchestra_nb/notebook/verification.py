"""The proof: a notebook's linear run set against parallel ones.

One linear run, then several parallel runs, each with another random order, another number of workers, threads and
processes by turns. Names are compared by fingerprint, outputs as a reader sees them. When something differs, a second
linear run tells what differs even between two linear runs (clocks, unseeded draws): that is listed as noise and held
against nobody.

Failure: a notebook whose linear run fails proves nothing, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestra_nb.cells.comparison import RunRecord, compare, noise, opaque_names
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import ComparisonError
from orchestra_nb.notebook.file_run import HeadlessRun, run_file

_BACKENDS = ("threading", "loky")


def verify_file(path: str | Path, config: RunConfig | None = None, runs: int = 3, seed: int = 0) -> Mapping[str, Any]:
    """Compare a linear run of a notebook with parallel ones.

    Parameters
    ----------
    path
        The notebook.
    config
        Jobs (at most; two and more are tried), schedule and timeout of the parallel runs.
    runs
        How many parallel runs.
    seed
        Of the first random order; each run has its own.

    Returns
    -------
    mapping
        ``equal``; ``runs``, one entry each; ``differences``, each with ``kind``, ``where``, ``message`` and ``run``;
        ``noise``, what differs between two linear runs; ``opaque``, the names that could only be compared by type.

    Raises
    ------
    ComparisonError
        The linear run failed.
    """
    config = config if config is not None else RunConfig()
    linear = run_file(path, config, linear=True)
    _check_done(linear, "linear")
    first = record_of(linear)
    entries: list[dict[str, Any]] = [_entry(linear, "linear")]
    found: list[dict[str, Any]] = []
    for number in range(runs):
        trial = _trial(config, number, seed)
        other = run_file(path, trial)
        differences = compare(first, record_of(other))
        entries.append({**_entry(other, trial.policy), "seed": trial.seed})
        found += [{"kind": d.kind, "where": d.where, "message": str(d), "run": number + 1} for d in differences]
    ignored: frozenset[str] = frozenset()
    if found:
        again = run_file(path, config, linear=True)
        ignored = noise(first, record_of(again))
        found = [item for item in found if item["where"] not in ignored]
    return {
        "equal": not found,
        "runs": entries,
        "differences": found,
        "noise": sorted(ignored),
        "opaque": list(opaque_names(first)),
    }


def record_of(run: HeadlessRun) -> RunRecord:
    """What a run left, in the form in which runs are compared."""
    return RunRecord(dict(run.fingerprints), {name: outcome.outputs for name, outcome in run.outcomes.items()})


def _trial(config: RunConfig, number: int, seed: int) -> RunConfig:
    most = config.jobs if config.jobs is not None and config.jobs > 1 else 4
    jobs = 2 + number % (most - 1)
    backend = _BACKENDS[number % len(_BACKENDS)]
    return replace(config, jobs=jobs, backend=backend, policy="random", seed=seed + number)


def _entry(run: HeadlessRun, order: str) -> dict[str, Any]:
    result = run.run
    return {"order": order, "jobs": result.jobs, "backend": result.backend, "total_time": result.total_time}


def _check_done(run: HeadlessRun, what: str) -> None:
    if run.run.errors:
        raise ComparisonError(f"the {what} run failed, so there is nothing to compare with: {run.run.errors[0]}")
