"""A workflow like Montage's, which puts images of the sky together.

Structure and tasks follow Juve, Chervenak, Deelman, Bharathi, Mehta and Vahi, "Characterizing and profiling scientific
workflows", Future Generation Computer Systems 29 (2013), section 3.1; what tasks take is of the execution profile there
(a mosaic of 8 by 8 degrees: 2,102 images, 6,172 overlaps, 17 tables and sums). Tasks that gather take time with what
they gather, in proportion.
"""

from __future__ import annotations

from math import isqrt

from orchestra_nb.graph.dag import DAG
from orchestra_nb.taskgraphs.making import Cost, Maker, Work, not_too_many, whole

_IMAGES, _OVERLAPS, _SUMS = 2102, 6172, 17
_PROJECT, _DIFF_FIT, _BACKGROUND, _JPEG = 1.73, 0.66, 1.72, 0.64
_CONCAT_FIT, _MODEL = 143.26 / _OVERLAPS, 384.49 / _IMAGES
_TABLE, _ADD, _SHRINK = 2.78 * _SUMS / _IMAGES, 282.37 * _SUMS / _IMAGES, 66.10 * _SUMS / _IMAGES
"""Seconds: of a task, or for each image or overlap that it gathers."""


def montage(images: int, *, cost: Cost = 1.0, work: Work | None = None) -> DAG:
    """Make a mosaic of images: all are projected, overlaps compared, one model of the background taken off.

    The images lie on a grid that is as square as can be; each overlaps its neighbours to the right, below, and below
    to the right, which makes about three overlaps an image, as in the mosaic that was measured.

    Parameters
    ----------
    images
        How many. With ``m`` overlaps there are ``2 * images + m + 6`` tasks in nine levels.
    cost
        Times what was measured, 1.0: mProject 1.73 s, mDiffFit 0.66 s, mBackground 1.72 s, mJPEG 0.64 s, and for each
        image or overlap mConcatFit 0.023 s, mBgModel 0.18 s, mImgtbl 0.022 s, mAdd 2.3 s, mShrink 0.53 s. Or as for
        :class:`.Maker`.
    work
        As for :class:`.Maker`.

    Raises
    ------
    ConfigError
        A size or a cost that cannot be meant.

    Examples
    --------
    >>> dag = montage(4)
    >>> len(dag), len(dag.levels), dag.predecessors("mDiffFit_0_3")
    (19, 9, ('mProject_0', 'mProject_3'))
    """
    not_too_many("montage", 5 * whole("montage: images", images) + 6)
    make = Maker("montage", cost, work)
    projected = [make.add("mProject", i, relative=_PROJECT, phase="project") for i in range(images)]
    fits = [
        make.add("mDiffFit", a, b, after=[projected[a], projected[b]], relative=_DIFF_FIT, phase="compare")
        for a, b in _overlaps(images)
    ]
    concat = make.add("mConcatFit", after=fits or projected, relative=_CONCAT_FIT * len(fits), phase="model")
    model = make.add("mBgModel", after=[concat], relative=_MODEL * images, phase="model")
    level = [
        make.add("mBackground", i, after=[projected[i], model], relative=_BACKGROUND, phase="correct")
        for i in range(images)
    ]
    table = make.add("mImgtbl", after=level, relative=_TABLE * images, phase="add")
    mosaic = make.add("mAdd", after=[*level, table], relative=_ADD * images, phase="add")
    small = make.add("mShrink", after=[mosaic], relative=_SHRINK * images, phase="show")
    make.add("mJPEG", after=[small], relative=_JPEG, phase="show")
    return make.made()


def _overlaps(images: int) -> list[tuple[int, int]]:
    """Pairs of images that overlap, of so many on a grid."""
    side = isqrt(images - 1) + 1
    pairs = []
    for a in range(images):
        right = a % side < side - 1
        near = [*([a + 1] if right else []), a + side, *([a + side + 1] if right else [])]
        pairs += [(a, b) for b in near if b < images]
    return pairs
