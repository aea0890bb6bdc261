"""A story: a sequence of frames that somebody walks through, forward and back, with controls that tell it anew. Pure.

**What a frame is.** A moment: what has just happened in words, facts that stand in a table of all moments, and panels.
A panel is data and never HTML: a table, lines of text, a graph with the states of its nodes, bars so far, who waits for
whom. The display paints each by its class (:func:`orchestra_nb.display.steps.painting.painted`); a lab with a picture
of its own makes a frozen record that has a ``title``, and registers who paints it there.

**Sequences, not lists.** ``Story.frames`` may make a frame when it is asked for, so that a walk of a thousand moments
costs what is looked at. It must be the same frame each time.

**Controls** are sliders and choices. Turning one makes another story, from the beginning: a story never changes. What a
control cannot be set to is a :class:`.ConfigError` that names what it can be. Whoever tells the story gives ``retell``,
which gets all values; only one of them differs from those that stand in ``controls``.

Rejected: frames as HTML (a test could not look into them, and a picture would be sent a thousand times), frames as
differences (a reader of frame 500 would need those before it), an open class for controls (the two suffice for what is
taught, and a front end has to know them all).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from orchestra_nb.errors import ConfigError, nearest
from orchestra_nb.labs.panels import Bars, Graph, Lines, Panel, Rows, Waits
from orchestra_nb.presentation import Presented

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
    "Value",
    "Waits",
]

Value = float | str | bool
"""What a control is set to."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One moment.

    Parameters
    ----------
    title
        Where in the story it is, as ``"2.0 s"``.
    told
        What has just happened, in words, a sentence each.
    panels
        What is to be seen.
    facts
        Headings and values of its row in the table of all moments: short, and the same headings in all frames.

    Examples
    --------
    >>> Frame("0 s", ("load begins",), (), {"running": "load"}).facts["running"]
    'load'
    """

    title: str
    told: tuple[str, ...]
    panels: tuple[Panel, ...]
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Slider:
    """A number that can be turned.

    Parameters
    ----------
    name
        By which :meth:`Story.changed` knows it.
    label
        What a reader sees.
    value, least, most, step
        Where it stands, and where it can.
    unit
        Behind the number, as ``"s"``.

    Examples
    --------
    >>> Slider("workers", "Workers", 2, 1, 8).taken("4")
    4
    """

    name: str
    label: str
    value: float
    least: float
    most: float
    step: float = 1
    unit: str = ""

    def taken(self, value: Any) -> Value:
        """Take what it is to be set to.

        Raises
        ------
        ConfigError
            It is no number, or too small or too large.

        Examples
        --------
        >>> Slider("rest", "Rest", 1.0, 0.5, 5.0, 0.5, "s").taken(2.5)
        2.5
        """
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = float("nan")
        if isinstance(value, bool) or not isfinite(number) or not self.least <= number <= self.most:
            raise ConfigError(f"{self.name}={value!r} is not a number from {self.least:g} to {self.most:g}")
        return int(number) if number.is_integer() and float(self.step).is_integer() else number


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several words.

    Parameters
    ----------
    name, label
        As of a :class:`Slider`.
    value
        Which it is.
    options
        Which it can be, at least one.

    Examples
    --------
    >>> Choice("policy", "Policy", "fifo", ("fifo", "random")).taken("random")
    'random'
    """

    name: str
    label: str
    value: str
    options: tuple[str, ...]

    def taken(self, value: Any) -> Value:
        """Take what it is to be set to.

        Raises
        ------
        ConfigError
            It is none of the options.

        Examples
        --------
        >>> Choice("policy", "Policy", "fifo", ("fifo", "random")).taken("fifa")
        Traceback (most recent call last):
        orchestra_nb.errors.ConfigError: policy='fifa' is unknown; ...
        """
        if value not in self.options:
            raise ConfigError(f"{self.name}={value!r} is unknown; {nearest(str(value), self.options)}")
        return str(value)


Control = Slider | Choice


def _as_it_is(values: Mapping[str, Value]) -> Story:
    raise ConfigError("this story has nothing that could be turned")


@dataclass(frozen=True, slots=True)
class Story:
    """Frames to walk through.

    Parameters
    ----------
    title
        What it is about.
    frames
        At least one; may be made as they are asked for.
    summary
        What it comes to, a sentence each: seen before the first frame.
    overview
        Panels of the whole, which a reader of the saved page sees above all frames.
    controls
        What can be turned.
    retell
        Tells it anew from the values of all controls.

    Examples
    --------
    >>> def counted(values):
    ...     many = values["steps"]
    ...     frames = [Frame(str(i), (f"step {i}",), ()) for i in range(many)]
    ...     return Story("Counting", frames, controls=(Slider("steps", "Steps", many, 1, 9),), retell=counted)
    >>> story = counted({"steps": 2})
    >>> len(story.frames), len(story.changed("steps", 3).frames)
    (2, 3)
    """

    title: str
    frames: Sequence[Frame]
    summary: tuple[str, ...] = ()
    overview: tuple[Panel, ...] = ()
    controls: tuple[Control, ...] = ()
    retell: Callable[[Mapping[str, Value]], Story] = _as_it_is

    def changed(self, name: str, value: Any) -> Story:
        """Tell it anew with one control turned.

        Parameters
        ----------
        name
            Of the control.
        value
            What it is to be.

        Raises
        ------
        ConfigError
            There is no such control, or it cannot be that.

        Examples
        --------
        >>> Story("Nothing to turn", [Frame("0 s", (), ())]).changed("workers", 2)
        Traceback (most recent call last):
        orchestra_nb.errors.ConfigError: there is no control 'workers' in this story
        """
        turned = {control.name: control for control in self.controls}
        if name not in turned:
            known = f"; {nearest(name, turned)}" if turned else ""
            raise ConfigError(f"there is no control {name!r} in this story{known}")
        values: dict[str, Value] = {control.name: control.value for control in self.controls}
        return self.retell({**values, name: turned[name].taken(value)})


class Told(Presented, ABC):
    """Mixin of what is told step by step: it shows itself as a widget, and in the saved page as its static twin.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node, step_through
    >>> walk = step_through(DAG([Node("load"), Node("plot", after=["load"])]), workers=2)
    >>> walk.story.frames[0].told[0], walk.story.frames[-1].title
    ('load may begin', '2.0 s')
    """

    __slots__ = ()

    @property
    @abstractmethod
    def story(self) -> Story:
        """What there is to walk through.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, step_through
        >>> story = step_through(DAG([Node("load"), Node("plot", after=["load"])]), workers=2).story
        >>> len(story.frames), [control.name for control in story.controls]
        (3, ['workers', 'policy', 'schedule'])
        """
