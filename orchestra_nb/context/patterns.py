"""Which keys a pattern means, in bounded time.

Three kinds: a text is a glob (``*``, ``?``, ``[a-z]``) that the whole key must match, upper and lower case apart; an
``re.Pattern`` is searched for in the key; a function is asked about each key.

The danger is a regular expression such as ``(a+)+$``: Python's matcher tries one way after another, their number may be
exponential in the length of a key, and it holds the interpreter's lock meanwhile, so that no thread could stop it.
Running it outside of our locks would still stop the process. So its ways are counted before it runs: :func:`ways` walks
the parsed expression and bounds how many ways it can match from one place in a text of the longest key's length
(literals have one way; alternatives add up, unless their first characters differ; parts in a row multiply; a repetition
of something with more than one way has that number to the power of its rounds). If the bound times the places to begin
is above :data:`MOST_STEPS`, which take some 50 ms, the pattern is refused before anything changes. Besides, all keys
together get :data:`PATIENCE` seconds of this thread's own processor time, and a little more for each key. Globs need no
bound: the expressions that :func:`fnmatch.translate` makes of them never go back over a star.

Rejected: a timer (only the main thread can have one, and only on some systems), another process (slower than all the
rest of an invalidation), an own linear matcher (a second dialect, and slow in Python). The bound is on the safe side:
it refuses some harmless expressions too, mostly a repetition of a repetition. A glob or a function says the same.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

from orchestra_nb.errors import CacheError

Pattern = str | re.Pattern[str] | Callable[[str], object]

MOST_STEPS = 1_000_000
MOST_CHARACTERS = 10_000
PATIENCE = 0.1
_PER_KEY = 5e-6


def matching(pattern: Pattern, keys: Iterable[str]) -> list[str]:
    """Find the keys that a pattern means.

    Raises
    ------
    CacheError
        It is none of the three kinds, or it could take too long.

    Examples
    --------
    >>> matching("user:*", ["user:1", "group:1"])
    ['user:1']
    >>> matching(re.compile(r":[12]$"), ["user:1", "user:3"])
    ['user:1']
    >>> matching(re.compile("(a+)+$"), ["a" * 40 + "b"])
    Traceback (most recent call last):
    orchestra_nb.errors.CacheError: pattern '(a+)+$' may try more than 1,000,000 ways on a key of 41 characters; ...
    """
    all_keys = list(keys)
    if isinstance(pattern, str):
        _check_length(pattern)
        found = re.compile(translate(pattern)).match
        return [key for key in all_keys if found(key)]
    if isinstance(pattern, re.Pattern):
        return _searched(pattern, all_keys)
    if callable(pattern):
        return [key for key in all_keys if pattern(key)]
    raise CacheError(
        f"pattern {pattern!r} is a {type(pattern).__name__}; give a glob such as 'user:*', re.compile(...), or a "
        "function of a key"
    )


def _check_length(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise CacheError(f"a pattern of {len(text):,} characters is longer than {MOST_CHARACTERS:,}; give a function")


def _searched(pattern: re.Pattern[str], keys: Sequence[str]) -> list[str]:
    if not isinstance(pattern.pattern, str):
        raise CacheError(f"pattern {pattern.pattern!r} is of bytes, and keys are texts; leave the b away")
    _check_length(pattern.pattern)
    longest = max(map(len, keys), default=0)
    hint = "give a glob such as 'user:*', or a function of a key"
    try:
        steps = (longest + 1) * ways(pattern, longest)
    except RecursionError:
        steps = MOST_STEPS + 1
    if steps > MOST_STEPS:
        raise CacheError(
            f"pattern {pattern.pattern!r} may try more than {MOST_STEPS:,} ways on a key of {longest} characters; "
            f"{hint}"
        )
    found = []
    ends = time.thread_time() + PATIENCE + _PER_KEY * len(keys)
    for key in keys:
        if pattern.search(key):
            found.append(key)
        if time.thread_time() > ends:
            raise CacheError(f"pattern {pattern.pattern!r} takes too long on {len(keys):,} keys; {hint}")
    return found


def ways(pattern: re.Pattern[str], length: int) -> int:
    """Bound how many ways a pattern can match from one place in a text; large numbers are cut.

    Examples
    --------
    >>> ways(re.compile("user:[0-9]"), 10), ways(re.compile("a*b*"), 10), ways(re.compile("(foo|bar)*"), 10)
    (1, 144, 12)
    """
    return _sequence(_parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG), length)


_ONE = frozenset(
    {
        *(_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN, _constants.AT),
        *(_constants.GROUPREF, _constants.FAILURE),
    }
)
_REPEATS = frozenset({_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT})


def _sequence(parts: Iterable[Any], length: int) -> int:
    product = 1
    for name, about in parts:
        product = min(product * _part(name, about, length), 10 * MOST_STEPS)
    return product


def _part(name: Any, about: Any, length: int) -> int:
    if name in _ONE:
        return 1
    if name in _REPEATS:
        return _repeat(about, length)
    if name is _constants.SUBPATTERN:
        return _sequence(about[-1], length)
    if name is _constants.ATOMIC_GROUP:
        return _sequence(about, length)
    if name is _constants.BRANCH:
        counts = [_sequence(each, length) for each in about[1]]
        return max(counts) if _begin_differently(about[1]) else sum(counts)
    if name in (_constants.ASSERT, _constants.ASSERT_NOT):
        return _sequence(about[1], length)
    if name is _constants.GROUPREF_EXISTS:
        return sum(_sequence(each, length) for each in about[1:] if each is not None)
    return 10 * MOST_STEPS


def _repeat(about: Any, length: int) -> int:
    least, most, body = about
    rounds = min(int(most), length + 1)
    each = _sequence(body, length)
    if each == 1:
        return max(rounds - min(int(least), rounds), 0) + 1
    total = 1
    for _ in range(rounds):
        total = total * each + 1
        if total > MOST_STEPS:
            break
    return total


def _begin_differently(branches: Sequence[Any]) -> bool:
    firsts = set()
    for each in branches:
        if not len(each) or each[0][0] is not _constants.LITERAL:
            return False
        firsts.add(chr(each[0][1]).casefold())
    return len(firsts) == len(branches)
