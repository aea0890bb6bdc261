"""The frame of policies side by side: its columns, as :mod:`.tables` has those of the others."""

from __future__ import annotations

from typing import get_args

from orchestra_nb.display.columns import Table, category, count, flag, number, seconds, text
from orchestra_nb.simulation.policy_comparison import How

POLICIES = Table(
    "compare_policies(dag, 2).frame",
    "policy and number of workers",
    {
        "policy": text("its name"),
        "schedule": category(
            "whether nodes start as soon as they can, or level by level; or who is where was settled before",
            get_args(How),
        ),
        "workers": count("how many there are"),
        "makespan": seconds("until the last node has ended; of chance, the median of its seeds"),
        "low": seconds("the shortest of several seeds; else the makespan"),
        "high": seconds("the longest of several seeds; else the makespan"),
        "lower_bound": seconds("what no schedule on these workers can beat"),
        "over_bound": number("the makespan over the lower bound", "times"),
        "over_optimum": number("the makespan over that of the optimum; missing where that is not proved", "times"),
        "utilization": number("share of the workers' time that they were busy", "0 to 1"),
        "idle": seconds("what the workers did nothing, all together"),
        "proved": flag("whether it is proved that no schedule is shorter"),
        "label": text("what the row is called in `.schedules`: the policy, and `levels` where there are barriers"),
    },
)
