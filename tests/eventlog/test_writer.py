"""The log that a run writes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestra_nb import DAG, ConfigError, EventBus, EventLog, EventLogError, Node, ParallelScheduler, RunConfig
from orchestra_nb.context.events import CacheHit
from orchestra_nb.eventlog import writer
from orchestra_nb.eventlog.reading import read_log
from orchestra_nb.events import NodeQueued, RunEnded
from orchestra_nb.graph.events import DagBuilt


def chain(length=3):
    return DAG([Node(f"n{i}", fn=lambda: 1, after=[f"n{i - 1}"] if i else ()) for i in range(length)])


def logged(path, dag, **knobs):
    return ParallelScheduler(RunConfig(jobs=2, history=False, log=str(path), **knobs)).execute(dag)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_writes_a_line_for_each_event_its_graph_first_and_its_end_last(tmp_path):
    path = tmp_path / "run.jsonl"
    result = logged(path, chain())
    told = lines(path)
    assert (told[0]["name"], told[0]["log"], told[0]["run"]) == ("dag:built", 1, result.run_id)
    assert told[0]["started_at"] == result.started_at
    assert told[0]["hash"] == chain().hash
    assert [line["name"] for line in told][1] == "execution:run-started"
    assert told[-1]["name"] == "execution:run-ended"
    assert {line["run"] for line in told} == {result.run_id}
    assert sum(line["name"] == "execution:node-ended" for line in told) == 3


def test_it_is_its_owners_alone(tmp_path):
    path = tmp_path / "run.jsonl"
    logged(path, chain())
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_the_next_run_is_appended(tmp_path):
    path = tmp_path / "run.jsonl"
    ids = [logged(path, chain()).run_id for _ in range(3)]
    runs, faults = read_log(path)
    assert [run.built.run for run in runs] == ids
    assert faults == ()


def test_runs_at_the_same_time_may_write_to_one_file(tmp_path):
    path = tmp_path / "run.jsonl"
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: logged(path, chain(40)), range(4)))
    runs, faults = read_log(path)
    assert {run.built.run for run in runs} == {result.run_id for result in results}
    assert all(run.ended and len(run.built.dag) == 40 for run in runs)
    assert faults == ()


@pytest.mark.parametrize("name", ["nowhere/run.jsonl", ".", "x" * 300, "a\0b"])
def test_a_place_where_no_file_can_be_is_refused_before_anything_runs(tmp_path, name):
    ran = []
    with pytest.raises(EventLogError, match="no log can be written"):
        logged(tmp_path / name, DAG([Node("a", fn=lambda: ran.append(1))]))
    assert ran == []


@pytest.mark.parametrize("text", ['{"cells": []}', "notes", "\n", '{"name": "/tidy"}\n'])
def test_a_users_own_file_is_no_log_and_stays_as_it_is(tmp_path, text):
    path, ran = tmp_path / "book.ipynb", []
    path.write_text(text, "utf-8")
    with pytest.raises(EventLogError, match="is there already and is no log; name a file in a folder of yours"):
        logged(path, DAG([Node("a", fn=lambda: ran.append(1))]))
    assert (path.read_text("utf-8"), ran) == (text, [])


@pytest.mark.parametrize("log", ["", 3, True])
def test_a_knob_that_names_no_file_is_refused(log):
    with pytest.raises(ConfigError, match="log="):
        RunConfig(log=log)


@pytest.mark.parametrize("outputs", [-1, True, "many"])
def test_outputs_are_a_number_of_bytes(tmp_path, outputs):
    with pytest.raises(ConfigError, match="outputs="):
        EventLog(tmp_path / "x", outputs=outputs)


def test_a_disk_that_is_full_ends_the_log_with_one_warning_and_the_run_goes_on(tmp_path, monkeypatch, caplog):
    path, write, room = tmp_path / "run.jsonl", os.write, [900]

    def until_full(file, data):
        if room[0] <= 0:
            raise OSError(28, "No space left on device")
        written = write(file, data[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr(writer.os, "write", until_full)
    assert logged(path, chain(50)).success
    (warned,) = [record.getMessage() for record in caplog.records if record.name == "orchestra_nb.eventlog"]
    assert "No space left on device" in warned
    with pytest.raises(EventLogError, match="No space left on device"):
        logged(path, chain())  # the next one is refused before it begins
    monkeypatch.undo()
    result = logged(path, chain())
    runs, faults = read_log(path)
    assert runs[-1].built.run == result.run_id, "what was cut off does not spoil what comes after"
    assert runs[-1].ended
    assert faults != ()


def test_a_log_whose_disk_hangs_costs_a_run_nothing_and_is_dropped_in_the_end(tmp_path, monkeypatch, caplog):
    path, free = tmp_path / "run.jsonl", threading.Event()

    def hang(self, data):
        assert free.wait(60)

    monkeypatch.setattr(EventLog, "_append", hang)
    bus = EventBus(patience=0.01)
    try:
        result = ParallelScheduler(RunConfig(jobs=2, history=False, log=str(path)), bus).execute(chain())
    finally:
        free.set()
    assert result.success
    assert not bus.heard


def test_what_was_cut_off_is_closed_before_the_next_run_begins(tmp_path):
    path = tmp_path / "run.jsonl"
    logged(path, chain())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    result = logged(path, chain())
    runs, faults = read_log(path)
    assert runs[-1].built.run == result.run_id
    assert {fault.code for fault in faults} == {"damaged-line", "unfinished"}


_KILLED = """
import os, sys
from orchestra_nb import DAG, Node, ParallelScheduler, RunConfig

def die(n1):
    while b"node-ended" not in open(sys.argv[1], "rb").read():
        pass
    os._exit(9)

nodes = [Node("n1", fn=lambda: 1), Node("n2", fn=die, after=["n1"])]
ParallelScheduler(RunConfig(jobs=2, history=False, log=sys.argv[1])).execute(DAG(nodes))
"""


def test_what_has_happened_is_there_also_when_the_process_ends_in_the_middle(tmp_path):
    path = tmp_path / "run.jsonl"
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(path)], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 9, ended.stderr
    (run,), faults = read_log(path)
    assert [event.outcome.node for event in run.events if event.name == "execution:node-ended"] == ["n1"]
    assert [fault.code for fault in faults] == ["unfinished"]


def test_one_log_may_hear_a_whole_bus_and_leave_it_again(tmp_path):
    path, bus = tmp_path / "run.jsonl", EventBus()
    stop = EventLog(path, outputs=1000).attach(bus)
    scheduler = ParallelScheduler(RunConfig(jobs=1, history=False), bus)
    scheduler.execute(chain())
    scheduler.execute(chain())
    stop()
    scheduler.execute(chain())
    runs, faults = read_log(path)
    assert len(runs) == 2
    assert faults == ()


def test_it_needs_no_bus(tmp_path):
    path = tmp_path / "run.jsonl"
    log = EventLog(path)
    for event in (DagBuilt(0.0, "r", "", chain()), NodeQueued(0.5, "n0"), RunEnded(1.0, False)):
        log(event)
    assert path.read_bytes() == b"", "it is written in batches"
    log.drained()
    assert [line["name"] for line in lines(path)] == ["dag:built", "execution:node-queued", "execution:run-ended"]


def test_a_large_batch_is_written_before_it_grows_larger(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "_BATCH", 100)
    log = EventLog(tmp_path / "run.jsonl")
    for number in range(3):
        log(RunEnded(float(number), True))
    assert len(lines(tmp_path / "run.jsonl")) >= 2


def test_runs_on_one_bus_at_the_same_time_have_each_their_own_events_in_their_logs(tmp_path):
    bus, both = EventBus(), threading.Barrier(2)

    def one(name):
        nodes = [Node(name, fn=lambda: both.wait(60)), *(Node(f"{name}{i}", fn=lambda: 1) for i in range(20))]
        config = RunConfig(jobs=2, history=False, log=str(tmp_path / name))
        return ParallelScheduler(config, bus).execute(DAG(nodes))

    heard = []
    bus.on("execution:node-ended", heard.append)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(one, ("x", "y")))
    for name, result in zip(("x", "y"), results, strict=True):
        (run,), faults = read_log(tmp_path / name)
        ended = [event.outcome.node for event in run.events if event.name == "execution:node-ended"]
        assert sorted(ended) == sorted(result.outcomes)
        assert faults == ()
    assert len(heard) == 42
    assert len({event.outcome.node for event in heard}) == 42


def test_what_circuits_and_others_on_the_bus_tell_meanwhile_is_in_the_log_once(tmp_path):
    path = tmp_path / "run.jsonl"

    def fails():
        raise OSError("no")

    nodes = [Node(f"n{i}", fn=fails, breaker={"name": "db", "threshold": 1, "rest": 60.0}) for i in range(3)]
    scheduler = ParallelScheduler(RunConfig(jobs=1, keep_going=True, history=False, log=str(path)))
    scheduler.bus.on("execution:run-ended", lambda event: scheduler.bus.publish(CacheHit(1.0, "key")), inline=True)
    scheduler.execute(DAG(nodes))
    names = [line["name"] for line in lines(path)]
    assert names.count("recovery:circuit-opened") == 1
    assert names.count("cache:hit") == 1
    assert names.count("execution:node-ended") == 3
    assert not scheduler.bus.wants("cache:hit"), "it has left the bus again"
