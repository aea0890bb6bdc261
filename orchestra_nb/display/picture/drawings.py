"""The picture of a DAG as SVG, whatever the machine has.

Policy: ``dot`` lays out best, so it is asked first (:mod:`.dot_layout`), if what it would have to do is little enough;
if it is missing, fails or is late, :mod:`.layered` lays the same plan out. Whoever does, :mod:`.painting` writes the
picture. So a picture never fails, and never takes more than about two seconds, 5,000 nodes or ten: a run waits for its
first picture, so it may not be long. Layouts are kept by their plans, which are numbers: the same graph in other
states, or with other names of the same sizes, is laid out once.

Rejected: the ``graphviz`` package's ``pipe`` (no time limit), a web service (pictures of private code).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from orchestra_nb.display.looks import LOOKS, tally
from orchestra_nb.display.picture import dot_layout, layered
from orchestra_nb.display.picture.faces import Moment, face, plan, state_of
from orchestra_nb.display.picture.layout import Layout, Plan
from orchestra_nb.display.picture.painting import Canvas, canvas, group
from orchestra_nb.display.picture.parts import Scene
from orchestra_nb.display.picture.scene import scene
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Outcome

LIMIT = 1.5
"""Seconds that ``dot`` may take; with our own layout after it a picture stays under two."""


def svg(
    dag: DAG,
    outcomes: Mapping[str, Outcome] | None = None,
    durations: Mapping[str, float] | None = None,
    *,
    states: Mapping[str, str] | None = None,
    tips: bool = True,
) -> str:
    """Draw a DAG, its critical path marked, as SVG.

    Parameters
    ----------
    dag
        The graph; more than 300 nodes are collapsed by phase or level.
    outcomes
        How nodes ended: colours, marks and measured times.
    durations
        Measured seconds, where they differ.
    states
        Words of :data:`orchestra_nb.replay.fold.STATES`, for nodes that are not where their outcome left them.
    tips
        Whether it has tooltips, which an image shows only where the front end makes it one that can be zoomed.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> svg(DAG([Node("load"), Node("plot", after=["load"])])).startswith("<svg")
    True
    """
    outcomes = outcomes or {}
    times = {name: o.seconds for name, o in outcomes.items() if o.started is not None} | dict(durations or {})
    words = {name: str(o.status) for name, o in outcomes.items()} | dict(states or {})
    reasons = {name: o.reason for name, o in outcomes.items() if o.reason}
    drawn = _drawing(scene(dag, times), roomy=bool(words), tips=tips)
    return drawn.at(Moment(words, times, reasons))


def drawing(dag: DAG, durations: Mapping[str, float] | None = None) -> Drawing:
    """Lay a DAG out once, to be painted as often as something happens.

    Parameters
    ----------
    dag
        The graph.
    durations
        Seconds that nodes are expected to take; they decide the critical path.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> drawn = drawing(DAG([Node("load"), Node("plot", after=["load"])]))
    >>> drawn.boxes, drawn.looks({"load": "running", "plot": "waiting"})
    ((('load',), ('plot',)), ('running', 'waiting'))
    >>> "▶ load" in drawn.painted({"load": "running"})
    True
    """
    return _drawing(scene(dag, durations), roomy=True)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture that is laid out; painting it again costs no layout. In every SVG box *i* is a group of class ``n{i}``.

    Parameters
    ----------
    scene
        What is in it.
    layout
        Where everything stands.
    canvas
        What of it never changes.
    tips
        Whether it has tooltips.
    """

    scene: Scene
    layout: Layout
    canvas: Canvas
    tips: bool = True

    @property
    def boxes(self) -> tuple[tuple[str, ...], ...]:
        """For which nodes each box stands."""
        return tuple(box.nodes for box in self.scene.boxes)

    def looks(self, states: Mapping[str, str]) -> tuple[str, ...]:
        """Tell the state word that each box shows; the empty word where none is known."""
        return tuple(state_of(box, states) for box in self.scene.boxes)

    def painted(self, states: Mapping[str, str], times: Mapping[str, float] | None = None) -> str:
        """Write the SVG of one moment.

        Parameters
        ----------
        states
            The state word of each node; a node that is not named has none.
        times
            Seconds that nodes took or have taken so far.
        """
        return self.at(Moment(states, times or {}, {}))

    def groups(self, states: Mapping[str, str], times: Mapping[str, float] | None = None) -> tuple[str, ...]:
        """Write only the groups of the boxes, for a front end that puts in place what has changed."""
        return self._groups(Moment(states, times or {}, {}))

    def at(self, moment: Moment) -> str:
        """Write the SVG of one moment, with the reasons of states in the tooltips."""
        counts = tally(moment.states[name] for box in self.scene.boxes for name in box.nodes if name in moment.states)
        said = ", ".join(f"{LOOKS[state].mark} {number:,} {state}" for state, number in counts)
        return self.canvas.filled(self._groups(moment), said)

    def _groups(self, moment: Moment) -> tuple[str, ...]:
        boxes = zip(self.scene.boxes, self.layout.places, strict=True)
        return tuple(group(i, box, place, face(box, moment), self.tips) for i, (box, place) in enumerate(boxes))


def draw_scene(composed: Scene, moment: Moment | None = None, *, tips: bool = True) -> str:
    """Draw a scene that is composed already: of something that is no graph of nodes, or collapsed.

    Examples
    --------
    >>> from orchestra_nb.display.picture.parts import Box
    >>> "gpu" in draw_scene(Scene((Box(("gpu",), "gpu"),), (), "one resource"))
    True
    """
    told = Moment({}, {}, {}) if moment is None else moment
    return _drawing(composed, bool(told.states), tips).at(told)


def _drawing(composed: Scene, roomy: bool, tips: bool = True) -> Drawing:
    laid_out = _laid_out(shutil.which("dot"), plan(composed, roomy))
    return Drawing(composed, laid_out, canvas(composed, laid_out, tips), tips)


@lru_cache(maxsize=32)
def _laid_out(program: str | None, wanted: Plan) -> Layout:
    drawn = dot_layout.lay_out(program, wanted, LIMIT) if program else None
    return drawn or layered.lay_out(wanted)
