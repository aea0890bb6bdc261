"""Names and durations as a reader sees them.

Policy: whatever text comes from a user (names, paths, error messages) passes :func:`clean` before it is drawn or
printed, so that no control character reaches a terminal, an XML parser or ``dot``, and no bidirectional override lets
a name pretend to be another. Escaping for HTML, SVG and DOT is a second step and the business of each form.
"""

from __future__ import annotations

import math
import re

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_SPACE = re.compile(r"[\t\n\r\u2028\u2029]+")
_MOST = 32
_LONG = 2_000
"""Characters of white space that a text which is cut may begin with; what is beyond need not be looked at."""


def clean(text: object) -> str:
    """Make text harmless to show: one line, no control characters.

    Examples
    --------
    >>> clean("a" + chr(27) + "[31m" + chr(10) + "b")
    'a\ufffd[31m b'
    """
    return _UNSEEN.sub("\ufffd", _SPACE.sub(" ", str(text)))


def short(text: object, most: int = _MOST) -> str:
    """Clean a text and cut it at ``most`` characters.

    Examples
    --------
    >>> short("a rather long name", 10)
    'a rather …'
    """
    whole = str(text)
    shown = clean(whole[: most + _LONG])  # an error can have megabytes, of which a line is shown
    if len(whole) > most + _LONG:
        return shown[: most - 1] + "…"
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def duration(seconds: float) -> str:
    """Say a duration; of what is no number of seconds, that nobody knows.

    Examples
    --------
    >>> duration(0.0123), duration(1.26), duration(75), duration(0)
    ('12 ms', '1.3 s', '1 min 15 s', '0 s')
    """
    if not math.isfinite(seconds):
        return "?"
    if seconds <= 0:
        return "0 s"
    if seconds < 0.001:
        return "< 1 ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def count(number: int, noun: str) -> str:
    """Count things.

    Examples
    --------
    >>> count(1, "node"), count(2000, "node")
    ('1 node', '2,000 nodes')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def size(number: float) -> str:
    """Say how many bytes something weighs: three digits, and a unit of powers of a thousand.

    Examples
    --------
    >>> size(0), size(999), size(1500), size(104_857_600)
    ('0 bytes', '999 bytes', '1.50 kB', '105 MB')
    """
    if number < 1000:
        return f"{number:.0f} bytes"
    power = next((power for power in (1, 2, 3) if number < 999.5 * 1000**power), 4)
    shown = number / 1000**power
    digits = 2 if shown < 9.995 else 1 if shown < 99.95 else 0
    return f"{shown:,.{digits}f} {('kB', 'MB', 'GB', 'TB')[power - 1]}"
