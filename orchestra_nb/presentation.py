"""How the layers below the display show themselves without knowing it.

A DAG or a run result is a value of a low layer; drawing it needs pandas and graphviz, which only :mod:`.display` may
know. So the low layer inherits :class:`Presented`, and the display registers a presenter per class. The display is
loaded by name on first use, as :mod:`codecs` loads its codecs: the import graph keeps pointing down, and importing
the package costs nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    import pandas as pd

Bundle = dict[str, Any]
_T = TypeVar("_T")


class Presenter(Protocol):
    """What the display knows about one class."""

    def bundle(self, value: Any) -> Bundle:
        """The value's MIME bundle: always ``text/plain``, usually ``text/html``."""

    def frame(self, value: Any) -> pd.DataFrame:
        """The numbers behind it."""


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
        """The numbers behind this value, as a tidy frame."""
        return presenter_of(self).frame(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        return presenter_of(self).bundle(self)
