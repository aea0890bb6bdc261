"""What is spent and never given back.

A request that asks for more than is left is refused at once and by name, because no waiting could help it: that stops
a run cleanly where the money ends. Amounts are any positive numbers, in whatever unit the user thinks in. Rejected:
putting the price of a waiting request aside (another one, which could go on now, would be refused for its sake).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from orchestra_nb.errors import BudgetSpent

_EXACT = 1e-9
"""Share of the budget by which sums of floats may be wrong: three times 0.1 is a whole budget of 0.3."""


class Budget:
    """What is left, and who spent the rest.

    Examples
    --------
    >>> budget = Budget("money", 10.0)
    >>> budget.spend("plan", 7.5)
    >>> budget.left, budget.allows(2.5), budget.allows(3.0)
    (2.5, True, False)
    >>> print(budget.refusal("write", 3.0))
    write asks for 3 of the budget 'money', and 2.5 of 10 is left (plan spent 7.5); register a larger one,
    or ask for less
    """

    def __init__(self, resource: str, limit: float) -> None:
        self.resource = resource
        self.limit = limit
        self._spent: dict[Hashable, float] = {}
        self._total = 0.0

    @property
    def left(self) -> float:
        """What can still be spent."""
        return max(0.0, self.limit - self._total)

    @property
    def spent(self) -> Mapping[str, float]:
        """What each owner spent."""
        return {str(owner): amount for owner, amount in self._spent.items() if amount}

    def allows(self, amount: float) -> bool:
        """Whether so much can be spent."""
        return self._total + amount <= self.limit * (1 + _EXACT)

    def spend(self, owner: Hashable, amount: float) -> None:
        """Take note of it; a negative amount takes it back."""
        self._spent[owner] = self._spent.get(owner, 0.0) + amount
        self._total += amount

    def recount(self) -> None:
        """Add up anew, after an interrupt between two steps."""
        self._total = sum(self._spent.values())

    def refusal(self, owner: Hashable, amount: float) -> BudgetSpent:
        """Make the error for who asked for too much."""
        largest = sorted(self.spent.items(), key=lambda entry: -entry[1])[:5]
        who = ", ".join(f"{name} spent {much:g}" for name, much in largest) or "nobody spent any"
        told = (
            f"{owner} asks for {amount:g} of the budget {self.resource!r}, and {self.left:g} of {self.limit:g} is left"
        )
        return BudgetSpent(
            f"{told} ({who}); register a larger one, or ask for less", self.resource, self.left, self.spent
        )
