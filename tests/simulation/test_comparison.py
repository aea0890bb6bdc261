from __future__ import annotations

import math
from statistics import median_low

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb.errors import ConfigError
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.planning import POLICIES
from orchestra_nb.simulation import simulate
from orchestra_nb.simulation.comparison import ALL, AUTO_NODES, compare_policies
from orchestra_nb.simulation.validity import faults_of_schedule

from .graphs import dags

PARTITION = DAG([Node(f"n{i}", cost=cost) for i, cost in enumerate([3, 3, 2, 2, 2])])


def test_every_policy_of_a_run_is_compared_and_the_yardsticks_beside_them():
    assert set(ALL) == {*POLICIES, "levels", "heft", "optimum"}
    found = compare_policies(PARTITION, 2)
    assert [row.label for row in found.rows] == list(ALL)
    assert found.remarks == ()


@settings(max_examples=25)
@given(dags(uses=False), st.sampled_from([1, 2, 3, (1.0, 0.5)]))
def test_rows_keep_their_bounds_and_their_schedules_could_happen(dag, crew):
    who = {"speeds": crew} if isinstance(crew, tuple) else {"workers": crew}
    found = compare_policies(dag, **who, seeds=3, optimum=False)
    for row in found.rows:
        assert row.lower_bound <= row.makespan * (1 + 1e-9)
        assert row.low <= row.makespan == row.plan.makespan <= row.high
        assert row.over_bound >= 1 - 1e-9
        assert not faults_of_schedule(dag, row.plan)
        busy = sum(slot.end - slot.start for slot in row.plan.rows)
        assert row.idle == pytest.approx(row.workers * row.makespan - busy, abs=1e-6)
        assert (row.over_optimum, row.proved) == (None, False)


def test_chance_is_the_median_of_its_seeds():
    dag = DAG([Node(f"n{i}", cost=1 + i % 5, after=[f"n{i - 3}"] if i > 2 else ()) for i in range(9)])
    expected = [simulate(dag, 2, "random", seed=seed).makespan for seed in range(7)]
    row = compare_policies(dag, 2, "random", seeds=7).rows[0]
    assert (row.makespan, row.low, row.high) == (median_low(expected), min(expected), max(expected))


def test_who_is_as_short_as_the_optimum_is_proved_and_the_others_are_measured_by_it():
    found = compare_policies(PARTITION, 2, ["longest-first", "optimum"])
    assert [(row.proved, row.over_optimum) for row in found.rows] == [(False, 7 / 6), (True, 1.0)]
    chain = DAG([Node("a"), Node("b", after=["a"])])
    assert all(row.proved for row in compare_policies(chain, 2).rows)


def test_levels_are_the_critical_path_with_barriers_and_any_policy_may_have_them():
    dag = DAG([Node("slow", cost=5), Node("quick", cost=1), Node("next", after=["quick"], cost=4)])
    found = compare_policies(dag, 2, ["levels", "critical-path", "fifo"], schedule=["eager", "levels"])
    assert {label: plan.makespan for label, plan in found.schedules.items()} == {
        **{"levels": 9, "critical-path": 5, "fifo": 5, "fifo, levels": 9},
    }
    assert [row.schedule for row in found.rows] == ["levels", "eager", "eager", "levels"]


def test_several_numbers_of_workers_are_each_compared():
    found = compare_policies(PARTITION, [4, 1, 2], ["fifo", "heft"])
    assert found.workers == (1, 2, 4)
    assert [found.at(number).best.makespan for number in found.workers] == [12, 7, 4]
    assert found.best.workers == 4
    assert {plan.workers for plan in found.schedules.values()} == {4}
    with pytest.raises(ConfigError, match=r"workers=3 was not compared; there are 1, 2, 4"):
        found.at(3)


def test_functions_are_policies_by_their_names():
    def mine(dag):
        return {name: -float(name[1:]) for name in dag.nodes}

    found = compare_policies(PARTITION, 2, [mine, lambda dag: dict.fromkeys(dag.nodes, 0.0), lambda dag: mine(dag)])
    assert [row.label for row in found.rows] == ["mine", "<lambda>", "<lambda> 3"]
    assert found.rows[0].makespan == found.rows[2].makespan


def test_what_holds_a_resource_waits_in_every_row():
    dag = DAG([Node(f"n{i}", cost=2, uses=["db"]) for i in range(3)])
    found = compare_policies(dag, 3, seeds=2)
    assert {(row.makespan, row.lower_bound) for row in found.rows} == {(6.0, 6.0)}
    assert {row.makespan for row in compare_policies(dag, 3, resources={"db": 3}, seeds=2).rows} == {2.0}


@pytest.mark.parametrize(
    ("dag", "more", "told"),
    [
        (DAG([Node(f"n{i}") for i in range(AUTO_NODES + 1)]), {}, "no optimum: 41 nodes are more than 40"),
        (DAG([Node("a", uses=["api"])]), {"resources": {"api": "9/min"}}, "no heft: 'api': a static schedule"),
    ],
)
def test_a_yardstick_that_cannot_be_had_is_a_remark(dag, more, told):
    found = compare_policies(dag, 2, ["fifo", "heft", "optimum"], **more)
    assert found.remarks[0].startswith(told)
    assert "fifo" in found.schedules
    assert "optimum" not in found.schedules


def test_without_the_solver_the_remark_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(compare_policies.__globals__, "solvable", lambda: False)
    found = compare_policies(PARTITION, 2, ["fifo", "optimum"])
    assert found.remarks == ("no optimum: the solver is not there; pip install 'orchestra_nb[optimum]'",)


def test_an_optimum_that_is_not_proved_is_a_remark_and_nobody_is_measured_by_it():
    costs = [math.sqrt(2 + i) for i in range(30)]
    dag = DAG([Node(f"n{i}", cost=cost, after=[f"n{i // 4}"] if i else ()) for i, cost in enumerate(costs)])
    found = compare_policies(dag, speeds=[1.0, 0.7, 0.3], policies=["fifo", "optimum"], optimum=0.01)
    assert found.remarks[0].startswith("the optimum of 3 workers is not proved: the best found in 0.01 s")
    assert all(row.over_optimum is None and not row.proved for row in found.rows)


def test_the_best_is_what_a_run_can_follow():
    assert compare_policies(PARTITION, 2, ["optimum", "random", "fifo"]).best.label == "fifo"
    assert compare_policies(PARTITION, 2, ["optimum", "heft"]).best.label == "optimum"


def test_nothing_takes_no_time():
    found = compare_policies(DAG([]), 2)
    assert {(row.makespan, row.over_bound, row.utilization) for row in found.rows} == {(0.0, 1.0, 0.0)}
    assert "for 0 nodes" in found._repr_mimebundle_()["text/plain"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"workers": 0}, "workers=0 can run nothing"),
        ({"workers": []}, r"workers=\[\] must be"),
        ({"workers": "2"}, "workers='2' must be"),
        ({"workers": [1, 0.5, 0]}, r"workers: 0.5, 0 cannot run anything.*give speeds="),
        ({"workers": 2, "speeds": [1.0]}, "give one of them"),
        ({"speeds": [1.0, -1]}, r"speeds\[1\]=-1"),
        ({"policies": ["fifo", "lifo", "hfet"]}, r"(?s)'lifo' is unknown; did you mean 'fifo'\?.*did you mean 'heft'"),
        ({"policies": []}, "nothing is compared"),
        ({"schedule": "lazy"}, "schedule='lazy' is not one of eager, levels"),
        ({"seeds": 0}, "seeds=0"),
        ({"optimum": -1}, "optimum=-1"),
        ({"optimum": "never"}, "optimum='never'"),
    ],
)
def test_what_cannot_be_compared_is_an_error_with_the_place(more, told):
    with pytest.raises(ConfigError, match=told):
        compare_policies(PARTITION, **more)


def test_a_chart_of_what_was_not_compared_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'fifo'"):
        compare_policies(PARTITION, 2, ["fifo"]).gantt("fivo")
