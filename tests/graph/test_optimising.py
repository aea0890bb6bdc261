"""A smaller graph with the same results: what is changed, what is left, and why."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.config import RunConfig
from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.errors import ConfigError, MissingDependencyError
from orchestra_nb.graph import DAG, optimising
from orchestra_nb.graph.list_schedule import Jobs
from orchestra_nb.graph.merging import merged_jobs
from orchestra_nb.model import Edge, Node
from orchestra_nb.pipeline import Pipeline
from orchestra_nb.simulation import simulate


def body() -> None:
    """Nothing."""


def optimize(dag: DAG, **how: object) -> DAG:
    return DAGBuilder().optimize(dag, **how)


def notes(dag: DAG) -> tuple[str, ...]:
    return dag.metadata["optimizations"]


def row(*ids: str, **settings: object) -> DAG:
    return DAG(Node(name, fn=body, after=ids[i - 1 : i] if i else (), **settings) for i, name in enumerate(ids))


def adding(number: int, needs: list[str]) -> object:
    """A function of those nodes, with a value that nothing else has."""
    made: dict[str, object] = {}
    text = f"def fn({', '.join(needs)}): return ({number}, {''.join(f'{name}, ' for name in needs)})"
    exec(text, made)
    return made["fn"]


@st.composite
def dags(draw: st.DrawFn) -> DAG:
    """Functions that need each other by order, by value or by both; many chains."""
    nodes, edges = [], []
    for i in range(draw(st.integers(1, 10))):
        before = draw(st.sets(st.integers(max(0, i - 4), i - 1), max_size=2)) if i else set()
        values = [f"n{j}" for j in sorted(before) if draw(st.booleans())]
        edges += [Edge(name, f"n{i}", "value") for name in values]
        nodes.append(
            Node(
                f"n{i}",
                fn=adding(i, values),
                index=i,
                after=[f"n{j}" for j in sorted(before) if f"n{j}" not in values or draw(st.booleans())],
                cost=draw(st.sampled_from([0, 1, 1, 2, 5, 0.1, 0.7])),
                priority=draw(st.sampled_from([0, 0, 0, 1])),
                backend=draw(st.sampled_from(["inherit", "inherit", "threading"])),
            )
        )
    return DAG(nodes, edges)


choices = st.fixed_dictionaries(
    {"merge_below": st.sampled_from([None, 1.5, 3, 100]), "targets": st.sampled_from([(), ("n0",), "last"])}
)


def asked(dag: DAG, choice: dict[str, object]) -> dict[str, object]:
    last = [list(dag.nodes)[-1]]
    return {**choice, "targets": last if choice["targets"] == "last" else choice["targets"]}


def homes(dag: DAG) -> dict[str, tuple[str, int]]:
    """For each part: its node, and its place in it."""
    return {part.id: (node.id, n) for node in dag.nodes.values() for n, part in enumerate(node.parts or (node,))}


@given(dags(), choices)
def test_every_value_that_is_left_is_the_same(dag, choice):
    better = optimize(dag, **asked(dag, choice))
    before = Pipeline(dag, config=RunConfig(jobs=1)).run()
    after = Pipeline(better, config=RunConfig(jobs=1)).run()
    assert after.success
    assert after.values == {name: before.values[name] for name in homes(better)}
    if not choice["targets"]:
        assert after.values == before.values


@given(dags(), choices)
def test_what_must_end_before_what_is_the_same(dag, choice):
    better = optimize(dag, **asked(dag, choice))
    home = homes(better)
    for one, other in permutations(home, 2):
        (node, place), (other_node, other_place) = home[one], home[other]
        apart = node in better.ancestors(other_node) if node != other_node else place < other_place
        assert (one in dag.ancestors(other)) == apart


@given(dags(), choices)
def test_no_number_of_workers_takes_longer(dag, choice):
    better = optimize(dag, **asked(dag, choice))
    for workers in range(1, len(dag) + 2):
        assert simulate(better, workers).makespan <= simulate(dag, workers).makespan * (1 + 2e-9)


@given(dags(), choices)
def test_everything_that_a_target_needs_is_left(dag, choice):
    how = asked(dag, choice)
    better = optimize(dag, **how)
    if how["targets"]:
        assert set(dag.subgraph(how["targets"]).nodes) <= set(homes(better))
        assert set(how["targets"]) <= set(better.nodes)
    else:
        assert set(homes(better)) == set(dag.nodes)


@given(dags(), choices)
def test_every_change_is_explained(dag, choice):
    better = optimize(dag, **asked(dag, choice))
    told = " ".join(notes(better))
    assert all(f"into {node.id}:" in told for node in better.nodes.values() if node.parts)
    assert all(f"dropped {name}:" in told for name in dag.nodes.keys() - homes(better).keys())
    assert told or better == dag


@given(dags(), st.integers(1, 5))
def test_the_schedule_asked_is_the_simulators(dag, workers):
    assert merged_jobs(dag, ()).makespan(workers) == simulate(dag, workers).makespan


@given(dags())
def test_the_schedule_asked_for_a_merger_is_that_of_the_merged_graph(dag):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optimising._Guard, "objection", lambda self, jobs: "")
        better = optimize(dag, merge_below=3)
    place, home = {name: i for i, name in enumerate(dag.nodes)}, homes(better)
    chains = [tuple(place[part.id] for part in node.parts) for node in better.nodes.values() if node.parts]
    assert len(home) == len(dag)
    for workers in range(1, 4):
        assert merged_jobs(dag_reduced(dag), chains).makespan(workers) == simulate(better, workers).makespan


def dag_reduced(dag: DAG) -> DAG:
    return optimize(dag)


@given(dags())
def test_from_the_peak_on_more_workers_change_nothing(dag):
    peak = merged_jobs(dag, ()).peak
    assert simulate(dag, max(peak, 1)).makespan == pytest.approx(dag.critical_time)
    assert peak <= len(dag)


def test_nothing_but_implied_order_goes_unless_asked():
    dag = row("a", "b", "c")
    assert optimize(dag) == dag
    assert notes(optimize(dag)) == ()


def test_what_no_target_needs_is_dropped():
    dag = DAG([Node("a"), Node("b", after=["a"]), Node("c", after=["a"]), Node("d", after=["c"])])
    better = optimize(dag, targets=["b"])
    assert list(better.nodes) == ["a", "b"]
    assert notes(better) == ("dropped c: no target needs it", "dropped d: no target needs it")
    assert optimize(dag, targets="b") == better


def test_what_compensates_a_node_that_stays_stays():
    dag = DAG([Node("a", undo="tidy"), Node("base"), Node("tidy", after=["base"]), Node("x", undo="y"), Node("y")])
    assert list(optimize(dag, targets="a").nodes) == ["a", "base", "tidy"]


def test_an_unknown_target_is_named():
    with pytest.raises(MissingDependencyError, match="did you mean 'train'"):
        optimize(DAG([Node("train")]), targets=["trian"])


@pytest.mark.parametrize("below", [0, -1, float("nan")])
def test_a_threshold_is_above_zero(below):
    with pytest.raises(ConfigError, match="no threshold"):
        optimize(row("a", "b"), merge_below=below)


def test_a_chain_becomes_one_node_with_parts():
    dag = DAG(
        [
            Node("load", fn=body, cost=1, reads=("path",), writes=("df",)),
            Node("clean", fn=body, after=["load"], cost=2, reads=("df",), mutates=("df",)),
            Node("fit", fn=body, after=["clean"], cost=9),
        ],
        [Edge("clean", "fit", "mutation")],
    )
    better = optimize(dag, merge_below=4)
    merged = better.nodes["load+clean"]
    assert [part.id for part in merged.parts] == ["load", "clean"]
    assert (merged.cost, merged.fn, merged.reads, merged.writes, merged.mutates) == (
        3,
        None,
        ("path", "df"),
        ("df",),
        ("df",),
    )
    assert [(edge.source, edge.target, edge.kind) for edge in better.edges] == [("load+clean", "fit", "mutation")]
    assert better.nodes["fit"].after == ("load+clean",)
    assert notes(better) == ("merged load → clean into load+clean: 3 s together, below 4 s",)


def test_a_long_chain_is_cut_where_it_gets_dear():
    better = optimize(row(*"abcdefg"), merge_below=3.5)
    assert list(better.nodes) == ["a+b+c", "d+e+f", "g"]


def test_a_dear_node_parts_a_chain():
    nodes = [replace(node, cost=9 if node.id == "c" else 1) for node in row(*"abcde").nodes.values()]
    assert list(optimize(DAG(nodes), merge_below=3).nodes) == ["a+b", "c", "d+e"]


def test_merged_nodes_merge_again():
    better = optimize(optimize(row(*"abcd"), merge_below=2.5), merge_below=9)
    assert list(better.nodes) == ["a+b+c+d"]
    assert [part.id for part in better.nodes["a+b+c+d"].parts] == list("abcd")
    assert notes(better)[-1] == "merged a+b → c+d into a+b+c+d: 4 s together, below 9 s"


def test_a_name_that_is_taken_gets_a_number():
    nodes = [*row("a", "b").nodes.values(), Node("a+b", cost=5), Node("a+b (2)", cost=5)]
    assert list(optimize(DAG(nodes), merge_below=3).nodes) == ["a+b (3)", "a+b", "a+b (2)"]


@pytest.mark.parametrize(
    "setting",
    [
        {"kind": "cell", "source": "x = 1", "fn": None},
        {"fn": None},
        {"when": "x > 1"},
        {"undo": "c"},
        {"timeout": 60.0},
        {"retry": 3},
        {"breaker": "on"},
        {"cache": True},
        {"cache": 60.0},
        {"uses": ("db",)},
        {"kind": "agent"},
        {"backend": "loky"},
        {"phase": "train"},
        {"priority": 1},
        {"verdicts": {"loky": "why"}},
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_what_is_more_than_a_body_or_of_another_kind_stays(setting, place):
    nodes = list(row("a", "b").nodes.values())
    nodes[place] = replace(nodes[place], **setting)
    assert list(optimize(DAG(nodes), merge_below=9).nodes) == ["a", "b"]


def test_what_is_named_elsewhere_keeps_its_name():
    dag = DAG([*row("a", "b").nodes.values(), Node("c", when="a > 3"), Node("d", undo="b")])
    assert list(optimize(dag, merge_below=9).nodes) == ["a", "b", "c", "d"]
    assert list(optimize(row("a", "b"), merge_below=9, targets=["b"]).nodes) == ["a", "b"]


def test_a_fork_and_a_join_are_no_chain():
    dag = DAG([Node("a", fn=body), Node("b", fn=body, after=["a"]), Node("c", fn=body, after=["a"])])
    assert optimize(dag, merge_below=9) == dag
    dag = DAG([Node("a", fn=body), Node("b", fn=body), Node("c", fn=body, after=["a", "b"])])
    assert optimize(dag, merge_below=9) == dag


def three_chains() -> DAG:
    return DAG([node for n in "xyz" for node in row(f"{n}1", f"{n}2").nodes.values()])


def test_a_merger_that_would_take_longer_is_left_with_the_reason():
    better = optimize(three_chains(), merge_below=9)
    assert simulate(better, 2).makespan == 3
    assert list(better.nodes) == ["x1+x2", "y1", "y2", "z1+z2"]
    assert notes(better) == (
        "merged x1 → x2 into x1+x2: 2 s together, below 9 s",
        "merged z1 → z2 into z1+z2: 2 s together, below 9 s",
        "left y1 → y2 apart: as one node, 2 workers would take 4 s instead of 3 s",
    )


def test_the_search_is_bounded():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optimising, "_BUDGET", 1)
        better = optimize(three_chains(), merge_below=9)
    assert better.nodes.keys() == three_chains().nodes.keys()
    assert all(note.endswith("too many of its kind") for note in notes(better))


def test_a_drop_that_would_take_longer_is_not_made():
    with pytest.MonkeyPatch.context() as patch:
        objections = iter(["2 workers would take 9 s instead of 8 s", "", "2 workers would take 9 s instead of 8 s"])
        patch.setattr(optimising._Guard, "objection", lambda self, jobs: next(objections))
        better = optimize(DAG([Node("a"), Node("b", after=["a"]), Node("c", after=["b"])]), targets=["a"])
    assert list(better.nodes) == ["a", "b"]
    assert notes(better) == (
        "dropped c: no target needs it",
        "kept b, which no target needs: without it, 2 workers would take 9 s instead of 8 s",
    )


def test_what_stays_keeps_what_it_needs():
    with pytest.MonkeyPatch.context() as patch:
        objections = iter(["slow", "slow", ""])
        patch.setattr(optimising._Guard, "objection", lambda self, jobs: next(objections))
        better = optimize(DAG([Node("a"), Node("b", after=["a"]), Node("c", after=["b"])]), targets=["a"])
    assert list(better.nodes) == ["a", "b", "c"]
    assert notes(better)[0] == "kept b, which no target needs: what needs it stays"


def test_nodes_without_cost_need_workers_too():
    jobs = Jobs([[0, 1, 2], [3]], [[3], [], [], []], [0.0, 1.0, 1.0, 1.0], [0, 0, 0, 0])
    assert jobs.peak >= 3  # at the beginning: all but the last, which then takes the place of the first
    assert Jobs([], [], [], []).makespan(2) == 0.0
