"""Where a sweep was made: what another machine, or this one next year, would have to be like for the same times.

Policy: everything is optional but Python; what cannot be found out is left out, and never guessed. Nothing is asked of
the network, and no name of a machine or a user is kept, because results are made to be passed on. The revision is that
of the working directory, with a mark when it has changes that are not committed.

Failure: none; whatever raises is a fact that is not known.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import math
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

PACKAGES = (
    *("orchestra_nb", "joblib", "loky", "numpy", "scipy", "pandas", "scikit-learn", "torch", "dask", "distributed"),
    *("ray", "cloudpickle", "ipython", "ipykernel"),
)
"""Packages whose versions are noted, where they are installed."""
THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"),
    "BLIS_NUM_THREADS",
)
"""Environment variables by which libraries are told how many threads to use."""
_MOST = 2**62
"""Whatever a file says: no machine has more cores or bytes, and no frame has room for it."""
_BUSIER = 0.5
"""By how much of the cores a load must differ to be worth a word."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where and when a sweep was made.

    Parameters
    ----------
    python
        Version and implementation.
    platform
        Operating system and architecture.
    cpu
        Model of the processor; empty where the system does not say.
    cores
        How many this process may use.
    memory
        Bytes of the machine; 0 where the system does not say.
    packages
        Versions by name.
    threads
        How many threads numeric libraries were to use: variables of the environment, and pools that are loaded.
    revision
        Of the working directory, by git, with ``+`` where something is not committed; empty where there is none.
    started_at
        When it began (UTC, ISO 8601).

    Examples
    --------
    >>> Environment("3.11.9 CPython", "Linux x86_64").cores
    1
    """

    python: str
    platform: str
    cpu: str = ""
    cores: int = 1
    memory: int = 0
    packages: Mapping[str, str] = field(default_factory=dict)
    threads: Mapping[str, str] = field(default_factory=dict)
    revision: str = ""
    started_at: str = ""

    @property
    def line(self) -> str:
        """The environment in one line.

        Examples
        --------
        >>> Environment("3.11.9 CPython", "Linux x86_64", cores=4, packages={"joblib": "1.5"}).line
        'Python 3.11.9 CPython, Linux x86_64, 4 cores'
        """
        own = self.packages.get("orchestra_nb", "")
        parts = [f"orchestra_nb {own}" if own else "", f"Python {self.python}", self.platform, self.cpu]
        parts += [f"{self.cores} core{'' if self.cores == 1 else 's'}", self.revision and f"revision {self.revision}"]
        return ", ".join(filter(None, parts))

    def to_json(self) -> dict[str, Any]:
        """Write it as JSON has it.

        Examples
        --------
        >>> Environment("3.11.9 CPython", "Linux x86_64").to_json()["cores"]
        1
        """
        return asdict(self)


def environment_of(told: Mapping[str, Any]) -> Environment:
    """Read what :meth:`Environment.to_json` wrote; fields that are not known, of a newer version, are passed over.

    Raises
    ------
    TypeError, ValueError, KeyError
        It is something else.

    Examples
    --------
    >>> environment_of({"python": "3.11", "platform": "Linux", "phase of the moon": "full"}).platform
    'Linux'
    """
    made = Environment(str(told["python"]), str(told["platform"]), str(told.get("cpu", "")))
    packages, threads = (
        {str(k): str(v) for k, v in dict(told.get(name, {})).items()} for name in ("packages", "threads")
    )
    return replace(
        made,
        cores=min(int(told.get("cores", 1)), _MOST),
        memory=min(int(told.get("memory", 0)), _MOST),
        packages=packages,
        threads=threads,
        revision=str(told.get("revision", "")),
        started_at=str(told.get("started_at", "")),
    )


def capture(now: str) -> Environment:
    """Look around.

    Parameters
    ----------
    now
        The time, as ISO 8601 in UTC.

    Examples
    --------
    >>> capture("2026-05-01T12:00:00+00:00").cores >= 1
    True
    """
    versions = {name: version for name in PACKAGES if (version := _version(name))}
    return Environment(
        f"{platform.python_version()} {platform.python_implementation()}",
        f"{platform.system()} {platform.machine()}".strip(),
        _cpu(),
        cores(),
        _memory(),
        versions,
        _threads(),
        _revision(),
        now,
    )


def cores() -> int:
    """How many cores this process may use: its affinity and the limit of its container, as joblib counts them.

    Examples
    --------
    >>> cores() >= 1
    True
    """
    import joblib

    return int(joblib.cpu_count())


def usual_load() -> float:
    """How many processes ran or wanted to, on average over the last minute; NaN where the system does not say.

    Examples
    --------
    >>> usual_load() >= 0 or not hasattr(os, "getloadavg")
    True
    """
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return math.nan


def differences(before: Environment, after: Environment) -> tuple[str, ...]:
    """Say what differs between two environments, beside the time.

    Examples
    --------
    >>> differences(Environment("3.11", "Linux", cores=2), Environment("3.12", "Linux", cores=4))
    ('Python: 3.11 before, 3.12 after', 'cores: 2 before, 4 after')
    """
    pairs: list[tuple[str, object, object]] = [
        ("Python", before.python, after.python),
        ("platform", before.platform, after.platform),
        ("processor", before.cpu, after.cpu),
        ("cores", before.cores, after.cores),
        ("memory", before.memory, after.memory),
    ]
    for some, others in ((before.packages, after.packages), (before.threads, after.threads)):
        pairs += [(name, some.get(name, ""), others.get(name, "")) for name in dict.fromkeys((*some, *others))]
    pairs.append(("revision", before.revision, after.revision))
    return tuple(f"{name}: {old or 'none'} before, {new or 'none'} after" for name, old, new in pairs if old != new)


def busier(before: float, after: float, usable: int) -> str:
    """Say that the machine was more or less busy with other things; empty where it was about as busy.

    Parameters
    ----------
    before, after
        Loads; NaN where they are not known.
    usable
        How many cores there are.

    Examples
    --------
    >>> busier(0.4, 3.0, 2)
    'load before runs: 0.4 before, 3.0 after'
    >>> busier(0.4, 0.6, 2)
    ''
    """
    if math.isnan(before) or math.isnan(after) or abs(after - before) <= _BUSIER * usable:
        return ""
    return f"load before runs: {before:.1f} before, {after:.1f} after"


def _known(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except Exception:
        return ""


def _version(name: str) -> str:
    if name == "orchestra_nb":
        from orchestra_nb._version import __version__

        return __version__
    return _known(lambda: importlib.metadata.version(name))


def _cpu() -> str:
    def of_linux() -> str:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))

    def of_mac() -> str:
        return _asked("sysctl", "-n", "machdep.cpu.brand_string")

    return _known(of_linux) or (_known(of_mac) if sys.platform == "darwin" else "") or platform.processor()


def _memory() -> int:
    with suppress(AttributeError, ValueError, OSError):
        return int(os.sysconf("SC_PAGE_SIZE")) * int(os.sysconf("SC_PHYS_PAGES"))
    return 0


def _threads() -> dict[str, str]:
    found = {name: os.environ[name] for name in THREADS if name in os.environ}
    with suppress(Exception):
        pools = importlib.import_module("threadpoolctl")  # numpy's users mostly have it
        for pool in pools.threadpool_info():
            found[str(pool["internal_api"])] = f"{pool['num_threads']} threads"
    return found


def _revision() -> str:
    revision = _known(lambda: _asked("git", "rev-parse", "--short=12", "HEAD"))
    changed = revision and _known(lambda: _asked("git", "status", "--porcelain", "--untracked-files=no"))
    return f"{revision}+" if changed else revision


def _asked(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=5, stdin=subprocess.DEVNULL)
    return done.stdout.strip()
