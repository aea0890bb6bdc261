"""What follows from a graph's shape and its costs: the half of :class:`.DAG` that answers questions about time.

Policy: everything is worked out on first use and kept, on the index lists of :mod:`.table`, by the pure functions of
:mod:`.paths`, :mod:`.analysis` and :mod:`.antichain`; here numbers get their names back. Times are expected seconds
with a worker for everyone, unless a number of workers is given. What takes an argument, or may cost much more than a
pass over the graph, is a method. Nodes that only compensate others (:mod:`.undoing`) take no time and are on no path,
for they do not run unless all is lost; they have a level, like every node. Order: document order. Failure: an unknown
name or a number that cannot be meant is an error that says so. Rejected: functions beside the DAG (nobody would find
them), one file for all of it (too long).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from math import fsum
from types import MappingProxyType

from orchestra_nb.errors import ConfigError, MissingDependencyError, nearest
from orchestra_nb.graph import analysis, antichain, paths
from orchestra_nb.graph.analysis import Bounds
from orchestra_nb.graph.paths import Adjacency
from orchestra_nb.graph.table import Table
from orchestra_nb.graph.undoing import compensators
from orchestra_nb.model import Node, NodeId
from orchestra_nb.presentation import Presented


class Analysed(Presented):
    """Levels, paths, slack, parallelism and bounds of a graph that its heir holds."""

    table: Table
    """The graph as index lists, for algorithms of the layers above."""

    @property
    @abstractmethod
    def _all(self) -> tuple[Node, ...]:
        """The nodes, in document order."""

    @cached_property
    def levels(self) -> tuple[tuple[NodeId, ...], ...]:
        """Topological generations: a node's level is one below the deepest that it needs.

        Examples
        --------
        >>> from orchestra_nb.graph import DAG
        >>> DAG([Node("load"), Node("fit", after=["load"]), Node("plot", after=["load"])]).levels
        (('load',), ('fit', 'plot'))
        """
        ids = self.table.ids
        return tuple([tuple([ids[i] for i in level]) for level in self.table.levels])

    @cached_property
    def _aside(self) -> frozenset[int]:
        """Who compensates others, and takes no part in a run unless it fails."""
        return frozenset(self.table.index[name] for name in compensators(self._all))

    @cached_property
    def _costs(self) -> list[float]:
        return [0.0 if i in self._aside else float(node.cost) for i, node in enumerate(self._all)]

    @cached_property
    def _succs(self) -> Adjacency:
        return _without(self.table.succs, self._aside)

    @cached_property
    def _preds(self) -> Adjacency:
        return _without(self.table.preds, self._aside)

    @cached_property
    def _ranks(self) -> list[float]:
        return paths.upward_ranks(self.table.levels, self._succs, self._costs)

    @cached_property
    def _starts(self) -> list[float]:
        return paths.earliest_starts(self.table.levels, self._preds, self._costs)

    @cached_property
    def _slacks(self) -> list[float]:
        return paths.slacks(self._ranks, self._starts)

    @cached_property
    def upward_rank(self) -> Mapping[str, float]:
        """Seconds from each node's start to the end of all that needs it, with a worker for everyone.

        Examples
        --------
        >>> from orchestra_nb.graph import DAG
        >>> dag = DAG([Node("load", cost=2), Node("fit", after=["load"], cost=9), Node("plot", after=["load"], cost=6)])
        >>> dict(dag.upward_rank)
        {'load': 11.0, 'fit': 9.0, 'plot': 6.0}
        """
        return self._by_id(self._ranks)

    @cached_property
    def downward_rank(self) -> Mapping[str, float]:
        """Seconds of the longest way to each node, without its own.

        With :attr:`upward_rank`, the two ranks of HEFT (Topcuoglu, Hariri and Wu 2002, section 4.1). As edges take no
        time here, it is the earliest start.

        Examples
        --------
        >>> from orchestra_nb.graph import DAG
        >>> dag = DAG([Node("load", cost=2), Node("fit", after=["load"], cost=9), Node("plot", after=["fit"], cost=6)])
        >>> dict(dag.downward_rank)
        {'load': 0.0, 'fit': 2.0, 'plot': 11.0}
        """
        return self.earliest_start

    @cached_property
    def earliest_start(self) -> Mapping[str, float]:
        """When each node could start, with a worker for everyone; seconds since the begin.

        Examples
        --------
        >>> from orchestra_nb.graph import DAG
        >>> dag = DAG([Node("load", cost=2), Node("fit", after=["load"], cost=9), Node("plot", after=["load"], cost=6)])
        >>> dict(dag.earliest_start)
        {'load': 0.0, 'fit': 2.0, 'plot': 2.0}
        """
        return self._by_id(self._starts)

    @cached_property
    def latest_start(self) -> Mapping[str, float]:
        """When each node must start at the latest, or the whole takes longer; seconds since the begin.

        Examples
        --------
        >>> from orchestra_nb.graph import DAG
        >>> dag = DAG([Node("load", cost=2), Node("fit", after=["load"], cost=9), Node("plot", after=["load"], cost=6)])
        >>> dict(dag.latest_start)
        {'load': 0.0, 'fit': 2.0, 'plot': 5.0}
        """
        return self._by_id([start + spare for start, spare in zip(self._starts, self._slacks, strict=True)])

    @cached_property
    def slack(self) -> Mapping[str, float]:
        """How many seconds each node may be late without making the whole later; zero on a critical path.

        Examples
        --------
        >>> from orchestra_nb.graph import DAG
        >>> dag = DAG([Node("load", cost=2), Node("fit", after=["load"], cost=9), Node("plot", after=["load"], cost=6)])
        >>> dict(dag.slack)
        {'load': 0.0, 'fit': 0.0, 'plot': 3.0}
        """
        return self._by_id(self._slacks)

    @cached_property
    def critical_path(self) -> tuple[NodeId, ...]:
        """The longest way by cost: what sets the time of a run with a worker for everyone.

        Of several equally long ones, the first in the document; :meth:`critical_paths` knows all.

        Examples
        --------
        >>> from orchestra_nb.graph import DAG
        >>> dag = DAG([Node("load", cost=2), Node("fit", after=["load"], cost=9), Node("plot", after=["load"], cost=6)])
        >>> dag.critical_path
        ('load', 'fit')
        """
        found = paths.critical_path(self._ranks, self._preds, self._succs)
        if self._aside.isdisjoint(found):
            return self._named(found)
        return next(self.critical_paths(), ())  # where nothing takes time, one that stands aside is as long as any

    def critical_paths(self, limit: int | None = 100) -> Iterator[tuple[NodeId, ...]]:
        """Find all longest ways by cost, in document order; the first is :attr:`critical_path`.

        Each is found when it is asked for. There can be exponentially many: thirty diamonds in a row have 2^30.
        :attr:`critical_nodes` says in one pass which nodes lie on any of them.

        Parameters
        ----------
        limit
            Stop after so many; ``None``: never.

        Examples
        --------
        >>> from orchestra_nb.graph import DAG
        >>> dag = DAG([Node("load"), Node("fit", after=["load"]), Node("plot", after=["load"])])
        >>> list(dag.critical_paths())
        [('load', 'fit'), ('load', 'plot')]
        """
        if limit is not None and limit < 0:
            raise ConfigError(f"limit={limit!r} is no number of paths; give 0 or more, or None for all")
        found = paths.critical_paths(self._ranks, self._preds, self._succs)
        return islice((self._named(path) for path in found if self._aside.isdisjoint(path)), limit)

    @cached_property
    def critical_nodes(self) -> tuple[NodeId, ...]:
        """All nodes without slack, which are those on some longest way.

        Examples
        --------
        Of two paths of one length, all nodes:

        >>> from orchestra_nb.graph import DAG
        >>> dag = DAG([Node("load"), Node("fit", after=["load"]), Node("plot", after=["load"]), Node("note", cost=0.5)])
        >>> dag.critical_nodes
        ('load', 'fit', 'plot')
        """
        return self._named(self._critical)

    @cached_property
    def _critical(self) -> list[int]:
        return [i for i, spare in enumerate(self._slacks) if not spare and i not in self._aside]

    @cached_property
    def critical_time(self) -> float:
        """Seconds along the critical path.

        Examples
        --------
        >>> from orchestra_nb.graph import DAG
        >>> DAG([Node("load", cost=2), Node("fit", after=["load"], cost=9), Node("plot", cost=6)]).critical_time
        11.0
        """
        return max(self._ranks, default=0.0)

    @cached_property
    def total_time(self) -> float:
        """Seconds of all nodes, one after another.

        Examples
        --------
        >>> from orchestra_nb.graph import DAG
        >>> DAG([Node("load", cost=2), Node("fit", after=["load"], cost=9), Node("plot", cost=6)]).total_time
        17.0
        """
        return fsum(self._costs)

    @cached_property
    def max_parallelism(self) -> int:
        """Size of the widest level; :meth:`width` knows how many nodes can truly run at once.

        Examples
        --------
        >>> from orchestra_nb.graph import DAG
        >>> DAG([Node("load"), Node("fit", after=["load"]), Node("plot", after=["load"])]).max_parallelism
        2
        """
        return max((sum(i not in self._aside for i in level) for level in self.table.levels), default=0)

    @cached_property
    def average_parallelism(self) -> float:
        """Total over critical time: how many workers a run of that length keeps busy on average.

        Where nothing takes time, nodes per level, as if all took the same; zero for an empty graph.

        Examples
        --------
        >>> from orchestra_nb.graph import DAG
        >>> DAG([Node("load"), Node("fit", after=["load"]), Node("plot", after=["load"])]).average_parallelism
        1.5
        """
        if self.critical_time > 0:
            return self.total_time / self.critical_time
        return len(self._all) / len(self.table.levels) if self._all else 0.0

    def width(self) -> tuple[NodeId, ...]:
        """Find a largest set of nodes of which none waits for another: its length is how many can run at once at most.

        The true width of the order by Dilworth's theorem, at least :attr:`max_parallelism`. It costs up to n^2.5 / 30
        word operations and n^2 / 16 bytes for n nodes: a blink for 1,000, a second or so for 10,000, no question for
        100,000. See :mod:`.antichain`.

        Examples
        --------
        >>> from orchestra_nb.graph import DAG
        >>> nodes = [Node("a"), Node("b", after=["a"]), Node("c", after=["a"]), Node("free")]
        >>> DAG(nodes).max_parallelism, DAG(nodes).width()
        (2, ('b', 'c', 'free'))
        """
        return self._named(antichain.widest(self.table.levels, self.table.succs))

    def lower_bound(self, workers: int) -> float:
        """Say what no schedule can beat: the critical path or all work shared evenly, whichever is longer (seconds).

        Raises
        ------
        ConfigError
            ``workers`` is below one.

        Examples
        --------
        >>> from orchestra_nb.graph import DAG
        >>> dag = DAG([Node("load", cost=2), Node("fit", after=["load"], cost=9), Node("plot", after=["load"], cost=6)])
        >>> dag.lower_bound(1), dag.lower_bound(2), dag.lower_bound(100)
        (17.0, 11.0, 11.0)
        """
        if workers < 1:
            raise ConfigError(f"workers={workers!r} can run nothing; give 1 or more")
        return max(self.critical_time, self.total_time / workers)

    def bounds(self, workers: int) -> Bounds:
        """Say between what times a run must take, by expected costs.

        The lower bound is that of Fernández and Bussell (1973): beside the path and the shared work, it sees where work
        crowds. The upper one is Graham's (1966) for any policy that leaves no worker idle while a node is ready, which
        is every policy here with ``schedule="eager"``.

        Raises
        ------
        ConfigError
            ``workers`` is below one.

        Examples
        --------
        >>> from orchestra_nb.graph import DAG
        >>> middle = [Node(f"fit_{n}", after=["load"]) for n in range(10)]
        >>> dag = DAG([Node("load"), *middle, Node("report", after=[node.id for node in middle])])
        >>> dag.lower_bound(2), dag.bounds(2)
        (6.0, Bounds(workers=2, work=12.0, span=3.0, lower=7.0, upper=7.5))
        """
        simple = self.lower_bound(workers)
        work, span = self.total_time, self.critical_time
        upper = max(simple, work / workers + span * (workers - 1) / workers)
        latest = [start + spare for start, spare in zip(self._starts, self._slacks, strict=True)]
        crowded = span + analysis.overload(self._starts, latest, self._costs, workers)
        return Bounds(workers, work, span, min(max(simple, crowded), upper), upper)

    def gain(self, node: str, factor: float = 2.0) -> float:
        """Say how much shorter the critical path gets when one node is so many times as fast (seconds).

        Nothing for a node with slack, and never more than the longest way around the node leaves to gain.

        Raises
        ------
        MissingDependencyError
            No node has that name.
        ConfigError
            ``factor`` is below one.

        Examples
        --------
        >>> from orchestra_nb.graph import DAG
        >>> dag = DAG([Node("load", cost=2), Node("fit", after=["load"], cost=9), Node("plot", after=["load"], cost=6)])
        >>> dag.gain("fit"), dag.gain("fit", 1.5), dag.gain("load"), dag.gain("plot")
        (3.0, 3.0, 1.0, 0.0)
        """
        if not factor >= 1:
            raise ConfigError(f"factor={factor!r} makes no node faster; give 1 or more")
        i = self._position(node)
        return self._gain(i, factor)

    @cached_property
    def gains(self) -> Mapping[str, float]:
        """Seconds of critical time that each node would save if it were twice as fast; all in O((V + E) log E).

        Examples
        --------
        >>> from orchestra_nb.graph import DAG
        >>> dag = DAG([Node("load", cost=2), Node("fit", after=["load"], cost=9), Node("plot", after=["load"], cost=6)])
        >>> max(dag.gains, key=dag.gains.get), dict(dag.gains)
        ('fit', {'load': 1.0, 'fit': 3.0, 'plot': 0.0})
        """
        return self._by_id([self._gain(i, 2.0) for i in range(len(self._all))])

    def _gain(self, i: int, factor: float) -> float:
        saved = self._costs[i] - self._costs[i] / factor
        return min(saved, self._margins[i]) if i in self._margins else 0.0

    @cached_property
    def _margins(self) -> Mapping[int, float]:
        """For each critical node, how much shorter the longest way around it is; rounding counts for nothing."""
        critical = self._critical
        found = analysis.margins(self.table.levels, self._succs, self._starts, self._ranks, critical)
        least = self.critical_time * paths.ROUNDING
        return {i: margin for i, margin in zip(critical, found, strict=True) if margin > least}

    def _by_id(self, numbers: Sequence[float]) -> Mapping[str, float]:
        return MappingProxyType(dict(zip(self.table.ids, numbers, strict=True)))

    def _named(self, positions: Iterable[int]) -> tuple[NodeId, ...]:
        ids = self.table.ids
        return tuple([ids[i] for i in positions])

    def _position(self, name: str) -> int:
        try:
            return self.table.index[NodeId(name)]
        except KeyError:
            raise MissingDependencyError(self._nobody(name)) from None

    def _nobody(self, name: str) -> str:
        hint = nearest(str(name), self.table.ids)
        return f"no node is named {name!r}; {hint or 'the graph is empty'}"


def _without(table: Adjacency, out: frozenset[int]) -> Adjacency:
    """A graph's neighbours without some nodes, which then have none."""
    if not out:
        return table
    return [() if i in out else tuple(j for j in near if j not in out) for i, near in enumerate(table)]
