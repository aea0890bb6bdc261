from __future__ import annotations

import pickle
import subprocess
import sys

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.errors import ConfigError, CycleError, GraphError, MissingDependencyError
from orchestra_nb.graph import DAG
from orchestra_nb.model import Edge, Evidence, Node


@pytest.fixture
def diamond() -> DAG:
    return DAG(
        [
            Node("load", cost=1),
            Node("fit", after=["load"], cost=4),
            Node("plot", after=["load"], cost=2),
            Node("report", after=["fit", "plot"], cost=1),
        ]
    )


def test_levels_critical_path_and_slack(diamond):
    assert diamond.levels == (("load",), ("fit", "plot"), ("report",))
    assert diamond.critical_path == ("load", "fit", "report")
    assert (diamond.critical_time, diamond.total_time, diamond.max_parallelism) == (6.0, 8.0, 2)
    assert diamond.slack == {"load": 0.0, "fit": 0.0, "plot": 2.0, "report": 0.0}
    assert diamond.upward_rank == {"load": 6.0, "fit": 5.0, "plot": 3.0, "report": 1.0}


@pytest.mark.parametrize(("workers", "bound"), [(1, 8.0), (2, 6.0), (100, 6.0)])
def test_the_lower_bound_is_the_longer_of_path_and_shared_work(diamond, workers, bound):
    assert diamond.lower_bound(workers) == bound


def test_no_workers_is_an_error(diamond):
    with pytest.raises(ConfigError, match="give 1 or more"):
        diamond.lower_bound(0)


def test_neighbours_near_and_far(diamond):
    assert diamond.predecessors("report") == ("fit", "plot")
    assert diamond.successors("load") == ("fit", "plot")
    assert diamond.ancestors("report") == ("load", "fit", "plot")
    assert diamond.descendants("load") == ("fit", "plot", "report")


def test_an_empty_dag_is_a_dag():
    dag = DAG([])
    assert (dag.levels, dag.critical_path, dag.critical_time, dag.max_parallelism, len(dag)) == ((), (), 0.0, 0, 0)
    assert (dict(dag.slack), dag.edges, dag.lower_bound(2)) == ({}, (), 0.0)


def test_nodes_come_in_document_order():
    assert list(DAG([Node("b", index=1), Node("c", index=2), Node("a", index=0)]).nodes) == ["a", "b", "c"]


def test_after_becomes_a_declared_edge_with_a_reason():
    (edge,) = DAG([Node("a"), Node("b", after=["a", "a"])]).edges
    assert (edge.source, edge.target, edge.kind, edge.certainty) == ("a", "b", "declared", "certain")
    assert str(edge) == "a → b  [declared] 'b' is to come after 'a'"


def test_after_adds_nothing_to_an_edge_that_is_given():
    given_edge = Edge("a", "b", "value", evidence=(Evidence("x"),))
    assert DAG([Node("a"), Node("b", after=["a"])], [given_edge]).edges == (given_edge,)


def test_a_pair_may_have_several_edges_and_counts_as_one_need():
    dag = DAG([Node("a"), Node("b")], [Edge("a", "b", "value"), Edge("a", "b", "file")])
    assert [edge.kind for edge in dag.edges] == ["value", "file"]
    assert dag.predecessors("b") == ("a",)
    assert "1 needs" in repr(dag)


def test_edges_come_in_document_order():
    dag = DAG([Node("a"), Node("b"), Node("c", after=["b", "a"])], [Edge("a", "b", "value")])
    assert [(edge.source, edge.target) for edge in dag.edges] == [("a", "b"), ("a", "c"), ("b", "c")]


def test_a_misspelt_need_is_named_with_the_nearest_name():
    with pytest.raises(MissingDependencyError, match=r"'train' comes after 'laod'.*did you mean 'load'"):
        DAG([Node("load"), Node("train", after=["laod"])])


def test_all_missing_needs_are_named_at_once():
    with pytest.raises(MissingDependencyError) as caught:
        DAG([Node("a", after=["x"]), Node("b", after=["y"])], [Edge("a", "z")])
    assert all(repr(name) in str(caught.value) for name in "xyz")


def test_one_name_for_two_nodes_is_an_error():
    with pytest.raises(GraphError, match="two nodes are named 'a'"):
        DAG([Node("a"), Node("a")])


def test_the_shortest_cycle_is_named():
    edges = [Edge("a", "b"), Edge("b", "c"), Edge("c", "d"), Edge("d", "a"), Edge("d", "c")]
    with pytest.raises(CycleError) as caught:
        DAG([Node(name) for name in "abcd"], edges)
    assert caught.value.path == ("c", "d", "c")


def test_a_node_that_waits_for_itself_is_a_cycle():
    with pytest.raises(CycleError) as caught:
        DAG([Node("a", after=["a"])])
    assert caught.value.path == ("a", "a")


@pytest.mark.parametrize("thing", [["a"], [len], [None]])
def test_only_nodes_make_a_dag(thing):
    with pytest.raises(GraphError, match="build_dag"):
        DAG(thing)


def test_a_subclass_of_node_is_a_node():
    class Special(Node):
        pass

    assert list(DAG([Special("a")]).nodes) == ["a"]


def test_a_dag_does_not_change(diamond):
    with pytest.raises(AttributeError, match="does not change"):
        diamond.metadata = {}
    with pytest.raises(AttributeError, match="does not change"):
        del diamond.metadata
    with pytest.raises(TypeError):
        diamond.nodes["new"] = Node("new")


def test_unknown_names_are_errors_with_the_nearest(diamond):
    for ask in (diamond.predecessors, diamond.successors, diamond.ancestors, diamond.descendants):
        with pytest.raises(MissingDependencyError, match="did you mean 'report'"):
            ask("reprot")
    with pytest.raises(MissingDependencyError, match="the graph is empty"):
        DAG([]).subgraph("a")


def test_a_subgraph_is_the_targets_and_what_they_need(diamond):
    part = diamond.subgraph(["plot"])
    assert list(part.nodes) == ["load", "plot"]
    assert [str(edge) for edge in part.edges] == [str(e) for e in diamond.edges if e.target == "plot"]
    assert list(diamond.subgraph("fit").nodes) == ["load", "fit"]


def test_new_costs_change_the_numbers_and_neither_shape_nor_hash(diamond):
    other = diamond.with_costs({"plot": 10.0, "no such node": 1.0})
    assert other.critical_path == ("load", "plot", "report")
    assert (other.hash, other.edges, other.levels) == (diamond.hash, diamond.edges, diamond.levels)
    assert diamond.critical_time == 6.0


def test_equal_graphs_are_equal_and_pickle(diamond):
    again = pickle.loads(pickle.dumps(diamond))
    assert again == diamond
    assert hash(again) == hash(diamond)
    assert again.hash == diamond.hash
    assert diamond != diamond.subgraph("fit")
    assert diamond != "diamond"


def test_the_hash_is_the_same_in_another_process():
    code = (
        "from orchestra_nb.graph import DAG\nfrom orchestra_nb.model import Node\n"
        "def body(x={1}): return [y for y in 'abc' if y in {'a', 'b', 'c', 'd'}], 2.5\n"
        "print(DAG([Node('a', fn=body), Node('b', after=['a'], fn=len)]).hash)"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            check=True, capture_output=True, text=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(runs) == 1


def test_edge_order_and_how_an_edge_was_given_do_not_change_the_hash():
    nodes = [Node("a"), Node("b"), Node("c")]
    declared = DAG([Node("a"), Node("b", after=["a"]), Node("c", after=["b", "a"])])
    given_edges = DAG(nodes, [Edge("b", "c"), Edge("a", "c"), Edge("a", "b")])
    assert declared.hash == given_edges.hash


@pytest.mark.parametrize(
    "other",
    [
        [Node("a"), Node("b")],
        [Node("a"), Node("c", after=["a"])],
        [Node("a", source="x"), Node("b", after=["a"])],
        [Node("a", cost=2), Node("b", after=["a"])],
        [Node("a", when="x"), Node("b", after=["a"])],
        [Node("a", fn=len), Node("b", after=["a"])],
    ],
)
def test_what_a_graph_is_changes_its_hash(other):
    assert DAG(other).hash != DAG([Node("a"), Node("b", after=["a"])]).hash


def test_networkx_gets_every_node_and_pair(diamond):
    graph = diamond.to_networkx()
    assert list(nx.topological_generations(graph)) == [list(level) for level in diamond.levels]
    assert graph.nodes["fit"] == {"cost": 4, "level": 1, "kind": "function", "phase": None}


def test_networkx_joins_the_edges_of_a_pair():
    edges = [Edge("a", "b", "value", "possible", (Evidence("x"),)), Edge("a", "b", "file", "certain")]
    graph = DAG([Node("a"), Node("b")], edges).to_networkx()
    assert graph.edges["a", "b"] == {"kinds": ("value", "file"), "certainty": "certain", "evidence": ("x",)}


def test_graphviz_gets_dot_text(diamond):
    source = diamond.to_graphviz()
    assert source.source.startswith("digraph")
    assert all(name in source.source for name in diamond.nodes)


@given(st.lists(st.sets(st.integers(0, 12)), min_size=1, max_size=13), st.randoms())
def test_order_of_nodes_does_not_matter_to_levels_and_times(needs, random):
    nodes = [Node(f"n{i}", index=i, after=[f"n{j}" for j in some if j < i], cost=i % 4) for i, some in enumerate(needs)]
    shuffled = random.sample(nodes, len(nodes))
    assert DAG(shuffled) == DAG(nodes)
    assert DAG(shuffled).critical_path == DAG(nodes).critical_path
    assert DAG(shuffled).hash == DAG(nodes).hash
