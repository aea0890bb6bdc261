"""The executors behind the lanes of a run, made when the first node needs one and let go at its end."""

from __future__ import annotations

from functools import cached_property

from orchestra_nb.running.async_executor import AsyncExecutor
from orchestra_nb.running.backends import Resolved
from orchestra_nb.running.executors import ThreadExecutor
from orchestra_nb.running.loop import current_loop
from orchestra_nb.running.seams import Executor


class Lanes:
    """Where the bodies of a run's nodes go.

    Parameters
    ----------
    resolved
        Jobs and workers.
    """

    def __init__(self, resolved: Resolved) -> None:
        self._resolved = resolved
        self._event_loop = current_loop()

    @cached_property
    def threads(self) -> ThreadExecutor:
        """Worker threads of this process."""
        assert self._resolved.threads is not None  # only a run with one job has none, and it has no such lane
        return ThreadExecutor(self._resolved.threads, self._resolved.settings)

    @cached_property
    def processes(self) -> Executor:
        """Worker processes, or a cluster."""
        assert self._resolved.processes is not None  # the driver was told whether there is one
        return self._resolved.processes()

    @cached_property
    def loop(self) -> Executor:
        """The event loop that was in force for whoever made this."""
        return AsyncExecutor(self._event_loop)

    def pass_on(self) -> None:
        """Leave to other threads what the calling one has kept for itself."""
        threads: ThreadExecutor | None = self.__dict__.get("threads")
        if threads is not None:
            threads.pass_on()

    def restart_processes(self) -> None:
        """End the worker processes with whatever they are doing; what comes next finds new ones."""
        if "processes" in self.__dict__:
            self.processes.abort()

    def close(self, *, in_haste: bool) -> None:
        """Let the workers go; ``in_haste``: with whatever they may still be doing."""
        executors = [self.__dict__[name] for name in ("threads", "processes", "loop") if name in self.__dict__]
        if in_haste:
            for executor in executors:
                executor.abort()
        for executor in executors:
            executor.shutdown()
