"""Runs on the disk: what another process finds, what is refused, what the disk may do, and what it costs nobody."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.context.disk import DiskStore
from orchestra_nb.definitions.loading import load_command
from orchestra_nb.durable import runs as runs_module
from orchestra_nb.durable.runs import Runs
from orchestra_nb.errors import CheckpointError, ConfigError, DefinitionError
from orchestra_nb.events import CheckpointFailed, GraphGrown, NodeEnded
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Expand, Node
from orchestra_nb.running import on_disk
from orchestra_nb.running.current_node import current_node
from orchestra_nb.running.scheduler import ParallelScheduler
from tests.durable.worlds import Failing, Unsynced, UnsyncedBlobs
from tests.running.durable_worlds import World, canonical, cut, lines_of

ROOT = Path(__file__).resolve().parents[2]
FLIPS = int(os.environ.get("ORCHESTRA_NB_FLIPS", "150"))
TWICE = {"attempts": 2, "initial_delay": 0}


@pytest.fixture
def ran():
    return []


@pytest.fixture
def weather():
    return {"fair": False}


def scheduler(folder, **config):
    return ParallelScheduler(
        RunConfig(**{"jobs": 2, "history": False, "checkpoint": "fast", "cache": str(folder)} | config)
    )


@pytest.fixture
def voyage(ran, weather):
    """Fails at its last node until the weather is fair."""

    def load():
        ran.append("load")
        return list(range(5))

    def chart(load, depth):
        ran.append("chart")
        return {"of": len(load), "depth": depth}

    def sail(chart):
        ran.append("sail")
        if not weather["fair"]:
            raise OSError("storm")
        return chart["of"]

    return DAG([Node("load", fn=load), Node("chart", fn=chart, after=["load"]), Node("sail", fn=sail, after=["chart"])])


def test_a_run_that_was_paused_and_did_not_go_on_is_gone_on_with_as_any_other(tmp_path, voyage, ran, weather):
    first = scheduler(tmp_path, jobs=1)
    first.bus.on("execution:node-started", lambda event: event.node == "chart" and first.pause(), inline=True)
    copy = tmp_path / "copy"

    def killed(event):
        shutil.copytree(tmp_path, copy, ignore=lambda *_: ["copy"])
        first.cancel("enough")

    first.bus.on("execution:node-ended", lambda event: killed(event) if event.outcome.node == "chart" else None)
    assert first.execute(voyage, {"depth": 3}).stopped == "cancelled"
    weather["fair"] = True
    resumed = scheduler(copy, jobs=1)
    result = resumed.resume_from_checkpoint(resumed.newest_checkpoint(voyage, {"depth": 3}), voyage, {"depth": 3})
    assert statuses(result) == {"load": "cached", "chart": "cached", "sail": "done"}
    assert (ran, result.values["sail"]) == (["load", "chart", "sail"], 5)


def statuses(result):
    return {name: outcome.status for name, outcome in result.outcomes.items()}


@pytest.mark.parametrize("checkpoint", ["durable", "fast"])
def test_another_scheduler_goes_on_and_keeps_the_runs_name(checkpoint, voyage, ran, weather, tmp_path):
    failed = scheduler(tmp_path, checkpoint=checkpoint).execute(voyage, {"depth": 3})
    assert statuses(failed) == {"load": "done", "chart": "done", "sail": "failed"}
    assert failed.checkpoints == (*(f"{failed.run_id}/level-{level}" for level in range(3)), failed.run_id)
    weather["fair"] = True
    other = scheduler(tmp_path)
    plan = other.plan_resume(failed.run_id, voyage, {"depth": 3})
    assert (plan.taken, plan.again, plan.left) == (("load", "chart"), {}, ("sail",))
    result = other.resume_from_checkpoint(failed.run_id, voyage, {"depth": 3})
    assert (statuses(result), result.run_id) == ({"load": "cached", "chart": "cached", "sail": "done"}, failed.run_id)
    assert (result.values["sail"], result.values["load"]) == (5, [0, 1, 2, 3, 4])
    assert ran == ["load", "chart", "sail", "sail"]
    assert Runs(tmp_path).look(result.run_id).ended.success


def test_levels_are_on_the_disk_and_going_back_to_one_runs_the_rest_again(voyage, ran, weather, tmp_path):
    failed = scheduler(tmp_path).execute(voyage, {"depth": 3})
    found = {each.id: list(each.outcomes) for each in scheduler(tmp_path).get_checkpoints()}
    assert found == {
        f"{failed.run_id}/level-0": ["load"],
        f"{failed.run_id}/level-1": ["load", "chart"],
        f"{failed.run_id}/level-2": ["load", "chart"],
        failed.run_id: ["load", "chart"],
    }
    weather["fair"] = True
    result = scheduler(tmp_path).resume_from_checkpoint(f"{failed.run_id}/level-0", voyage, {"depth": 3})
    assert statuses(result) == {"load": "cached", "chart": "done", "sail": "done"}
    assert ran == ["load", "chart", "sail", "chart", "sail"]
    assert [list(each.outcomes) for each in scheduler(tmp_path).get_checkpoints()] == [
        ["load"],
        ["load", "chart"],
        *[["load", "chart", "sail"]] * 2,
    ]
    with pytest.raises(CheckpointError, match=r"no checkpoint '.*level-9'"):
        scheduler(tmp_path).resume_from_checkpoint(f"{failed.run_id}/level-9", voyage, {"depth": 3})


def test_a_run_that_succeeded_gives_its_values_again_and_runs_nothing(voyage, ran, weather, tmp_path):
    weather["fair"] = True
    first = scheduler(tmp_path).execute(voyage, {"depth": 3})
    again = scheduler(tmp_path).resume_from_checkpoint(first.run_id, voyage, {"depth": 3})
    assert (again.values, len(ran)) == (first.values, 3)


def test_a_node_is_on_the_disk_before_it_is_announced(voyage, weather, tmp_path):
    weather["fair"] = True
    made, seen = scheduler(tmp_path), []

    def look(event):
        (run,) = Runs(tmp_path).all()
        seen.append(event.outcome.node in Runs(tmp_path).look(run.run_id).committed)

    made.bus.on("execution:node-ended", look)
    made.execute(voyage, {"depth": 3})
    assert seen == [True, True, True]


def test_nodes_that_end_while_another_is_written_are_one_write_and_one_sync(tmp_path, monkeypatch):
    made, syncs, gate = scheduler(tmp_path, jobs=3, checkpoint="durable"), [], threading.Barrier(3)

    class Files(Unsynced):
        def sync(self, descriptor):
            if made._run is not None and not syncs[1:]:
                waits_until(lambda: len(made._run._inbox) == 2)
            syncs.append(made._run is not None)

    monkeypatch.setattr(runs_module, "JournalFiles", Files)
    assert made.execute(DAG([Node(f"n{i}", fn=lambda: gate.wait(60)) for i in range(3)])).success
    assert syncs == [False, True, True]  # the first line, the node that came first, both others with all that follows


def waits_until(condition):
    """Wait for other threads, for a minute at most."""
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.001)


# What is refused.


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda nodes: nodes[:2], "node 'sail' is missing"),
        (lambda nodes: [*nodes, Node("home", fn=int)], "node 'home' is new"),
        (lambda nodes: [Node("load", fn=int), *nodes[1:]], "node 'load' differs"),
        (lambda nodes: [*nodes[:2], Node("sail", fn=nodes[2].fn, after=["chart", "load"])], "node 'sail' differs"),
    ],
)
def test_a_checkpoint_of_another_graph_is_refused_with_the_difference(change, said, voyage, ran, tmp_path):
    failed = scheduler(tmp_path).execute(voyage, {"depth": 3})
    other, before = DAG(change(list(voyage.nodes.values()))), list(ran)
    for ask in (scheduler(tmp_path).resume_from_checkpoint, scheduler(tmp_path).plan_resume):
        with pytest.raises(CheckpointError, match=f"is of another graph: {said}; run this one from its beginning"):
            ask(failed.run_id, other, {"depth": 3})
    assert ran == before


def test_another_context_is_refused_by_the_names_that_differ(voyage, ran, tmp_path):
    failed = scheduler(tmp_path).execute(voyage, {"depth": 3, "lock": threading.Lock(), "old": 1})
    with pytest.raises(CheckpointError, match="'old' is missing; the value 'new' is new; the value 'depth' differs"):
        scheduler(tmp_path).resume_from_checkpoint(failed.run_id, voyage, {"depth": 4, "lock": None, "new": 1})
    same = {"depth": 3, "lock": threading.Lock(), "old": 1}  # a lock has no digest, and is not compared
    assert statuses(scheduler(tmp_path).resume_from_checkpoint(failed.run_id, voyage, same))["chart"] == "cached"


def test_a_checkpoint_that_is_not_there_names_those_on_the_disk(voyage, tmp_path):
    failed = scheduler(tmp_path).execute(voyage, {"depth": 3})
    with pytest.raises(CheckpointError, match=f"did you mean '{failed.run_id}'"):
        scheduler(tmp_path).resume_from_checkpoint(failed.run_id[:-1] + "x", voyage)
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        scheduler(tmp_path).resume_from_checkpoint("../x", voyage)


def test_where_nothing_is_kept_a_durable_run_is_refused_and_others_are_in_memory(voyage, tmp_path):
    with pytest.raises(ConfigError, match="checkpoint='durable' needs a folder"):
        ParallelScheduler(RunConfig(cache=False, checkpoint="durable")).execute(voyage, {"depth": 3})
    with pytest.raises(ConfigError, match="checkpoint='often' is not one of auto, durable, fast, memory"):
        RunConfig(checkpoint="often")
    failed = scheduler(tmp_path, checkpoint="auto").execute(voyage, {"depth": 3})
    assert failed.checkpoints
    assert not (tmp_path / "runs").exists()


def test_to_clear_forgets_the_disk_and_the_memory(voyage, tmp_path):
    made = scheduler(tmp_path)
    made.execute(voyage, {"depth": 3})
    assert made.clear_checkpoints() == 1
    assert made.get_checkpoints() == ()


# What runs again, and why.


def test_the_plan_says_what_cannot_be_given_back_and_why(ran, tmp_path):
    fail = [True]

    def change(rows):
        rows.append(1)
        return len(rows)

    def stop(hidden, change, same):
        if fail:
            raise OSError("no")
        return [type(hidden).__name__, change, same]

    bodies = {"rows": lambda: [0], "change": change, "same": lambda rows, change: rows}
    nodes = [Node(name, fn=fn, after=[] if name == "rows" else ["rows"]) for name, fn in bodies.items()]
    nodes[2] = Node("same", fn=bodies["same"], after=["rows", "change"])
    nodes.append(Node("hidden", fn=threading.Lock))
    dag = DAG([*nodes, Node("stop", fn=stop, after=["hidden", "change", "same"])])
    failed = scheduler(tmp_path).execute(dag)
    made = scheduler(tmp_path)
    plan = made.plan_resume(failed.run_id, dag)
    assert plan.taken == ("rows",)
    assert plan.again["change"] == "it changed its input 'rows' in place"
    assert plan.again["same"] == "its value shares a list with its input 'rows'"
    assert plan.again["hidden"].startswith("its value cannot be stored: TypeError: cannot pickle")
    fail.clear()
    result = made.resume_from_checkpoint(failed.run_id, dag)
    assert result.values["stop"] == ["lock", 2, [0, 1]]
    assert result.values["same"] is result.values["rows"]


def test_what_an_attempt_that_failed_has_changed_counts(tmp_path):
    tries = []

    def change(rows):
        tries.append(1)
        if len(tries) == 1:
            rows.append("first")
            raise OSError("again")
        return len(rows)

    dag = DAG(
        [Node("rows", fn=lambda: []), Node("n", fn=change, after=["rows"], retry={"attempts": 2, "initial_delay": 0})]
    )
    result = scheduler(tmp_path).execute(dag)
    assert result.values["n"] == 1
    assert scheduler(tmp_path).plan_resume(result.run_id, dag).again == {"n": "it changed its input 'rows' in place"}


def test_a_value_whose_class_is_gone_is_made_anew(tmp_path):
    failed = scheduler(tmp_path).execute(
        dag := DAG([Node("a", fn=lambda: Gone()), Node("b", fn=lambda a: 1, after=["a"])])
    )
    kept = globals().pop("Gone")
    try:
        plan = scheduler(tmp_path).plan_resume(failed.run_id, dag)
        assert plan.taken == ("b",)
        assert "its value cannot be read: AttributeError" in plan.again["a"]
    finally:
        globals()["Gone"] = kept


class Value(list):
    """A list that can be told from others."""


class Gone:
    """A class that another process does not have."""


def test_a_missing_file_of_a_value_means_that_its_node_runs_again(ran, tmp_path):
    dag = DAG([Node("a", fn=lambda: ran.append("a") or b"x" * 100_000), Node("b", fn=len, after=["a"])])
    dag = DAG([dag.nodes["a"], Node("b", fn=lambda a: ran.append("b") or len(a), after=["a"])])
    first = scheduler(tmp_path).execute(dag)
    (file,) = (tmp_path / "runs" / first.run_id / "values").iterdir()
    file.unlink()
    again = scheduler(tmp_path).resume_from_checkpoint(first.run_id, dag)
    assert again.values["a"] == b"x" * 100_000
    assert ran == ["a", "b", "a"]


def test_values_that_were_let_go_are_there_where_a_run_goes_on(ran, weather, voyage, tmp_path):
    failed = scheduler(tmp_path).execute(voyage, {"depth": 3}, results=["sail"])
    weather["fair"] = True
    result = scheduler(tmp_path).resume_from_checkpoint(failed.run_id, voyage, {"depth": 3}, results=["sail"])
    assert (dict(result.values), ran) == ({"sail": 5}, ["load", "chart", "sail", "sail"])


def test_values_that_were_taken_over_go_when_nobody_needs_them(tmp_path):
    alive = []

    def look(after):
        alive.append(sum(type(each) is Value for each in gc.get_objects()))

    def use(value):
        return len(value)

    dag = DAG(
        [
            Node("value", fn=lambda: Value([1])),
            Node("use", fn=use, after=["value"]),
            Node("after", fn=lambda use: use, after=["use"]),
            Node("look", fn=look, after=["after"]),
        ]
    )
    first = scheduler(tmp_path, jobs=1).execute(dag, results=["look"])
    with on_disk.opened(scheduler(tmp_path).config, first.run_id, dag, None) as found:
        record = found.record(lambda event: None)
        record.node_undone("look")
        record.close()
    del found, record
    gc.collect()
    scheduler(tmp_path, jobs=1).resume_from_checkpoint(first.run_id, dag, results=["look"])
    assert alive == [0, 0]


def test_an_undone_node_and_all_after_it_run_again(ran, tmp_path):
    names = ["a", "b", "c"]
    dag = DAG([Node(n, fn=lambda n=n: ran.append(n) or n, after=names[:i]) for i, n in enumerate(names)])
    first = scheduler(tmp_path).execute(dag)
    with on_disk.opened(scheduler(tmp_path).config, first.run_id, dag, None) as found:
        record = found.record(lambda event: None)
        record.node_undone("b")
        record.close()
    ran.clear()
    plan = scheduler(tmp_path).plan_resume(first.run_id, dag)
    assert (plan.taken, plan.again, plan.left) == (("a",), {"c": "'b' was undone"}, ("b",))
    assert plan.undone == ("b",)
    assert scheduler(tmp_path).resume_from_checkpoint(first.run_id, dag).success
    assert ran == ["b", "c"]


def test_an_undone_node_is_not_gone_on_from_in_memory(weather, voyage, ran, tmp_path):
    made = scheduler(tmp_path, checkpoint="memory")
    failed = made.execute(voyage, {"depth": 3})
    made._checkpoints._records[failed.run_id].node_undone("load")
    weather["fair"] = True
    assert statuses(made.resume_from_checkpoint(failed.run_id, voyage, {"depth": 3})) == {
        "load": "done",
        "chart": "done",
        "sail": "done",
    }


# Growth.


def test_a_maker_that_was_committed_does_not_run_again_and_its_nodes_are_there(tmp_path):
    log, fair = tmp_path / "log", tmp_path / "fair"  # what new nodes carry is a copy, where a run goes on

    def say(name):
        with open(log, "a") as file:
            file.write(f"{name}\n")

    def split():
        say("split")
        return Expand([Node(f"part-{i}", fn=lambda split, i=i: work(i)) for i in range(3)], value=[1])

    def work(number):
        say(f"part-{number}")
        if number == 2 and not fair.exists():
            raise OSError("storm")
        return number

    dag = DAG([Node("split", fn=split), Node("join", fn=lambda split: say("join") or split, after=["split"])])
    failed = scheduler(tmp_path, keep_going=True).execute(dag)
    status = {"split": "done", "join": "skipped", "part-0": "done", "part-1": "done", "part-2": "failed"}
    assert statuses(failed) == status
    fair.touch()
    log.unlink()
    made, grown = scheduler(tmp_path), []
    made.bus.on("execution:graph-grown", grown.append)
    result = made.resume_from_checkpoint(failed.run_id, dag)
    assert sorted(log.read_text().split()) == ["join", "part-2"]
    assert result.values == {"split": [1], "join": [1], "part-0": 0, "part-1": 1, "part-2": 2}
    assert [(event.node, event.nodes) for event in grown] == [("split", ("part-0", "part-1", "part-2"))]
    assert isinstance(grown[0], GraphGrown)


# Lanes.


@pytest.mark.parametrize("backend", ["loky", "threading", "sequential"])
def test_values_of_workers_are_kept_where_they_are_made(backend, tmp_path):
    dag = DAG([Node("large", fn=lambda: bytes(200_000)), Node("n", fn=lambda large: [len(large)], after=["large"])])
    first = scheduler(tmp_path, backend=backend).execute(dag)
    assert first.unsaved == ""
    state = Runs(tmp_path).look(first.run_id)
    assert {name: (commit.again, commit.values[""].size > 65536) for name, commit in state.committed.items()} == {
        "large": ("", True),
        "n": ("", False),
    }
    again = scheduler(tmp_path, backend="threading").resume_from_checkpoint(first.run_id, dag)
    assert again.values == first.values
    assert set(statuses(again).values()) == {"cached"}


def test_coroutines_are_committed_and_know_who_they_are(tmp_path):
    async def ask(rows):
        await asyncio.sleep(0)
        return current_node()

    dag = DAG([Node("rows", fn=lambda: [1]), *(Node(f"ask-{i}", fn=ask, after=["rows"]) for i in range(3))])
    result = scheduler(tmp_path).execute(dag)
    for i in range(3):
        assert result.values[f"ask-{i}"].key == f"{result.run_id}/ask-{i}/1"
    assert scheduler(tmp_path).plan_resume(result.run_id, dag).again == {}


def test_parts_of_a_node_are_taken_over_together(tmp_path):
    parts = (Node("a", fn=lambda: [1]), Node("b", fn=lambda a: {"a": a}, after=["a"]))
    dag = DAG([Node("a+b", parts=parts), Node("c", fn=lambda a, b: b["a"] is a, after=["a+b"])])
    first = scheduler(tmp_path).execute(dag)
    again = scheduler(tmp_path).resume_from_checkpoint(first.run_id, dag)
    assert first.values == again.values == {"a": [1], "b": {"a": [1]}, "c": True}
    assert again.values["b"]["a"] is again.values["a"]
    assert set(statuses(again).values()) == {"cached"}


def test_a_result_of_the_cache_is_committed_too_and_is_no_second_file(tmp_path):
    def large():
        return bytes(range(256)) * 1000

    dag = DAG([Node("large", fn=large, cache=True)])
    with DiskStore(tmp_path):
        scheduler(tmp_path, checkpoint="memory").execute(dag)
        found = scheduler(tmp_path).execute(dag)
    assert statuses(found) == {"large": "cached"}
    (file,) = (tmp_path / "runs" / found.run_id / "values").iterdir()
    assert file.stat().st_nlink >= 2
    again = scheduler(tmp_path).resume_from_checkpoint(found.run_id, dag)
    assert again.values == found.values


def test_every_attempt_of_a_node_has_one_key_and_who_was_undone_another(tmp_path):
    keys, fail = [], [True]

    def book():
        keys.append((current_node().attempt, current_node().key))
        if fail:
            raise OSError("busy")

    dag = DAG([Node("book", fn=book, retry=TWICE), Node("first", fn=int)])
    failed = scheduler(tmp_path, keep_going=True).execute(dag)
    fail.clear()
    scheduler(tmp_path).resume_from_checkpoint(failed.run_id, dag)
    key = f"{failed.run_id}/book/1"
    assert keys == [(1, key), (2, key), (1, key)]
    with on_disk.opened(scheduler(tmp_path).config, failed.run_id, dag, None) as found:
        record = found.record(lambda event: None)
        record.node_undone("book")
        record.close()
    scheduler(tmp_path).resume_from_checkpoint(failed.run_id, dag)
    assert keys[-1] == (1, f"{failed.run_id}/book/2")
    assert current_node() is None


def test_in_memory_nobody_is_told_who_he_is(tmp_path):
    dag = DAG([Node("a", fn=current_node)])
    assert scheduler(tmp_path, checkpoint="memory").execute(dag).values["a"] is None


# Agents.


def agents(tmp_path, executor, **config):
    made = scheduler(tmp_path, **({"checkpoint": "auto"} | config))
    made.set_agent_executor(executor)
    return made


def test_agents_are_durable_by_themselves_and_a_committed_one_is_not_asked_again(tmp_path):
    asked, fair = [], []

    def work(node, context):
        asked.append(str(node.id))
        if node.id == "report" and not fair:
            raise OSError("storm")
        return {"files": context["given"]} if node.id == "scan" else len(context["files"])

    nodes = [
        Node("scan", kind="agent", writes=["files"]),
        Node("report", kind="agent", reads=["files"], after=["scan"]),
    ]
    dag, given = DAG(nodes), {"given": ["a.py", "b.py"]}
    failed = agents(tmp_path, work).execute(dag, given)
    assert failed.checkpoints[-1] == failed.run_id
    assert (tmp_path / "runs" / failed.run_id / "journal").exists()
    fair.append(True)
    result = agents(tmp_path, work).resume_from_checkpoint(failed.run_id, dag, given)
    assert (asked, result.values["report"]) == (["scan", "report", "report"], 2)


def test_an_agent_hands_on_a_copy_of_what_it_shares_with_its_context(tmp_path):
    given = {"rows": [1]}
    dag = DAG([Node("pass", kind="agent")])
    result = agents(tmp_path, lambda node, context: context["rows"]).execute(dag, given)
    assert result.values["pass"] == [1]
    assert result.values["pass"] is not given["rows"]
    assert agents(tmp_path, print).plan_resume(result.run_id, dag, given).taken == ("pass",)


def test_an_agent_that_changes_what_it_was_given_runs_again(tmp_path):
    dag = DAG([Node("change", kind="agent")])

    def change(node, context):
        context["rows"].append(2)
        return len(context["rows"])

    result = agents(tmp_path, change).execute(dag, {"rows": [1]})
    plan = agents(tmp_path, change).plan_resume(result.run_id, dag, {"rows": [1]})
    assert plan.again == {"change": "it changed its input 'rows' in place"}


# A disk that fails.


def failing(monkeypatch, n, code, lasting=False):
    counter = Failing(n, code, lasting)
    monkeypatch.setattr(runs_module, "JournalFiles", lambda: counter.journals)
    monkeypatch.setattr(runs_module, "FileOperations", lambda: counter.blobs)
    return counter


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
def test_whichever_operation_fails_the_run_goes_on_and_says_so_once(lasting, tmp_path, monkeypatch):
    world = World(3)
    expected = canonical(scheduler(tmp_path, checkpoint="memory").execute(world.dag).values)
    total = failing(monkeypatch, 10**9, errno.EIO)
    scheduler(tmp_path / "whole").execute(World(3).dag)
    said = 0
    for n in range(1, total.count + 1, 1 if total.count < 200 else 3):
        folder = tmp_path / str(n)
        failing(monkeypatch, n, (errno.ENOSPC, errno.EIO, errno.EACCES)[n % 3], lasting)
        made, events = scheduler(folder, jobs=1), []
        made.bus.on("recovery:checkpoint-failed", events.append)
        result = made.execute(World(3).dag)
        assert result.success
        assert canonical(result.values) == expected
        assert "; ".join(event.reason for event in events) == result.unsaved
        assert len(events) <= 2  # a value that could not be written, and then all that comes
        said += bool(events)
        monkeypatch.undo()
        found = scheduler(folder).get_checkpoints()
        if found:
            again = scheduler(folder).resume_from_checkpoint(found[-1].run_id, World(3).dag)
            assert canonical(again.values) == expected
    assert said > total.count // 3


def test_a_value_that_could_not_be_written_makes_its_node_run_again_and_no_other(ran, tmp_path, monkeypatch):
    class NoRoom(UnsyncedBlobs):
        def create(self, path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(runs_module, "FileOperations", NoRoom)
    large = Node("large", fn=lambda: ran.append("large") or bytes(100_000))
    dag = DAG([large, Node("size", fn=lambda large: ran.append("size") or len(large), after=["large"])])
    first = scheduler(tmp_path).execute(dag)
    assert first.unsaved == "node 'large': its value could not be written: No space left on device"
    monkeypatch.undo()
    again = scheduler(tmp_path).resume_from_checkpoint(first.run_id, dag)
    assert (again.values, again.unsaved, ran) == (first.values, "", ["large", "size", "large"])


def test_what_was_announced_before_the_disk_failed_is_there(tmp_path, monkeypatch):
    failing(monkeypatch, 60, errno.ENOSPC, lasting=True)
    made, announced = scheduler(tmp_path, jobs=1), []

    def note(event):
        if isinstance(event, CheckpointFailed):
            announced.append(None)
        elif isinstance(event, NodeEnded):
            announced.append(event.outcome.node)

    made.bus.on("*", note)
    result = made.execute(DAG([Node(f"n{i}", fn=lambda i=i: i, index=i) for i in range(30)]))
    assert result.success
    assert "No space left on device" in result.unsaved
    monkeypatch.undo()
    before = announced[: announced.index(None)]
    assert 3 < len(before) < 30
    assert list(Runs(tmp_path).look(result.run_id).committed) == before


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="modes are of Unix")
def test_a_folder_that_cannot_be_private_is_not_used_and_the_run_goes_on(voyage, tmp_path):
    tmp_path.chmod(0o777)
    result = scheduler(tmp_path).execute(voyage, {"depth": 3})
    assert "others can write into" in result.unsaved
    assert not (tmp_path / "runs").exists()
    assert result.checkpoints


def test_a_run_that_reached_nothing_leaves_nothing_behind(tmp_path):
    def fail():
        raise OSError("no")

    assert scheduler(tmp_path).execute(DAG([Node("a", fn=fail)])).checkpoints == ()
    with pytest.raises(DefinitionError):
        scheduler(tmp_path, resources={"gpu": 1}).execute(DAG([Node("a", fn=int, uses=["gpu:2"])]))
    assert os.listdir(tmp_path / "runs") == ["values"]


def test_no_flip_or_cut_in_the_folder_of_a_run_ever_makes_a_wrong_value(tmp_path):
    expected = canonical(scheduler(tmp_path, checkpoint="memory").execute(World(3).dag).values)
    run = scheduler(tmp_path / "whole").execute(World(3, fails="n6").dag).run_id
    chance, refused = random.Random(1), 0
    for number in range(FLIPS):
        place = tmp_path / str(number)
        shutil.copytree(tmp_path / "whole" / "runs", place / "runs")
        files = sorted(path for path in (place / "runs" / run).rglob("*") if path.is_file() and path.stat().st_size)
        path = chance.choice(files)
        data = bytearray(path.read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        del data[chance.choice((len(data), len(data), chance.randrange(len(data)))) :]
        path.write_bytes(data)
        try:
            result = scheduler(place).resume_from_checkpoint(run, World(3).dag)
        except CheckpointError:
            refused += 1
        else:
            assert canonical(result.values) == expected
        shutil.rmtree(place)
    assert 0 < refused < FLIPS


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is of Unix")
def test_a_child_of_a_killed_process_does_not_keep_the_run(voyage, tmp_path, root):
    run = scheduler(tmp_path).execute(voyage, {"depth": 3}).run_id
    code = f"""
import os, sys
from orchestra_nb.durable.runs import Runs
journal = Runs({str(tmp_path)!r}).resume({run!r})
if not os.fork():  # in the child, when it has let go of the run
    print("forked", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=root, stdin=-1, stdout=-1, text=True) as parent:
        assert parent.stdout.readline() == "forked\n"
        parent.kill()
        parent.wait(60)
        Runs(tmp_path).resume(run).close()  # though its child still lives, until its input ends


def test_other_code_in_a_module_that_a_node_uses_is_refused(tmp_path):
    (tmp_path / "main_part.py").write_text(
        """import sys
from orchestra_nb import DAG, CheckpointError, Node, ParallelScheduler, RunConfig
import helper

def first():
    return helper.number()

def second(first):
    return 1 // (first - 1)

dag = DAG([Node("first", fn=first), Node("second", fn=second, after=["first"])])
made = ParallelScheduler(RunConfig(checkpoint="fast", cache="cache", history=False))
try:
    result = made.resume_from_checkpoint(sys.argv[1], dag) if sys.argv[1:] else made.execute(dag)
    print(result.run_id, result.values)
except CheckpointError as error:
    print(error)
"""
    )

    def play(*arguments):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
        command = [sys.executable, "main_part.py", *arguments]
        found = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
        assert found.stderr == ""
        return found.stdout

    (tmp_path / "helper.py").write_text("def number():\n    return 1\n")
    run, _, values = play().partition(" ")
    assert values == "{'first': 1}\n"
    assert play(run) == f"{run} {{'first': 1}}\n"
    (tmp_path / "helper.py").write_text("def number():\n    return 2\n# another\n")
    assert play(run) == (
        f"the checkpoint {run!r} is of other code: module 'helper' differs; run this one from its beginning\n"
    )


COMMAND = {
    "name": "/pack",
    "phases": [
        {"name": "Find", "agents": [{"id": "find", "context": {"outputs": ["packages", "risk"]}}]},
        {
            "name": "Pack",
            "parallel": True,
            "dynamicAgents": {"source": "context.packages", "mapping": {"id": "pack-${item.name}", "input": "${item}"}},
        },
        {
            "name": "Report",
            "agents": [
                {"id": "deep", "conditional": {"condition": "context.risk > 7"}},
                {"id": "light", "conditional": {"condition": "context.risk <= 7"}},
            ],
        },
    ],
}


def test_wherever_a_command_ended_no_agent_that_was_committed_is_asked_again(tmp_path):
    dag, asked = load_command(COMMAND).dag, []

    def work(node, context):
        asked.append(str(node.id))
        if node.id == "find":
            return {"packages": [{"name": "a"}, {"name": "b"}], "risk": 9}
        return [str(node.id), sorted(context)]

    first = agents(tmp_path / "whole", work, checkpoint="fast").execute(dag)
    assert sorted(asked) == ["deep", "find", "pack-a", "pack-b"]
    assert statuses(first)["light"] == "skipped"
    for line in range(1, lines_of(tmp_path / "whole") + 1):
        run, _ = cut(tmp_path / "whole", tmp_path / str(line), line)
        made = agents(tmp_path / str(line), work, checkpoint="fast")
        committed = set(Runs(tmp_path / str(line)).look(run).committed)
        asked.clear()
        result = made.resume_from_checkpoint(run, dag)
        assert (result.values, result.success) == (first.values, True)
        assert set(asked) == {"find", "pack-a", "pack-b", "deep"} - committed
        assert statuses(result)["light"] == "skipped"
