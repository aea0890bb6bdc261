"""Pictures of what the browser shows, for whoever wants to look.

Those under ``tests/screenshots`` are part of the repository, and the README shows some of them; they are renewed by
``ORCHESTRA_NB_SCREENSHOTS=1``. Without it they go to ``build/screenshots``: times and ids differ from run to run, and a
test leaves no traces among what is under version control.
"""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

_ROOT = Path(__file__).parents[2]
KEPT = _ROOT / "tests" / "screenshots"
MOST = 250_000
"""Bytes of one picture."""


def keep(name: str, png: bytes) -> Path:
    """Store a picture with a palette of its own, which takes a third of the room, and say where."""
    from PIL import Image

    folder = KEPT if os.environ.get("ORCHESTRA_NB_SCREENSHOTS") else _ROOT / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    made = BytesIO()
    with Image.open(BytesIO(png)) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(made, "PNG", optimize=True)
    assert made.tell() <= MOST, f"{path.name} has {made.tell():,} bytes"
    path.write_bytes(made.getvalue())
    return path
