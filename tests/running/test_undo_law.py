"""Law: what a failed run undoes is what it has done and can undo, the latest first, each once and no oftener."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from functools import partial

import pytest

from orchestra_nb.config import RetryPolicy, RunConfig
from orchestra_nb.events import EventBus
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.undoing import compensators, undo_faults
from orchestra_nb.model import Node, Outcome
from orchestra_nb.planning import Plan
from orchestra_nb.recovery.saga import Saga
from orchestra_nb.recovery.saga_facts import Fact, Failure, Finished, Rest, Undo
from orchestra_nb.recovery.saga_result import result_of
from orchestra_nb.running.scheduler import ParallelScheduler
from orchestra_nb.running.undoing import failed_for_good, to_undo

RUNS = int(os.environ.get("ORCHESTRA_NB_SEEDS", "10000"))


def random_dag(dice):
    """Nodes of which some are compensated by a function, some by a node of their own or a shared one."""
    shared = dice.random() < 0.5
    nodes, aside = [], ["tidy"] if shared else []
    for number in range(dice.randint(1, 9)):
        name = f"n{number}"
        after = dice.sample([node.id for node in nodes], dice.randint(0, min(number, 3)))
        how = dice.choice(["no", "function", "own", "shared"])
        undo = {"no": None, "function": print, "own": f"undo-{name}", "shared": "tidy" if shared else None}[how]
        nodes.append(Node(name, after=after, undo=undo, when="x" if dice.random() < 0.2 else None))
        if how == "own":
            aside.append(undo)
    retry = {name: RetryPolicy(attempts=dice.randint(1, 3), initial_delay=0.0) for name in aside}
    used = [node.id for node in nodes]
    nodes += [Node(name, after=dice.sample(used, dice.randint(0, 1)), retry=retry[name]) for name in aside]
    dice.shuffle(nodes)
    return DAG([Node(**{**fields(node), "index": number}) for number, node in enumerate(nodes)])


def fields(node):
    return {name: getattr(node, name) for name in ("id", "after", "undo", "when", "retry")}


def run_of(dag, dice):
    """Outcomes in the order in which the nodes of a run end, several at once, in any order."""
    plan = Plan(dag, keep_going=dice.random() < 0.5, schedule=dice.choice(["eager", "levels"]))
    aside, ended, running = compensators(dag.nodes.values()), {}, []
    chance = dice.choice([0.0, 0.1, 0.3])

    def skip(skipped):
        ended.update((each.node, Outcome(each.node, "skipped", reason=each.reason)) for each in skipped)

    while not plan.done:
        for name in plan.take():
            if name in aside:
                skip(plan.pass_over(name, "it compensates"))
            elif dag.nodes[name].when and dice.random() < 0.5:
                skip(plan.pass_over(name, "its condition was false"))
            else:
                running.append(name)
        if running:
            name = running.pop(dice.randrange(len(running)))
            luck = dice.random()
            status = "failed" if luck < chance else "cached" if luck < chance + 0.15 else "done"
            ended[name] = Outcome(name, status, value=1)
            skip(plan.finish(name, status))
    return ended


def way_back(saga, fails):
    """Undo everything; ``fails[name]`` of its attempts fail. Gives what was begun, in order."""
    begun = []
    while not isinstance(decision := saga.decide(), Finished):
        if isinstance(decision, Rest):
            saga.rested()
            continue
        assert isinstance(decision, Undo)
        begun.append(decision.step)
        saga.note(Fact("undo-begun", decision.step, decision.attempt))
        if fails[decision.step] >= decision.attempt:
            saga.note(saga.failing(decision.step, Failure("OSError", "no")))
        else:
            saga.note(Fact("undo-done", decision.step, decision.attempt))
    return begun


def attempts_of(node, dag):
    by = dag.nodes.get(node.undo) if isinstance(node.undo, str) else None
    return 3 if by is None else by.retry.attempts


@pytest.mark.parametrize("part", range(4))
def test_what_was_done_and_can_be_undone_is_undone_in_reverse_order_of_completion(part):
    seen = {"nothing to undo": 0, "undone": 0, "stuck": 0, "retried": 0, "skipped between": 0, "cached": 0}
    for seed in range(part, RUNS, 4):
        dice = random.Random(seed)
        dag = random_dag(dice)
        assert not [issue for issue in undo_faults(dag.nodes.values(), dag.given) if issue.severity == "error"]
        ended = run_of(dag, dice)
        assert set(ended) == set(dag.nodes)
        if not failed_for_good(ended.values(), ""):
            continue
        done = to_undo(dag, ended)
        saga = Saga(done.parts, done.facts)
        fails = {name: dice.choice([0, 0, 0, 1, 2, 5]) for name in dag.nodes}
        begun = way_back(saga, fails)

        can = [n for n, o in ended.items() if o.status == "done" and dag.nodes[n].undo is not None]
        can = [name for name in can if name not in compensators(dag.nodes.values())]
        expected = []
        for name in reversed(can):
            expected += [name] * min(fails[name] + 1, attempts_of(dag.nodes[name], dag))
        assert begun == expected, seed
        for place, name in enumerate(begun):  # and so none before what used it, however that was
            assert not set(dag.descendants(name)).intersection(begun[place + 1 :]), seed
        report = result_of(saga, None, {})
        stuck = {name for name in can if fails[name] >= attempts_of(dag.nodes[name], dag)}
        assert {step.step for step in report.failed_compensations} == stuck, seed
        assert list(report.compensated) == [name for name in reversed(can) if name not in stuck], seed
        assert report.clean == (not stuck)
        assert ended[saga.cause.step].status == "failed"
        seen["nothing to undo"] += not can
        seen["undone"] += bool(report.compensated)
        seen["stuck"] += bool(stuck)
        seen["retried"] += len(begun) > len(can)
        seen["cached"] += any(outcome.status == "cached" for outcome in ended.values())
        seen["skipped between"] += any(
            ended[between].status != "done"
            for name in can
            for between in dag.successors(name)
            if set(dag.descendants(between)).intersection(can)
        )
    assert RUNS < 10_000 or min(seen.values()) > 20, seen


@pytest.mark.parametrize("seed", range(40))
def test_runs_on_real_threads_undo_in_the_order_in_which_their_nodes_were_told_to_end(seed):
    dice = random.Random(seed)
    dag = random_dag(dice)
    bad = {node.id for node in dag.nodes.values() if dice.random() < 0.2}
    said = []

    def body(name):
        if name in bad:
            raise ValueError(name)

    nodes = [
        replace(
            node,
            fn=partial(said.append, node.id) if node.id in compensators(dag.nodes.values()) else partial(body, node.id),
            when=None,
            undo=partial(said.append, node.id) if callable(node.undo) else node.undo,
        )
        for node in dag.nodes.values()
    ]
    bus, ended = EventBus(), []
    bus.on("execution:node-ended", lambda event: ended.append(event.outcome))
    result = ParallelScheduler(RunConfig(jobs=3, history=False, keep_going=seed % 2 == 0), bus).execute(DAG(nodes))
    can = [outcome.node for outcome in ended if outcome.status == "done" and dag.nodes[outcome.node].undo is not None]
    if result.success or not can:
        assert result.undone is None
        assert said == []
        return
    assert list(result.undone.compensated) == can[::-1]
    assert said == [name if callable(dag.nodes[name].undo) else dag.nodes[name].undo for name in reversed(can)]
    assert result.undone.clean
