"""Whether a schedule could happen: told by looking at it, knowing nothing of how it was made.

Policy: every rule that a schedule must keep is checked against the slots alone, so that simulator, HEFT and optimum are
judged by what none of them wrote. Each fault is a sentence with names and times; none is hidden by another. Attempts of
a node may be several, one after another; what needs the node waits for the last. What a node holds, it holds during
each attempt. Order: by rule, then by time. Comparisons forgive rounding of floats: a billionth of the makespan. Cost: a
sort, and a sweep for each resource.

Failure: none; faults are the answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import pairwise

from orchestra_nb.config import Capacity, read_capacity
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.undoing import compensators
from orchestra_nb.resources.claims import wants_of
from orchestra_nb.simulation.machines import Communication
from orchestra_nb.simulation.schedule import Schedule, Slot

_ROUNDING = 1e-9
Takes = Callable[[str, int], float]
"""What a node takes on a worker, in seconds."""


def faults_of_schedule(
    dag: DAG,
    schedule: Schedule,
    *,
    resources: Mapping[str, int | str] | None = None,
    takes: Takes | None = None,
    communication: Communication | None = None,
) -> tuple[str, ...]:
    """Find everything in a schedule that could not happen.

    Parameters
    ----------
    dag
        What needs what, and what it uses.
    schedule
        Of all nodes; those that only compensate, and those of which it says that they did not end well, may be missing.
    resources
        How much there is of what nodes use, as in :class:`.RunConfig`; what is not named is there once.
    takes
        What each node takes on each worker; ``None``: anything.
    communication
        For ``(source, target)``, the seconds that a value travels between different workers.

    Returns
    -------
    tuple of str
        Empty when it could happen.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("load"), Node("fit", after=["load"])])
    >>> wrong = Schedule((Slot("load", 0, 0.0, 2.0), Slot("fit", 0, 1.0, 2.0)), 1, 2.0, 2.0, 1.0)
    >>> for fault in faults_of_schedule(dag, wrong):
    ...     print(fault)
    'fit' begins at 1, before 'load', which it needs, ends at 2
    worker 0 begins 'fit' at 1, before it ends 'load' at 2
    """
    slack = schedule.makespan * _ROUNDING
    known = [slot for slot in schedule.rows if slot.node in dag.nodes]
    attempts: defaultdict[str, list[Slot]] = defaultdict(list)
    for slot in sorted(known, key=lambda slot: slot.start):
        attempts[slot.node].append(slot)
    capacities = {name: read_capacity(name, given) for name, given in (resources or {}).items()}
    return (
        *_of_names(dag, schedule, attempts),
        *_of_times(schedule, slack),
        *(_of_durations(known, takes, slack) if takes else ()),
        *_of_needs(dag, attempts, communication or {}, slack),
        *_of_workers(schedule, slack),
        *_of_resources(dag, known, capacities, slack),
    )


def _of_names(dag: DAG, schedule: Schedule, attempts: Mapping[str, Sequence[Slot]]) -> Iterator[str]:
    aside = {*compensators(dag.nodes.values()), *(outcome.node for outcome in schedule.outcomes)}
    for slot in schedule.rows:
        if slot.node not in dag.nodes:
            yield f"{slot.node!r} is no node of the graph"
    for name in dag.nodes:
        if name not in attempts and name not in aside:
            yield f"{name!r} never runs"
        numbers = [slot.attempt for slot in attempts.get(name, ())]
        if len(set(numbers)) < len(numbers):
            yield f"{name!r} runs {len(numbers)} times"


def _of_times(schedule: Schedule, slack: float) -> Iterator[str]:
    for slot in schedule.rows:
        if slot.start < 0 or slot.end < slot.start:
            yield f"{slot.node!r} runs from {slot.start:g} to {slot.end:g}"
        if not 0 <= slot.worker < schedule.workers and slot.lane != "async":
            yield f"{slot.node!r} runs on worker {slot.worker}, and there are {schedule.workers}"
    last = max((slot.end for slot in schedule.rows), default=0.0)
    if abs(last - schedule.makespan) > slack:
        yield f"the last node ends at {last:g}, and the makespan is {schedule.makespan:g}"
    if schedule.lower_bound > schedule.makespan + slack:
        yield f"the makespan {schedule.makespan:g} is below its bound {schedule.lower_bound:g}"


def _of_durations(slots: Sequence[Slot], takes: Takes, slack: float) -> Iterator[str]:
    for slot in slots:
        expected = takes(slot.node, slot.worker)
        if abs(slot.end - slot.start - expected) > slack:
            yield f"{slot.node!r} takes {slot.end - slot.start:g} on worker {slot.worker}, and not {expected:g}"


def _of_needs(
    dag: DAG, attempts: Mapping[str, Sequence[Slot]], communication: Communication, slack: float
) -> Iterator[str]:
    for name, slots in attempts.items():
        first = slots[0]
        for source in dag.predecessors(name):
            for last in attempts.get(source, ())[-1:]:
                delay = communication.get((source, name), 0.0) if last.worker != first.worker else 0.0
                if first.start < last.end + delay - slack:
                    travels = f" and travels for {delay:g}" if delay else ""
                    told = f"{name!r} begins at {first.start:g}, before {source!r}, which it needs"
                    yield f"{told}, ends at {last.end:g}{travels}"


def _of_workers(schedule: Schedule, slack: float) -> Iterator[str]:
    lanes: defaultdict[int, list[Slot]] = defaultdict(list)
    for slot in schedule.rows:
        lanes[slot.worker].append(slot)
    for worker, slots in sorted(lanes.items()):
        ordered = sorted(slots, key=lambda slot: (slot.start, slot.end))
        for one, other in pairwise(ordered):
            if other.start < one.end - slack:
                told = f"worker {worker} begins {other.node!r} at {other.start:g}"
                yield f"{told}, before it ends {one.node!r} at {one.end:g}"


def _of_resources(dag: DAG, slots: Sequence[Slot], capacities: Mapping[str, Capacity], slack: float) -> Iterator[str]:
    users: defaultdict[str, list[tuple[Slot, int]]] = defaultdict(list)
    for slot in sorted(slots, key=lambda slot: (slot.start, slot.end)):
        for name, amount in wants_of(dag.nodes[slot.node].uses):
            users[name].append((slot, amount))
    for name, using in users.items():
        there = capacities.get(name, Capacity(1))
        if there.period is None:
            spans = [(slot.start, slot.end - slack, slot, amount) for slot, amount in using]
        else:  # what begins counts for a period; of a budget, for ever
            spans = [(slot.start, slot.start + there.period - slack, slot, amount) for slot, amount in using]
        yield from _exceeding(name, there.amount, spans)


def _exceeding(name: str, there: int, spans: Sequence[tuple[float, float, Slot, int]]) -> Iterator[str]:
    """Sweep over begins: whoever has not ended by then counts."""
    used, ends = 0, list[tuple[float, int, int]]()
    for number, (start, end, slot, amount) in enumerate(spans):
        while ends and ends[0][0] <= start:
            used -= heappop(ends)[2]
        if used + amount > there:
            yield f"{slot.node!r} takes {amount} of {name!r} at {start:g}, where {used} of {there} are taken"
        used += amount
        heappush(ends, (end, number, amount))
