from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.errors import ConfigError
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.simulation.heft import cpop, heft
from orchestra_nb.simulation.machines import machines_of
from orchestra_nb.simulation.validity import faults_of_schedule

from .graphs import dags

# Topcuoglu, Hariri and Wu 2002, Fig. 2: ten tasks on three processors; what each takes on each, and what edges cost.
TABLE = {
    "P1": [14, 13, 11, 13, 12, 13, 7, 5, 18, 21],
    "P2": [16, 19, 13, 8, 13, 16, 15, 11, 12, 7],
    "P3": [9, 18, 19, 17, 10, 9, 11, 14, 20, 16],
}
EDGES = {
    **{(1, 2): 18, (1, 3): 12, (1, 4): 9, (1, 5): 11, (1, 6): 14, (2, 8): 19, (2, 9): 16, (3, 7): 23},
    **{(4, 8): 27, (4, 9): 23, (5, 9): 13, (6, 8): 15, (7, 10): 17, (8, 10): 11, (9, 10): 13},
}
PAPER = DAG([Node(f"t{n}", after=[f"t{a}" for a, b in EDGES if b == n]) for n in range(1, 11)])
TIMES = {worker: {f"t{n}": seconds for n, seconds in enumerate(row, 1)} for worker, row in TABLE.items()}
TRAVEL = {(f"t{a}", f"t{b}"): seconds for (a, b), seconds in EDGES.items()}


def stands(schedule):
    return {slot.node: (f"P{slot.worker + 1}", slot.start, slot.end) for slot in schedule.rows}


def takes(dag, speeds):
    rows = machines_of(dag, speeds).times
    return lambda node, worker: rows[dag.table.index[node]][worker]


def test_the_example_of_the_paper_takes_80_on_the_processors_of_the_paper():
    found = heft(PAPER, TIMES, communication=TRAVEL)
    assert found.makespan == 80
    assert stands(found) == {
        **{"t1": ("P3", 0, 9), "t2": ("P1", 27, 40), "t3": ("P3", 9, 28), "t4": ("P2", 18, 26), "t5": ("P3", 28, 38)},
        **{"t6": ("P2", 26, 42), "t7": ("P3", 38, 49), "t8": ("P1", 57, 62), "t9": ("P2", 56, 68)},
        "t10": ("P2", 73, 80),
    }
    assert not faults_of_schedule(PAPER, found, takes=takes(PAPER, TIMES), communication=TRAVEL)


def test_the_example_of_the_paper_takes_86_by_cpop():
    found = cpop(PAPER, TIMES, communication=TRAVEL)
    assert found.makespan == 86
    assert {stands(found)[name][0] for name in ("t1", "t2", "t9", "t10")} == {"P2"}
    assert not faults_of_schedule(PAPER, found, takes=takes(PAPER, TIMES), communication=TRAVEL)


speeds_given = st.one_of(
    st.integers(1, 4), st.lists(st.sampled_from([0.25, 0.5, 1.0, 1.5, 3.0]), min_size=1, max_size=4)
)


@given(dags(), speeds_given, st.sampled_from([heft, cpop]), st.data())
def test_a_schedule_keeps_order_workers_resources_travel_and_bound(dag, speeds, how, data):
    pairs = [(edge.source, edge.target) for edge in dag.edges]
    travel = data.draw(st.dictionaries(st.sampled_from(pairs), st.floats(0, 5))) if pairs else {}
    capacities = {"gpu": data.draw(st.integers(2, 3))}
    found = how(dag, speeds, communication=travel, resources=capacities)
    told = {"takes": takes(dag, speeds), "communication": travel, "resources": capacities}
    assert not faults_of_schedule(dag, found, **told)
    assert found.lower_bound <= found.makespan


def test_a_fast_worker_that_is_busy_is_passed_over_for_a_slow_one():
    dag = DAG([Node("a", cost=4), Node("b", cost=2)])
    assert stands(heft(dag, [2.0, 1.0])) == {"a": ("P1", 0, 2), "b": ("P2", 0, 2)}


def test_a_node_goes_into_a_gap_that_an_earlier_one_left():
    dag = DAG([Node("a", cost=4), Node("b", after=["a"], cost=9), Node("c", cost=1), Node("d", after=["c"], cost=1)])
    found = heft(dag, 2, communication={("a", "b"): 50.0})
    assert found.makespan == 13
    assert stands(found)["d"][1] < 4


def test_what_is_held_by_another_is_waited_for():
    dag = DAG([Node("a", cost=4, uses=["db"]), Node("b", cost=2, uses=["db"]), Node("c", cost=1)])
    assert heft(dag, 3).makespan == 6
    assert heft(dag, 3, resources={"db": 2}).makespan == 4


def test_who_only_compensates_is_not_there():
    dag = DAG([Node("a", undo="drop"), Node("drop", cost=100)])
    assert [slot.node for slot in heft(dag, 2).rows] == ["a"]


def test_nothing_takes_no_time():
    assert [how(DAG([]), 2).makespan for how in (heft, cpop)] == [0.0, 0.0]


ONE = DAG([Node("fit"), Node("plot", after=["fit"])])


@pytest.mark.parametrize(
    ("speeds", "told"),
    [
        (0, "workers=0 can run nothing"),
        (True, "speeds=True"),
        ("2", "speeds='2'"),
        ([], "has no workers"),
        ([1.0, 0.0, math.nan, -1, True], r"(?s)speeds\[1\]=0.0.*speeds\[2\]=nan.*speeds\[3\]=-1.*speeds\[4\]=True"),
        ({}, "has no workers"),
        ({"a": 3}, "worker 'a': 3 must be a mapping"),
        ({"a": {"fit": -1, "plto": 1}}, r"(?s)'fit' takes -1.*did you mean 'plot'.*nothing says what 'plot' takes"),
    ],
)
def test_workers_that_cannot_be_are_one_error_that_lists_every_fault(speeds, told):
    with pytest.raises(ConfigError, match=told):
        heft(ONE, speeds)


@pytest.mark.parametrize(
    ("communication", "told"),
    [
        ({("fit", "plto"): 1.0}, "did you mean 'plot'"),
        ({("plot", "fit"): 1.0}, "'fit' does not wait for 'plot' directly"),
        ({("fit", "plot"): -1.0}, "takes -1.0"),
        ({"fit": 1.0}, "must be a pair of nodes"),
    ],
)
def test_travel_that_cannot_be_is_an_error_with_the_place(communication, told):
    with pytest.raises(ConfigError, match=told):
        heft(ONE, 2, communication=communication)


@pytest.mark.parametrize(
    ("node", "resources", "told"),
    [
        (Node("a", uses=["gpu:2"]), None, "uses 2 of 'gpu', and there is 1"),
        (Node("a", uses=["api"]), {"api": "60/min"}, "'api': a static schedule knows what is held"),
    ],
)
def test_what_is_not_there_or_no_lock_is_refused(node, resources, told):
    with pytest.raises(ConfigError, match=told):
        heft(DAG([node]), 1, resources=resources)


def test_what_machines_that_differ_took_bounds_no_schedule_on_them() -> None:
    dag = DAG([Node(name) for name in "abc"])
    everything = {"slow": dict.fromkeys("abc", 9.0), "fast": dict.fromkeys("abc", 4.0)}
    plan = heft(dag, everything)
    assert (plan.bounds, plan.tightest_bound) == (None, plan.lower_bound)
    assert plan.lower_bound <= 9.0 == plan.makespan
