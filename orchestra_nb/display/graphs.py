"""How a DAG and its faults show themselves in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestra_nb.display import frames, html, text
from orchestra_nb.display.picture import svg
from orchestra_nb.display.picture.dot import dot
from orchestra_nb.display.picture.legend import lines_legend, states_legend
from orchestra_nb.display.picture.parts import title
from orchestra_nb.display.picture.scene import scene
from orchestra_nb.display.wording import count
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.validation import ValidationResult
from orchestra_nb.model import Outcome
from orchestra_nb.presentation import Bundle, presents

if TYPE_CHECKING:
    import graphviz
    import pandas as pd

_MOST_LINES = 60
"""Levels and edges in ``text/plain``, which is what a diff of the notebook shows."""
_MOST_TIPS = 300
"""Edges up to which a picture carries their evidence, for front ends that show it; the table has it anyway."""


@presents(DAG)
class DAGPresenter:
    """Shows a DAG: the picture, its critical path, what will not be kept, and the edges and why behind a fold."""

    def bundle(self, value: DAG) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        return {"text/plain": text.dag_text(value, _MOST_LINES), "text/html": _html(value)}

    def frame(self, value: DAG) -> pd.DataFrame:
        """Make the frame of nodes."""
        return frames.nodes(value)

    def source(self, value: DAG) -> graphviz.Source:
        """Make the DOT text, as a ``graphviz.Source`` that can render and save itself."""
        import graphviz

        return graphviz.Source(dot(scene(value)))


def _html(dag: DAG) -> str:
    return picture_html(dag) + edges_html(dag)


def picture_html(dag: DAG) -> str:
    """Make the picture with what is to be said below it, and nothing to unfold."""
    below = [text.critical_path_text(dag), *text.some(text.not_kept_lines(dag), _MOST_LINES)]
    return picture_block(dag) + "".join(map(html.paragraph, below))


def picture_block(
    dag: DAG,
    outcomes: Mapping[str, Outcome] | None = None,
    *,
    states: Mapping[str, str] | None = None,
    said: str = "",
) -> str:
    """Make the picture and what its marks and lines mean.

    Parameters
    ----------
    dag, outcomes, states
        As :func:`.picture.svg` has them.
    said
        What else to say to those who do not see it.
    """
    words = {name: str(outcome.status) for name, outcome in (outcomes or {}).items()} | dict(states or {})
    drawn = svg(dag, outcomes, states=states, tips=len(dag.edges) <= _MOST_TIPS)
    alt = f"{title(dag)}; {said}" if said else title(dag)
    return html.picture(drawn, alt) + states_legend(words.values()) + lines_legend(scene(dag))


def edges_html(dag: DAG) -> str:
    """Make the table of edges with their reasons, folded away."""
    rows = [
        (edge.source, edge.target, edge.kind, edge.certainty, "; ".join(map(str, edge.evidence))) for edge in dag.edges
    ]
    return html.details(
        f"{count(len(rows), 'edge')} and why", html.table(("from", "to", "kind", "certainty", "why"), rows)
    )


@presents(ValidationResult)
class ValidationPresenter:
    """Shows what was found wrong with a graph."""

    def bundle(self, value: ValidationResult) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        plain = text.issues_text(value)
        if not value.issues:
            return {"text/plain": plain, "text/html": html.paragraph(plain)}
        rows = [(i.severity, i.code, i.path, i.message, i.suggestion) for i in value.issues]
        return {"text/plain": plain, "text/html": html.table(("", "code", "where", "what", "what to do"), rows)}

    def frame(self, value: ValidationResult) -> pd.DataFrame:
        """Make the frame of faults."""
        return frames.issues(value.issues)
