"""What may start now, and what goes first: pure, no clock, no threads."""

from orchestra_nb.planning.ledger import Skip
from orchestra_nb.planning.passing import NeedsValue, needs_value
from orchestra_nb.planning.plan import Plan
from orchestra_nb.planning.policies import POLICIES, Policy

__all__ = ["POLICIES", "NeedsValue", "Plan", "Policy", "Skip", "needs_value"]
