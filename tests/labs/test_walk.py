"""Walks: steps agree with the simulated schedule and with each other, and say who goes first, and why."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb import ConfigError, DefinitionError, step_through
from orchestra_nb.graph import DAG
from orchestra_nb.labs import Bars, Choice, Graph, Rows, Slider
from orchestra_nb.model import Node
from orchestra_nb.planning.plan import Plan
from orchestra_nb.planning.policies import POLICIES
from orchestra_nb.simulation import simulate

DIAMOND = DAG(
    [
        Node("load", cost=2),
        Node("clean", after=["load"]),
        Node("fit", after=["clean"], cost=3, uses=["gpu"]),
        Node("score", after=["clean"], cost=2, uses=["gpu"]),
        Node("report", after=["fit", "score"]),
    ]
)


@st.composite
def graphs(draw):
    many = draw(st.integers(1, 9))
    nodes = []
    for i in range(many):
        after = draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else ()
        nodes.append(
            Node(
                f"n{i}",
                after=[f"n{j}" for j in after],
                cost=draw(st.sampled_from([0, 1, 1.5, 2])),
                uses=draw(st.sampled_from([[], [], ["db"], ["db", "gpu"]])),
                priority=draw(st.sampled_from([0, 0, 1])),
                retry=draw(st.sampled_from([1, 1, 2])),
            )
        )
    return DAG(nodes)


terms = st.fixed_dictionaries(
    {
        "workers": st.sampled_from([1, 2, 4, [1.0, 0.5]]),
        "policy": st.sampled_from(list(POLICIES)),
        "schedule": st.sampled_from(["eager", "levels"]),
        "failures": st.sampled_from([None, 0.3]),
        "keep_going": st.booleans(),
    }
)


@settings(max_examples=80)
@given(graphs(), terms)
def test_the_steps_are_those_of_the_schedule(dag, given):
    walk, whole = step_through(dag, **given), simulate(dag, **given)
    began = sorted((step.at, str(node)) for step in walk for node, _ in step.begun)
    assert began == sorted((slot.start, str(slot.node)) for slot in whole.rows)
    assert [step.at for step in walk] == sorted({step.at for step in walk})
    assert walk[-1].at == whole.makespan
    last = walk[-1].states
    assert {node: last[node] for node in dag.nodes} == last
    assert set(last.values()) <= {"done", "failed", "skipped"}
    assert walk[-1].levels == len(dag.levels)


@settings(max_examples=40)
@given(graphs(), terms)
def test_nobody_is_offered_before_its_needs_and_offers_stand_in_the_order_of_the_plan(dag, given):
    walk = step_through(dag, **given)
    plan = Plan(dag, policy=given["policy"])
    ended = set()
    for step in walk:
        ended |= {*step.moment.done}
        offers = [offer.node for offer in step.offers]
        assert offers == sorted(offers, key=plan.rank)
        assert step.first == (offers[0] if offers else "")
        assert all(ended.issuperset(dag.predecessors(node)) for node in offers)
        assert {node for node, _ in step.begun} <= set(offers)


def test_a_step_says_what_happened_who_is_first_and_why():
    at_three = step_through(DIAMOND, workers=2).at(3.0)
    assert at_three.told == (
        "clean is done",
        "level 1 is complete",
        "fit and score may begin",
        "fit goes first: the longest way to the end begins with it (upward rank 4.0 s)",
        "fit begins on worker 1",
        "score waits for gpu, held by fit",
    )
    assert [(offer.node, offer.key, offer.fate) for offer in at_three.offers] == [
        ("fit", "4.0 s", "begins on worker 1"),
        ("score", "3.0 s", "waits for gpu, held by fit"),
    ]
    assert (at_three.held, at_three.waiting) == ((("gpu", ("fit",)),), (("score", "gpu", ("fit",)),))


@pytest.mark.parametrize(
    ("policy", "nodes", "first", "why"),
    [
        ("fifo", [Node("a"), Node("b", cost=9)], "a", "it stands first in the document"),
        ("longest-first", [Node("a"), Node("b", cost=9)], "b", "it takes longest (9.0 s)"),
        ("shortest-first", [Node("a", cost=9), Node("b")], "b", "it takes least (1.0 s)"),
        ("critical-path", [Node("a"), Node("b")], "a", "as urgent as b, it stands before it in the document"),
        ("longest-first", [Node("a", cost=9), Node("b", priority=5)], "b", "its priority 5 comes before any policy"),
        (
            "highest-level",
            [Node("a"), Node("b"), Node("c", after=["b"])],
            "b",
            "most nodes stand one behind the other from it on (2)",
        ),
        ("most-successors", [Node("a"), Node("b"), Node("c", after=["b"])], "b", "most nodes wait for it (1)"),
        ("smallest-slack", [Node("a"), Node("b", cost=9)], "b", "it may be late by least (0 s)"),
        (lambda dag: {"a": 2.0, "b": 1.5}, [Node("a"), Node("b")], "b", "its key is the smallest (1.5)"),
    ],
)
def test_why_the_first_is_first(policy, nodes, first, why):
    assert f"{first} goes first: {why}" in step_through(DAG(nodes), 1, policy)[0].told


def test_each_policy_that_has_a_name_is_told_by_a_number_that_has_a_name():
    for policy in POLICIES:
        assert step_through(DIAMOND, 1, policy)[0].order.heading != "key"


def test_with_chance_the_draw_is_told_and_the_seed_decides():
    walk = step_through(DAG([Node(f"n{i}") for i in range(9)]), 1, "random", seed=3)
    assert "chance wants it so" in " ".join(walk[0].told)
    assert walk.with_(seed=3)[0].told == walk[0].told
    assert len({step_through(walk.dag, 1, "random", seed=seed)[0].first for seed in range(9)}) > 1


def test_a_retry_rests_and_begins_again():
    walk = step_through(DAG([Node("call", retry=3)]), failures={"call": 1.0})
    assert [step.states["call"] for step in walk] == ["running", "resting", "running", "resting", "running", "failed"]
    assert [len(step.begun) for step in walk] == [1, 0, 1, 0, 1, 0]
    assert walk.story.frames[1].panels[2].rows[0][1] == "rests"


@pytest.mark.parametrize("seconds", [-1, float("nan"), -0.001])
def test_there_is_nothing_before_the_beginning(seconds):
    with pytest.raises(ConfigError, match="before the beginning"):
        step_through(DIAMOND).at(seconds)


def test_a_moment_between_two_steps_is_as_the_earlier_one_left_it():
    walk = step_through(DIAMOND)
    assert (walk.at(0).number, walk.at(1.99).number, walk.at(2).number, walk.at(1e9).number) == (0, 0, 1, len(walk) - 1)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"worker": 3}, "a walk has no 'worker'; did you mean 'workers'"),
        ({"workers": 0}, "workers=0 can run nothing"),
        ({"policy": "fifa"}, "did you mean 'fifo'"),
        ({"durations": {"load": -1}}, "node 'load' takes -1"),
    ],
)
def test_what_cannot_be_is_said(changed, says):
    with pytest.raises(ConfigError, match=says):
        step_through(DIAMOND).with_(**changed)


def test_more_than_there_is_of_a_resource_is_refused():
    with pytest.raises(DefinitionError):
        step_through(DAG([Node("a", uses=["gpu:3"])]), resources={"gpu": 2})


def test_terms_stay_when_something_else_is_turned():
    walk = step_through(DIAMOND, 2, resources={"gpu": 2})
    assert walk.with_(policy="fifo").schedule.makespan == walk.schedule.makespan == 7.0
    assert walk.with_(resources=None).schedule.makespan == 9.0


def test_the_story_has_the_graph_the_offers_the_locks_and_the_bars():
    story = step_through(DIAMOND, 2).story
    frame = story.frames[2]
    graph, offers, running, locks, bars = frame.panels
    assert (type(graph), type(offers), type(bars)) == (Graph, Rows, Bars)
    assert graph.states["fit"] == "running"
    assert offers.headings[1] == "upward rank"
    assert running.rows == (("fit", "worker 1", "6.0 s"),)
    assert locks.rows == (("gpu", "fit", "score"),)
    assert frame.facts["waits"] == "score waits for gpu, held by fit"
    assert [type(control) for control in story.controls] == [Slider, Choice, Choice]
    assert {tuple(each.facts) for each in story.frames} == {tuple(frame.facts)}


def test_turning_workers_and_policy_tells_another_walk():
    story = step_through(DIAMOND, 2).story.changed("workers", 1).changed("policy", "fifo")
    assert story.title == "Step by step: 5 nodes on 1 worker, fifo"
    assert "no schedule less than" in story.summary[0]


def test_workers_of_unequal_speed_and_a_policy_of_ones_own_stay():
    story = step_through(DIAMOND, [1.0, 0.5], lambda dag: dict.fromkeys(dag.nodes, 0.0)).story
    assert [control.name for control in story.controls] == ["schedule"]
    assert story.changed("schedule", "levels").frames[0].told


def test_a_graph_of_a_thousand_nodes_is_walked_through():
    nodes = [Node(f"n{i}", after=[f"n{j}" for j in (i - 7, i - 40) if j >= 0], cost=1 + i % 5) for i in range(1000)]
    walk = step_through(DAG(nodes), 4)
    assert len(walk.frame) == len(walk)
    assert sum(len(step.begun) for step in walk) == 1000
    page = walk._repr_mimebundle_()
    assert len(page["text/html"].encode()) <= 300_000
