"""Pictures that can be zoomed in the notebook of a session: one model for all of them, made when the first is shown.

Where the front end is live it runs the model's JavaScript (``display/live/front/pictures.js``), which watches the page
for our pictures. It is made at the end of the first cell that says ``%orchestrate``, because loading widgets takes a
moment, and once in a session; ``%unload_ext`` lets it go, and a kernel that ends takes it along. Failure: pictures stay
plain images.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from orchestra_nb.display.live.front_end import is_live

if TYPE_CHECKING:
    from orchestra_nb.display.live.widget import ZoomablePictures

_log = logging.getLogger("orchestra_nb.notebook")
_EVENT, _WORD = "post_run_cell", "%orchestrate"


class Zooming:
    """Lets the pictures of a session be zoomed.

    Parameters
    ----------
    shell
        The IPython shell.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._pictures: ZoomablePictures | None = None

    def begin(self) -> None:
        """Wait for the first cell that may show one."""
        self._shell.events.register(_EVENT, self._after)

    def end(self) -> None:
        """Have new pictures stay plain images; twice is fine."""
        self._leave()
        pictures, self._pictures = self._pictures, None
        if pictures is not None:
            pictures.close()

    def _after(self, result: Any) -> None:
        """After a cell: if it was one of ours, in a front end that is live, they can be zoomed from now on."""
        told = getattr(getattr(result, "info", None), "raw_cell", None)
        if not isinstance(told, str) or _WORD not in told or not is_live(self._shell):
            return
        self._leave()
        try:
            from orchestra_nb.display.live.widget import ZoomablePictures

            self._pictures = ZoomablePictures()
        except Exception:
            _log.info("pictures cannot be zoomed here", exc_info=True)

    def _leave(self) -> None:
        if self._after in self._shell.events.callbacks[_EVENT]:
            self._shell.events.unregister(_EVENT, self._after)
