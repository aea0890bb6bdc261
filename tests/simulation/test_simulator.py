from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.errors import ConfigError
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.planning import POLICIES
from orchestra_nb.simulation import simulate

ROUNDING = 1e-9


@st.composite
def dags(draw: st.DrawFn) -> DAG:
    size = draw(st.integers(1, 14))
    return DAG(
        Node(
            f"n{i}",
            index=i,
            after=[f"n{j}" for j in draw(st.sets(st.integers(0, i - 1), max_size=4))] if i else (),
            cost=draw(st.one_of(st.just(0.0), st.floats(0.01, 10))),
        )
        for i in range(size)
    )


any_policy = st.sampled_from(sorted(POLICIES))
any_schedule = st.sampled_from(["eager", "levels"])


@given(dags(), st.integers(1, 5), any_policy, any_schedule)
def test_every_node_runs_once_after_what_it_needs(dag, workers, policy, schedule):
    rows = simulate(dag, workers, policy, schedule).rows
    slot = {row.node: row for row in rows}
    assert sorted(row.node for row in rows) == sorted(dag.nodes)
    assert len(rows) == len(dag.nodes)
    assert all(slot[edge.source].end <= slot[edge.target].start for edge in dag.edges)


@given(dags(), st.integers(1, 5), any_policy, any_schedule)
def test_a_worker_does_one_thing_at_a_time(dag, workers, policy, schedule):
    rows = simulate(dag, workers, policy, schedule).rows
    assert {row.worker for row in rows} <= set(range(workers))
    for worker in range(workers):
        lane = [row for row in rows if row.worker == worker]
        assert all(a.end <= b.start for a, b in itertools.pairwise(lane))


@given(dags(), st.integers(1, 5), any_policy)
def test_no_worker_idles_while_a_node_could_run(dag, workers, policy):
    rows = simulate(dag, workers, policy).rows
    end = {row.node: row.end for row in rows}
    for row in rows:
        needs_met = max((end[name] for name in dag.predecessors(row.node)), default=0.0)
        moments = {needs_met, *(other.end for other in rows if needs_met <= other.end < row.start)}
        for moment in moments:
            if moment < row.start:
                busy = sum(other.start <= moment < other.end for other in rows)
                assert busy == workers


@given(dags(), st.integers(1, 5), any_policy)
def test_the_makespan_keeps_grahams_bound(dag, workers, policy):
    found = simulate(dag, workers, policy)
    assert found.lower_bound <= found.makespan * (1 + ROUNDING)
    assert found.makespan <= (2 - 1 / workers) * found.lower_bound * (1 + ROUNDING)


@given(dags(), st.integers(1, 5), any_policy)
def test_levels_start_when_the_level_above_has_ended(dag, workers, policy):
    found = simulate(dag, workers, policy, schedule="levels")
    slot = {row.node: row for row in found.rows}
    for above, below in zip(dag.levels, dag.levels[1:], strict=False):
        assert max(slot[name].end for name in above) <= min(slot[name].start for name in below)


@given(dags(), any_policy, any_schedule)
def test_one_worker_takes_the_time_of_all_nodes(dag, policy, schedule):
    found = simulate(dag, 1, policy, schedule)
    assert found.makespan == pytest.approx(dag.total_time)
    assert found.utilization == pytest.approx(1.0 if dag.total_time else 0.0)


@given(dags(), any_policy)
def test_a_worker_for_everyone_takes_the_critical_time(dag, policy):
    assert simulate(dag, len(dag.nodes), policy).makespan == pytest.approx(dag.critical_time)


@given(dags(), st.integers(1, 5), any_policy, any_schedule)
def test_the_same_question_has_the_same_answer(dag, workers, policy, schedule):
    assert simulate(dag, workers, policy, schedule, seed=3) == simulate(dag, workers, policy, schedule, seed=3)


def test_the_critical_path_goes_first():
    dag = DAG([Node("a", cost=2), Node("b", cost=2), Node("c", cost=2), Node("d", after=["c"], cost=6)])
    assert simulate(dag, 2).makespan == 8
    assert simulate(dag, 2, "fifo").makespan == 10


def test_levels_cost_what_the_barrier_costs():
    dag = DAG([Node("slow", cost=5), Node("quick", cost=1), Node("next", after=["quick"], cost=4)])
    assert (simulate(dag, 2).makespan, simulate(dag, 2, schedule="levels").makespan) == (5, 9)


def test_nothing_takes_no_time():
    found = simulate(DAG([]), 3)
    assert (found.makespan, found.lower_bound, found.utilization, found.rows) == (0.0, 0.0, 0.0, ())


def test_no_workers_is_an_error():
    with pytest.raises(ConfigError, match="workers=0"):
        simulate(DAG([Node("a")]), 0)
