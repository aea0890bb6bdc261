"""A front end that speaks to a real kernel as JupyterLab does: with cell ids, and cells that stay listened to."""

from __future__ import annotations

import os
import queue
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

from orchestra_nb.notebook.kernels import environment

_LOSES_WAKE_UPS = ("ipykernel-7.3.0",)
"""Before 7.4, what comes while a reply is sent lies unread until somebody connects (ipython/ipykernel#1554)."""
_NUDGE = 3.0
"""Seconds of silence after which such a kernel gets another connection."""
_STACKS = "stacks"
_STACKS_ON_REQUEST = (
    f"__import__('faulthandler').register(__import__('signal').SIGUSR1, open({_STACKS!r}, 'w'), all_threads=True)"
)


class FrontEnd:
    """Sends cells, and sorts what comes back by the cell that it is for."""

    def __init__(self, manager: Any, client: Any, folder: Path) -> None:
        self.manager = manager
        self.client = client
        self.folder = folder
        self._nudges = manager.kernel_name in _LOSES_WAKE_UPS
        self._cells: dict[str, str] = {}
        self.seen: list[tuple[str, str, Any]] = []

    def send(self, code: str, cell: str, **metadata: Any) -> str:
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
        content["user_expressions"] = {}
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell, **metadata})
        self.client.shell_channel.send(message)
        request: str = message["header"]["msg_id"]
        self._cells[request] = cell
        return request

    def begun(self, request: str, sign: str = "execute_input") -> None:
        """Wait until the kernel has begun a cell, which a message of some type shows; before, it ignores interrupts."""
        while True:
            message = self._message()
            if message["msg_type"] == sign and message["parent_header"].get("msg_id") == request:
                return

    def wait(self, request: str, interrupt_when: str = "") -> None:
        """Collect what is published until a request has been handled."""
        while True:
            message = self._message()
            if message["msg_type"] != "status":
                if interrupt_when and interrupt_when in self.seen[-1][2]:
                    interrupt_when = ""
                    self.manager.interrupt_kernel()
            elif message["content"]["execution_state"] == "idle" and message["parent_header"].get("msg_id") == request:
                return

    def _message(self) -> dict[str, Any]:
        """The next one that is published; those that show something are kept."""
        message = self._heard(self.client.get_iopub_msg, 60)
        if message is None:
            raise AssertionError(f"the kernel went silent; {self._last_words()}")
        content = message["content"]
        if message["msg_type"] != "status":
            text = content.get("text") or content.get("data", {}).get("text/plain") or content.get("evalue") or ""
            cell = self._cells.get(message["parent_header"].get("msg_id", ""), "?")
            self.seen.append((cell, message["msg_type"], text))
        return message

    def _heard(self, channel: Callable[..., dict[str, Any]], seconds: float) -> dict[str, Any] | None:
        """The next message of a channel, or None; a kernel that loses wake-ups is woken."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                return channel(timeout=min(left, _NUDGE) if self._nudges else left)
            except queue.Empty:
                if self._nudges:
                    another = self.manager.client()
                    with suppress(TimeoutError):
                        another.kernel_info(reply=True, timeout=_NUDGE)
                    another.stop_channels()
        return None

    def _last_words(self) -> str:
        """Of a kernel that says nothing any more: what its log has, and what each of its threads is doing."""
        stacks = self.folder / _STACKS
        stacks.touch()  # or it never came as far
        if alive := self.manager.is_alive():
            os.kill(self.manager.provisioner.pid, signal.SIGUSR1)
            for _ in range(100):
                if stacks.stat().st_size:
                    break
                time.sleep(0.05)
        log = (self.folder / "log").read_text()
        return f"it is {'there' if alive else 'gone'} and had said: {log}\n{stacks.read_text()}"

    def run(self, code: str, cell: str, interrupt_when: str = "", **metadata: Any) -> list[tuple[str, str, Any]]:
        """Run a cell; returns what was shown, each with its cell."""
        self.seen = []
        self.wait(self.send(code, cell, **metadata), interrupt_when)
        return [item for item in self.seen if item[1] != "execute_input"]

    def value(self, expression: str) -> str:
        found = self.run(expression, "probe")  # beside it, a run in the background shows how far it is
        own = [text for cell, kind, text in found if cell == "probe" and kind in ("execute_result", "stream", "error")]
        return str(own[-1])

    def say(self, comm: str, data: dict[str, Any], subshell: str | None = None) -> None:
        """Send a message of a widget, through a subshell where one is given."""
        message = self.client.session.msg("comm_msg", {"comm_id": comm, "data": data})
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)

    def subshell(self) -> str:
        """Make another shell of the kernel, which hears while the main one is busy."""
        message = self.client.session.msg("create_subshell_request", {})
        self.client.control_channel.send(message)
        while True:
            answer = self.client.get_control_msg(timeout=60)
            if answer["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return str(answer["content"]["subshell_id"])

    def reply(self, request: str, seconds: float = 60) -> dict[str, Any]:
        """The content of the kernel's reply to a request; fails when none comes."""
        while True:
            message = self._heard(self.client.get_shell_msg, seconds)
            if message is None:
                raise AssertionError(f"the kernel did not reply; {self._last_words()}")
            if message["parent_header"].get("msg_id") == request:
                content: dict[str, Any] = message["content"]
                return content


@contextmanager
def front_end(folder: Path, kernel: str = "python3", **variables: str) -> Iterator[FrontEnd]:
    """Start a kernel in a folder, with all channels open, and end it after the block.

    Parameters
    ----------
    folder
        Where it works, and where what it writes goes.
    kernel
        Its kernelspec.
    variables
        Of its environment, beside this process's.

    It has TCP ports, as under JupyterLab.
    """
    env = {**environment(), **variables}
    env.pop("PYTEST_CURRENT_TEST", None)  # or ipykernel leaves the file descriptors alone
    for left in (3, 2, 1, 0):
        manager: Any = KernelManager(kernel_name=kernel)
        with (folder / "log").open("w") as log:
            manager.start_kernel(cwd=str(folder), env=env, stdout=log, stderr=log)
        client = manager.blocking_client()
        client.start_channels()
        try:
            try:
                client.wait_for_ready(timeout=60)
            except (RuntimeError, ValueError) as error:
                said = (folder / "log").read_text()
                if left and ("in use" in said or "Invalid Signature" in str(error)):
                    continue  # another process has taken one of its ports
                raise AssertionError(f"{error}; the kernel said: {said}") from error
            client.execute(_STACKS_ON_REQUEST, silent=True)
            yield FrontEnd(manager, client, folder)
            return
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=not manager.is_alive())
            manager.cleanup_resources()
