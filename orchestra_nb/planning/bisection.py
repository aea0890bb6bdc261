"""From an order that goes wrong to the two nodes that must not change places.

Between two valid orders leads a path of swaps of neighbours, along which every order is valid: the pairs that the two
orders have the other way round are joined by no path in the DAG, and each swap turns round one of them. The first
order gives the results wanted, the last one does not, so somewhere on the path there is a swap before which a run is
right and after which it is wrong. That swap is the whole difference between the two runs: its two nodes need an edge.
It is found by halving, in at most log2(n²/2) runs for n nodes, whether or not what lies between is all right or all
wrong. This is delta debugging (A. Zeller, "Yesterday, my program worked. Today, it does not. Why?", ESEC/FSE 1999) with
swaps for changes.

Rejected: running only what the differing name needs. What it needs is what the DAG says, and the DAG lacks an edge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestra_nb.planning.orders import Order


class Path:
    """The swaps of neighbours that lead from one order to another.

    Parameters
    ----------
    first, last
        Two orders of the same nodes.

    Examples
    --------
    >>> path = Path(("a", "b", "c"), ("c", "a", "b"))
    >>> len(path), path.at(1), path.swap(1), path.at(2)
    (2, ('a', 'c', 'b'), ('b', 'c'), ('c', 'a', 'b'))
    """

    def __init__(self, first: Sequence[str], last: Sequence[str]) -> None:
        self._first = tuple(first)
        self._swaps: list[int] = []
        now = list(first)
        for position, name in enumerate(last):
            found = now.index(name, position)
            self._swaps += range(found - 1, position - 1, -1)
            now.insert(position, now.pop(found))

    def __len__(self) -> int:
        return len(self._swaps)

    def at(self, step: int) -> Order:
        """Return the order after so many swaps."""
        now = list(self._first)
        for left in self._swaps[:step]:
            now[left], now[left + 1] = now[left + 1], now[left]
        return tuple(now)

    def swap(self, step: int) -> tuple[str, str]:
        """Name the pair that the swap before this step turned round, in the order it had."""
        left = self._swaps[step - 1]
        before = self.at(step - 1)
        return before[left], before[left + 1]


def bisect(path: Path, wrong: Callable[[Order], bool]) -> int:
    """Find a step that makes a run go wrong.

    Parameters
    ----------
    path
        Its first order is known to be right and its last one to be wrong.
    wrong
        Runs an order, and says whether it goes wrong.

    Returns
    -------
    int
        A step such that the order before it is right, and the order after it is wrong.

    Examples
    --------
    >>> path = Path("abcd", "dcba")
    >>> step = bisect(path, lambda order: order.index("c") < order.index("b"))
    >>> path.swap(step)
    ('b', 'c')
    """
    right, bad = 0, len(path)
    while bad - right > 1:
        middle = (right + bad) // 2
        if wrong(path.at(middle)):
            bad = middle
        else:
            right = middle
    return bad
