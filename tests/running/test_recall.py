"""Results of earlier runs: found when nothing differs, looked for before resources, kept only when a copy will do."""

from __future__ import annotations

import pickle
import random
import sys
import threading
import time
from functools import partial
from hashlib import sha256

import cloudpickle
import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import ConfigError
from orchestra_nb.events import EventBus
from orchestra_nb.graph.content import content_of
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Expand, Node
from orchestra_nb.running.functions import FunctionProgram
from orchestra_nb.running.recall import Recall, told_apart
from orchestra_nb.running.scheduler import ParallelScheduler

cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Pickles:
    """A store in memory that gives back copies, as the one on the disk does."""

    def __init__(self):
        self.kept, self.ttls = {}, {}

    def get(self, key):
        if key not in self.kept:
            return None
        found = pickle.loads(self.kept[key])
        return type("Found", (), {"value": found})()

    def put(self, key, value, ttl=None):
        self.kept[key] = cloudpickle.dumps(value)
        self.ttls[key] = ttl
        return True


def digest(value):
    if isinstance(value, type(threading.Lock())):
        raise TypeError("a lock")
    return sha256(repr(content_of(value) if callable(value) else value).encode()).hexdigest()


class Lab:
    """Runs graphs of functions again and again over one store."""

    def __init__(self, **config):
        self.store = Pickles()
        self.config = {"jobs": 2, "history": False, **config}
        self.told = []

    def run(self, *nodes, context=None, **config):
        bus = EventBus()
        bus.on("cache:*", self.told.append)
        dag = DAG(nodes)
        program = FunctionProgram(dag, context, recall=Recall(lambda: self.store, digest))
        self.told.clear()
        result = ParallelScheduler(RunConfig(**{**self.config, **config}), bus).execute(dag, program=program)
        return result

    def missed(self):
        return {event.node: event.reason for event in self.told if event.name == "cache:node-missed"}


@pytest.fixture(params=[1, 2])
def lab(request):
    return Lab(jobs=request.param)


def statuses(result):
    return {name: outcome.status for name, outcome in result.outcomes.items()}


def test_a_second_run_takes_the_result_of_the_first(lab, tmp_path):
    calls = str(tmp_path / "calls")

    def load(rows):
        with open(calls, "a") as file:
            file.write(f"{rows} ")
        return list(range(rows))

    nodes = [Node("load", fn=load, cache=True), Node("total", fn=lambda load: sum(load), after=["load"])]
    first = lab.run(*nodes, context={"rows": 4})
    assert lab.missed() == {"load": "it was not kept before"}
    second = lab.run(*nodes, context={"rows": 4})
    assert first.values == second.values == {"load": [0, 1, 2, 3], "total": 6}
    assert statuses(first) == {"load": "done", "total": "done"}
    assert statuses(second) == {"load": "cached", "total": "done"}
    assert [event.name for event in lab.told] == ["cache:node-hit"]
    assert (tmp_path / "calls").read_text() == "4 "
    assert second.success
    assert second.cache_hit_rate == 0.5
    row = second.frame.set_index("node").loc["load"]
    assert (row["cached"], row["attempts"]) == (True, 0)


def test_what_a_run_does_with_a_result_does_not_change_what_is_kept(lab):
    nodes = [
        Node("load", fn=lambda: [1], cache=True),
        Node("grow", fn=lambda load: load.append(2), after=["load"]),
    ]
    for _ in range(3):
        result = lab.run(*nodes)
        assert result.values["load"] == [1, 2]
    assert statuses(result)["load"] == "cached"


def test_an_input_that_a_node_between_changed_in_place_counts_as_it_is(lab):
    rows = [1]
    nodes = [
        Node("load", fn=lambda: [1]),
        Node("change", fn=lambda load, amount: load.append(amount), after=["load"]),
        Node("total", fn=lambda load: sum(load), after=["change"], cache=True),
    ]
    assert lab.run(*nodes, context={"amount": 2}).values["total"] == 3
    assert lab.run(*nodes, context={"amount": 5}).values["total"] == 6
    assert lab.missed() == {"total": "its input 'load' has changed"}
    assert statuses(lab.run(*nodes, context={"amount": 2}))["total"] == "cached"
    assert rows == [1]


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ({"fn": lambda n: n + 1}, {"fn": lambda n: n + 2}, "its code has changed"),
        ({"context": {"n": 1}}, {"context": {"n": 2}}, "its input 'n' has changed"),
        ({"context": {"n": 1}}, {"context": {"n": 1.0}}, "its input 'n' has changed"),
    ],
)
def test_whatever_differs_is_run_again_and_said(lab, first, second, told):
    plain = {"fn": lambda n: n * 3, "context": {"n": 7}}

    def run(**given):
        return lab.run(Node("a", fn=given["fn"], cache=True), context=given["context"])

    run(**{**plain, **first})
    assert statuses(run(**{**plain, **second})) == {"a": "done"}
    assert lab.missed() == {"a": told}
    assert statuses(run(**{**plain, **first})) == {"a": "cached"}


def test_the_file_that_an_input_names_counts_by_its_content(lab, tmp_path):
    path = tmp_path / "rows.txt"
    path.write_text("1")
    node = Node("read", fn=lambda path: path.read_text(), cache=True)
    for text in ("1", "2"):
        path.write_text(text)
        assert lab.run(node, context={"path": path}).values["read"] == text
    assert lab.missed() == {"read": f"the file {str(path)!r} has changed"}
    assert statuses(lab.run(node, context={"path": path})) == {"read": "cached"}


@pytest.mark.parametrize(
    ("fn", "context", "reason"),
    [
        (lambda rows: rows.append(1), {"rows": [0]}, "its input 'rows' changed while it ran"),
        (lambda rows: {"first": rows}, {"rows": [0]}, "it shares a list with its input 'rows'"),
        (lambda rows: rows, {"rows": {"a": 1}}, "it shares a dict with its input 'rows'"),
        (lambda: Expand([Node("more", fn=int)]), {}, "it makes nodes"),
        (lambda: (n for n in "ab"), {}, "generator"),
    ],
)
def test_what_a_copy_could_not_stand_for_is_not_kept_and_the_outcome_says_why(lab, fn, context, reason):
    result = lab.run(Node("a", fn=fn, cache=True), context=context)
    assert result.success
    assert result.outcomes["a"].reason.startswith("its result was not kept: ")
    assert reason in result.outcomes["a"].reason
    assert not [key for key in lab.store.kept if key.startswith("node/")]


def test_an_immutable_result_may_be_its_input(lab):
    node = Node("a", fn=lambda text: text, cache=True)
    lab.run(node, context={"text": "x"})
    assert statuses(lab.run(node, context={"text": "x"})) == {"a": "cached"}


def test_an_input_without_a_digest_is_named_and_the_node_runs(lab):
    result = lab.run(Node("a", fn=lambda lock: lock.locked(), cache=True), context={"lock": threading.Lock()})
    assert result.values == {"a": False}
    assert lab.missed() == {"a": "its input 'lock' cannot be told from others: a lock"}
    assert not lab.store.kept


def test_a_failure_is_not_kept(lab):
    node = Node("a", fn=lambda: 1 / 0, cache=True)
    for _ in range(2):
        assert statuses(lab.run(node)) == {"a": "failed"}
    assert not lab.store.kept


def test_what_a_later_attempt_makes_is_kept(lab, tmp_path):
    tries = str(tmp_path / "tries")

    def body():
        with open(tries, "a") as file:
            if file.tell() < 2:
                file.write("x")
                raise OSError
        return "made"

    node = Node("a", fn=body, cache=True, retry={"attempts": 3, "initial_delay": 0.01})
    assert lab.run(node).outcomes["a"].attempts == 3
    assert statuses(lab.run(node)) == {"a": "cached"}


@pytest.mark.parametrize(("cache", "ttl"), [(True, None), (60, 60), (0.5, 0.5)])
def test_the_time_for_which_a_result_may_be_taken_is_the_nodes(lab, cache, ttl):
    lab.run(Node("a", fn=lambda: 1, cache=cache))
    assert [lab.store.ttls[key] for key in lab.store.kept if key.startswith("node/")] == [ttl]


@pytest.mark.parametrize("cache", [0, -1, float("nan"), float("inf"), "yes", None])
def test_a_time_that_cannot_be_meant_is_an_error(cache):
    with pytest.raises(ConfigError, match="node 'a': cache must be True, False or a positive number of seconds"):
        Node("a", cache=cache)


def test_nothing_is_looked_for_or_kept_for_a_node_that_does_not_ask(lab):
    lab.run(Node("a", fn=lambda: 1), Node("b", fn=lambda: 2, cache=False))
    assert not lab.store.kept
    assert not lab.told


def test_coroutines_are_kept_too(lab):
    async def ask(question):
        return question.upper()

    node = Node("a", fn=ask, cache=True)
    assert lab.run(node, context={"question": "why"}).values == {"a": "WHY"}
    again = lab.run(node, context={"question": "why"})
    assert (again.values, statuses(again)) == ({"a": "WHY"}, {"a": "cached"})


def test_to_look_takes_no_resource():
    """A node whose result is there ends while another holds all that its body would need."""
    lab = Lab(jobs=2)
    node = Node("a", fn=lambda: 1, cache=True, uses=["db"])
    lab.run(node)
    ended = threading.Event()
    holder = Node("hold", fn=lambda: ended.wait(60), uses=["db"], priority=1)
    bus = EventBus()
    bus.on("cache:node-hit", lambda event: ended.set())
    dag = DAG([holder, node])
    program = FunctionProgram(dag, recall=Recall(lambda: lab.store, digest))
    result = ParallelScheduler(RunConfig(jobs=2, history=False), bus).execute(dag, program=program)
    assert result.values == {"hold": True, "a": 1}
    assert statuses(result) == {"hold": "done", "a": "cached"}


def test_a_condition_goes_before_the_cache(lab):
    node = Node("a", fn=lambda: 1, cache=True, when="wanted")
    lab.run(node, context={"wanted": True})
    assert statuses(lab.run(node, context={"wanted": False})) == {"a": "skipped"}


class Broken(Pickles):
    def get(self, key):
        raise OSError("no disk")


class Full(Pickles):
    def put(self, key, value, ttl=None):
        return False


class Closed(Pickles):
    def put(self, key, value, ttl=None):
        raise OSError("no disk")


@pytest.mark.parametrize(
    ("store", "reason"), [(Broken, "no disk"), (Full, "the cache could not write it"), (Closed, "no disk")]
)
def test_a_store_that_does_not_work_costs_only_what_it_would_have_saved(lab, store, reason):
    lab.store = store()
    for _ in range(2):
        result = lab.run(Node("a", fn=lambda: 1, cache=True))
        assert (result.values, statuses(result)) == ({"a": 1}, {"a": "done"})
    assert reason in (result.outcomes["a"].reason or lab.missed()["a"])


def test_a_run_that_is_stopped_while_it_looks_ends():
    class Slow(Pickles):
        def get(self, key):
            made.cancel()
            time.sleep(0.05)
            return super().get(key)

    dag = DAG([Node("a", fn=lambda: 1, cache=True), Node("b", fn=lambda a: a, after=["a"])])
    made = ParallelScheduler(RunConfig(jobs=2, history=False))
    store = Slow()
    result = made.execute(dag, program=FunctionProgram(dag, recall=Recall(lambda: store, digest)))
    assert statuses(result) == {"a": "cancelled", "b": "skipped"}
    assert result.stopped == "cancelled"


@pytest.mark.timeout(600)
def test_random_graphs_give_the_same_with_and_without_what_was_kept():
    """Functions that change their inputs, share them, or make new ones, over a context that changes between runs."""

    def fresh(*inputs):
        return [sum(map(sum, inputs)), 1]

    def changing(*inputs):
        for rows in inputs:
            rows.append(len(rows))
        return [len(inputs)]

    def sharing(*inputs):
        return inputs[0] if inputs else [0]

    def named(fn, names):
        """The same function, with parameters of these names."""
        given = ", ".join(names)
        scope = {"fn": fn}
        exec(f"def body({given}): return fn({given})", scope)
        return scope["body"]

    kept = 0
    for seed in range(60):
        draw = random.Random(seed)
        nodes = []
        for at in range(6):
            inputs = sorted(draw.sample(range(at), min(at, draw.randint(0, 2))))
            names = [f"n{i}" for i in inputs] or ["start"]
            after = [f"n{at - 1}"] if at else []  # in turn: what is changed in place is then changed in one order
            body = named(draw.choice((fresh, fresh, changing, sharing)), names)
            nodes.append(Node(f"n{at}", fn=body, after=after, cache=draw.random() < 0.7))
        lab = Lab(jobs=2)
        for start in ([1], [1], [2], [1]):
            plain = ParallelScheduler(RunConfig(jobs=1, history=False)).execute(
                DAG([Node(node.id, fn=node.fn, after=node.after) for node in nodes]), {"start": [*start]}
            )
            result = lab.run(*nodes, context={"start": [*start]})
            assert result.values == plain.values, f"seed {seed}"
            kept += sum(outcome.status == "cached" for outcome in result.outcomes.values())
    assert kept > 100


def test_arrays_that_share_memory_are_told_apart():
    numpy = pytest.importorskip("numpy")
    rows = numpy.arange(6)
    assert "shares" in told_apart({"rows": rows}, rows[:2])
    assert "shares memory with another" in told_apart({}, [rows, rows[:2]])
    assert told_apart({"rows": rows}, rows[:2].copy()) == ""
    assert told_apart({"rows": rows}, partial(int, "1")) == ""
