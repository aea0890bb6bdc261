"""What is written is read as the same graph, whatever its names; what is there is spared."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb import DAG, ConfigError, DefinitionError, Edge, Node, Pipeline, RetryPolicy, RunConfig, taskgraphs
from orchestra_nb.errors import CommandError
from orchestra_nb.taskgraphs import graph_text, read_graph, write_graph

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)
COSTS = st.one_of(st.integers(0, 10**6), st.floats(0, 1e9))


@st.composite
def graphs(draw: st.DrawFn) -> DAG:
    names = draw(st.lists(NAMES, min_size=1, max_size=7, unique=True))
    nodes = []
    for i, name in enumerate(names):
        after = draw(st.lists(st.sampled_from(names[:i]), unique=True)) if i else []
        nodes.append(Node(name, after=after, cost=draw(COSTS), index=i))
    return DAG(nodes)


def shape(dag: DAG) -> dict[str, tuple[str, ...]]:
    return {name: tuple(sorted(dag.predecessors(name))) for name in dag.nodes}


@given(dag=graphs(), format=st.sampled_from(["wfformat", "fabric", "json", "graphml", "stg"]))
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read_as_the_same_graph(dag: DAG, format: str) -> None:
    again = read_graph(graph_text(dag, format), format=format)
    assert shape(again) == shape(dag)
    if format != "fabric":
        assert {name: node.cost for name, node in again.nodes.items()} == {n.id: n.cost for n in dag.nodes.values()}


@given(dag=graphs())
@settings(max_examples=30, deadline=None)
def test_no_order_of_nodes_keeps_a_standard_task_graph_from_being_in_order(dag: DAG) -> None:
    turned = DAG([Node(n.id, after=n.after, cost=n.cost, index=-i) for i, n in enumerate(dag.nodes.values())])
    assert shape(read_graph(graph_text(turned, "stg"))) == shape(dag)


def test_kinds_certainty_and_evidence_come_through_our_own_json() -> None:
    dag = DAG([Node("a", phase="p"), Node("b", index=1)], [Edge("a", "b", "value", "possible"), Edge("a", "b", "file")])
    assert read_graph(graph_text(dag, "json")) == dag
    kinds = {(edge.kind, edge.certainty) for edge in read_graph(graph_text(dag, "graphml")).edges}
    assert kinds == {("value", "certain"), ("file", "certain")}


def test_a_pipeline_comes_through_with_attempts_and_arguments() -> None:
    policy = RetryPolicy(attempts=3, initial_delay=5.0, multiplier=1.0, jitter=0.0)
    node = Node("a", retry=policy, timeout=60, metadata={"path": "A", "args": {"x": 1}})
    again = read_graph(graph_text(DAG([node]), "fabric")).nodes["a"]
    assert (again.retry, again.timeout, dict(again.metadata)) == (policy, 60, {"path": "A", "args": {"x": 1}})


@pytest.fixture(scope="module")
def run() -> Any:
    dag = taskgraphs.fork_join(3, work=lambda facts: lambda: 1)
    return Pipeline(dag, RunConfig(jobs=2, history=False)).run()


def test_a_run_is_written_with_what_it_took(run: Any) -> None:
    took = {name: outcome.seconds for name, outcome in run.outcomes.items()}
    for format in ("wfformat", "json", "stg"):
        again = read_graph(graph_text(run, format))
        assert {name: node.cost for name, node in again.nodes.items()} == pytest.approx(took)
    assert nx.parse_graphml(graph_text(run, "graphml")).nodes["join_0"]["status"] == "done"
    assert json.loads(graph_text(run, "json"))["success"] is True
    assert "digraph" in graph_text(run, "dot")


ID, FILE = re.compile(r"[0-9a-zA-Z_.-]*"), re.compile(r"[0-9a-zA-Z_./:-]+")


def check_wfformat(data: dict[str, Any]) -> None:
    """Check what the schema of version 1.5 wants of the parts that are written."""
    assert data["schemaVersion"] == "1.5"
    assert all(data[key] for key in ("name", "description"))
    assert datetime.fromisoformat(data["createdAt"]).tzinfo is not None
    assert all(data["runtimeSystem"][key] for key in ("name", "version"))
    specification, execution = data["workflow"]["specification"], data["workflow"]["execution"]
    ids = [task["id"] for task in specification["tasks"]]
    assert ids
    assert [task["id"] for task in execution["tasks"]] == ids
    for task in specification["tasks"]:
        assert task["name"]
        assert all(ID.fullmatch(each) and each in ids for each in [*task["parents"], *task["children"]])
        assert all(FILE.fullmatch(each) for key in ("inputFiles", "outputFiles") for each in task.get(key, []))
    assert all(FILE.fullmatch(each["id"]) and each["sizeInBytes"] >= 0 for each in specification.get("files", []))
    hosts = {machine["nodeName"] for machine in execution.get("machines", [])}
    assert isinstance(execution["makespanInSeconds"], int | float)
    assert execution["executedAt"]
    for task in execution["tasks"]:
        assert isinstance(task["runtimeInSeconds"], int | float)
        assert set(task.get("machines", ())) <= hosts
        assert task.get("coreCount", 1) >= 1


def test_a_workflow_has_all_that_its_schema_wants(run: Any) -> None:
    read = read_graph(Path(__file__).parent / "data" / "wfformat-1.5.json")
    for what in (run, read, taskgraphs.montage(4), DAG([Node("<a b>"), Node("ü", after=["<a b>"])])):
        check_wfformat(json.loads(graph_text(what, "wfformat")))
    data = json.loads(graph_text(run, "wfformat"))
    assert data["workflow"]["execution"]["machines"][0]["cpu"]["coreCount"] >= 1
    again = json.loads(graph_text(read, "wfformat"))["workflow"]
    assert again["specification"]["files"][0] == {"id": "part-1.txt", "sizeInBytes": 100}
    assert again["specification"]["tasks"][1]["inputFiles"] == ["part-1.txt"]
    assert again["execution"]["tasks"][3]["coreCount"] == 2


def test_a_graph_without_nodes_is_no_workflow() -> None:
    with pytest.raises(DefinitionError, match="wants one task at least"):
        graph_text(DAG([]), "wfformat")
    for format in ("fabric", "json", "stg", "graphml"):
        assert len(read_graph(graph_text(DAG([]), format), format=format)) == 0


def test_a_file_is_written_by_its_ending_or_as_is_asked_for(tmp_path: Path) -> None:
    dag = taskgraphs.chain(2)
    for name, format, begins in (
        ("a.json", None, '{\n "levels"'),
        ("b.json", "wfformat", '{\n "name"'),
        ("c.stg", None, "          2"),
        ("d.graphml", None, "<graphml"),
        ("e.gv", None, "digraph"),
        ("f.txt", "stg", "          2"),
    ):
        path = write_graph(dag, tmp_path / name, format=format)
        assert path.read_text().startswith(begins)
        if format is None and path.suffix != ".gv":
            assert shape(read_graph(path)) == shape(dag)


def test_what_cannot_be_written_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("mine")
    dag = taskgraphs.chain(1)
    for name, told in {
        "a.json": "is there already; give another name, or force=True",
        "a.jsno": "did you mean '.json'",
        "a": "let it end with one of .json",
        "none/a.json": "there is no folder",
    }.items():
        with pytest.raises(CommandError, match=told):
            write_graph(dag, tmp_path / name)
    with pytest.raises(ConfigError, match="no format is called 'csv'"):
        write_graph(dag, tmp_path / "b.json", format="csv")
    with pytest.raises(ConfigError, match="only a DAG or a RunResult"):
        write_graph([1], tmp_path / "b.json")  # type: ignore[arg-type]
    with pytest.raises(DefinitionError):
        write_graph(DAG([]), tmp_path / "b.json", format="wfformat")
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "mine"
    write_graph(dag, tmp_path / "a.json", force=True)
    assert len(read_graph(tmp_path / "a.json")) == 1
