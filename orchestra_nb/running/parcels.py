"""A large value that was made in another process: left in a file, and brought home only as far as somebody looks.

Pickling (protocol 5) parts a value into its structure and its large buffers, which are not copied into the pickle. Both
go into one file of the run's :class:`.Shelf`, the structure too if it is large. What travels is a :class:`Parcel`: the
file's name, and where in it each buffer stands. Whoever fetches it maps the file copy-on-write, so that a gigabyte goes
from one process to the next, and home, without being copied or pickled again, and is in memory once.

Order. A worker leaves a value and sends the reference. At home it is fetched once right away, because a value that
cannot be rebuilt must be known while its node can still run elsewhere. The same object is what every node of this
process gets. The process that received the reference owns the file: it goes with :meth:`Parcel.release`, with the last
reference to the parcel (a reply that nobody waits for any more), or with the run's folders.

Failure. What cannot be pickled is a :class:`NotSendable` that names the part. Where there is no room, the value travels
in its pickle, as every small one does. Rejected: ``multiprocessing.shared_memory`` (its resource tracker removes what
another process still uses, and warns); a file for each buffer (a frame with a hundred columns is a hundred files).
"""

from __future__ import annotations

import pickle
import threading
import weakref
from collections.abc import Callable
from typing import Any

from orchestra_nb.running.pickling import NotSendable, dumps, kind_of, parted, told
from orchestra_nb.running.seams import Kept, is_kept
from orchestra_nb.running.shelf import Shelf, Span, unlink, view


class Several(dict[str, Any]):
    """Values that are kept apart from each other, by the name of the part that made them."""


class Parcel(Kept):
    """A value in a file.

    Parameters
    ----------
    path
        The file.
    spans
        Where in it the buffers stand, in the order of the pickle.
    payload
        The pickle without its buffers, or where it stands in the file.
    readonly
        Whether arrays are to be read-only.
    kind
        The name of the value's class.

    Examples
    --------
    >>> from orchestra_nb.running.shelf import Memmapping
    >>> shelf = Shelf.open(Memmapping(max_nbytes=10))
    >>> parcel = parcelled(b"more than ten bytes", shelf)
    >>> parcel.nbytes > 19, parcel.fetch()
    (True, b'more than ten bytes')
    >>> parcel.fetch() is parcel.fetch()
    True
    >>> shelf.close()
    """

    def __init__(
        self, path: str, spans: tuple[Span, ...], payload: bytes | Span, readonly: bool = False, kind: str = "object"
    ) -> None:
        self.nbytes = sum(size for _, size in spans) + (len(payload) if isinstance(payload, bytes) else payload[1])
        self.kind = kind
        self._path = path
        self._spans = spans
        self._payload = payload
        self._readonly = readonly
        self._turn = threading.Lock()
        self._here: tuple[Any] | None = None
        self._drop: Callable[[], object] = _nothing

    def __reduce__(self) -> tuple[Any, ...]:
        return Parcel, (self._path, self._spans, self._payload, self._readonly, self.kind)

    def __repr__(self) -> str:
        return f"<Parcel: {self.kind}, {self.nbytes} bytes>"

    @property
    def left(self) -> int:
        """Bytes in the file: what did not travel."""
        return self.nbytes - (len(self._payload) if isinstance(self._payload, bytes) else 0)

    def fetch(self) -> Any:
        """Map the value into this process: the same object each time.

        Raises
        ------
        Exception
            The file is gone, or whatever the value's class raised while it was rebuilt.
        """
        with self._turn:
            if self._here is None:
                self._here = (self._mapped(),)
            return self._here[0]

    def _mapped(self) -> Any:
        whole = view(self._path, self._readonly)
        if isinstance(self._payload, bytes):
            payload: bytes | memoryview = self._payload
        else:
            payload = whole[self._payload[0] : sum(self._payload)]
        return pickle.loads(payload, buffers=[whole[start : start + size] for start, size in self._spans])

    def forget(self) -> None:
        """Drop the object that :meth:`fetch` gave, as long as nobody has it; the next one makes another."""
        with self._turn:
            self._here = None

    def own(self) -> None:
        """Remove the file when this parcel goes, at the latest."""
        self._drop = drop = weakref.finalize(self, unlink, self._path)
        drop.atexit = False  # the run's folders go by themselves

    def release(self) -> None:
        """Let the value go; whoever has fetched it keeps what is mapped."""
        self.forget()
        self._drop()


class Inline(Kept):
    """A value in its pickle, which is opened with care at home. Same manners as a :class:`Parcel`."""

    __slots__ = ("nbytes", "payload")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.nbytes = len(payload)

    def fetch(self) -> Any:
        """Rebuild the value: a new object each time."""
        return pickle.loads(self.payload)

    def release(self) -> None:
        """Do nothing."""


def _nothing() -> None:
    """Own no file."""


def at_home(value: Any) -> Any:
    """Fetch what was kept elsewhere, also among several values; everything else is itself."""
    if is_kept(value):
        return value.fetch()
    if type(value) is Several:
        return {part: at_home(one) for part, one in value.items()}
    return value


def parcelled(value: Any, shelf: Shelf | None, what: str = "its result") -> Kept | Several:
    """Make a value ready to leave the process that made it.

    Parameters
    ----------
    value
        Anything, or :class:`Several`.
    shelf
        Where the large ones go, if there is such a place.
    what
        What an error is to call it.

    Raises
    ------
    NotSendable
        It does not pickle.
    """
    if type(value) is Several:
        return Several({part: parcelled(one, shelf, f"the value of its part {part!r}") for part, one in value.items()})
    try:
        parcel = _left(value, shelf) if shelf is not None else None
        return parcel if parcel is not None else Inline(dumps(value))
    except BaseException as error:  # also what a class raises in its __reduce__
        raise NotSendable(f"{what} cannot be sent between processes: {told(error)}") from error


def _left(value: Any, shelf: Shelf) -> Kept | None:
    payload, buffers = parted(value, shelf.least)
    large = len(payload) >= shelf.least
    if not buffers and not large:
        return Inline(payload)
    laid = shelf.lay([payload, *buffers] if large else buffers)
    if laid is None:
        return None if buffers else Inline(payload)
    path, spans = laid
    if large:
        return Parcel(path, spans[1:], spans[0], shelf.readonly, kind_of(value))
    return Parcel(path, spans, payload, shelf.readonly, kind_of(value))


def received(value: Any) -> tuple[Any, int]:
    """At home: own what came, and open it once; returns what to commit, and the bytes that were left in files.

    Raises
    ------
    Exception
        What could not be rebuilt; all files are released.
    """
    several = type(value) is Several
    for one in value.values() if several else (value,):
        if type(one) is Parcel:
            one.own()
    if not several:
        return _taken(value, "its result")
    taken = {part: _taken(one, f"the value of its part {part!r}") for part, one in value.items()}
    return Several({part: one for part, (one, _) in taken.items()}), sum(left for _, left in taken.values())


def _taken(value: Any, what: str) -> tuple[Any, int]:
    if type(value) not in (Inline, Parcel):
        return value, 0
    try:
        here = value.fetch()
    except BaseException as error:
        value.release()
        raise NotSendable(f"{what} could not be rebuilt from the worker process: {told(error)}") from error
    return (value, value.left) if type(value) is Parcel else (here, 0)
