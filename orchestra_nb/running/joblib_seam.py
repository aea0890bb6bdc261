"""The one file that goes below joblib's documented surface.

joblib hands out whole loops (``Parallel``); a DAG needs one task at a time on the same backends, with the same
settings. Its backend interface (``configure``, ``submit``, ``retrieve_result_callback``, ``abort_everything``, ...) is
documented for authors of backends and does just that. What is not documented, and used here:

======================================  ============================================================
``joblib.parallel._backend``            the thread-local settings of an enclosing ``parallel_config``
``joblib.parallel.BACKENDS``            the registered backends, ``EXTERNAL_BACKENDS`` those to be had
``joblib.parallel.BatchedCalls``        sets joblib's nesting rule around a task in a worker
``Parallel._backend``                   the backend after ``configure``, which may have fallen back
``Parallel._backend_kwargs``            what it was told about memory-mapping
``LokyBackend._prepare_worker_env``     the thread limits that loky's workers get
``LokyBackend.backend_kwargs``          whether the user begins the workers in a way of their own
``LokyBackend._workers._processes``     loky's processes, and its ``kill_process_tree``
``MultiprocessingBackend._pool._pool``  the processes of that backend
======================================  ============================================================

``tests/running/test_joblib_seam.py`` fails by name when joblib moves one of them. Loky's workers get the environment of
the parent and no thread limits of their own, unless the user sets ``inner_max_num_threads``: a BLAS that sums with
another number of threads gives other last digits than a linear run, and results come before speed here. For the same
reason large inputs are memory-mapped copy-on-write (``mmap_mode="c"``): joblib's default would make them read-only.
All of a process's loky pools are one: opening it while somebody ends it makes loky forget that it was to kill its
workers, and both wait for a body that never ends. So opening and ending take turns, and the workers are dead before
loky is told. Rejected: a pool of loky's own beside joblib's (they break each other in one process).
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from typing import Any

from joblib import Parallel, parallel_config
from joblib.externals.loky.backend.utils import kill_process_tree
from joblib.parallel import (
    BACKENDS,
    EXTERNAL_BACKENDS,
    BatchedCalls,
    LokyBackend,
    ParallelBackendBase,
    SequentialBackend,
    default_parallel_config,
)
from joblib.parallel import _backend as _settings

from orchestra_nb.running.orphans import tie
from orchestra_nb.running.shelf import Memmapping

Landed = Callable[[Callable[[], Any]], None]
"""Called once per task with what gives its result, or raises what the pool raised."""

_TURN = threading.Condition(threading.RLock())
_CONDEMNED: set[int] = set()
"""Pools that are about to be killed: whoever opens one waits, lest the kill hit what they share."""
_PATIENCE = 10.0
_PATIENCE_WITH_A_POOL = 3.0
"""Seconds that a pool of multiprocessing is given to end its workers."""


def _forget_turns() -> None:
    """Begin anew in a forked child: multiprocessing forks its workers while a thread of the parent has the turn."""
    global _TURN
    _TURN = threading.Condition(threading.RLock())
    _CONDEMNED.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_turns)
_SHARE_FILES = ("loky", "multiprocessing")


class FaithfulLoky(LokyBackend):  # type: ignore[misc, unused-ignore]
    """Loky whose workers use as many BLAS and OpenMP threads as this process does, and end when it does."""

    def configure(self, *args: Any, **kwargs: Any) -> int:
        """Tie the workers to this process, unless the user begins them in another way."""
        if "initializer" not in self.backend_kwargs:
            kwargs = {"initializer": tie, "initargs": (os.getpid(),), **kwargs}
        return int(super().configure(*args, **kwargs))

    def _prepare_worker_env(self, n_jobs: int) -> dict[str, str]:
        env: dict[str, str] = super()._prepare_worker_env(n_jobs)
        if self.inner_max_num_threads is None:
            env = {k: v for k, v in env.items() if k not in self.MAX_NUM_THREADS_VARS or k in os.environ}
        return env


def inherited() -> dict[str, Any]:
    """Read what an enclosing ``joblib.parallel_config`` of this thread set, and nothing that it did not set."""
    config: Mapping[str, Any] = getattr(_settings, "config", default_parallel_config)
    return {k: v for k, v in config.items() if v is not default_parallel_config[k] and v is not None}


def known_backends() -> list[str]:
    """Names of the backends that joblib knows, installed or not."""
    return sorted({*BACKENDS, *EXTERNAL_BACKENDS, "ray"})


def make_backend(name: str) -> ParallelBackendBase:
    """Make a fresh backend by its registered name.

    Raises
    ------
    KeyError
        No such backend is registered.
    ImportError
        It is known, and what it needs is not installed.
    RuntimeError
        It could not begin a process here.
    """
    if name == "loky" and (sys.stdout is None or sys.stderr is None):  # loky flushes both
        raise RuntimeError("sys.stdout or sys.stderr is None; set it, for one to open(os.devnull, 'w')")
    if name not in BACKENDS:
        if name == "ray":
            from ray.util.joblib import register_ray

            register_ray()
        elif name in EXTERNAL_BACKENDS:
            EXTERNAL_BACKENDS[name]()
    level = getattr(inherited().get("backend"), "nesting_level", None) or 0
    return BACKENDS[name](nesting_level=level)


def backend_name(backend: ParallelBackendBase) -> str:
    """Find the name under which a backend is registered."""
    for cls in type(backend).__mro__:
        for name, known in BACKENDS.items():
            if cls is known:
                return str(name)
    return type(backend).__name__.removesuffix("Backend").lower()


def in_this_process(backend: ParallelBackendBase) -> bool:
    """Whether its tasks share this process's memory."""
    return bool(getattr(backend, "uses_threads", False) or getattr(backend, "supports_sharedmem", False))


def _twin(backend: ParallelBackendBase) -> ParallelBackendBase:
    """Make a backend of our own with the user's settings: theirs must not be reconfigured under their hands."""
    if type(backend) is LokyBackend:
        cls: type[ParallelBackendBase] = FaithfulLoky
    elif type(backend) in (BACKENDS["threading"], BACKENDS.get("multiprocessing")):
        cls = type(backend)
    else:
        return backend
    kwargs = dict(backend.backend_kwargs)
    if backend.inner_max_num_threads is not None:
        kwargs["inner_max_num_threads"] = backend.inner_max_num_threads
    return cls(nesting_level=backend.nesting_level, **kwargs)


def user_settings() -> Callable[[], Any]:
    """Return what makes a context manager that gives another thread this thread's ``parallel_config``.

    A node in a worker thread then finds the joblib settings that its code would find in a linear run. Each call copies
    the backend, because joblib's backends keep the state of the loop that they run.
    """
    given = inherited()
    if not given:
        return nullcontext
    backend = given.pop("backend", None)

    def enter() -> Any:
        mine = {} if backend is None else {"backend": _twin(backend)}
        return parallel_config(**mine, **given)

    return enter


def end_tree(process: Any) -> None:
    """End a process and all that it has started, at once."""
    with suppress(ProcessLookupError):
        kill_process_tree(process)


class Pool:
    """One joblib backend to which single tasks are sent. Make it on the user's thread, use it from any one thread.

    Parameters
    ----------
    backend
        From :func:`make_backend` or from the user's ``parallel_config``.
    jobs
        How many workers it is to have.
    """

    def __init__(self, backend: ParallelBackendBase, jobs: int) -> None:
        self.name = backend_name(backend)
        self.jobs = jobs
        kwargs = {} if "mmap_mode" in inherited() else {"mmap_mode": "c"}
        self._parallel = Parallel(n_jobs=jobs, backend=_twin(backend), batch_size=1, pre_dispatch="all", **kwargs)
        self._backend: Any = self._parallel._backend
        self.in_threads = in_this_process(self._backend)
        self._nested: Any = None
        self._is_open = False

    def ready(self) -> None:
        """Start, unless that has been done."""
        if not self._is_open:
            self.open()

    def open(self) -> None:
        """Start, or start anew after :meth:`kill` or the death of a worker."""
        with _TURN:
            _TURN.wait_for(lambda: not _CONDEMNED - {id(self)}, timeout=_PATIENCE)
            self.close()
            self._enter()

    def _enter(self) -> None:
        self._parallel.__enter__()
        self._backend = backend = self._parallel._backend
        self._nested = backend.get_nested_backend()
        backend.start_call()
        self._is_open = True

    @property
    def sequential(self) -> bool:
        """Whether joblib fell back to running tasks in place."""
        return isinstance(self._backend, SequentialBackend)

    def send(self, call: Callable[[], Any], landed: Landed) -> None:
        """Give one task to a worker; ``landed`` is called from one of joblib's threads when it is over."""
        self.ready()
        if self.sequential:
            result = call()
            landed(lambda: result)
        else:
            backend = self._backend
            batch = call if self.in_threads else BatchedCalls([(call, (), {})], self._nested)

            def arrived(out: Any) -> None:
                landed(lambda: self._unwrap(backend.retrieve_result_callback(out)))

            backend.submit(batch, arrived)

    def _unwrap(self, out: Any) -> Any:
        return out if self.in_threads else out[0]

    def memmapping(self) -> Memmapping | None:
        """What the user told joblib about large arrays; ``None`` where workers do not share this machine's files."""
        if self.in_threads or self.name not in _SHARE_FILES:
            return None
        told = self._parallel._backend_kwargs
        return Memmapping(told["max_nbytes"], told["temp_folder"], told["mmap_mode"])

    def processes(self) -> tuple[Any, ...]:
        """Worker processes whose death nobody else reports: those of the multiprocessing backend."""
        return (
            tuple(getattr(getattr(self._backend, "_pool", None), "_pool", ())) if self.name == "multiprocessing" else ()
        )

    def dead(self) -> tuple[int, ...]:
        """Process ids of loky's workers that have ended; to be asked before loky ends the others."""
        workers = getattr(getattr(self._backend, "_workers", None), "_processes", None) or {}
        return tuple(pid for pid, process in tuple(workers.items()) if process.exitcode is not None)

    def condemn(self) -> None:
        """Announce a :meth:`kill`: from now on, opening any other pool waits for it."""
        if not self.in_threads:
            _CONDEMNED.add(id(self))

    def kill(self) -> None:
        """End the workers with whatever they are doing, as far as the backend can; :meth:`open` starts new ones."""
        with _TURN:
            try:
                if self._is_open:
                    self._kill()
            finally:
                _CONDEMNED.discard(id(self))
                _TURN.notify_all()

    def _kill(self) -> None:
        self._is_open = False
        self._backend.stop_call()
        if self.in_threads:  # joining threads that cannot be stopped: not on anybody's time
            threading.Thread(target=self._parallel.__exit__, args=(None, None, None), daemon=True).start()
        else:
            workers = getattr(getattr(self._backend, "_workers", None), "_processes", None) or {}
            for process in tuple(workers.values()):
                end_tree(process)
            pool = None
            if self.name == "multiprocessing":
                pool, self._backend._pool = self._backend._pool, None
            self._backend.abort_everything(ensure_ready=False)
            if pool is not None:
                _terminate(pool)

    def close(self) -> None:
        """Release the workers; loky keeps its own for the next run."""
        if not self._is_open:
            return
        self._is_open = False
        self._backend.stop_call()
        with _TURN:
            self._parallel.__exit__(None, None, None)


def _terminate(pool: Any) -> None:
    """End a pool of multiprocessing, and wait no longer than it deserves.

    It takes the lock that an idle worker holds while it waits for work, counting on that worker to be told to end. One
    that has just come in a dead one's place is not told, and then it would wait for ever.
    """
    ending = threading.Thread(target=pool.terminate, name="orchestra-pool-end", daemon=True)
    ending.start()
    ending.join(_PATIENCE_WITH_A_POOL)
    if ending.is_alive():
        for process in tuple(pool._pool):
            end_tree(process)
