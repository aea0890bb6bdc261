from __future__ import annotations

import math
import random
import signal
import sys
import threading
from itertools import permutations, product
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb.errors import ConfigError
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.planning import POLICIES
from orchestra_nb.resources.claims import wants_of
from orchestra_nb.simulation import constraints, simulate
from orchestra_nb.simulation.machines import machines_of
from orchestra_nb.simulation.optimum import Optimum, optimum, solvable
from orchestra_nb.simulation.ticks import MOST, ticks_of
from orchestra_nb.simulation.validity import faults_of_schedule

from .graphs import dags

decimals = st.one_of(st.just(0.0), st.integers(1, 40).map(lambda n: n / 10))
speeds_given = st.one_of(st.integers(1, 3), st.sampled_from([[1.0, 0.5], [1.0, 1.0, 2.0]]))


def shortest(dag, speeds, capacities):
    """The shortest schedule by trying all: every order in which nodes may begin, on every choice of workers.

    Nothing is inserted before what was begun earlier: whoever comes later in the order begins no earlier.
    """
    times = machines_of(dag, speeds).times
    ids, preds = dag.table.ids, dag.table.preds
    wants = [wants_of(node.uses) for node in dag.nodes.values()]
    best = math.inf
    for order in permutations(range(len(ids))):
        place = {i: n for n, i in enumerate(order)}
        if any(place[p] > place[i] for i in order for p in preds[i]):
            continue
        for workers in product(range(max(map(len, times))), repeat=len(ids)):
            best = min(best, _ended(order, workers, times, preds, (wants, capacities)))
    return best


def _ended(order, workers, times, preds, uses):
    wants, capacities = uses
    free, ends, spans, now = {}, {}, [], 0.0
    for i in order:
        now = max([now, free.get(workers[i], 0.0), *(ends[p] for p in preds[i])])
        for name, amount in wants[i]:
            while sum(a for n, a, end in spans if n == name and end > now) + amount > capacities[name]:
                now = min(end for n, _, end in spans if n == name and end > now)
        ends[i] = free[workers[i]] = now + times[i][workers[i]]
        spans += [(name, amount, ends[i]) for name, amount in wants[i]]
    return max(ends.values())


@settings(max_examples=40, deadline=None)
@given(dags(most=5, costs=decimals), speeds_given)
def test_it_is_the_shortest_of_all_schedules_of_a_tiny_graph(dag, speeds):
    capacities = {"db": 1, "gpu": 2}
    found = optimum(dag, speeds, resources={"gpu": 2})
    rows = machines_of(dag, speeds).times
    takes = {"takes": lambda node, worker: rows[dag.table.index[node]][worker]}
    assert not faults_of_schedule(dag, found, resources={"gpu": 2}, **takes)
    assert found.proved
    assert found.makespan == pytest.approx(shortest(dag, speeds, capacities))
    assert found.shortest == pytest.approx(found.makespan)


@settings(max_examples=15, deadline=None)
@given(dags(most=8, uses=False), st.integers(1, 3))
def test_no_policy_is_shorter_and_no_bound_is_longer(dag, workers):
    found = optimum(dag, workers)
    assert found.lower_bound <= found.shortest * (1 + 1e-9)
    assert found.shortest <= found.makespan
    for policy in POLICIES:
        assert found.makespan <= simulate(dag, workers, policy).makespan * (1 + 1e-9)
    assert found.proved
    assert found.makespan - found.shortest <= found.error + 1e-9


PARTITION = DAG([Node(f"n{i}", cost=cost) for i, cost in enumerate([3, 3, 2, 2, 2])])
"""On two workers, list schedules take 7 seconds, and two halves of 6 are there to be found."""


def test_it_finds_what_no_list_schedule_does():
    assert min(simulate(PARTITION, 2, policy).makespan for policy in ("critical-path", "longest-first")) == 7
    found = optimum(PARTITION, 2)
    assert (found.makespan, found.proved, found.shortest, found.error) == (6, True, 6, 0.0)


def test_to_wait_for_an_urgent_node_can_be_best():
    """Graham's workers never idle while a node is ready; the shortest schedule does."""
    urgent = [Node(f"urgent_{n}", after=["first"], cost=10) for n in range(2)]
    dag = DAG([Node("first", cost=1), *urgent, Node("a", cost=5), Node("b", cost=5)])
    assert min(simulate(dag, 3, policy).makespan for policy in POLICIES) == 15
    assert optimum(dag, 3).makespan == 11


@pytest.mark.parametrize(
    ("uses", "resources", "seconds"), [((), None, 3), (("db",), None, 9), (("gpu:2",), {"gpu": 4}, 6)]
)
def test_what_is_held_counts(uses, resources, seconds):
    dag = DAG([Node(f"n{i}", cost=3, uses=uses) for i in range(3)])
    assert optimum(dag, 3, resources=resources).makespan == seconds


def test_workers_that_differ_get_what_suits_them():
    times = {"gpu": {"train": 1, "load": 4, "plot": 4}, "cpu": {"train": 9, "load": 2, "plot": 2}}
    dag = DAG([Node("load"), Node("train", after=["load"]), Node("plot", after=["load"])])
    found = optimum(dag, times)
    assert (found.makespan, {slot.node: slot.worker for slot in found.rows}) == (4, {"load": 1, "train": 0, "plot": 1})


def test_a_search_that_is_cut_short_claims_no_proof_and_is_valid():
    costs = [0.1 + math.sqrt(i % 17) for i in range(60)]
    dag = DAG([Node(f"n{i}", cost=cost, after=[f"n{i // 3}"] if i else ()) for i, cost in enumerate(costs)])
    found = optimum(dag, 3, timeout=0.01)
    assert isinstance(found, Optimum)
    assert found.proved == (found.makespan <= (found.shortest + found.error) * (1 + 1e-9))
    assert not faults_of_schedule(dag, found)


def test_threads_find_as_short_a_schedule():
    assert optimum(PARTITION, 2, threads=2).makespan == 6


def test_nothing_takes_no_time():
    found = optimum(DAG([]), 2)
    assert (found.makespan, found.proved, found.rows) == (0.0, True, ())


BIG = DAG([Node(f"n{i}", cost=1 + i % 7) for i in range(101)])


@pytest.mark.parametrize(
    ("dag", "more", "told"),
    [
        (BIG, {}, "a proof for 101 nodes is unlikely"),
        (PARTITION, {"timeout": 0}, "timeout=0 must be a positive number"),
        (PARTITION, {"timeout": math.nan}, "timeout=nan"),
        (PARTITION, {"threads": 0}, "threads=0"),
        (DAG([Node("a", uses=["api"])]), {"resources": {"api": "9/min"}}, "no rates or budgets"),
    ],
)
def test_what_cannot_be_is_refused(dag, more, told):
    with pytest.raises(ConfigError, match=told):
        optimum(dag, 2, **more)


def test_a_large_graph_is_searched_when_a_time_is_given():
    assert optimum(BIG, 2, timeout=0.5).makespan == pytest.approx(BIG.total_time / 2, abs=0.5)


@pytest.mark.parametrize("seed", range(4))
def test_times_that_are_no_round_numbers_are_proved_too(seed):
    draw = random.Random(seed)
    costs = [draw.random() * 5 for _ in range(9)]
    least = min(
        max(math.fsum(c for c, w in zip(costs, chosen, strict=True) if w == worker) for worker in range(3))
        for chosen in product(range(3), repeat=9)
    )
    found = optimum(DAG([Node(f"n{i}", cost=cost) for i, cost in enumerate(costs)]), 3)
    assert found.proved
    assert least - 1e-9 <= found.makespan <= least + found.error
    assert found.shortest <= least + 1e-9


def test_without_the_solver_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ortools", None)
    monkeypatch.setitem(solvable.__globals__, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'orchestra_nb\[optimum\]'"):
        optimum(PARTITION, 2)
    assert optimum(DAG([Node("a"), Node("b")]), 2).proved  # a bound is proof enough


@given(st.lists(st.lists(st.floats(0, 1e4), min_size=2, max_size=2), min_size=1, max_size=8))
def test_ticks_are_never_too_few_and_what_is_rounded_is_less_than_one_each(rows):
    made = ticks_of(rows, sum(map(max, rows)))
    assert sum(max(row) for row in made.rows) <= MOST + len(rows)
    for ticks, row in zip(made.rows, rows, strict=True):
        for number, seconds in zip(ticks, row, strict=True):
            assert number * made.tick >= seconds * (1 - 1e-9)
            assert number * made.tick <= seconds * (1 + 1e-9) + made.tick
    total = sum(row[0] for row in made.rows)
    assert made.at_least(total) <= sum(row[0] for row in rows) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("rows", "exact"),
    [([[0.1], [0.25]], True), ([[1 / 3], [0.5]], True), ([[0.0], [2.0]], True), ([[math.pi], [math.e]], False)],
)
def test_decimals_and_simple_fractions_are_exact(rows, exact):
    assert ticks_of(rows, sum(row[0] for row in rows)).exact is exact


def test_who_is_interrupted_is_told_so_and_the_search_ends():
    stopped = threading.Event()

    class Solver:
        """Searches until it is stopped; somebody presses stop as soon as it has begun."""

        def __init__(self):
            self.parameters = SimpleNamespace()

        def solve(self, model):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            assert stopped.wait(60)

        def stop_search(self):
            stopped.set()

    with pytest.raises(KeyboardInterrupt):
        constraints._attended(Solver(), None)
    assert stopped.is_set()
