"""What fits into so many bytes: parts in several versions, of which the smaller ones are taken where there is no room.

Policy: each part has a share of the room, the larger the more it matters. Where all best versions fit together, they
are taken, whatever their shares. Else the part that is furthest beyond its share (so many times as large) takes its
next smaller version, and so on, until the whole fits; what one part does not need, others may have. As long as the
smallest version of each fits into its share, the whole fits. A smaller version says itself what it leaves out. Pure.

Rejected: cutting the text at the end (half a table, half a picture), leaving out the largest part first (that is the
picture, which is what people look at).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a page.

    Parameters
    ----------
    share
        How much of the room is its own, above 0 and at most 1.
    versions
        Each makes it, the best first.
    """

    share: float
    versions: Sequence[Callable[[], str]]


def fitted(parts: Sequence[Part], most: int) -> str:
    """Put parts one below the other, in so many bytes.

    Parameters
    ----------
    parts
        In their order on the page.
    most
        Bytes of the whole.

    Examples
    --------
    >>> large, small = Part(0.5, (lambda: "x" * 80, lambda: "cut")), Part(0.5, (lambda: "y" * 40,))
    >>> fitted([large, small], 100), len(fitted([large, small], 120))
    ('cutyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy', 120)
    """
    made = [part.versions[0]() for part in parts]
    taken = [0] * len(parts)
    weights = [weight(each) for each in made]
    while sum(weights) > most:
        smaller = [i for i, part in enumerate(parts) if taken[i] + 1 < len(part.versions)]
        i = max(smaller, key=lambda i: weights[i] / parts[i].share, default=-1)
        if i < 0 or weights[i] <= parts[i].share * most:
            break
        taken[i] += 1
        made[i] = parts[i].versions[taken[i]]()
        weights[i] = weight(made[i])
    return "".join(made)


def weight(text: str) -> int:
    """How many bytes a text has in UTF-8."""
    return len(text.encode("utf-8", "replace"))
