"""The fast Fourier transform as a butterfly of tasks, and on request the transform itself."""

from __future__ import annotations

from typing import Any

from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.errors import ConfigError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId
from orchestra_nb.taskgraphs.calls import Call
from orchestra_nb.taskgraphs.making import Cost, Maker, Work, not_too_many, whole
from orchestra_nb.taskgraphs.tile_kernels import fft_butterfly, fft_leaf, joined


def fft(points: int, *, cost: Cost = 1.0, work: Work | None = None, signal: Any = None) -> DAG:
    """Make the butterfly of a fast Fourier transform (Cooley and Tukey, 1965; decimation in time).

    ``leaf_i`` transforms every ``points``-th value of the signal; ``butterfly_s_i`` joins two blocks of stage ``s - 1``
    whose places differ in one bit, as in Chung and Ranka, "Applications and performance analysis of a compile-time
    optimization approach for list scheduling algorithms on distributed memory multiprocessors" (1992).

    Parameters
    ----------
    points
        How many blocks, a power of two: ``points * (1 + log2(points))`` tasks, ``points`` in each level.
    cost, work
        As for :class:`.Maker`; all tasks cost the same.
    signal
        An array whose length ``points`` divides: the nodes then compute its transform, which is the value of one more
        node, ``fft``.

    Raises
    ------
    ConfigError
        ``points`` is no power of two, a cost cannot be meant, a signal does not fit, or both work and a signal.

    Examples
    --------
    >>> dag = fft(4)
    >>> len(dag), dag.predecessors("butterfly_2_3")
    (12, ('butterfly_1_1', 'butterfly_1_3'))
    >>> import numpy as np
    >>> from orchestra_nb import Pipeline
    >>> x = np.arange(8.0)
    >>> bool(np.allclose(Pipeline(fft(4, signal=x)).run().values["fft"], np.fft.fft(x)))
    True
    """
    if whole("fft: points", points) & (points - 1):
        raise ConfigError(f"fft: points must be a power of two, as 8, not {points}")
    stages = points.bit_length() - 1
    not_too_many("fft", points * (1 + stages))
    make = Maker("fft", cost, work)
    values = None if signal is None else _checked(signal, points, work)
    before: list[NodeId] = []
    for i in range(points):
        start = _reversed_bits(i, stages)
        body = None if values is None else Call(fft_leaf, given=(values[start::points],))
        before.append(make.add("leaf", i, phase="stage 0", body=body))
    for stage in range(1, stages + 1):
        half = 1 << (stage - 1)
        now = []
        for i in range(points):
            pair = (before[i & ~half], before[i | half])
            block = 0 if values is None else len(values) // points
            given = (block * (i % (2 * half)), block * 2 * half)
            body = None if values is None else Call(fft_butterfly, pair, given)
            now.append(make.add("butterfly", stage, i, after=pair, phase=f"stage {stage}", body=body))
        before = now
    if values is None:
        return make.made()
    make.add("fft", after=before, relative=0.0, body=Call(joined, tuple(before)))
    dag = make.made()
    built = DAGBuilder().build_dag(dag.nodes.values())  # along whose edges values flow
    return DAG(built.nodes.values(), built.given, dag.metadata)


def _checked(signal: Any, points: int, work: Work | None) -> Any:
    import numpy as np

    values = np.asarray(signal)
    if work is not None:
        raise ConfigError("fft: takes a signal, and does its work, or other work; leave one of them out")
    if values.ndim != 1 or not len(values) or len(values) % points or values.dtype.kind not in "iufcb":
        told = f"not {values.dtype} of shape {values.shape}"
        raise ConfigError(f"fft: the signal must be numbers in a row, as many as {points} divides, {told}")
    return values


def _reversed_bits(number: int, bits: int) -> int:
    return int(f"{number:0{bits}b}"[::-1], 2) if bits else 0
