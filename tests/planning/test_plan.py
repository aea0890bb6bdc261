from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.errors import ConfigError
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.planning import Plan, Skip

SCHEDULES = ["eager", "levels"]


@st.composite
def dags(draw: st.DrawFn) -> DAG:
    size = draw(st.integers(1, 12))
    return DAG(
        Node(
            f"n{i}",
            index=i,
            after=[f"n{j}" for j in draw(st.sets(st.integers(0, i - 1), max_size=4))] if i else (),
            cost=draw(st.floats(0, 10)),
            priority=draw(st.integers(-1, 1)),
        )
        for i in range(size)
    )


@pytest.fixture
def chain() -> DAG:
    return DAG([Node("load"), Node("clean", after=["load"]), Node("fit", after=["clean"]), Node("other")])


def run(plan: Plan, *names: str) -> None:
    for name in names:
        plan.start(name)
        plan.finish(name)


@given(dags(), st.sampled_from(SCHEDULES), st.booleans(), st.data())
def test_every_way_through_a_plan_accounts_for_every_node_once(dag, schedule, keep_going, data):
    plan = Plan(dag, schedule=schedule, keep_going=keep_going, policy="random", seed=data.draw(st.integers(0, 9)))
    level_of = {name: number for number, names in enumerate(dag.levels) for name in names}
    good: set[str] = set()
    ended: dict[str, str] = {}
    running: set[str] = set()
    while not plan.done:
        ready = plan.ready()
        assert ready or running, "the plan is stuck"
        if ready and (not running or data.draw(st.booleans())):
            name = data.draw(st.sampled_from(ready))
            assert name not in ended
            assert set(dag.predecessors(name)) <= good
            if schedule == "levels":
                assert all(other in ended for other in dag.nodes if level_of[other] < level_of[name])
            plan.start(name)
            running.add(name)
        else:
            name = data.draw(st.sampled_from(sorted(running)))
            running.remove(name)
            status = data.draw(st.sampled_from(["done", "done", "cached", "failed", "cancelled", "skipped"]))
            ended[name] = status
            good |= {name} if status in ("done", "cached") else set()
            for skip in plan.finish(name, status):
                assert skip.node not in ended
                ended[skip.node] = "skipped"
        assert set(plan.running) == running
        assert all(plan.status(node) == status for node, status in ended.items())
    assert set(ended) == set(dag.nodes)
    assert plan.completed_levels == len(dag.levels)


@given(dags(), st.data())
def test_a_failure_skips_exactly_what_needs_it_when_going_on(dag, data):
    bad = data.draw(st.sampled_from(sorted(dag.nodes)))
    plan = Plan(dag, keep_going=True)
    skipped: list[Skip] = []
    while not plan.done:
        (name,) = plan.ready(1)
        plan.start(name)
        skipped += plan.finish(name, "failed" if name == bad else "done")
    assert tuple(skip.node for skip in skipped) == dag.descendants(bad)
    assert {skip.reason for skip in skipped} <= {f"needs {bad!r}, which failed"}


@given(dags(), st.integers(0, 14))
def test_a_limit_gives_the_beginning_of_what_is_ready(dag, limit):
    assert Plan(dag).ready(limit) == Plan(dag).ready()[:limit]
    plan = Plan(dag)
    assert (plan.ready(limit), plan.ready(limit), plan.ready()) == (*[plan.ready()[:limit]] * 2, plan.ready())


@given(dags())
def test_ready_nodes_come_by_priority_then_rank_then_document(dag):
    ready = Plan(dag).ready()
    keys = [(-dag.nodes[n].priority, -dag.upward_rank[n], dag.nodes[n].index) for n in ready]
    assert all(a < b for a, b in pairwise(keys))


def test_a_failed_node_skips_what_needs_it_and_stops_the_rest(chain):
    plan = Plan(chain)
    plan.start("load")
    assert plan.finish("load", "failed") == (
        Skip("clean", "needs 'load', which failed"),
        Skip("fit", "needs 'load', which failed"),
        Skip("other", "stopped after 'load' failed"),
    )
    assert plan.done
    assert plan.ready() == ()


def test_running_nodes_may_end_after_a_failure(chain):
    plan = Plan(chain)
    plan.start("load")
    plan.start("other")
    plan.finish("other", "failed")
    assert not plan.done
    assert plan.finish("load") == ()
    assert plan.done
    assert plan.status("clean") == "skipped"


def test_a_skipped_node_skips_what_needs_it_and_stops_nothing(chain):
    plan = Plan(chain)
    plan.start("load")
    skips = plan.finish("load", "skipped")
    assert [skip.reason for skip in skips] == ["needs 'load', which was skipped"] * 2
    assert plan.ready() == ("other",)


def test_a_cancelled_node_stops_the_rest(chain):
    plan = Plan(chain)
    plan.start("other")
    assert {skip.reason for skip in plan.finish("other", "cancelled")} == {"stopped after 'other' was cancelled"}


def test_stop_skips_all_that_has_not_started(chain):
    plan = Plan(chain)
    plan.start("load")
    assert plan.stop("interrupted") == tuple(Skip(name, "interrupted") for name in ("clean", "fit", "other"))
    assert plan.stop("again") == ()
    assert (plan.ready(), plan.done, plan.running) == ((), False, ("load",))
    plan.finish("load")
    assert plan.done


def test_a_node_started_out_of_turn_is_not_offered_again(chain):
    plan = Plan(chain)
    run(plan, "load")
    assert plan.ready() == ("clean", "other")
    run(plan, "clean")
    assert plan.ready(2) == ("fit", "other")
    plan.start("other")
    plan.start("fit")
    assert plan.ready(1) == ()
    assert plan.running == ("other", "fit")


def test_levels_wait_for_the_whole_level_above(chain):
    plan = Plan(chain, schedule="levels")
    run(plan, "load")
    assert (plan.ready(), plan.completed_levels) == (("other",), 0)
    run(plan, "other")
    assert (plan.ready(), plan.completed_levels) == (("clean",), 1)


def test_eager_overlaps_levels_and_counts_them(chain):
    plan = Plan(chain)
    run(plan, "load", "clean")
    assert (plan.ready(), plan.completed_levels) == (("fit", "other"), 0)
    run(plan, "other")
    assert plan.completed_levels == 2


def test_priority_goes_before_the_policy():
    dag = DAG([Node("long", cost=9), Node("urgent", cost=1, priority=1)])
    assert Plan(dag).ready() == ("urgent", "long")


def test_an_empty_plan_is_done():
    plan = Plan(DAG([]))
    assert (plan.done, plan.ready(), plan.ready(1), plan.stop("x"), plan.completed_levels) == (True, (), (), (), 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda plan: plan.start("clean"), "'clean' cannot start: it is waiting"),
        (lambda plan: plan.finish("load"), "'load' cannot end: it is ready"),
        (lambda plan: plan.status("nope"), "no node of this plan is named 'nope'"),
        (lambda plan: (plan.start("load"), plan.start("load")), "it is running"),
        (lambda plan: (plan.start("load"), plan.finish("load", "running")), "cannot end as 'running'"),
    ],
)
def test_a_call_that_does_not_fit_the_state_is_told(chain, call, message):
    with pytest.raises(ValueError, match=message):
        call(Plan(chain))


def test_an_unknown_schedule_is_an_error(chain):
    with pytest.raises(ConfigError, match="eager, levels"):
        Plan(chain, schedule="lazy")


def test_a_wide_graph_is_offered_without_copying_it():
    dag = DAG([Node("root"), *(Node(f"n{i}", index=i, after=["root"]) for i in range(5000))])
    plan = Plan(dag)
    run(plan, "root")
    seen = []
    while batch := plan.ready(2):
        run(plan, *batch)
        seen += batch
    assert seen == list(dag.levels[1])
