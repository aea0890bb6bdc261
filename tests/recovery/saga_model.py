"""A slow, obvious model of compensation, and random sagas to hold against it."""

from __future__ import annotations

from orchestra_nb.config import RetryPolicy
from orchestra_nb.recovery.saga import Saga
from orchestra_nb.recovery.saga_facts import Compensate, Fact, Failure, Finished, Part, Rest, Run, Undo

ERROR = Failure("OSError", "no")


def random_parts(dice, most=8):
    """Some steps, in an order of definition that has nothing to do with what they use."""
    names = [f"s{number}" for number in range(dice.randint(1, most))]
    parts = [
        Part(
            name,
            tuple(dice.sample(names[:place], dice.randint(0, min(place, 3)))),
            undo=dice.random() < 0.75,
            retry=RetryPolicy(attempts=dice.randint(1, 2)),
            compensation_retry=RetryPolicy(attempts=dice.randint(1, 3)),
        )
        for place, name in enumerate(names)
    ]
    dice.shuffle(parts)
    return parts


def expected_undos(parts, done, doubtful, fails):
    """Who is undone, in which order: look at everything again and again. ``fails[name]``: how many attempts fail.

    Gives ``(name, attempts, succeeded)`` for each that declares a compensation.
    """
    by_name = {part.name: part for part in parts}
    left = [*done, *doubtful]
    undos = []
    while left:
        for name in reversed(left):  # the latest that nobody who is left has used
            if not any(name in by_name[other].uses for other in left):
                break
        left.remove(name)
        part = by_name[name]
        if part.undo:
            attempts = min(fails[name] + 1, part.compensation_retry.attempts)
            undos.append((name, attempts, fails[name] < part.compensation_retry.attempts))
    return undos


def forward_in_parallel(saga, dice):
    """Run steps as a DAG run would, several at once, until one fails for good or nothing is left; some may be lost."""
    running, facts = [], []

    def note(fact):
        saga.note(fact)
        facts.append(fact)

    while True:
        can = [
            name
            for name, of in saga.steps.items()
            if of.state in ("waiting", "resting") and all(saga.steps[used].state == "done" for used in of.part.uses)
        ]
        if not can and not running:
            return facts, []
        if can and (not running or dice.random() < 0.5):
            name = dice.choice(can)
            note(Fact("step-begun", name, saga.steps[name].attempts + 1))
            running.append(name)
            continue
        name = dice.choice(running)
        luck = dice.random()
        if luck < 0.05:  # the process dies
            return facts, running
        running.remove(name)
        if luck < 0.25:
            note(saga.failing(name, ERROR))
            if saga.steps[name].state == "failed":
                return facts, running
        else:
            note(Fact("step-done", name, saga.steps[name].attempts + 1, value="1"))


__all__ = [
    "ERROR",
    "Compensate",
    "Fact",
    "Failure",
    "Finished",
    "Part",
    "Rest",
    "Run",
    "Saga",
    "Undo",
    "expected_undos",
    "forward_in_parallel",
    "random_parts",
]
