"""Plain functions as nodes.

Policy: the decorator leaves the function as it was (callable, picklable, testable) and hangs a :class:`.Node` on it as
``.node``; which of its parameters name other nodes is settled only when a graph is built, because only then are the
other nodes known. Failure: settings that cannot be meant raise at the decorator, where the mistake stands.
Rejected: a wrapper class (breaks pickling by name, ``inspect`` and doctest), a registry of all tasks (hidden state).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, overload

from orchestra_nb.errors import ConfigError
from orchestra_nb.model import Node, NodeId

_F = TypeVar("_F", bound=Callable[..., Any])


@overload
def task(fn: _F, /) -> _F: ...
@overload
def task(
    *, id: str | None = None, after: str | Iterable[str | Callable[..., Any]] = (), **settings: Any
) -> Callable[[_F], _F]: ...
def task(
    fn: _F | None = None,
    /,
    *,
    id: str | None = None,
    after: str | Iterable[str | Callable[..., Any]] = (),
    **settings: Any,
) -> _F | Callable[[_F], _F]:
    """Make a node of a function; use it bare or with settings.

    Parameters
    ----------
    fn
        The body. Parameters that name another node of the same graph receive that node's value.
    id
        The node's id; the function's name if not given.
    after
        Nodes that must end first, by id or as decorated functions.
    **settings
        Any other field of :class:`.Node`, such as ``cost`` (seconds) or ``priority``.

    Returns
    -------
    callable
        The same function, with the node as ``.node``.

    Raises
    ------
    ConfigError
        A setting that a node does not have, or a value that cannot be meant.

    Examples
    --------
    >>> @task(cost=2)
    ... def load():
    ...     return 20
    >>> @task
    ... def double(load):
    ...     return 2 * load
    >>> double(load()), load.node.cost
    (40, 2)
    """
    names = [after] if isinstance(after, str) else [_name(item) for item in after]

    def decorate(body: _F) -> _F:
        try:
            node = Node(NodeId(id or _name(body)), fn=body, after=tuple(map(NodeId, names)), **settings)
            body.node = node  # type: ignore[attr-defined]
        except (TypeError, AttributeError) as error:
            raise ConfigError(f"task {_name(body)!r}: {error}") from None
        return body

    return decorate if fn is None else decorate(fn)


def node_of(item: object) -> Node | None:
    """Return the node that an object is or carries, or one for a bare function; ``None`` for anything else."""
    if isinstance(item, Node):
        return item
    carried = getattr(item, "node", None)
    if callable(item) and isinstance(carried, Node):
        return carried
    if callable(item) and not isinstance(item, type):
        return Node(NodeId(_name(item)), fn=item)
    return None


def _name(item: object) -> str:
    if isinstance(item, str):
        return item
    carried = getattr(item, "node", None)
    if isinstance(carried, Node):
        return carried.id
    return getattr(item, "__name__", None) or type(item).__name__
