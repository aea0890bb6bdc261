"""orchestra_nb: the notebook you already have, run as a DAG, with the same results as from top to bottom.

In a notebook::

    %load_ext orchestra_nb
    %orchestrate run --notebook

On the command line::

    orchestra run analysis.ipynb -o done.ipynb

In Python::

    from orchestra_nb import Notebook, Pipeline, RunConfig
    result = Pipeline(Notebook.read("analysis.ipynb"), config=RunConfig(jobs=4)).run()

Names are loaded when they are first used, so importing the package costs next to nothing and brings in none of the
libraries that it stands on.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from orchestra_nb._version import __version__

if TYPE_CHECKING:
    from orchestra_nb import bench as bench
    from orchestra_nb import taskgraphs as taskgraphs
    from orchestra_nb.agents.chat import ChatExecutor
    from orchestra_nb.agents.command_line import AgentCommand
    from orchestra_nb.agents.registry import AgentRegistry
    from orchestra_nb.agents.simulated import SimulatedExecutor
    from orchestra_nb.agents.subprocesses import SubprocessExecutor
    from orchestra_nb.cells.effects.sources import declare_effects, forget_effects
    from orchestra_nb.cells.notebook_file import Notebook
    from orchestra_nb.config import BreakerPolicy, CachePolicy, RetryPolicy, RunConfig
    from orchestra_nb.context.context import Context
    from orchestra_nb.context.manager import ContextManager
    from orchestra_nb.definitions.builder import DAGBuilder
    from orchestra_nb.definitions.command import CommandDefinition
    from orchestra_nb.definitions.loading import load_command
    from orchestra_nb.earlier_runs import history
    from orchestra_nb.engine.config import EngineConfig
    from orchestra_nb.engine.engine import OrchestrationEngine
    from orchestra_nb.errors import (
        AgentError,
        AgentTimeout,
        AnswerBroken,
        BackendError,
        BudgetSpent,
        CacheError,
        CheckpointError,
        CircuitOpenError,
        CommandError,
        CommandFailed,
        ComparisonError,
        ConditionError,
        ConfigError,
        CycleError,
        DeadlockError,
        DefinitionError,
        EventLogError,
        GraphError,
        Issue,
        LeaseExpired,
        LockTimeout,
        MissingDependencyError,
        NodeCancelled,
        NodeError,
        NodeFailed,
        NodeTimeout,
        NotebookError,
        OrchestraError,
        OutputTooLong,
        ProgressError,
        RateLimited,
        ResourceError,
        RunNotOver,
        SagaFailed,
        ServiceError,
        ServiceUnreachable,
    )
    from orchestra_nb.eventlog.writer import EventLog
    from orchestra_nb.events import EventBus
    from orchestra_nb.graph.dag import DAG
    from orchestra_nb.graph.task import task
    from orchestra_nb.graph.validation import ValidationResult
    from orchestra_nb.labs.breaker import breaker_lab
    from orchestra_nb.labs.deadlock import deadlock_lab
    from orchestra_nb.labs.retry import retry_lab
    from orchestra_nb.labs.walk import step_through
    from orchestra_nb.model import Edge, Evidence, Expand, Node, Outcome
    from orchestra_nb.pipeline import Pipeline
    from orchestra_nb.progress.handle import RunHandle
    from orchestra_nb.progress.sinks import JsonSink, MarkdownSink
    from orchestra_nb.progress.tracker import ProgressTracker
    from orchestra_nb.recovery.manager import RecoveryManager
    from orchestra_nb.recovery.saga_result import SagaResult
    from orchestra_nb.recovery.sagas import SagaStep
    from orchestra_nb.replay.replay import Replay
    from orchestra_nb.resources.manager import ResourceManager
    from orchestra_nb.running.current_node import current_node
    from orchestra_nb.running.result import RunResult
    from orchestra_nb.running.scheduler import ParallelScheduler
    from orchestra_nb.simulation.comparison import compare_policies
    from orchestra_nb.simulation.heft import heft
    from orchestra_nb.simulation.many import simulate_many
    from orchestra_nb.simulation.optimum import optimum
    from orchestra_nb.simulation.simulator import simulate
    from orchestra_nb.simulation.what_if import what_if

_ERRORS = (
    "AgentError", "AgentTimeout", "AnswerBroken", "BackendError", "BudgetSpent", "CacheError", "CheckpointError",
    "CircuitOpenError", "CommandError", "CommandFailed", "ComparisonError", "ConditionError", "ConfigError",
    "CycleError", "DeadlockError", "DefinitionError", "EventLogError", "GraphError", "Issue", "LeaseExpired",
    "LockTimeout", "MissingDependencyError", "NodeCancelled", "NodeError", "NodeFailed", "NodeTimeout", "NotebookError",
    "OrchestraError", "OutputTooLong", "ProgressError", "RateLimited", "ResourceError", "RunNotOver", "SagaFailed",
    "ServiceError", "ServiceUnreachable",
)  # fmt: skip
_HOME = {
    "AgentCommand": "agents.command_line",
    "AgentRegistry": "agents.registry",
    "BreakerPolicy": "config",
    "CachePolicy": "config",
    "ChatExecutor": "agents.chat",
    "CommandDefinition": "definitions.command",
    "Context": "context.context",
    "ContextManager": "context.manager",
    "DAG": "graph.dag",
    "DAGBuilder": "definitions.builder",
    "Edge": "model",
    "EngineConfig": "engine.config",
    "EventBus": "events",
    "EventLog": "eventlog.writer",
    "Evidence": "model",
    "Expand": "model",
    "JsonSink": "progress.sinks",
    "MarkdownSink": "progress.sinks",
    "Node": "model",
    "Notebook": "cells.notebook_file",
    "Outcome": "model",
    "OrchestrationEngine": "engine.engine",
    "ParallelScheduler": "running.scheduler",
    "Pipeline": "pipeline",
    "ProgressTracker": "progress.tracker",
    "RecoveryManager": "recovery.manager",
    "Replay": "replay.replay",
    "ResourceManager": "resources.manager",
    "RetryPolicy": "config",
    "RunConfig": "config",
    "RunHandle": "progress.handle",
    "RunResult": "running.result",
    "SagaResult": "recovery.saga_result",
    "SagaStep": "recovery.sagas",
    "SimulatedExecutor": "agents.simulated",
    "SubprocessExecutor": "agents.subprocesses",
    "ValidationResult": "graph.validation",
    "breaker_lab": "labs.breaker",
    "compare_policies": "simulation.comparison",
    "current_node": "running.current_node",
    "deadlock_lab": "labs.deadlock",
    "declare_effects": "cells.effects.sources",
    "forget_effects": "cells.effects.sources",
    "heft": "simulation.heft",
    "history": "earlier_runs",
    "load_command": "definitions.loading",
    "optimum": "simulation.optimum",
    "retry_lab": "labs.retry",
    "simulate": "simulation.simulator",
    "simulate_many": "simulation.many",
    "what_if": "simulation.what_if",
    "step_through": "labs.walk",
    "task": "graph.task",
    **dict.fromkeys(_ERRORS, "errors"),
}
_PARTS = ("bench", "taskgraphs")
"""Packages that are used by their names."""

__all__ = [
    "DAG",
    "AgentCommand",
    "AgentError",
    "AgentRegistry",
    "AgentTimeout",
    "AnswerBroken",
    "BackendError",
    "BreakerPolicy",
    "BudgetSpent",
    "CacheError",
    "CachePolicy",
    "ChatExecutor",
    "CheckpointError",
    "CircuitOpenError",
    "CommandDefinition",
    "CommandError",
    "CommandFailed",
    "ComparisonError",
    "ConditionError",
    "ConfigError",
    "Context",
    "ContextManager",
    "CycleError",
    "DAGBuilder",
    "DeadlockError",
    "DefinitionError",
    "Edge",
    "EngineConfig",
    "EventBus",
    "EventLog",
    "EventLogError",
    "Evidence",
    "Expand",
    "GraphError",
    "Issue",
    "JsonSink",
    "LeaseExpired",
    "LockTimeout",
    "MarkdownSink",
    "MissingDependencyError",
    "Node",
    "NodeCancelled",
    "NodeError",
    "NodeFailed",
    "NodeTimeout",
    "Notebook",
    "NotebookError",
    "OrchestraError",
    "OrchestrationEngine",
    "Outcome",
    "OutputTooLong",
    "ParallelScheduler",
    "Pipeline",
    "ProgressError",
    "ProgressTracker",
    "RateLimited",
    "RecoveryManager",
    "Replay",
    "ResourceError",
    "ResourceManager",
    "RetryPolicy",
    "RunConfig",
    "RunHandle",
    "RunNotOver",
    "RunResult",
    "SagaFailed",
    "SagaResult",
    "SagaStep",
    "ServiceError",
    "ServiceUnreachable",
    "SimulatedExecutor",
    "SubprocessExecutor",
    "ValidationResult",
    "__version__",
    "bench",
    "breaker_lab",
    "compare_policies",
    "current_node",
    "deadlock_lab",
    "declare_effects",
    "forget_effects",
    "heft",
    "history",
    "load_command",
    "load_ipython_extension",
    "optimum",
    "retry_lab",
    "simulate",
    "simulate_many",
    "step_through",
    "task",
    "taskgraphs",
    "unload_ipython_extension",
    "what_if",
]


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return importlib.import_module(f"{__name__}.{name}")
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_PARTS})


def load_ipython_extension(shell: Any) -> None:
    """What ``%load_ext orchestra_nb`` calls: register the magics with a shell.

    Examples
    --------
    >>> import tempfile
    >>> from IPython.core.interactiveshell import InteractiveShell
    >>> from traitlets.config import Config
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     shell = InteractiveShell(ipython_dir=folder, config=Config(HistoryManager={"enabled": False}))
    ...     shell.run_line_magic("load_ext", "orchestra_nb")
    >>> "orchestrate" in shell.magics_manager.magics["line"], "orchestrate" in shell.magics_manager.magics["cell"]
    (True, True)
    >>> unload_ipython_extension(shell)
    """
    importlib.import_module(f"{__name__}.notebook.extension").load_ipython_extension(shell)


def unload_ipython_extension(shell: Any) -> None:
    """What ``%unload_ext orchestra_nb`` calls: take the magics away again.

    Examples
    --------
    >>> import tempfile
    >>> from IPython.core.interactiveshell import InteractiveShell
    >>> from traitlets.config import Config
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     shell = InteractiveShell(ipython_dir=folder, config=Config(HistoryManager={"enabled": False}))
    ...     shell.run_line_magic("load_ext", "orchestra_nb")
    ...     shell.run_line_magic("unload_ext", "orchestra_nb")
    >>> "orchestrate" in shell.magics_manager.magics["line"]
    False
    """
    importlib.import_module(f"{__name__}.notebook.extension").unload_ipython_extension(shell)
