"""Values of an exported cache that only pickle can write: read where the user has allowed it, and nowhere else.

Reading a pickle runs code that its author chose. So the module that reads exports (:mod:`.portable`) does not know
pickle, and loads this one only when its caller said ``allow_pickle=True``.
"""

from __future__ import annotations

import pickle
from base64 import b64decode, b64encode
from typing import Any


def written(value: Any) -> str:
    """Write a value as text; raises whatever its class raises."""
    return b64encode(pickle.dumps(value, 5)).decode("ascii")


def read(text: str) -> Any:
    """Read such a text; raises whatever stands in it.

    Examples
    --------
    >>> read(written({1, 2}))
    {1, 2}
    """
    return pickle.loads(b64decode(text, validate=True))
