"""The thread that called ``execute``: it runs the bodies of the main lane, and it is where interrupts land.

An interrupt that was meant for a body (a node that is given up) is sent by the thread that drives the run, and may come
a moment after that body: behind it, before its reply was left, or in the wait for the next one. So the token of the
body is noted before the interrupt is sent (``poked``), and taken back once its reply was left. Whoever finds it still
noted when an interrupt comes up knows whose it was, and answers for that body: the run goes on.

Only the main thread gets signals. Any other calling thread has a gate (:mod:`.stopping`).
"""

from __future__ import annotations

import contextvars
import signal
import threading
from queue import Empty

from orchestra_nb.running import replies
from orchestra_nb.running.deferral import Deferral
from orchestra_nb.running.interrupts import interrupt_main_thread
from orchestra_nb.running.loop import current_loop
from orchestra_nb.running.seams import Reply, Task
from orchestra_nb.running.stopping import AllBut, Gate


class CallingThread:
    """What the calling thread of a run has to do, and how it is interrupted.

    Parameters
    ----------
    decides
        Whether it may drive the run after a body, so that interrupts have to be put off meanwhile.

    Examples
    --------
    >>> calling = CallingThread(decides=False)
    >>> calling.take_place()
    >>> calling.put(7, lambda: Reply("done", value=1))
    >>> calling.perform(*calling.next_body(1.0)).value
    1
    """

    def __init__(self, *, decides: bool) -> None:
        self.context = contextvars.copy_context()
        """Its context variables, as they were after its last body."""
        self._decides = decides
        self._thread = threading.current_thread()
        self._bodies = current_loop().waiting()
        self._gate: Gate | None = None
        self._deferral: Deferral | None = None
        self._given_up: set[int] = set()
        self._poked = self._answered = -1

    def take_place(self) -> None:
        """Prepare the thread; done again when an interrupt cuts it short."""
        if self._gate is None and self._thread is not threading.main_thread():
            self._gate = Gate.of_this_thread()
        if self._decides:
            self._deferral = self._deferral or Deferral()
            self._deferral.install()

    def leave(self) -> None:
        """Give the thread back as it was."""
        if self._gate is not None:
            self._gate.leave()
        if self._deferral is not None:
            self._deferral.undo()

    @property
    def thread(self) -> threading.Thread:
        """The thread."""
        return self._thread

    def next_body(self, timeout: float) -> tuple[int, Task] | None:
        """Wait for the next body, for some seconds at most."""
        try:
            body: tuple[int, Task] | None = self._bodies.get(timeout=timeout)
        except Empty:
            return None
        return body

    def perform(self, token: int, task: Task, *, stopping: bool = False) -> Reply:
        """Run a body, unless it is not wanted any more; there is a reply whatever happens."""
        if stopping or token in (self._poked, self._answered):
            reply = replies.cancelled("the run was stopped before it began")
        elif self._gate is not None:
            reply = self._gate.perform(token, task, AllBut(self._given_up))
        else:
            reply = replies.perform(task)
        self.context = contextvars.copy_context()
        return reply

    def delivered(self, token: int) -> None:
        """Note that the reply was left: an interrupt that was meant for this body has come up within it."""
        if self._poked == token:
            self._poked = -1

    def begin_to_decide(self) -> bool:
        """Put interrupts off, if the thread may drive the run now; then :meth:`end_of_deciding` is called."""
        return self._deferral is not None and self._deferral.begin()

    def end_of_deciding(self) -> None:
        """Raise what was put off."""
        if self._deferral is not None:
            self._deferral.end()

    def cut_short(self) -> int | None:
        """Say for which body an interrupt was that came up outside of one, if it was for one."""
        if self._poked < 0:
            return None
        token = self._answered = self._poked
        self._poked = -1
        return token

    # From other threads.

    def put(self, token: int, task: Task) -> None:
        """Have a body run."""
        self._bodies.put((token, task))

    def run_ended(self) -> None:
        """Let it look up: the run has ended."""
        if self._deferral is not None:
            self._deferral.over = True
        self._bodies.put(None)

    def interrupt(self, token: int) -> None:
        """Interrupt a body, if it runs or is about to, and the thread can be interrupted."""
        if self._gate is not None:
            self._given_up.add(token)  # first, for a body that is just about to begin
            self._gate.stop(token)
        elif self._thread is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
            self._poked = token
            interrupt_main_thread()
