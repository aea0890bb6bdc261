"""Plans that grow while they run: by hand, and in thousands of random worlds against the graph known from the start."""

from __future__ import annotations

import random

import pytest

from orchestra_nb.errors import ConfigError, DefinitionError, MissingDependencyError
from orchestra_nb.graph import DAG, grown
from orchestra_nb.model import Edge, Expand, Node, NodeId
from orchestra_nb.planning import Plan, Skip

from .steps import Steps

SEEDS = range(8)
EACH = 250
SCHEDULES = ("eager", "levels")


def named(prefix: str, count: int, draw: random.Random, may_follow: list[str]) -> list[Node]:
    """So many nodes, each after some of those named and some of the ones before it."""
    made: list[Node] = []
    for number in range(count):
        known = [*may_follow, *(node.id for node in made)]
        after = draw.sample(known, min(len(known), draw.choice((0, 1, 1, 2))))
        made.append(Node(f"{prefix}{number}", after=after, cost=draw.randrange(9), priority=draw.choice((0, 0, 1))))
    return made


class World(Steps):
    """A run of a random DAG whose nodes may end in any way and make others, with what must hold at every step."""

    def __init__(self, seed: int, *, bad_ends: bool) -> None:
        self.draw = random.Random(seed)
        self.bad_ends = bad_ends
        self.schedule = self.draw.choice(SCHEDULES)
        self.keep_going = self.draw.random() < 0.7
        policy = self.draw.choice(("critical-path", "fifo", "random"))
        dag = DAG(named("n", self.draw.randint(1, 6), self.draw, []))
        self.plan = Plan(dag, schedule=self.schedule, policy=policy, keep_going=self.keep_going, seed=seed)
        self.began: list[str] = []
        self.ended: dict[str, str] = {}
        self.log: list[tuple[str, str]] = []
        self.growths = 0

    def start(self, name: str) -> None:
        assert name not in self.began
        assert name not in self.ended
        assert all(self.ended.get(other) == "done" for other in self.plan.dag.predecessors(name))
        if self.schedule == "levels":
            assert next(n for n, level in enumerate(self.plan.dag.levels) if name in level) <= self.complete
        self.plan.start(name)
        self.began.append(name)
        self.log.append(("start", name))

    def end(self, name: str) -> None:
        status = self.draw.choice(("done", "done", "done", "failed")) if self.bad_ends else "done"
        late = self.draw.random() < 0.2
        if not late:
            self.maybe_grow(name)
        self.ended[name] = status
        self.log.append(("end", name))
        self.account(self.plan.finish(name, status))
        if late:
            self.maybe_grow(name)

    def maybe_grow(self, name: str) -> None:
        """Add nodes that may follow anything but what waits for the one that makes them."""
        if self.growths == 4 or self.draw.random() < 0.4:
            return
        self.growths += 1
        dag = self.plan.dag
        taken = [other for other in dag.nodes if other not in dag.descendants(name)]
        new = named(f"g{self.growths}-", self.draw.randint(0, 3), self.draw, taken)
        settled = {*self.began, *self.ended}
        self.account(self.plan.grow(grown(dag, name, new, settled=settled)))

    def account(self, skips: tuple[Skip, ...]) -> None:
        for skip in skips:
            assert skip.node not in self.ended
            self.ended[skip.node] = "skipped"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plan_that_grew_runs_every_node_once_after_its_needs_and_its_levels_never_become_fewer(seed):
    for number in range(EACH):
        world = World(seed * EACH + number, bad_ends=False).run()
        assert sorted(world.began) == sorted(world.plan.dag.nodes)
        assert world.plan.completed_levels == len(world.plan.dag.levels)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_grown_plan_accounts_for_every_node_whatever_fails(seed):
    for number in range(EACH):
        world = World(seed * EACH + number, bad_ends=True).run()
        assert set(world.ended) == set(world.plan.dag.nodes)
        assert {world.ended[name] for name in world.began} <= {"done", "failed"}
        for name, status in world.ended.items():
            if status == "done":
                assert all(world.ended[other] == "done" for other in world.plan.dag.predecessors(name))
            elif status == "skipped" and world.keep_going:
                before = {world.ended[other] for other in world.plan.dag.predecessors(name)}
                assert before & {"failed", "skipped"}, "skipped without a reason"


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_grown_plan_did_could_have_been_done_had_the_whole_been_known_from_the_start(seed):
    for number in range(EACH):
        world = World(seed * EACH + number, bad_ends=False).run()
        whole = Plan(world.plan.dag)
        for what, name in world.log:
            if what == "start":
                assert whole.status(name) == "ready"
                whole.start(name)
            else:
                whole.finish(name)
        assert whole.done


@pytest.mark.parametrize("seed", SEEDS)
def test_after_a_growth_nodes_are_ready_in_the_order_of_a_plan_of_the_whole(seed):
    for number in range(EACH):
        draw = random.Random(seed * EACH + number)
        dag = DAG(named("n", draw.randint(2, 8), draw, []))
        policy = draw.choice(("critical-path", "fifo", "longest-first", "random"))
        plan = Plan(dag, policy=policy, seed=seed)
        maker = plan.ready(1)[0]
        plan.start(maker)
        taken = [name for name in dag.nodes if name not in dag.descendants(maker)]
        plan.grow(grown(dag, maker, named("g", draw.randint(1, 4), draw, taken)))
        whole = Plan(plan.dag, policy=policy, seed=seed)
        whole.start(maker)
        assert plan.ready() == whole.ready()
        plan.finish(maker)
        whole.finish(maker)
        assert plan.ready() == whole.ready()


@pytest.fixture
def fan() -> DAG:
    return DAG([Node("split"), Node("join", after=["split"]), Node("beside", cost=9), Node("last", after=["join"])])


def started(dag: DAG, *names: str, **settings) -> Plan:
    plan = Plan(dag, **settings)
    for name in names:
        plan.start(name)
    return plan


def test_what_waits_for_a_node_waits_for_all_that_it_made(fan):
    plan = started(fan, "split")
    assert plan.grow(grown(fan, "split", [Node("p1"), Node("p2"), Node("p3", after=["p2"])])) == ()
    plan.finish("split")
    assert set(plan.ready()) == {"p1", "p2", "beside"}
    assert plan.dag.predecessors("join") == ("split", "p1", "p3")
    for name in ("p1", "p2", "p3"):
        assert plan.status("join") == "waiting"
        plan.start(name)
        plan.finish(name)
    assert plan.status("join") == "ready"


def test_growing_makes_the_longest_way_first_again(fan):
    plan = started(fan, "split")
    assert plan.ready(1) == ("beside",)
    plan.grow(grown(fan, "split", [Node("short"), Node("long", cost=20)]))
    plan.finish("split")
    assert plan.ready() == ("long", "beside", "short")


def test_a_node_that_was_ready_waits_again_for_what_was_made_late(fan):
    plan = started(fan, "split")
    plan.finish("split")
    assert plan.ready() == ("beside", "join")
    plan.grow(grown(fan, "split", [Node("part")]))
    assert plan.ready() == ("beside", "part")


def test_a_new_node_may_come_after_what_ended_and_after_what_runs(fan):
    plan = started(fan, "split", "beside")
    plan.finish("beside")
    plan.grow(grown(fan, "split", [Node("p", after=["beside"]), Node("q", after=["split"])], settled={"beside"}))
    assert plan.ready() == ()
    plan.finish("split")
    assert set(plan.ready()) == {"p", "q"}


def test_what_a_failed_maker_made_is_skipped(fan):
    plan = started(fan, "split", keep_going=True)
    plan.grow(grown(fan, "split", [Node("part")]))
    assert [skip.node for skip in plan.finish("split", "failed")] == ["join", "last", "part"]


def test_a_new_node_that_needs_what_failed_is_skipped_and_so_is_what_is_to_see_it(fan):
    plan = started(fan, "split", "beside", keep_going=True)
    plan.finish("beside", "failed")
    told = "needs 'beside', which failed"
    new = [Node("p", after=["beside"]), Node("q")]
    assert plan.grow(grown(fan, "split", new)) == (Skip("join", told), Skip("last", told), Skip("p", told))
    plan.finish("split")
    assert plan.ready() == ("q",)


def test_a_new_node_that_needs_a_skipped_one_hears_of_the_node_that_began_it(fan):
    dag = DAG([*fan.nodes.values(), Node("behind", after=["beside"])])
    plan = started(dag, "split", "beside", keep_going=True)
    plan.finish("beside", "cancelled")
    assert plan.grow(grown(dag, "split", [Node("p", after=["behind"])]))[-1] == Skip(
        "p", "needs 'beside', which was cancelled"
    )


def test_a_stopped_plan_skips_what_it_grows_by(fan):
    plan = started(fan, "split")
    plan.stop("interrupted")
    assert plan.grow(grown(fan, "split", [Node("p"), Node("q")])) == (
        Skip("p", "interrupted"),
        Skip("q", "interrupted"),
    )
    plan.finish("split")
    assert plan.done


def test_a_plan_that_stopped_after_a_failure_skips_what_it_grows_by(fan):
    plan = started(fan, "split", "beside")
    plan.finish("beside", "failed")
    assert plan.grow(grown(fan, "split", [Node("p")])) == (Skip("p", "stopped after 'beside' failed"),)


def test_levels_wait_for_new_levels(fan):
    plan = started(fan, "split", "beside", schedule="levels")
    plan.finish("beside")
    plan.grow(grown(fan, "split", [Node("p"), Node("q", after=["p"])]))
    plan.finish("split")
    assert plan.completed_levels == 1
    for name in ("p", "q", "join", "last"):
        assert plan.ready() == (name,)
        plan.start(name)
        plan.finish(name)
    assert (plan.completed_levels, plan.done) == (5, True)


@pytest.fixture
def half_way() -> Plan:
    """A levelled plan of three levels, of which two are complete."""
    plan = Plan(DAG([Node("a"), Node("b", after=["a"]), Node("c", after=["b"])]), schedule="levels")
    for name in ("a", "b"):
        plan.start(name)
        plan.finish(name)
    return plan


def test_a_new_node_of_a_level_that_is_complete_runs_at_once_as_part_of_the_current_one(half_way):
    half_way.grow(grown(half_way.dag, "a", [Node("late")], settled={"a", "b"}))
    assert (half_way.completed_levels, half_way.ready()) == (2, ("c", "late"))
    half_way.start("c")
    half_way.finish("c")
    assert half_way.completed_levels == 2
    half_way.start("late")
    half_way.finish("late")
    assert (half_way.completed_levels, half_way.done) == (3, True)


def test_new_nodes_of_complete_levels_wait_for_each_other_and_for_no_barrier(half_way):
    half_way.grow(grown(half_way.dag, "a", [Node("late"), Node("later", after=["late"])], settled={"a", "b"}))
    half_way.start("late")
    half_way.finish("late")
    assert half_way.ready() == ("c", "later")


def test_a_plan_whose_levels_are_all_complete_may_still_grow():
    dag = DAG([Node("a"), Node("b", after=["a"])])
    plan = Plan(dag, schedule="levels")
    for name in ("a", "b"):
        plan.start(name)
        plan.finish(name)
    plan.grow(grown(dag, "a", [Node("late")], settled={"a", "b"}))
    assert (plan.done, plan.completed_levels, plan.ready()) == (False, 2, ("late",))
    plan.start("late")
    plan.finish("late")
    assert (plan.done, plan.completed_levels) == (True, 2)


def test_a_plan_does_not_grow_to_a_graph_of_other_nodes(fan):
    plan = Plan(fan)
    with pytest.raises(ValueError, match="begins with the nodes of its own"):
        plan.grow(DAG([Node("other"), *fan.nodes.values()]))
    assert plan.dag is fan


def test_a_policy_that_fails_on_the_grown_graph_changes_nothing(fan):
    def picky(dag):
        return dict.fromkeys(fan.nodes, 0.0)

    plan = Plan(fan, policy=picky)
    with pytest.raises(
        ConfigError, match="policy picky must give a mapping with a number for each node; KeyError: 'p'"
    ):
        plan.grow(grown(fan, "split", [Node("p")]))
    assert (plan.dag, plan.ready()) == (fan, ("split", "beside"))


def test_a_grown_dag_keeps_nodes_positions_edges_and_metadata():
    dag = DAG([Node("a", index=3), Node("b", index=7)], [Edge("a", "b", "file")], {"name": "x"})
    more = grown(dag, "a", [Node("c"), Node("d", index=1)])
    assert list(more.nodes) == ["a", "b", "c", "d"]
    assert [node.index for node in more.nodes.values()] == [3, 7, 8, 9]
    assert set(dag.edges) <= set(more.edges)
    assert dict(more.metadata) == {"name": "x"}


def test_parameters_of_new_functions_are_their_wiring():
    def part(split, rows=3):
        return split

    dag = DAG([Node("split"), Node("rows")])
    edges = {(edge.source, edge.kind) for edge in grown(dag, "split", [part]).edges if edge.target == "part"}
    assert edges == {("split", "value"), ("rows", "value")}


def test_what_reads_a_name_that_new_nodes_write_has_it_from_all_of_them():
    dag = DAG([Node("split"), Node("join", after=["split"], reads=["notes"])])
    new = [Node("p", writes=["notes"]), Node("q", after=["p"], writes=["notes"]), Node("r", after=["q"])]
    edges = {edge.source: edge.kind for edge in grown(dag, "split", new).edges if edge.target == "join"}
    assert edges == {"split": "declared", "p": "value", "q": "value", "r": "order"}


def test_edges_may_be_returned_with_kind_and_evidence():
    dag = DAG([Node("split"), Node("other")])
    edge = Edge("other", "p", "file")
    assert edge in grown(dag, "split", [Node("p")], [edge]).edges


def test_to_grow_by_nothing_is_not_to_grow(fan):
    assert grown(fan, "split", []) is fan


def test_every_fault_of_a_growth_is_named_at_once(fan):
    new = [Node("p", after=["jion"]), 5, Node("last"), Node("q", after=["r"]), Node("r", after=["q"])]
    with pytest.raises(DefinitionError) as caught:
        grown(fan, "split", new, [Edge("p", "beside"), "edge"])
    assert [issue.code for issue in caught.value.issues] == [
        *("not-a-node", "foreign-edge", "not-an-edge"),
        *("unknown-node", "duplicate-name", "cycle"),
    ]
    assert "did you mean 'join'?" in str(caught.value)
    assert "node 2 that 'split' returned: 5 is neither a node nor a function" in str(caught.value)


@pytest.mark.parametrize("behind", ["join", "last"])
def test_a_new_node_cannot_come_after_what_waits_for_its_maker(fan, behind):
    with pytest.raises(DefinitionError, match=f"nodes wait for each other.*drop '{behind}' from the 'after' of 'p'"):
        grown(fan, "split", [Node("p", after=[behind])])


def test_a_name_that_is_taken_is_the_only_fault(fan):
    for name in fan.nodes:
        with pytest.raises(DefinitionError) as caught:
            grown(fan, "split", [Node(name)])
        assert [issue.code for issue in caught.value.issues] == ["duplicate-name"]


def test_warnings_of_the_old_graph_are_no_faults_of_the_growth():
    dag = DAG([Node("hasty", cost=9, timeout=1)])
    with pytest.raises(DefinitionError) as caught:
        grown(dag, "hasty", [Node("hasty", cost=9, timeout=1)])
    assert [issue.code for issue in caught.value.issues] == ["duplicate-name"]


def test_nobody_grows_who_is_not_there(fan):
    with pytest.raises(MissingDependencyError, match="did you mean 'split'"):
        grown(fan, "splat", [Node("p")])


def test_an_expansion_is_plain_whatever_it_was_made_of():
    found = Expand((Node(NodeId(name)) for name in "ab"), value=2)
    assert found == Expand([Node(NodeId("a")), Node(NodeId("b"))], 2)
