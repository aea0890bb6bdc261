"""What the value of a knob may be: one clear error, which names the knob, for everything else."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from orchestra_nb.errors import ConfigError, nearest


def one_of(knob: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse what is not among the words of a knob."""
    if value not in allowed:
        raise ConfigError(f"{knob}={value!r} is not one of {', '.join(allowed)}; {nearest(str(value), allowed)}")


def positive(knob: str, value: float | None) -> None:
    """Refuse what is no positive, finite number; ``None`` is fine."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= sys.float_info.max:
        raise ConfigError(f"{knob}={value!r} must be a positive, finite number")


def between(knob: str, value: float, least: float, most: float) -> None:
    """Refuse what is no number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ConfigError(f"{knob}={value!r} must be a number from {least:g} to {most:g}")


def whole(knob: str, value: object, least: int = 1) -> None:
    """Refuse what is no whole number, or too small."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{knob}={value!r} must be a whole number from {least}")


def whole_seed(value: int) -> None:
    """Refuse what is no whole number that chance can begin with."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"seed={value!r} must be a whole number")


def class_names(given: Iterable[str] | str | None) -> tuple[str, ...] | None:
    """Read the names of exception classes in ``on``."""
    if given is None or isinstance(given, str):
        return given if given is None else (given,)
    names = tuple(given) if isinstance(given, Iterable) else (given,)
    if not all(isinstance(name, str) and name for name in names):
        raise ConfigError(f"on={given!r} must be names of exception classes, such as 'OSError'")
    return names
