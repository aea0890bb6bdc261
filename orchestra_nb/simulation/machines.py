"""Who the workers are, and what each node takes on each of them: what static schedulers start from.

Policy: three ways to say it. A number: so many equal workers. A sequence of speeds: a node takes its cost divided by
the speed of its worker (related machines). A table, worker by worker, of what each node takes there (unrelated
machines), as in the literature on heterogeneous scheduling. Nodes that only compensate others take part in no schedule
(:mod:`orchestra_nb.graph.undoing`). Order: workers as given, nodes by document position. Failure: what cannot be meant
is one :class:`.ConfigError` that lists every fault. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from orchestra_nb.config import RunConfig, read_capacity
from orchestra_nb.errors import ConfigError, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.undoing import compensators
from orchestra_nb.model import is_duration
from orchestra_nb.resources.claims import Wants, impossible, wants_of

Speeds = int | Sequence[float] | Mapping[str, Mapping[str, float]]
"""How many workers, how fast each is, or what each node takes on each."""
Communication = Mapping[tuple[str, str], float]
"""For a pair of nodes, seconds that a value travels where they run on different workers."""


@dataclass(frozen=True, slots=True)
class Machines:
    """Workers, and what each node takes on each.

    Parameters
    ----------
    count
        How many workers there are.
    times
        For each node by document position, the seconds on each worker; empty for nodes that take no part. Of equal
        workers, no more are listed than there are nodes.
    speeds
        Of each worker, where speeds tell all; else empty.
    names
        Of the workers, where they were given names.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> machines_of(DAG([Node("fit", cost=6.0)]), [2.0, 1.0]).times
    ((3.0, 6.0),)
    """

    count: int
    times: tuple[tuple[float, ...], ...]
    speeds: tuple[float, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether every node takes the same on every worker.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> machines_of(DAG([Node("fit")]), [1.0, 1.0]).equal
        True
        """
        return all(len(set(row)) <= 1 for row in self.times)

    def means(self) -> list[float]:
        """What each node takes on average over the workers; zero for those that take no part.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> machines_of(DAG([Node("fit", cost=6.0)]), [2.0, 1.0]).means()
        [4.5]
        """
        return [math.fsum(row) / len(row) if row else 0.0 for row in self.times]

    def lower_bound(self, dag: DAG, held: Mapping[str, int] | None = None) -> float:
        """Say what no schedule on these workers can beat (seconds).

        The longest way if each of its nodes had its fastest worker, or all work shared out so that all workers end at
        once, or all that holds a resource one after another as far as there is not enough of it, whichever is longest.
        On equal workers, the bound of Fernández and Bussell (1973).

        Parameters
        ----------
        dag
            What needs what.
        held
            How much there is of each resource, as :func:`held_by` reads it.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> dag = DAG([Node("load", cost=2.0), Node("fit", after=["load"], cost=6.0), Node("plot", cost=4.0)])
        >>> machines_of(dag, [2.0, 1.0]).lower_bound(dag), machines_of(dag, 2).lower_bound(dag)
        (4.0, 8.0)
        >>> both = DAG([Node("load", cost=2.0, uses=["db"]), Node("fit", cost=6.0, uses=["db"])])
        >>> machines_of(both, 2).lower_bound(both, {"db": 1})
        8.0
        """
        fastest = [min(row, default=0.0) for row in self.times]
        quickest = dag.with_costs(dict(zip(dag.table.ids, fastest, strict=True)))
        waited = _queueing(dag, fastest, held or {})
        if self.equal:
            return max(quickest.bounds(self.count).lower, waited)
        shared = math.fsum(fastest) / self.count
        if self.speeds:
            at_once = sorted(self.speeds, reverse=True)[: max(1, sum(map(bool, self.times)))]
            shared = math.fsum(t * max(self.speeds) for t in fastest) / math.fsum(at_once)
        return max(quickest.critical_time, shared, waited)


def _queueing(dag: DAG, fastest: Sequence[float], held: Mapping[str, int]) -> float:
    """What the resource that is wanted most is held in all, shared evenly."""
    amounts: dict[str, list[float]] = {}
    for node, seconds in zip(dag.nodes.values(), fastest, strict=True):
        for name, amount in wants_of(node.uses) if node.uses else ():
            amounts.setdefault(name, []).append(seconds * amount)
    return max((math.fsum(times) / held[name] for name, times in amounts.items() if name in held), default=0.0)


def machines_of(dag: DAG, speeds: Speeds) -> Machines:
    """Read who the workers are.

    Parameters
    ----------
    dag
        The nodes, whose ``cost`` is what each takes on a worker of speed 1.
    speeds
        A number of equal workers; a sequence of speeds; or for each worker's name what each node takes there, in
        seconds.

    Raises
    ------
    ConfigError
        No workers, a speed that is none, times that are missing or negative, or nodes that do not exist; all of it.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> machines_of(DAG([Node("fit")]), {"laptop": {"fit": 3.0}, "server": {"fti": 1.0}})
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: worker 'server': no node is named 'fti'; did you mean 'fit'?
    worker 'server': nothing says what 'fit' takes there
    """
    if not isinstance(dag, DAG):
        raise ConfigError(f"a schedule is of a DAG, not {type(dag).__name__}; DAGBuilder makes one")
    aside = compensators(dag.nodes.values())
    costs = [None if node.id in aside else float(node.cost) for node in dag.nodes.values()]
    if isinstance(speeds, Mapping):
        return _of_table(dag, speeds, [name for name, cost in zip(dag.nodes, costs, strict=True) if cost is not None])
    if isinstance(speeds, int) and not isinstance(speeds, bool):
        if speeds < 1:
            raise ConfigError(f"workers={speeds!r} can run nothing; give 1 or more")
        listed = max(1, min(speeds, len(costs)))
        return Machines(speeds, tuple(() if cost is None else (cost,) * listed for cost in costs))
    if isinstance(speeds, str | bytes) or not isinstance(speeds, Sequence):
        hint = "a number of workers, a sequence of speeds, or for each worker what each node takes there"
        raise ConfigError(f"speeds={speeds!r} says of no worker how fast it is; give {hint}")
    faults = list(_faults_of_speeds(speeds))
    if faults:
        raise ConfigError("\n".join(faults))
    fast = tuple(float(speed) for speed in speeds)
    return Machines(len(fast), tuple(() if c is None else tuple(c / speed for speed in fast) for c in costs), fast)


def _faults_of_speeds(speeds: Sequence[object]) -> Iterator[str]:
    if not speeds:
        yield "speeds=[] has no workers; give the speed of one or more"
    for number, speed in enumerate(speeds):
        if not is_speed(speed):
            yield f"speeds[{number}]={speed!r} must be {SPEED}; 1.0 is a worker that takes a node's cost"


SPEED = "a number from 1e-09 to 1e+09"


def is_speed(value: object) -> TypeGuard[float]:
    """Whether something is how fast a worker can be.

    Examples
    --------
    >>> [is_speed(value) for value in (1, 0.5, 0, -1.0, 1e-308, float("inf"), True, "1")]
    [True, True, False, False, False, False, False, False]
    """
    return is_duration(value) and 1e-9 <= value <= 1e9


def _of_table(dag: DAG, table: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> Machines:
    if not table:
        raise ConfigError("speeds={} has no workers; give for one or more what each node takes there")
    faults = [fault for worker in table for fault in _faults_of_worker(dag, worker, table[worker], names)]
    if faults:
        raise ConfigError("\n".join(faults))
    known = set(names)
    rows = (tuple(float(table[w][name]) for w in table) if name in known else () for name in dag.nodes)
    return Machines(len(table), tuple(rows), names=tuple(table))


def _faults_of_worker(dag: DAG, worker: str, times: object, names: Sequence[str]) -> Iterator[str]:
    if not isinstance(times, Mapping):
        yield f"worker {worker!r}: {times!r} must be a mapping of nodes to seconds"
        return
    for name, seconds in times.items():
        if name not in dag.nodes:
            yield f"worker {worker!r}: no node is named {name!r}; {nearest(str(name), dag.nodes)}"
        elif not is_duration(seconds):
            yield f"worker {worker!r}: {name!r} takes {seconds!r} there, which is no number of seconds from 0"
    for name in names:
        if name not in times:
            yield f"worker {worker!r}: nothing says what {name!r} takes there"


def delays_of(dag: DAG, communication: Communication | None) -> dict[tuple[int, int], float]:
    """Read what values take to travel, by positions of nodes; pairs that are not named take nothing.

    Raises
    ------
    ConfigError
        A pair that is no edge, or a time that is none; all of them.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> delays_of(DAG([Node("load"), Node("fit", after=["load"])]), {("load", "fit"): 2.0})
    {(0, 1): 2.0}
    """
    if communication is not None and not isinstance(communication, Mapping):
        raise ConfigError(f"communication={communication!r} must be a mapping of (source, target) to seconds")
    found: dict[tuple[int, int], float] = {}
    faults = []
    index: Mapping[Any, int] = dag.table.index
    given: Iterable[tuple[Any, Any]] = (communication or {}).items()
    for pair, seconds in given:
        if not isinstance(pair, tuple) or len(pair) != 2:
            faults.append(f"communication: {pair!r} must be a pair of nodes, (source, target)")
        elif unknown := [name for name in pair if name not in index]:
            faults += [f"communication: no node is named {n!r}; {nearest(str(n), index)}" for n in unknown]
        elif index[pair[0]] not in dag.table.preds[index[pair[1]]]:
            faults.append(f"communication: {pair[1]!r} does not wait for {pair[0]!r} directly")
        elif not is_duration(seconds):
            faults.append(f"communication: {pair[0]!r} to {pair[1]!r} takes {seconds!r}, no number of seconds from 0")
        else:
            found[index[pair[0]], index[pair[1]]] = float(seconds)
    if faults:
        raise ConfigError("\n".join(faults))
    return found


def held_by(dag: DAG, resources: Mapping[str, int | str] | None) -> tuple[dict[str, int], list[Wants]]:
    """Read which resources nodes hold while they run, how much there is of each, and what each node wants.

    Parameters
    ----------
    dag
        Whose nodes say what they use.
    resources
        How much there is, as in :class:`.RunConfig`; what is not named is there once.

    Raises
    ------
    ConfigError
        A node wants more than there is, or something that is a rate or a budget: a static schedule knows only what is
        held and given back.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> held_by(DAG([Node("load", uses=["db"]), Node("fit", uses=["gpu:2"])]), {"gpu": 4})
    ({'db': 1, 'gpu': 4}, [(('db', 1),), (('gpu', 2),)])
    """
    declared = RunConfig(resources={} if resources is None else resources).resources
    capacities = {name: read_capacity(name, given) for name, given in declared.items()}
    issues = impossible(dag.nodes.values(), capacities)
    if issues:
        raise ConfigError("\n".join(map(str, issues)))
    wants = [wants_of(node.uses) for node in dag.nodes.values()]
    used = dict.fromkeys(name for each in wants for name, _ in each)
    rates = [name for name in used if name in capacities and capacities[name].period is not None]
    if rates:
        told = ", ".join(map(repr, rates))
        raise ConfigError(f"{told}: a static schedule knows what is held and given back, and no rates or budgets")
    return {name: capacities[name].amount if name in capacities else 1 for name in used}, wants
