"""Whatever nonsense is given to a simulation, a policy, HEFT or the optimum: a clear error, and an end."""

import math

import pytest

from orchestra_nb import DAG, ConfigError, Node, compare_policies, heft, optimum, simulate, simulate_many, what_if
from orchestra_nb.simulation import Empirical, Gamma, LogNormal, Uniform, world

HUGE = 10**400
GRAPH = DAG([Node("a", cost=2, uses=["db"]), Node("b", after=["a"], uses=["db"]), Node("c", after=["a"], cost=3)])

REFUSED = [
    (lambda: Node("a", cost=1e308), r"cost must be seconds, from 0 to 1e\+100"),
    (lambda: simulate(GRAPH, [1e-308]), r"workers\[0\]=1e-308 is no speed; give a number from 1e-09 to 1e\+09"),
    (lambda: simulate(GRAPH, policy=["fifo"]), r"policy=\['fifo'\] is unknown"),
    (lambda: simulate(GRAPH, policy=lambda dag: None), r"policy <lambda> must give a mapping .* it gave None"),
    (lambda: simulate(GRAPH, policy=lambda dag: {"a": 1}), r"must give a mapping .*; KeyError: 'b'"),
    (lambda: simulate(GRAPH, policy=lambda dag: {"a": 1, "b": "x", "c": 2}), r"policy <lambda> .*; TypeError"),
    (lambda: simulate(GRAPH, seed="x"), r"seed='x' must be a whole number"),
    (lambda: simulate(GRAPH, seed=[]), r"seed=\[\] must be a whole number"),
    (lambda: simulate_many(GRAPH, seed=None, runs=2), r"seed=None must be a whole number"),
    (lambda: simulate(GRAPH, durations={"a": HUGE, "b": 1, "c": 1}), r"node 'a' takes 1000"),
    (lambda: simulate(GRAPH, resources={"db": HUGE}), r"resource 'db': 1000"),
    (lambda: simulate(GRAPH, resources={"db": "9" * 5000 + "/h"}), r"resource 'db': '999"),
    (lambda: LogNormal(1e308), r"cv=1e\+308 must be a number from 0.001 to 1000"),
    (lambda: LogNormal(None), r"cv=None must be a number"),
    (lambda: Gamma(1e-308), r"cv=1e-308 must be a number"),
    (lambda: Gamma(1e308), r"cv=1e\+308 must be a number"),
    (lambda: Uniform(0, 5e-324), r"high=5e-324 must be a number"),
    (lambda: Empirical({"a": 5}), r"samples: 5 of node 'a' must be several"),
    (lambda: Empirical({"a": [HUGE]}), r"samples: node 'a' takes 1000"),
    (lambda: what_if(GRAPH, cached=[["a"]]), r"cached: \['a'\] is no name of a node"),
    (lambda: what_if(GRAPH, faster={"a": HUGE}), r"of node 'a' must be a number from 1e-09 to 1e\+09"),
    (lambda: what_if(GRAPH, faster={"a": 1e-308}), r"of node 'a' must be a number from 1e-09 to 1e\+09"),
    (lambda: compare_policies(None), r"a schedule is of a DAG, not NoneType"),
    (lambda: compare_policies(GRAPH, policies=None), r"policies=None must be a name, or a sequence of names"),
    (lambda: compare_policies(GRAPH, policies=b"fifo"), r"policies=b'fifo' must be a name"),
    (lambda: compare_policies(GRAPH, schedule=2), r"schedule=2 must be a name"),
    (lambda: compare_policies(GRAPH, speeds=2), r"speeds=2 must be a sequence of speeds, such as \[1.0, 0.5\]"),
    (lambda: compare_policies(GRAPH, resources="db"), r"resources='db' must be a mapping"),
    (lambda: heft([Node("a")], 2), r"a schedule is of a DAG, not list"),
    (lambda: heft(GRAPH, [1e-308]), r"speeds\[0\]=1e-308 must be a number from 1e-09"),
    (lambda: heft(GRAPH, {"w": {"a": 1e308, "b": 1, "c": HUGE}}), r"(?s)'a' takes 1e\+308 .*'c' takes 1000"),
    (lambda: heft(GRAPH, 2, communication="x"), r"communication='x' must be a mapping"),
    (lambda: optimum(GRAPH, 2, resources=1), r"resources=1 must be a mapping"),
    (lambda: optimum(GRAPH, 2, threads=10**6), r"threads=1000000 must be a whole number from 1 to 256"),
]


@pytest.mark.parametrize(("asked", "told"), REFUSED, ids=[told[:40] for _, told in REFUSED])
def test_nonsense_is_one_clear_error(asked, told):
    with pytest.raises(ConfigError, match=told):
        asked()


class Later:
    """Durations that are fine at first."""

    def __init__(self, then):
        self.then = then

    def seconds(self, node, chance):
        then, self.then = getattr(self, "now", 1.0), self.then
        self.now = self.then
        return then


@pytest.mark.parametrize("then", [None, -1, math.nan, math.inf, "1"])
def test_a_later_attempt_that_takes_no_duration_is_told_with_its_place(then):
    with pytest.raises(ConfigError, match="attempt 2 at node 'a' takes"):
        simulate(DAG([Node("a", retry=3)]), durations=Later(then), failures={"a": 1})


def test_a_simulation_of_endless_attempts_ends(monkeypatch):
    monkeypatch.setattr(world, "MOST_AGAIN", 50)
    with pytest.raises(ConfigError, match=r"ends after 50 attempts .*'a' has failed 51 times"):
        simulate(DAG([Node("a", retry=10**9)]), failures=1.0)


@pytest.mark.parametrize("cost", [0, 5e-324, 1e-9, 1e100])
def test_costs_at_the_edges_are_scheduled_by_all(cost):
    dag = DAG([Node("a", cost=cost), Node("b", cost=cost, after=["a"]), Node("c", cost=1)])
    for plan in (simulate(dag, 2), simulate(dag, [1.0, 0.5]), heft(dag, 2), optimum(dag, 2)):
        assert math.isfinite(plan.makespan)
        assert plan.lower_bound <= plan.makespan
        assert 0 <= plan.utilization <= 1
