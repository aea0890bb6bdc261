"""How the layers below the display show themselves without knowing it.

A DAG or a run result is a value of a low layer; drawing it needs pandas and graphviz, which only :mod:`.display` may
know. So the low layer inherits :class:`Presented`, and the display registers a presenter per class. The display is
loaded by name on first use, as :mod:`codecs` loads its codecs: the import graph keeps pointing down, and importing
the package costs nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Bundle = dict[str, Any]
_T = TypeVar("_T")


class Presenter(Protocol):
    """What the display knows about one class."""

    def bundle(self, value: Any) -> Bundle:
        """The value's MIME bundle: always ``text/plain``, usually ``text/html``."""

    def frame(self, value: Any) -> pd.DataFrame:
        """The numbers behind it."""


class Chart(Protocol):
    """What the display draws of a run: it shows itself, and has the numbers behind it."""

    @property
    def svg(self) -> str:
        """The picture."""

    @property
    def frame(self) -> pd.DataFrame:
        """The numbers."""

    @property
    def text(self) -> str:
        """The same in characters."""


class Charting(Presenter, Protocol):
    """What the display knows about a class that has a Gantt chart."""

    def gantt(self, value: Any, *, plan: bool) -> Chart:
        """Who did what when."""


class Plotting(Presenter, Protocol):
    """What the display knows about a class that has a figure for a paper."""

    def plot(self, value: Any) -> Figure:
        """The figure."""


_presenters: dict[type, Presenter] = {}


def presents(cls: type) -> Callable[[type[_T]], type[_T]]:
    """Class decorator for the display: an instance of the decorated class presents ``cls``."""

    def register(presenter: type[_T]) -> type[_T]:
        _presenters[cls] = presenter()  # type: ignore[assignment]
        return presenter

    return register


def presenter_of(value: object) -> Presenter:
    """The presenter of a value's class, loading the display on first use."""
    importlib.import_module("orchestra_nb.display")
    for cls in type(value).__mro__:
        if cls in _presenters:
            return _presenters[cls]
    raise LookupError(f"nothing presents {type(value).__name__}")


class Presented:
    """Mixin: ``.frame`` and a rich representation, both made by the display."""

    __slots__ = ()

    @property
    def frame(self) -> pd.DataFrame:
        """The numbers behind this value, as a tidy frame.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node
        >>> frame = DAG([Node("load", cost=2), Node("plot", after=["load"])]).frame
        >>> frame[["cost", "level", "critical"]]
           cost  level  critical
        0   2.0      0      True
        1   1.0      1      True
        """
        return presenter_of(self).frame(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        return presenter_of(self).bundle(self)


class Charted(Presented):
    """Mixin of what happened in time: also ``.gantt()``, made by the display."""

    __slots__ = ()

    def gantt(self, *, plan: bool = True) -> Chart:
        """Draw who did what when: lanes are workers, what a node waited for stands below, the critical path is marked.

        Parameters
        ----------
        plan
            Whether the schedule that is simulated from the times measured stands behind it, once the run has ended.

        Returns
        -------
        Chart
            It shows itself in a notebook and as text; ``.svg`` is the picture, ``.frame`` has the numbers: one row for
            each time that a node waited, ran or rested.

        Examples
        --------
        >>> from orchestra_nb import Node, Pipeline, RunConfig
        >>> result = Pipeline([Node("load", fn=lambda: 42)], RunConfig(jobs=1)).run()
        >>> chart = result.gantt(plan=False)
        >>> chart.svg[:4], sorted(set(chart.frame.node))
        ('<svg', ['load'])
        """
        return cast("Charting", presenter_of(self)).gantt(self, plan=plan)


class Plotted(Presented):
    """Mixin of what is compared: also ``.plot()``, made by the display."""

    __slots__ = ()

    def plot(self) -> Figure:
        """Draw it as a figure for a paper: one column wide, told apart without colours, vector where it is saved so.

        Returns
        -------
        Figure
            A ``matplotlib.figure.Figure`` that shows itself in a notebook; ``.savefig("name.pdf")`` writes it.

        Raises
        ------
        ConfigError
            matplotlib is not installed.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, compare_policies
        >>> compare_policies(DAG([Node("a"), Node("b")]), 2, ["fifo", "levels"]).plot()
        <figure: Makespans of 2 policies with 2 workers; shortest: fifo, 1.0 s>
        """
        return cast("Plotting", presenter_of(self)).plot(self)
