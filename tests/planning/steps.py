"""How a random world goes through its plan, one step after the other, and what must hold after each of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from random import Random
from typing import TypeVar

from orchestra_nb.planning import Plan

W = TypeVar("W", bound="Steps")


class Steps(ABC):
    """A world with a plan, whose nodes start and end in a random order; it says what either means."""

    plan: Plan
    draw: Random
    haste = 0.5
    """How likely a node that could start does so before another ends."""
    complete = 0

    def run(self: W) -> W:
        while not self.plan.done:
            ready = self.plan.ready()
            assert ready or self.plan.running, "the plan is stuck"
            if ready and (not self.plan.running or self.draw.random() < self.haste):
                self.start(self.draw.choice(ready))
            else:
                self.end(self.draw.choice(self.plan.running))
            assert self.complete <= self.plan.completed_levels <= len(self.plan.dag.levels)
            self.complete = self.plan.completed_levels
        return self

    @abstractmethod
    def start(self, name: str) -> None:
        """Start a node, and see that it may."""

    @abstractmethod
    def end(self, name: str) -> None:
        """End a node, in one way or another."""
