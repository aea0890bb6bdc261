from __future__ import annotations

import base64
import re

import pytest

from orchestra_nb import DAG, Node, compare_policies
from orchestra_nb.display import comparisons
from orchestra_nb.simulation.optimum import Optimum

DAG_ = DAG([Node("a", cost=2), Node("b", cost=2), Node("urgent", cost=2), Node("after", after=["urgent"], cost=4)])


def pictures(page):
    found = re.findall(r"base64,([^\"]+)\"", page)
    return [base64.b64decode(each).decode() for each in found]


def test_the_text_has_a_row_for_each_policy_and_says_which_is_best():
    lines = compare_policies(DAG_, 2, ["fifo", "critical-path"])._repr_mimebundle_()["text/plain"].split("\n")
    assert lines[0] == "2 policies for 4 nodes on 2 workers; no schedule is shorter than 6.0 s"
    assert lines[2].split() == ["fifo", "8.0", "s", "1.333", "62%", "6.0", "s"]
    assert lines[-1] == "shortest of those that a run can follow, with 2 workers: critical-path"


def test_several_numbers_of_workers_stand_side_by_side():
    text = compare_policies(DAG_, [1, 2], ["fifo", "random"], seeds=3)._repr_mimebundle_()["text/plain"]
    assert "makespan     1 worker  2 workers" in text
    assert "lower bound  10.0 s    6.0 s" in text
    assert "random: the median of 3 seeds" in text


def test_all_schedules_stand_on_one_time_axis():
    page = compare_policies(DAG_, 2, ["fifo", "critical-path"])._repr_mimebundle_()["text/html"]
    charts = [svg for svg in pictures(page) if "Gantt chart" in svg]
    assert [re.search(r"over (\S+ s)", svg)[1] for svg in charts] == ["8.0 s", "6.0 s"]
    assert len({tuple(re.findall(r">(\d+ s)<", svg)) for svg in charts}) == 1


def test_charts_that_weigh_too_much_are_left_out_and_that_is_said(monkeypatch):
    monkeypatch.setattr(comparisons, "_MOST_BYTES", 10)
    page = compare_policies(DAG_, 2, ["fifo", "critical-path", "heft"])._repr_mimebundle_()["text/html"]
    assert "and 2 schedules more; .gantt(name) draws each" in page
    assert sum("Gantt chart" in svg for svg in pictures(page)) == 1


@pytest.mark.parametrize("workers", [2, [1, 2, 4]])
def test_a_page_without_matplotlib_has_everything_but_the_figure(monkeypatch, workers):
    found = compare_policies(DAG_, workers, ["fifo", "random", "optimum"])
    with_figure = len(pictures(found._repr_mimebundle_()["text/html"]))
    monkeypatch.setattr(comparisons, "drawable", lambda: False)
    assert len(pictures(found._repr_mimebundle_()["text/html"])) == with_figure - 1


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ({"proved": True}, "shortest schedule, proved: 6.0 s with 2 workers"),
        ({"proved": True, "error": 0.002}, "shortest schedule, proved to within 2 ms: 6.0 s"),
        ({"shortest": 5.5}, "shortest schedule found, none is below 5.5 s: 6.0 s"),
    ],
)
def test_an_optimum_says_what_is_known_of_shorter_ones(known, told):
    shown = Optimum((), 2, 6.0, 5.0, 1.0, **known)._repr_mimebundle_()
    assert told in shown["text/plain"]
    assert told in shown["text/html"]
