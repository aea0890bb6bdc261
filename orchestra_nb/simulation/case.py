"""What is to be simulated: everything that a user said, checked, in one frozen record.

Every fault of the arguments is found before anything is simulated and told in one :class:`.ConfigError`, each with its
place; what is wrong with nodes is found by what finds it before a real run (:mod:`orchestra_nb.running.admission`).

**What a simulation cannot know.** Conditions (``when``) need values: they are taken to hold. Cells and functions run
in threads, as under the default backend, coroutine functions on the event loop, and cells that must not run in another
thread in the one that runs cells; what only compensates others does not run. Who is asked to stop (its timeout, that
of the run) stops at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict, cast

from orchestra_nb.config import Capacity, RunConfig
from orchestra_nb.config import Schedule as ScheduleName
from orchestra_nb.errors import ConfigError, DefinitionError, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.undoing import compensators
from orchestra_nb.knobs import whole_seed
from orchestra_nb.model import Node, is_duration
from orchestra_nb.planning.policies import Policy, policy_of
from orchestra_nb.running.admission import capacities_of, faults
from orchestra_nb.running.coroutine_call import is_coroutine_function
from orchestra_nb.simulation.durations import NO_DURATION, Durations, Empirical, chance_of, uniform
from orchestra_nb.simulation.learned import learned_costs, learned_durations
from orchestra_nb.simulation.machines import SPEED, is_speed

Workers = int | Sequence[float]
"""How many there are; or the speed of each, where 1 takes a node's cost and 0.5 twice that."""


class Terms(TypedDict, total=False):
    """What a simulation may be told beside its graph, its workers and its policy."""

    resources: Mapping[str, int | str] | None
    durations: Mapping[str, float] | Durations | str | None
    failures: Mapping[str, float] | float | None
    keep_going: bool
    timeout: float | None
    async_jobs: int | None


@dataclass(frozen=True, slots=True)
class Case:
    """One question to the simulator; :func:`case_of` makes it.

    Parameters
    ----------
    dag
        What needs what.
    workers
        How many nodes may run at once.
    speeds
        Of each worker; empty where all are one.
    policy, schedule, seed
        As in :class:`.RunConfig`; the policy may also be a function.
    capacities
        How much there is of what nodes use.
    keep_going, timeout, async_jobs
        As in :class:`.RunConfig`.
    seconds
        What the first attempt at each node takes.
    durations
        What draws that, and what later attempts take; ``None``: they take the same.
    failing
        For each node that may fail, how likely an attempt does.
    on_loop
        The nodes that await on the event loop.
    in_main
        The nodes that only the calling thread runs, one at a time: cells that must not run in another.
    cached
        The nodes whose results are there already.

    Examples
    --------
    >>> Case(DAG([]), 2).policy
    'critical-path'
    """

    dag: DAG
    workers: int = 1
    speeds: tuple[float, ...] = ()
    policy: str | Policy = "critical-path"
    schedule: ScheduleName = "eager"
    seed: int = 0
    capacities: Mapping[str, Capacity] = field(default_factory=dict)
    keep_going: bool = False
    timeout: float | None = None
    async_jobs: int | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    durations: Durations | None = None
    failing: Mapping[str, float] = field(default_factory=dict)
    on_loop: frozenset[str] = frozenset()
    in_main: frozenset[str] = frozenset()
    cached: frozenset[str] = frozenset()

    @property
    def is_plain(self) -> bool:
        """Whether nodes wait for nothing but what they need and a worker, and none is stopped or fails.

        Examples
        --------
        >>> case_of(DAG([Node("a")]), 2).is_plain, case_of(DAG([Node("a", uses=["db"])]), 2).is_plain
        (True, False)
        """
        if self.failing or self.on_loop or self.in_main or self.cached or self.timeout is not None:
            return False
        nodes = self.dag.nodes.values()
        return not any(node.uses or node.timeout is not None or node.undo is not None for node in nodes)

    def takes(self, node: Node, attempt: int) -> float:
        """Say what an attempt takes on a worker of speed one, in seconds.

        Examples
        --------
        >>> case_of(DAG([Node("a", cost=3)]), 2).takes(Node("a"), 2)
        3.0
        """
        if attempt == 1 or self.durations is None:
            return self.seconds[node.id]
        drawn = self.durations.seconds(node, chance_of(self.seed, node.id, attempt))
        if not is_duration(drawn):
            raise ConfigError(f"durations: attempt {attempt} at node {node.id!r} takes {drawn!r}; {NO_DURATION}")
        return drawn

    def fails(self, node: Node, attempt: int) -> bool:
        """Say whether an attempt fails.

        Examples
        --------
        >>> case_of(DAG([Node("a")]), 2, failures={"a": 1.0}).fails(Node("a"), 1)
        True
        """
        likely = self.failing.get(node.id, 0.0)
        return likely > 0 and uniform(chance_of(self.seed, node.id, attempt, "fails")) < likely

    def with_seed(self, seed: int) -> Case:
        """Make the same question of another world: all that is drawn is drawn anew.

        Examples
        --------
        >>> case_of(DAG([Node("a")]), 2).with_seed(7).seed
        7
        """
        seconds = self.seconds if self.durations is None else _drawn(self.dag, self.durations, seed)
        return replace(self, seed=seed, seconds=seconds)


def case_of(
    dag: DAG,
    workers: Workers,
    policy: str | Policy = "critical-path",
    schedule: ScheduleName = "eager",
    seed: int = 0,
    **given: Any,
) -> Case:
    """Check a question to the simulator.

    Parameters
    ----------
    dag, workers, policy, schedule, seed, given
        As for :func:`.simulate`.

    Raises
    ------
    ConfigError
        Arguments that cannot be meant, all of them.
    DefinitionError
        Nodes that could never run.

    Examples
    --------
    >>> case_of(DAG([Node("a")]), 0, "fiffo", durations={"b": -1})
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: workers=0 can run nothing; give 1 or more, or a speed for each, such as [1.0, 0.5]
    policy='fiffo' is unknown; did you mean 'fifo'?
    durations: node 'b' takes -1; a duration is a finite number of seconds from 0
    durations: there is no node 'b'; known: a
    durations: node 'a' is missing
    """
    if not isinstance(dag, DAG):
        raise ConfigError(f"a simulation is of a DAG, not {type(dag).__name__}; DAGBuilder makes one")
    known = tuple(Terms.__annotations__)
    wrong = [f"there is no setting {name!r}; {nearest(name, known)}" for name in given if name not in known]
    count, speeds = _workers(workers, wrong)
    _told(lambda: whole_seed(seed), wrong)
    found = [
        _told(lambda: policy_of(policy, seed), wrong),
        _told(lambda: RunConfig(schedule=schedule), wrong),
        _told(lambda: RunConfig(timeout=given.get("timeout"), async_jobs=given.get("async_jobs")), wrong),
        _told(lambda: RunConfig(resources=given.get("resources") or {}), wrong),
    ]
    dag, durations, seconds = _durations(dag, given.get("durations"), seed, wrong)
    failing = _failing(dag, given.get("failures"), wrong)
    if wrong:
        raise ConfigError("\n".join(wrong))
    capacities = capacities_of(cast(RunConfig, found[3]), dag)
    issues = faults(dag.nodes.values(), capacities)
    if issues:
        raise DefinitionError(issues)
    on_loop = frozenset(name for name, node in dag.nodes.items() if node.fn and is_coroutine_function(node.fn))
    in_main = frozenset(name for name, node in dag.nodes.items() if node.kind == "cell" and _keeps_to_main(node))
    return Case(
        dag,
        count,
        speeds,
        policy=policy,
        schedule=schedule,
        seed=seed,
        capacities=capacities,
        keep_going=bool(given.get("keep_going", False)),
        timeout=given.get("timeout"),
        async_jobs=given.get("async_jobs"),
        seconds=seconds,
        durations=durations,
        failing=failing,
        on_loop=on_loop if count > 1 else frozenset(),
        in_main=in_main if count > 1 else frozenset(),
    )


def _keeps_to_main(node: Node) -> bool:
    """Whether a cell must not run in another thread than the one that runs cells."""
    return bool(node.verdicts.get("threading"))


def _told(check: Callable[[], object], wrong: list[str]) -> object:
    try:
        return check()
    except ConfigError as error:
        wrong.append(str(error))
        return None


def _workers(given: object, wrong: list[str]) -> tuple[int, tuple[float, ...]]:
    """Read how many workers there are, and how fast each is."""
    hint = "give 1 or more, or a speed for each, such as [1.0, 0.5]"
    if isinstance(given, int) and not isinstance(given, bool):
        if given >= 1:
            return given, ()
        wrong.append(f"workers={given!r} can run nothing; {hint}")
        return 1, ()
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        wrong.append(f"workers={given!r} is no number of workers; {hint}")
        return 1, ()
    if not given:
        wrong.append(f"workers={given!r} can run nothing; {hint}")
        return 1, ()
    for place, speed in enumerate(given):
        if not is_speed(speed):
            wrong.append(f"workers[{place}]={speed!r} is no speed; give {SPEED}, such as 0.5")
    speeds = tuple(given)
    return len(speeds), () if all(speed == 1 for speed in speeds) else speeds


def _durations(
    dag: DAG, given: object, seed: int, wrong: list[str]
) -> tuple[DAG, Durations | None, Mapping[str, float]]:
    """Read what nodes take: the graph with the costs that are expected, what draws, and what was drawn."""
    if isinstance(given, Mapping):
        aside = compensators(dag.nodes.values())
        bad = {name: each for name, each in given.items() if not is_duration(each)}
        wrong += [f"durations: node {name!r} takes {each!r}; {NO_DURATION}" for name, each in bad.items()]
        unknown = [name for name in given if name not in dag.nodes]
        wrong += [f"durations: there is no node {name!r}; {nearest(str(name), dag.nodes)}" for name in unknown]
        missing = [name for name in dag.nodes if name not in given and name not in aside]
        wrong += [f"durations: node {name!r} is missing" for name in missing]
        return dag, None, {**dict.fromkeys(aside, 0.0), **{str(name): each for name, each in given.items()}}
    if given == "learned":
        dag, given = learned_costs(dag), None
    if given is None:
        return dag, None, {name: float(node.cost) for name, node in dag.nodes.items()}
    if isinstance(given, Empirical) and given.samples is None:
        given = Empirical(learned_durations(dag))
    if isinstance(given, str) or not callable(getattr(given, "seconds", None)):
        hint = "give seconds for each node, 'learned', or a distribution such as LogNormal(cv=0.3)"
        wrong.append(f"durations={given!r} says nothing of durations; {hint}")
        return dag, None, {}
    drawing = cast(Durations, given)
    return dag, drawing, {} if wrong else _drawn(dag, drawing, seed)


def _drawn(dag: DAG, durations: Durations, seed: int) -> dict[str, float]:
    found = {name: durations.seconds(node, chance_of(seed, name)) for name, node in dag.nodes.items()}
    bad = {name: each for name, each in found.items() if not is_duration(each)}
    if bad:
        told = (f"durations: node {name!r} takes {each!r}; {NO_DURATION}" for name, each in bad.items())
        raise ConfigError("\n".join(told))
    return found


def _failing(dag: DAG, given: object, wrong: list[str]) -> dict[str, float]:
    """Read how likely attempts fail."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        given = dict.fromkeys(dag.nodes, given)
    found: dict[str, float] = {}
    for name, likely in given.items():
        if name not in dag.nodes:
            wrong.append(f"failures: there is no node {name!r}; {nearest(str(name), dag.nodes)}")
        if not is_duration(likely) or not likely <= 1:
            wrong.append(f"failures: {likely!r} of node {name!r} is no probability; give a number from 0 to 1")
        elif likely > 0:
            found[str(name)] = likely
    return found
