"""The dashboard as a widget: one model, its JavaScript and style beside this file, and one message for each redraw.

**What is sent.** Each panel is a trait of its own, so a redraw sends the panels that changed and no others, in one
message (``hold_sync``), and a view that is opened later, or a page that is loaded anew, still gets everything. The
picture of the graph is sent once, as it was laid out; after that only boxes that changed, in :data:`CHUNKS` traits of
some boxes each, and the browser puts them in the places of the old ones. The browser changes only what differs
(``front/morph.js``): what a reader has folded, scrolled to or reached with the keyboard stays.

**What comes back.** A click is a message with the button's name, and the panel's. It is handed on as it is, on whatever
thread the kernel serves it: a subshell's, or the main thread between two looks at its queue. So the receiver must only
take note of it.

**For tests and style sheets**: the root is ``.orchestra-dashboard`` (``data-state``: ``running``, ``paused``,
``over``), panels are ``[data-panel=KEY]``, buttons ``button[data-action=pause|resume|cancel|frame]``; one that cannot
be pressed now has ``aria-disabled="true"``. A picture that can be zoomed is ``figure.orchestra-zoom``.

**Its place.** There is no widget view: a notebook that is saved while the run goes on would hold it, and be opened with
"Error displaying widget" for good. The cell has plain HTML in an element that bears the model's name
(``data-orchestra-live``), and the model's JavaScript draws the dashboard in its place, wherever and whenever that comes
into the page.

**The end.** The front end says when it has drawn; a model that is to go waits for that, so that its JavaScript is never
in the middle of beginning. Of those for which nobody says it (nobody looks), only the last few are kept.

Failure: what a front end makes of a message is not known here; a widget that is not shown costs the same. Rejected: a
trait with everything (200 kB for a second that went by), custom messages without traits (a view that is opened later
has nothing), ipywidgets' own boxes (a model and a message for each label), HTML with ``<script>`` (untrusted notebooks
strip it, and rightly). anywidget, and ipywidgets with it, are loaded when the first one is made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from orchestra_nb.display import html

PANELS = ("progress", "running", "levels", "todos", "cache", "locks", "breakers", "events", "graph", "gantt")
"""Keys of the panels, in the order in which they stand."""
_CONTROLS = ("pause", "resume", "cancel")
ACTIONS = (*_CONTROLS, "frame")
CHUNKS = 32
"""Traits among which the boxes of the graph are divided."""
_DRAWN = "drawn"
_MOST_WAITING = 4
"""Models that may wait for their views."""
_FRONT = Path(__file__).with_name("front")
_DASHBOARD = ("sanitise.js", "zoomable.js", "morph.js", "dashboard.js")
_PICTURES = ("sanitise.js", "zoomable.js", "pictures.js")

Click = Callable[[str, str], object]
"""Takes the name of a button, and the key of its panel or nothing."""


@dataclass(frozen=True, slots=True)
class PanelView:
    """One panel as it is sent: its title, its HTML, and the variable that its frame would get."""

    title: str
    html: str
    frame: str = ""


@dataclass(frozen=True, slots=True)
class Redraw:
    """All that the dashboard is to show now.

    Parameters
    ----------
    state
        ``"running"``, ``"paused"`` or ``"over"``.
    can
        The buttons that may be pressed.
    status
        What has just been done, or is being done, for those who cannot see it as well.
    panels
        By key.
    graph
        The picture of the graph where it is a new one: ``svg``, ``label`` and ``below`` (HTML); empty for none.
    boxes
        The groups of the boxes of that picture, as SVG.
    """

    state: str = "running"
    can: frozenset[str] = frozenset()
    status: str = ""
    panels: Mapping[str, PanelView] = field(default_factory=dict)
    graph: Mapping[str, Any] = field(default_factory=dict)
    boxes: tuple[str, ...] = ()


class DashboardWidget:
    """One dashboard in the front end.

    Parameters
    ----------
    clicked
        Told of each click; it must only take note of it.

    Attributes
    ----------
    drawn : bool
        Whether a front end has said that it shows it.

    Examples
    --------
    >>> widget = DashboardWidget(lambda action, panel: None)
    >>> widget.show(Redraw(panels={"cache": PanelView("Cache", "<p>3 hits</p>")})) > 0
    True
    >>> widget.show(Redraw(panels={"cache": PanelView("Cache", "<p>3 hits</p>")}))
    0
    >>> widget.close()
    """

    def __init__(self, clicked: Click) -> None:
        self._clicked = clicked
        self.drawn = self._retired = self._asked_for = False
        name = uuid4().hex
        self._model = _dashboard_model()(model_id=name, place=name)
        self._model.on_msg(self._message)

    @property
    def comm(self) -> Any:
        """The channel to the front end."""
        return self._model.comm

    def show(self, redraw: Redraw) -> int:
        """Send what has changed, in one message.

        Returns
        -------
        int
            About how many characters that were; 0 where nothing has changed.
        """
        told: dict[str, Any] = {
            "controls": {**dict.fromkeys(_CONTROLS, False), **dict.fromkeys(redraw.can, True), "state": redraw.state},
            "status": redraw.status,
        }
        each = max(1, -(-len(redraw.boxes) // CHUNKS))
        for chunk, first in enumerate(range(0, len(redraw.boxes), each)):
            told[f"boxes_{chunk}"] = dict(enumerate(redraw.boxes[first : first + each], first))
        if redraw.graph:
            told["graph"] = dict(redraw.graph)
        for key, panel in redraw.panels.items():
            told[f"panel_{key}"] = {"title": panel.title, "html": panel.html, "frame": panel.frame}
        changed = {name: value for name, value in told.items() if getattr(self._model, name) != value}
        if changed:
            with self._model.hold_sync():
                for name, value in changed.items():
                    setattr(self._model, name, value)
        return sum(map(_weight, changed.values()))

    def place(self, static: str) -> str:
        """The HTML in whose place it is drawn, where there is somebody to draw it."""
        self._asked_for = True
        return f'<div data-orchestra-live="{html.text(self._model.place)}">{static}</div>'

    def close(self) -> None:
        """Let the front end forget it, as soon as it has drawn what it was given; twice is fine."""
        self._retired = True
        if self.drawn or not self._asked_for:
            self._forget()
        elif self not in _waiting:
            _waiting.append(self)
            while len(_waiting) > _MOST_WAITING:
                _waiting.popleft()._forget()

    def _forget(self) -> None:
        self._model.on_msg(self._message, remove=True)
        _forget(self._model)

    def _message(self, model: object, content: object, buffers: object) -> None:
        """Hand a click on; whatever else a front end may send is none."""
        if isinstance(content, Mapping):
            action, panel = content.get("action"), content.get("panel", "")
            if action == _DRAWN:
                self.drawn = True
                if self._retired:
                    self._forget()
                    with suppress(ValueError):
                        _waiting.remove(self)
            if action in ACTIONS and (panel in PANELS or panel == ""):
                self._clicked(str(action), str(panel))


class ZoomablePictures:
    """While it lives, our pictures in the page can be zoomed, moved and asked; one for a session.

    It has no view: the front end runs its JavaScript as soon as it hears of the model. What is stored in the notebook
    stays the plain image.

    Examples
    --------
    >>> pictures = ZoomablePictures()
    >>> pictures.close()
    """

    def __init__(self) -> None:
        self._model = _pictures_model()()

    def close(self) -> None:
        """Have new pictures stay plain images."""
        _forget(self._model)


_waiting: deque[DashboardWidget] = deque()


def _script(names: tuple[str, ...]) -> str:
    """One module of several files; only the last of them exports something."""
    return "\n".join((_FRONT / name).read_text(encoding="utf-8") for name in names)


@cache
def _dashboard_model() -> Any:
    import anywidget
    import traitlets

    members: dict[str, Any] = {
        "_esm": _script(_DASHBOARD),
        "_css": (_FRONT / "dashboard.css").read_text(encoding="utf-8"),
        "order": traitlets.List(list(PANELS)).tag(sync=True),
        "controls": traitlets.Dict().tag(sync=True),
        "status": traitlets.Unicode().tag(sync=True),
        "place": traitlets.Unicode().tag(sync=True),
        "graph": traitlets.Dict().tag(sync=True),
        **{f"boxes_{chunk}": traitlets.Dict().tag(sync=True) for chunk in range(CHUNKS)},
        **{f"panel_{key}": traitlets.Dict().tag(sync=True) for key in PANELS},
    }
    return type("DashboardModel", (anywidget.AnyWidget,), members)


@cache
def _pictures_model() -> Any:
    import anywidget

    return type("PicturesModel", (anywidget.AnyWidget,), {"_esm": _script(_PICTURES)})


def _forget(model: Any) -> None:
    """Close a model, and that of its layout, which would stay."""
    layout = model.layout
    model.close()
    layout.close()


def _weight(value: Any) -> int:
    """About how many characters a value has as JSON."""
    if isinstance(value, str):
        return len(value) + 20
    if isinstance(value, Mapping):
        return sum(map(_weight, value.values())) + 20
    return 10 * len(value) if isinstance(value, list) else 20
