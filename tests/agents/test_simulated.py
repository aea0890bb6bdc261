"""A rehearsal takes what is expected, on any clock, and is the same each time."""

from __future__ import annotations

import asyncio
import pickle

import pytest

from orchestra_nb import AgentError, ConfigError, RunConfig, SimulatedExecutor
from orchestra_nb.context.content import content_digest
from orchestra_nb.model import Node
from orchestra_nb.pipeline import Pipeline


class Clock:
    def __init__(self):
        self.slept = []

    async def sleep(self, seconds):
        self.slept.append(seconds)


def attempts(executor, node, number):
    """What so many attempts give: a value or an error."""
    found = []
    for _ in range(number):
        try:
            found.append(asyncio.run(executor(node, {})))
        except AgentError as error:
            found.append(str(error))
    return found


NODE = Node("a", kind="agent", cost=100.0)


def test_it_sleeps_the_cost_times_the_scale():
    clock = Clock()
    attempts(SimulatedExecutor(0.25, sleep=clock.sleep), NODE, 2)
    assert clock.slept == [25.0, 25.0]


def test_every_output_gets_a_text_unless_a_value_is_said():
    node = Node("a", kind="agent", writes=["files", "risk"])
    assert attempts(SimulatedExecutor(0), node, 1) == [{"files": "files of a", "risk": "risk of a"}]
    assert attempts(SimulatedExecutor(0, values={"a": {"files": [], "risk": 9}}), node, 1) == [{"files": [], "risk": 9}]
    assert attempts(SimulatedExecutor(0), Node("b", kind="agent"), 1) == ["result of b"]


def test_jitter_stays_within_its_share_and_follows_from_the_seed():
    def slept(seed):
        clock = Clock()
        attempts(SimulatedExecutor(seed=seed, jitter=0.2, sleep=clock.sleep), NODE, 50)
        return clock.slept

    assert slept(1) == slept(1) != slept(2)
    assert all(80.0 <= seconds <= 120.0 for seconds in slept(1))
    assert max(slept(1)) - min(slept(1)) > 30.0


def test_failures_follow_from_the_seed_the_agent_and_the_attempt_and_not_from_who_came_first():
    def failing(order):
        executor = SimulatedExecutor(0, seed=3, failure_rate=0.5)
        found = {name: attempts(executor, Node(name, kind="agent"), 6) for name in order}
        return {name: [text.startswith("simulated failure") for text in found[name]] for name in "abcdef"}

    assert failing("abcdef") == failing("fedcba")
    share = sum(sum(failed) for failed in failing("abcdef").values()) / 36
    assert 0.2 < share < 0.8
    assert attempts(SimulatedExecutor(0, failure_rate=1.0), NODE, 1) == ["simulated failure of 'a', attempt 1"]


def test_a_failure_is_of_the_class_that_is_asked_for():
    with pytest.raises(TimeoutError, match="attempt 1"):
        asyncio.run(SimulatedExecutor(0, failure_rate=1, failure=TimeoutError)(NODE, {}))


def test_how_often_it_was_asked_is_no_part_of_what_it_is():
    executor = SimulatedExecutor(0, values={"a": 1})
    before = content_digest(executor)
    attempts(executor, NODE, 3)
    assert content_digest(executor) == before
    assert attempts(pickle.loads(pickle.dumps(executor)), NODE, 1) == [1]


@pytest.mark.parametrize("knob", [{"time_scale": -1}, {"jitter": 2}, {"failure_rate": float("nan")}, {"jitter": True}])
def test_a_number_that_cannot_be_meant_is_refused(knob):
    with pytest.raises(ConfigError, match="must be a number from 0"):
        SimulatedExecutor(**knob)


def test_a_thousand_agents_wait_at_the_same_time():
    """P18's shape: none begins to wait after another has ended, whatever the number of workers is."""
    inside = {"now": 0, "most": 0}
    everybody = asyncio.Event()

    async def sleep(seconds):
        inside["now"] += 1
        inside["most"] = max(inside["most"], inside["now"])
        if inside["now"] == 1000:
            everybody.set()
        await everybody.wait()
        inside["now"] -= 1

    agents = [{"id": f"a{number}", "estimatedTime": 1000} for number in range(1000)]
    command = {"phases": [{"name": "All", "parallel": True, "agents": agents}]}
    result = Pipeline(command, RunConfig(jobs=2, history=False), agents=SimulatedExecutor(sleep=sleep)).run()
    assert result.success
    assert inside == {"now": 0, "most": 1000}
