"""Many simulations of one graph, each with durations of its own: how long a run may take, and what it hangs on.

Each run is the same question with another seed, so its draws are the same whatever the policy and the number of workers
(:mod:`.durations`): two distributions can be compared run by run. The **criticality** of a node is the share of runs in
which it lay on the longest way by what nodes took in that run (Van Slyke, "Monte Carlo Methods and the PERT Problem",
1963): where durations are uncertain, no single path is *the* critical one, and the mean of the longest way is longer
than the longest way of the means. It speaks of the graph alone; what a node keeps others from by its worker or its
locks is in the makespans.

Quantiles are interpolated between order statistics (definition 7 of Hyndman and Fan, 1996). Deterministic for a seed.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol, Unpack, cast

from orchestra_nb.config import Schedule as ScheduleName
from orchestra_nb.errors import ConfigError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.knobs import whole
from orchestra_nb.planning.policies import Policy, policy_of
from orchestra_nb.presentation import Presented, presenter_of
from orchestra_nb.simulation.case import Terms, Workers, case_of
from orchestra_nb.simulation.durations import LogNormal
from orchestra_nb.simulation.simulator import run_case, simulate

if TYPE_CHECKING:
    import pandas as pd

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class Simulated(NamedTuple):
    """One of many runs: its seed, its seconds, the longest way in it, its utilization, and whether all ended well."""

    seed: int
    makespan: float
    span: float
    utilization: float
    success: bool


class _Presenter(Protocol):
    def nodes(self, value: object) -> pd.DataFrame: ...


@dataclass(frozen=True, slots=True)
class Distribution(Presented):
    """How long a graph takes in many simulations.

    Parameters
    ----------
    runs
        One entry per run, in the order of their seeds.
    workers, policy, schedule
        As they were simulated.
    criticality
        For each node the share of runs in which it was on the longest way, from 0 to 1.
    seconds
        For each node what it took on the average.
    expected
        Seconds of the same run where every node takes just its cost.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("a", cost=3), Node("b", cost=3), Node("c", after=["a", "b"])])
    >>> found = simulate_many(dag, workers=2, runs=200)
    >>> found.expected < found.mean, found.criticality["c"]
    (True, 1.0)
    >>> 0.4 < found.criticality["a"] < 0.6
    True
    """

    runs: tuple[Simulated, ...]
    workers: int
    policy: str
    schedule: str
    criticality: Mapping[str, float]
    seconds: Mapping[str, float]
    expected: float

    @property
    def makespans(self) -> tuple[float, ...]:
        """Seconds of each run.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> len(simulate_many(DAG([Node("a")]), runs=5).makespans)
        5
        """
        return tuple(run.makespan for run in self.runs)

    @property
    def mean(self) -> float:
        """Mean seconds.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> simulate_many(DAG([Node("a", cost=2)]), runs=3, durations={"a": 2}).mean
        2.0
        """
        return statistics.fmean(self.makespans)

    @property
    def deviation(self) -> float:
        """Standard deviation in seconds; zero of a single run.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> simulate_many(DAG([Node("a", cost=2)]), runs=3, durations={"a": 2}).deviation
        0.0
        """
        return statistics.stdev(self.makespans) if len(self.runs) > 1 else 0.0

    @property
    def median(self) -> float:
        """Median seconds.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> simulate_many(DAG([Node("a", cost=2)]), runs=3, durations={"a": 2}).median
        2.0
        """
        return self.quantile(0.5)

    def quantile(self, share: float) -> float:
        """Say in how many seconds this share of the runs was over.

        Raises
        ------
        ConfigError
            ``share`` is no number from 0 to 1.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> found = simulate_many(DAG([Node("a", cost=2)]), runs=50)
        >>> found.quantile(0.0) == min(found.makespans), found.quantile(0.5) < found.quantile(0.95)
        (True, True)
        """
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise ConfigError(f"quantile({share!r}) is of no share; give a number from 0 to 1")
        ordered = sorted(self.makespans)
        place = (len(ordered) - 1) * share
        below = math.floor(place)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (ordered[above] - ordered[below]) * (place - below)

    @property
    def quantiles(self) -> Mapping[float, float]:
        """Seconds in which 5, 25, 50, 75 and 95 % of the runs were over.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> list(simulate_many(DAG([Node("a", cost=2)]), runs=5).quantiles)
        [0.05, 0.25, 0.5, 0.75, 0.95]
        """
        return MappingProxyType({share: self.quantile(share) for share in QUANTILES})

    @property
    def success(self) -> float:
        """Share of the runs in which every node ended well, from 0 to 1.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> simulate_many(DAG([Node("a")]), runs=10, failures={"a": 1.0}).success
        0.0
        """
        return statistics.fmean(run.success for run in self.runs)

    @property
    def nodes(self) -> pd.DataFrame:
        """One row per node: its criticality, and what it took; see ``docs/frames.md``.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> simulate_many(DAG([Node("a")]), runs=5).nodes["criticality"].tolist()
        [1.0]
        """
        return cast(_Presenter, presenter_of(self)).nodes(self)


def simulate_many(
    dag: DAG,
    workers: Workers = 2,
    policy: str | Policy = "critical-path",
    schedule: ScheduleName = "eager",
    seed: int = 0,
    *,
    runs: int = 1000,
    **terms: Unpack[Terms],
) -> Distribution:
    """Simulate a graph many times, each time with other durations.

    Parameters
    ----------
    dag, workers, policy, schedule
        As for :func:`.simulate`.
    seed
        Of the first run; each other has the next one.
    runs
        How many.
    **terms
        As for :func:`.simulate`; where no ``durations`` are given, they are ``LogNormal(cv=0.3)``.

    Raises
    ------
    ConfigError
        ``runs`` is no whole number from 1, or as for :func:`.simulate`.
    DefinitionError
        As for :func:`.simulate`.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> found = simulate_many(DAG([Node("load", cost=2), Node("fit", after=["load"], cost=5)]), runs=100)
    >>> round(found.mean), found.quantile(0.95) > 8
    (7, True)
    """
    whole("runs", runs)
    if terms.get("durations") is None:
        terms["durations"] = LogNormal()
    case = case_of(dag, workers, policy, schedule, seed, **terms)
    if case.policy != "random":  # what a policy says of a graph is the same in each run
        keys = policy_of(case.policy, seed)(case.dag)
        case = replace(case, policy=lambda _: keys)
    on_path, took = dict.fromkeys(case.dag.nodes, 0), dict.fromkeys(case.dag.nodes, 0.0)
    found = []
    for number in range(seed, seed + runs):
        case = case.with_seed(number)
        one = run_case(case)
        for name in one.critical_path:
            on_path[name] += 1
        for row in one.rows:
            took[row.node] += row.seconds
        span = math.fsum(case.seconds[name] for name in one.critical_path)
        found.append(Simulated(number, one.makespan, span, one.utilization, not (one.failed or one.stopped)))
    certain = terms.copy()
    certain["durations"] = certain["failures"] = None
    plain = simulate(case.dag, workers, policy, schedule, seed, **certain)
    return Distribution(
        tuple(found),
        case.workers,
        policy if isinstance(policy, str) else getattr(policy, "__name__", "function"),
        schedule,
        MappingProxyType({name: count / runs for name, count in on_path.items()}),
        MappingProxyType({name: seconds / runs for name, seconds in took.items()}),
        plain.makespan,
    )
