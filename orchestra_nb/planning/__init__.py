"""What may start now, what goes first, and how long it would take: pure, no clock, no threads."""

from orchestra_nb.planning.ledger import Skip
from orchestra_nb.planning.passing import NeedsValue, needs_value
from orchestra_nb.planning.plan import Plan
from orchestra_nb.planning.policies import POLICIES, Policy
from orchestra_nb.planning.simulator import Schedule, Slot, simulate

__all__ = ["POLICIES", "NeedsValue", "Plan", "Policy", "Schedule", "Skip", "Slot", "needs_value", "simulate"]
