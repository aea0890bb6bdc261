"""Which exceptions are worth another attempt, and which count against a circuit: one rule, by the names of classes.

Names and not classes, because policies are written in notebooks and definition files, and because of an exception that
stayed behind in another process only its own name is known. A name matches a class or any of its bases, so ``OSError``
covers ``ConnectionError``. What means to end something (a cancellation, an interrupt, ``SystemExit``) never matches,
whatever the policy says.

Command definitions in the wild have words of their own in ``retryableErrors``, ``timeout`` or ``rate_limit``: those
mean the classes of :data:`_WORDS`, however they are spelt (``rate-limit``, ``network_error``). What is written as
Python writes a class is a class and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Collection

NEVER = frozenset({"CancelledError", "KeyboardInterrupt", "SystemExit", "GeneratorExit", "Stopped"})
"""Classes of what was ended on purpose, and did not fail."""
_LONGEST = 200
_WORDS = {
    "timeout": ("TimeoutError", "NodeTimeout", "AgentTimeout", "LockTimeout"),
    "network": ("ConnectionError", "ServiceUnreachable", "AnswerBroken"),
    "connection": ("ConnectionError", "ServiceUnreachable", "AnswerBroken"),
    "ratelimit": ("RateLimited", "RateLimitError"),
    "server": ("ServiceError",),
    "serviceunavailable": ("ServiceError",),
}
"""What words for failures mean, written small, without hyphens and without ``error`` at their end."""


def class_names(error: BaseException | None) -> frozenset[str]:
    """Names of an exception's class and of all its bases."""
    return frozenset(base.__name__ for base in type(error).__mro__) if error is not None else frozenset()


def matches(names: Collection[str], on: tuple[str, ...] | str | None) -> bool:
    """Say whether an exception of these classes is one that a policy means.

    Parameters
    ----------
    names
        The exception's class and its bases.
    on
        The policy's: which names are meant; ``None``: any.

    Examples
    --------
    >>> matches(class_names(ConnectionError()), ("OSError",)), matches(class_names(ValueError()), ("OSError",))
    (True, False)
    >>> matches(class_names(KeyboardInterrupt()), None)
    False
    >>> matches(class_names(TimeoutError()), ("rate_limit", "timeout"))
    True
    """
    return NEVER.isdisjoint(names) and (on is None or any(_is_meant(name, names) for name in on))


def _is_meant(name: str, names: Collection[str]) -> bool:
    if name in names or (name[:1].isupper() and name.isidentifier()):  # what is written like a class is one
        return name in names
    word = re.sub(r"[\W_]", "", name.lower()).removesuffix("error")
    return any(known in names for known in _WORDS.get(word, ()))


def ended_on_purpose(error: BaseException) -> bool:
    """Say whether an exception says that somebody ended the call, and nothing about what was called.

    Examples
    --------
    >>> ended_on_purpose(GeneratorExit()), ended_on_purpose(TimeoutError())
    (True, False)
    """
    return not isinstance(error, Exception) or not NEVER.isdisjoint(class_names(error))


def in_words(error: BaseException) -> str:
    """Say in one short line what an exception is; never raises, whatever its class does.

    Examples
    --------
    >>> in_words(ConnectionError("refused"))
    'ConnectionError: refused'
    """
    try:
        first = str(error).strip().partition("\n")[0]
    except Exception:  # the class's own fault
        first = ""
    text = f"{type(error).__name__}: {first}" if first else type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
