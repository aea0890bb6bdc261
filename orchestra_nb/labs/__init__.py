"""To learn from: schedules, deadlocks and circuits step by step. Pure cores; the display shows the stories they tell.

A lab works something out with the same machines that a real run is decided by, under a virtual clock, and tells it as a
:class:`.Story`: a sequence of frames that are walked through, and controls that tell it anew.
"""

from orchestra_nb.labs.story import (
    Bars,
    Choice,
    Control,
    Frame,
    Graph,
    Lines,
    Panel,
    Rows,
    Slider,
    Story,
    Told,
    Waits,
)

__all__ = [
    "Bars",
    "Choice",
    "Control",
    "Frame",
    "Graph",
    "Lines",
    "Panel",
    "Rows",
    "Slider",
    "Story",
    "Told",
    "Waits",
]
