"""A simulated run moment by moment: what happened, and how everything stands then. For those who watch it step by step.

A moment is taken after each step of the world, when the driver has decided all that follows; steps at one and the same
time (what ends at once after it has begun) are moments of their own. Every graph is driven by the driver here, also a
plain one. Cost: the whole state for each step, so it is for graphs that a person can watch; what is larger is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

from orchestra_nb.config import Schedule as ScheduleName
from orchestra_nb.errors import ConfigError
from orchestra_nb.events import LevelEnded, NodeRetrying
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId, Outcome
from orchestra_nb.planning.policies import Policy
from orchestra_nb.resources.claims import wants_of
from orchestra_nb.running.decisions import Attempt
from orchestra_nb.simulation.case import Terms, Workers, case_of
from orchestra_nb.simulation.world import World
from orchestra_nb.wording import clean, duration

MOST_NODES = 2_000
"""Of a graph that is looked at moment by moment."""


@dataclass(frozen=True, slots=True)
class Moment:
    """How a simulated run stands at one moment.

    Parameters
    ----------
    at
        Seconds since it began.
    happened
        What was decided then, in words, in order.
    ready
        The nodes that could begin and wait for a worker, the most urgent first.
    running
        The nodes that run, each with its worker (from 0; from the number of workers on: the event loop) and the time
        at which it will end.
    waiting
        The nodes that wait for a resource, each with that, and with those who hold it; the most urgent first.
    resting
        The nodes that failed and rest, each with the time at which it will be tried again.
    done, failed, skipped
        How nodes have ended, in that order; failed are also cancelled ones.
    held
        The resources that are held or, of a rate, used up for now: each with those who hold it.
    about
        The nodes that something has happened to.

    Examples
    --------
    >>> Moment(0.0, ("load begins on worker 1",), running=(("load", 0, 2.5),)).at
    0.0
    """

    at: float
    happened: tuple[str, ...] = ()
    ready: tuple[NodeId, ...] = ()
    running: tuple[tuple[NodeId, int, float], ...] = ()
    waiting: tuple[tuple[NodeId, str, tuple[NodeId, ...]], ...] = ()
    resting: tuple[tuple[NodeId, float], ...] = ()
    done: tuple[NodeId, ...] = ()
    failed: tuple[NodeId, ...] = ()
    skipped: tuple[NodeId, ...] = ()
    held: tuple[tuple[str, tuple[NodeId, ...]], ...] = ()
    about: tuple[NodeId, ...] = ()


def moments(
    dag: DAG,
    workers: Workers = 2,
    policy: str | Policy = "critical-path",
    schedule: ScheduleName = "eager",
    seed: int = 0,
    **terms: Unpack[Terms],
) -> tuple[Moment, ...]:
    """Simulate a run, and say after each step how everything stands.

    Parameters
    ----------
    dag, workers, policy, schedule, seed, **terms
        As for :func:`.simulate`.

    Raises
    ------
    ConfigError
        As for :func:`.simulate`; or the graph has more than 2,000 nodes.
    DefinitionError
        As for :func:`.simulate`.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> for moment in moments(DAG([Node("a", uses=["db"]), Node("b", uses=["db"])]), workers=2):
    ...     print(moment.at, moment.happened, moment.waiting)
    0.0 ('a begins on worker 1',) (('b', 'db', ('a',)),)
    1.0 ('a is done', 'b begins on worker 1') ()
    2.0 ('b is done', 'level 0 is complete') ()
    """
    case = case_of(dag, workers, policy, schedule, seed, **terms)
    if len(dag) > MOST_NODES:
        told = f"{len(dag):,} nodes are too many to be looked at moment by moment"
        raise ConfigError(f"{told}; take a part of at most {MOST_NODES:,}: dag.subgraph([…])")
    found: list[Moment] = []
    World(case, watch=lambda world: found.append(_moment(world))).run()
    return tuple(found)


def _moment(world: World) -> Moment:
    driver = world.driver
    ended = driver.outcomes.values()
    waits = sorted(driver.waiting, key=lambda one: world.plan.rank(one[0]))
    refused = [(name, resource) for name, resource in waits if resource and not _has_room(world, name, resource)]
    for_resources = dict(refused)
    return Moment(
        world.now,
        tuple(_words(world, each) for each in world.happened),
        tuple(name for name, _ in waits if name not in for_resources),
        tuple((one.attempt.node.id, one.worker, one.end) for one in world.live.values()),
        tuple((name, resource, world.holders.of(resource, world.now)) for name, resource in refused),
        tuple(sorted(world.due.items(), key=lambda one: one[1])),
        tuple(outcome.node for outcome in ended if outcome.ok),
        tuple(outcome.node for outcome in ended if outcome.bad),
        tuple(outcome.node for outcome in ended if outcome.status == "skipped"),
        tuple((name, by) for name in world.holders.taken if (by := world.holders.of(name, world.now))),
        tuple(dict.fromkeys(name for each in world.happened if (name := _about(each)))),
    )


def _has_room(world: World, name: NodeId, resource: str) -> bool:
    """Whether a node could have the resource that refused it last: then it waits for a worker by now."""
    amount = dict(wants_of(world.case.dag.nodes[name].uses))[resource]
    return world.claims.room(resource, amount, world.now)


def _about(decision: Attempt | Outcome | NodeRetrying | LevelEnded) -> NodeId:
    if isinstance(decision, Attempt):
        return decision.node.id
    return NodeId("") if isinstance(decision, LevelEnded) else decision.node


def _words(world: World, decision: Attempt | Outcome | NodeRetrying | LevelEnded) -> str:
    """Say what was decided."""
    if isinstance(decision, LevelEnded):
        return f"level {decision.level} is complete"
    name = clean(_about(decision))
    if isinstance(decision, NodeRetrying):
        return f"{name} failed, and rests {duration(decision.delay)}: {clean(decision.reason)}"
    if isinstance(decision, Outcome):
        why = decision.reason or (str(decision.error) if decision.error is not None else "")
        how = {"done": "is done", "skipped": "is skipped"}.get(decision.status, f"is {decision.status}")
        return f"{name} {how}: {clean(why)}" if why else f"{name} {how}"
    again = f", attempt {decision.number}" if decision.number > 1 else ""
    worker = world.live[decision.token].worker
    where = f"worker {worker + 1}" if worker < world.case.workers else "the event loop"
    return f"{name} begins on {where}{again}"
