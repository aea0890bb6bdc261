"""What a comparison of policies says: a row for each, and what of them is best. Frozen; :mod:`.comparison` makes it.

Nothing here schedules anything: rows keep the schedules that they tell of, so that whoever sees one can ask for its
chart. Failure: a name or a number of workers that was not compared is a :class:`.ConfigError` with the nearest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol, cast

from orchestra_nb.errors import ConfigError, nearest
from orchestra_nb.presentation import Chart, Plotted, presenter_of
from orchestra_nb.simulation.schedule import Schedule

if TYPE_CHECKING:
    from orchestra_nb.presentation import Presenter

How = Literal["eager", "levels", "static"]
"""With barriers or without, as in a run; or all places settled before."""


def label_of(policy: str, schedule: How) -> str:
    """Say what a policy is called beside others.

    Examples
    --------
    >>> label_of("fifo", "eager"), label_of("fifo", "levels"), label_of("critical-path", "levels")
    ('fifo', 'fifo, levels', 'levels')
    """
    if schedule != "levels":
        return policy
    return "levels" if policy == "critical-path" else f"{policy}, levels"


@dataclass(frozen=True, slots=True)
class ComparedPolicy:
    """One policy on one number of workers.

    Parameters
    ----------
    policy
        Its name; of a function, the function's.
    schedule
        ``"eager"`` or ``"levels"`` as in :class:`.RunConfig`; ``"static"`` where workers and places are settled before.
    workers
        How many there are.
    makespan
        Seconds; of chance, the median.
    low, high
        The shortest and the longest of several seeds; else the makespan.
    lower_bound
        Seconds that no schedule can beat.
    utilization
        Share of the workers' time spent on nodes, from 0 to 1.
    idle
        Seconds that workers did nothing, all of them together.
    proved
        Whether it is proved that no schedule is shorter.
    over_optimum
        The makespan over that of the optimum; ``None`` where that is not known.
    plan
        The schedule.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node, compare_policies
    >>> row = compare_policies(DAG([Node("a"), Node("b"), Node("c")]), 2, ["fifo"]).rows[0]
    >>> row.policy, row.makespan, row.lower_bound, row.idle
    ('fifo', 2.0, 1.5, 1.0)
    """

    policy: str
    schedule: How
    workers: int
    makespan: float
    low: float
    high: float
    lower_bound: float
    utilization: float
    idle: float
    proved: bool
    over_optimum: float | None
    plan: Schedule = field(repr=False)

    @property
    def label(self) -> str:
        """What the row is called: the policy, and ``levels`` where there are barriers.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, compare_policies
        >>> found = compare_policies(DAG([Node("a")]), 1, ["fifo", "critical-path"], schedule=["eager", "levels"])
        >>> [row.label for row in found.rows]
        ['fifo', 'fifo, levels', 'critical-path', 'levels']
        """
        return label_of(self.policy, self.schedule)

    @property
    def over_bound(self) -> float:
        """The makespan over the lower bound; 1 where nothing takes time.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, compare_policies
        >>> round(compare_policies(DAG([Node("a"), Node("b"), Node("c")]), 2, ["fifo"]).rows[0].over_bound, 3)
        1.333
        """
        return self.makespan / self.lower_bound if self.lower_bound else 1.0


class _Charts(Protocol):
    def chart(self, value: PolicyComparison, label: str) -> Chart: ...


@dataclass(frozen=True, slots=True)
class PolicyComparison(Plotted):
    """Policies side by side.

    Parameters
    ----------
    rows
        One for each policy and number of workers.
    remarks
        What could not be compared, and why; what is not proved.
    nodes
        How many the graph has.
    seeds
        How many times chance was drawn.
    speeds
        Of the workers, where they differ.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node, compare_policies
    >>> urgent = Node("urgent", cost=2), Node("after", after=["urgent"], cost=4)
    >>> dag = DAG([Node("a", cost=2), Node("b", cost=2), *urgent])
    >>> found = compare_policies(dag, 2, ["fifo", "critical-path"])
    >>> found.best.label, {name: plan.makespan for name, plan in found.schedules.items()}
    ('critical-path', {'fifo': 8.0, 'critical-path': 6.0})
    """

    rows: tuple[ComparedPolicy, ...]
    remarks: tuple[str, ...] = ()
    nodes: int = 0
    seeds: int = 1
    speeds: tuple[float, ...] = ()

    @property
    def workers(self) -> tuple[int, ...]:
        """The numbers of workers that were compared.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, compare_policies
        >>> compare_policies(DAG([Node("a")]), [1, 2], ["fifo"]).workers
        (1, 2)
        """
        return tuple(dict.fromkeys(row.workers for row in self.rows))

    def at(self, workers: int) -> PolicyComparison:
        """Pick one number of workers.

        Raises
        ------
        ConfigError
            That number was not compared.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, compare_policies
        >>> both = compare_policies(DAG([Node("a"), Node("b")]), [1, 2], ["fifo"])
        >>> both.at(1).best.makespan, both.best.makespan
        (2.0, 1.0)
        """
        rows = tuple(row for row in self.rows if row.workers == workers)
        if not rows:
            raise ConfigError(f"workers={workers!r} was not compared; there are {', '.join(map(str, self.workers))}")
        return replace(self, rows=rows)

    @property
    def _last(self) -> tuple[ComparedPolicy, ...]:
        return tuple(row for row in self.rows if row.workers == self.rows[-1].workers)

    @property
    def schedules(self) -> Mapping[str, Schedule]:
        """The schedule of each policy; of several numbers of workers, with the largest (see :meth:`at`).

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, compare_policies
        >>> list(compare_policies(DAG([Node("a")]), 1, ["fifo", "heft"]).schedules)
        ['fifo', 'heft']
        """
        return {row.label: row.plan for row in self._last}

    @property
    def best(self) -> ComparedPolicy:
        """The shortest of those that a run can follow; the first of several, and where there is none, of all.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, compare_policies
        >>> compare_policies(DAG([Node("a")]), 1, ["heft", "fifo"]).best.label
        'fifo'
        """
        followed = [row for row in self._last if row.schedule != "static" and row.policy != "random"]
        return min(followed or self._last, key=lambda row: row.makespan)

    def gantt(self, label: str) -> Chart:
        """Draw the schedule of one policy; of several numbers of workers, with the largest (see :meth:`at`).

        Parameters
        ----------
        label
            What its row is called.

        Raises
        ------
        ConfigError
            Nothing that was compared is called so.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, compare_policies
        >>> compare_policies(DAG([Node("a")]), 1, ["fifo"]).gantt("fifo")
        <Gantt chart of 1 node in 1 lane over 1.0 s; critical path: a>
        """
        if label not in self.schedules:
            raise ConfigError(f"nothing that was compared is called {label!r}; {nearest(str(label), self.schedules)}")
        presenter: Presenter = presenter_of(self)
        return cast(_Charts, presenter).chart(self, label)
