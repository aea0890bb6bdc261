"""One call for a run: made in the thread that runs it, and stopped from another.

Before the run, what a command requires and is not given comes from the cache, if an earlier one has put it out for so
long; after it, the outputs of agents that say for how long they hold go there. Nothing else passes between runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestra_nb.context.manager import ContextManager
from orchestra_nb.definitions.command import Agent, CommandDefinition
from orchestra_nb.engine.parts import Parts
from orchestra_nb.errors import ConfigError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.running.result import RunResult

if TYPE_CHECKING:
    from orchestra_nb.pipeline import Pipeline


FROM_THE_BEGINNING = object()


class Call:
    """A run that somebody asked for.

    Parameters
    ----------
    parts
        Of the engine.
    definition, context, options
        What to run, with which values and settings.
    checkpoint
        Where to go on from, if not at the beginning; what names none is refused.
    newest
        Whether to go on from the newest checkpoint that there is.

    Examples
    --------
    >>> from orchestra_nb.engine.config import EngineConfig
    >>> Call(Parts(EngineConfig()), {"n": lambda: 42}, None, {"jobs": 1, "history": False})().values
    {'n': 42}
    """

    def __init__(
        self,
        parts: Parts,
        definition: Any,
        context: Mapping[str, Any] | None,
        options: Mapping[str, Any],
        checkpoint: Any = FROM_THE_BEGINNING,
        newest: bool = False,
    ) -> None:
        self._parts, self._definition = parts, definition
        self._newest = newest
        self._context, self._options, self._checkpoint = context, options, checkpoint
        self._pipeline: Pipeline | None = None

    def __call__(self) -> RunResult:
        """Run it to its end, in this thread."""
        from orchestra_nb.pipeline import Pipeline  # which knows notebooks, and with them a lot

        parts = self._parts
        scheduler = parts.scheduler(self._options)
        pipeline = Pipeline(self._definition, agents=parts.agents, scheduler=scheduler)
        begins = self._checkpoint is FROM_THE_BEGINNING and not self._newest
        if not begins and pipeline.notebook is not None:
            raise ConfigError("a notebook is gone on with by 'orchestra resume', or '%orchestrate resume' in it")
        with parts.turn(pipeline):
            self._pipeline = pipeline
            context = _with_known(self._context, pipeline.dag, parts.cache)
            if begins:
                result = pipeline.run(context)
            else:
                dag, checkpoint = pipeline.dag, self._checkpoint
                checkpoint = scheduler.newest_checkpoint(dag, context) if self._newest else checkpoint
                result = scheduler.resume_from_checkpoint(checkpoint, dag, context)
            _put_out(result, parts.cache)
            if result.undone is not None:
                parts.recovery.undone(result.undone)
            return result

    def cancel(self) -> None:
        """Stop it, once it has begun; from any thread."""
        if self._pipeline is not None:
            self._pipeline.cancel("the task that awaited the run was cancelled")


def _with_known(context: Mapping[str, Any] | None, dag: DAG, cache: ContextManager) -> Mapping[str, Any] | None:
    """Add what a command requires, is not given, and an earlier one has put out for so long."""
    command = dag.metadata.get("definition")
    if not isinstance(command, CommandDefinition) or (context is not None and not isinstance(context, Mapping)):
        return context
    given, nothing = dict(context or {}), object()
    for name in command.required:
        if name not in given and (found := cache.get(name, nothing)) is not nothing:
            given[name] = found
    return given


def _put_out(result: RunResult, cache: ContextManager) -> None:
    """Keep the outputs of agents that say for how long they hold, unless the agent was undone."""
    undone = () if result.undone is None else result.undone.compensated
    for outcome in result.outcomes.values():
        agent = result.dag.nodes[outcome.node].metadata.get("agent")
        if outcome.status != "done" or outcome.node in undone or not isinstance(agent, Agent):
            continue
        made = outcome.value if isinstance(outcome.value, Mapping) else {}
        for output in agent.outputs:
            if output.ttl is not None:
                cache.set(output.key, made.get(output.key, outcome.value), output.ttl)
