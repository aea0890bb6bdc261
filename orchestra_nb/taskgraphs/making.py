"""What all makers of graphs share: the nodes as they are collected, what each costs and what it does.

Policy: a maker says which task stands at which place and after which others; this says what that costs and hangs a body
on it. Ids are Python names (``gemm_3_2_1``), because a function takes the value of a node by a parameter of its name.
Order: nodes stand in the order in which they were added, each after what it needs, so that running them from first to
last is a schedule. Failure: a size that cannot be meant, or that makes more than :data:`MOST` nodes, is a
:class:`.ConfigError` before anything is made; so is a cost that is no duration. Rejected: networkx's generators, which
know shapes and no tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from orchestra_nb.errors import ConfigError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId, is_duration

MOST = 1_000_000
"""How many nodes a graph that is made may have."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a node while it is made: what ``cost=`` and ``work=`` are given.

    Parameters
    ----------
    id
        The node's id.
    task
        What kind of work it is, such as ``"gemm"``.
    place
        Where in the graph it stands, counted from 0; what the numbers mean says the maker.
    cost
        For ``cost=`` what such a task costs in proportion to the others of its graph; for ``work=`` the expected
        seconds that came of it.

    Examples
    --------
    >>> Facts("gemm_3_2_1", "gemm", (3, 2, 1), 2.0).task
    'gemm'
    """

    id: str
    task: str
    place: tuple[int, ...]
    cost: float


Cost = float | Callable[[Facts], float]
Work = Callable[[Facts], Callable[..., Any] | None]


class Maker:
    """Collects the nodes of a graph.

    Parameters
    ----------
    name
        What the graph is called; in its metadata, and in errors.
    cost
        Seconds for a task of relative cost 1, or what gives the seconds of a node from its :class:`Facts`.
    work
        Gives the function of a node from its :class:`Facts`; ``None``: nodes have none, to be simulated.
    place
        Under which key of a node's metadata its place stands.

    Examples
    --------
    >>> make = Maker("two", cost=3.0)
    >>> first = make.add("load", 0)
    >>> dag = make.add("fit", 0, after=[first], relative=2.0) and make.made()
    >>> dag.levels, dag.critical_time, dag.nodes["fit_0"].metadata["task"]
    ((('load_0',), ('fit_0',)), 9.0, 'fit')
    """

    def __init__(self, name: str, cost: Cost = 1.0, work: Work | None = None, place: str = "place") -> None:
        self.name = name
        self._cost = cost
        self._work = work
        self._place = place
        self._nodes: list[Node] = []
        if not callable(cost) and not is_duration(cost):
            told = "a number of seconds, zero or more, or a function of a node's facts"
            raise ConfigError(f"{name}: cost must be {told}, not {cost!r}")
        if work is not None and not callable(work):
            raise ConfigError(f"{name}: work must be a function of a node's facts, not {work!r}")

    def add(
        self,
        task: str,
        *place: int,
        after: Iterable[NodeId] = (),
        relative: float = 1.0,
        phase: str | None = None,
        body: Callable[..., Any] | None = None,
    ) -> NodeId:
        """Add a node.

        Parameters
        ----------
        task, place
            They make its id.
        after
            What must end first; an id may be there more than once.
        relative
            What it costs in proportion to the other tasks.
        phase
            Its group, for pictures.
        body
            What it does, in place of what ``work`` gives.

        Raises
        ------
        ConfigError
            What it is said to cost is no duration, or to do no function.

        Examples
        --------
        >>> Maker("one").add("gemm", 3, 2, 1)
        'gemm_3_2_1'
        """
        name = NodeId("_".join([task, *map(str, place)]))
        seconds = self._seconds(Facts(name, task, place, relative))
        fn = body
        if fn is None and self._work is not None:
            fn = self._work(Facts(name, task, place, seconds))
        metadata = {"task": task, self._place: place}
        needs, index = tuple(dict.fromkeys(after)), len(self._nodes)
        self._nodes.append(Node(name, fn=fn, after=needs, cost=seconds, phase=phase, index=index, metadata=metadata))
        return name

    def _seconds(self, facts: Facts) -> float:
        if not callable(self._cost):
            return facts.cost * self._cost
        seconds = self._cost(facts)
        if not is_duration(seconds):
            raise ConfigError(f"{self.name}: the cost of {facts.id} must be seconds, zero or more, not {seconds!r}")
        return float(seconds)

    def made(self) -> DAG:
        """Make the graph of all that were added.

        Examples
        --------
        >>> Maker("none").made().metadata["name"]
        'none'
        """
        return DAG(self._nodes, metadata={"name": self.name})


def whole(name: str, value: object, least: int = 1) -> int:
    """Check a number that says how many.

    Raises
    ------
    ConfigError
        It is no whole number, or too small.

    Examples
    --------
    >>> whole("chain: n", 0)
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: chain: n must be a whole number from 1, not 0
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{name} must be a whole number from {least}, not {value!r}")
    return value


def share(name: str, value: object) -> float:
    """Check a probability.

    Raises
    ------
    ConfigError
        It is no number from 0 to 1.

    Examples
    --------
    >>> share("erdos_renyi: p", 1)
    1.0
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigError(f"{name} must be a number from 0 to 1, not {value!r}")
    return float(value)


def not_too_many(name: str, nodes: int) -> None:
    """Refuse a graph that nobody has room for.

    Raises
    ------
    ConfigError
        It would have more than :data:`MOST` nodes.

    Examples
    --------
    >>> not_too_many("cholesky", 10)
    """
    if nodes > MOST:
        told = f"{nodes:,}" if nodes < 10**15 else "far too many"
        raise ConfigError(f"{name}: would have {told} nodes; at most {MOST:,} are made, so ask for a smaller one")
