"""What the tests of the notebook edge share: a shell in this process, and cells as nodes."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestra_nb.model import Node, NodeId
from orchestra_nb.notebook.body import run_body
from orchestra_nb.notebook.code import cell_code
from orchestra_nb.notebook.extension import load_ipython_extension, unload_ipython_extension
from orchestra_nb.notebook.routing import routing
from orchestra_nb.running.seams import Reply

from .older_kernels import older_kernels

Run = Callable[..., Reply]
_SHARED = {"parallel": "headless", "linear": "headless", "lab": "front end", "trial": "fidelity"}
"""Fixtures of a module that are costly to make, and the group of tests that share one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep on one worker what shares a kernel or a run; everything else goes to whoever is free."""
    for item in items:
        groups = {_SHARED[name] for name in getattr(item, "fixturenames", ()) if name in _SHARED}
        for group in groups:
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Kernelspecs of older ipykernels, beside that of the environment."""
    with older_kernels(tmp_path_factory.mktemp("share")):
        yield


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Any]:
    """A bare IPython shell, with whatever it did to the process undone."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    InteractiveShell.clear_instance()
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    main, hook, excepthook = sys.modules["__main__"], sys.displayhook, sys.excepthook
    made = InteractiveShell.instance(config=config, ipython_dir=str(tmp_path))
    with made.builtin_trap:
        yield made
    made.history_manager.end_session() if made.history_manager.enabled else None
    InteractiveShell.clear_instance()
    sys.modules["__main__"], sys.displayhook, sys.excepthook = main, hook, excepthook
    for name in ("display", "get_ipython", "__IPYTHON__"):
        builtins.__dict__.pop(name, None)


class Screen:
    """What a front end would have shown of one cell."""

    def __init__(self, captured: Any, result: Any) -> None:
        self.result = result.result
        self.error = result.error_before_exec or result.error_in_exec
        self.plain = [
            output.data["text/plain"]
            for output in captured.outputs
            if not output.update and "text/plain" in output.data
        ]
        self.updates = [output.data["text/plain"] for output in captured.outputs if output.update]
        self.stdout: str = captured.stdout


@pytest.fixture
def cell(shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Screen]]:
    """Run a cell; its error, if any, is raised."""
    from IPython.utils.capture import capture_output

    monkeypatch.chdir(tmp_path)
    for name in ("JPY_SESSION_NAME", "PAPERMILL_INPUT_PATH"):
        monkeypatch.delenv(name, raising=False)
    load_ipython_extension(shell)

    def run(source: str, fails: bool = False) -> Screen:
        with capture_output() as captured:
            result = shell.run_cell(source, store_history=True)
        screen = Screen(captured, result)
        if screen.error is not None and not fails:
            raise screen.error
        return screen

    yield run
    unload_ipython_extension(shell)


@pytest.fixture
def namespace() -> dict[str, Any]:
    """The globals of a notebook."""
    return {"__name__": "__main__"}


@pytest.fixture
def run(namespace: dict[str, Any]) -> Run:
    """Run one cell in this thread, with its output captured."""

    def run_cell(source: str, shell: Any = None, **settings: Any) -> Reply:
        settings.setdefault("metadata", {})
        node = Node(NodeId("cell-3"), kind="cell", source=source, index=2, **settings)
        with routing(shell):
            return run_body(cell_code(node), shell.user_ns if shell is not None else namespace, shell)

    return run_cell


@pytest.fixture(scope="session", autouse=True)
def _importable_in_kernels(root: Path) -> Iterator[None]:
    """Kernels find the package that is tested, wherever they work, and say nothing about how they talk."""
    with pytest.MonkeyPatch.context() as patch:
        known = os.environ.get("PYTHONPATH")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(root), *([known] if known else [])]))
        yield
