"""A run that is followed while it goes on is told as its replay tells it, whoever asks, and however often."""

from __future__ import annotations

import logging
import threading

import pytest

from orchestra_nb import DAG, EventBus, EventLog, Node, ParallelScheduler, Replay, RunConfig
from orchestra_nb.events import NodeEnded, NodeQueued, NodeStarted, RunEnded, RunStarted
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.model import Outcome
from orchestra_nb.replay import following as module
from orchestra_nb.replay.following import Following
from orchestra_nb.replay.of_result import state_of

CHAIN = DAG([Node(f"n{i}", after=[f"n{i - 1}"] if i else []) for i in range(50)])


def story(dag=CHAIN):
    yield DagBuilt(0.0, "r", "", dag)
    yield RunStarted(0.0, len(dag), 2, "threading")
    for i, name in enumerate(dag.nodes):
        at = float(i)
        yield NodeQueued(at, name)
        yield NodeStarted(at + 0.1, name, "thread")
        yield NodeEnded(at + 0.9, Outcome(name, "done", started=at + 0.1, ended=at + 0.9, attempts=1, worker="w"))
    yield RunEnded(float(len(dag)), True)


def told(state):
    """What a state says of the nodes and of the run."""
    mapping = state.as_mapping()
    return {key: mapping[key] for key in ("nodes", "over", "success", "levels_done", "locks", "circuits", "counts")}


def fail():
    raise ValueError("no")


@pytest.mark.parametrize("bad", [False, True], ids=["good", "bad"])
def test_a_run_is_told_as_its_replay_and_its_result_tell_it(tmp_path, bad):
    tasks = [Node("a", fn=lambda: 1), Node("b", fn=lambda a: a, after=["a"]), Node("c", fn=fail if bad else int)]
    dag, bus, following = DAG(tasks), EventBus(), Following()
    config = RunConfig(jobs=2, keep_going=True, history=False)
    ended = EventLog(tmp_path / "run.jsonl").attach(bus), following.attach(bus)
    result = ParallelScheduler(config, bus).execute(dag)
    for end in ended:
        end()
    state, replayed = following.state(), Replay.read(tmp_path / "run.jsonl").last.end
    assert state.run == result.run_id
    assert told(state) == told(replayed)
    mine, rebuilt = told(state)["nodes"], told(state_of(result))["nodes"]
    assert [(node["id"], node["state"], node["reason"]) for node in mine] == [
        (node["id"], node["state"], node["reason"]) for node in rebuilt
    ]
    assert (state.over, state.success) == (True, not bad)


def test_every_moment_is_that_of_a_replay():
    events = list(story())
    following = Following(CHAIN)
    fold = module.Fold(CHAIN)
    for event in events:
        following.hear(event)
        fold.hear(event)
        state = following.state(0.0)
        assert list(state.states.values()) == fold.states
        assert state.at == fold.now


def test_a_state_does_not_change_with_what_comes_later():
    following, events = Following(CHAIN), list(story())
    for event in events[:20]:
        following.hear(event)
    before = following.state(7.0)
    known = told(before), before.facts
    for event in events[20:]:
        following.hear(event)
    assert following.state().over
    assert (told(before), before.facts) == known


def test_nothing_new_costs_nothing():
    following = Following(CHAIN)
    for event in story():
        following.hear(event)
    assert following.state() is following.state(1000.0)
    following.hear(DagBuilt(0.0, "r-2", "", CHAIN))
    first, second = following.state(1.0), following.state(2.0)
    assert (first.at, second.at) == (1.0, 2.0)
    assert first._fold is second._fold


def test_the_clock_says_how_far_it_is_when_nobody_does():
    now = [100.0]
    following = Following(CHAIN, clock=lambda: now[0])
    now[0] = 107.0
    following.hear(RunStarted(0.5, 50, 2, "threading"))
    now[0] = 110.0
    assert following.state().at == 3.5


def test_only_the_last_events_are_kept():
    following, events = Following(CHAIN, most=10), list(story())
    for event in events:
        following.hear(event)
    state = following.state()
    assert (state.count, state.forgotten) == (len(events), len(events) - 10)
    assert list(state.facts) == events[-10:]
    assert len(state.events) == 10


def test_what_contradicts_what_is_known_is_told_once_and_passed_over(caplog):
    following = Following(CHAIN)
    with caplog.at_level(logging.WARNING, "orchestra_nb.events"):
        for name in ("nobody", "n0", "nobody else", "n1"):
            following.hear(NodeStarted(1.0, name, "thread"))
        state = following.state(1.0)
    assert [state.nodes[name].state for name in ("n0", "n1")] == ["running", "running"]
    assert [record.message.count("no node is named 'nobody'") for record in caplog.records] == [1]


def test_a_new_run_begins_anew_with_its_own_graph():
    following = Following(CHAIN)
    for event in story():
        following.hear(event)
    other = DAG([Node("x")])
    following.hear(DagBuilt(0.0, "r-2", "", other))
    state = following.state(0.0)
    assert (state.run, list(state.nodes), state.over, state.count) == ("r-2", ["x"], False, 1)


def test_threads_may_tell_and_ask_at_once():
    names = [f"{t}-{i}" for t in range(4) for i in range(300)]
    following, states = Following(DAG([Node(name) for name in names])), []
    gate = threading.Barrier(5)

    def tell(t):
        gate.wait()
        for i in range(300):
            following.hear(NodeStarted(1.0, f"{t}-{i}", "thread"))
            following.hear(NodeEnded(2.0, Outcome(f"{t}-{i}", "done", started=1.0, ended=2.0)))

    def ask():
        gate.wait()
        for _ in range(50):
            states.append(following.state(2.0))

    threads = [threading.Thread(target=tell, args=(t,)) for t in range(4)] + [threading.Thread(target=ask)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert following.state(2.0).count == 2400
    assert set(following.state(2.0).states.values()) == {"done"}
    counts = [state.count for state in states]
    assert counts == sorted(counts)


def test_what_waits_to_be_folded_has_a_bound(monkeypatch):
    monkeypatch.setattr(module, "MOST_UNFOLDED", 10)
    following, events = Following(CHAIN), list(story())
    for event in events:
        following.hear(event)
    assert len(following._waiting) <= 11
    assert following.state().over


def test_who_runs_rests_and_is_queued_stands_in_that_order():
    following = Following(CHAIN)
    following.hear(NodeQueued(0.0, "n5"))
    following.hear(NodeStarted(0.3, "n2", "thread"))
    following.hear(NodeStarted(0.2, "n7", "main"))
    state = following.state(1.0)
    assert [(each.node, each.state, each.level) for each in state.active] == [
        *(("n7", "running", 7), ("n2", "running", 2), ("n5", "queued", 5)),
    ]
    assert state.active == tuple(sorted(state.active, key=lambda each: each.state == "queued"))
