"""Which lane a node stands in, and what lanes are called."""

from __future__ import annotations

import pytest

from orchestra_nb.display.gantt.lanes import HEARING, UNDOING, Placed, kind_of, lanes_of_places, lanes_of_workers

from ..payloads import PAYLOADS


@pytest.mark.parametrize(
    ("worker", "kind"),
    [
        ("MainThread", "main"),
        ("main", "main"),
        ("Thread-12 (worker)", "thread"),
        ("ThreadPoolExecutor-0_1", "thread"),
        ("process 4711", "process"),
        ("process", "process"),
        ("dask worker tcp://127.0.0.1:8786", "dask worker"),
        ("event loop", "event loop"),
        ("async", "event loop"),
        ("", "worker"),
        ("security-reviewer-of-all", "security-reviewer…"),
    ],
)
def test_a_worker_is_called_by_what_it_is(worker, kind):
    assert kind_of(worker) == kind


def test_threads_stand_before_processes_before_the_event_loop_before_what_is_undone():
    workers = ["event loop", UNDOING, "process 12", "agent", "Thread-1 (worker)", "MainThread", "process 7"]
    placed = [Placed(f"n{i}", float(i), i + 1.0, worker) for i, worker in enumerate(workers)]
    names, laid = lanes_of_workers(placed)
    assert names == ("main", "thread 1", "process 1", "process 2", "agent 1", "event loop", "undo")
    assert [names[laid[f"n{i}"][0]] for i in range(7)] == [
        *("event loop", "undo", "process 1", "agent 1", "thread 1", "main", "process 2")
    ]


def test_what_overlaps_under_one_name_is_packed():
    placed = [Placed(name, start, end, "event loop") for name, start, end in (("a", 0, 9), ("b", 1, 3), ("c", 3, 4))]
    names, laid = lanes_of_workers(placed)
    assert names == ("event loop", "event loop 2")
    assert [laid[name][0] for name in "abc"] == [0, 1, 1]


def test_an_end_that_was_heard_of_late_is_cut_and_makes_no_second_lane():
    late = HEARING / 2
    placed = [Placed("a", 0.0, 1.0 + late, "Thread-1"), Placed("b", 1.0, 2.0, "Thread-1")]
    assert lanes_of_workers(placed) == (("thread 1",), {"a": (0, 1.0), "b": (0, 2.0)})


def test_a_longer_overlap_is_one_and_is_not_cut():
    placed = [Placed("a", 0.0, 1.0 + 2 * HEARING, "Thread-1"), Placed("b", 1.0, 2.0, "Thread-1")]
    assert lanes_of_workers(placed) == (("thread 1", "thread 2"), {"a": (0, 1.0 + 2 * HEARING), "b": (1, 2.0)})


def test_places_are_rows_of_their_lane():
    names, laid = lanes_of_places([("a", "async", 2), ("b", "thread", 1), ("c", "async", 1), ("d", "main", 1)])
    assert names == ("main", "thread 1", "event loop", "event loop 2")
    assert [names[laid[name]] for name in "abcd"] == ["event loop 2", "thread 1", "event loop", "main"]


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_worker_with_a_hostile_name_has_a_lane_with_a_short_and_clean_one(name):
    (lane,), _ = lanes_of_workers([Placed("n", 0.0, 1.0, name)])
    assert len(lane) <= 21
    assert "\x00" not in lane
    assert "\u202e" not in lane
