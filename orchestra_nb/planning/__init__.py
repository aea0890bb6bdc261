"""What may start now, what goes first, and how long it would take: pure, no clock, no threads."""

from orchestra_nb.planning.plan import Plan, Skip
from orchestra_nb.planning.policies import POLICIES, Policy
from orchestra_nb.planning.simulator import Schedule, Slot, simulate

__all__ = ["POLICIES", "Plan", "Policy", "Schedule", "Skip", "Slot", "simulate"]
