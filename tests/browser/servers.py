"""JupyterLab and Notebook 7 on loopback, in folders of their own, so that nothing of the user's leaks in.

One server of each kind serves the whole session. Both are started at once by whoever asks for the first page, because
half of the time that one needs is waiting for its disk. What the kernels find is what the tests' own interpreter finds:
its folder stands first in ``PATH``.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    # news would cover a corner of the page
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    # every cell is in the page, wherever it is scrolled to
    "notebook-extension/tracker": {"windowingMode": "none"},
}
_PLACES = {
    "HOME": "", "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "run",
    "IPYTHONDIR": "ipython", "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
}  # fmt: skip
_COMMON = (
    "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0",
    "--IdentityProvider.token=", "--ServerApp.password=", "--ServerApp.disable_check_xsrf=True",
)  # fmt: skip


@dataclass(frozen=True)
class Front:
    """A front end: the module that starts it, whose flag gives scripts its commands, where it shows a notebook."""

    module: str
    app: str
    address: str

    @property
    def flags(self) -> tuple[str, ...]:
        news = ("news_url=None", "check_for_updates_class=jupyterlab.NeverCheckForUpdate", "extension_manager=readonly")
        return (f"--{self.app}.expose_app_in_browser=True", *(f"--LabApp.{flag}" for flag in news))


LAB = Front("jupyterlab", "LabApp", "lab/tree/{}?reset")
NOTEBOOK = Front("notebook", "JupyterNotebookApp", "notebooks/{}")


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    front: Front
    address: str
    folder: Path

    def page(self, name: str) -> str:
        """The address at which a notebook is shown."""
        return f"{self.address}/{self.front.address.format(name)}"

    def sessions(self, name: str) -> list[dict[str, Any]]:
        """The sessions of a notebook."""
        return [one for one in self.answers("api/sessions") or () if one["path"] == name]

    def end(self, name: str) -> None:
        """End the kernels of a notebook."""
        for one in self.sessions(name):
            request = urllib.request.Request(f"{self.address}/api/sessions/{one['id']}", method="DELETE")
            with urllib.request.urlopen(request, timeout=20):
                pass

    def answers(self, path: str) -> Any:
        """What the server says in JSON, or None while it does not."""
        try:
            with urllib.request.urlopen(f"{self.address}/{path}", timeout=5) as reply:
                return json.load(reply)
        except OSError:
            return None


def wait_for(claim: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Ask until the answer is true; the waiting is the server's or the browser's, never an order of threads."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = claim()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for {what}")


@contextmanager
def serving(front: Front, folder: Path, state: Path, extra: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Start a server for the notebooks of a folder; what it writes of its own is under ``state``."""
    for name, settings in _SETTINGS.items():
        path = state / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(settings))
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    places = {name: str(state / part) for name, part in _PLACES.items()}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", front.module, *_COMMON, *front.flags,
               f"--ServerApp.port={port}", f"--ServerApp.root_dir={folder}"]  # fmt: skip
    log = state / "server.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            command,
            env={**os.environ, **places, "PATH": search, **(extra or {})},
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(front, f"http://127.0.0.1:{port}", folder)

    def up() -> Any:
        assert process.poll() is None, log.read_text()[-3000:]
        return server.answers("api/status")

    try:
        wait_for(up, f"{front.module} to start", 120)
        yield server
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
