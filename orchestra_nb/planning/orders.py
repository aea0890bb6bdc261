"""Orders in which the nodes of a DAG may run one after the other, chosen so that few of them say much.

Two nodes that no path joins may run either way round; an edge that is missing shows only when a run takes the other
way. So a proof by running needs orders such that **every unordered pair is turned round in at least one of them**.
Together with the document's own order, such orders are a *realizer* of the partial order (B. Dushnik and E. W. Miller,
"Partially ordered sets", 1941): their intersection is the DAG and nothing more. How few suffice is the order's
dimension, which is hard to compute (M. Yannakakis 1982) and small in practice.

:class:`Covering` chooses greedily: it takes the pairs that are still to be turned round, those first that turn round
most others with them (``b`` before ``a`` puts all that ``b`` needs before all that needs ``a``), and adds each as a
constraint unless it contradicts those added before. The first pair can never contradict, because a pair that no path
joins may be ordered either way; so each order turns round at least one pair more, and the orders end when all are. For
independent nodes the first order is the reverse of the document's.

Everything here works on positions in the *base* order, the valid order nearest to the document, which is the document's
own unless an ``after`` names a later cell. Sets of positions are integers, a bit each.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush

from orchestra_nb.graph.dag import DAG

Order = tuple[str, ...]


def nearest_order(dag: DAG, wish: Sequence[str] = ()) -> Order:
    """Find the valid order that follows a wish: of the nodes that may come next, the one that is wished for first.

    Parameters
    ----------
    dag
        What must come before what.
    wish
        Node ids in the order that is wished for; nodes that it leaves out come last. The document's when empty.

    Returns
    -------
    tuple of str
        The wish itself, if it names every node and is valid.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("a"), Node("b", after=["a"]), Node("c")])
    >>> nearest_order(dag), nearest_order(dag, ["c", "b", "a"])
    (('a', 'b', 'c'), ('c', 'a', 'b'))
    """
    table = dag.table
    place = {name: number for number, name in enumerate(wish)}
    keys = [(place.get(name, len(place)), i) for i, name in enumerate(table.ids)]
    waiting = [len(before) for before in table.preds]
    ready = [keys[i] for i, count in enumerate(waiting) if not count]
    heapify(ready)
    order = []
    while ready:
        _, i = heappop(ready)
        order.append(str(table.ids[i]))
        for j in table.succs[i]:
            waiting[j] -= 1
            if not waiting[j]:
                heappush(ready, keys[j])
    return tuple(order)


def random_order(dag: DAG, seed: int) -> Order:
    """Draw a valid order, the same for the same seed."""
    wish = [str(name) for name in dag.table.ids]
    random.Random(seed).shuffle(wish)
    return nearest_order(dag, wish)


class Covering:
    """Orders that turn round every unordered pair, one after the other.

    Parameters
    ----------
    dag
        What must come before what.
    seed
        Settles ties; equal seeds give equal orders.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> orders = Covering(DAG([Node("a"), Node("b"), Node("c", after=["a"])]))
    >>> orders.pairs, orders.next(), orders.inverted
    (2, ('b', 'a', 'c'), 1)
    >>> orders.next(), orders.inverted, orders.next()
    (('a', 'c', 'b'), 2, None)
    """

    def __init__(self, dag: DAG, seed: int = 0) -> None:
        self._draw = random.Random(seed)
        self.base = nearest_order(dag)
        self._before, self._after = _closure(dag, self.base)
        self._left = [(1 << b) - 1 & ~before for b, before in enumerate(self._before)]
        self.pairs = self._count()
        """How many pairs no path joins."""

    @property
    def inverted(self) -> int:
        """How many of them some order so far has turned round."""
        return self.pairs - self._count()

    def _count(self) -> int:
        return sum(mask.bit_count() for mask in self._left)

    def take(self, order: Sequence[str]) -> None:
        """Count an order that was chosen elsewhere."""
        place = {name: position for position, name in enumerate(self.base)}
        later = (1 << len(self.base)) - 1
        for name in order:
            later &= ~(1 << place[name])
            self._left[place[name]] &= ~later

    def next(self) -> Order | None:
        """Choose the next order; ``None`` when every pair has been turned round."""
        pairs = self._wanted()
        if not pairs:
            return None
        before, after = list(self._before), list(self._after)
        for a, b in pairs:
            if before[a] >> b & 1 or before[b] >> a & 1:  # follows from what was added, or contradicts it
                continue
            above, below = before[b] | 1 << b, after[a] | 1 << a
            for x in _positions(above):
                after[x] |= below
            for y in _positions(below):
                before[y] |= above
        order = tuple(self.base[position] for position in _last_first(before))
        self.take(order)
        return order

    def _wanted(self) -> list[tuple[int, int]]:
        """Pairs that are still to be turned round, those first that take most others with them."""
        pairs = [(a, b) for b, mask in enumerate(self._left) for a in _positions(mask)]
        self._draw.shuffle(pairs)
        ups = [mask.bit_count() + 1 for mask in self._before]
        downs = [mask.bit_count() + 1 for mask in self._after]
        pairs.sort(key=lambda pair: -downs[pair[0]] * ups[pair[1]])
        return pairs


def unordered_pairs(dag: DAG) -> Iterator[tuple[str, str]]:
    """Name the pairs that no path joins, each in base order."""
    base = nearest_order(dag)
    before, _ = _closure(dag, base)
    for b, mask in enumerate(before):
        for a in _positions((1 << b) - 1 & ~mask):
            yield base[a], base[b]


def _closure(dag: DAG, base: Sequence[str]) -> tuple[list[int], list[int]]:
    """All that comes before each node and all that comes after it, as sets of positions in the base order."""
    place: Mapping[str, int] = {name: position for position, name in enumerate(base)}
    before, after = [0] * len(base), [0] * len(base)
    for position, name in enumerate(base):
        for other in map(place.__getitem__, dag.predecessors(name)):
            before[position] |= before[other] | 1 << other
    for position in range(len(base) - 1, -1, -1):
        for other in map(place.__getitem__, dag.successors(base[position])):
            after[position] |= after[other] | 1 << other
    return before, after


def _positions(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _last_first(before: Sequence[int]) -> Iterator[int]:
    """Order positions so that each comes after those it must, and otherwise the last of the document first."""
    placed = 0
    left = list(range(len(before) - 1, -1, -1))
    while left:
        position = next(i for i in left if not before[i] & ~placed)
        left.remove(position)
        placed |= 1 << position
        yield position
