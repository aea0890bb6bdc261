"""The deadlock lab: owners ask for counted resources, a circle closes, and one of them gives way; step by step.

Nothing is acted here: each step goes to the lock table that runs and users' locks go through, with its detector, under
a virtual clock of one step a second (:mod:`.lock_course`). What a frame adds is what the table need not say: who can
still finish, in the order of the reduction, and what each candidate would have cost (:mod:`.lock_moments`). Before the
first step the lab says what the orders of the script alone give away, as
:func:`orchestra_nb.resources.prediction.predict` finds it: a deadlock that can happen need not happen today.

Rejected: a model of locks made for teaching (it would drift from what runs), real threads (a story that is another one
each time).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from orchestra_nb.errors import ConfigError, Issue, nearest
from orchestra_nb.labs.allocation import allocation_of, ring_of
from orchestra_nb.labs.lock_course import Afterwards, Course
from orchestra_nb.labs.lock_moments import Finish, LockMoment
from orchestra_nb.labs.lock_scenarios import MOST_OWNERS, SCENARIOS, scenario_of
from orchestra_nb.labs.lock_script import Act, amounts, by_owner, orders_of, read_script
from orchestra_nb.labs.story import Choice, Control, Frame, Panel, Rows, Slider, Story, Told, Value
from orchestra_nb.labs.victims import Candidate
from orchestra_nb.resources.prediction import predict

_OWN = "own script"
_MOST_SLIDERS = 4
_CAPACITY = "how many of "


@dataclass(frozen=True, slots=True)
class DeadlockLab(Told):
    """What became of a script, moment by moment.

    Parameters
    ----------
    name
        Of the scenario, or that it is a script of one's own.
    about
        Its idea, in a sentence.
    acts
        The script.
    resources
        How much there is of each resource.
    victim
        What a victim does: ``"begins again"``, ``"gives up"``, or ``"nobody"`` looks for deadlocks.
    owners
        How many there are in a scenario that has any number of them.
    moments
        What happened, from the beginning to the end.
    warnings
        Orders of taking that can end in a deadlock, known from the script alone.

    Examples
    --------
    >>> lab = deadlock_lab("two locks in opposite order")
    >>> print(lab.moments[4].told[-1])
    ben gives way: its oldest lock is the youngest (since 2 s), so the least work is lost
    """

    name: str
    about: str
    acts: tuple[Act, ...]
    resources: Mapping[str, int]
    victim: Afterwards
    owners: int
    moments: tuple[LockMoment, ...]
    warnings: tuple[Issue, ...]

    @property
    def victims(self) -> tuple[str, ...]:
        """Who gave way, in order.

        Examples
        --------
        >>> deadlock_lab("upgrade").victims, deadlock_lab("nodes take all at once").victims
        (('ben',), ())
        """
        return tuple(moment.owner for moment in self.moments if moment.kind == "gives-way")

    @property
    def deadlocks(self) -> int:
        """How many deadlocks came about.

        Examples
        --------
        >>> deadlock_lab("dining philosophers", victim="nobody").deadlocks
        1
        """
        return sum(moment.kind == "deadlock" for moment in self.moments)

    @property
    def story(self) -> Story:
        """What there is to walk through.

        Examples
        --------
        >>> story = deadlock_lab("upgrade").story
        >>> story.changed("how many of table", 3).summary[1]
        'no deadlock came about'
        """
        places = self._places
        frames = tuple(self._frame(moment, places) for moment in self.moments)
        return Story(
            f"Deadlock lab: {self.name}", frames, self._summary(), self._overview(), self._controls(), self._retold
        )

    def _summary(self) -> tuple[str, ...]:
        many, last = self.deadlocks, self.moments[-1]
        head = "no deadlock came about" if not many else f"{many} deadlock{'' if many == 1 else 's'} came about"
        if self.victims:
            head += f"; {', '.join(self.victims)} gave way"
        warned = tuple(f"the script alone gives it away: {issue}" for issue in self.warnings)
        return (*([self.about] if self.about else []), head, *last.told, *warned)

    def _overview(self) -> tuple[Panel, ...]:
        """The moment to look at first: when a circle closed, or else when the most were waiting."""
        closed = [moment for moment in self.moments if moment.circle]
        moment = closed[0] if closed else max(self.moments, key=lambda each: len(each.lacks))
        when = f"{'When the circle closed' if closed else 'When most were waiting'}, at {moment.at:g} s"
        panels: tuple[Panel, ...] = (allocation_of(moment, self._places, self.resources, when),)
        return (*panels, _candidates_panel(moment.candidates, moment.victim)) if moment.candidates else panels

    @property
    def _places(self) -> tuple[tuple[str, bool], ...]:
        return ring_of([(act.owner, name) for act in self.acts for name, _ in act.wants])

    def _frame(self, moment: LockMoment, places: tuple[tuple[str, bool], ...]) -> Frame:
        panels: tuple[Panel, ...] = (
            allocation_of(moment, places, self.resources, "Who holds, who waits"),
            _order_panel(moment.order, moment.stuck),
            _candidates_panel(moment.candidates, moment.victim),
        )
        facts = {
            "owner": moment.owner,
            "what": moment.kind.replace("-", " "),
            "held": by_owner((hold.owner, hold.resource, hold.amount) for hold in moment.holds),
            "waiting": by_owner((lack.owner, lack.resource, lack.need) for lack in moment.lacks),
            "stuck": ", ".join(moment.stuck),
            "gives way": moment.victim,
        }
        return Frame(f"{moment.at:g} s", moment.told, panels, facts)

    def _controls(self) -> tuple[Control, ...]:
        found: list[Control] = []
        if self.name in SCENARIOS:
            found.append(Choice("scenario", "Scenario", self.name, tuple(SCENARIOS)))
            if SCENARIOS[self.name].counted:
                found.append(Slider("owners", "Owners", self.owners, 2, MOST_OWNERS))
        if len(self.resources) <= _MOST_SLIDERS:
            for name, much in self.resources.items():
                least = max(amount for act in self.acts for known, amount in act.wants if known == name)
                label = f"{_CAPACITY}{name}"
                found.append(Slider(label, label.capitalize(), much, least, max(4, much + 1, least + 1)))
        found.append(Choice("victim", "The victim", self.victim, get_args(Afterwards)))
        return tuple(found)

    def _retold(self, values: Mapping[str, Value]) -> Story:
        name, owners = str(values.get("scenario", self.name)), int(values.get("owners", self.owners))
        victim: Any = values["victim"]
        if name != self.name:
            return deadlock_lab(name, victim=victim).story
        much = {name: int(values.get(f"{_CAPACITY}{name}", old)) for name, old in self.resources.items()}
        if name in SCENARIOS:
            changed = owners != self.owners  # other owners may take other resources
            return deadlock_lab(name, resources=None if changed else much, victim=victim, owners=owners).story
        return _lab(self.name, self.about, self.acts, much, victim, owners).story


def deadlock_lab(
    script: str | Iterable[Any] | None = None,
    *,
    resources: Mapping[str, int] | None = None,
    victim: Afterwards = "begins again",
    owners: int = 5,
) -> DeadlockLab:
    """Watch owners take locks step by step, until nobody can go on, and see who gives way and why.

    Parameters
    ----------
    script
        The name of a ready-made scenario (``"two locks in opposite order"``, which is the default, ``"dining
        philosophers"``, ``"a circle that is no deadlock"``, ``"upgrade"``, ``"priority and ageing"``, ...), or steps:
        triples of an owner, ``"takes"``, ``"gives back"`` or ``"has priority"``, and what it is about. Amounts are as
        in a node's ``uses``: ``"gpu:2"``; a list is taken together.
    resources
        How much there is of what; 1 of what is not here.
    victim
        What the one who gives way does: ``"begins again"`` with its first step, ``"gives up"``; with ``"nobody"``
        nobody looks for deadlocks, and they stay.
    owners
        How many there are in a scenario that has any number of them.

    Returns
    -------
    DeadlockLab
        It shows itself step by step; ``.frame`` has a row for each event, ``.moments`` all that is known of each.

    Raises
    ------
    DefinitionError
        A step that cannot be meant; all of them are told.
    ConfigError
        There is no such scenario, or a setting is none.

    Examples
    --------
    >>> lab = deadlock_lab([("anna", "takes", "db"), ("ben", "takes", "gpu"), ("ben", "takes", "db"),
    ...                     ("anna", "takes", "gpu")])
    >>> lab.victims, lab.moments[-1].kind
    (('ben',), 'over')
    >>> deadlock_lab("a circle that is no deadlock").deadlocks
    0
    """
    if victim not in get_args(Afterwards):
        known = get_args(Afterwards)
        raise ConfigError(f"victim={victim!r} is not one of {', '.join(known)}; {nearest(str(victim), known)}")
    if isinstance(owners, bool) or not isinstance(owners, int) or not 2 <= owners <= MOST_OWNERS:
        raise ConfigError(f"owners={owners!r} must be a whole number from 2 to {MOST_OWNERS}")
    if script is not None and not isinstance(script, str):
        acts, capacities = read_script(script, resources)
        return _lab(_OWN, "", acts, capacities, victim, owners)
    scenario = scenario_of(next(iter(SCENARIOS)) if script is None else script)
    given = {**scenario.resources, **resources} if isinstance(resources, Mapping) else resources or scenario.resources
    acts, capacities = read_script(scenario.steps(owners), given)
    return _lab(scenario.name, scenario.about, acts, capacities, victim, owners)


def _lab(
    name: str, about: str, acts: tuple[Act, ...], capacities: Mapping[str, int], victim: Afterwards, owners: int
) -> DeadlockLab:
    moments = Course(acts, capacities, victim).play()
    warnings = tuple(predict({}, orders_of(acts), capacities))
    return DeadlockLab(name, about, acts, capacities, victim, owners, moments, warnings)


def _order_panel(order: tuple[Finish, ...], stuck: tuple[str, ...]) -> Rows:
    """Show the reduction: who can finish, one after another, and who is left."""
    rows: list[tuple[object, ...]] = [
        (number, step.owner, amounts(step.gives) or "nothing", amounts(step.free))
        for number, step in enumerate(order, 1)
    ]
    rows += [("—", owner, "cannot finish", "") for owner in stuck]
    headings = ("", "can finish", "gives back", "free then")
    return Rows("Who can still finish (graph reduction)", headings, tuple(rows), "nobody holds or waits")


def _candidates_panel(candidates: tuple[Candidate, ...], victim: str) -> Rows:
    """Show what it would cost that each one gives way."""
    rows = tuple(
        (
            f"{each.owner} gives way" if each.owner == victim else each.owner,
            f"{each.priority:g}",
            "nothing" if each.since == float("inf") else f"{each.since:g} s",
            "yes" if each.helps else "no",
        )
        for each in candidates
    )
    headings = ("cheapest first", "priority", "holds since", "frees the others")
    return Rows("Who gives way", headings, rows, "nobody has to")
