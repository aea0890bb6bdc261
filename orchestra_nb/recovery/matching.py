"""Which exceptions are worth another attempt, and which count against a circuit: one rule, by the names of classes.

Names and not classes, because policies are written in notebooks and definition files, and because of an exception that
stayed behind in another process only its own name is known. A name matches a class or any of its bases, so ``OSError``
covers ``ConnectionError``. Beside names there are the usual words of definition files, such as ``rate_limit``, and the
numbers of a server's answers, such as ``503``: :mod:`.error_words` has them. What means to end something (a
cancellation, an interrupt, ``SystemExit``) never matches, whatever the policy says.
"""

from __future__ import annotations

from collections.abc import Collection

from orchestra_nb.recovery.error_words import meaning, said_by

NEVER = frozenset({"CancelledError", "KeyboardInterrupt", "SystemExit", "GeneratorExit", "Stopped"})
"""Classes of what was ended on purpose, and did not fail."""
_LONGEST = 200


def class_names(error: BaseException | None) -> frozenset[str]:
    """Names of an exception's class and of all its bases, and what it says of itself beside (a status, a code)."""
    if error is None:
        return frozenset()
    return frozenset(base.__name__ for base in type(error).__mro__) | said_by(error)


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
    >>> matches(class_names(KeyboardInterrupt()), None), matches({"ReadTimeout"}, ("timeout",))
    (False, True)
    """
    return NEVER.isdisjoint(names) and (on is None or any(not meaning(name).isdisjoint(names) for name in on))


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
