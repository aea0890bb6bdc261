"""What storing a cell's result may cost.

In ``checkpoint="auto"`` it is :data:`SHARE` of the cell's own time. A result that would cost more is not stored: when
the run is gone on with, it is made again, about as quickly as it would have been read. Small results are stored always;
so are those that would be others the next time, and those of cells that write files. Where everything is to be stored,
only the largest results are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestra_nb.cells.resumable import resuming_of
from orchestra_nb.model import Node
from orchestra_nb.notebook.shipping import NotShippable

SHARE = 0.03
"""Of a cell's own time."""
ALWAYS = 2_000_000
"""Bytes of a result that is stored always."""
MOST = 500_000_000
"""Bytes of a result that is stored at all."""
_BYTES_PER_SECOND = 100e6
"""That are pickled, compared and written."""


def check_cost(node: Node, size: int, seconds: float, everything: bool) -> None:
    """See that a result may be stored.

    Parameters
    ----------
    node
        The cell.
    size
        Bytes of what it made.
    seconds
        That it ran for.
    everything
        Whether to store whatever it costs.

    Raises
    ------
    NotShippable
        It may not; says why.

    Examples
    --------
    >>> from orchestra_nb.model import NodeId
    >>> check_cost(Node(NodeId("rows")), 30_000_000, seconds=60.0, everything=False)
    >>> check_cost(Node(NodeId("rows")), 30_000_000, seconds=1.0, everything=False)
    Traceback (most recent call last):
    orchestra_nb.notebook.shipping.NotShippable: storing its 30 MB would take more than 3% of the 1 s that it ran
    """
    if size > MOST:
        raise NotShippable(f"it makes {_megabytes(size)}, and no result of more than {_megabytes(MOST)} is stored")
    told = resuming_of(node)
    again = told["changing"] or told["writes"] or told["logs"]
    if not again and not everything and size > max(ALWAYS, SHARE * seconds * _BYTES_PER_SECOND):
        raise NotShippable(
            f"storing its {_megabytes(size)} would take more than {SHARE:.0%} of the {seconds:.2g} s that it ran"
        )


def check_drawn(made: Mapping[str, Any]) -> None:
    """See that nothing is a figure or a part of one: it takes long to find out that a copy would not be the same.

    Raises
    ------
    NotShippable
        Something is; says what.
    """
    for name, value in made.items():
        if type(value).__module__.partition(".")[0] == "matplotlib":
            raise NotShippable(f"{name!r} ({type(value).__name__}) belongs to a figure")


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.0f} MB"
