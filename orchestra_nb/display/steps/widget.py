"""A story as a widget: one model, its JavaScript and style in ``front``; the browser walks, Python tells.

**Who does what.** The browser holds frames and walks through them by itself: back and forward need no kernel. It asks
for frames that it has not (``frames``), and says when a control was turned (``turn``): then the story is told anew
here, on the thread that serves the message, and its head and first frames go back in one message. What a control cannot
be, and what goes wrong while a story is told, is said in the widget and changes nothing.

**Its place** is as a dashboard's (:mod:`orchestra_nb.display.live.widget` says why): the cell has the static twin in an
element with the model's name, and the JavaScript draws in its stead. A notebook that is saved holds no widget; opened
without a kernel, it shows the twin. When a model goes, the twin comes back.

**How long it lives.** Nobody says when a cell's output is gone. So a cell that shows something anew lets go of what it
showed before, and of all that are shown only the last :data:`MOST_SHOWN` are kept: a kernel in which a hundred stories
were walked through holds a few. Rejected: to let a model go with the last reference to what it shows (``Out`` keeps
that), a model for each view (two views of one notebook would be two messages).

Where no front end is live (:func:`~orchestra_nb.display.live.front_end.is_live`), there is the twin alone. Failure:
what cannot be made live is logged, and stays the twin.
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from orchestra_nb.display import html
from orchestra_nb.display.live import front_end
from orchestra_nb.display.steps.wire import chunk_of, head_of
from orchestra_nb.display.wording import short
from orchestra_nb.errors import OrchestraError
from orchestra_nb.labs.story import Story

MOST_SHOWN = 8
"""Models that are kept, of all stories that a kernel shows."""
_FRONT = Path(__file__).with_name("front")
_LIVE = Path(front_end.__file__).with_name("front")
_SCRIPTS = (_LIVE / "sanitise.js", _LIVE / "zoomable.js", _LIVE / "morph.js", _FRONT / "steps.js")
_log = logging.getLogger("orchestra_nb.display")


class StoryWidget:
    """One story in the front end.

    Parameters
    ----------
    story
        As it is told first.
    cell
        Which cell shows it, and in which request; empty where nobody knows.

    Examples
    --------
    >>> from orchestra_nb.labs import Frame
    >>> widget = StoryWidget(Story("One step", [Frame("0 s", (), ())]))
    >>> 'data-orchestra-live="' in widget.place("<p>the twin</p>")
    True
    >>> widget.close()
    """

    def __init__(self, story: Story, cell: tuple[str, str] = ("", "")) -> None:
        self.cell = cell
        self.story = story
        self._telling = 1
        name = uuid4().hex
        head, chunk = head_of(story, 1), chunk_of(story, 1)
        self._model = _model()(model_id=name, place=name, head=head, chunk=chunk)
        self._model.on_msg(self._message)

    def place(self, static: str) -> str:
        """The HTML in whose place it is drawn, where there is somebody to draw it."""
        return f'<div data-orchestra-live="{html.text(self._model.place)}">{static}</div>'

    def turn(self, name: str, value: Any) -> None:
        """Tell the story anew with one control turned; what it cannot be is said, and changes nothing."""
        try:
            story = self.story.changed(name, value)
            head, chunk = head_of(story, self._telling + 1), chunk_of(story, self._telling + 1)
        except OrchestraError as error:
            self._model.said = {"telling": self._telling, "words": short(error, 400)}
        except Exception as error:
            _log.exception("a story could not be told anew")
            words = short(f"It could not be told anew: {type(error).__name__}: {error}", 400)
            self._model.said = {"telling": self._telling, "words": words}
        else:
            self.story, self._telling = story, self._telling + 1
            with self._model.hold_sync():
                self._model.head, self._model.chunk = head, chunk
                self._model.said = {"telling": self._telling, "words": ""}

    def send(self, at: int) -> None:
        """Send the frames around a position."""
        self._model.chunk = chunk_of(self.story, self._telling, at)

    def close(self) -> None:
        """Let the front end forget it, which shows the twin again; twice is fine."""
        self._model.on_msg(self._message, remove=True)
        layout = self._model.layout
        self._model.close()
        layout.close()

    def _message(self, model: object, content: object, buffers: object) -> None:
        """Do what a front end asks for; whatever else it may send is nothing."""
        if not isinstance(content, Mapping):
            return
        action, at, name = content.get("action"), content.get("at"), content.get("name")
        if action == "frames" and isinstance(at, int) and content.get("telling") == self._telling:
            self.send(at)
        elif action == "turn" and isinstance(name, str):
            self.turn(name, content.get("value"))


_shown: deque[StoryWidget] = deque()


def lively(story: Story, static: str) -> str:
    """Make the static twin the place of a widget, if the front end of this cell shows widgets.

    Examples
    --------
    >>> from orchestra_nb.labs import Frame
    >>> lively(Story("One step", [Frame("0 s", (), ())]), "<p>the twin</p>")
    '<p>the twin</p>'
    """
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    if shell is None or not front_end.is_live(shell):
        return static
    try:
        return _show(StoryWidget(story, front_end.cell_of(shell))).place(static)
    except Exception:
        _log.warning("a story could not be made live", exc_info=True)
        return static


def close_all() -> None:
    """Let all go that are shown."""
    while _shown:
        _shown.popleft().close()


def _show(widget: StoryWidget) -> StoryWidget:
    """Keep a widget, and let those go that have had their time."""
    cell, request = widget.cell
    for other in [other for other in _shown if cell and other.cell[0] == cell and other.cell[1] != request]:
        _shown.remove(other)
        other.close()
    _shown.append(widget)
    while len(_shown) > MOST_SHOWN:
        _shown.popleft().close()
    return widget


@cache
def _model() -> Any:
    import anywidget
    import traitlets

    members: dict[str, Any] = {
        "_esm": "\n".join(path.read_text(encoding="utf-8") for path in _SCRIPTS),
        "_css": (_FRONT / "steps.css").read_text(encoding="utf-8"),
        "place": traitlets.Unicode().tag(sync=True),
        "head": traitlets.Dict().tag(sync=True),
        "chunk": traitlets.Dict().tag(sync=True),
        "said": traitlets.Dict().tag(sync=True),
    }
    return type("StoryModel", (anywidget.AnyWidget,), members)
