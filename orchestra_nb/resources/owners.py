"""Whose lock it is when nobody says: the running task's, else the thread's.

Such an owner dies: a task is done, a thread ends. What it still holds then is given back at once. Of a task one hears
by its done-callback. Of a thread one hears because what is local to it is destroyed as its last act: a sentinel in
:class:`threading.local` says so from its destructor, in the dying thread, without polling. An owner that was given by
name may be used from anywhere, so nobody can know when it is dead: give such locks a lease where that matters.

A node of a run that holds something already (:mod:`.joint`) is one line of work with its body: what that asks for, in
the body's own thread or by the node's name, is the node's. So it may ask for what the node has, a circle of waits
through both is found, and what it left behind is given back when the node ends. Tasks and threads that a body starts
are somebody else, for they run side by side.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

Gone = Callable[[Hashable], object]
T = TypeVar("T")


class Owner:
    """Somebody who is known by what runs, and not by name."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __str__(self) -> str:
        return self._name

    __repr__ = __str__


class _Sentinel:
    """Dies with its thread."""

    def __init__(self, owner: Owner, gone: Gone) -> None:
        self.owner = owner
        self._gone = gone

    def __del__(self) -> None:
        self._gone(self.owner)


class Owners:
    """The owners that are alive.

    Parameters
    ----------
    gone
        Called with an owner that has ended; from any thread, and from destructors, so it must never wait.

    Examples
    --------
    >>> owners, ended = Owners(lambda owner: ended.append(str(owner))), []
    >>> thread = threading.Thread(target=owners.current, name="loader")
    >>> thread.start(); thread.join(); len(ended), ended[0].partition(" ")[0]
    (1, 'loader')
    """

    def __init__(self, gone: Gone) -> None:
        self._gone = gone
        self._here = threading.local()
        self._tasks: WeakKeyDictionary[Any, Owner] = WeakKeyDictionary()

    def current(self) -> Owner:
        """Say who asks."""
        task = _current_task()
        if task is not None:
            return self._of_task(task)
        acting = _acting.get()
        if acting is not None and acting[1:] == (threading.get_ident(), self):
            return acting[0]
        sentinel: _Sentinel | None = getattr(self._here, "sentinel", None)
        if sentinel is None:
            thread = threading.current_thread()
            sentinel = self._here.sentinel = _Sentinel(Owner(f"{thread.name} (thread {thread.ident})"), self._gone)
        return sentinel.owner

    def named(self, name: Hashable) -> Hashable:
        """Say who is meant by a name: the node that runs here, if it is called so."""
        acting = _acting.get()
        return acting[0] if acting is not None and acting[2] is self and str(acting[0]) == name else name

    def acting(self, owner: Owner, body: Callable[[], T], *, keep: bool) -> T:
        """Call a body of somebody who holds something; ``keep``: the context is the body's alone."""
        mark = _acting.set((owner, threading.get_ident(), self))
        try:
            return body()
        finally:
            if not keep:
                _acting.reset(mark)

    def _of_task(self, task: Any) -> Owner:
        owner = self._tasks.get(task)
        if owner is None:
            owner = self._tasks[task] = Owner(f"{task.get_name()} (task)")
            gone, ended = self._gone, owner
            task.add_done_callback(lambda _: gone(ended))
        return owner


_acting: ContextVar[tuple[Owner, int, Owners] | None] = ContextVar("orchestra_nb_acting", default=None)
"""Whose body runs, in which thread, and with whom it holds something."""


def _current_task() -> Any:
    """Give the task that runs in this thread; asyncio is not imported for its sake."""
    asyncio = sys.modules.get("asyncio")
    running = getattr(asyncio, "_get_running_loop", None)
    return asyncio.current_task() if asyncio is not None and running is not None and running() is not None else None
