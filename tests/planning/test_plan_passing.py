"""Nodes that are passed over: by hand, and in thousands of random worlds against a model that decides one by one."""

from __future__ import annotations

import random
from zlib import crc32

import pytest

from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.graph import DAG, grown
from orchestra_nb.model import Edge, Evidence, Node
from orchestra_nb.planning import Plan, Skip, needs_value

from .steps import Steps

SEEDS = range(8)
EACH = 250
CARRYING = ("value", "mutation", "alias")
KINDS = (*CARRYING, "declared", "order", "state", "file", "value", "value")
FALSE = "its condition is false"


def value(source: str, target: str, *names: str) -> Edge:
    return Edge(source, target, "value", evidence=tuple(Evidence(name) for name in names))


def plan_of(names: str, *edges: Edge, **settings) -> Plan:
    return Plan(DAG([Node(name) for name in names], edges), **settings)


def finish(plan: Plan, *names: str) -> list[str]:
    """Run nodes; say who was skipped meanwhile."""
    skips: list[Skip] = []
    for name in names:
        plan.start(name)
        skips += plan.finish(name)
    return [skip.node for skip in skips]


def random_edges(draw: random.Random, targets: list[str], sources: list[str]) -> list[Edge]:
    """Edges from those before, of any kind, that hand over one of a few names, two or none in particular."""
    edges = []
    for place, target in enumerate(targets):
        known = [*sources, *targets[:place]]
        for source in draw.sample(known, min(len(known), draw.choice((0, 1, 2, 3)))):
            evidence = tuple(Evidence(name) for name in draw.choice(("x", "x", "y", "xy", "")))
            edges.append(Edge(source, target, draw.choice(KINDS), evidence=evidence))
    return edges


class World(Steps):
    """A run in which any node may be passed over, fail or make others, in any order; settled by the node's name."""

    haste = 0.6

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.draw = draw = random.Random(seed)
        names = [f"n{number}" for number in range(draw.randint(2, 8))]
        self.bad = draw.choice((0, 0, 10))
        self.growths = draw.choice((0, 0, 3))
        dag = DAG([Node(name) for name in names], random_edges(draw, names, []))
        schedule = draw.choice(("eager", "levels"))
        self.plan = Plan(dag, schedule=schedule, policy="random", seed=seed, keep_going=True, needs_value=self.needed)
        self.ended: dict[str, str] = {}
        self.reasons: dict[str, str] = {}

    def chance(self, *words: str) -> int:
        return crc32(" ".join((str(self.seed), *words)).encode()) % 100

    def needed(self, source: Node, target: Node, name: str) -> bool:
        return self.chance("needs", source.id, target.id, name) < 70

    def fate(self, name: str) -> str:
        chance = self.chance("fate", name)
        return "passed" if chance < 30 else "failed" if chance < 30 + self.bad else "done"

    def start(self, name: str) -> None:
        assert name not in self.ended
        assert {self.ended.get(other) for other in self.plan.dag.ancestors(name)} <= {"done", "passed"}
        if self.fate(name) == "passed" and self.chance("at once", name) < 50:
            self.pass_over(name)
        else:
            self.plan.start(name)

    def end(self, name: str) -> None:
        grows = self.draw.choice(("before", "after")) if self.growths and self.draw.random() < 0.5 else ""
        self.growths -= bool(grows)
        if grows == "before":
            self.grow(name)
        self.settle(name)
        if grows == "after":
            self.grow(name)

    def settle(self, name: str) -> None:
        if self.fate(name) == "passed":
            self.pass_over(name)
        else:
            self.ended[name] = self.fate(name)
            self.account(self.plan.finish(name, self.fate(name)))

    def grow(self, name: str) -> None:
        dag = self.plan.dag
        new = [f"{name}-{number}" for number in range(self.draw.randint(1, 3))]
        sources = [other for other in dag.nodes if other not in dag.descendants(name)]
        edges = random_edges(self.draw, new, sources)
        settled = {*self.ended, *self.plan.running}
        self.account(self.plan.grow(grown(dag, name, [Node(other) for other in new], edges, settled=settled)))

    def pass_over(self, name: str) -> None:
        own, *others = self.plan.pass_over(name, FALSE)
        assert own == Skip(name, FALSE)
        self.ended[name] = "passed"
        self.account(tuple(others))

    def account(self, skips: tuple[Skip, ...]) -> None:
        for skip in skips:
            assert skip.node not in self.ended
            self.reasons[skip.node] = skip.reason
            self.ended[skip.node] = "spoilt" if skip.reason.endswith("failed") else "passed"


def model(world: World) -> dict[str, tuple[str, frozenset[str]]]:
    """How each node must end, and who began it: node by node along the levels, with all edges looked at again."""
    dag, found = world.plan.dag, {}
    for name in (name for level in dag.levels for name in level):
        before = {other: found[other] for other in dag.predecessors(name)}
        spoilt = [roots for how, roots in before.values() if how in ("failed", "spoilt")]
        lost = frozenset().union(*lost_inputs(world, name, found))
        if spoilt:
            found[name] = ("spoilt", frozenset().union(*spoilt))
        elif lost:
            found[name] = ("passed", lost)
        else:
            found[name] = (world.fate(name), frozenset([name]))
    return found


def lost_inputs(world: World, name: str, found: dict) -> list[frozenset[str]]:
    """Who began the loss of each input of which every maker was passed over."""
    nodes, lost = world.plan.dag.nodes, []
    edges = [edge for edge in world.plan.dag.edges if edge.target == name and edge.kind in CARRYING]
    for key in ("x", "y", *(edge.source for edge in edges)):
        makers = [
            edge.source
            for edge in edges
            if key in ([item.variable for item in edge.evidence] or [edge.source])
            and world.needed(nodes[edge.source], nodes[name], key)
        ]
        if makers and all(found[maker][0] == "passed" for maker in makers):
            lost.append(frozenset().union(*(found[maker][1] for maker in makers)))
    return lost


@pytest.mark.parametrize("seed", SEEDS)
def test_every_node_ends_as_the_model_says_in_whatever_order_things_happen(seed):
    for number in range(EACH):
        world = World(seed * EACH + number).run()
        expected = model(world)
        assert world.ended == {name: how for name, (how, _) in expected.items()}
        assert world.plan.completed_levels == len(world.plan.dag.levels)
        for name, reason in world.reasons.items():
            assert any(repr(root) in reason for root in expected[name][1])


def test_what_merely_comes_after_a_node_that_was_passed_over_runs():
    kinds = ("declared", "order", "state", "file")
    plan = plan_of("abcde", *(Edge("a", target, kind) for target, kind in zip("bcde", kinds, strict=True)))
    assert plan.pass_over("a", FALSE) == (Skip("a", FALSE),)
    assert plan.ready() == ("b", "c", "d", "e")


@pytest.mark.parametrize("kind", CARRYING)
def test_what_needs_a_value_of_it_is_passed_over_too(kind):
    plan = plan_of("abc", Edge("a", "b", kind), Edge("b", "c"))
    told = f"needs 'a', which was skipped: {FALSE}"
    assert plan.pass_over("a", FALSE) == (Skip("a", FALSE), Skip("b", told))
    assert (plan.status("b"), plan.ready()) == ("skipped", ("c",))


def test_the_reason_names_the_node_that_began_it():
    plan = plan_of("abcd", value("a", "b"), value("b", "c"), value("c", "d"))
    assert {skip.reason for skip in plan.pass_over("a", "no Python")[1:]} == {"needs 'a', which was skipped: no Python"}
    assert plan.done


def test_a_value_that_somebody_else_makes_too_is_not_lost():
    plan = plan_of("abc", value("a", "c", "plan"), value("b", "c", "plan"))
    plan.pass_over("a", FALSE)
    assert finish(plan, "b", "c") == []


def test_a_value_is_lost_with_the_last_of_its_makers():
    plan = plan_of("abc", value("a", "c", "plan"), value("b", "c", "plan"))
    plan.pass_over("a", FALSE)
    assert plan.pass_over("b", FALSE)[1:] == (Skip("c", "needs 'a' or 'b', which were all skipped"),)


def test_other_makers_of_other_values_do_not_help():
    plan = plan_of("abc", value("a", "c", "plan"), value("b", "c", "risk"))
    plan.pass_over("a", FALSE)
    assert plan.status("c") == "waiting"
    assert finish(plan, "b") == ["c"]


def test_nothing_overtakes_what_a_lost_node_still_waits_for():
    plan = plan_of("abcd", value("a", "c"), Edge("b", "c"), Edge("c", "d"))
    plan.pass_over("a", FALSE)
    assert plan.ready() == ("b",)
    assert finish(plan, "b") == ["c"]
    assert plan.ready() == ("d",)


def test_a_failure_goes_through_a_node_that_is_about_to_be_passed_over():
    plan = plan_of("abcd", value("a", "c"), Edge("b", "c"), Edge("c", "d"), keep_going=True)
    plan.pass_over("a", FALSE)
    plan.start("b")
    assert [skip.node for skip in plan.finish("b", "failed")] == ["c", "d"]


def test_a_node_that_was_passed_over_is_no_failure():
    plan = plan_of("ab", keep_going=False)
    plan.pass_over("a", FALSE)
    assert plan.ready() == ("b",)


def test_a_running_node_may_be_passed_over():
    plan = plan_of("ab", Edge("a", "b"))
    plan.start("a")
    plan.pass_over("a", FALSE)
    assert (plan.running, plan.ready()) == ((), ("b",))


def test_levels_are_crossed_when_all_of_one_is_passed_over():
    plan = plan_of("abc", value("a", "b"), Edge("b", "c"), schedule="levels")
    plan.pass_over("a", FALSE)
    assert (plan.completed_levels, plan.ready()) == (2, ("c",))


def test_a_skipped_node_that_was_not_passed_over_skips_everything_behind_it():
    plan = plan_of("ab", Edge("a", "b"))
    plan.start("a")
    assert plan.finish("a", "skipped") == (Skip("b", "needs 'a', which was skipped"),)


def test_a_new_node_that_needs_a_lost_value_is_passed_over_at_once_and_what_follows_it_is_not():
    plan = plan_of("abc", Edge("b", "c"))
    plan.pass_over("a", FALSE)
    plan.start("b")
    new = [Node("p"), Node("q", after=["p"])]
    assert plan.grow(grown(plan.dag, "b", new, [value("a", "p")])) == ()
    assert plan.finish("b") == (Skip("p", f"needs 'a', which was skipped: {FALSE}"),)
    assert plan.ready() == ("q",)


def test_a_node_that_was_made_late_and_needs_a_lost_value_is_passed_over_as_the_plan_grows():
    plan = plan_of("ab")
    plan.pass_over("a", FALSE)
    finish(plan, "b")
    new = [Node("p"), Node("q", after=["p"])]
    assert [skip.node for skip in plan.grow(grown(plan.dag, "b", new, [value("a", "p")]))] == ["p"]
    assert plan.ready() == ("q",)


def test_nodes_that_were_passed_over_are_waited_for_no_more_after_a_growth():
    plan = plan_of("abc", Edge("a", "c"), Edge("b", "c"))
    plan.pass_over("a", FALSE)
    plan.start("b")
    plan.grow(grown(plan.dag, "b", [Node("p", after=["a"])]))
    plan.finish("b")
    assert finish(plan, "p", "c") == []


def test_a_parameter_with_a_default_does_without():
    def scan():
        return 1

    def report(scan):
        return scan

    def summary(scan=0):
        return scan

    plan = Plan(DAGBuilder().build_dag([scan, report, summary]))
    assert [skip.node for skip in plan.pass_over("scan", FALSE)] == ["scan", "report"]
    assert plan.ready() == ("summary",)


def test_a_function_that_does_not_tell_its_parameters_needs_what_it_is_said_to_need():
    assert needs_value(Node("a"), Node("b", fn=print), "a")
    assert needs_value(Node("a"), Node("b", fn=dict), "a")


def cell(name: str, **settings) -> Node:
    return Node(name, kind="cell", **settings)


def test_a_cell_that_only_looked_at_a_value_takes_nothing_away_from_the_one_that_changes_it():
    edge = Edge("look", "change", "mutation", evidence=(Evidence("rows"),))
    plan = Plan(DAG([cell("look", reads=["rows"]), cell("change", reads=["rows"], mutates=["rows"])], [edge]))
    assert plan.pass_over("look", FALSE) == (Skip("look", FALSE),)


def test_a_cell_that_changes_a_value_does_not_make_it():
    edges = [value("make", "use", "rows"), Edge("change", "use", "alias", evidence=(Evidence("table = rows"),))]
    plan = Plan(DAG([cell("make", writes=["rows"]), cell("change", mutates=["table"]), cell("use")], edges))
    plan.pass_over("change", FALSE)
    assert finish(plan, "make", "use") == []


@pytest.mark.parametrize(
    ("name", "message"),
    [("b", "'b' cannot be passed over: it is waiting"), ("nope", "no node of this plan is named 'nope'")],
)
def test_only_what_could_run_is_passed_over(name, message):
    with pytest.raises(ValueError, match=message):
        plan_of("ab", Edge("a", "b")).pass_over(name, FALSE)
