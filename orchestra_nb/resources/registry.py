"""Which resources are known, and who said so.

Policy: what a user registers stays as it is, and is an error in other words. What a run needs and nobody registered
(a name in a node's ``uses``, what a command declares, ``resources`` of a run) is *implied*: known from then on, so that
a lock by that name is the node's lock; but whoever says something else later, a user or the next run, is right, as long
as nobody holds it or waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestra_nb.config import Capacity
from orchestra_nb.errors import ResourceError
from orchestra_nb.resources import events
from orchestra_nb.resources.front import Front
from orchestra_nb.resources.placing import Decision
from orchestra_nb.resources.reading import Resource


class Registry:
    """The known resources of a front.

    Parameters
    ----------
    front
        Gets the pools.
    """

    def __init__(self, front: Front) -> None:
        self._front = front
        self._known: dict[str, Resource] = {}
        self._implied: set[str] = set()

    @property
    def known(self) -> Mapping[str, Resource]:
        """All, by name."""
        return self._known

    def is_implied(self, name: str) -> bool:
        """Whether nobody has registered it, or nobody knows it at all."""
        return name not in self._known or name in self._implied

    def register(self, resource: Resource) -> None:
        """Make a resource known because a user says so; once more in the same words is fine.

        Raises
        ------
        ResourceError
            It is registered with other words, or is in use as something else.
        """
        self._make(resource, implied=False)
        if self._known[resource.id] != resource:
            known = f"resource {resource.id!r} is registered as {self._known[resource.id]}, and not as {resource}"
            raise ResourceError(f"{known}; take another name, or the same words")

    def imply(self, name: str, capacity: Capacity | None = None) -> None:
        """Make a resource known because a run uses it; ``None``: there is one of it, unless it is known.

        Raises
        ------
        ResourceError
            It is in use, and there is not so much of it.
        """
        if not self.is_implied(name) or (capacity is None and name in self._known):
            return
        amount, period = (1, None) if capacity is None else (capacity.amount, capacity.period)
        self._make(Resource(name, "custom", "process", "held" if period is None else "rate", amount, period), True)

    def _make(self, resource: Resource, implied: bool) -> None:
        name = resource.id
        if self._known.get(name) != resource and self.is_implied(name):
            make, front = resource.make(), self._front

            def put(now: float) -> list[Decision]:
                if self._known.get(name) == resource and name in front.pools:
                    return []
                pool = front.pools.get(name)
                if pool is not None and (pool.holders or pool.queue.wanted):
                    told = f"resource {name!r} is in use as {self._known[name]}, and cannot become {resource} now"
                    raise ResourceError(f"{told}; register it before anything uses it, or wait until it is free")
                front.pools[name] = make(now)
                self._known[name] = resource
                if implied:
                    self._implied.add(name)
                return [events.ResourceRegistered(now, name, resource.capacity)]

            front.change(put)
        if not implied and self._known[name] == resource:
            self._implied.discard(name)
