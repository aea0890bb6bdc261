"""A script played on the real lock table under a virtual clock: one step a second, and what each has led to.

**Order.** The next step is the first in the script whose owner does not wait. So a script stays one when there is more
of a resource: who need not wait just goes on. When nothing is left to do, whoever holds something ends.

**Deadlock.** The table reports and does not resolve, so that the moment in which the circle closes can be seen; then
the same victim is made to give way that :class:`~orchestra_nb.resources.manager.ResourceManager` would choose. It is
refused what it waits for, and gives back what it holds, as its ``with`` blocks do. What it does next is the lab's
choice: it *begins again* with its first step (at most :data:`MOST_TIMES`, then it gives up), *gives up*, or there is
*nobody* who looks, and all of the circle wait for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from orchestra_nb.labs.lock_moments import (
    Kind,
    LockMoment,
    chain,
    circle_of,
    finishing,
    holds_in,
    lacks_in,
    reduced,
)
from orchestra_nb.labs.lock_script import Act, amounts
from orchestra_nb.labs.victims import candidates_in, why
from orchestra_nb.resources import events
from orchestra_nb.resources.circles import Circle, Wait
from orchestra_nb.resources.placing import Decision
from orchestra_nb.resources.pools import Pool
from orchestra_nb.resources.requests import Request
from orchestra_nb.resources.table import LockTable

Afterwards = Literal["begins again", "gives up", "nobody"]
MOST_TIMES = 3
"""How often a victim begins again."""


class Course:
    """A script on its way.

    Parameters
    ----------
    acts
        The script.
    capacities
        How much there is of each resource.
    afterwards
        What a victim does.

    Examples
    --------
    >>> acts = [Act("anna", "takes", (("db", 1),))]
    >>> [moment.kind for moment in Course(acts, {"db": 1}, "gives up").play()]
    ['begin', 'granted', 'ends', 'over']
    """

    def __init__(self, acts: Sequence[Act], capacities: Mapping[str, int], afterwards: Afterwards) -> None:
        self.table = LockTable(resolve=False, heard=lambda: True)
        self.pools = {name: Pool(name, "custom", much, 0.0) for name, much in capacities.items()}
        self.moments: list[LockMoment] = []
        self._acts = tuple(acts)
        self._afterwards = afterwards
        self._todo = [*acts, *(Act(owner, "ends") for owner in dict.fromkeys(act.owner for act in acts))]
        self._waits: dict[str, Request] = {}
        self._priorities: dict[str, float] = {}
        self._gave_way: dict[str, int] = {}
        self._now = 0.0

    def play(self) -> tuple[LockMoment, ...]:
        """Play it to its end, once.

        Examples
        --------
        >>> Course([Act("anna", "takes", (("db", 1),))], {"db": 1}, "gives up").play()[1].told
        ('anna takes db',)
        """
        self._note("begin", "", ["nobody holds anything yet"])
        while (place := self._next()) is not None:
            act = self._todo.pop(place)
            if act.verb == "ends" and not self.table.held_by(act.owner):
                continue  # it ends, and nothing follows from that
            self._now += 1.0
            {"takes": self._take, "has priority": self._prefer}.get(act.verb, self._give)(act)
        if self._waits:
            stuck = ", ".join(self._waits)
            self._note("stuck", "", [f"nobody is left who could go on: {stuck} wait for ever"])
        else:
            self._note("over", "", ["everybody has ended, and nothing is held any more"])
        return tuple(self.moments)

    def _next(self) -> int | None:
        return next((place for place, act in enumerate(self._todo) if act.owner not in self._waits), None)

    # One step.

    def _prefer(self, act: Act) -> None:
        self._priorities[act.owner] = act.priority
        self._note("priority", act.owner, [f"{act.owner} has priority {act.priority:g} from now on"])

    def _take(self, act: Act) -> None:
        wants = tuple((self.pools[name], amount) for name, amount in act.wants)
        request = Request(act.owner, wants, self._priorities.get(act.owner, 0.0), scoped=True)
        decisions = self.table.ask(request, self._now)
        if request.status == "held":
            self._note("granted", act.owner, [f"{act.owner} takes {amounts(act.wants)}", *self._heard(decisions)])
            return
        self._waits[act.owner] = request
        told = [f"{act.owner} asks for {amounts(act.wants)} and waits: {self._reason(act.owner)}"]
        found = next((each for each in decisions if isinstance(each, events.DeadlockFound)), None)
        if found is None:
            self._note("waits", act.owner, [*told, *self._heard(decisions)])
            self._tell_of_a_circle(act.owner)
        else:
            self._deadlock(act.owner, found, told)

    def _give(self, act: Act) -> None:
        held = self.table.held_by(act.owner)
        if act.verb == "gives back":
            names = {name for name, _ in act.wants}
            held = [request for request in held if set(request.resources) == names][:1]
        told = self._given(act.owner, held)
        words = f"{act.owner} gives back {amounts(act.wants)}"
        if act.verb == "ends":
            what = amounts(self._named(held))
            words = f"{act.owner} ends" + (f", and gives back {what}" if what else "")
        self._note("ends" if act.verb == "ends" else "gives-back", act.owner, [words, *told])

    def _given(self, owner: str, held: Iterable[Request]) -> list[str]:
        """Give locks back, the last first, and say who gets them."""
        told = []
        for request in held:
            told += self._heard(self.table.release(request, self._now))
        return told

    # A circle.

    def _tell_of_a_circle(self, owner: str) -> None:
        """Say of a circle of waits that it is no deadlock."""
        last = self.moments[-1]
        circle = circle_of(owner, last.lacks)
        if circle:
            told = (
                f"here is a circle of waits: {chain(circle)}",
                f"but no deadlock: {finishing(last.order)}",
                f"who only searched for circles would make one of {', '.join(wait.owner for wait in circle)} give way",
            )
            self.moments[-1] = replace(last, told=(*last.told, *told), circle=circle)

    def _deadlock(self, owner: str, found: events.DeadlockFound, told: list[str]) -> None:
        """Show the circle, and then who gives way."""
        circle: Circle = tuple(_wait(each) for each in found.circle)
        candidates = candidates_in(self.table, owner, self._now)
        closed = [*told, f"deadlock: {chain(circle)}"]
        last = self._note("deadlock", owner, closed, circle)
        able = finishing(last.order) or "nobody can finish"
        reason = why(found.victim, candidates)
        if self._afterwards == "nobody":
            would = reason.replace("gives way", "would give way", 1)
            reason = f"nobody looks for deadlocks here; else {would}"
        self.moments[-1] = replace(
            last, told=(*closed, f"{able}; stuck: {', '.join(last.stuck)}", reason), candidates=candidates,
            victim="" if self._afterwards == "nobody" else found.victim,
        )  # fmt: skip
        if self._afterwards != "nobody":
            self._give_way(found.victim, circle)

    def _give_way(self, victim: str, circle: Circle) -> None:
        told = self._heard(self.table.give_way(victim, circle, self._now))
        del self._waits[victim]
        held = self.table.held_by(victim)
        what = amounts(self._named(held)) or "nothing"
        told += self._given(victim, held)
        times = self._gave_way[victim] = self._gave_way.get(victim, 0) + 1
        mine = [act for act in self._acts if act.owner == victim]
        self._todo = [act for act in self._todo if act.owner != victim]
        if self._afterwards == "begins again" and times <= MOST_TIMES:
            self._todo = [*mine, Act(victim, "ends"), *self._todo]
            after = f"{victim} begins again with its first step"
        else:
            after = f"{victim} gives up" + (f" after {times - 1} new beginnings" if times > MOST_TIMES else "")
        words = f"{victim} gets a DeadlockError; its with blocks end, and it gives back {what}"
        self._note("gives-way", victim, [words, *told, after], victim=victim)

    # Words and records.

    def _heard(self, decisions: Iterable[Decision]) -> list[str]:
        """Say what the table decided for others."""
        told = []
        for each in decisions:
            if isinstance(each, events.LockAged):
                told.append(
                    f"{each.owner} has been overtaken so often that {' and '.join(each.resources)} is reserved for it"
                )
            elif isinstance(each, Request) and each.status == "held" and self._waits.get(str(each.owner)) is each:
                del self._waits[str(each.owner)]
                what = amounts((pool.name, amount) for pool, amount in each.wants)
                told.append(f"{each.owner} gets {what}, for which it waited {self._now - each.asked:g} s")
        return told

    def _reason(self, owner: str) -> str:
        parts = []
        for lack in lacks_in(self.table, self._now):
            if lack.owner == owner:
                pool = self.pools[lack.resource]
                free = pool.free(self._now)
                who = ", ".join(lack.holders) or "nobody else"
                some = f"{free:g} of {pool.capacity:g} {lack.resource} free, " if pool.capacity > 1 else ""
                kept = "the rest is reserved, " if free >= lack.need else ""
                parts.append(f"{some}{kept}{lack.resource} is held by {who}")
        return "; ".join(parts)

    @staticmethod
    def _named(held: Iterable[Request]) -> list[tuple[str, float]]:
        most: dict[str, float] = {}
        for request in held:
            for pool, amount in request.wants:
                most[pool.name] = max(amount, most.get(pool.name, 0))
        return list(most.items())

    def _note(self, kind: Kind, owner: str, told: Sequence[str], circle: Circle = (), victim: str = "") -> LockMoment:
        pools = list(self.pools.values())
        holds = holds_in(pools)
        order, stuck = reduced(holds, self.table, pools)
        about = (holds, lacks_in(self.table, self._now), order, stuck, circle, (), victim)
        self.moments.append(LockMoment(self._now, kind, owner, tuple(told), *about))
        return self.moments[-1]


def _wait(each: tuple[str, str, str]) -> Wait:
    return Wait(*each)
