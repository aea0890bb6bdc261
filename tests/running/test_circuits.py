"""Circuits of nodes: who gets leave to begin, what ends mean for a circuit, and what cannot be meant."""

from __future__ import annotations

import asyncio

import pytest

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.inference import cell_dag
from orchestra_nb.cells.settings import BreakerSettings, NodeSettings
from orchestra_nb.config import BreakerPolicy, RetryPolicy, RunConfig
from orchestra_nb.errors import CircuitOpenError, ConfigError, DefinitionError
from orchestra_nb.events import NodeRetrying, NodeStarted
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Expand, Node
from orchestra_nb.notebook.program import CellProgram, run_cells
from orchestra_nb.planning import Plan
from orchestra_nb.recovery.breakers import Breakers
from orchestra_nb.running.circuits import Circuits, circuit_of
from orchestra_nb.running.decisions import Attempt, Terms
from orchestra_nb.running.driver import Driver
from orchestra_nb.running.scheduler import ParallelScheduler
from orchestra_nb.running.seams import Reply

from .test_driver import Script

ONCE = {"name": "db", "threshold": 1}
DONE = Reply("done", value=1)
FAILED = Reply("failed", ename="OSError", evalue="down", exception=OSError("down"))


class Lab:
    """A driver, its circuits, and their common clock."""

    def __init__(self, *nodes, lanes=None, **terms):
        self.now = 0.0
        self.breakers = Breakers(clock=lambda: self.now)
        plan = Plan(DAG(nodes), keep_going=True)
        terms = {"processes": True, "keep_going": True, **terms}
        self.driver = Driver(
            plan, Script(lanes), Terms(jobs=1, circuits=Circuits(self.breakers), serial=False, **terms)
        )
        self.log = self.driver.begin(0.0)

    def answer(self, reply, at):
        self.now = at
        (attempt,) = self.driver.running
        self.log += self.driver.reply(attempt.token, reply, at)

    def tick(self, at):
        self.now = at
        self.log += self.driver.tick(at)

    @property
    def begun(self):
        return [each.node.id for each in self.log if isinstance(each, Attempt)]

    @property
    def state(self):
        return self.breakers.statistics()["db"].state


def test_a_node_whose_circuit_is_open_fails_without_having_begun():
    lab = Lab(Node("a", breaker=ONCE), Node("b", breaker="db"), Node("c", breaker="other"))
    lab.answer(FAILED, 1.0)
    lab.answer(DONE, 2.0)
    assert lab.begun == ["a", "c"]
    outcome = lab.driver.outcomes["b"]
    assert (outcome.status, outcome.error.ename) == ("failed", "CircuitOpenError")
    assert "circuit 'db' is open for another 30 s, because of OSError: down" in str(outcome.error)
    assert sum(isinstance(each, NodeStarted) for each in lab.log) == 1, "its end is not the first that is heard of it"


def test_a_refused_node_rests_as_long_as_its_circuit_and_is_then_the_probe():
    again = RetryPolicy(attempts=2, jitter=0)
    lab = Lab(Node("a", breaker={**ONCE, "rest": 9.0}), Node("b", breaker="db", retry=again))
    lab.answer(FAILED, 1.0)
    (told,) = [each for each in lab.log if isinstance(each, NodeRetrying)]
    assert (told.node, told.delay, lab.driver.wake(1.0)) == ("b", 9.0, 10.0)
    lab.tick(10.0)
    assert (lab.begun, lab.state) == (["a", "b"], "half-open")
    lab.answer(DONE, 11.0)
    assert (lab.driver.outcomes["b"].status, lab.driver.outcomes["b"].attempts, lab.state) == ("done", 2, "closed")


def test_no_rest_is_longer_than_the_policy_of_the_node_allows():
    lab = Lab(Node("a", breaker=ONCE), Node("b", breaker="db", retry=RetryPolicy(attempts=2, max_delay=4.0)))
    lab.answer(FAILED, 1.0)
    (told,) = [each for each in lab.log if isinstance(each, NodeRetrying)]
    assert told.delay == 4.0


def test_a_failure_that_names_its_rest_is_given_it():
    error = OSError("too many requests")
    error.retry_after = 20.0
    lab = Lab(Node("a", retry=2))
    lab.answer(Reply("failed", ename="OSError", exception=error), 1.0)
    (told,) = [each for each in lab.log if isinstance(each, NodeRetrying)]
    assert told.delay == 20.0


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (DONE, "closed"),
        (FAILED, "open"),
        (Reply("failed", ename="ValueError", exception=ValueError()), "closed"),
        (Reply("failed", ename="KeyboardInterrupt"), "closed"),
        (Reply("failed", ename="SystemExit", exception=SystemExit()), "closed"),
        (Reply("lost", ename="WorkerLost", culprit=True), "closed"),
    ],
)
def test_only_what_the_policy_names_opens_a_circuit(reply, state):
    lab = Lab(Node("a", breaker={**ONCE, "on": ["OSError"]}))
    lab.answer(reply, 1.0)
    assert lab.state == state


@pytest.mark.parametrize(("culprit", "state"), [(True, "open"), (None, "closed"), (False, "closed")])
def test_a_lost_worker_counts_where_the_node_is_known_to_be_at_fault(culprit, state):
    lab = Lab(Node("a", breaker=ONCE), lanes={"a": ("process", "")}, async_jobs=None)
    lab.answer(Reply("lost", ename="WorkerLost", culprit=culprit), 1.0)
    assert lab.state == state


def test_a_timeout_opens_a_circuit_and_a_stop_does_not():
    lab = Lab(Node("a", breaker=ONCE, timeout=2.0), lanes={"a": ("async", "")})
    lab.tick(2.0)  # it is asked to stop
    lab.tick(3.0)  # and given up
    assert lab.state == "open"
    lab = Lab(Node("a", breaker=ONCE), lanes={"a": ("async", "")})
    lab.driver.cancel("enough", 1.0)
    lab.tick(3.0)
    assert lab.driver.outcomes["a"].status == "cancelled"
    assert lab.state == "closed"
    assert lab.breakers.statistics()["db"].abandoned == 1


def test_what_became_ready_by_a_refusal_is_not_forgotten():
    nodes = [Node("a", breaker=ONCE, priority=9), Node("b", breaker="db"), Node("after", after=["b"])]
    lab = Lab(*nodes)
    lab.answer(FAILED, 1.0)
    assert lab.driver.done
    assert [lab.driver.outcomes[name].status for name in ("a", "b", "after")] == ["failed", "failed", "skipped"]


# Real runs.


def run(*nodes, scheduler=None, **settings):
    settings = {"jobs": 1, "history": False, "keep_going": True, **settings}
    return (scheduler or ParallelScheduler(RunConfig(**settings))).execute(DAG(nodes))


def down():
    raise ConnectionError("refused")


async def later_down():
    await asyncio.sleep(0)
    raise ConnectionError("refused")


@pytest.mark.parametrize(("jobs", "body"), [(1, down), (2, down), (2, later_down)])
def test_nodes_that_share_a_circuit_learn_from_one_another(jobs, body):
    calls = []
    failing = Node("a", fn=body, breaker=ONCE, uses=["one"], priority=9)
    asking = Node("b", fn=lambda: calls.append("b"), breaker="db", uses=["one"])
    result = run(failing, asking, Node("c", fn=lambda: 3), jobs=jobs, resources={"one": 1})
    assert result.outcomes["c"].value == 3
    assert [result.outcomes[name].error.ename for name in "ab"] == ["ConnectionError", "CircuitOpenError"]
    assert calls == []


def test_the_same_scheduler_remembers_from_run_to_run_and_publishes_what_its_circuits_do():
    told = []
    scheduler = ParallelScheduler(RunConfig(jobs=1, history=False))
    scheduler.bus.on("recovery:*", lambda event: told.append(event.name))
    run(Node("a", fn=down, breaker=ONCE), scheduler=scheduler)
    result = run(Node("b", fn=lambda: 1, breaker="db"), scheduler=scheduler)
    assert result.outcomes["b"].error.ename == "CircuitOpenError"
    assert told == ["recovery:circuit-opened", "recovery:circuit-rejected"]
    scheduler.circuits.reset("db")
    assert run(Node("b", fn=lambda: 1, breaker="db"), scheduler=scheduler).values == {"b": 1}


def test_circuits_may_be_shared_with_calls_outside_of_runs():
    breakers = Breakers(BreakerPolicy(threshold=1))
    run(Node("a", fn=down, breaker="db"), scheduler=ParallelScheduler(RunConfig(jobs=1), circuits=breakers))
    with pytest.raises(CircuitOpenError):
        breakers.call("db", lambda: 1)


def test_a_policy_that_was_changed_holds_from_the_next_run_on():
    scheduler = ParallelScheduler(RunConfig(jobs=1, history=False))
    run(Node("a", fn=down, breaker={"name": "db", "threshold": 9}), scheduler=scheduler)
    run(Node("a", fn=down, breaker=ONCE), scheduler=scheduler)
    assert scheduler.circuits.statistics()["db"].state == "open"


@pytest.mark.parametrize(
    ("breaker", "said"),
    [
        ("", "'' must be the name of a circuit"),
        (7, "7 must be the name of a circuit"),
        ({"threshold": 2}, "must be the name of a circuit"),
        ({"name": "db", "treshold": 2}, "there is no setting 'treshold'; did you mean 'threshold'"),
        ({"name": "db", "threshold": 0}, "threshold=0 must be a whole number from 1"),
    ],
)
def test_what_cannot_be_meant_is_an_error_before_anything_runs(breaker, said):
    calls = []
    with pytest.raises(DefinitionError, match=said) as caught:
        run(Node("first", fn=lambda: calls.append(1)), Node("a", fn=down, breaker=breaker))
    assert (calls, [issue.code for issue in caught.value.issues]) == ([], ["bad-breaker"])
    with pytest.raises(ConfigError, match=said):
        circuit_of(Node("a", breaker=breaker))


def test_two_policies_for_one_circuit_are_an_error():
    with pytest.raises(DefinitionError, match="circuit 'db' has another policy already, from node 'a'"):
        run(Node("a", fn=down, breaker=ONCE), Node("b", fn=down, breaker={"name": "db", "threshold": 2}))


def test_nodes_that_join_a_run_have_circuits_too():
    grow = Node("grow", fn=lambda: Expand([Node("n", fn=down, breaker=ONCE), Node("m", fn=down, breaker="db")]))
    result = run(grow)
    assert [result.outcomes[name].error.ename for name in ("n", "m")] == ["ConnectionError", "CircuitOpenError"]
    bad = run(Node("grow", fn=lambda: Expand([Node("n", fn=down, breaker=7)])))
    assert "7 must be the name of a circuit" in str(bad.outcomes["grow"].error)


def test_cells_have_circuits():
    sources = {
        "a": ("calls = []\n1 / 0", BreakerSettings(name="db", threshold=1)),
        "b": ("found = 2", "db"),
        "c": ("other = 3", None),
    }
    cells = [
        Cell(number, source, NodeSettings(name=name, breaker=breaker))
        for number, (name, (source, breaker)) in enumerate(sources.items(), 1)
    ]
    dag, names = cell_dag(cells), {"__name__": "__main__"}
    scheduler = ParallelScheduler(RunConfig(jobs=1, history=False, keep_going=True))
    result = run_cells(dag, CellProgram(dag, names), scheduler)
    assert [result.outcomes[name].status for name in "abc"] == ["failed", "failed", "done"]
    assert result.outcomes["b"].error.ename == "CircuitOpenError"
    assert "found" not in names
    assert names["other"] == 3
