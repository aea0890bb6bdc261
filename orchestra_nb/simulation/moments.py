"""A simulated run moment by moment: what happened, and how everything stands then. For those who watch it step by step.

A moment is taken after each step of the world, when the driver has decided all that follows; steps at one and the same
time (what ends at once after it has begun) are moments of their own. Every graph is driven by the driver here, also a
plain one.

A moment holds how *all* nodes stand, so that all moments together would be the square of the graph. They are made when
they are looked at: the same world happens again up to there (it is deterministic, and costs some 30 µs a node), and
stays where it is for the next look. Going through them all in order costs one simulation and each moment once, so still
the square of the graph in time, but not in memory; a step back costs a simulation, and brings the moments before it
along. Of what was made the last :data:`_KEPT` are kept.
What is small of each step (:class:`Beat`) is known from the start. Rejected: the differences between moments, from
which any of them could be put together (a second account of who waits for what, which could be wrong).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Unpack, overload

from orchestra_nb.config import Schedule as ScheduleName
from orchestra_nb.errors import ConfigError
from orchestra_nb.events import LevelEnded, NodeRetrying
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId, Outcome
from orchestra_nb.planning.policies import Policy
from orchestra_nb.resources.claims import wants_of
from orchestra_nb.running.decisions import Attempt
from orchestra_nb.simulation.case import Case, Terms, Workers, case_of
from orchestra_nb.simulation.schedule import Schedule
from orchestra_nb.simulation.simulator import schedule_of
from orchestra_nb.simulation.world import World
from orchestra_nb.wording import clean, duration

MOST_NODES = 20_000
"""Of a graph that is looked at moment by moment."""
_KEPT = 64
_ENDS: tuple[Callable[[Outcome], bool], ...] = (
    lambda outcome: outcome.ok,
    lambda outcome: outcome.bad,
    lambda outcome: outcome.status == "skipped",
)
"""Done, failed, skipped."""
_Told = Attempt | Outcome | NodeRetrying | LevelEnded


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


@dataclass(frozen=True, slots=True)
class Beat:
    """What is small of a moment.

    Parameters
    ----------
    at
        Seconds since the run began.
    begun
        The attempts that began then, each by its node and its worker.
    ended
        The nodes that ended then, however they did.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> moments(DAG([Node("a"), Node("b", after=["a"])]), workers=1).beats[1]
    Beat(at=1.0, begun=(('b', 0),), ended=('a',))
    """

    at: float
    begun: tuple[tuple[NodeId, int], ...]
    ended: tuple[NodeId, ...]


class Moments(Sequence[Moment]):
    """The moments of a simulated run, each made when it is looked at; :func:`moments` makes them.

    Parameters
    ----------
    case
        What is simulated.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> found = moments(DAG([Node("a"), Node("b", after=["a"])]), workers=1)
    >>> found, found[1].running, found[0].running
    (<3 moments of 2.0 s>, (('b', 0, 2.0),), (('a', 0, 1.0),))
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        """What is simulated."""
        world = World(case)
        self.beats = tuple(_beat(each) for each in world.steps())
        """What is small of each, in the same order."""
        self.schedule: Schedule = schedule_of(world)
        """The whole of it."""
        outcomes = world.driver.outcomes
        self._ended = [_those(self.beats, outcomes, how) for how in _ENDS]
        self._one_looks = Lock()  # a widget looks from the thread that serves its messages
        self._made: dict[int, Moment] = {}
        self._course: Iterator[World] = iter(())
        self._at = len(self.beats)

    def __repr__(self) -> str:
        return f"<{len(self):,} moments of {duration(self.schedule.makespan)}>"

    def __len__(self) -> int:
        return len(self.beats)

    @overload
    def __getitem__(self, place: int) -> Moment: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Moment, ...]: ...
    def __getitem__(self, place: int | slice) -> Moment | tuple[Moment, ...]:
        if isinstance(place, slice):
            return tuple(self[each] for each in range(*place.indices(len(self))))
        number = range(len(self))[place]
        with self._one_looks:
            if number not in self._made:
                self._go_to(number)
            return self._made[number]

    def _go_to(self, number: int) -> None:
        """Let it happen up to a moment, from where it stands or from the beginning."""
        since = number - 1
        if self._at >= number:  # whoever goes back will do so again
            self._course, self._at, since = World(self.case).steps(), -1, number - _KEPT // 2
        for world in self._course:
            self._at += 1
            if self._at >= since:
                self._made[self._at] = _moment(world, self._ended_by(self._at))
            if self._at == number:
                break
        while len(self._made) > _KEPT:
            del self._made[next(iter(self._made))]

    def _ended_by(self, number: int) -> list[tuple[NodeId, ...]]:
        """Give those that were done, had failed and were skipped at a moment."""
        return [tuple(names[: counts[number]]) for names, counts in self._ended]


def moments(
    dag: DAG,
    workers: Workers = 2,
    policy: str | Policy = "critical-path",
    schedule: ScheduleName = "eager",
    seed: int = 0,
    **terms: Unpack[Terms],
) -> Moments:
    """Simulate a run, and say after each step how everything stands.

    Parameters
    ----------
    dag, workers, policy, schedule, seed, **terms
        As for :func:`.simulate`.

    Raises
    ------
    ConfigError
        As for :func:`.simulate`; or the graph has more than 20,000 nodes.
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
    return Moments(case)


def _beat(world: World) -> Beat:
    decided = world.happened
    begun = tuple([(one.node.id, world.live[one.token].worker) for one in decided if type(one) is Attempt])
    return Beat(world.now, begun, tuple([one.node for one in decided if type(one) is Outcome]))


def _those(
    beats: Sequence[Beat], outcomes: Mapping[NodeId, Outcome], how: Callable[[Outcome], bool]
) -> tuple[list[NodeId], list[int]]:
    """List the nodes that ended in a certain way, and how many of them had by each moment."""
    names, counts = list[NodeId](), list[int]()
    for beat in beats:
        names += [name for name in beat.ended if how(outcomes[name])]
        counts.append(len(names))
    return names, counts


def _moment(world: World, ended: Sequence[tuple[NodeId, ...]]) -> Moment:
    done, failed, skipped = ended
    happened = [each for each in world.happened if isinstance(each, _Told)]
    waits = sorted(world.driver.waiting, key=lambda one: world.plan.rank(one[0]))
    refused = [(name, resource) for name, resource in waits if resource and not _has_room(world, name, resource)]
    for_resources = dict(refused)
    return Moment(
        world.now,
        tuple(_words(world, each) for each in happened),
        tuple(name for name, _ in waits if name not in for_resources),
        tuple((one.attempt.node.id, one.worker, one.end) for one in world.live.values()),
        tuple((name, resource, world.holders.of(resource, world.now)) for name, resource in refused),
        tuple(sorted(((name, at) for name, at in world.due.items() if at > world.now), key=lambda one: one[1])),
        done,
        failed,
        skipped,
        tuple((name, by) for name in world.holders.taken if (by := world.holders.of(name, world.now))),
        tuple(dict.fromkeys(name for each in happened if (name := _about(each)))),
    )


def _has_room(world: World, name: NodeId, resource: str) -> bool:
    """Whether a node could have the resource that refused it last: then it waits for a worker by now."""
    amount = dict(wants_of(world.case.dag.nodes[name].uses))[resource]
    return world.claims.room(resource, amount, world.now)


def _about(decision: _Told) -> NodeId:
    if isinstance(decision, Attempt):
        return decision.node.id
    return NodeId("") if isinstance(decision, LevelEnded) else decision.node


def _words(world: World, decision: _Told) -> str:
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
