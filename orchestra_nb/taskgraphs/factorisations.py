"""Tiled factorisations of a matrix, Cholesky and LU: the task graphs, and on request the work itself.

Policy: right-looking, one task for each tile and step, as in Buttari, Langou, Kurzak and Dongarra, "A class of parallel
tiled linear algebra algorithms for multicore architectures", Parallel Computing 35 (2009). What a task needs follows
from who last wrote the tiles that it reads; nothing is written down twice. Costs are floating-point operations in units
of ``b ** 3`` for tiles of ``b`` rows. With ``matrix=`` the tasks do the work, each a kernel of numpy
(:mod:`.tile_kernels`) on values of other nodes, and one more node puts the tiles together: so the graph is proved by
what comes of it. Failure: a matrix that does not fit is a :class:`.ConfigError` here; one that has no such
factorisation fails the node that finds out, as numpy does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.errors import ConfigError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId
from orchestra_nb.taskgraphs import tile_kernels
from orchestra_nb.taskgraphs.calls import Call
from orchestra_nb.taskgraphs.making import Cost, Maker, Work, not_too_many, whole

if TYPE_CHECKING:
    import numpy as np

Tile = tuple[int, int]


def cholesky(tiles: int, *, cost: Cost = 1.0, work: Work | None = None, matrix: Any = None) -> DAG:
    """Make the tiled Cholesky factorisation of a symmetric matrix, ``A = L L^T``.

    ``t`` tiles a side make ``t (t + 1) (t + 2) / 6`` tasks in ``3 t - 2`` levels: ``potrf_k`` factors a tile of the
    diagonal, ``trsm_i_k`` solves the tiles below, ``syrk_i_k`` and ``gemm_i_j_k`` take off what step ``k`` explains.

    Parameters
    ----------
    tiles
        How many tiles a side has.
    cost
        Seconds for ``b ** 3`` operations, or as for :class:`.Maker`: a third for ``potrf``, 1 for ``trsm`` and
        ``syrk``, 2 for ``gemm``.
    work
        As for :class:`.Maker`.
    matrix
        A symmetric, positive definite array: the nodes then compute its factor, which is the value of one more node,
        ``cholesky``.

    Raises
    ------
    ConfigError
        A size or a cost that cannot be meant, a matrix that is not square or has fewer rows than tiles, or both work
        and a matrix.

    Examples
    --------
    >>> dag = cholesky(4)
    >>> len(dag), len(dag.levels), dag.predecessors("gemm_3_2_1")
    (20, 10, ('gemm_3_2_0', 'trsm_2_1', 'trsm_3_1'))
    >>> import numpy as np
    >>> from orchestra_nb import Pipeline
    >>> a = np.diag([4.0, 9.0, 16.0]) + 1
    >>> factor = Pipeline(cholesky(3, matrix=a)).run().values["cholesky"]
    >>> bool(np.allclose(factor, np.linalg.cholesky(a)))
    True
    """
    t = whole("cholesky: tiles", tiles)
    not_too_many("cholesky", t * (t + 1) * (t + 2) // 6)
    make = _Tiled("cholesky", t, Maker("cholesky", cost, work, "tile"), work, matrix)
    for k in range(t):
        make.on("potrf", (k, k), 1 / 3, [], k, (k,))
        for i in range(k + 1, t):
            make.on("trsm", (i, k), 1.0, [(k, k)], k, (i, k))
        for i in range(k + 1, t):
            make.on("syrk", (i, i), 1.0, [(i, k)], k, (i, k))
            for j in range(k + 1, i):
                make.on("gemm", (i, j), 2.0, [(i, k), (j, k)], k, (i, j, k))
    return make.made(tile_kernels.lower, [(i, j) for i in range(t) for j in range(i + 1)])


def lu(tiles: int, *, cost: Cost = 1.0, work: Work | None = None, matrix: Any = None) -> DAG:
    """Make the tiled LU factorisation without pivoting, ``A = L U``.

    ``t`` tiles a side make ``t (t + 1) (2 t + 1) / 6`` tasks in ``3 t - 2`` levels: ``getrf_k`` factors a tile of the
    diagonal, ``trsmu_k_j`` and ``trsml_i_k`` solve its row and its column, ``gemm_i_j_k`` updates the rest.

    Parameters
    ----------
    tiles
        How many tiles a side has.
    cost
        Seconds for ``b ** 3`` operations, or as for :class:`.Maker`: two thirds for ``getrf``, 1 for a solve, 2 for
        ``gemm``.
    work
        As for :class:`.Maker`.
    matrix
        A square array that needs no pivoting, such as one whose diagonal dominates: the nodes then compute its factors,
        which are the value of one more node, ``lu``: lower with ones on its diagonal, and upper.

    Raises
    ------
    ConfigError
        As for :func:`cholesky`.

    Examples
    --------
    >>> dag = lu(3)
    >>> len(dag), len(dag.levels), dag.predecessors("getrf_1")
    (14, 7, ('gemm_1_1_0',))
    >>> import numpy as np
    >>> from orchestra_nb import Pipeline
    >>> a = np.arange(16.0).reshape(4, 4) + 20 * np.eye(4)
    >>> lower, upper = Pipeline(lu(2, matrix=a)).run().values["lu"]
    >>> bool(np.allclose(lower @ upper, a))
    True
    """
    t = whole("lu: tiles", tiles)
    not_too_many("lu", t * (t + 1) * (2 * t + 1) // 6)
    make = _Tiled("lu", t, Maker("lu", cost, work, "tile"), work, matrix)
    for k in range(t):
        rest = range(k + 1, t)
        make.on("getrf", (k, k), 2 / 3, [], k, (k,))
        for j in rest:
            make.on("trsmu", (k, j), 1.0, [(k, k)], k, (k, j))
        for i in rest:
            make.on("trsml", (i, k), 1.0, [(k, k)], k, (i, k))
        for i in rest:
            for j in rest:
                make.on("gemm", (i, j), 2.0, [(i, k), (k, j)], k, (i, j, k))
    return make.made(tile_kernels.both, [(i, j) for i in range(t) for j in range(t)])


class _Tiled:
    """Tasks on tiles: each needs whoever last wrote what it reads, or is given the tile of the matrix."""

    def __init__(self, name: str, tiles: int, make: Maker, work: Work | None, matrix: Any) -> None:
        self._name = name
        self._make = make
        self._last: dict[Tile, NodeId] = {}
        self._given: dict[Tile, np.ndarray[Any, Any]] | None = None
        if matrix is not None:
            if work is not None:
                raise ConfigError(f"{name}: takes a matrix, and does its work, or other work; leave one of them out")
            self._given = tile_kernels.tiles_of(name, tiles, matrix)

    def on(self, task: str, tile: Tile, relative: float, reads: list[Tile], step: int, place: tuple[int, ...]) -> None:
        """Add the task that writes a tile, from what stands in it and in others, which were written before."""
        before = self._last.get(tile)
        inputs = [*([before] if before is not None else []), *(self._last[read] for read in reads)]
        body = None
        if self._given is not None:
            kernel = getattr(tile_kernels, f"{self._name}_{task}")
            body = Call(kernel, tuple(inputs), () if before is not None else (self._given[tile],))
        self._last[tile] = self._make.add(
            task, *place, after=inputs, relative=relative, phase=f"step {step}", body=body
        )

    def made(self, gather: Callable[..., Any], tiles: list[Tile]) -> DAG:
        """Make the graph, with a node that puts its tiles together where there is a matrix."""
        if self._given is None:
            return self._make.made()
        last = [self._last[tile] for tile in tiles]
        self._make.add(self._name, after=last, relative=0.0, body=Call(gather, tuple(last)))
        dag = self._make.made()
        built = DAGBuilder().build_dag(dag.nodes.values())  # along whose edges values flow
        return DAG(built.nodes.values(), built.given, dag.metadata)
