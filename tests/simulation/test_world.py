"""The simulator under everything that a run knows beside workers: resources, retries, times that are up, the loop."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb.config import RetryPolicy, RunConfig
from orchestra_nb.errors import ConfigError, DefinitionError
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.planning import POLICIES
from orchestra_nb.resources.claims import wants_of
from orchestra_nb.running.decisions import retry_policy
from orchestra_nb.running.scheduler import ParallelScheduler
from orchestra_nb.simulation import LogNormal, Uniform, moments, simulate
from orchestra_nb.simulation.case import case_of
from orchestra_nb.simulation.simulator import run_case, run_world
from orchestra_nb.simulation.world import World

TINY = 1e-9
RESOURCES = {"db": 1, "gpu": 2, "api": "2/s"}
STILL = RetryPolicy(attempts=3, initial_delay=1.0, multiplier=2.0, jitter=0.0)

any_policy = st.sampled_from(sorted(POLICIES))
any_schedule = st.sampled_from(["eager", "levels"])
some_workers = st.one_of(st.integers(1, 5), st.lists(st.sampled_from([0.5, 1.0, 1.0, 3.0]), min_size=1, max_size=4))


@st.composite
def graphs(draw: st.DrawFn, *, plain: bool) -> DAG:
    kinds = st.sampled_from([(), (), ("db",), ("gpu",), ("gpu:2",), ("db", "gpu"), ("api",)])
    tried = st.sampled_from([1, 1, 2, STILL, replace(STILL, keep_locks=True)])
    return DAG(
        Node(
            f"n{i}",
            index=i,
            after=[f"n{j}" for j in draw(st.sets(st.integers(0, i - 1), max_size=3))] if i else (),
            cost=draw(st.one_of(st.integers(0, 4), st.floats(0.01, 4))),
            priority=draw(st.sampled_from([0, 0, 1])),
            uses=() if plain else draw(kinds),
            retry=1 if plain else draw(tried),
            timeout=None if plain else draw(st.sampled_from([None, None, 2.0])),
            breaker=None if plain else draw(st.sampled_from([None, None, None, "web"])),
        )
        for i in range(draw(st.integers(1, 10)))
    )


@st.composite
def troubled(draw: st.DrawFn):
    """A graph with all that a run knows, and the terms of its simulation."""
    terms = {
        "resources": RESOURCES,
        "failures": draw(st.sampled_from([None, 0.3, 1.0])),
        "keep_going": draw(st.booleans()),
        "timeout": draw(st.sampled_from([None, None, 6.0])),
        "durations": draw(st.sampled_from([None, LogNormal(0.5), Uniform(0.5, 1.5)])),
    }
    how = draw(some_workers), draw(any_policy), draw(any_schedule), draw(st.integers(0, 3))
    return draw(graphs(plain=False)), how, terms


@given(graphs(plain=True), some_workers, any_policy, any_schedule)
def test_the_plan_machine_alone_and_the_driver_of_a_run_make_the_same_schedule(dag, workers, policy, schedule):
    case = case_of(dag, workers, policy, schedule, seed=2)
    assert case.is_plain
    assert run_case(case) == run_world(World(case))


@settings(max_examples=50)
@given(troubled())
def test_equal_questions_have_equal_answers_and_nothing_beats_the_bound(asked):
    dag, how, terms = asked
    found = simulate(dag, *how, **terms)
    assert found == simulate(dag, *how, **terms)
    assert found.lower_bound <= found.makespan + TINY
    assert 0 <= found.utilization <= 1
    assert all(0 <= use.utilization <= 1 for use in found.resources)


@settings(max_examples=50)
@given(troubled())
def test_there_is_never_more_of_a_resource_in_use_than_there_is(asked):
    dag, how, terms = asked
    rows = simulate(dag, *how, **terms).rows
    wants = {name: dict(wants_of(node.uses)) for name, node in dag.nodes.items()}
    for moment in {row.start for row in rows}:
        inside = [wants[row.node] for row in rows if row.start <= moment < row.end]
        assert sum(each.get("db", 0) for each in inside) <= 1
        assert sum(each.get("gpu", 0) for each in inside) <= 2
        window = [row for row in rows if moment <= row.start < moment + 1.0 - TINY]
        assert sum(wants[row.node].get("api", 0) for row in window) <= 2


@settings(max_examples=50)
@given(troubled())
def test_a_node_is_tried_as_often_as_its_policy_says_at_most_and_never_twice_at_once(asked):
    dag, how, terms = asked
    found = simulate(dag, *how, **terms)
    ended = {outcome.node: outcome for outcome in found.outcomes}
    for name, node in dag.nodes.items():
        tries = [row for row in found.rows if row.node == name]
        assert len(tries) <= retry_policy(node).attempts
        assert all(a.end <= b.start and a.status == "failed" for a, b in itertools.pairwise(tries))
        good = bool(tries) and tries[-1].status == "done"
        assert good == (name not in ended), "each node has one end"
        assert node.timeout is None or all(row.seconds <= node.timeout + TINY for row in tries)
        assert terms["timeout"] is None or all(row.end <= terms["timeout"] + TINY for row in tries)


@settings(max_examples=50)
@given(troubled())
def test_slots_and_gaps_fill_each_workers_time_and_waits_fill_each_nodes(asked):
    dag, how, terms = asked
    found = simulate(dag, *how, **terms)
    for worker in range(found.workers):
        parts = [part for part in (*found.rows, *found.gaps) if part.worker == worker]
        assert sum(part.end - part.start for part in parts) == pytest.approx(found.makespan)
        parts.sort(key=lambda part: (part.start, part.end))
        assert all(a.end <= b.start + TINY for a, b in itertools.pairwise(parts))
    for row in found.rows:
        waited = sum(w.seconds for w in found.waits if (w.node, w.attempt) == (row.node, row.attempt))
        before = [r.end for r in found.rows if r.node == row.node and r.attempt < row.attempt]
        since = before[-1] if before else row.queued if row.met is None else row.met
        if not before or not any(r.attempt == row.attempt - 1 for r in found.rows if r.node == row.node):
            continue  # between them a circuit gave no leave, which is no slot
        assert waited == pytest.approx(row.start - since)


@settings(max_examples=40)
@given(troubled())
def test_the_moments_of_a_run_are_its_schedule(asked):
    dag, how, terms = asked
    found, seen = simulate(dag, *how, **terms), moments(dag, *how, **terms)
    assert seen[-1].at == found.makespan
    last = seen[-1]
    assert (last.ready, last.running, last.waiting, last.resting) == ((), (), (), ())
    assert {*last.done, *last.failed, *last.skipped} == set(dag.nodes)
    for before, after in itertools.pairwise(seen):
        assert before.at <= after.at
        assert set(before.done) <= set(after.done)
    running = {(name, worker) for moment in seen for name, worker, _ in moment.running}
    assert running == {(row.node, row.worker) for row in found.rows}
    for moment in seen:
        assert len(moment.running) <= found.workers
        assert all(by for _, _, by in moment.waiting), "somebody holds what is waited for"


@settings(max_examples=15)
@given(graphs(plain=True), any_policy)
def test_a_real_run_with_one_job_begins_its_nodes_in_the_order_of_the_simulation(dag, policy):
    begun: list[str] = []
    nodes = [replace(node, fn=lambda name=node.id: begun.append(name), cost=1.0) for node in dag.nodes.values()]
    real = DAG(nodes)
    ParallelScheduler(RunConfig(jobs=1, history=False, policy=policy)).execute(real)
    order = policy if policy == "random" else "fifo"  # one worker takes as long in any order
    assert begun == [row.node for row in simulate(real, 1, order).rows]


def facts(found):
    return [(row.node, row.start, row.end) for row in found.rows]


def test_a_lock_is_waited_for_and_said_who_held_it():
    dag = DAG([Node("a", cost=3, uses=["db"]), Node("b", cost=2, uses=["db"]), Node("c", cost=1)])
    found = simulate(dag, 3, "fifo")
    assert facts(found) == [("a", 0.0, 3.0), ("c", 0.0, 1.0), ("b", 3.0, 5.0)]
    assert [(w.node, w.kind, w.seconds, w.resource, w.held_by) for w in found.waits] == [
        ("b", "lock", 3.0, "db", ("a",))
    ]
    assert found.lower_bound == 5.0
    assert [(use.resource, use.busy, use.utilization) for use in found.resources] == [("db", 5.0, 1.0)]
    assert [(g.worker, g.start, g.end, g.why, g.node, g.resource) for g in found.gaps] == [
        (1, 1.0, 3.0, "lock", "b", "db"),
        (1, 3.0, 5.0, "over", "", ""),
        (2, 0.0, 3.0, "lock", "b", "db"),
        (2, 3.0, 5.0, "over", "", ""),
    ]
    assert simulate(dag, 3, resources={"db": 2}).makespan == 3.0


def test_a_rate_is_a_sliding_window():
    dag = DAG([Node(f"call {n}", cost=0.1, uses=["api"], index=n) for n in range(5)])
    found = simulate(dag, 5, resources={"api": "2/s"})
    assert [row.start for row in found.rows] == [0.0, 0.0, 1.0, 1.0, 2.0]
    assert found.lower_bound == 2.0
    assert found.waits[0].kind == "rate"
    assert found.waits[0].held_by == ("call 1",)


def test_a_budget_that_is_spent_fails_its_node():
    dag = DAG([Node("a", uses=["coins:2"]), Node("b", uses=["coins:2"])])
    found = simulate(dag, 2, resources={"coins": "3/run"})
    assert [(outcome.node, outcome.status) for outcome in found.outcomes] == [("b", "failed")]


def test_what_fails_rests_and_is_tried_again_until_its_policy_has_enough():
    found = simulate(DAG([Node("a", cost=2, retry=STILL)]), 1, failures={"a": 1.0})
    assert facts(found) == [("a", 0.0, 2.0), ("a", 3.0, 5.0), ("a", 7.0, 9.0)]
    assert [(w.kind, w.seconds, w.attempt) for w in found.waits] == [("rest", 1.0, 2), ("rest", 2.0, 3)]
    assert [(gap.why, gap.seconds) for gap in found.gaps] == [("rest", 1.0), ("rest", 2.0)]
    assert [outcome.node for outcome in found.failed] == ["a"]


def test_a_failure_is_of_the_kind_that_the_policy_covers():
    node = Node("a", retry={"attempts": 2, "on": ("ConnectionError",)})
    assert len(simulate(DAG([node]), 1, failures=1.0).rows) == 2


@pytest.mark.parametrize(
    ("keep_going", "begun"), [(False, ["long", "bad"]), (True, ["long", "bad", "other"])], ids=["stop", "keep going"]
)
def test_a_failure_stops_what_has_not_begun_unless_the_run_keeps_going(keep_going, begun):
    nodes = [Node("bad"), Node("long", cost=5), Node("next", after=["bad"]), Node("other", after=["long"])]
    found = simulate(DAG(nodes), 2, failures={"bad": 1.0}, keep_going=keep_going)
    assert [row.node for row in found.rows] == begun
    assert "next" in [outcome.node for outcome in found.skipped]


def test_the_timeout_of_the_run_cuts_short_what_runs():
    found = simulate(DAG([Node("a", cost=5), Node("b", after=["a"])]), 2, timeout=3)
    assert (found.makespan, found.stopped) == (3.0, "timeout")
    assert [(row.node, row.end, row.status) for row in found.rows] == [("a", 3.0, "cancelled")]


def test_an_attempt_that_ends_when_its_time_is_up_has_ended_in_time():
    assert not simulate(DAG([Node("a", cost=2, timeout=2)]), 2).outcomes


def test_a_circuit_opens_in_virtual_time():
    circuit = {"name": "web", "threshold": 1, "rest": 10.0}
    retry = {"attempts": 2, "initial_delay": 1.0, "jitter": 0.0, "max_delay": 60.0}
    dag = DAG([Node("a", breaker=circuit, index=0), Node("b", breaker="web", after=["c"], retry=retry), Node("c")])
    found = simulate(dag, 1, "fifo", failures={"a": 1.0}, keep_going=True)
    assert [(row.node, row.start) for row in found.rows] == [("a", 0.0), ("c", 1.0), ("b", 11.0)]


async def asks():
    """Nothing."""


def test_coroutines_take_no_worker_unless_there_is_only_one():
    dag = DAG([Node(f"ask {n}", fn=asks, cost=3, index=n) for n in range(4)])
    together, limited, alone = simulate(dag, 2), simulate(dag, 2, async_jobs=2), simulate(dag, 1)
    assert (together.makespan, limited.makespan, alone.makespan) == (3.0, 6.0, 12.0)
    assert {row.worker for row in together.rows} == {2, 3, 4, 5}
    assert (together.utilization, alone.utilization) == (0.0, 1.0)
    assert {row.lane for row in together.rows} == {"async"}


def test_a_barrier_is_waited_for():
    dag = DAG([Node("slow", cost=5), Node("quick", cost=1), Node("next", after=["quick"], cost=1)])
    found = simulate(dag, 2, schedule="levels")
    assert [(w.node, w.kind, w.start, w.end) for w in found.waits] == [("next", "barrier", 1.0, 5.0)]
    assert [(gap.worker, gap.why, gap.start, gap.end) for gap in found.gaps] == [
        (1, "barrier", 1.0, 5.0),
        (1, "over", 5.0, 6.0),
    ]


def test_the_fastest_free_worker_takes_the_most_urgent_node():
    dag = DAG([Node("long", cost=8), Node("short", cost=2), Node("last", cost=1)])
    found = simulate(dag, [0.5, 2.0])
    assert [(row.node, row.worker, row.end) for row in found.rows] == [
        ("long", 1, 4.0),
        ("short", 0, 4.0),
        ("last", 1, 4.5),
    ]
    assert found.lower_bound == 11 / 2.5


def test_what_only_compensates_does_not_run():
    dag = DAG([Node("load", undo="drop"), Node("drop", cost=50)])
    found = simulate(dag, 2)
    assert [row.node for row in found.rows] == ["load"]
    assert found.skipped[0].reason == "it compensates 'load' when the run fails"


def test_draws_belong_to_nodes_and_not_to_their_order():
    nodes = [Node(f"n{i}", index=i) for i in range(5)]
    terms = {"durations": LogNormal(0.5)}
    by = {
        policy: {row.node: round(row.seconds, 9) for row in simulate(DAG(nodes), 2, policy, seed=7, **terms).rows}
        for policy in ("fifo", "random", "longest-first")
    }
    assert by["fifo"] == by["random"] == by["longest-first"]
    part = simulate(DAG(nodes[3:]), 1, seed=7, **terms)
    assert {row.node: round(row.seconds, 9) for row in part.rows}.items() <= by["fifo"].items()
    assert by["fifo"] != {r.node: round(r.seconds, 9) for r in simulate(DAG(nodes), 2, "fifo", seed=8, **terms).rows}


A = DAG([Node("load"), Node("fit", after=["load"])])


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ({"workers": 0}, "workers=0 can run nothing"),
        ({"workers": -2}, "workers=-2 can run nothing"),
        ({"workers": True}, "workers=True is no number of workers"),
        ({"workers": 2.0}, "workers=2.0 is no number of workers"),
        ({"workers": "2"}, "workers='2' is no number of workers"),
        ({"workers": []}, r"workers=\[\] can run nothing"),
        ({"workers": [1.0, 0.0]}, r"workers\[1\]=0.0 is no speed"),
        ({"workers": [float("nan")]}, r"workers\[0\]=nan is no speed"),
        ({"workers": [1, True]}, r"workers\[1\]=True is no speed"),
        ({"policy": "critical"}, "did you mean 'critical-path'"),
        ({"schedule": "lazy"}, "schedule='lazy' is not one of eager, levels"),
        ({"resources": {"db": 0}}, "resource 'db': 0 must be"),
        ({"resources": ["db"]}, "must be a mapping"),
        ({"timeout": -1}, "timeout=-1 must be a positive"),
        ({"async_jobs": 0}, "async_jobs=0 must be"),
        (
            {"durations": {"load": -1, "fit": 1}},
            "node 'load' takes -1; a duration is",
        ),
        ({"durations": {"load": float("nan"), "fit": 1}}, "node 'load' takes nan"),
        ({"durations": {"load": 1}}, "durations: node 'fit' is missing"),
        ({"durations": {"load": 1, "fit": 1, "fti": 1}}, "there is no node 'fti'; did you mean 'fit'"),
        ({"durations": "guessed"}, "durations='guessed' says nothing"),
        ({"failures": {"fit": 2}}, "2 of node 'fit' is no probability"),
        ({"failures": {"fot": 0.5}}, "did you mean 'fit'"),
        ({"failures": -0.5}, "-0.5 of node 'load' is no probability"),
        ({"resource": {}}, "there is no setting 'resource'; did you mean 'resources'"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused_with_its_place(terms, told):
    with pytest.raises(ConfigError, match=told):
        simulate(A, **terms)


def test_every_fault_is_told_at_once():
    with pytest.raises(ConfigError) as caught:
        simulate(A, 0, "none", durations={"load": -1, "fot": 2})
    assert len(str(caught.value).splitlines()) == 5


def test_a_node_that_could_never_run_is_refused_as_before_a_run():
    with pytest.raises(DefinitionError, match="uses 2 of 'gpu', and there is 1"):
        simulate(DAG([Node("a", uses=["gpu:2"])]), 2)


def test_what_is_no_graph_is_refused():
    with pytest.raises(ConfigError, match="a simulation is of a DAG, not list"):
        simulate([Node("a")], 2)


@settings(max_examples=30)
@given(troubled(), st.lists(st.integers(0, 10**6), max_size=12))
def test_a_moment_is_the_same_in_whatever_order_moments_are_looked_at(asked, places):
    dag, how, terms = asked
    in_order = list(moments(dag, *how, **terms))
    found = moments(dag, *how, **terms)
    for place in places:
        assert found[place % len(found)] == in_order[place % len(found)]
    assert found[-1] == in_order[-1]
    assert found[:] == tuple(in_order)
    assert found.schedule == simulate(dag, *how, **terms)
    begun = [(beat.at, node) for beat in found.beats for node, _ in beat.begun]
    assert begun == [(row.start, row.node) for row in found.schedule.rows]


def test_who_has_rested_and_waits_for_a_worker_does_not_rest_any_more():
    dag = DAG([Node("call", retry=STILL, priority=1), Node("long", cost=9)])
    stands = [(moment.at, moment.resting, moment.ready) for moment in moments(dag, 1, failures={"call": 1.0})]
    assert stands[1] == (1.0, (("call", 2.0),), ())
    assert stands[2][1:] == ((), ("call",))


def test_a_walk_of_many_nodes_keeps_few_moments():
    nodes = [Node(f"n{i}", index=i, after=[f"n{i - 40}"] if i >= 40 else ()) for i in range(5_000)]
    found = moments(DAG(nodes), 8)
    assert len(found[len(found) - 1].done) == 5_000
    assert found[300].running != found[10].running
    assert sum(1 for _ in found[:200]) == 200
    assert len(found._made) <= 64
    with pytest.raises(IndexError):
        found[len(found)]


def test_more_nodes_than_a_person_can_watch_are_refused():
    with pytest.raises(ConfigError, match="too many to be looked at"):
        moments(DAG(Node(f"n{i}", index=i) for i in range(20_001)))
