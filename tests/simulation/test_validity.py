from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.planning import POLICIES
from orchestra_nb.simulation import simulate
from orchestra_nb.simulation.schedule import Schedule, Slot
from orchestra_nb.simulation.validity import faults_of_schedule

from .graphs import dags

PAIR = DAG([Node("a", cost=2, uses=["db"]), Node("b", after=["a"], cost=1), Node("c", cost=2, uses=["db"])])
A, B, C = Slot("a", 0, 0.0, 2.0), Slot("b", 0, 2.0, 3.0), Slot("c", 1, 2.0, 4.0)


def schedule(*rows, workers=2, makespan=4.0, bound=0.0):
    return Schedule(rows, workers, makespan, bound, 0.5)


def test_a_schedule_that_could_happen_has_no_faults():
    takes = {"a": 2.0, "b": 1.0, "c": 2.0}
    assert faults_of_schedule(PAIR, schedule(A, B, C), takes=lambda node, worker: takes[node]) == ()


@pytest.mark.parametrize(
    ("given", "more", "told"),
    [
        (schedule(A, C), {}, "'b' never runs"),
        (schedule(A, B, Slot("b", 0, 3.0, 4.0), C), {}, "'b' runs 2 times"),
        (schedule(A, B, C, Slot("d", 1, 0.0, 1.0)), {}, "'d' is no node of the graph"),
        (schedule(A, Slot("b", 0, 3.0, 2.0), C), {}, "'b' runs from 3 to 2"),
        (schedule(A, Slot("b", 2, 2.0, 3.0), C), {}, "'b' runs on worker 2, and there are 2"),
        (schedule(A, B, C, makespan=5.0), {}, "the last node ends at 4, and the makespan is 5"),
        (schedule(A, B, C, bound=4.5), {}, "the makespan 4 is below its bound 4.5"),
        (schedule(A, B, C), {"takes": lambda node, worker: 2.0}, "'b' takes 1 on worker 0, and not 2"),
        (schedule(A, Slot("b", 1, 1.0, 2.0), C), {}, "'b' begins at 1, before 'a', which it needs, ends at 2"),
        (schedule(A, B, Slot("c", 0, 2.0, 4.0)), {}, "worker 0 begins 'c' at 2, before it ends 'b' at 3"),
        (
            schedule(A, B, Slot("c", 1, 1.0, 4.0)),
            {},
            "'c' takes 1 of 'db' at 1, where 1 of 1 are taken",
        ),
        (
            schedule(A, Slot("b", 1, 2.0, 3.0), Slot("c", 0, 2.0, 4.0)),
            {"communication": {("a", "b"): 1.5}},
            "'b' begins at 2, before 'a', which it needs, ends at 2 and travels for 1.5",
        ),
        (schedule(A, B, C), {"resources": {"db": "1/min"}}, "'c' takes 1 of 'db' at 2, where 1 of 1 are taken"),
        (schedule(A, B, C), {"resources": {"db": "1/run"}}, "'c' takes 1 of 'db' at 2, where 1 of 1 are taken"),
    ],
)
def test_each_fault_is_told_by_name_and_time(given, more, told):
    found = faults_of_schedule(PAIR, given, **more)
    assert told in found
    assert len(found) == 1


def test_more_of_a_resource_makes_room():
    early = schedule(A, B, Slot("c", 1, 1.0, 4.0))
    assert faults_of_schedule(PAIR, early, resources={"db": 2}) == ()


@given(dags(uses=False), st.integers(1, 4), st.sampled_from(sorted(POLICIES)), st.sampled_from(["eager", "levels"]))
def test_what_is_simulated_could_happen(dag, workers, policy, order):
    found = simulate(dag, workers, policy, order)
    takes = {name: float(node.cost) for name, node in dag.nodes.items()}
    assert faults_of_schedule(dag, found, takes=lambda node, worker: takes[node]) == ()
