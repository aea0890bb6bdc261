"""When each node waited, ran and rested, and in which place of its lane."""

from __future__ import annotations

from orchestra_nb.events import NodeEnded, NodeQueued, NodeRetrying, NodeStarted, RunPaused, RunStarted, RunUnpaused
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, Outcome
from orchestra_nb.replay.fold import Fold
from orchestra_nb.replay.spans import Span, Spans


def folded(*events, nodes="abcd"):
    fold = Fold(DAG([Node(name) for name in nodes]))
    for event in events:
        fold.hear(event)
    return fold.spans.of


def test_a_node_that_starts_takes_the_lowest_place_that_is_free():
    spans = Spans()
    for node in "abc":
        spans.begin(node, 0.0, "thread")
    spans.end("b")
    spans.end("a")
    for node in "de":
        spans.begin(node, 1.0, "thread")
    assert {node: span.place for node, span in spans.of.items()} == {"a": 1, "b": 2, "c": 3, "d": 1, "e": 2}


def test_each_lane_counts_its_own_places():
    spans = Spans()
    for node, lane in (("a", "thread"), ("b", "async"), ("c", "async")):
        spans.begin(node, 0.0, lane)
    assert [(span.lane, span.place) for span in spans.of.values()] == [("thread", 1), ("async", 1), ("async", 2)]


def test_what_never_began_frees_no_place():
    spans = Spans()
    spans.queue("a", 0.0)
    spans.end("a")
    spans.end("unknown")
    spans.begin("b", 0.0, "thread")
    spans.begin("c", 0.0, "thread")
    assert (spans.of["a"], spans.of["b"].place, spans.of["c"].place) == (Span(0.0), 1, 2)


def test_who_is_told_to_begin_twice_keeps_its_place():
    spans = Spans()
    spans.begin("a", 0.0, "thread")
    spans.begin("a", 3.0, "process")
    assert spans.of["a"] == Span(None, 0.0, "thread", 1)


def test_a_place_is_kept_through_rests_and_given_on_at_the_end():
    told = folded(
        RunStarted(0.0, 4, 1, "threading"),
        NodeQueued(0.0, "a"),
        NodeStarted(1.0, "a", "thread"),
        NodeRetrying(2.0, "a", 1, 3.0, "no"),
        NodeStarted(2.0, "b", "thread"),
        NodeEnded(6.0, Outcome("a", "done", started=5.0, ended=6.0)),
        NodeStarted(6.0, "c", "thread"),
    )
    assert told["a"] == Span(0.0, 1.0, "thread", 1, ((2.0, 5.0),))
    assert (told["b"].place, told["c"].place) == (2, 1)


def test_a_rest_that_a_pause_makes_longer_ends_when_it_does():
    told = folded(
        RunStarted(0.0, 4, 1, "threading"),
        NodeStarted(0.0, "a", "thread"),
        NodeRetrying(1.0, "a", 1, 2.0, "no"),
        RunPaused(2.0, 0),
        RunUnpaused(7.0, 5.0),
    )
    assert told["a"].rests == ((1.0, 7.0),)


def test_a_copy_is_not_changed_by_what_comes_later():
    spans = Spans()
    spans.begin("a", 0.0, "thread")
    copy = spans.copy()
    spans.end("a")
    spans.begin("b", 1.0, "thread")
    copy.begin("c", 1.0, "thread")
    assert ("b" in copy.of, copy.of["c"].place, spans.of["b"].place) == (False, 2, 1)
