"""The picture of a DAG as SVG, whatever the machine has.

Policy: ``dot`` draws best, so it is asked first, in a process of its own under a time limit (python-graphviz offers
none, and ``dot`` can take minutes for a thousand nodes); if it is missing, fails or is late, :mod:`.layered` draws the
same scene. A picture so never fails and never takes more than about ten seconds. The last pictures are kept by their
DOT text, because a notebook shows the same graph again and again. Rejected: the ``graphviz`` package's ``pipe`` (no
time limit), a web service (pictures of private code).
"""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Mapping
from functools import lru_cache

from orchestra_nb.display.dot import dot
from orchestra_nb.display.layered import draw
from orchestra_nb.display.scene import Scene, scene
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Outcome

_log = logging.getLogger("orchestra_nb.display")

LIMIT = 9.0
"""Seconds that ``dot`` may take; with our own drawing after it a picture stays under ten."""

_MOST_LINES = 3000


def svg(dag: DAG, outcomes: Mapping[str, Outcome] | None = None, durations: Mapping[str, float] | None = None) -> str:
    """Draw a DAG, its critical path marked, as SVG.

    Parameters
    ----------
    dag
        The graph; more than 300 nodes are collapsed by level.
    outcomes
        How nodes ended: colours, marks and measured times.
    durations
        Measured seconds, where they differ.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> svg(DAG([Node("load"), Node("plot", after=["load"])])).startswith("<svg")
    True
    """
    return draw_scene(scene(dag, outcomes, durations))


def draw_scene(composed: Scene) -> str:
    """Draw a scene with ``dot``, else on our own."""
    program = shutil.which("dot")
    if program and len(composed.lines) <= _MOST_LINES:
        drawn = _run_dot(program, dot(composed))
        if drawn is not None:
            return drawn
    return draw(composed)


@lru_cache(maxsize=32)
def _run_dot(program: str, text: str) -> str | None:
    """Let ``dot`` draw; ``None`` if it will not."""
    try:
        done = subprocess.run(
            [program, "-Tsvg"], input=text.encode(), capture_output=True, timeout=LIMIT, check=True, close_fds=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        _log.info("dot did not draw the graph (%s); drawing it ourselves", error)
        return None
    drawn = done.stdout.decode("utf-8", "replace")
    start = drawn.find("<svg")
    return drawn[start:].strip() if start >= 0 else None
