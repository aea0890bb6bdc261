"""Task graphs to study: made here, or read from published ones.

**Making.** Each maker gives a :class:`.DAG` whose nodes have readable ids, costs in proportion to what such tasks take,
and ``{"task": ..., "place": ...}`` as metadata: :func:`chain`, :func:`fork_join`, :func:`diamond`, :func:`out_tree`,
:func:`in_tree`, :func:`stencil`; by chance :func:`layered` and :func:`erdos_renyi`; of applications :func:`cholesky`,
:func:`lu`, :func:`fft` and :func:`montage`. ``cost=`` is a number of seconds, a function of a node's :class:`Facts`, or
:func:`uniform`, :func:`exponential` or :func:`lognormal` with a seed. ``work=`` gives nodes something to do:
:func:`busy` keeps a core busy for as long as the node is expected to take. The factorisations and the transform do the
real work when they are given a matrix or a signal::

    from orchestra_nb import Pipeline, simulate, taskgraphs

    simulate(taskgraphs.cholesky(8), workers=4)
    Pipeline(taskgraphs.cholesky(8, matrix=a)).run().values["cholesky"]
"""

from orchestra_nb.taskgraphs.costs import exponential, lognormal, uniform
from orchestra_nb.taskgraphs.factorisations import cholesky, lu
from orchestra_nb.taskgraphs.making import Facts
from orchestra_nb.taskgraphs.mosaics import montage
from orchestra_nb.taskgraphs.random_shapes import erdos_renyi, layered
from orchestra_nb.taskgraphs.shapes import chain, diamond, fork_join, in_tree, out_tree, stencil
from orchestra_nb.taskgraphs.transforms import fft
from orchestra_nb.taskgraphs.work import busy

__all__ = [
    "Facts",
    "busy",
    "chain",
    "cholesky",
    "diamond",
    "erdos_renyi",
    "exponential",
    "fft",
    "fork_join",
    "in_tree",
    "layered",
    "lognormal",
    "lu",
    "montage",
    "out_tree",
    "stencil",
    "uniform",
]
