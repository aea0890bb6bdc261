"""What a run would have taken, had something been different: workers, a faster node, a kept result, a lock.

First the run is reproduced as it was: the driver's decisions on its own workers, resources, policy and schedule, each
node as long as it was measured. Then it is changed, and simulated again. Both are simulations, so what is saved is the
difference of the two; how far the first one is from what was measured says how much of a run the simulation knows
(:attr:`WhatIf.unexplained`: the library's own work, the machine's other users, earlier attempts, memory that nodes
fight for). ``benchmarks/prediction.py`` holds the second to real runs.

**Order.** A run decides by what it expects. The run as it was goes by the costs that it had; the changed one by what is
known after it: costs that nobody has given are what was measured, as the next run will have learned them.

**What is not known.** What failed is taken to end well after what it took, unless its timeout says otherwise; what
never ran takes what it is expected to. Of several attempts at a node the last one counts. What is cached takes no time,
no worker and no resource.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypedDict, Unpack

from orchestra_nb.config import RunConfig
from orchestra_nb.config import Schedule as ScheduleName
from orchestra_nb.errors import ConfigError, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId
from orchestra_nb.planning.policies import POLICIES, Policy
from orchestra_nb.presentation import Presented
from orchestra_nb.resources.claims import wants_of
from orchestra_nb.running.history_keys import is_given
from orchestra_nb.running.result import RunResult
from orchestra_nb.simulation.case import Case, Workers, case_of
from orchestra_nb.simulation.machines import SPEED, is_speed
from orchestra_nb.simulation.schedule import Schedule
from orchestra_nb.simulation.simulator import run_case, simulate
from orchestra_nb.wording import clean

_LOOP = "event loop"


class Changes(TypedDict, total=False):
    """What may be different."""

    workers: Workers | None
    faster: Mapping[str, float] | None
    cached: Iterable[str]
    lock: Mapping[str, int | str] | None
    policy: str | Policy | None
    schedule: ScheduleName | None


@dataclass(frozen=True, slots=True)
class WhatIf(Presented):
    """A run as it was, and as it would have been.

    Parameters
    ----------
    before
        The run as it was, simulated.
    after
        The same with the changes.
    changes
        What is different, in words.
    measured
        Wall seconds of the real run without its pauses; ``None`` where nothing ran.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("load", cost=2), Node("fit", after=["load"], cost=6), Node("plot", after=["load"], cost=3)])
    >>> found = what_if(dag, faster={"fit": 3})
    >>> found.before.makespan, found.predicted, found.saved, found.critical_path
    (8.0, 5.0, 3.0, ('load', 'plot'))
    """

    before: Schedule
    after: Schedule
    changes: tuple[str, ...] = ()
    measured: float | None = None

    @property
    def predicted(self) -> float:
        """Seconds that it would take.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> what_if(DAG([Node("load", cost=2)]), cached=["load"]).predicted
        0.0
        """
        return self.after.makespan

    @property
    def saved(self) -> float:
        """Seconds that the changes save; negative where they cost some.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> what_if(DAG([Node("load"), Node("fit")]), workers=1).saved
        -1.0
        """
        return self.before.makespan - self.after.makespan

    @property
    def speedup(self) -> float:
        """How many times faster it would be; infinite where nothing is left to do.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> what_if(DAG([Node("load"), Node("fit")]), workers=1).speedup
        0.5
        """
        if self.after.makespan:
            return self.before.makespan / self.after.makespan
        return float("inf") if self.before.makespan else 1.0

    @property
    def critical_path(self) -> tuple[NodeId, ...]:
        """The longest way through the graph after the changes.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> what_if(DAG([Node("load", cost=2), Node("fit")]), faster={"load": 4}).critical_path
        ('fit',)
        """
        return self.after.critical_path

    @property
    def unexplained(self) -> float:
        """Seconds of the real run that its simulation does not have; zero where nothing ran.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> what_if(DAG([Node("load")]), workers=4).unexplained
        0.0
        """
        return 0.0 if self.measured is None else self.measured - self.before.makespan


def what_if(run: RunResult | Schedule | DAG, **changes: Unpack[Changes]) -> WhatIf:
    """Predict what a run would have taken, had something been different.

    Parameters
    ----------
    run
        A run that has ended; a simulated schedule; or a graph, which is then simulated with two workers first.
    **changes
        ``workers``: how many, or the speed of each, as for :func:`.simulate`.

        ``faster``: nodes, each with the factor by which it is faster: ``{"train": 2}``; below one it is slower.

        ``cached``: nodes whose results are there already.

        ``lock``: how much there is of a resource that nodes use: ``{"db": 2, "api": "60/min"}``.

        ``policy``, ``schedule``: as in :class:`.RunConfig`.

    Raises
    ------
    ConfigError
        There is no such node, resource, policy or change, or a value cannot be meant: all faults at once.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("a", uses=["db"]), Node("b", uses=["db"]), Node("c", after=["a", "b"])])
    >>> found = what_if(dag, lock={"db": 2})
    >>> found.before.makespan, found.after.makespan, found.changes
    (3.0, 2.0, ('db: 2',))
    """
    if isinstance(run, DAG):
        run = simulate(run)
    if isinstance(run, RunResult):
        if not run.outcomes:
            raise ConfigError("nothing of this run has begun, so there is nothing to predict from")
        was, measured = _of_run(run), run.total_time - run.paused
        learned = _learned(was.case, run.config is None or run.config.history)
    elif isinstance(run, Schedule) and run.dag is not None:
        was, measured = _of_schedule(run), None
        learned = was.case.dag
    else:
        told = "is a schedule of no graph" if isinstance(run, Schedule) else f"is a {type(run).__name__}"
        raise ConfigError(f"what_if is asked of a run, of a simulated schedule or of a graph; this {told}")
    faults = _faults(was.case.dag, changes)
    if faults:
        raise ConfigError("\n".join(faults))
    after = _changed(was, learned, changes)
    return WhatIf(run_case(was.case), run_case(after), tuple(_words(changes)), measured)


@dataclass(frozen=True, slots=True)
class _Was:
    """A run as it was, ready to be simulated.

    Parameters
    ----------
    case
        The question.
    resources
        How much there was of what, as a user writes it.
    loop
        The nodes that awaited on the event loop, whatever their functions are.
    """

    case: Case
    resources: Mapping[str, int | str]
    loop: frozenset[str] = frozenset()


def _of_run(run: RunResult) -> _Was:
    config = run.config if run.config is not None else RunConfig()
    dag = run.dag.origin
    taken = {name: float(node.cost) for name, node in dag.nodes.items()}
    taken |= {str(o.node): o.seconds for o in run.outcomes.values() if o.started is not None}
    policy: str = "fifo" if run.jobs == 1 and config.policy != "random" else config.policy
    terms = {"resources": config.resources, "async_jobs": config.async_jobs, "keep_going": True}
    case = case_of(dag, run.jobs, policy, config.schedule, config.seed, durations=taken, **terms)
    loop = frozenset(str(o.node) for o in run.outcomes.values() if o.worker == _LOOP)
    cached = frozenset(str(o.node) for o in run.outcomes.values() if o.status == "cached" and o.started is None)
    return _Was(
        replace(case, on_loop=case.on_loop | loop if run.jobs > 1 else loop, cached=cached), config.resources, loop
    )


def _of_schedule(schedule: Schedule) -> _Was:
    assert schedule.dag is not None
    resources = {use.resource: _as_written(use.amount, use.period) for use in schedule.resources}
    policy = schedule.policy if schedule.policy in POLICIES else "critical-path"
    by: ScheduleName = "levels" if schedule.schedule == "levels" else "eager"
    workers: Workers = schedule.speeds or schedule.workers
    return _Was(case_of(schedule.dag, workers, policy, by, resources=resources), resources)


def _as_written(amount: int, period: float | None) -> int | str:
    return amount if period is None else f"{amount}/{ {1.0: 's', 60.0: 'min', 3600.0: 'h'}.get(period, 'run') }"


def _learned(case: Case, history: bool) -> DAG:
    """Make the graph as the next run will expect it: what nobody has said is what was measured."""
    if not history:
        return case.dag
    return case.dag.with_costs(
        {name: case.seconds[name] for name, node in case.dag.nodes.items() if not is_given(node)}
    )


def _changed(was: _Was, learned: DAG, changes: Changes) -> Case:
    case, faster = was.case, changes.get("faster") or {}
    workers = changes.get("workers")
    resources = {**was.resources, **(changes.get("lock") or {})}
    seconds = {name: taken / faster.get(name, 1.0) for name, taken in case.seconds.items()}
    costs = {name: learned.nodes[name].cost / factor for name, factor in faster.items()}
    after = case_of(
        learned.with_costs(costs) if costs else learned,
        (case.speeds or case.workers) if workers is None else workers,
        changes.get("policy") or case.policy,
        changes.get("schedule") or case.schedule,
        case.seed,
        durations=seconds,
        resources=resources,
        async_jobs=case.async_jobs,
        keep_going=case.keep_going,
    )
    loop = after.on_loop | (was.loop if after.workers > 1 else frozenset())
    return replace(after, on_loop=loop, cached=case.cached | {*changes.get("cached", ())})


def _faults(dag: DAG, changes: Changes) -> list[str]:
    known = tuple(Changes.__annotations__)
    faults = [f"there is no change {name!r}; {nearest(name, known)}" for name in changes if name not in known]
    faster, cached = changes.get("faster") or {}, changes.get("cached") or ()
    lock = changes.get("lock") or {}
    given: list[tuple[str, object]] = [("faster", faster), ("lock", lock)]
    wrong = [f"{knob}={value!r} must be a mapping of names" for knob, value in given if not isinstance(value, Mapping)]
    several: object = cached
    if isinstance(several, str) or not isinstance(several, Iterable):
        wrong.append(f"cached={several!r} must be a sequence of nodes, such as ['load']")
    else:
        changes["cached"] = cached = tuple(cached)
        odd = [name for name in cached if not isinstance(name, str)]
        wrong += [f"cached: {name!r} is no name of a node; give names, such as 'load'" for name in odd]
    if wrong:
        return faults + wrong
    for knob, names in (("faster", faster), ("cached", cached)):
        faults += [
            f"{knob}: there is no node {name!r}; {nearest(str(name), dag.nodes)}"
            for name in names
            if name not in dag.nodes
        ]
    faults += [
        f"faster: {factor!r} of node {name!r} must be {SPEED}"
        for name, factor in faster.items()
        if not is_speed(factor)
    ]
    used = dict.fromkeys(name for node in dag.nodes.values() for name, _ in wants_of(node.uses))
    hint = "no node uses any"
    return faults + [
        f"lock: no node uses {name!r}; {nearest(str(name), used) or hint}" for name in lock if name not in used
    ]


def _words(changes: Changes) -> Iterable[str]:
    """Say what is different."""
    workers = changes.get("workers")
    if workers is not None:
        yield f"workers: {workers if isinstance(workers, int) else ', '.join(f'{speed:g}' for speed in workers)}"
    for name, factor in (changes.get("faster") or {}).items():
        yield f"{clean(name)}: {factor:g} times as fast"
    for name in changes.get("cached", ()):
        yield f"{clean(name)}: cached"
    for name, amount in (changes.get("lock") or {}).items():
        yield f"{clean(name)}: {amount}"
    for knob in ("policy", "schedule"):
        value = changes.get(knob)
        if value:
            yield f"{knob}: {value if isinstance(value, str) else getattr(value, '__name__', 'function')}"
