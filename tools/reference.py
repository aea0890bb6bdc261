"""Writes the reference of the API, one page per group of names: ``docs/conf.py`` calls it as the pages are built.

Policy: ``orchestra_nb.__all__`` is what there is to document, and :data:`GROUPS` says where. What those names give and
take, but nobody imports, stands with them under ``records``, by its whole name: then every type in a signature is a
link. A public name in no group, and a group's name that is not public, are faults that ``tests/workshop/test_docs.py``
tells of. The pages are made from docstrings and so are no sources: they go to ``docs/reference``, which git ignores.
Order: groups as below, within them as written. Failure: none of its own; what cannot be imported is Sphinx's to tell.
Rejected: a page for each name, because most of what a reader compares stands side by side here; ``sphinx-apidoc``,
which would document the rooms of the house and not its door.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "orchestra_nb"


@dataclass(frozen=True, slots=True)
class Group:
    """One page of the reference.

    Parameters
    ----------
    page
        Its file's name.
    title
        Its heading.
    about
        One or two sentences at its top.
    listed
        Public names, of those in ``orchestra_nb.__all__``.
    records
        Whole names below the package of what they give back or take.
    package
        The subpackage that the names are imported from, all of its ``__all__`` but what is public anyway; empty: the
        package itself.
    """

    page: str
    title: str
    about: str
    listed: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    package: str = ""

    @property
    def home(self) -> str:
        """The module that the names are imported from."""
        return f"{PACKAGE}.{self.package}" if self.package else PACKAGE

    @property
    def names(self) -> tuple[str, ...]:
        """What the page documents."""
        if not self.package:
            return self.listed
        public = importlib.import_module(PACKAGE).__all__
        return tuple(name for name in importlib.import_module(self.home).__all__ if name not in public)


_GROUPS: tuple[Group, ...] = (
    Group(
        "graphs",
        "Nodes and graphs",
        "What a graph is made of, how one is made, checked and looked at.",
        ("DAG", "Node", "Edge", "Evidence", "Expand", "task", "DAGBuilder", "ValidationResult", "Issue"),
        records=("graph.analysis.Bounds",),
    ),
    Group(
        "running",
        "Notebooks and runs",
        "A notebook, a graph or functions in, a result out.",
        (
            *("Notebook", "Pipeline", "RunConfig", "RunResult", "Outcome", "RunHandle", "ParallelScheduler"),
            *("current_node", "history", "declare_effects", "forget_effects"),
            *("load_ipython_extension", "unload_ipython_extension"),
        ),
        records=(
            "running.current_node.NodeRun",
            "running.checkpoints.Checkpoint",
            "running.taken_over.ResumePlan",
            "model.UnforeseenChange",
            "config.Capacity",
        ),
    ),
    Group(
        "engine",
        "The engine",
        "All parts on one bus, with the same locks and circuits for nodes and for you.",
        ("OrchestrationEngine", "EngineConfig"),
        records=(
            "engine.stats.EngineStats",
            "engine.stats.EngineCacheMetrics",
        ),
    ),
    Group(
        "definitions",
        "Command definitions and agents",
        "Phases of agents in JSON, YAML or Markdown, and who does the agents' work.",
        (
            *("load_command", "CommandDefinition", "AgentRegistry", "AgentCommand", "SubprocessExecutor"),
            *("ChatExecutor", "SimulatedExecutor"),
        ),
        records=(
            "definitions.command.Phase",
            "definitions.command.Agent",
            "definitions.command.ResourceSpec",
            "agents.usage.TokenUsage",
        ),
    ),
    Group(
        "context",
        "Contexts and the cache",
        "Immutable values with a parent, and values by key that are computed once.",
        ("Context", "ContextManager", "CachePolicy"),
        records=(
            "context.metrics.CacheMetrics",
            "context.metrics.KeyMetrics",
            "context.store.Store",
        ),
    ),
    Group(
        "resources",
        "Resources and locks",
        "Who holds how much of what, who waits, and who gives way when they wait in a circle.",
        ("ResourceManager",),
        records=(
            "resources.grants.Guard",
            "resources.grants.Grant",
            "resources.circles.DeadlockResult",
            "resources.statistics.ResourceStats",
        ),
    ),
    Group(
        "recovery",
        "Recovery",
        "Calls that may fail: tried again, not made at all while a service is down, and taken back.",
        ("RecoveryManager", "RetryPolicy", "BreakerPolicy", "SagaStep", "SagaResult"),
        records=(
            "recovery.saga_result.StepFate",
            "recovery.statistics.RecoveryStats",
        ),
    ),
    Group(
        "progress",
        "Progress, events and replay",
        "How far a run is, what happened in it, and how things stood at any moment.",
        ("ProgressTracker", "JsonSink", "MarkdownSink", "EventBus", "EventLog", "Replay"),
        records=(
            "progress.stats.ProgressStats",
            "progress.todos.Todo",
            "progress.sinks.Report",
            "policies.SinkPolicy",
            "bus.Event",
            "bus.Subscription",
            "replay.replay.RunReplay",
            "replay.state.ReplayState",
            "eventlog.reading.LoggedRun",
        ),
    ),
    Group(
        "simulation",
        "Simulation",
        "The decisions of a run under a virtual clock: nothing runs, and nothing waits.",
        ("simulate", "simulate_many", "what_if", "compare_policies", "heft", "optimum"),
        records=(
            "simulation.schedule.Schedule",
            "simulation.schedule.Slot",
            "simulation.schedule.ResourceUse",
            "simulation.waits.Wait",
            "simulation.waits.Gap",
            "simulation.moments.Moment",
            "simulation.many.Distribution",
            "simulation.what_if.WhatIf",
            "simulation.durations.LogNormal",
            "simulation.durations.Uniform",
            "simulation.durations.Gamma",
            "simulation.durations.Empirical",
            "simulation.optimum.Optimum",
            "simulation.policy_comparison.PolicyComparison",
            "simulation.policy_comparison.ComparedPolicy",
        ),
    ),
    Group("taskgraphs", "Task graphs", "Graphs to study, made or read from files.", package="taskgraphs"),
    Group("bench", "Benchmarks", "Sweeps of real runs, and what they say.", package="bench"),
    Group(
        "steps",
        "Step by step",
        "Schedules, deadlocks, circuits and retries to walk through, forward and back.",
        ("step_through", "deadlock_lab", "breaker_lab", "retry_lab"),
        records=(
            "labs.walk.Walk",
            "labs.walk.Step",
            "labs.deadlock.DeadlockLab",
            "labs.breaker.BreakerLab",
            "labs.retry.RetryLab",
        ),
    ),
    Group("labs", "Stories", "What is told step by step: plain data, which the display shows.", package="labs"),
    Group(
        "errors",
        "Errors",
        "One tree; [the page about errors](../errors.md) draws it. Catch `OrchestraError` to catch all of them.",
        (
            *("OrchestraError", "ConfigError", "DefinitionError", "NotebookError", "GraphError", "CycleError"),
            *("MissingDependencyError", "NodeError", "NodeFailed", "NodeTimeout", "NodeCancelled", "AgentError"),
            *("AgentTimeout", "CommandFailed", "OutputTooLong", "AnswerBroken", "ServiceError", "RateLimited"),
            *("ServiceUnreachable", "BackendError", "CacheError", "CheckpointError", "SagaFailed", "ConditionError"),
            *("ResourceError", "LockTimeout", "DeadlockError", "ProgressError", "EventLogError", "CircuitOpenError"),
            *("RunNotOver", "CommandError", "BudgetSpent", "LeaseExpired", "ComparisonError"),
        ),
    ),
)
GROUPS = tuple(group for group in _GROUPS if importlib.util.find_spec(group.home))


def write(folder: Path) -> None:
    """Write the pages and the list of them, but not what is there already: Sphinx reads anew what is newer."""
    folder.mkdir(exist_ok=True)
    wanted = {f"{group.page}.md": page(group) for group in GROUPS} | {"index.md": index()}
    for stale in {path.name for path in folder.glob("*.md")} - set(wanted):
        (folder / stale).unlink()
    for name, text in wanted.items():
        place = folder / name
        if not place.is_file() or place.read_text(encoding="utf-8") != text:
            place.write_text(text, encoding="utf-8")


def index() -> str:
    """Make the list of the pages."""
    lines = [
        *("# API reference", ""),
        "Every public name, from its docstring. The examples run as tests. Names are imported from `orchestra_nb`, or",
        "from the subpackage that their page names; what stands under its whole name is given back, not imported.",
        *("", "```{toctree}", ":hidden:", ""),
        *(group.page for group in GROUPS),
        *("```", ""),
    ]
    lines += ["| page | names |", "| --- | --- |"]
    for group in GROUPS:
        links = ", ".join(f"{{py:obj}}`~{group.home}.{name}`" for name in group.names)
        lines.append(f"| [{group.title}]({group.page}.md) | {links} |")
    return "\n".join([*lines, ""])


def page(group: Group) -> str:
    """Make the page of one group."""
    lines = [f"# {group.title}", "", group.about, ""]
    if group.package:
        lines += [f"Imported from `{group.home}`.", ""]
    lines += ["```{eval-rst}", f".. currentmodule:: {group.home}", ""]
    for name in group.names:
        lines += [f".. {_directive(f'{group.home}.{name}')}", ""]
    lines += ["```", ""]
    if group.records:
        lines += ["## What these give and take", "", "```{eval-rst}"]
        for name in group.records:
            lines += [f".. {_directive(f'{PACKAGE}.{name}')}", ""]
        lines += ["```", ""]
    return "\n".join(lines)


def _directive(name: str) -> str:
    """Say by which directive of autodoc a name is documented."""
    module, _, last = name.rpartition(".")
    found = getattr(importlib.import_module(module), last)
    if inspect.isclass(found):
        return f"auto{'exception' if issubclass(found, BaseException) else 'class'}:: {name}"
    return f"auto{'function' if inspect.isroutine(found) else 'data'}:: {name}"
