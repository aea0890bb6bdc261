"""Pictures, tables and frames of everything; importing it registers how each class shows itself."""

from orchestra_nb.display import (
    benches,
    caches,
    circuits,
    comparisons,
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
    walks,
)
from orchestra_nb.display.labs import presenting as labs
from orchestra_nb.display.picture import svg
from orchestra_nb.display.text import dag_text, outcomes_text

__all__ = [
    "benches",
    "caches",
    "circuits",
    "comparisons",
    "dag_text",
    "graphs",
    "handles",
    "labs",
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
    "walks",
]
