"""What is said to a kernel, and when: on one that only writes down what it is asked."""

from __future__ import annotations

import queue
from pathlib import Path
from typing import Any

from orchestra_nb.notebook import kernels
from orchestra_nb.notebook.kernels import Kernel


class AsleepUntilAsked:
    """Leaves a request unread until somebody connects, as ipykernel 7.0 to 7.3 may do; then runs it."""

    def __init__(self, quiet_while_it_runs: int) -> None:
        self.asked: list[str] = []
        self._told: list[str] = []
        self._quiet = quiet_while_it_runs

    def execute(self, code: str, **_: Any) -> str:
        self.asked.append(code)
        return "the request"

    def client(self) -> AsleepUntilAsked:
        self.asked.append("connected")
        return self

    def stop_channels(self) -> None:
        self.asked.append("and gone")

    def kernel_info(self, reply: bool, timeout: float) -> None:
        self.asked.append("kernel_info")
        if not self._told:
            self._told = ["idle", *[""] * self._quiet, "busy"]

    def get_iopub_msg(self, timeout: float) -> dict[str, Any]:
        state = self._told.pop() if self._told else ""
        if not state:
            raise queue.Empty
        return self._about({"execution_state": state})

    def get_shell_msg(self, timeout: float) -> dict[str, Any]:
        return self._about({"status": "ok"})

    @staticmethod
    def _about(content: dict[str, Any]) -> dict[str, Any]:
        return {"parent_header": {"msg_id": "the request"}, "msg_type": "status", "content": content}

    def is_alive(self) -> bool:
        return True


def test_a_kernel_that_does_not_begin_is_asked_again_and_one_that_is_busy_is_left_alone(tmp_path: Path) -> None:
    heard: list[Any] = []
    client = AsleepUntilAsked(quiet_while_it_runs=7)
    Kernel(client, client, tmp_path / "log").execute("x = 1", heard.append)
    assert client.asked == ["x = 1", "connected", "kernel_info", "and gone"]
    assert [message["content"]["execution_state"] for message in heard] == ["busy"]
    assert kernels._POLL < 1  # so long it may take until it is asked
