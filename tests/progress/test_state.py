"""The fold: never backwards, full exactly at the end, one end for each node, and the same from the same events."""

from __future__ import annotations

from itertools import pairwise

import pytest

from orchestra_nb.errors import DefinitionError, ProgressError
from orchestra_nb.events import GraphGrown, NodeEnded, NodeRetrying, NodeStarted, RunEnded, RunStarted
from orchestra_nb.graph import DAG, grown
from orchestra_nb.model import Node, Outcome
from orchestra_nb.progress.state import AS_STANDING, ENDS, STANDINGS, Progress
from tests.running.driver_worlds import World

PLAIN = DAG([Node("load"), Node("fit", after=["load"]), Node("plot", after=["load"])])


def started(node, at=0.0):
    return NodeStarted(at, node, "thread")


def ended(node, status="done", at=1.0):
    return NodeEnded(at, Outcome(node, status, started=0.0, ended=at))


BEGUN = RunStarted(0.0, 3, 2, "threading")
STORIES = {
    "nothing": ([], "pending pending pending", 0.0),
    "one runs": ([BEGUN, started("load")], "in_progress pending pending", 0.0),
    "one is done": ([BEGUN, started("load"), ended("load")], "completed pending pending", 100 / 3),
    "a result that was there": ([BEGUN, ended("load", "cached")], "completed pending pending", 100 / 3),
    "skipped without a start": ([BEGUN, ended("fit", "skipped")], "pending skipped pending", 100 / 3),
    "it fails": ([BEGUN, started("load"), ended("load", "failed")], "failed pending pending", 100 / 3),
    "it rests": ([BEGUN, started("load"), NodeRetrying(1.0, "load", 1, 5.0, "")], "in_progress pending pending", 0.0),
    "all have ended, the run has not": (
        [BEGUN, ended("load"), ended("fit"), ended("plot", "cancelled")],
        "completed completed cancelled",
        99.9,
    ),
    "the run has ended": (
        [BEGUN, ended("load"), ended("fit"), ended("plot"), RunEnded(2.0, True)],
        "completed completed completed",
        100.0,
    ),
    "the run ended early": ([BEGUN, started("load"), RunEnded(2.0, False)], "cancelled skipped skipped", 100.0),
    "the same end twice": ([BEGUN, ended("load"), ended("load")], "completed pending pending", 100 / 3),
    "another run": ([BEGUN, started("load"), RunEnded(2.0, False), BEGUN], "pending pending pending", 0.0),
    "it grows": (
        [BEGUN, started("load"), GraphGrown(1.0, "load", ("part",)), ended("load")],
        "completed pending pending pending",
        25.0,
    ),
}


@pytest.mark.parametrize(("events", "standings", "percent"), STORIES.values(), ids=STORIES)
def test_events_say_how_the_nodes_stand(events, standings, percent):
    progress = Progress.replayed(PLAIN, events)
    assert " ".join(progress.standings) == standings
    assert progress.percent == pytest.approx(percent)
    assert progress.counts == {name: progress.standings.count(name) for name in STANDINGS}


CONTRADICTIONS = {
    "another end": ([ended("load"), ended("load", "failed")], "'load' has ended as completed and cannot end as failed"),
    "a start after the end": ([ended("load"), started("load")], "'load' has ended as completed and cannot start"),
    "a rest after the end": ([ended("load"), NodeRetrying(1.0, "load", 1, 1.0, "")], "cannot start"),
    "an unknown name": ([started("laod")], "no node is named 'laod'; did you mean 'load'?"),
    "an unknown maker": ([GraphGrown(1.0, "laod", ("part",))], "did you mean 'load'?"),
    "a start after the run": ([RunEnded(1.0, True), GraphGrown(2.0, "load", ("x",))], "cannot grow any more"),
    "the run of another graph": ([RunStarted(0.0, 7, 1, "threading")], "the run has 7 nodes, and the graph that is"),
}


@pytest.mark.parametrize(("events", "told"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_what_contradicts_is_an_error_and_changes_nothing(events, told):
    progress = Progress.replayed(PLAIN, events[:-1])
    before = progress.copy()
    with pytest.raises(ProgressError) as caught:
        progress.hear(events[-1])
    assert told in str(caught.value)
    assert progress == before


def test_a_name_that_is_taken_does_not_join_the_graph():
    with pytest.raises(DefinitionError):
        Progress.replayed(PLAIN, [BEGUN, GraphGrown(1.0, "load", ("fit",))])


def test_an_end_that_is_none_is_told_with_those_there_are():
    with pytest.raises(ProgressError, match="did you mean 'failed'"):
        Progress(PLAIN).ended("load", "faild", 1.0)


def test_a_graph_of_other_nodes_is_no_growth():
    with pytest.raises(ProgressError, match="begins with others"):
        Progress(PLAIN).grow(DAG([Node("other")]))


def test_when_nobody_has_said_that_the_run_ended_an_empty_run_is_at_zero():
    progress = Progress(DAG(()))
    assert progress.percent == 0.0
    progress.end(0.0)
    assert progress.percent == 100.0


def test_after_a_growth_the_rest_of_the_bar_is_divided_among_the_rest_of_the_nodes():
    progress = Progress(DAG([Node("a"), Node("b")]))
    progress.ended("a", "completed", 1.0)
    progress.grow(grown(progress.dag, "b", [Node("c"), Node("d")]))
    seen = [progress.percent]
    for name in ("c", "d", "b"):
        progress.ended(name, "completed", 2.0)
        seen.append(progress.percent)
    assert seen == pytest.approx([50.0, 50 + 50 / 3, 50 + 100 / 3, 99.9])


def test_what_a_node_took_is_what_its_body_took_and_only_where_it_ended_well():
    events = [BEGUN, started("load", 1.0), NodeRetrying(3.0, "load", 1, 2.0, "")]
    outcomes = [Outcome("load", "done", started=5.0, ended=6.5), Outcome("fit", "failed", started=7.0, ended=9.0)]
    progress = Progress.replayed(PLAIN, [*events, *(NodeEnded(9.0, outcome) for outcome in outcomes)])
    assert progress.seconds == {0: 1.5}
    by_hand = Progress(PLAIN)
    by_hand.started("load", 1.0)
    by_hand.ended("load", "completed", 4.0)
    assert by_hand.seconds == {0: 3.0}


def test_in_random_runs_it_never_goes_back_and_is_full_exactly_at_the_end():
    growths = 0
    for seed in range(1_500):
        world = World(seed)
        dag = world.plan.dag
        world.run()
        events = [event for event in world.log if event.at <= world.log[-1].at]
        last = next(n for n, event in enumerate(events) if isinstance(event, RunEnded))
        progress, seen = Progress(dag), []
        for event in events[: last + 1]:
            progress.hear(event)
            seen.append(progress.percent)
        growths += world.grown > 0
        assert all(before <= after for before, after in pairwise(seen)), seed
        assert seen[-1] == 100.0, seed
        assert max(seen[:-1]) < 100.0, seed
        outcomes = world.driver.outcomes
        assert {name: progress.standing(name) for name in outcomes} == {
            name: AS_STANDING[outcome.status] for name, outcome in outcomes.items()
        }
        assert set(progress.standings) <= set(ENDS)
        assert Progress.replayed(dag, events[: last + 1]) == progress, seed
    assert growths > 50
