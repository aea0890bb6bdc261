"""A walk as a story: the frames of its steps, made when they are looked at, and what can be turned. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from orchestra_nb.labs.order import named, waits_for
from orchestra_nb.labs.story import Bars, Choice, Control, Frame, Graph, Panel, Rows, Slider, Story, Value
from orchestra_nb.planning.policies import POLICIES
from orchestra_nb.wording import clean, count, duration

if TYPE_CHECKING:
    from orchestra_nb.labs.steps import Step
    from orchestra_nb.labs.walk import Walk

_MOST_WORKERS = 8
_MOST_OFFERS = 20
_SCHEDULES = ("eager", "levels")


def story_of(walk: Walk) -> Story:
    """Tell a walk.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.labs.walk import step_through
    >>> from orchestra_nb.model import Node
    >>> story = step_through(DAG([Node("load", cost=2)]), workers=1).story
    >>> story.title, story.frames[1].told
    ('Step by step: 1 node on 1 worker, critical-path', ('load is done', 'level 0 is complete'))
    """

    def retold(values: Mapping[str, Value]) -> Story:
        given: dict[str, Any] = dict(values)
        return story_of(walk.with_(**given))

    many = len(walk.workers) if isinstance(walk.workers, Sequence) else walk.workers
    policy = walk.policy if isinstance(walk.policy, str) else getattr(walk.policy, "__name__", "a policy of your own")
    title = f"Step by step: {count(len(walk.dag), 'node')} on {count(many, 'worker')}, {policy}"
    uses = any(node.uses for node in walk.dag.nodes.values())
    whole = (Bars("The whole schedule", walk.schedule),)
    return Story(title, Frames(walk, uses), _summary(walk), whole, tuple(_controls(walk)), retold)


@dataclass(frozen=True, slots=True)
class Frames(Sequence[Frame]):
    """The frames of a walk.

    Parameters
    ----------
    walk
        Of which.
    uses
        Whether its nodes use resources, so that they are to be seen.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.labs.walk import step_through
    >>> from orchestra_nb.model import Node
    >>> [frame.title for frame in Frames(step_through(DAG([Node("load", cost=2)])))]
    ['0 s', '2.0 s']
    """

    walk: Walk
    uses: bool = False

    def __len__(self) -> int:
        return len(self.walk.steps)

    @overload
    def __getitem__(self, place: int) -> Frame: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Frame]: ...
    def __getitem__(self, place: int | slice) -> Frame | Sequence[Frame]:
        if isinstance(place, slice):
            return [self._frame(step) for step in self.walk.steps[place]]
        return self._frame(self.walk.steps[place])

    def _frame(self, step: Step) -> Frame:
        panels: list[Panel] = [
            Graph("Graph", self.walk.dag, step.states, self._times(step.at)),
            _offers(step),
            _running(step),
            *([_resources(step)] if self.uses else []),
            Bars("So far", self.walk.schedule, step.at),
        ]
        return Frame(duration(step.at), step.told, tuple(panels), _facts(step, self.uses))

    def _times(self, at: float) -> dict[str, float]:
        """What each node has taken by then: of several attempts, the last."""
        begun = (slot for slot in self.walk.schedule.rows if slot.start <= at)
        return {slot.node: min(slot.end, at) - slot.start for slot in begun}


def _summary(walk: Walk) -> tuple[str, ...]:
    found = walk.schedule
    said = f"It takes {duration(found.makespan)}, and no schedule less than {duration(found.tightest_bound)}"
    return (f"{said}; workers are busy for {found.utilization:.0%} of the time.",)


def _controls(walk: Walk) -> list[Control]:
    """What can be turned; workers of unequal speed and a policy of one's own stay what they are."""
    found: list[Control] = []
    if isinstance(walk.workers, int):
        found.append(Slider("workers", "Workers", walk.workers, 1, max(_MOST_WORKERS, walk.workers)))
    if isinstance(walk.policy, str):
        found.append(Choice("policy", "Policy", walk.policy, tuple(POLICIES)))
    return [*found, Choice("schedule", "Schedule", walk.barriers, _SCHEDULES)]


def _offers(step: Step) -> Rows:
    now = step.moment
    shown = step.order.offers(step.begun, now, _MOST_OFFERS)
    rows = tuple((offer.node, offer.key, offer.fate) for offer in shown)
    many = len(step.begun) + len(now.waiting) + len(now.ready)
    return Rows("Who may begin", ("node", step.order.heading, "now"), rows, "nobody", many - len(rows))


def _running(step: Step) -> Rows:
    runs = [(node, step.order.where(worker), duration(end)) for node, worker, end in step.running]
    rests = [(node, "rests", duration(end)) for node, end in step.moment.resting]
    return Rows("Running", ("node", "where", "until"), (*runs, *rests), "nobody")


def _resources(step: Step) -> Rows:
    waiting: dict[str, list[str]] = {}
    for node, resource, _ in step.waiting:
        waiting.setdefault(resource, []).append(node)
    held = dict(step.held)
    rows = tuple((name, named(held.get(name, ())), named(waiting.get(name, ()))) for name in {**held, **waiting})
    return Rows("Locks", ("resource", "held by", "waited for by"), rows, "nobody holds anything")


def _facts(step: Step, uses: bool) -> dict[str, str]:
    many = len(step.order.ranks)
    now = step.moment
    facts = {
        "ready": named(now.ready),
        "running": ", ".join(f"{clean(node)} until {duration(end)}" for node, _, end in now.running[:6]),
    }
    if uses:
        facts["waits"] = "; ".join(
            f"{clean(node)} {waits_for(name, holders)}" for node, name, holders in now.waiting[:4]
        )
    ended = len(now.done) + len(now.failed) + len(now.skipped)
    return {**facts, "ended": f"{ended:,} of {many:,}", "levels": f"{step.levels} of {len(step.order.levels)}"}
