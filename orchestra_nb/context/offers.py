"""From any value to what can be kept of it: a copy of its own, its weight and its digest, all before any lock is taken.

Order: the copy first, because the original may change while it is weighed. Failure: what cannot be copied cannot be
offered; what has no digest is kept by itself and never shared; a digest that raises for other reasons counts as none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestra_nb.config import Copies
from orchestra_nb.context.copying import Copier, copier_of, is_immutable, snapshot
from orchestra_nb.context.entries import Offer
from orchestra_nb.context.store import Record


class Offers:
    """Makes offers.

    Parameters
    ----------
    copies
        Whether what can change is copied.
    digest
        Says what content a value has; raises where it cannot.
    size
        Says how many bytes a value weighs.

    Examples
    --------
    >>> offers = Offers("when-mutable", repr, len)
    >>> given = ["a"]
    >>> offer = offers.of(given)
    >>> given.append("b")
    >>> offer.value, offer.bytes
    (['a'], 1)
    """

    def __init__(self, copies: Copies, digest: Callable[[Any], str], size: Callable[[Any], int]) -> None:
        self._copies = copies
        self._digest = digest
        self._size = size

    def of(self, value: Any, seconds: float = 0.0) -> Offer:
        """Offer a value that others hold too; ``seconds`` is what it took to compute.

        Raises
        ------
        Exception
            Whatever the value's class raises because it cannot be copied.
        """
        kept, copier = (value, None) if self._copies == "never" else snapshot(value)
        return self._weighed(kept, copier, seconds=seconds)

    def of_record(self, record: Record) -> Offer:
        """Offer what a store has read; nobody else holds it."""
        return self.of_own(record.value)._replace(promoted=True)

    def of_own(self, value: Any) -> Offer:
        """Offer a value that nobody else holds."""
        return self._weighed(value, None if self._copies == "never" or is_immutable(value) else copier_of(value))

    def _weighed(self, kept: Any, copier: Copier | None, seconds: float = 0.0) -> Offer:
        try:
            digest: str | None = self._digest(kept)
        except Exception:  # also what a value's own methods raise meanwhile
            digest = None
        return Offer(kept, self._size(kept), copier, digest, seconds)
