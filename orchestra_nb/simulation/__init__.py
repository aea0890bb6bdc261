"""What a run would be: the decisions of a real run under a virtual clock. Pure; nothing runs."""

from orchestra_nb.simulation.heft import cpop, heft
from orchestra_nb.simulation.schedule import Schedule, Slot
from orchestra_nb.simulation.simulator import simulate

__all__ = ["Schedule", "Slot", "cpop", "heft", "simulate"]
