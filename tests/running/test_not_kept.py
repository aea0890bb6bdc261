"""Nodes that say ``cache`` and follow from outside: neither looked for nor kept, unless for some seconds; and said."""

from __future__ import annotations

import os
import random
import sys
import time

import cloudpickle
import pytest

from orchestra_nb import task
from orchestra_nb.config import RunConfig
from orchestra_nb.display import frames
from orchestra_nb.display.text import dag_text
from orchestra_nb.errors import Issue
from orchestra_nb.events import EventBus
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Expand, Node
from orchestra_nb.presentation import presenter_of
from orchestra_nb.running import keeping, not_kept
from orchestra_nb.running.functions import FunctionProgram
from orchestra_nb.running.not_kept import cautions, reasons
from orchestra_nb.running.recall import Recall
from orchestra_nb.running.scheduler import ParallelScheduler
from orchestra_nb.running.seams import Reply

cloudpickle.register_pickle_by_value(sys.modules[__name__])

TIME = "follows from the time (time.time); cache=SECONDS keeps it all the same"
CHANCE = "follows from chance (random.Random); cache=SECONDS keeps it all the same"


def stamp():
    return time.time()


async def stamp_later():
    return time.time()


def seeded():
    return random.Random(3).random()


def unseeded():
    return random.Random().random()


def everything():
    return time.time(), random.random(), os.getpid(), os.environ["HOME"], input()


def plain(rows=3):
    return [*range(rows)]


NODES = [
    (Node("a", fn=stamp, cache=True), TIME),
    (Node("a", fn=stamp_later, cache=True), TIME),
    (Node("a", fn=unseeded, cache=True), CHANCE),
    (Node("a", fn=stamp, cache=60), ""),
    (Node("a", fn=stamp), ""),
    (Node("a", fn=stamp, cache=False), ""),
    (Node("a", fn=seeded, cache=True), ""),
    (Node("a", fn=plain, cache=True), ""),
    (
        Node("a", fn=everything, cache=True),
        "follows from the time (time.time), chance (random.random), this process (os.getpid) and 2 more; "
        "cache=SECONDS keeps it all the same",
    ),
    (Node("a", fn=lambda: (time.time(), os.urandom(1)), cache=True),
     "follows from the time (time.time) and chance (os.urandom); cache=SECONDS keeps it all the same"),
    (Node("a", kind="cell", cache=True, metadata={"not_kept": "shows a picture"}), "shows a picture"),
    (Node("a", kind="cell", cache=True), ""),
    (Node("a", kind="agent", fn=stamp, cache=True), ""),
    (Node("a", kind="agent", cache=True), ""),
    (Node("a", parts=[Node("b", fn=stamp, cache=True)], cache=True), ""),
]  # fmt: skip


@pytest.mark.parametrize(("node", "told"), NODES, ids=[str(number) for number in range(len(NODES))])
def test_why_a_result_would_not_be_kept(node, told):
    assert not_kept.not_kept(node) == told
    assert reasons([node]) == ({"a": told} if told else {})
    shown = f"not kept: a {told}" if told else ""
    assert [line for line in dag_text(DAG([node])).split("\n") if line.startswith("not kept")] == [shown] * bool(told)
    assert [issue.message for issue in cautions([node])] == [f"'a' is not kept: it {told}"] * bool(told)


def test_nodes_of_one_function_are_told_apart_by_what_they_say():
    nodes = [Node("by", kind="agent", fn=stamp, cache=True), Node("a", fn=stamp, cache=True),
             Node("b", fn=stamp, cache=9), Node("c", fn=stamp),
             Node("d", fn=stamp, cache=True), Node("e", kind="cell", cache=True, metadata={"not_kept": "shows it"}),
             Node("f", kind="cell", cache=True), Node("g", kind="cell", metadata={"not_kept": "shows it"})]  # fmt: skip
    assert reasons(nodes) == {"a": TIME, "d": TIME, "e": "shows it"}


def test_each_function_is_looked_through_once_in_a_plan(monkeypatch):
    asked = []
    monkeypatch.setattr(not_kept, "outside_of", lambda fn: asked.append(fn) or ())
    reasons([Node(f"n{i}", fn=stamp, cache=True) for i in range(9)])
    assert asked == [stamp]


def test_code_that_cannot_be_looked_through_is_not_kept(monkeypatch):
    def fails(fn):
        raise RecursionError("too deep")

    monkeypatch.setattr(not_kept, "outside_of", fails)
    told = not_kept.not_kept(Node("a", fn=plain, cache=True))
    assert told.startswith("has code that cannot be looked through (RecursionError: too deep)")


def test_a_plan_says_it_in_text_in_html_and_in_its_frame():
    dag = DAG([Node("load", fn=stamp, cache=True), Node("total", fn=plain, cache=True), Node("show", fn=stamp)])
    line = f"not kept: load {TIME}"
    assert dag_text(dag).split("\n").count(line) == 1
    bundle = presenter_of(dag).bundle(dag)
    assert line in bundle["text/plain"]
    assert f"not kept: load {TIME}</p>" in bundle["text/html"]
    assert bundle["text/html"].count("not kept") == 1
    assert frames.nodes(dag).set_index("id")["not_kept"].to_dict() == {"load": TIME, "total": "", "show": ""}


def test_a_plan_in_which_nobody_says_cache_is_as_it_was(monkeypatch):
    monkeypatch.setattr(not_kept, "outside_of", lambda fn: pytest.fail("nobody asked"))
    dag = DAG([Node("load", fn=stamp), Node("show", fn=stamp)])
    assert "not kept" not in str(presenter_of(dag).bundle(dag))
    assert "not_kept" not in frames.nodes(dag).columns


def test_a_long_plan_says_how_many_more_there_are():
    dag = DAG([Node(f"n{i}", fn=stamp, cache=True) for i in range(30)])
    lines = dag_text(dag, limit=10).split("\n")
    assert sum(line.startswith("not kept: ") for line in lines) == 10
    assert "  … and 20 more" in lines


def test_a_warning_says_it_too_and_where():
    (issue,) = cautions([Node("a", kind="cell", index=2, cache=True, metadata={"not_kept": "shows a picture"})])
    assert issue == Issue("not-kept", "'a' is not kept: it shows a picture", ("a",), "cell 3", severity="warning")


class Store:
    """Keeps in memory, and counts who asks."""

    def __init__(self):
        self.kept, self.asked = {}, []

    def get(self, key):
        self.asked.append(key)
        return type("Found", (), {"value": self.kept[key]})() if key in self.kept else None

    def put(self, key, value, ttl=None):
        self.asked.append(key)
        self.kept[key] = value
        return True


def run(store, *nodes, **config):
    told = []
    bus = EventBus()
    bus.on("cache:*", told.append)
    dag = DAG(nodes)
    program = FunctionProgram(dag, recall=Recall(lambda: store, str))
    made = ParallelScheduler(RunConfig(**{"jobs": 2, "history": False, **config}), bus)
    result = made.execute(dag, program=program)
    assert result.success
    return result.outcomes, told


PLACES = [{"jobs": 1}, {"jobs": 2}, {"backend": "loky"}]
IDS = ["in turn", "threads", "loky"]


@pytest.mark.parametrize("config", PLACES, ids=IDS)
@pytest.mark.parametrize("fn", [stamp, stamp_later], ids=["function", "coroutine"])
def test_it_is_neither_looked_for_nor_kept_and_the_outcome_says_why(fn, config):
    store = Store()
    made = []
    for _ in range(2):
        outcomes, told = run(store, Node("a", fn=fn, cache=True), **config)
        assert outcomes["a"].status == "done"
        assert outcomes["a"].reason == f"its result was not kept: it {TIME}"
        assert not told
        made.append(outcomes["a"].value)
    assert made[0] < made[1]
    assert not store.asked


@pytest.mark.parametrize("config", PLACES[:2], ids=IDS[:2])
@pytest.mark.parametrize("fn", [stamp, stamp_later], ids=["function", "coroutine"])
def test_for_some_seconds_it_is_kept(fn, config):
    store = Store()
    first, _ = run(store, Node("a", fn=fn, cache=3600), **config)
    again, _ = run(store, Node("a", fn=fn, cache=3600), **config)
    assert (first["a"].status, first["a"].reason, again["a"].status) == ("done", "", "cached")
    assert first["a"].value == again["a"].value


def test_what_has_a_seed_is_kept_and_what_has_none_is_not():
    store = Store()
    nodes = [Node("seeded", fn=seeded, cache=True), Node("unseeded", fn=unseeded, cache=True)]
    run(store, *nodes)
    outcomes, _ = run(store, *nodes)
    assert [outcome.status for outcome in outcomes.values()] == ["cached", "done"]
    assert outcomes["unseeded"].reason == f"its result was not kept: it {CHANCE}"


def test_the_decorator_and_nodes_that_join_the_run_are_no_exception():
    @task(cache=True)
    def when():
        return time.time()

    def grow():
        return Expand([Node("more", fn=stamp, cache=True)])

    store = Store()
    outcomes, _ = run(store, when.node, Node("grow", fn=grow))
    assert {name: outcome.reason for name, outcome in outcomes.items()} == {
        "when": f"its result was not kept: it {TIME}",
        "grow": "",
        "more": f"its result was not kept: it {TIME}",
    }
    assert not store.asked


def test_a_failure_is_a_failure_and_what_a_later_attempt_makes_says_it():
    left = [1]

    def late():
        if left:
            left.pop()
            raise OSError("not yet")
        return time.time()

    node = Node("a", fn=late, cache=True, retry={"attempts": 2, "initial_delay": 0.01})
    outcomes, _ = run(Store(), node)
    assert (outcomes["a"].attempts, outcomes["a"].reason) == (2, f"its result was not kept: it {TIME}")

    dag = DAG([Node("a", fn=lambda: time.time() / 0, cache=True)])
    program = FunctionProgram(dag, recall=Recall(Store, str))
    result = ParallelScheduler(RunConfig(jobs=2, history=False)).execute(dag, program=program)
    assert (result.outcomes["a"].status, result.outcomes["a"].reason) == ("failed", "")


@pytest.mark.parametrize(("status", "reason"), [("done", "why"), ("cancelled", "stopped"), ("refused", "stopped")])
def test_only_a_good_reply_is_told_why_it_was_not_kept(status, reason):
    assert keeping.UnkeptTask(lambda: Reply(status, reason="stopped"), "why")().reason == reason


def test_nodes_without_cache_cost_nothing(monkeypatch):
    monkeypatch.setattr(keeping, "not_kept", lambda node: pytest.fail("nobody asked"))
    outcomes, _ = run(Store(), Node("a", fn=stamp), Node("b", fn=stamp, cache=False))
    assert [outcome.reason for outcome in outcomes.values()] == ["", ""]
