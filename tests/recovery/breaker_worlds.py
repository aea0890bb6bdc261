"""Random schedules of calls at one breaker, and a model of it that is slow, obvious, and written without looking at it.

``World`` is quick and holds the breaker to its laws, of which it keeps its own account. ``Model`` says what the answer
to each question must be; it remembers every fact since the beginning and works all else out anew each time. Each fourth
world has one beside it.
"""

from __future__ import annotations

import random
from collections import Counter

from orchestra_nb.config import BreakerPolicy
from orchestra_nb.recovery.breaker import Breaker, Ticket

RESULTS = ("success", "success", "failure", "failure", "failure", "abandoned")


def drawn_policy(draw):
    by_rate = draw.random() < 0.4
    return BreakerPolicy(
        threshold=None if by_rate and draw.random() < 0.5 else draw.randint(1, 3),
        rest=draw.choice((1.0, 3.0)),
        rate=draw.choice((0.3, 0.5, 1.0)) if by_rate else None,
        window=draw.choice((2.0, 9.0)),
        minimum=draw.randint(1, 4),
        probes=draw.choice((1, 1, 1, 2, 3)),
        lease=draw.choice((None, None, 0.5, 2.0)),
        multiplier=draw.choice((1.0, 2.0)),
        max_rest=8.0,
    )


def seen(breaker):
    """All that a breaker knows."""
    phase = breaker.phase
    return (
        phase.state, phase.generation, phase.until, phase.failures, phase.successes, phase.openings,
        tuple(phase.leases.values()), tuple(phase.calls), phase.last_failure,
    )  # fmt: skip


class World:
    """One breaker, callers, and time."""

    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.policy = drawn_policy(self.draw)
        self.now = 0.0
        self.breaker = Breaker(self.policy, 0.0)
        self.model = Model(self.policy) if seed % 4 == 0 else None
        self.numbers: dict[Ticket, int] = {}
        self.under_way: list[Ticket] = []
        self.leases: dict[Ticket, float] = {}
        self.opened_until = 0.0
        self.kinds: Counter[str] = Counter()

    def run(self):
        draw = self.draw
        for _ in range(draw.randint(10, 80)):
            chance = draw.random()
            if chance < 0.4:
                self.ask()
            elif chance < 0.75:
                if self.under_way:
                    self.report(self.under_way.pop(draw.randrange(len(self.under_way))))
            elif chance < 0.79:
                if self.under_way:
                    self.kinds["killed"] += 1
                    self.under_way.pop()
            elif chance < 0.8:
                self.reset()
            else:
                self.now += draw.choice((0.1, 0.5, 1.0, 3.0))
        self.comes_back()

    def ask(self):
        breaker, before = self.breaker, self.breaker.phase
        answer = breaker.ask(self.now)
        granted = isinstance(answer, Ticket)
        if self.model is not None:
            self.model.now = self.now
            expected = self.model.ask()
            assert granted == isinstance(expected, int)
            if granted:
                self.numbers[answer] = expected
            else:
                assert (answer.state, answer.until) == expected
        if before.state == "closed":
            assert granted, "a closed breaker refused a call"
            self.kinds["closed"] += 1
        elif self.now < self.opened_until:
            assert not granted, "an open breaker let a call through before its rest was over"
            assert (answer.state, answer.until) == ("open", self.opened_until)
            self.kinds["open"] += 1
        else:
            self.probe(answer, granted)
        if granted:
            self.under_way.append(answer)
        return answer

    def probe(self, answer, granted):
        """The rest is over: exactly so many go through, while their leases run."""
        assert self.breaker.phase.state == "half-open"
        running = [end for ticket, end in self.leases.items() if end > self.now and ticket.phase is self.breaker.phase]
        successes = self.breaker.phase.successes
        assert granted == (len(running) + successes < self.policy.probes), "not as many probes as configured"
        if granted:
            assert answer.probe
            self.leases[answer] = self.now + (self.policy.lease or self.policy.rest)
            self.kinds["probe"] += 1
        else:
            assert answer.until == min(running)
            self.kinds["no place for a probe"] += 1

    def report(self, ticket):
        breaker, before = self.breaker, seen(self.breaker)
        result, late = self.draw.choice(RESULTS), ticket.phase is not breaker.phase
        expired = self.leases.pop(ticket, self.now + 1) <= self.now
        counted = breaker.report(ticket, result, self.now, "because")
        assert counted == (not late)
        if self.model is not None:
            self.model.now = self.now
            assert counted == self.model.report(self.numbers[ticket], result)
            assert (breaker.phase.state, breaker.phase.generation) == (self.model.state, self.model.generation)
        if late:
            assert seen(breaker) == before, "a late result changed something"
            self.kinds["late"] += 1
        elif ticket.probe:
            self.kinds[f"probe: {result}" + (" after its lease" if expired else "")] += 1
            assert result != "failure" or breaker.phase.state == "open"
        after = seen(breaker)
        assert not breaker.report(ticket, "failure", self.now)
        assert seen(breaker) == after, "a second report changed something"
        self.changed(before)

    def reset(self):
        self.breaker.reset(self.now)
        if self.model is not None:
            self.model.enter("closed")
        assert self.breaker.phase.state == "closed"
        self.kinds["reset"] += 1

    def changed(self, before):
        phase = self.breaker.phase
        if phase.generation == before[1]:
            return
        self.kinds[f"{before[0]} to {phase.state}"] += 1
        assert phase.generation == before[1] + 1
        assert phase.state != "half-open", "only a question begins the probing"
        if phase.state == "open":
            self.opened_until = phase.until
            assert self.policy.rest <= phase.until - self.now + 1e-9
            assert phase.until - self.now <= max(self.policy.rest, self.policy.max_rest) + 1e-9

    def comes_back(self):
        """Whoever was killed, a service that answers again is used again, after one rest and one lease."""
        if self.breaker.phase.state == "closed":
            return
        self.now = max(self.now, self.opened_until) + (self.policy.lease or self.policy.rest)
        probes = [self.breaker.ask(self.now) for _ in range(self.policy.probes)]
        for probe in probes:
            if isinstance(probe, Ticket):
                assert self.breaker.report(probe, "success", self.now)
        assert self.breaker.phase.state == "closed", "it is jammed"
        self.kinds["came back"] += 1


class Model:
    """A breaker as its documentation reads, from the whole history."""

    def __init__(self, policy):
        self.policy = policy
        self.now = 0.0
        self.state = "closed"
        self.generation = 0
        self.ends: list[tuple[int, float, str, str]] = []
        """Generation, time, result and reason of all reports that counted."""
        self.grants: list[tuple[int, int, float]] = []
        """Generation, number and time of each leave that was given."""
        self.reported: set[int] = set()
        self.openings: list[float] = []
        """When it opened, since it was last closed."""
        self.numbers = 0

    def ask(self):
        """A number, or what it is refused with."""
        policy = self.policy
        if self.state == "open" and self.now >= self.until:
            self.enter("half-open")
        if self.state == "open":
            return "open", self.until
        if self.state == "half-open":
            running = self.running()
            if len(running) + self.successes() >= policy.probes:
                return "half-open", min(running)
        self.numbers += 1
        self.grants.append((self.generation, self.numbers, self.now))
        return self.numbers

    @property
    def until(self):
        rest = self.policy.rest
        for _ in self.openings[1:]:
            rest = min(rest * self.policy.multiplier, max(self.policy.rest, self.policy.max_rest))
        return self.openings[-1] + rest

    def running(self):
        lease = self.policy.lease if self.policy.lease is not None else self.policy.rest
        ends = [at + lease for generation, n, at in self.grants if generation == self.generation and self.open(n)]
        return [end for end in ends if end > self.now]

    def open(self, number):
        return number not in self.reported

    def successes(self):
        return [end[2] for end in self.ends if end[0] == self.generation].count("success")

    def report(self, number, result):
        """Whether it counts."""
        (generation,) = [generation for generation, known, _ in self.grants if known == number]
        if number in self.reported or generation != self.generation:
            return False
        self.reported.add(number)
        self.ends.append((generation, self.now, result, "because"))
        if self.state == "half-open":
            if result == "failure":
                self.enter("open")
            elif self.successes() >= self.policy.probes:
                self.enter("closed")
        elif result != "abandoned" and self.too_much():
            self.enter("open")
        return True

    def mine(self):
        return [end for end in self.ends if end[0] == self.generation and end[2] != "abandoned"]

    def failures(self):
        """In a row."""
        count = 0
        for end in reversed(self.mine()):
            if end[2] != "failure":
                break
            count += 1
        return count

    def too_much(self):
        policy = self.policy
        if policy.threshold is not None and self.failures() >= policy.threshold:
            return True
        if policy.rate is None:
            return False
        window = [end[2] for end in self.mine() if end[1] + policy.window > self.now]
        return len(window) >= policy.minimum and window.count("failure") / len(window) >= policy.rate

    def enter(self, state):
        self.state = state
        self.generation += 1
        if state == "open":
            self.openings.append(self.now)
        elif state == "closed":
            self.openings = []
