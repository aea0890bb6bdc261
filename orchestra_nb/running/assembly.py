"""What a run is put together of, and the result that is put together of it."""

from __future__ import annotations

import random
from types import MappingProxyType
from typing import cast

from orchestra_nb.config import RunConfig
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.undoing import compensators
from orchestra_nb.model import Outcome
from orchestra_nb.planning import Plan
from orchestra_nb.planning.passing import NeedsValue
from orchestra_nb.running.backends import Resolved
from orchestra_nb.running.checkpoints import Record
from orchestra_nb.running.decisions import Terms
from orchestra_nb.running.outcomes import brought_home
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.run import Run
from orchestra_nb.running.seams import Program
from orchestra_nb.running.undoing import not_needed


def plan_for(dag: DAG, config: RunConfig, jobs: int, needs: NeedsValue) -> Plan:
    """One worker takes as long in any order: then it is the document's, unless a random one was asked for."""
    policy = "fifo" if jobs == 1 and config.policy != "random" else config.policy
    return Plan(
        dag,
        schedule=config.schedule,
        policy=policy,
        keep_going=config.keep_going,
        seed=config.seed,
        needs_value=needs,
    )


def terms_of(config: RunConfig, resolved: Resolved) -> Terms:
    """Say within what a run goes."""
    return Terms(
        jobs=resolved.jobs,
        backend=resolved.backend,
        serial=config.jobs == 1,
        processes=resolved.processes is not None,
        together=resolved.together,
        keep_going=config.keep_going,
        timeout=config.timeout,
        async_jobs=config.async_jobs,
        chance=random.Random(config.seed).random,
    )


def result_of(run: Run, program: Program, resolved: Resolved, record: Record, config: RunConfig) -> RunResult:
    """Put together what a run leaves, in document order."""
    driver = run.driver
    outcomes = {node.id: brought_home(driver.outcomes[node.id]) for node in driver.dag.nodes.values()}
    outcomes |= not_needed(outcomes, compensators(driver.dag.nodes.values()), driver.stopped)
    seconds = {str(name): outcome.seconds for name, outcome in outcomes.items() if outcome.status == "done"}
    return RunResult(
        outcomes=MappingProxyType(cast(dict[str, Outcome], outcomes)),
        values=program.results(outcomes),
        dag=driver.dag.with_costs(seconds),
        jobs=resolved.jobs,
        backend=resolved.backend,
        total_time=run.seconds,
        run_id=run.run_id,
        started_at=run.started_at,
        stopped=driver.stopped,
        checkpoints=record.ids,
        unsaved=record.unsaved,
        paused=driver.paused_for,
        config=config,
    )
