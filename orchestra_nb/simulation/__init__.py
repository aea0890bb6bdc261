"""What a run would be: the decisions of a real run under a virtual clock. Nothing runs."""

from orchestra_nb.simulation.durations import Empirical, Gamma, LogNormal, Uniform
from orchestra_nb.simulation.moments import Moment, moments
from orchestra_nb.simulation.schedule import ResourceUse, Schedule, Slot
from orchestra_nb.simulation.simulator import simulate
from orchestra_nb.simulation.waits import Gap, Wait

__all__ = [
    "Empirical",
    "Gamma",
    "Gap",
    "LogNormal",
    "Moment",
    "ResourceUse",
    "Schedule",
    "Slot",
    "Uniform",
    "Wait",
    "moments",
    "simulate",
]
