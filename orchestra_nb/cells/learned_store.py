"""What runs have taught of a notebook file, kept beside its plans until the next one.

One small file for each notebook, named by the digest of the notebook's path, in the folder of the plans
(:mod:`.plan_cache`); where there is no such folder, nothing is kept. Only digests of cells and names of variables are
in it. Failure: none. A file that is damaged teaches nothing; one from elsewhere at worst orders cells without need.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from orchestra_nb.cells.learned import NOTHING_LEARNED, Learned
from orchestra_nb.cells.plan_cache import plan_folder

_FORMAT = "orchestra_nb learned 1"
_MOST_BYTES = 2**20


def place_of(notebook: Path) -> Path | None:
    """The file where what is learned of a notebook is kept; ``None`` when there is no place for it."""
    folder = plan_folder()
    if folder is None:
        return None
    return folder / f"{hashlib.sha256(os.fsencode(notebook.absolute())).hexdigest()}.learned"


def recall(place: Path | None) -> Learned:
    """Read what earlier runs have taught.

    Examples
    --------
    >>> recall(Path("nowhere.learned")) == NOTHING_LEARNED
    True
    """
    if place is None:
        return NOTHING_LEARNED
    try:
        with place.open("rb") as file:
            told = json.loads(file.read(_MOST_BYTES))
        if told["format"] != _FORMAT:
            return NOTHING_LEARNED
        return MappingProxyType({str(key): frozenset(map(str, names)) for key, names in told["cells"].items()})
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return NOTHING_LEARNED


def remember(place: Path | None, learned: Learned) -> None:
    """Keep what is known now, with what another process may have kept meanwhile."""
    if place is None:
        return
    whole = _joined(recall(place), learned)
    text = json.dumps({"format": _FORMAT, "cells": {key: sorted(names) for key, names in sorted(whole.items())}})
    if len(text) > _MOST_BYTES:
        return
    with suppress(OSError):
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".learned-", suffix=".part")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(name, place)
        finally:
            Path(name).unlink(missing_ok=True)


def _joined(one: Learned, other: Learned) -> Mapping[str, frozenset[str]]:
    return {key: one.get(key, frozenset()) | other.get(key, frozenset()) for key in {*one, *other}}
