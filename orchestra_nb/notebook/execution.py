"""One execution of a cell's body in this process, as it is reached from outside: cancelled, or given up.

A thread cannot be ended from outside. A body that outlived its timeout, or whose run was stopped, is asked to stop
(:mod:`orchestra_nb.running.stopping`), and may go on all the same until the C code that it sits in returns. Nobody
waits for it then, later cells may be running, and what it still does must not reach them:

* what it says is dropped, for as long as its thread is in the body, also after the run: the routers stay until then;
* no further statement of it begins;
* a cell that has a ``timeout`` of its own binds no name any more, not even in the statement in which it is
  (``x = a @ b``): it runs with :class:`Names` as its locals, through which all its bindings pass.

With :class:`Names` a cell runs as with one dictionary, except for code that looks at the locals themselves
(:func:`looks_at_locals`), which therefore keeps the plain way. What binds the notebook's names from elsewhere passes by
them: a ``global`` statement in a function, a class or a block, and ``:=`` within a comprehension. Those, and cells
without a timeout, have the exception and the look before each statement alone. What a body changes in place cannot be
kept from it; cells that use the same objects are not run beside it, because they need it.

Rejected: a copy of the namespace that is merged when the cell ends (functions that the cell defines would keep the copy
as their globals); :class:`Names` for every cell (each access to a name at top level is twice as slow).
"""

from __future__ import annotations

import ast
from typing import Any

from orchestra_nb.notebook.capture import Sink
from orchestra_nb.running.loop import Cancel
from orchestra_nb.running.stopping import Stopped
from orchestra_nb.syntax import tree_of

_LOOKING = frozenset({"locals", "vars", "dir", "exec", "eval", "f_locals", "_getframe", "currentframe"})


class Names(dict[str, Any]):
    """A cell's locals, always empty: what the cell binds and deletes goes to the namespace until they are detached.

    They are empty, so that libraries which look at a caller's locals (pandas' ``query``, numexpr, formulas) find
    everything in its globals, where it is, and may clear what they took for their own.

    Examples
    --------
    >>> space = {"a": 1}
    >>> names = Names.of(space)
    >>> exec("b = a + 1; del a", space, names)
    >>> space["b"], "a" in space
    (2, False)
    >>> names.detach()
    >>> try:
    ...     exec("b = 3", space, names)
    ... except Stopped as error:
    ...     print(error, space["b"])
    nobody waits for this cell any more 2
    """

    __slots__ = ("_target",)
    _target: dict[str, Any]

    @classmethod
    def of(cls, namespace: dict[str, Any]) -> Names:
        """Make the locals of one execution; of a class of their own, because reading through it is done in C."""
        made: Names = type("Names", (cls,), {"__slots__": (), "__missing__": staticmethod(namespace.__getitem__)})()
        made._target = namespace
        return made

    def __setitem__(self, name: str, value: Any) -> None:
        self._target[name] = value  # no other thread runs between the look and the write

    def __delitem__(self, name: str) -> None:
        del self._target[name]

    def detach(self) -> None:
        """Let nothing be bound or deleted any more; whoever tries is stopped."""
        self._target = _Nowhere()


class _Nowhere(dict[str, Any]):
    """In place of the namespace."""

    def __setitem__(self, name: str, value: Any) -> None:
        raise Stopped("nobody waits for this cell any more")

    def __delitem__(self, name: str) -> None:
        raise Stopped("nobody waits for this cell any more")


class Execution:
    """One execution of a cell's body.

    Parameters
    ----------
    names
        The cell's locals, if they are not its globals.
    waited
        Whether its end is waited for, whatever happens: the main thread cannot be left.
    """

    __slots__ = ("abandoned", "cancels", "names", "sink", "waited")

    def __init__(self, names: Names | None = None, waited: bool = False) -> None:
        self.names = names
        self.waited = waited
        self.abandoned = False
        self.cancels: list[Cancel] = []
        """What cancels its coroutine."""
        self.sink: Sink | None = None
        """Where it speaks."""

    def speaks(self, sink: Sink) -> Sink:
        """Take note of where it speaks."""
        self.sink = sink
        if self.abandoned:
            sink.drop()
        return sink

    def go_on(self) -> None:
        """Before each statement.

        Raises
        ------
        Stopped
            It was given up.
        """
        if self.abandoned:
            raise Stopped("nobody waits for this cell any more")

    def cancel(self) -> None:
        """Cancel its coroutine, and give it up unless its end is waited for; from any thread, and returns at once."""
        if not self.waited:
            self.abandoned = True
            if self.names is not None:
                self.names.detach()
            if self.sink is not None:
                self.sink.drop()
        for cancel in tuple(self.cancels):
            cancel()


def looks_at_locals(text: str) -> bool:
    """Whether code may see the difference between its locals and its globals.

    Examples
    --------
    >>> looks_at_locals("print(sorted(vars()))"), looks_at_locals("np.stack(dirs)")
    (True, False)
    """
    try:
        tree = tree_of(text)
    except (SyntaxError, ValueError):  # nothing of it will run
        return False
    return any(
        (isinstance(node, ast.Name) and node.id in _LOOKING)
        or (isinstance(node, ast.Attribute) and node.attr in _LOOKING)
        or (isinstance(node, ast.alias) and node.name in _LOOKING)
        for node in ast.walk(tree)
    )
