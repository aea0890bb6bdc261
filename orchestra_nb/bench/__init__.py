"""Sweeps of real runs over jobs, backends, schedules and policies, and what their times say.

Policy: the cores (which run comes when, what times say, how two sweeps compare) are pure; one thin shell
(:mod:`.sweeping`) has clock, load and file. Targets are opened by what the layers above have registered
(:mod:`.opening`).
"""

from orchestra_nb.bench.comparing import compare
from orchestra_nb.bench.environment import Environment
from orchestra_nb.bench.files import load
from orchestra_nb.bench.measuring import Measured, Next
from orchestra_nb.bench.records import Sweep, SweepInterrupted
from orchestra_nb.bench.summaries import Summary
from orchestra_nb.bench.sweeping import sweep
from orchestra_nb.bench.turns import Setting, Turn
from orchestra_nb.bench.verdicts import Compared, Comparison

__all__ = [
    "Compared",
    "Comparison",
    "Environment",
    "Measured",
    "Next",
    "Setting",
    "Summary",
    "Sweep",
    "SweepInterrupted",
    "Turn",
    "compare",
    "load",
    "sweep",
]
