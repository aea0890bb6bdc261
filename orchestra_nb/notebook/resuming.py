"""Runs of notebooks that were cut short: found again, planned, gone on with, and let go when all is done.

Runs are stored in the user's own cache folder, or where a cache folder was named: a folder beside the notebook would
show in what its cells see. A run belongs to the file that ran, by its absolute path. What can be gone on with is the
newest run of it that has something to take over, unless a later one has succeeded: a success makes all that came before
it old, and removes it. Going on is going on with the same run, under the same name, so what was stored stays where it
is. One process has a run at a time: that which goes on with it holds its lock.

Failure: without anything to go on with, or with a run that another process has, a
:class:`~orchestra_nb.errors.CheckpointError` that says what to do. A folder that cannot be used makes no run fail that
only wanted to be stored: :attr:`StoredRun.trouble` says why it is not.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from orchestra_nb.config import RunConfig
from orchestra_nb.durable.facts import Ended, Head
from orchestra_nb.durable.journal import RunJournal
from orchestra_nb.durable.runs import Runs, RunSummary, new_run_id
from orchestra_nb.errors import CheckpointError, OrchestraError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.notebook.cell_checkpoint import CellCheckpoint
from orchestra_nb.notebook.cell_commits import commits_in
from orchestra_nb.notebook.code import codes_of
from orchestra_nb.notebook.left_files import digest_of
from orchestra_nb.notebook.lineage import Known, known_of
from orchestra_nb.notebook.resume_plan import Now, ResumePlan, plan_resume
from orchestra_nb.private_folder import private_folder
from orchestra_nb.running.recall import VARIABLE as CACHE
from orchestra_nb.running.recall import folder_of

KIND = "notebook"
VARIABLE = "ORCHESTRA_NB_RUNS"
"""Names the environment variable that says in which folder runs of notebooks are stored; empty: nowhere."""
NOWHERE = f"nothing is stored here, as {VARIABLE} or {CACHE} is empty"
_MOST_RUNS = 64
_PATIENCE = 1.5
"""Seconds for which a run that another process has is asked for again."""


@dataclass(frozen=True, slots=True)
class Where:
    """Whose run it is.

    Parameters
    ----------
    path
        Of the notebook.
    run_id
        Of the run that is gone on with; empty: a new one.
    note
        What was asked for, as JSON: who goes on with the run asks for the same (:func:`asked_before`).
    """

    path: str
    run_id: str = ""
    note: Mapping[str, Any] = field(default_factory=dict)


def runs_at(config: RunConfig, base: str | os.PathLike[str] = "") -> Runs | None:
    """Say where runs of notebooks are stored; ``None``: nowhere.

    Parameters
    ----------
    config
        Of the run.
    base
        The folder in which the notebook runs; empty: the working directory.
    """
    folder: str | os.PathLike[str] | None
    if isinstance(config.cache, str) or os.environ.get(CACHE) is not None:
        folder = folder_of(config if config.cache else replace(config, cache=True), os.fspath(base))
    else:
        folder = private_folder(VARIABLE, "notebooks")
    return Runs(folder, durable=config.checkpoint != "fast", most_runs=_MOST_RUNS) if folder else None


def unfinished(runs: Runs, path: str | os.PathLike[str]) -> RunSummary | None:
    """Find the newest run of a notebook that can be gone on with; ``None`` where there is none."""
    what, found = os.path.abspath(path), None
    for summary in runs.all():
        if (summary.head.kind, summary.head.what) == (KIND, what):
            if summary.success:
                found = None
            elif _has_commits(runs, summary):
                found = summary
    return found


def _has_commits(runs: Runs, summary: RunSummary) -> bool:
    with suppress(CheckpointError):
        return bool(runs.look(summary.run_id).committed)
    return False


def asked_run(runs: Runs | None, path: str | os.PathLike[str], instead: str = "") -> str:
    """Name the run of a notebook that is to be gone on with.

    Parameters
    ----------
    runs, path
        Where to look, and whose run.
    instead
        What begins one; empty: the command line's words.

    Raises
    ------
    CheckpointError
        There is none.
    """
    found = None if runs is None else unfinished(runs, path)
    if found is None:
        name = os.fspath(path)
        session = "runs of a session are stored only with --checkpoint durable"
        rule = session if instead else "a --linear run is not stored"
        told = f"it has no run that was cut short ({rule})" if runs is not None else NOWHERE
        raise CheckpointError(f"{name}: {told}; begin one with {instead or f'orchestra run {name}'!r}")
    return str(found.run_id)


def runs_beside(path: str | os.PathLike[str], config: RunConfig) -> Runs | None:
    """Say where the runs of a notebook file are stored that have a kernel of their own."""
    return runs_at(config, os.path.dirname(os.path.abspath(path)))


def hint(path: str | os.PathLike[str], config: RunConfig, before: str = "") -> str:
    """Say that a run of a notebook file can be gone on with; empty where there is none."""
    runs = runs_beside(path, config)
    there = runs is not None and unfinished(runs, path) is not None
    return f"{before}'orchestra resume {os.fspath(path)}' goes on with what was done" if there else ""


def asked_before(path: str | os.PathLike[str], config: RunConfig) -> Mapping[str, Any]:
    """Say what the run of a notebook file that can be gone on with was asked for; nothing where there is none."""
    runs = runs_beside(path, config)
    found = None if runs is None else unfinished(runs, path)
    return {} if found is None else found.head.note


def plan_for(dag: DAG, config: RunConfig, path: str | os.PathLike[str]) -> ResumePlan:
    """Say what going on with the newest run of a notebook file that was cut short would take over.

    Raises
    ------
    CheckpointError
        There is none.
    """
    runs = runs_beside(path, config)
    run_id = asked_run(runs, path)
    assert runs is not None  # or there was none to be asked for
    return plan_of(dag, runs, run_id, os.path.dirname(os.path.abspath(path)))


def plan_of(dag: DAG, runs: Runs, run_id: str, base: str = "", known: Known | None = None) -> ResumePlan:
    """Say what going on with a run would take over.

    Parameters
    ----------
    dag
        The notebook as it is now.
    runs, run_id
        Which run.
    base
        The folder in which the notebook runs; empty: the working directory.
    known
        From :func:`.known_of`, where somebody has it.

    Raises
    ------
    CheckpointError
        There is no such run, or it cannot be read.
    """
    state, values = runs.look(run_id), runs.values(run_id)
    now = Now(lambda path: digest_of(os.path.join(base, os.path.expanduser(path))), values.has)
    return plan_resume(dag, known or known_of(dag), commits_in(state), now, state.head)


def stored_run(
    dag: DAG, namespace: dict[str, Any], config: RunConfig, where: Where, shell: Any = None
) -> StoredRun | None:
    """Begin to store a run, or take one that was cut short; ``None`` where nothing is to be stored.

    Parameters
    ----------
    dag, namespace, shell
        The program's.
    config
        Says with ``checkpoint`` whether and how it is stored.
    where
        Whose run it is, and which one is gone on with.

    Raises
    ------
    CheckpointError
        The run that is to be gone on with is not there, cannot be read, or another process has it.
    """
    runs = None if config.checkpoint == "memory" and not where.run_id else runs_at(config)
    if runs is None:
        return None
    codes = codes_of(dag, shell)
    known = known_of(dag, codes)
    if where.run_id:
        journal = _taken(runs, where.run_id)
        try:
            taken = plan_of(dag, runs, where.run_id, known=known).taken
            journal.go_on(time.time())
        except BaseException:
            journal.close()
            raise
    else:
        head = Head(
            new_run_id(),
            KIND,
            os.path.abspath(where.path),
            dag.hash,
            {str(name): digest for name, digest in known[0].items()},
            time.time(),
            note=where.note,
        )
        try:
            journal, taken = runs.begin(head), {}
        except (OSError, OrchestraError) as error:
            return StoredRun(runs, None, None, str(error))
    everything = config.checkpoint in ("durable", "fast")
    checkpoint = CellCheckpoint(dag, codes, namespace, known, journal, taken, everything)
    return StoredRun(runs, journal, checkpoint)


def _taken(runs: Runs, run_id: str) -> RunJournal:
    """Take a run; a kernel whose parent was killed has it for a moment longer."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return runs.resume(run_id)
        except CheckpointError:
            if time.monotonic() >= until:
                raise
            time.sleep(_PATIENCE / 10)


@dataclass(slots=True)
class StoredRun:
    """A run that is stored while it goes on.

    Parameters
    ----------
    runs, journal
        Where.
    checkpoint
        What stores it; ``None`` when that could not even begin.
    trouble
        Why not.
    """

    runs: Runs
    journal: RunJournal | None
    checkpoint: CellCheckpoint | None
    trouble: str = ""

    def ended(self, success: bool, why: str = "") -> dict[str, Any]:
        """Write down how the run ended; returns what there is to say of it, as JSON.

        One that succeeded needs no going on with, and neither does any before it: they are removed.
        """
        if self.journal is None or self.checkpoint is None:
            return {"run": "", "stored": 0, "trouble": self.trouble}
        with suppress(CheckpointError):
            self.journal.append(Ended(success, why))
        self.journal.close()
        head = self.journal.state.head
        if success:
            for summary in self.runs.all():
                if (summary.head.kind, summary.head.what) == (head.kind, head.what):
                    with suppress(CheckpointError, OSError):
                        self.runs.remove(summary.run_id)
        return {"run": str(head.run_id), "stored": self.checkpoint.stored, "trouble": self.checkpoint.trouble}
