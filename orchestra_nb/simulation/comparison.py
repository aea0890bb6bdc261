"""Policies side by side: the same graph on the same workers, scheduled by each, and how far each is from the best.

Policy: each policy is simulated as a run would follow it. Beside them stand what no run follows, to measure by: HEFT,
which knows all durations before; the optimum, where the graph is small and the solver is there; and chance, which is
drawn with several seeds and stands there as its median, for a policy that is no better is none. ``levels`` is the
critical path first, with a barrier after each level. One lower bound serves all rows of a number of workers: that of
:meth:`.Machines.lower_bound`.

Order: rows by number of workers, then as the policies were given. Chance shows the schedule that has its median (the
lower of two in the middle). Deterministic, but for an optimum that time cuts short. Failure: what cannot be meant is
one :class:`.ConfigError` with every fault, before anything is simulated; a yardstick that cannot be had is a remark
that says why. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Literal, cast, get_args

from orchestra_nb.config import Schedule as ScheduleName
from orchestra_nb.errors import ConfigError, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import is_duration
from orchestra_nb.planning.policies import Policy
from orchestra_nb.simulation.heft import cpop, heft
from orchestra_nb.simulation.machines import held_by, machines_of
from orchestra_nb.simulation.optimum import TIMEOUT, Optimum, optimum, solvable
from orchestra_nb.simulation.policy_comparison import ComparedPolicy, How, PolicyComparison, label_of
from orchestra_nb.simulation.schedule import Schedule
from orchestra_nb.simulation.simulator import simulate

_STATIC = {"heft": heft, "cpop": cpop}
_EAGER = ("critical-path", "highest-level", "most-successors", "smallest-slack", "longest-first", "shortest-first")
ALL: tuple[str, ...] = (*_EAGER, "fifo", "levels", "random", "heft", "optimum")
"""What is compared when nothing else is said; ``"cpop"`` may be named, too."""
_KNOWN = (*ALL, *_STATIC)
AUTO_NODES = 40
"""Up to so many nodes the optimum is searched without being asked for."""
AUTO_SECONDS = 2.0


def compare_policies(
    dag: DAG,
    workers: int | Sequence[int] | None = None,
    policies: str | Policy | Sequence[str | Policy] = ALL,
    *,
    schedule: ScheduleName | Sequence[ScheduleName] = "eager",
    speeds: Sequence[float] | None = None,
    seeds: int = 20,
    optimum: Literal["auto"] | bool | float = "auto",
    resources: Mapping[str, int | str] | None = None,
) -> PolicyComparison:
    """Schedule a graph by several policies, and compare.

    Parameters
    ----------
    dag
        What needs what, how long it takes, and what it uses.
    workers
        How many equal workers there are; several numbers are compared each by itself, ``[1, 2, 4, 8]``. ``None``: two.
    policies
        Names as in :class:`.RunConfig`, functions, and what no run follows: ``"heft"``, ``"cpop"``, ``"optimum"``.
        ``"levels"`` is the critical path first with a barrier after each level.
    schedule
        Whether those that a run can follow are compared without barriers, with them, or both.
    speeds
        Of unequal workers, in place of ``workers``.
    seeds
        How often chance is drawn, with the seeds from 0 on.
    optimum
        Seconds that the optimum may be searched for, for each number of workers; ``False``: not at all; ``True``: ten;
        ``"auto"``: two, where the graph has up to 40 nodes and the solver is there.
    resources
        How much there is of what nodes use, as in :class:`.RunConfig`.

    Raises
    ------
    ConfigError
        Workers, policies, schedules or resources that cannot be meant; all faults of them.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node(f"n{i}", cost=cost) for i, cost in enumerate([3, 3, 2, 2, 2])])
    >>> for row in compare_policies(dag, 2, ["longest-first", "shortest-first", "optimum"]).rows:
    ...     print(f"{row.label}: {row.makespan:g} s, {row.over_bound:.2f} times the bound")
    longest-first: 7 s, 1.17 times the bound
    shortest-first: 7 s, 1.17 times the bound
    optimum: 6 s, 1.00 times the bound
    """
    for knob, given in (("policies", policies), ("schedule", schedule)):
        if isinstance(given, bytes) or not (callable(given) or isinstance(given, Iterable)):
            raise ConfigError(f"{knob}={given!r} must be a name, or a sequence of names")
    asked = _Asked(dag, policies, schedule, seeds, optimum, resources)
    crews = _crews(workers, speeds)
    asked.check()
    remarks: dict[str, None] = {}
    rows: list[ComparedPolicy] = []
    for crew in crews:
        made, said = asked.on(crew)
        rows += made
        remarks |= dict.fromkeys(said)
    fast = () if speeds is None else tuple(map(float, speeds))
    return PolicyComparison(tuple(rows), tuple(remarks), len(dag), seeds, fast)


Crew = int | Sequence[float]
"""A number of equal workers, or the speed of each."""


def _crews(workers: int | Sequence[int] | None, speeds: Sequence[float] | None) -> list[Crew]:
    if speeds is not None:
        if workers is not None:
            raise ConfigError("workers and speeds both say who the workers are; give one of them")
        if isinstance(speeds, int | str | Mapping):
            raise ConfigError(f"speeds={speeds!r} must be a sequence of speeds, such as [1.0, 0.5]")
        return [speeds]
    given = 2 if workers is None else workers
    if isinstance(given, int):
        return [given]
    if not isinstance(given, Sequence) or isinstance(given, str | bytes) or not given:
        raise ConfigError(f"workers={given!r} must be a number of workers, or a sequence of such numbers")
    odd = [number for number in given if isinstance(number, bool) or not isinstance(number, int) or number < 1]
    if odd:
        hint = "for workers that differ, give speeds=[1.0, 0.5]"
        raise ConfigError(f"workers: {', '.join(map(repr, odd))} cannot run anything; give whole numbers; {hint}")
    return [*sorted(set(given))]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is compared."""

    dag: DAG
    policies: str | Policy | Sequence[str | Policy]
    schedule: ScheduleName | Sequence[ScheduleName]
    seeds: int
    optimum: Literal["auto"] | bool | float
    resources: Mapping[str, int | str] | None

    @property
    def named(self) -> dict[str, str | Policy]:
        """What is compared, by its name."""
        one = isinstance(self.policies, str) or callable(self.policies)
        given = [self.policies] if one else list(cast("Sequence[str | Policy]", self.policies))
        found: dict[str, str | Policy] = {}
        for each in cast("list[str | Policy]", given):
            name = getattr(each, "__name__", "policy") if callable(each) else str(each)
            if found.get(name, each) is not each and callable(each):  # two lambdas, say
                name = f"{name} {1 + len(found)}"
            found[name] = each
        return found

    @property
    def orders(self) -> tuple[ScheduleName, ...]:
        """With barriers, without, or both."""
        return (self.schedule,) if isinstance(self.schedule, str) else tuple(self.schedule)

    def check(self) -> None:
        """Refuse what cannot be meant."""
        faults = []
        for name, policy in self.named.items():
            if not callable(policy) and name not in _KNOWN:
                faults.append(f"policy={name!r} is unknown; {nearest(name, _KNOWN)}")
        for order in self.orders:
            if order not in get_args(ScheduleName):
                faults.append(f"schedule={order!r} is not one of {', '.join(get_args(ScheduleName))}")
        if not self.named or not self.orders:
            faults.append("nothing is compared; name one policy and one schedule, or more")
        if isinstance(self.seeds, bool) or not isinstance(self.seeds, int) or self.seeds < 1:
            faults.append(f"seeds={self.seeds!r} must be a whole number from 1")
        is_word = self.optimum == "auto" or isinstance(self.optimum, bool)
        if not is_word and (not is_duration(self.optimum) or self.optimum == 0):
            faults.append(f"optimum={self.optimum!r} must be 'auto', True, False or a positive number of seconds")
        if faults:
            raise ConfigError("\n".join(faults))

    def on(self, crew: Crew) -> tuple[list[ComparedPolicy], list[str]]:
        """Compare on some workers."""
        machines = machines_of(self.dag, crew)
        remarks: list[str] = []
        try:
            held = held_by(self.dag, self.resources)[0]
        except ConfigError:
            held = {}  # rates: they only make everything longer
        bound = machines.lower_bound(self.dag, held)
        found = [(p, how, plans) for p, how in self._pairs() if (plans := self._plans(p, how, crew, remarks))]
        exact = next((p[0] for _, _, p in found if isinstance(p[0], Optimum) and p[0].proved), None)
        return [_row(name, how, plans, bound, exact) for name, how, plans in found], remarks

    def _pairs(self) -> Iterator[tuple[str, How]]:
        pairs: dict[str, tuple[str, How]] = {}
        for name in self.named:
            if name in _STATIC or name == "optimum":
                pairs.setdefault(name, (name, "static"))
                continue
            for order in ("levels",) if name == "levels" else self.orders:
                policy = "critical-path" if name == "levels" else name
                pairs.setdefault(label_of(policy, order), (policy, order))
        yield from pairs.values()

    def _plans(self, name: str, how: How, crew: Crew, remarks: list[str]) -> list[Schedule]:
        """Schedule by one policy; by chance several times. Nothing, and a remark, where that cannot be."""
        if how != "static":
            policy = self.named.get(name, name)
            seeds = range(self.seeds if name == "random" else 1)
            return [simulate(self.dag, crew, policy, how, seed, resources=self.resources) for seed in seeds]
        try:
            if name == "optimum":
                return self._optimum(crew, remarks)
            return [_STATIC[name](self.dag, crew, resources=self.resources)]
        except ConfigError as error:
            remarks.append(f"no {name}: {error}")
            return []

    def _optimum(self, crew: Crew, remarks: list[str]) -> list[Schedule]:
        if self.optimum is False:
            return []
        if self.optimum == "auto" and len(self.dag) > AUTO_NODES:
            told = f"{len(self.dag):,} nodes are more than {AUTO_NODES}"
            remarks.append(f"no optimum: {told}; optimum=30 searches it for 30 seconds")
            return []
        if self.optimum == "auto" and not solvable():
            remarks.append("no optimum: the solver is not there; pip install 'orchestra_nb[optimum]'")
            return []
        seconds = AUTO_SECONDS if self.optimum == "auto" else TIMEOUT if self.optimum is True else self.optimum
        found = optimum(self.dag, crew, timeout=seconds, resources=self.resources)
        if not found.proved:
            told = f"the best found in {seconds:g} s; no schedule is shorter than {found.shortest:.6g} s"
            remarks.append(f"the optimum of {found.workers} workers is not proved: {told}")
        return [found]


def _row(name: str, how: How, plans: Sequence[Schedule], bound: float, exact: Schedule | None) -> ComparedPolicy:
    makespans = [plan.makespan for plan in plans]
    middle = median_low(makespans)
    plan = plans[makespans.index(middle)]
    room = plan.workers * plan.makespan
    return ComparedPolicy(
        policy=name,
        schedule=how,
        workers=plan.workers,
        makespan=middle,
        low=min(makespans),
        high=max(makespans),
        lower_bound=bound,
        utilization=plan.utilization,
        idle=max(0.0, room * (1 - plan.utilization)),
        proved=getattr(plan, "proved", False) or (exact is not None and middle <= exact.makespan * (1 + 1e-9)),
        over_optimum=middle / exact.makespan if exact is not None and exact.makespan else None,
        plan=plan,
    )
