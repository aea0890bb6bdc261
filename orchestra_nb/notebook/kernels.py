"""Kernels for headless runs: which one, where, and that it always ends.

The notebook's own kernelspec when it is installed, else this interpreter; in the notebook's folder; with this
process's module search path made absolute, since the kernel works elsewhere. What the kernel's process writes to its
own standard streams goes to a file: ours are not its to write to, and a kernel that dies can be quoted.

We talk to it through sockets in a private folder, where there are such. A kernel is told its TCP ports before it opens
them: by then another process may have taken one, and the kernel dies, or its client hears somebody else's.

Failure: a kernel that does not start, dies or cannot do what it is asked is a
:class:`~orchestra_nb.errors.BackendError`, found within a second by looking at the process; nothing waits for an
answer that cannot come.
"""

from __future__ import annotations

import os
import queue
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestra_nb.errors import BackendError

if TYPE_CHECKING:
    from traitlets.config import Config

_READY = 60.0
"""Seconds that a kernel may take to start."""
_STOPPING = 15.0
"""Seconds that an interrupted run may take to end before its kernel is given up."""
_POLL = 0.5
_NUDGE = 1.0
"""Seconds that a connection is kept for, which only is to wake a kernel."""
_LONGEST_SOCKET = 90
"""Bytes of a path that leave room for a number behind it, on every system that has such sockets."""
Message = Mapping[str, Any]


class Kernel:
    """A running kernel and its client. Made by :func:`kernel`."""

    def __init__(self, manager: Any, client: Any, log: Path) -> None:
        self._manager = manager
        self._client = client
        self._log = log
        self.interrupted = False

    def execute(self, code: str, listen: Callable[[Message], object]) -> None:
        """Have the kernel run some code, without history; returns when it is idle again.

        An interrupt of this process is passed on to the kernel, once; the second one is raised here.

        Parameters
        ----------
        code
            What to run.
        listen
            Called with each message that the code publishes.

        Raises
        ------
        BackendError
            The kernel died, or the code raised.
        """
        asked = self._client.execute(code, store_history=False, allow_stdin=False)
        deadline, begun = float("inf"), False
        while time.monotonic() < deadline:
            try:
                message = self._next()
                if message is None and not begun:
                    self._nudge()
                if message is None or message["parent_header"].get("msg_id") != asked:
                    continue
                begun = True
                if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                    self._check(asked)
                    return
                listen(message)
            except KeyboardInterrupt:
                if self.interrupted:
                    raise
                self.interrupted = True
                self._manager.interrupt_kernel()
                deadline = time.monotonic() + _STOPPING

    def _nudge(self) -> None:
        """Connect once more, which wakes a kernel that overlooked our request.

        From ipykernel 7.0 to 7.3 one that arrives while a reply is sent (such as that to our asking whether the kernel
        is ready) lies unread until the next connection, and no other request helps (ipython/ipykernel#1554).
        """
        another = self._manager.client()
        try:
            with suppress(TimeoutError):  # a busy one answers later; until then the connection must stand
                another.kernel_info(reply=True, timeout=_NUDGE)
        finally:  # also when the user interrupts meanwhile
            another.stop_channels()

    def _next(self) -> Message | None:
        try:
            message: Message = self._client.get_iopub_msg(timeout=_POLL)
            return message
        except queue.Empty:
            if not self._manager.is_alive():
                raise BackendError(f"the kernel died{self.last_words()}") from None
            return None

    def _check(self, asked: str) -> None:
        """Look at the reply: the code is ours, and never raises unless the kernel cannot run it at all."""
        while True:
            try:
                reply = self._client.get_shell_msg(timeout=_READY)
            except queue.Empty:
                raise BackendError(f"the kernel does not answer{self.last_words()}") from None
            if reply["parent_header"].get("msg_id") == asked:
                break
        content = reply["content"]
        if content["status"] != "ok" and not self.interrupted:
            text = f"{content.get('ename', content['status'])}: {content.get('evalue', '')}"
            hint = "; install orchestra_nb in the kernel's environment" if "ModuleNotFound" in text else ""
            raise BackendError(f"the kernel could not run the notebook: {text}{hint}")

    def last_words(self) -> str:
        """The end of what its process wrote, as part of a sentence; empty when it wrote nothing."""
        lines = [line for line in _text(self._log).splitlines() if line.strip() and "without encryption" not in line]
        return ": " + " | ".join(lines[-3:]) if lines else ""


@contextmanager
def kernel(name: str, folder: Path) -> Iterator[Kernel]:
    """Start a kernel and end it after the block, whatever happened there.

    Parameters
    ----------
    name
        Of an installed kernelspec.
    folder
        Where it works.

    Raises
    ------
    BackendError
        It does not start.
    """
    from jupyter_client.manager import KernelManager

    with tempfile.TemporaryDirectory(prefix="orchestra-", ignore_cleanup_errors=True) as private:
        log = Path(private, "log")
        manager = KernelManager(kernel_name=name, config=private_sockets(private))
        with log.open("w") as file:
            try:
                manager.start_kernel(cwd=str(folder), env=environment(), stdout=file, stderr=file)
            except Exception as error:
                raise BackendError(f"the kernel {name!r} does not start: {error}") from error
            client = manager.blocking_client()
            running = Kernel(manager, client, log)
            try:
                client.start_channels()
                _wait(client, running)
                yield running
            finally:
                client.stop_channels()
                manager.shutdown_kernel(now=not manager.is_alive())
                manager.cleanup_resources()


def private_sockets(folder: str | Path) -> Config:
    """Make a configuration for what starts kernels: it talks to them through sockets in a folder of this user's own.

    Parameters
    ----------
    folder
        Where; its path has to be short. Where it is not, or the system has no such sockets, the kernel has TCP ports.
    """
    from traitlets.config import Config

    config = Config()
    socket = os.path.join(folder, "socket")
    if hasattr(signal, "SIGKILL") and len(os.fsencode(socket)) <= _LONGEST_SOCKET:
        config.KernelManager.transport = "ipc"
        config.KernelManager.ip = socket
    return config


def _wait(client: Any, running: Kernel) -> None:
    try:
        client.wait_for_ready(timeout=_READY)
    except RuntimeError as error:
        raise BackendError(f"the kernel does not start: {error}{running.last_words()}") from None


def kernel_name(metadata: Mapping[str, Any]) -> str:
    """The kernelspec to use: the notebook's own if it is installed, else this interpreter's.

    Parameters
    ----------
    metadata
        The notebook's.

    Examples
    --------
    >>> kernel_name({"kernelspec": {"name": "surely-not-installed"}})
    'python3'
    """
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    name = str(metadata.get("kernelspec", {}).get("name", "python3"))
    try:
        KernelSpecManager().get_kernel_spec(name)
    except NoSuchKernel:
        return "python3"
    return name


def environment() -> dict[str, str]:
    """Copy the environment: with one order of sets, and a module search path that means the same elsewhere."""
    own = dict(os.environ)
    own.setdefault("PYTHONHASHSEED", "0")  # a set of texts then has one order: in every run, and in every worker
    if own.get("PYTHONPATH"):
        own["PYTHONPATH"] = os.pathsep.join(os.path.abspath(part) for part in own["PYTHONPATH"].split(os.pathsep))
    return own


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
