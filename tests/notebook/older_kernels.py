"""Kernelspecs for the older ipykernels that setup put beside the environment's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PINS = (ROOT / "tools" / "older_kernels.txt").read_text(encoding="utf-8").splitlines()
OLDER = tuple(pin.replace("==", "-") for pin in PINS if pin.startswith("ipykernel=="))
"""The kernelspecs' names, such as ``ipykernel-6.31.0``; the oldest first."""


@contextmanager
def older_kernels(share: Path) -> Iterator[None]:
    """Make them known in the block, by specs in a folder."""
    subprocess.run(["sh", ROOT / "tools" / "older_kernels.sh"], check=True)
    for name in OLDER:
        package = ROOT / "build" / "older-kernels" / name.removeprefix("ipykernel-")
        spec = {
            "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": name,
            "language": "python",
            "env": {"PYTHONPATH": os.pathsep.join([str(package), "${PYTHONPATH}"])},
        }
        place = share / "kernels" / name
        place.mkdir(parents=True)
        (place / "kernel.json").write_text(json.dumps(spec))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(share))
        yield
