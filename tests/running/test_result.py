"""The numbers of a run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import NodeCancelled, NodeFailed
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, Outcome
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.scheduler import ParallelScheduler


def result(outcomes, total=2.0, jobs=2, stopped=""):
    dag = DAG([Node(o.node, cost=o.seconds) for o in outcomes])
    return RunResult({o.node: o for o in outcomes}, {}, dag, jobs, "threading", total, "run", "now", stopped)


def test_bound_and_speedup_use_measured_seconds():
    made = result([Outcome("a", "done", started=0.0, ended=1.0), Outcome("b", "done", started=0.0, ended=2.0)])
    assert (made.work, made.lower_bound, made.speedup) == (3.0, 2.0, 1.5)
    assert made.success
    assert made.errors == ()
    made.raise_for_errors()


def test_what_waits_on_the_event_loop_takes_no_worker_from_the_bound():
    waited = [Outcome(name, "done", started=0.0, ended=2.0, worker="event loop") for name in "abcde"]
    assert result([*waited, Outcome("f", "done", started=0.0, ended=3.0)]).lower_bound == 3.0
    assert result(waited, jobs=1).lower_bound == 10.0


def test_failures_come_before_cancellations():
    made = result(
        [Outcome("a", "cancelled", error=NodeCancelled("c", "a")), Outcome("b", "failed", error=NodeFailed("f", "b"))]
    )
    assert [type(error) for error in made.errors] == [NodeFailed, NodeCancelled]
    with pytest.raises(NodeFailed):
        made.raise_for_errors()


def test_a_stopped_run_is_no_success():
    assert not result([Outcome("a", "done")], stopped="timeout").success


def test_the_hit_rate_counts_what_ended_well():
    made = result([Outcome("a", "cached"), Outcome("b", "done"), Outcome("c", "failed")])
    assert made.cache_hit_rate == 0.5
    assert result([]).cache_hit_rate == 0.0


def test_the_repr_is_short_and_has_no_addresses():
    text = repr(result([Outcome("a", "done"), Outcome("b", "failed"), Outcome("c", "done")]))
    assert text == "<RunResult: 2 done, 1 failed in 2 s, jobs=2, backend='threading'>"
    assert "no nodes" in repr(result([]))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(1, 3))
def test_no_run_beats_its_own_bound(needs, jobs):
    nodes = [Node(f"n{i}", fn=lambda: sum(range(500)), after=[f"n{i - back}"] if 0 < back <= i else [])
             for i, back in enumerate(needs)]  # fmt: skip
    made = ParallelScheduler(RunConfig(jobs=jobs)).execute(DAG(nodes))
    assert made.success
    assert made.lower_bound <= made.total_time
    assert made.speedup <= jobs + 1e-9
    assert made.dag.hash == DAG(nodes).hash
    assert len(made.run_id) == 12
    assert made.started_at.endswith("+00:00")
