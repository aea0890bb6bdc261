"""A live dashboard in a notebook: where there can be one, what it may know, and clicks that are heard in time.

Whether there can be one, :mod:`orchestra_nb.display.live.front_end` says.

Clicks: see :mod:`.clicks`. Whoever waits on the main thread calls :meth:`AttendedDashboard.attend` now and then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestra_nb.display.live.front_end import is_live
from orchestra_nb.notebook.clicks import Clicks
from orchestra_nb.notebook.kept_frames import KeptFrames

if TYPE_CHECKING:
    from orchestra_nb.display.dashboard import Snapshot
    from orchestra_nb.display.live.watching import Watching
    from orchestra_nb.display.live.widget import DashboardWidget
    from orchestra_nb.running.control import RunControl

_log = logging.getLogger("orchestra_nb.notebook")
Place = Callable[[str], str]
"""Makes static HTML the place of a dashboard, for those who can show one."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A run that a dashboard shows and steers.

    Parameters
    ----------
    snapshot
        What is known of it now; from any thread.
    control
        What pauses, resumes and cancels it.
    frames
        Where the frames of panels go.
    nodes
        How many nodes are about to run, as far as that is known.
    """

    snapshot: Callable[[], Snapshot]
    control: RunControl
    frames: KeptFrames
    nodes: int = 0


def watched(watching: Watching, shell: Any) -> Watched:
    """Have what is watched shown in a shell, whose namespace gets the frames."""
    return Watched(watching.snapshot, watching.control, KeptFrames(shell.user_ns), watching.nodes)


class AttendedDashboard:
    """One live dashboard, and who listens to its clicks.

    Parameters
    ----------
    kernel
        That the front end talks to.
    watched
        The run.
    appear
        Called with what makes static HTML the dashboard's place, once there is something to see.
    over
        Called when the run is over and has been shown so.
    """

    def __init__(
        self,
        kernel: Any,
        watched: Watched,
        appear: Callable[[Place], object],
        over: Callable[[], object] = lambda: None,
    ) -> None:
        from orchestra_nb.display.live.dashboard import LiveDashboard

        self._clicks = Clicks(kernel)
        self._show = appear
        self._widget: DashboardWidget | None = None
        self._live = LiveDashboard(watched.snapshot, watched.control, watched.frames, self._appear, over)
        self._live.start(watched.nodes)

    @classmethod
    def where_it_can_be(
        cls, shell: Any, watched: Watched, appear: Callable[[Place], object], **more: Any
    ) -> AttendedDashboard | None:
        """Make one, if the front end is live."""
        return cls(shell.kernel, watched, appear, **more) if is_live(shell) else None

    def attend(self) -> None:
        """Hear what was clicked meanwhile, on the main thread."""
        self._clicks.look()

    @property
    def drawn(self) -> bool:
        """Whether a front end has said that it shows it."""
        return self._widget is not None and self._widget.drawn

    def silence(self) -> None:
        """Send nothing any more; what is shown stays until something else takes its place."""
        self._live.silence()

    def close(self) -> None:
        """Let the front end forget it; twice is fine."""
        self._live.close()
        self._clicks.forget()

    def _appear(self, widget: DashboardWidget) -> None:
        self._clicks.listen(widget.comm)
        self._widget = widget
        self._show(widget.place)
