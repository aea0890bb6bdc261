"""Every class of event, by its name: the one place where all of them are known.

Names are unique and namespaced (``dag:``, ``cache:``, ``execution:``, ``resource:``, ``recovery:``, ``progress:``). A
class that others derive from and that is never published stands for no event, and is not here. A name that nobody
knows, of a newer version or of somebody's own, is not a fault: it is read as :class:`UnknownEvent`, with all that it
says.

Failure: two classes of one name, or one without, is found when this is imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType, ModuleType
from typing import Any, cast

import orchestra_nb.bus
import orchestra_nb.context.events
import orchestra_nb.events
import orchestra_nb.graph.events
import orchestra_nb.recovery.events
import orchestra_nb.recovery.saga_events
import orchestra_nb.resources.events
from orchestra_nb.bus import Event
from orchestra_nb.errors import ConfigError, nearest

NAMESPACES = ("dag", "cache", "execution", "resource", "recovery", "progress")
_MODULES = (
    orchestra_nb.bus,
    orchestra_nb.graph.events,
    orchestra_nb.events,
    orchestra_nb.context.events,
    orchestra_nb.resources.events,
    orchestra_nb.recovery.events,
    orchestra_nb.recovery.saga_events,
)


@dataclass(frozen=True, slots=True)
class UnknownEvent(Event):
    """An event whose class is not known here: what it is called, and what it says.

    Examples
    --------
    >>> UnknownEvent(1.0, "dag:drawn", {"by": "hand"}).name
    'dag:drawn'
    """

    kind: str
    fields: Mapping[str, Any]

    @property
    def name(self) -> str:  # type: ignore[override]
        """What it is called."""
        return self.kind


def _of(module: ModuleType) -> Iterator[type[Event]]:
    """The classes of events that a module defines, in its order, those that others derive from left out."""
    made = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Event)]
    here = [each for each in made if each.__module__ == module.__name__]
    yield from (each for each in here if not each.__subclasses__() and each is not Event)


def _all() -> Mapping[str, type[Event]]:
    found: dict[str, type[Event]] = {}
    for each in (each for module in _MODULES for each in _of(module)):
        name = vars(each).get("name")
        if not isinstance(name, str) or name.partition(":")[0] not in NAMESPACES:
            raise TypeError(f"{each.__qualname__} needs a name in one of the namespaces {', '.join(NAMESPACES)}")
        if name in found:
            raise TypeError(f"{each.__qualname__} and {found[name].__qualname__} are both named {name!r}")
        found[name] = each
    return cast("Mapping[str, type[Event]]", MappingProxyType(found))


EVENTS: Mapping[str, type[Event]] = _all()
"""Each class of event by its name."""


def check_pattern(pattern: str) -> None:
    """See that a glob over event names can match one.

    Raises
    ------
    ConfigError
        No event has such a name, and it is in no namespace that could be somebody's own.

    Examples
    --------
    >>> check_pattern("cache:*"), check_pattern("*"), check_pattern("mine:done")
    (None, None, None)
    >>> check_pattern("cahce:*")
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: no event has a name such as 'cahce:*'; did you mean 'cache'?
    """
    if not isinstance(pattern, str) or not pattern:
        raise ConfigError(f"{pattern!r} is no name of an event; give one such as 'cache:*'")
    if any(fnmatchcase(name, pattern) for name in EVENTS):
        return
    namespace, colon, _ = pattern.partition(":")
    if not colon:
        raise ConfigError(f"no event has a name such as {pattern!r}; write 'cache:*', or '*' for all")
    if namespace in NAMESPACES:
        hint = nearest(pattern, [name for name in EVENTS if name.startswith(f"{namespace}:")])
        raise ConfigError(f"no event has a name such as {pattern!r}; {hint}")
    if (hint := nearest(namespace, NAMESPACES)).startswith("did"):
        raise ConfigError(f"no event has a name such as {pattern!r}; {hint}")
