"""Names and durations as a reader sees them: what :mod:`orchestra_nb.wording` says, under the display's own name."""

from __future__ import annotations

from orchestra_nb.wording import clean, count, duration, short, size

__all__ = ["clean", "count", "duration", "short", "size"]
