"""A private JupyterLab, a private Notebook 7, and a headless Chromium that sees nothing but them.

The browser is Debian's (a test tool's own download is not needed); ``tools/check.sh`` installs it where it may.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.servers import LAB, NOTEBOOK, Server, serving

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]  # fmt: skip


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the notebooks are that the servers show."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="session")
def lab(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A JupyterLab."""
    with serving(LAB, folder, tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture(scope="session")
def notebook7(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Notebook 7."""
    with serving(NOTEBOOK, folder, tmp_path_factory.mktemp("notebook")) as server:
        yield server


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    found = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    assert found, f"no browser: install one of {', '.join(_BROWSERS)}, or leave out tests/browser"
    with sync_playwright() as play:
        profile = tmp_path_factory.mktemp("profile")
        context = play.chromium.launch_persistent_context(
            str(profile), executable_path=found, headless=True, args=_FLAGS, viewport={"width": 1200, "height": 1500}
        )
        yield context
        context.close()
