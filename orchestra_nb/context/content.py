"""A digest of any value by its content: a key of the cache, the same in every process, and never that of another value.

Promise: equal content, equal digest, whatever ``PYTHONHASHSEED`` says; and what a program could tell apart, by type, by
value or by changing it, has unequal digests, or none at all (:class:`UnhashableContent`). A wrong hit is a wrong
result and a miss only costs time, so wherever the two pull apart, it is a miss:

* The order of a dict counts, for a loop over it can tell; that of a set does not. Numbers count by type and by bits:
  ``1``, ``1.0``, ``True`` and ``numpy.int64(1)`` differ, so do ``0.0`` and ``-0.0``; a NaN is what its bits are.
* Sharing counts for what can change: ``[a, a]`` is not ``[a, copy(a)]``, as an append to the first shows up twice.
  Things that can change are numbered in the order in which they are met, and one that is met again is its number: so
  what contains itself has an end. What cannot change (numbers, texts, tuples, dates, functions, ...) has no identity;
  Python itself merges equal constants as it likes. That two arrays share memory does not count: a view and its copy
  have one digest. Nor do memory order (C or Fortran) and how a frame keeps its columns: they are not content.
* An object is its class by qualified name and what pickle would take with it; the class's code counts as well where it
  is the notebook's own. Beyond ``__reduce_ex__``, ``__getstate__`` and their like, none of the value's own code runs.
  So what an object computes once and keeps counts from then on, as it is part of its state: that costs a miss.

Scheme (version ``c1``): a value becomes a short row of bytes that ends where it says. Atoms, and lists, tuples and
dicts of nothing but atoms, are what :mod:`marshal` (version 2: no references, binary floats) writes, which is exact for
them and ten times faster than any loop; it is never handed anything else, because it writes every buffer as if it were
bytes. So is a whole tree of them in which nothing else occurs and nothing is shared (:mod:`.plain`). In other
containers each child that is no atom leaves a hole, and its row follows; long ones go slice by slice (:mod:`.packing`).
Everything else is a name and simpler values (:mod:`.parts`). A set is the sorted rows of its elements; where those hold
things with an identity, see :mod:`.unordered`. A row longer than 64 bytes is replaced by its SHA-256, and by a tree of
them where it is long (:mod:`.merkle`); so the whole is one tree of hashes.

The loop over everything is :mod:`.walking`; whatever can be decided for a whole container in C is.

Rejected: pickle's bytes (they depend on which equal strings are one object, and on salted order), ``joblib.hash`` (the
same, and for nested dicts 12 times slower), ``repr``, canonical JSON (no types), xxhash (forgeable: one could plant a
wrong hit).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Any

from orchestra_nb.context import arrays, parts, tables
from orchestra_nb.context.code import name_of
from orchestra_nb.context.packing import ATOMS
from orchestra_nb.context.parts import CannotTell, Parts, Reader
from orchestra_nb.context.paths import UnhashableContent
from orchestra_nb.context.walking import Walk

__all__ = ["SCHEME", "UnhashableContent", "content_digest", "register_content"]

SCHEME = "c1"
"""Begins every digest; another way to read values needs another one."""
_FIXED = ATOMS | {list, tuple, dict, set, frozenset, object}
_registered: dict[type, Callable[[Any], Any]] = {}


def content_digest(value: Any) -> str:
    """Digest a value by its content.

    Parameters
    ----------
    value
        Anything; it is not changed, and must not be changed meanwhile.

    Returns
    -------
    str
        ``c1-`` (the scheme) and 64 hexadecimal digits (SHA-256).

    Raises
    ------
    UnhashableContent
        Something within has no content that could be told: a lock, an open file, a generator, ...; it names the place.

    Examples
    --------
    >>> content_digest({"a": [1, 2.0]}) == content_digest({"a": [1, 2.0]})
    True
    >>> content_digest(1) == content_digest(True), content_digest({1, 2}) == content_digest({2, 1})
    (False, True)
    >>> import threading
    >>> content_digest({"model": [threading.Lock()]})
    Traceback (most recent call last):
        ...
    orchestra_nb.context.paths.UnhashableContent: value['model'][0]: a _thread.lock has no content to be told: it cannot
    be pickled (TypeError: cannot pickle '_thread.lock' object); leave it out of the value, or say what counts:
    register_content(lock, fn)
    """
    return f"{SCHEME}-{sha256(SCHEME.encode() + Walk(_reader_of).whole(value)).hexdigest()}"


def register_content(cls: type, fn: Callable[[Any], Any]) -> None:
    """Say what counts about the values of a class and of what derives from it, before anything else is asked.

    Parameters
    ----------
    cls
        The class. Of a value's classes, the nearest that is registered counts. Registering one again replaces it.
    fn
        Takes a value and returns something that stands for its content, and that has a digest itself.

    Raises
    ------
    TypeError
        It is one of Python's own numbers, texts or containers, whose content is what it is.

    Examples
    --------
    >>> class Client:
    ...     def __init__(self, url):
    ...         self.url, self.connection = url, (part for part in url)
    >>> register_content(Client, lambda client: client.url)
    >>> content_digest(Client("a")) == content_digest(Client("a"))
    True
    >>> content_digest(Client("a")) == content_digest(Client("b"))
    False
    """
    if not isinstance(cls, type) or cls in _FIXED:
        raise TypeError(f"the content of {cls!r} is fixed; register a class of your own")
    _registered[cls] = fn


def _reader_of(cls: type) -> Reader:
    """Find who reads the values of a class: what was registered, then what knows the class, then pickle's way."""
    for base in cls.__mro__:
        if base in _registered:
            return partial(_by_hook, _registered[base])
    return arrays.reader_of(cls) or tables.reader_of(cls) or parts.reader_of(cls)


def _by_hook(fn: Callable[[Any], Any], value: Any) -> Parts:
    content = fn(value)
    if content is value:
        raise CannotTell("what is registered for it returns the value itself, and not something that stands for it")
    return Parts(f"registered {name_of(type(value))}", (content,))
