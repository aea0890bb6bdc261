"""Files that are closed, as values: what ``with open(...) as file`` leaves in a notebook's names.

Such an object has no content any more, only a name, a mode and an encoding, and says that it is closed. So it can be
made again without touching the file. An open one cannot: where it stands in the file is shared with the system.
"""

from __future__ import annotations

import io
import os
from typing import Any

_BINARY = (io.BufferedReader, io.BufferedWriter, io.BufferedRandom)


def reduce_closed(item: Any) -> Any:
    """Give the pickled form of a closed file; ``NotImplemented`` for anything else.

    Examples
    --------
    >>> with open(os.devnull) as file:
    ...     reduce_closed(file)
    NotImplemented
    >>> make, given = reduce_closed(file)
    >>> make(*given).closed, make(*given).name == os.devnull
    (True, True)
    """
    if type(item) is io.TextIOWrapper and item.closed and type(item.buffer) in _BINARY:
        return closed_file, (item.name, item.mode, type(item.buffer).__name__, item.encoding, item.errors)
    if type(item) in _BINARY and item.closed and type(item.raw) is io.FileIO:
        return closed_file, (item.name, item.mode, type(item).__name__, None, None)
    return NotImplemented


def closed_file(name: Any, mode: str, kind: str, encoding: str | None, errors: str | None) -> Any:
    """Make a closed file; nothing is opened under that name."""
    raw: Any = io.FileIO(os.devnull, _raw_mode(mode))
    raw.name = name
    binary = next(each for each in _BINARY if each.__name__ == kind)(raw)
    if encoding is None:
        binary.close()
        return binary
    text: Any = io.TextIOWrapper(binary, encoding=encoding, errors=errors)
    text.mode = mode
    text.close()
    return text


def _raw_mode(mode: str) -> str:
    """Say how the raw file was opened; one that had to be new is there now."""
    return mode.replace("t", "").replace("b", "").replace("U", "r").replace("x", "w")
