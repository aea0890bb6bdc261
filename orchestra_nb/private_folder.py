"""Where this library keeps what it may lose: a folder of the user's own, which nobody else can write into.

It is in the user's cache folder, or where an environment variable says; when that is empty, there is none. It is made
private (0700), and not used when somebody else could write there. Failure: none; a place that cannot be is no folder.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path


def is_off(variable: str) -> bool:
    """Whether an environment variable says that nothing is to be kept: it is set, and empty."""
    told = os.environ.get(variable)
    return told is not None and not told.strip()


def private_folder(variable: str, name: str) -> Path | None:
    """Find a folder, made and private; ``None`` when there is no such place.

    Parameters
    ----------
    variable
        Names the environment variable that says where it is.
    name
        What it is called in the user's cache folder, where the variable is not set.
    """
    if is_off(variable):
        return None
    told = os.environ.get(variable)
    try:
        if told is None:
            from platformdirs import user_cache_path

            folder = user_cache_path("orchestra_nb", appauthor=False) / name
            if not folder.is_absolute():  # a user without a home
                return None
        else:
            folder = Path(told).expanduser()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except (OSError, RuntimeError, ValueError):
        return None
    return folder if _is_private(status) else None


def _is_private(status: os.stat_result) -> bool:
    """Whether a folder belongs to this user and nobody else can write into it; Windows has no such bits."""
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not stat.S_IMODE(status.st_mode) & 0o022)
