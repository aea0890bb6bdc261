"""Where what is kept between runs is kept: one folder, by setting or by environment variable."""

from __future__ import annotations

import os

VARIABLE = "ORCHESTRA_NB_CACHE"
"""Names the environment variable that says in which folder results and runs are kept; empty: nowhere."""
FOLDER = os.path.join(".cache", "orchestration")


def cache_folder(told: bool | str = True, base: str = "") -> str:
    """Name the folder; empty where nothing is kept.

    Parameters
    ----------
    told
        The name of a folder; ``True``: what the environment says, else :data:`FOLDER`; ``False``: none.
    base
        The working directory; empty: this process's.
    """
    given = os.environ.get(VARIABLE) if told is True else told
    folder = FOLDER if given is None else given
    return os.path.abspath(os.path.join(base, os.path.expanduser(str(folder)))) if folder else ""
