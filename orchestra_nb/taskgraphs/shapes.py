"""Graphs of plain shapes: chain, fork and join, diamond, trees, stencil.

Each docstring says how many nodes and levels there are: what schedules of them are held against. Places count from 0.
"""

from __future__ import annotations

from itertools import product

from orchestra_nb.errors import ConfigError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId
from orchestra_nb.taskgraphs.making import Cost, Maker, Work, not_too_many, whole


def chain(n: int, *, cost: Cost = 1.0, work: Work | None = None) -> DAG:
    """Make a chain: each node after the one before. No number of workers makes it shorter.

    Parameters
    ----------
    n
        How many nodes, and levels.
    cost, work
        As for :class:`.Maker`.

    Raises
    ------
    ConfigError
        A size or a cost that cannot be meant.

    Examples
    --------
    >>> chain(3).levels
    (('step_0',), ('step_1',), ('step_2',))
    """
    not_too_many("chain", whole("chain: n", n))
    make = Maker("chain", cost, work)
    last: list[NodeId] = []
    for i in range(n):
        last = [make.add("step", i, after=last)]
    return make.made()


def fork_join(width: int, stages: int = 1, *, cost: Cost = 1.0, work: Work | None = None) -> DAG:
    """Make nodes side by side between a fork and a join, stage after stage; each join is the next fork.

    Parameters
    ----------
    width
        How many stand side by side.
    stages
        How often. There are ``1 + stages * (width + 1)`` nodes in ``1 + 2 * stages`` levels.
    cost, work
        As for :class:`.Maker`.

    Raises
    ------
    ConfigError
        A size or a cost that cannot be meant.

    Examples
    --------
    >>> fork_join(2).levels
    (('fork_0',), ('part_0_0', 'part_0_1'), ('join_0',))
    """
    whole("fork_join: width", width)
    not_too_many("fork_join", 1 + whole("fork_join: stages", stages) * (width + 1))
    make = Maker("fork-join", cost, work)
    gate = make.add("fork", 0)
    for stage in range(stages):
        parts = [make.add("part", stage, i, after=[gate], phase=f"stage {stage}") for i in range(width)]
        gate = make.add("join", stage, after=parts)
    return make.made()


def diamond(n: int, *, cost: Cost = 1.0, work: Work | None = None) -> DAG:
    """Make a square grid in which each cell waits for the one above and the one to the left: a wavefront.

    Parameters
    ----------
    n
        Length of a side: ``n * n`` nodes in ``2 * n - 1`` levels, of which the widest has ``n``.
    cost, work
        As for :class:`.Maker`.

    Raises
    ------
    ConfigError
        A size or a cost that cannot be meant.

    Examples
    --------
    >>> diamond(2).levels
    (('cell_0_0',), ('cell_0_1', 'cell_1_0'), ('cell_1_1',))
    """
    not_too_many("diamond", whole("diamond: n", n) ** 2)
    make = Maker("diamond", cost, work)
    at: dict[tuple[int, int], NodeId] = {}
    for i, j in product(range(n), repeat=2):
        at[i, j] = make.add("cell", i, j, after=[at[p] for p in ((i - 1, j), (i, j - 1)) if p in at])
    return make.made()


def out_tree(depth: int, arity: int = 2, *, cost: Cost = 1.0, work: Work | None = None) -> DAG:
    """Make a tree that grows from its root: dividing, without conquering.

    Parameters
    ----------
    depth
        How many levels: level ``k`` has ``arity ** k`` nodes.
    arity
        How many nodes wait for each.
    cost, work
        As for :class:`.Maker`.

    Raises
    ------
    ConfigError
        A size or a cost that cannot be meant.

    Examples
    --------
    >>> out_tree(2, 3).levels
    (('split_0_0',), ('split_1_0', 'split_1_1', 'split_1_2'))
    """
    _check_tree("out_tree", depth, arity)
    make = Maker("out-tree", cost, work)
    above: list[NodeId] = []
    for level in range(depth):
        above = [make.add("split", level, i, after=above[i // arity : i // arity + 1]) for i in range(arity**level)]
    return make.made()


def in_tree(depth: int, arity: int = 2, *, cost: Cost = 1.0, work: Work | None = None) -> DAG:
    """Make a tree that runs together into its root: a reduction.

    Parameters
    ----------
    depth
        How many levels: the first has ``arity ** (depth - 1)`` nodes, the last one.
    arity
        How many each node waits for.
    cost, work
        As for :class:`.Maker`.

    Raises
    ------
    ConfigError
        A size or a cost that cannot be meant.

    Examples
    --------
    >>> in_tree(2, 3).levels
    (('merge_0_0', 'merge_0_1', 'merge_0_2'), ('merge_1_0',))
    """
    _check_tree("in_tree", depth, arity)
    make = Maker("in-tree", cost, work)
    above: list[NodeId] = []
    for level in range(depth):
        width = arity ** (depth - 1 - level)
        above = [make.add("merge", level, i, after=above[i * arity : (i + 1) * arity]) for i in range(width)]
    return make.made()


def stencil(rows: int, steps: int, *, dimensions: int = 1, cost: Cost = 1.0, work: Work | None = None) -> DAG:
    """Make a grid that is updated step after step, each cell from itself and its neighbours.

    Parameters
    ----------
    rows
        Length of a side.
    steps
        How often: ``rows ** dimensions * steps`` nodes in ``steps`` levels.
    dimensions
        1: a line, three points each; 2: a square, five points each.
    cost, work
        As for :class:`.Maker`.

    Raises
    ------
    ConfigError
        A size or a cost that cannot be meant.

    Examples
    --------
    >>> stencil(3, 2).predecessors("cell_1_0"), stencil(3, 2).predecessors("cell_1_1")
    (('cell_0_0', 'cell_0_1'), ('cell_0_0', 'cell_0_1', 'cell_0_2'))
    >>> len(stencil(3, 2, dimensions=2).predecessors("cell_1_1_1"))
    5
    """
    whole("stencil: rows", rows)
    if dimensions not in (1, 2):
        raise ConfigError(f"stencil: dimensions must be 1 or 2, not {dimensions!r}")
    not_too_many("stencil", rows**dimensions * whole("stencil: steps", steps))
    make = Maker("stencil", cost, work)
    near = [(0,), (-1,), (1,)] if dimensions == 1 else [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]
    before: dict[tuple[int, ...], NodeId] = {}
    for step in range(steps):
        now: dict[tuple[int, ...], NodeId] = {}
        for cell in product(range(rows), repeat=dimensions):
            around = [tuple(a + b for a, b in zip(cell, move, strict=True)) for move in near]
            after = [before[each] for each in around if each in before]
            now[cell] = make.add("cell", step, *cell, after=after, phase=f"step {step}")
        before = now
    return make.made()


def _check_tree(name: str, depth: int, arity: int) -> None:
    whole(f"{name}: depth", depth)
    whole(f"{name}: arity", arity)
    nodes = depth if arity == 1 else (arity ** min(depth, 64) - 1) // (arity - 1)
    not_too_many(name, nodes)
