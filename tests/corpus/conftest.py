"""What the corpus needs: kernels that find the package which is tested."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _importable_in_kernels(root: Path) -> Iterator[None]:
    """Kernels find the package that is tested, wherever they work."""
    with pytest.MonkeyPatch.context() as patch:
        known = os.environ.get("PYTHONPATH")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(root), *([known] if known else [])]))
        yield
