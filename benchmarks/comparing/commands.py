"""The seed's three commands: what their definitions promise to save, as definitions that are made here.

Where the real ``review-all.json`` lies beside the repository, it is read instead of the first one, which has its phases
and its times. Of the other two only the promise is known: theirs are made so that the promise is exact to half a
percent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestra_nb import DAG, load_command

_REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "review-all.json"

_MINUTES: dict[str, list[list[int]]] = {
    "/review-all": [[5], [6, 6, 6, 6, 6], [6]],
    "/fan-out in two": [[4], [8, 8, 8, 7, 7], [8]],
    "/four in the middle": [[5], [8, 8, 7, 7], [10]],
}
"""Minutes of the agents of each phase; those of one phase run side by side."""

PROMISED = {"/review-all": 0.585, "/fan-out in two": 0.60, "/four in the middle": 0.49}
"""Share of the time of one agent after another that is saved."""


def definition(name: str) -> dict[str, Any]:
    """Write one as a file would have it: each agent needs all of the phase before."""
    phases = []
    before: list[str] = []
    for number, minutes in enumerate(_MINUTES[name], 1):
        agents = [
            {"id": f"agent-{number}-{place}", "estimatedTime": each * 60_000, "dependencies": before}
            for place, each in enumerate(minutes, 1)
        ]
        phases.append({"name": f"Phase {number}", "parallel": len(agents) > 1, "agents": agents})
        before = [str(agent["id"]) for agent in agents]
    return {"name": name, "phases": phases}


def commands() -> dict[str, DAG]:
    """Graphs by the name of their command."""
    found = {name: load_command(definition(name)).dag for name in _MINUTES}
    if _REAL.exists():
        found["/review-all"] = load_command(_REAL).dag
    return found
