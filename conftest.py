"""What everything that pytest runs gets, docstrings and notebooks too: nothing is kept in the user's cache folder."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Let every plan be a fresh one and every run the first, but in the tests of what is kept."""
    patch = pytest.MonkeyPatch()
    patch.setenv("ORCHESTRA_NB_PLAN_CACHE", "")
    patch.setenv("ORCHESTRA_NB_HISTORY", "")
    config.add_cleanup(patch.undo)
