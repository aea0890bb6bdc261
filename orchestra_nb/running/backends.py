"""Which backend, how many jobs: settled once per run, on the user's thread.

``joblib.parallel_config`` is thread-local, so it must be read where the user entered it. Order of precedence: what the
:class:`.RunConfig` says, what an enclosing ``parallel_config`` says (backend, ``n_jobs``, and its ``prefer`` and
``require`` hints), else threads on all usable cores. Inside a worker of somebody else's ``Parallel`` the default is one
job, as joblib's own nesting rule has it. A backend that is unknown, or not installed, is an error before anything ran.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import BackendError, nearest

if TYPE_CHECKING:
    from orchestra_nb.running.joblib_seam import Pool

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
        Workers that do not, if the run or one of its nodes asks for such a backend.
    settings
        Makes the context manager that gives a worker thread the joblib settings of the thread that resolved them.
    """

    jobs: int
    backend: str
    threads: Pool | None = None
    processes: Pool | None = None
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
    backend = _make(config.backend) if config.backend is not None else _enclosing(given)
    name = seam.backend_name(backend)
    jobs = _jobs(config, given, backend)
    others = [_make(other) for other in dict.fromkeys(asked) if other != "async"]
    if jobs == 1:
        return Resolved(1, name)
    shared = seam.in_this_process(backend)
    apart = [other for other in ([backend] if not shared else others) if not seam.in_this_process(other)]
    try:
        threads = seam.Pool(backend if shared else _make("threading"), jobs)
        processes = seam.Pool(apart[0], jobs) if apart else None
    except Exception as error:
        raise BackendError(f"the joblib backend {name!r} refused its settings: {error}") from error
    return Resolved(jobs, name, threads, processes, seam.user_settings())


def _enclosing(given: dict[str, Any]) -> Any:
    """Return the backend of the enclosing ``parallel_config``, or ours."""
    from orchestra_nb.running import joblib_seam as seam

    backend = given.get("backend")
    if backend is None:
        return _make("loky" if given.get("prefer") == "processes" else "threading")
    if given.get("require") == "sharedmem" and not seam.in_this_process(backend):
        return _make("threading")
    return backend


def _make(name: str) -> Any:
    from orchestra_nb.running import joblib_seam as seam

    try:
        return seam.make_backend(name)
    except KeyError:
        known = seam.known_backends()
        hint = nearest(name, known)
        raise BackendError(f"joblib knows no backend {name!r}; {hint}") from None
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
