"""A dask cluster on this machine, in a process of its own: its scheduler, its nannies, and their workers.

Policy: beside the notebook, not within it. The host is the leader of a session of its own, so an interrupt that goes to
the kernel's process group passes its workers by (within the kernel's group they die of it). It ends when its standard
input does, hence with the process that started it, however that ends; workers end with their host. The workers import
this module and what they are sent, and never the user's main script.

Quiet: no dashboard, no port but those of the loopback, no logs. Faithful: workers get the environment of the notebook
and no thread limits of their own, as loky's do here, and no memory limit, for a linear run has none either. Rejected:
``LocalCluster`` in the kernel (interrupts, the user's main script run again in each worker, settings of dask changed
under the user's hands); TLS between the processes (needs the package ``cryptography``): like every local dask cluster,
this one trusts the users of its machine.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from typing import IO, Any

_BOOT = """\
import json, sys
given = json.loads(sys.stdin.readline())
sys.path[:] = given["path"]
from orchestra_nb.running.dask_host import serve
serve(given["workers"])
"""
_MUTE = 60
"""Above CRITICAL, at which dask logs that a client has left."""
_SETTINGS = {
    "distributed.nanny.pre-spawn-environ": {"MALLOC_TRIM_THRESHOLD_": 65536},
    "distributed.worker.multiprocessing-method": "spawn",
    "logging": dict.fromkeys(("distributed", "distributed.nanny", "asyncio", "tornado"), _MUTE),
}
_TENDED = 2.0
"""Seconds between two looks for workers that are missing."""
_PATIENCE = 5.0
"""Seconds that a host is given to end by itself."""


class Host:
    """A cluster that this process started. Its standard input is its life line.

    Parameters
    ----------
    workers
        How many single-threaded worker processes it is to have.

    Raises
    ------
    OSError
        It did not start.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._owner = os.getpid()
        self._turn = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BOOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self._say({"path": sys.path, "workers": workers})
        assert self._process.stdout is not None
        with self._process.stdout as told:
            self.address = told.readline().decode().strip()
        if not self.address:
            self.close()
            raise OSError(f"its process ended with status {self._process.returncode}; its stderr says why")

    @property
    def alive(self) -> bool:
        """Whether its process is there."""
        return self._process.poll() is None

    def grow(self, workers: int) -> None:
        """See to it that there are at least so many workers."""
        with self._turn:
            self.workers = max(self.workers, workers)
            self._say({"workers": self.workers})

    def close(self) -> None:
        """End it; in a forked child, which has it from its parent, do nothing."""
        if os.getpid() != self._owner:
            return
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _say(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):  # it has ended: whoever uses it next finds out
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()


def serve(workers: int) -> None:
    """In the host's process: run a cluster, and obey standard input until that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    told = os.fdopen(os.dup(1), "w")  # closed in the workers; what they print goes where errors go
    os.dup2(2, 1)
    import dask
    import distributed  # brings its defaults, which would fill in what is left out here

    dask.config.set(_SETTINGS)
    scratch = tempfile.mkdtemp(prefix="orchestra-dask-")
    try:
        with _cluster(distributed, workers, scratch) as cluster:
            with told:
                print(cluster.scheduler_address, file=told)
            _obey(sys.stdin, cluster, workers)
            threading.Timer(_PATIENCE, os._exit, (1,)).start()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    os._exit(0)


def _cluster(distributed: Any, workers: int, scratch: str) -> Any:
    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        scheduler_kwargs={"dashboard": False},
        memory_limit=0,
        local_directory=scratch,
        silence_logs=_MUTE,
    )


def _obey(orders: IO[str], cluster: Any, workers: int) -> None:
    """Keep as many workers as the last order said. Each nanny replaces its own, but not one that dies as it starts."""
    wanted = [workers]
    ended = threading.Event()

    def tend() -> None:
        while not ended.wait(_TENDED):
            cluster.scale(wanted[0])

    threading.Thread(target=tend, daemon=True).start()
    for line in orders:
        wanted[0] = json.loads(line)["workers"]
        cluster.scale(wanted[0])
    ended.set()
