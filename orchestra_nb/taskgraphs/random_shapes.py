"""Graphs by chance: in layers, and Erdős–Rényi by order. The same seed makes the same graph everywhere."""

from __future__ import annotations

import math
import random

from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId
from orchestra_nb.taskgraphs.making import Cost, Maker, Work, not_too_many, share, whole


def layered(
    levels: int, width: int, density: float = 0.5, seed: int = 0, *, cost: Cost = 1.0, work: Work | None = None
) -> DAG:
    """Make layers in which each node may need any node of the layer before.

    A node that chance gave nothing to need needs one, drawn, so that there are as many levels as layers (Tobita and
    Kasahara, "A standard task graph set for fair evaluation of multiprocessor scheduling algorithms", Journal of
    Scheduling 5, 2002, name the method "layrpred").

    Parameters
    ----------
    levels, width
        How many layers, and how many nodes each has.
    density
        How likely a node needs one of the layer before, from 0 to 1.
    seed
        Of chance.
    cost, work
        As for :class:`.Maker`.

    Raises
    ------
    ConfigError
        A size, a density or a cost that cannot be meant.

    Examples
    --------
    >>> dag = layered(4, 5, density=0.3, seed=1)
    >>> len(dag), [len(level) for level in dag.levels]
    (20, [5, 5, 5, 5])
    """
    whole("layered: levels", levels)
    not_too_many("layered", levels * whole("layered: width", width))
    density = share("layered: density", density)
    chance = random.Random(f"layered {seed}")
    make = Maker("layered", cost, work)
    before: list[NodeId] = []
    for level in range(levels):
        now = []
        for i in range(width):
            needs = [name for name in before if chance.random() < density]
            if before and not needs:
                needs = [chance.choice(before)]
            now.append(make.add("node", level, i, after=needs, phase=f"layer {level}"))
        before = now
    return make.made()


def erdos_renyi(n: int, p: float, seed: int = 0, *, cost: Cost = 1.0, work: Work | None = None) -> DAG:
    """Make nodes in a row, each of which needs any earlier one with the same probability.

    Erdős and Rényi's random graph with its edges turned forwards (Almeida, Vasconcelos, Árabe and Menascé, "Using
    random task graphs to investigate the potential benefits of heterogeneity in parallel systems", 1992; "sameprob" in
    the Standard Task Graph Set). Edges are found by skipping what is none (Batagelj and Brandes, "Efficient generation
    of large random networks", 2005), so that it takes as long as there are edges and not as there are pairs.

    Parameters
    ----------
    n
        How many nodes.
    p
        How likely each of the ``n * (n - 1) / 2`` edges is, from 0 to 1.
    seed
        Of chance.
    cost, work
        As for :class:`.Maker`.

    Raises
    ------
    ConfigError
        A size, a probability or a cost that cannot be meant.

    Examples
    --------
    >>> [len(erdos_renyi(5, p).edges) for p in (0, 1)]
    [0, 10]
    """
    not_too_many("erdos_renyi", whole("erdos_renyi: n", n))
    needs = _forward_edges(n, share("erdos_renyi: p", p), random.Random(f"erdos-renyi {seed}"))
    make = Maker("erdos-renyi", cost, work)
    names: list[NodeId] = []
    for i in range(n):
        names.append(make.add("node", i, after=[names[j] for j in needs[i]]))
    return make.made()


def _forward_edges(n: int, p: float, chance: random.Random) -> list[list[int]]:
    """For each node, the earlier ones that it needs."""
    needs: list[list[int]] = [[] for _ in range(n)]
    if p == 0:
        return needs
    if p == 1:
        return [list(range(i)) for i in range(n)]
    i, j, unlikely = 1, -1, math.log1p(-p)
    while i < n:
        skipped = math.log(1.0 - chance.random()) / unlikely
        j += 1 + (int(skipped) if skipped < n * n else n * n)
        while j >= i and i < n:
            j -= i
            i += 1
        if i < n:
            needs[i].append(j)
    return needs
