"""What frames of a story show: frozen data, which the display paints by its class. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from orchestra_nb.graph.dag import DAG
from orchestra_nb.simulation.schedule import Schedule


class Panel(Protocol):
    """One part of a frame: frozen data with a title.

    Examples
    --------
    Whatever has a title may stand in a frame; the panels here are data that says what is to be seen:

    >>> from orchestra_nb.labs import Frame
    >>> frame = Frame("0 s", (), (Lines("Why", ("clean goes first",)), Rows("Ready", ("node",), (("plot",),))))
    >>> [panel.title for panel in frame.panels]
    ['Why', 'Ready']
    """

    @property
    def title(self) -> str:
        """Its heading; in all frames of a story, what has the same title stands in the same place.

        Examples
        --------
        >>> Rows("Ready", ("node",), (("plot",),)).title
        'Ready'
        """


@dataclass(frozen=True, slots=True)
class Rows:
    """A table.

    Parameters
    ----------
    title
        Its heading.
    headings
        Of its columns.
    rows
        Texts and numbers; what is longest stands last.
    empty
        What is said where there is no row.
    more
        How many rows there are beyond these.

    Examples
    --------
    >>> Rows("Ready", ("node", "rank"), (("clean", 3.0),)).rows[0][0]
    'clean'
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    empty: str = "none"
    more: int = 0


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of text.

    Examples
    --------
    >>> Lines("Why", ("clean goes first: its upward rank is 3.0 s",)).title
    'Why'
    """

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """The picture of a graph, painted with the states of its nodes; it is laid out once for all frames.

    Parameters
    ----------
    title
        Its heading.
    dag
        The very same object in all frames of a story.
    states
        Words of :data:`orchestra_nb.replay.fold.STATES` by node; a node without has none.
    times
        Seconds that nodes took, or have taken so far.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> Graph("Graph", DAG([Node("load")]), {"load": "running"}).states["load"]
    'running'
    """

    title: str
    dag: DAG
    states: Mapping[str, str]
    times: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bars:
    """Who does what when, as a Gantt chart: of a whole schedule, or of what had begun by a moment.

    Parameters
    ----------
    title
        Its heading.
    schedule
        The very same object in all frames of a story.
    until
        Seconds; ``None`` for all of it.

    Examples
    --------
    >>> Bars("Gantt", Schedule((), 2, 0.0, 0.0, 0.0), until=1.5).until
    1.5
    """

    title: str
    schedule: Schedule
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """The wait-for graph: who waits for what, and who holds it.

    Parameters
    ----------
    title
        Its heading.
    waits
        Triples of an owner, the resource it waits for, and those who hold that.
    circle
        Triples of an owner, a resource and a holder, of those waits that close a circle.
    empty
        What is said where nobody waits.

    Examples
    --------
    >>> Waits("Who waits", (("anna", "gpu", ("ben",)),)).circle
    ()
    """

    title: str
    waits: tuple[tuple[str, str, tuple[str, ...]], ...]
    circle: tuple[tuple[str, str, str], ...] = ()
    empty: str = "nobody waits"
