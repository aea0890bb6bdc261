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

**Files.** :func:`read_graph` reads what others have published, whatever the file is called; :func:`write_graph` writes
a graph, or a run with what it took. On the command line ``plan``, ``levels``, ``graph``, ``simulate``, ``validate`` and
``export`` take such files, and ``run --simulate`` rehearses them.

========  ======================================================  =====================================================
format    what it is                                              what it holds
========  ======================================================  =====================================================
wfformat  WfCommons' JSON: read 1.0 to 1.5, written 1.5           names, needs, seconds; of a run also when and where
stg       the Standard Task Graph Set, also with communication    needs, times; names in comments of ours
fabric    ``runMultiple``, written too; Data Factory's pipelines  names, needs, attempts, limits; no seconds
json      what ``orchestra plan --json`` and exports have         names, needs with kind and evidence, seconds, phases
graphml   GraphML, of any program that says seconds               names, needs with kind, seconds, phases
dot       Graphviz; written only                                  the picture
========  ======================================================  =====================================================
"""

from orchestra_nb.taskgraphs.costs import exponential, lognormal, uniform
from orchestra_nb.taskgraphs.factorisations import cholesky, lu
from orchestra_nb.taskgraphs.making import Facts
from orchestra_nb.taskgraphs.mosaics import montage
from orchestra_nb.taskgraphs.random_shapes import erdos_renyi, layered
from orchestra_nb.taskgraphs.reading import read_graph
from orchestra_nb.taskgraphs.shapes import chain, diamond, fork_join, in_tree, out_tree, stencil
from orchestra_nb.taskgraphs.transforms import fft
from orchestra_nb.taskgraphs.work import busy
from orchestra_nb.taskgraphs.writing import graph_text, write_graph

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
    "graph_text",
    "in_tree",
    "layered",
    "lognormal",
    "lu",
    "montage",
    "out_tree",
    "read_graph",
    "stencil",
    "uniform",
    "write_graph",
]
