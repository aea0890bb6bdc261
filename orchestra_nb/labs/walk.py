"""A schedule step by step: who may begin, who goes first and why, who runs, who waits for whom. Pure.

The moments are those of a simulated run (:mod:`orchestra_nb.simulation.moments`), decided by the driver of a real one;
here those at one and the same time become one step, since they follow from each other, and what follows is put in
words: who became ready, who was taken first and by which number, who waits for what. A step is about one time: who is
offered at it is everyone who began then, waits for a resource or a worker, in the order in which they are looked at.

Order: steps by time. Cost: one simulation, and a few numbers for each step; how everything stood at a step, and what is
said of it, is made when it is looked at (:class:`.Moments`), so that a walk is no larger than its graph. Failure: as
:func:`.simulate`, all faults at once. Rejected: a step for each decision (a barrier with a hundred nodes behind it
would be a hundred steps at one time).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack, cast, overload

from orchestra_nb.config import RunConfig
from orchestra_nb.config import Schedule as ScheduleName
from orchestra_nb.errors import ConfigError, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.labs.order import Order
from orchestra_nb.labs.steps import Step, steps_of
from orchestra_nb.labs.story import Story, Told
from orchestra_nb.planning.policies import Policy
from orchestra_nb.simulation import Schedule
from orchestra_nb.simulation.case import Terms, Workers
from orchestra_nb.simulation.moments import moments


class Changes(TypedDict, total=False):
    """What :meth:`Walk.with_` can change, beside the terms of a simulation."""

    workers: Workers
    policy: str | Policy
    schedule: ScheduleName
    seed: int


@dataclass(frozen=True, slots=True)
class Walk(Told, Sequence[Step]):
    """A schedule that is walked through step by step; :func:`step_through` makes it.

    Parameters
    ----------
    dag
        What is scheduled.
    schedule
        The whole of it.
    steps
        By time.
    workers, policy, barriers, seed, terms
        As they were given to :func:`step_through`; ``barriers`` is its ``schedule``.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> walk = step_through(DAG([Node("load", cost=2), Node("clean", after=["load"])]), workers=2)
    >>> len(walk), [step.at for step in walk], walk.at(2.5).running
    (3, [0.0, 2.0, 3.0], (('clean', 0, 3.0),))
    """

    dag: DAG
    schedule: Schedule
    steps: tuple[Step, ...]
    workers: Workers
    policy: str | Policy
    barriers: ScheduleName
    seed: int
    terms: Terms

    def __len__(self) -> int:
        return len(self.steps)

    @overload
    def __getitem__(self, place: int) -> Step: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Step, ...]: ...
    def __getitem__(self, place: int | slice) -> Step | tuple[Step, ...]:
        return self.steps[place]

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def at(self, seconds: float) -> Step:
        """Say how it stands after so many seconds: the last step until then.

        Raises
        ------
        ConfigError
            That is before the beginning, or no number.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> step_through(DAG([Node("load", cost=2)])).at(1).states
        {'load': 'running'}
        """
        if not seconds >= 0:
            raise ConfigError(f"at({seconds!r}) is before the beginning; give seconds from 0")
        return self.steps[bisect_right([step.at for step in self.steps], seconds) - 1]

    def with_(self, **changed: Any) -> Walk:
        """Walk through the same graph with something changed.

        Parameters
        ----------
        **changed
            ``workers``, ``policy``, ``schedule``, ``seed``, and the terms of :func:`step_through`.

        Raises
        ------
        ConfigError
            There is nothing of that name, or it cannot be that.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> walk = step_through(DAG([Node("a"), Node("b")]), workers=1)
        >>> walk.schedule.makespan, walk.with_(workers=2).schedule.makespan
        (2.0, 1.0)
        """
        known = (*Changes.__annotations__, *Terms.__annotations__)
        for name in changed:
            if name not in known:
                raise ConfigError(f"a walk has no {name!r}; {nearest(name, known)}")
        given = {"workers": self.workers, "policy": self.policy, "schedule": self.barriers, "seed": self.seed}
        return step_through(self.dag, **cast("Any", {**given, **self.terms, **changed}))

    @property
    def story(self) -> Story:
        """What there is to walk through, as frames and controls.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> story = step_through(DAG([Node("load", cost=2), Node("clean", after=["load"])]), workers=2).story
        >>> [frame.title for frame in story.frames]
        ['0 s', '2.0 s', '3.0 s']
        """
        from orchestra_nb.labs.walk_story import story_of

        return story_of(self)


def step_through(
    dag: DAG,
    workers: Workers = 2,
    policy: str | Policy = "critical-path",
    schedule: ScheduleName = "eager",
    seed: int = 0,
    **terms: Unpack[Terms],
) -> Walk:
    """Simulate a run, and walk through it event by event, forward and back.

    In a notebook, the walk shows itself: buttons and a slider for the steps, a slider for the workers and a choice of
    policy; in the page that is saved stands the whole of it.

    Parameters
    ----------
    dag, workers, policy, schedule, seed, **terms
        As for :func:`.simulate`.

    Raises
    ------
    ConfigError
        As for :func:`.simulate`; or the graph is too large to be looked at moment by moment.
    DefinitionError
        As for :func:`.simulate`.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> nodes = [Node("fit", cost=2, uses=["gpu"]), Node("score", uses=["gpu"]), Node("plot", after=["fit"])]
    >>> for step in step_through(DAG(nodes), workers=2):
    ...     print(step.at, *step.told, sep=" | ")
    0.0 | fit and score may begin | fit goes first: the longest way to the end begins with it (upward rank 3.0 s) | \
fit begins on worker 1 | score waits for gpu, held by fit
    2.0 | fit is done | plot may begin | score begins on worker 1 | plot begins on worker 2
    3.0 | score is done | plot is done | level 0 is complete | level 1 is complete
    """
    found = moments(dag, workers, policy, schedule, seed, **terms)
    steps = tuple(steps_of(found, Order.of(found.case)))
    return Walk(dag, found.schedule, steps, workers, policy, schedule, seed, terms)


def walk_of(dag: DAG, config: RunConfig, jobs: int) -> Walk:
    """Walk through what a run by a configuration would be.

    Parameters
    ----------
    dag
        What would run.
    config
        How; what it says of resources, timeouts and failures counts too.
    jobs
        How many nodes at once, as the configuration comes to on this machine.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> walk_of(DAG([Node("load"), Node("plot")]), RunConfig(policy="fifo"), 1).schedule.makespan
    2.0
    """
    terms: Terms = {
        "resources": config.resources,
        "keep_going": config.keep_going,
        "timeout": config.timeout,
        "async_jobs": config.async_jobs,
    }
    return step_through(dag, jobs, config.policy, config.schedule, config.seed, **terms)
