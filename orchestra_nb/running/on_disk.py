"""Runs whose checkpoints are on the disk: begun, gone on with, and told of.

Policy: :attr:`.RunConfig.checkpoint` says whether a run is one; in which folder, what says where results are kept
(:func:`.folder_of`). Failure: a folder that cannot be used does not stop a run: it has its checkpoints in memory, and
says so. To go on with a run is refused with one :class:`.CheckpointError` where somebody else has it, where it cannot
be read, or where it is of another graph or context; nothing has run then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from orchestra_nb.config import RunConfig
from orchestra_nb.definitions.command import CommandDefinition
from orchestra_nb.durable.facts import Commit, Head, RunState, Undone
from orchestra_nb.durable.faults import fault
from orchestra_nb.durable.journal import UNDO, RunJournal
from orchestra_nb.durable.runs import Runs, new_run_id
from orchestra_nb.errors import CheckpointError, ConfigError, OrchestraError, nearest
from orchestra_nb.events import CheckpointFailed, Event
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId, Outcome, RunId
from orchestra_nb.recovery.compensating import undoable_in
from orchestra_nb.running.agents import agents_of
from orchestra_nb.running.checkpoints import Checkpoint
from orchestra_nb.running.durable_record import DurableRecord
from orchestra_nb.running.pickling import told
from orchestra_nb.running.recall import folder_of
from orchestra_nb.running.taken_over import (
    MODULES,
    ResumePlan,
    TakenOver,
    check_same,
    context_digests,
    module_digests,
    node_digests,
    taken_over,
)

Publish = Callable[[Event], object]


def runs_of(config: RunConfig) -> Runs | None:
    """Find the runs of a cache folder; ``None`` where nothing is kept."""
    folder = folder_of(config)
    return Runs(folder, durable=config.checkpoint != "fast") if folder else None


def is_on_disk(config: RunConfig, dag: DAG) -> bool:
    """Whether a run is to keep on the disk what it reaches.

    Raises
    ------
    ConfigError
        It is, by its own words, and there is no folder.
    """
    mode = config.checkpoint
    if mode == "memory" or (mode == "auto" and not agents_of(dag)):
        return False
    folder = folder_of(config)
    if not folder and mode != "auto":
        hint = "say cache='FOLDER', or checkpoint='memory'"
        raise ConfigError(f"checkpoint={mode!r} needs a folder, and nothing is to be kept; {hint}")
    return bool(folder)


@dataclass(frozen=True)
class Unsaved:
    """Why a run that was to be on the disk is not."""

    reason: str


def begun(
    config: RunConfig, dag: DAG, context: Mapping[str, Any] | None, publish: Publish
) -> DurableRecord | Unsaved | None:
    """Begin the record of a run; ``None`` for one that is not to be on the disk.

    Parameters
    ----------
    config, dag, context
        Of the run.
    publish
        Tells of trouble.
    """
    runs = runs_of(config) if is_on_disk(config, dag) else None
    if runs is None:
        return None
    kind, what = _named(dag)
    try:
        modules = {MODULES: module_digests(dag)}
        head = Head(
            new_run_id(), kind, what, dag.hash, node_digests(dag), time.time(), context_digests(context), modules
        )
        return DurableRecord(dag, runs.begin(head), publish)
    except (OSError, OrchestraError) as error:
        unsaved = Unsaved(f"the run goes on without checkpoints on the disk: {told(error)}")
        publish(CheckpointFailed(0.0, unsaved.reason))
        return unsaved


def _named(dag: DAG) -> tuple[str, str]:
    definition = dag.metadata.get("definition")
    if isinstance(definition, CommandDefinition):
        return "command", definition.name
    return "dag", ""


def cut_short(config: RunConfig, dag: DAG, instead: str, context: Mapping[str, Any] | None = None) -> RunId:
    """Name the newest run of a graph's definition that can be gone on with.

    Those of the same graph and context count first, then those of the same graph, and then all that bear the name, of
    which the newest will be refused with what differs. So a run of some of its nodes, with other values, or of another
    command of that name makes none of this one old.

    Parameters
    ----------
    config, dag, context
        Of the run.
    instead
        What begins one.

    Raises
    ------
    CheckpointError
        There is none.
    """
    runs, (kind, what) = runs_of(config), _named(dag)
    known = [each for each in runs.all() if (each.head.kind, each.head.what) == (kind, what)] if runs else []
    same = [each for each in known if each.head.dag_hash == dag.hash]
    given = context_digests(context) if same else {}
    alike = [each for each in same if dict(each.head.context) == given]
    named = known if kind == "command" else []  # functions have no name: their graph has to be the same
    found = next((some[-1] for some in (alike, same, named) if some and not some[-1].success), None)
    if found is None:
        told = "nothing is stored here" if runs is None else "it has no run that was cut short"
        raise CheckpointError(f"{what or 'this graph'}: {told}; begin one with {instead!r}")
    return found.run_id


def has(config: RunConfig, checkpoint: str) -> bool:
    """Whether a checkpoint is of a run that is on the disk."""
    runs = runs_of(config)
    try:
        return runs is not None and runs.has(_run_of(checkpoint))
    except (CheckpointError, OSError):
        return False


@contextmanager
def opened(config: RunConfig, checkpoint: str, dag: DAG, context: Mapping[str, Any] | None) -> Iterator[Opened]:
    """Open a run, to go on with it; it is closed when that does not begin.

    Raises
    ------
    CheckpointError
        It cannot be gone on with.
    """
    runs = runs_of(config)
    assert runs is not None  # it was asked whether it has the run
    journal = runs.resume(_run_of(checkpoint))
    try:
        names = _committed_at(journal.state, checkpoint)
        check_same(checkpoint, journal.state.head, dag, context)
        taken = taken_over(journal.state, names, journal.values, dag, checkpoint)
        _, slash, level = str(checkpoint).partition("/level-")
        yield Opened(journal, dag, names, taken, int(level) + 1 if slash else None)
    except BaseException:
        journal.close()
        raise


@dataclass(frozen=True)
class Opened:
    """A run to go on with.

    Parameters
    ----------
    journal
        Locked.
    dag
        The graph as it was when the run began.
    names
        What was committed at the checkpoint.
    taken
        What is taken over.
    levels
        How many levels had ended then; ``None``: all that have.
    """

    journal: RunJournal
    dag: DAG
    names: Mapping[NodeId, Commit]
    taken: TakenOver
    levels: int | None = None

    def record(self, publish: Publish) -> DurableRecord:
        """Take note that this process goes on with it."""
        record = DurableRecord(self.dag, self.journal, publish, self.taken)
        without = [name for name in self.journal.state.committed if name not in self.names]
        record.go_on(time.time(), without, self.levels)
        fault("resume.after-epoch")
        return record


def planned(config: RunConfig, checkpoint: str, dag: DAG, context: Mapping[str, Any] | None) -> ResumePlan:
    """Say what going on would do; nothing is changed, and nobody is kept from the run.

    Raises
    ------
    CheckpointError
        It cannot be gone on with.
    """
    runs = runs_of(config)
    assert runs is not None  # it was asked whether it has the run
    run = _run_of(checkpoint)
    state = runs.look(run)
    check_same(checkpoint, state.head, dag, context)
    for name in undoable_in(runs.folder / run / UNDO):  # that is finished first
        state.apply(Undone(NodeId(name)))
    return taken_over(state, _committed_at(state, checkpoint), runs.values(run), dag, checkpoint).plan


def is_being_undone(config: RunConfig, checkpoint: str) -> bool:
    """Whether a run on the disk has a way back that has not come to its end."""
    runs = runs_of(config)
    return runs is not None and (runs.folder / _run_of(checkpoint) / UNDO).exists()


def checkpoints(config: RunConfig) -> tuple[Checkpoint, ...]:
    """Give the checkpoints that are on the disk, the oldest first; what cannot be read is left out."""
    runs = runs_of(config)
    found: list[Checkpoint] = []
    for summary in runs.all() if runs is not None else ():
        try:
            state = runs.look(summary.run_id) if runs is not None else None
        except CheckpointError:
            continue
        if state is not None and state.head.kind != "notebook":
            found += _checkpoints(state)
    return tuple(found)


def _checkpoints(state: RunState) -> Iterator[Checkpoint]:
    head = state.head
    moments = [*state.levels, (tuple(state.committed), max((each.at for each in state.committed.values()), default=0))]
    names = [*(f"{head.run_id}/level-{number}" for number in range(len(state.levels))), str(head.run_id)]
    for number, (name, (nodes, at)) in enumerate(zip(names, moments, strict=True), 1):
        outcomes = {node: _outcome(state.committed[node]) for node in nodes if node in state.committed}
        if outcomes:
            yield Checkpoint(
                name, head.run_id, head.dag_hash, at, number, MappingProxyType(outcomes), tuple(state.undone)
            )


def _outcome(commit: Commit) -> Outcome:
    value = commit.values.get("")
    return Outcome(
        commit.node,
        "done" if commit.status == "done" else "cached",
        value,
        started=commit.at - commit.seconds,
        ended=commit.at,
        attempts=commit.attempts,
        reason=commit.again or commit.reason,
        outputs=commit.outputs,
    )


def _run_of(checkpoint: str) -> RunId:
    return RunId(str(checkpoint).partition("/")[0])


def _committed_at(state: RunState, checkpoint: str) -> dict[NodeId, Commit]:
    """Give what was committed at a checkpoint, and is so still."""
    _, slash, level = str(checkpoint).partition("/")
    if not slash:
        return dict(state.committed)
    names = [f"level-{number}" for number in range(len(state.levels))]
    if level not in names:
        raise CheckpointError(f"there is no checkpoint {checkpoint!r}; {nearest(level, names) or 'no level has ended'}")
    return {node: state.committed[node] for node in state.levels[names.index(level)][0] if node in state.committed}
