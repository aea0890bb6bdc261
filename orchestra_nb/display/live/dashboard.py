"""A dashboard that follows a run: a thread that looks now and then, and the buttons.

**Looking.** A thread of its own takes a snapshot, makes the panels, and hands what has changed to the widget
(:mod:`.widget`), as often as :class:`.Redraws` allows. So it goes on while nodes run on the main thread, and
where nobody waits in a cell at all. The first look is a moment after the start, of a large graph a little longer: what
is over by then gets no widget. The picture of the graph is laid out on another thread, once for each graph: that may
take a second, and neither the run nor the numbers wait for it. Like every dear panel, it is painted when its turn comes
(:mod:`.panel_turns`).

**Buttons.** Pause, resume and cancel return at once, from any thread, and are done where the click arrives; a frame is
made by the thread that looks. What they have brought about is seen, and said, by the next look, which comes at once.

**End.** When the run is over the last look has its end, and the thread ends by itself. :meth:`LiveDashboard.close` ends
it before: from then on nothing is sent, whoever is in the middle of making something, and the model is gone.

Failure: what cannot be drawn is logged once, and the next look tries again; the run never notices.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from orchestra_nb.display import html
from orchestra_nb.display.dashboard import Panel, Snapshot, panels_of
from orchestra_nb.display.live.graph_view import GraphView, sent
from orchestra_nb.display.live.panel_turns import PanelTurns
from orchestra_nb.display.live.redraws import Redraws, first_look
from orchestra_nb.display.live.widget import PANELS, DashboardWidget, PanelView, Redraw
from orchestra_nb.display.picture import Drawing
from orchestra_nb.display.wording import clean, count
from orchestra_nb.graph.dag import DAG
from orchestra_nb.replay.state import ReplayState
from orchestra_nb.running.control import RunControl

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger("orchestra_nb.display")
_CAN = {
    "running": frozenset({"pause", "cancel"}),
    "paused": frozenset({"resume", "cancel"}),
    "over": frozenset(),
}
_PATIENCE = 2.0
"""Seconds that closing waits for a look that is going on."""


class Keeper(Protocol):
    """Where frames go that somebody asked for."""

    def name(self, key: str) -> str:
        """The variable that the frame of a panel would get."""

    def keep(self, key: str, frame: pd.DataFrame) -> str:
        """Put it there; returns the variable's name."""


class LiveDashboard:
    """The dashboard of one run, live in the front end.

    Parameters
    ----------
    snapshot
        Gives what is known now; from any thread.
    control
        What the buttons do.
    keeper
        Where frames go.
    appear
        Called once, with the view's MIME bundle, when there is something to show.
    over
        Called once, when the run is over and has been shown so, on the thread that looks.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        control: RunControl,
        keeper: Keeper,
        appear: Callable[[DashboardWidget], object],
        over: Callable[[], object] = lambda: None,
    ) -> None:
        self._snapshot, self._control, self._keeper = snapshot, control, keeper
        self._appear, self._over = appear, over
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._frames: deque[str] = deque()
        self._said = ""
        self._closed = self._warned = self._was_paused = False
        self._widget: DashboardWidget | None = None
        self._graph = GraphView(self._woken.set)
        self._drawn: object = None
        self._painted: DAG | None = None
        self._paints = False
        self._first = 0.0
        self._turns, self._began, self._dear = PanelTurns(), time.monotonic(), 0.0
        self._redraws = Redraws()
        context = contextvars.copy_context()  # whose cell it is, for kernels that ask the thread
        self._thread = threading.Thread(
            target=context.run, args=(self._follow,), name="orchestra-dashboard", daemon=True
        )

    def start(self, nodes: int = 0) -> None:
        """Begin to look; of a graph of many ``nodes``, a little later."""
        self._first = first_look(nodes)
        self._thread.start()

    def silence(self) -> None:
        """Send nothing any more, also if somebody is in the middle of making something; the view stays as it is."""
        with self._lock:
            self._closed = True
        self._woken.set()

    def close(self) -> None:
        """End it, and let the front end forget the view; twice is fine."""
        self.silence()
        with self._lock:
            widget, self._widget = self._widget, None
        if widget is not None:
            widget.close()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(_PATIENCE)

    def clicked(self, action: str, panel: str) -> None:
        """Do what a button says; from any thread, returns at once."""
        match action:
            case "pause":
                self._control.pause("paused in the dashboard")
                self._said = "Pausing: nothing new begins, and what runs goes on to its end."
            case "resume":
                self._control.unpause()
                self._said = "The run goes on."
            case "cancel":
                self._control.cancel("cancelled in the dashboard")
                self._said = "Cancelling: what runs is asked to stop."
            case "frame":
                self._frames.append(panel)
        self._woken.set()

    # The thread that looks.

    def _follow(self) -> None:
        self._rest(self._first)
        while not self._closed:
            began, self._dear = time.thread_time(), 0.0
            ended, sent, elapsed = False, 0, 0.0
            try:
                ended, sent, elapsed = self._look()
            except Exception:
                self._warn("the dashboard")
            now, spent = time.monotonic(), time.thread_time() - began - self._dear
            if sent:
                self._redraws.drawn(now, spent=spent, sent=sent, elapsed=elapsed)
            else:
                self._redraws.looked(now, spent=spent)
            if ended:
                self._over()
                return
            self._rest(self._redraws.wait(now), self._redraws.wait(now, asked=True))

    def _rest(self, seconds: float, at_least: float = 0.0) -> None:
        """Wait for the next look; a click ends it, but not too soon."""
        woken = self._woken.wait(seconds)
        if woken and at_least and not self._closed:
            time.sleep(at_least)
        self._woken.clear()

    def _look(self) -> tuple[bool, int, float]:
        """Draw once; says whether the run is over, how much was sent, and how long the run has gone on."""
        snapshot = self._snapshot()
        state, now = snapshot.state, time.monotonic()
        due = state.over or self._turns.due("graph", now - self._began, nodes=len(state.dag))
        drawing = self._graph.of(state.dag) if due else None
        self._keep_frames(snapshot)
        news = state.count, snapshot.paused, self._said
        fresh = drawing is not None and self._painted is not state.dag
        if news == self._drawn and not fresh and not self._redraws.stale(now):
            return state.over, 0, state.at
        redraw = self._redraw(snapshot, now, drawing)
        sent = 0
        with self._lock:
            if not self._closed:
                new = self._widget is None
                if new:
                    self._widget = DashboardWidget(self.clicked)
                assert self._widget is not None
                sent = self._widget.show(redraw)
                if new:
                    self._appear(self._widget)
        self._drawn = news
        return state.over, sent, state.at

    def _redraw(self, snapshot: Snapshot, now: float, drawing: Drawing | None) -> Redraw:
        graph, boxes = ({}, ()) if drawing is None else self._paint(snapshot.state, drawing, now)
        how = "over" if snapshot.state.over else "paused" if snapshot.paused else "running"
        panels = self._panels(snapshot, now)
        return Redraw(how, _CAN[how], self._words(snapshot), panels, graph, boxes)

    def _paint(self, state: ReplayState, drawing: Drawing, now: float) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        """Paint the graph: the whole picture where it is a new one, and its boxes."""
        before, states = time.thread_time(), state.states
        graph: Mapping[str, Any] = {}
        boxes: tuple[str, ...] = ()
        if self._painted is not state.dag:
            graph, self._painted = sent(state.dag, drawing, states), state.dag
            self._paints = bool(graph)
        if self._paints:
            boxes = drawing.groups(states, {name: outcome.seconds for name, outcome in state.outcomes.items()})
        self._made("graph", now, time.thread_time() - before)
        return graph, boxes

    def _made(self, key: str, now: float, spent: float) -> None:
        """Take note of what a panel took: of a dear one, by itself."""
        if self._turns.made(key, now - self._began, spent):
            self._dear += spent

    def _panels(self, snapshot: Snapshot, now: float) -> dict[str, PanelView]:
        """Make the panels whose turn it is; not that of the graph, whose boxes are painted in the browser."""
        made: dict[str, PanelView] = {}
        elapsed, nodes = now - self._began, len(snapshot.state.dag)
        for panel in panels_of(snapshot):
            if panel.key not in PANELS or panel.key == "graph":
                continue
            if self._closed:
                break  # nobody will see it, and the run may have made room for somebody else's
            if snapshot.state.over or self._turns.due(panel.key, elapsed, nodes=nodes):
                before = time.thread_time()
                made[panel.key] = self._view(panel)
                self._made(panel.key, now, time.thread_time() - before)
        return made

    def _view(self, panel: Panel) -> PanelView:
        """Make one panel; what cannot be drawn is said there, and costs the others nothing."""
        try:
            drawn = panel.html
        except Exception as error:
            self._warn(f"the panel {panel.key}")
            drawn = html.paragraph(f"It could not be drawn: {type(error).__name__}: {error}")
        return PanelView(panel.title, drawn, self._keeper.name(panel.key))

    def _warn(self, what: str) -> None:
        """Log the first thing that went wrong."""
        if not self._warned:
            self._warned = True
            _log.exception("%s could not be drawn", what)

    def _words(self, snapshot: Snapshot) -> str:
        """What is said in words: what was asked for, until it has come about."""
        if snapshot.state.over:
            return "The run is over."
        if snapshot.paused != self._was_paused:
            self._was_paused, self._said = snapshot.paused, ""
        if self._said or not snapshot.paused:
            return self._said
        running = list(snapshot.state.states.values()).count("running")
        return "Paused: nothing new begins" + (f"; still running: {count(running, 'node')}." if running else ".")

    def _keep_frames(self, snapshot: Snapshot) -> None:
        """Make the frames that were asked for, and say where they are."""
        asked = list(dict.fromkeys(self._frames.popleft() for _ in range(len(self._frames))))
        panels = {panel.key: panel for panel in panels_of(snapshot)} if asked else {}
        for key in asked:
            try:
                name = self._keeper.keep(key, panels[key].frame())
                self._said = f"{name} is the frame of {clean(panels[key].title)}."
            except Exception as error:
                self._said = f"There is no frame of {clean(key)}: {clean(error)}"
                _log.warning("the frame of %s could not be made", key, exc_info=True)
