"""Pictures, tables and frames of everything; importing it registers how each class shows itself."""

from orchestra_nb.display import (
    caches,
    circuits,
    graphs,
    handles,
    locks,
    plans,
    progress,
    recovery,
    replays,
    runs,
    sagas,
    simulations,
)
from orchestra_nb.display.picture import svg
from orchestra_nb.display.text import dag_text, outcomes_text

__all__ = [
    "caches",
    "circuits",
    "dag_text",
    "graphs",
    "handles",
    "locks",
    "outcomes_text",
    "plans",
    "progress",
    "recovery",
    "replays",
    "runs",
    "sagas",
    "simulations",
    "svg",
]
