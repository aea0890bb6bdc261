"""Ray, begun where it can last; everything else about it is joblib's.

A ray that nobody has begun is begun by the first pool that needs it. On Linux its processes are told to die with the
*thread* that began them, and a pool of ours is opened by a thread that ends with its run: the second run would wait a
minute for a dead ray, which then ends this process. So ray is begun here, on a thread that lasts as long as the
process. A ray that the user has begun is used as it is. An address is tried before ray is: one that does not answer
would end this process as well.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
from queue import SimpleQueue
from typing import Any

from orchestra_nb.errors import BackendError

_REACH = 5.0
"""Seconds within which the head of a cluster has to answer."""
_TURN = threading.Lock()


def begin(address: str | None, jobs: int | None) -> None:
    """See to it that there is a ray to work with.

    Parameters
    ----------
    address
        Of the head of a cluster; ``None``: the one that is in use, else one made on this machine.
    jobs
        How many workers one that is made here is to have; ``None``, or less than one: as many as there are cores.

    Raises
    ------
    BackendError
        It cannot be reached or begun.
    ImportError
        It is not installed.
    """
    import ray

    with _TURN:
        if ray.is_initialized():
            _check_jobs(ray, jobs)
            return
        settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if address is not None:
            _reach(address)
            settings["address"] = address
        else:
            settings["include_dashboard"] = False
            settings["num_cpus"] = max(_cores(), jobs or 0)
        began: SimpleQueue[Exception | None] = SimpleQueue()
        threading.Thread(target=_keep, args=(settings, began), name="orchestra-ray", daemon=True).start()
        error = began.get()
        if error is not None:
            raise BackendError(f"ray did not begin: {type(error).__name__}: {error}") from error
        _check_jobs(ray, jobs)


def _cores() -> int:
    from joblib import cpu_count

    return int(cpu_count())


def _check_jobs(ray: Any, jobs: int | None) -> None:
    """See that ray's pool will not refuse."""
    have = int(ray.cluster_resources().get("CPU", 0))
    if jobs is not None and jobs > have:
        raise BackendError(f"ray has {have} CPUs and cannot give {jobs} jobs; ask for fewer, or begin it with more")


def _keep(settings: dict[str, Any], began: SimpleQueue[Exception | None]) -> None:
    """Begin ray, and last."""
    import ray

    try:
        ray.init(**settings)
    except Exception as error:
        began.put(error)
        return
    began.put(None)
    threading.Event().wait()


def _reach(address: str) -> None:
    """See that something answers at the address, if it is one of a machine and not a word such as ``"auto"``."""
    place = re.fullmatch(r"(?:ray://)?\[?([^\[\]]+)\]?:(\d+)", address)
    if place is None:
        return
    try:
        socket.create_connection((place[1], int(place[2])), timeout=_REACH).close()
    except OSError as error:
        hint = "start it with 'ray start --head', or leave cluster= out to have one begun here"
        raise BackendError(f"no ray cluster answers at {address!r} ({error}); {hint}") from error
