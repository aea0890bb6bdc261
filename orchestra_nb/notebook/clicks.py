"""Clicks that are heard while a cell is busy, as far as the kernel and the front end let them.

**ipykernel 7** has subshells: a front end that knows them (JupyterLab since 4.4, Notebook since 7.4) sends what a
widget says to a thread of its own, and clicks arrive there while a cell runs. 7.4 sends them back to the main shell,
where they wait for the cell, as soon as the main shell has used the channel itself; for our own channel that is undone.

**ipykernel 6** has one queue. While a run waits, :meth:`Clicks.look` reads what has arrived into that queue, takes the
messages to our own channels out, answers each as the kernel would (busy, the callback, idle), and leaves every other
one where it was: no cell runs inside of another, and what is queued keeps its order. What comes is read from the
message's header before anything is checked, so a message that is left is checked once, later, by the kernel.

**Where clicks wait for the end of the cell**: on ipykernel 7 with a front end that knows no subshells, or was told not
to use them (JupyterLab's setting ``commsOverSubshells``); on ipykernel 6 as long as a node runs on the main thread. The
kernel's interrupt always stops a run. Failure: whatever a kernel has changed of this means that clicks wait.

Rejected: ``nest_asyncio`` and ``jupyter_ui_poll`` (they run queued cells inside of this one, or lose them).
"""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

_log = logging.getLogger("orchestra_nb.notebook")
_DELIMITER = b"<IDS|MSG>"
_HEADER, _CONTENT = 2, 5
"""Where those stand in a message, counted from the delimiter."""


class Clicks:
    """Has the messages to some channels heard while a cell is busy.

    Parameters
    ----------
    kernel
        The kernel, if this runs in one.
    """

    def __init__(self, kernel: Any) -> None:
        pumps = hasattr(kernel, "msg_queue") and not getattr(kernel, "_supports_kernel_subshells", False)
        self._kernel = kernel if pumps else None
        self._comms: dict[str, Any] = {}

    def listen(self, comm: Any) -> None:
        """Hear what is said on a channel, from now on."""
        if hasattr(comm, "_reply_subshell_for"):
            comm._reply_subshell_for = _where_it_was_sent
        self._comms[str(getattr(comm, "comm_id", ""))] = comm

    def forget(self) -> None:
        """Hear none of them any longer."""
        self._comms.clear()

    def look(self) -> int:
        """Hear what has been said since the last look, on the main thread of a kernel without subshells.

        Returns
        -------
        int
            How many messages that were.
        """
        if self._kernel is None or not self._comms or threading.current_thread() is not threading.main_thread():
            return 0  # also where the main thread is free, as in a run in the background: the kernel hears by itself
        try:
            return self._look(self._kernel)
        except Exception:
            self._kernel = None
            _log.warning("clicks are heard when the cell has ended: this kernel's queue is another one", exc_info=True)
            return 0

    def _look(self, kernel: Any) -> int:
        if kernel.shell_stream is not None:
            kernel.shell_stream.flush()  # reads what has arrived into the queue
        queued = kernel.msg_queue._queue  # not taken out and put back: an interrupt between the two would lose a cell
        heard = [item for item in tuple(queued) if self._ours(item)]
        for item in heard:
            queued.remove(item)
            self._answer(kernel, item[2][0])
        return len(heard)

    def _ours(self, item: Any) -> bool:
        """Whether something that is queued is a message to one of our channels."""
        try:
            frames = [bytes(getattr(frame, "buffer", frame)) for frame in item[2][0]]
            start = frames.index(_DELIMITER)
            if json.loads(frames[start + _HEADER])["msg_type"] != "comm_msg":
                return False
            return json.loads(frames[start + _CONTENT])["comm_id"] in self._comms
        except (LookupError, TypeError, ValueError):
            return False  # a call that somebody has put there, or no message that we know

    def _answer(self, kernel: Any, frames: Any) -> None:
        _, parts = kernel.session.feed_identities(frames, copy=False)
        try:
            message = kernel.session.deserialize(parts, content=True, copy=False)
        except ValueError:
            return  # forged, or sent twice; the kernel would drop it too
        kernel._publish_status("busy", "shell", parent=message)
        try:
            self._comms[message["content"]["comm_id"]].handle_msg(message)
        except Exception:
            _log.exception("a click could not be heard")
        finally:
            kernel._publish_status("idle", "shell", parent=message)


def _where_it_was_sent(data: object, default: Any) -> Any:
    return default
