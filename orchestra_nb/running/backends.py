"""Which backend, how many jobs: settled once per run, on the user's thread.

``joblib.parallel_config`` is thread-local, so it must be read where the user entered it. Order of precedence: what the
:class:`.RunConfig` says, what an enclosing ``parallel_config`` says (backend, ``n_jobs``, and its ``prefer`` and
``require`` hints), else threads on all usable cores. Inside a worker of somebody else's ``Parallel`` the default is one
job, as joblib's own nesting rule has it. A backend that is unknown, or not installed, is an error before anything ran.

Two names are more than a joblib backend here: ``"dask"`` is an executor of our own (:mod:`.dask_executor`), because
joblib's bridge brings every value home and hangs on workers that die; ``"ray"`` is joblib's, on a ray that is begun
where it can last (:mod:`.ray_seam`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import BackendError, nearest

if TYPE_CHECKING:
    from orchestra_nb.running.joblib_seam import Pool
    from orchestra_nb.running.seams import Executor

_EXTRAS = ("dask", "ray")


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a run works with.

    Parameters
    ----------
    jobs
        How many nodes may run at once, one or more.
    backend
        The backend's registered name.
    threads
        Workers that share this process's memory, not yet started; ``None`` when ``jobs`` is one, which needs none.
    processes
        Makes the executor of workers that do not, if the run or one of its nodes asks for such a backend.
    together
        Whether tasks in processes end together: to end one, its whole pool is ended.
    settings
        Makes the context manager that gives a worker thread the joblib settings of the thread that resolved them.
    """

    jobs: int
    backend: str
    threads: Pool | None = None
    processes: Callable[[], Executor] | None = None
    together: bool = True
    settings: Callable[[], AbstractContextManager[Any]] = nullcontext


def resolve(config: RunConfig, asked: Iterable[str] = ()) -> Resolved:
    """Settle backend and jobs for a run that the current thread is about to start.

    Parameters
    ----------
    config
        What the run is to keep to.
    asked
        Backends that single nodes ask for. All must exist; the first that is not of threads is used beside a run's
        threads.

    Raises
    ------
    BackendError
        The backend is unknown, or not installed, or cannot work here.

    Examples
    --------
    >>> resolve(RunConfig(jobs=2, backend="loky")).backend
    'loky'
    >>> resolve(RunConfig(jobs=2, backend="lokky"))
    Traceback (most recent call last):
    orchestra_nb.errors.BackendError: joblib knows no backend 'lokky'; did you mean 'loky'?
    """
    from orchestra_nb.running import joblib_seam as seam

    given = seam.inherited()
    others = [other for other in dict.fromkeys(asked) if other != "async"]
    backend = _make(config.backend, config) if config.backend is not None else _enclosing(given, config)
    name = seam.backend_name(backend)
    _check_cluster(config, (name, *others))
    jobs = _jobs(config, given, backend)
    made = [backend if other == name else _make(other, config) for other in others]
    if jobs == 1:
        return Resolved(1, name)
    shared = seam.in_this_process(backend)
    apart = [other for other in ([backend] if not shared else made) if not seam.in_this_process(other)]
    try:
        threads = seam.Pool(backend if shared else seam.make_backend("threading"), jobs)
        processes = _executor(apart[0], jobs) if apart else None
    except BackendError:
        raise
    except Exception as error:
        raise BackendError(f"the joblib backend {name!r} refused its settings: {error}") from error
    together = not (apart and isinstance(apart[0], Dask))
    return Resolved(jobs, name, threads, processes, together, seam.user_settings())


def unknown_backend(name: str) -> str:
    """Say that a node asks for a backend that is not known, and which one is nearest; empty when it does not.

    Examples
    --------
    >>> unknown_backend("lokky"), unknown_backend("inherit")
    ("joblib knows no backend 'lokky'; did you mean 'loky'?", '')
    """
    from orchestra_nb.running import joblib_seam as seam

    return "" if name in ("inherit", "async", *seam.known_backends()) else _unknown(name)


def _unknown(name: str) -> str:
    from orchestra_nb.running import joblib_seam as seam

    return f"joblib knows no backend {name!r}; {nearest(name, seam.known_backends())}"


class Dask:
    """Stands for dask until it is known how many jobs there are; answers to what is asked of a joblib backend.

    Parameters
    ----------
    address
        Of the scheduler, if the config names one.
    bridge
        joblib's own backend, if the user entered a ``parallel_config`` with it.
    jobs
        How many the config asks for.
    """

    def __init__(self, address: str | None, bridge: Any = None, jobs: int | None = None) -> None:
        from orchestra_nb.running import cluster

        self.nesting_level = getattr(bridge, "nesting_level", 0)
        self.options: dict[str, Any] = getattr(bridge, "submit_kwargs", {})
        self.cluster = None if jobs == 1 else cluster.find(address, getattr(bridge, "client", None), jobs)

    def effective_n_jobs(self, asked: int) -> int:
        """Count as joblib does."""
        return asked if self.cluster is None else self.cluster.effective_n_jobs(asked)


def _executor(backend: Any, jobs: int) -> Callable[[], Executor]:
    """Make what makes the executor of a backend that is not of threads."""
    if isinstance(backend, Dask):
        from orchestra_nb.running.dask_executor import DaskExecutor

        assert backend.cluster is not None  # one job needs none
        return partial(DaskExecutor, backend.cluster, jobs, backend.options)
    from orchestra_nb.running.joblib_executor import JoblibExecutor
    from orchestra_nb.running.joblib_seam import Pool

    return partial(JoblibExecutor, Pool(backend, jobs))


def _check_cluster(config: RunConfig, names: Iterable[str]) -> None:
    if config.cluster is not None and not set(names) & set(_EXTRAS):
        raise BackendError(f"nothing runs on the cluster at {config.cluster!r}; say backend='dask', or 'ray'")


def _enclosing(given: dict[str, Any], config: RunConfig) -> Any:
    """Return the backend of the enclosing ``parallel_config``, or ours."""
    from orchestra_nb.running import joblib_seam as seam

    backend = given.get("backend")
    if backend is None:
        return _make("loky" if given.get("prefer") == "processes" else "threading", config)
    if given.get("require") == "sharedmem" and not seam.in_this_process(backend):
        return _make("threading", config)
    if seam.backend_name(backend) in _EXTRAS:
        return _make(seam.backend_name(backend), config)
    return backend


def _make(name: str, config: RunConfig) -> Any:
    from orchestra_nb.running import joblib_seam as seam

    try:
        if name not in _EXTRAS:
            return seam.make_backend(name)
        bridge = seam.inherited().get("backend")
        bridge = bridge if bridge is not None and seam.backend_name(bridge) == name else None
        if name == "dask":
            return Dask(config.cluster, bridge, config.jobs)
        from orchestra_nb.running.ray_seam import begin

        begin(config.cluster, config.jobs)
        return seam.make_backend(name) if bridge is None else bridge
    except BackendError:
        raise
    except KeyError:
        raise BackendError(_unknown(name)) from None
    except ImportError as error:
        extra = f"pip install 'orchestra_nb[{name}]'" if name in _EXTRAS else "install what it needs"
        others = ", ".join(known for known in seam.known_backends() if known != name)
        raise BackendError(f"the backend {name!r} is not installed; {extra}, or use one of {others}") from error
    except Exception as error:
        raise BackendError(f"the joblib backend {name!r} cannot be used here: {error}") from error


def _jobs(config: RunConfig, given: dict[str, Any], backend: Any) -> int:
    """One or more. An explicit positive number is obeyed; joblib counts everything else."""
    nested = bool(backend.nesting_level) and "n_jobs" not in given
    asked = config.jobs if config.jobs is not None else given.get("n_jobs", 1 if nested else -1)
    try:
        possible = int(backend.effective_n_jobs(int(asked)))
    except Exception as error:
        raise BackendError(f"the joblib backend cannot give {asked!r} jobs: {error}") from error
    if config.jobs is not None and config.jobs > 0 and possible > 1:
        return config.jobs
    return max(1, possible)
