"""How long a service asked to be left alone: ``Retry-After``, where an error carries it (RFC 9110, section 10.2.3).

Looked for, in this order: ``error.retry_after`` in seconds, which our own
:class:`~orchestra_nb.errors.CircuitOpenError` has too; the header in ``error.response.headers``, as httpx, requests
and the clients built on them have it; the header in ``error.headers``, as urllib's ``HTTPError`` has it. The header is
either seconds or a date, and a date is compared with the wall clock. What cannot be read says nothing: an error must
never hide behind another one about its header.
"""

from __future__ import annotations

import math
from datetime import UTC
from email.utils import parsedate_to_datetime


def retry_after(error: BaseException, wall: float) -> float | None:
    """Read how many seconds to wait before the next attempt.

    Parameters
    ----------
    error
        What the call raised.
    wall
        Seconds since the epoch, now.

    Returns
    -------
    float or None
        Zero or more; ``None``: it does not say.

    Examples
    --------
    >>> error = ConnectionError("too many requests")
    >>> error.headers = {"Retry-After": "Thu, 01 Jan 1970 00:02:00 GMT"}
    >>> retry_after(error, wall=90.0)
    30.0
    """
    try:
        told = getattr(error, "retry_after", None)
        if told is None:
            told = _header(error)
        return _seconds(told, wall)
    except Exception:  # an attribute that raises, headers that are none
        return None


def _header(error: BaseException) -> object:
    for carrier in (getattr(error, "response", None), error):
        headers = getattr(carrier, "headers", None)
        for name in ("Retry-After", "retry-after"):  # a plain mapping does not know that case does not matter
            if headers is not None and (told := headers.get(name)) is not None:
                return told
    return None


def _seconds(told: object, wall: float) -> float | None:
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        return None
    try:
        seconds = float(told)
    except ValueError:
        assert isinstance(told, str)
        date = parsedate_to_datetime(told.strip())
        seconds = max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - wall)
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
