"""Files of published formats are read as what they are; every fault of a faulty one is told with its place."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from orchestra_nb import ConfigError, DAGBuilder, DefinitionError, Pipeline, simulate
from orchestra_nb.errors import Issue
from orchestra_nb.taskgraphs import read_graph
from orchestra_nb.taskgraphs.drafts import MOST_FAULTS

DATA = Path(__file__).parent / "data"
WITH_SECONDS = sorted({each.name for each in DATA.iterdir()} - {"fabric.json", "data-factory.json"})
SHAPE = [1, 2, 1]


@pytest.mark.parametrize("name", WITH_SECONDS)
def test_each_format_gives_the_same_graph(name: str) -> None:
    dag = read_graph(DATA / name)
    assert [len(level) for level in dag.levels] == SHAPE
    assert [node.cost for node in dag.nodes.values()] == [1, 2.25, 4, 0.5]
    assert (dag.critical_time, len(dag.edges)) == (5.5, 4)
    assert simulate(dag, workers=1).makespan == 7.75


@pytest.mark.parametrize("name", sorted(each.name for each in DATA.iterdir()))
def test_a_text_is_read_as_its_file_is(name: str) -> None:
    assert read_graph((DATA / name).read_text()) == read_graph(str(DATA / name))


def test_a_workflow_keeps_what_is_known_of_tasks_and_machines() -> None:
    dag = read_graph(DATA / "wfformat-1.5.json")
    assert list(dag.nodes) == ["split_1", "map_1", "map_2", "join_1"]
    assert dag.nodes["split_1"].metadata["task"] == "cut"
    assert dag.nodes["map_2"].metadata["task"] == "map"
    assert dag.nodes["join_1"].metadata["cores"] == 2
    assert dag.metadata["files"] == {"part-1.txt": 100, "part-2.txt": 200}
    assert (dag.metadata["makespan"], dag.metadata["machines"][0]["nodeName"]) == (7.5, "host-1")
    old = read_graph(DATA / "wfformat-1.4.json")
    assert [node.metadata["task"] for node in old.nodes.values()] == ["split", "map", "map", "join"]


def test_what_it_costs_to_send_is_kept_and_dummies_are_not() -> None:
    dag = read_graph(DATA / "lanes-sending.stg")
    assert list(dag.nodes) == ["1", "2", "3", "4"]
    assert dag.nodes["4"].metadata["communication"] == {"2": 1.0, "3": 1.5}


def test_a_pipeline_keeps_attempts_limits_and_arguments() -> None:
    dag = read_graph(DATA / "fabric.json")
    assert [len(level) for level in dag.levels] == SHAPE
    assert {node.cost for node in dag.nodes.values()} == {1.0}
    assert dag.nodes["split"].timeout == 90
    assert dag.nodes["split"].metadata == {"path": "Split", "args": {"parts": 2}}
    assert (dag.nodes["map 1"].retry.attempts, dag.nodes["map 1"].retry.initial_delay) == (2, 10)
    assert dag.metadata["concurrency"] == 2
    factory = read_graph(DATA / "data-factory.json", missing=3)
    assert (factory.critical_time, factory.nodes["split"].timeout, factory.nodes["split"].retry.attempts) == (
        9,
        43200,
        3,
    )


def test_our_own_plan_keeps_kinds_and_evidence() -> None:
    edges = read_graph(DATA / "plan.json").edges
    assert [(edge.kind, edge.certainty) for edge in edges[:2]] == [("value", "certain"), ("file", "possible")]
    assert str(edges[0].evidence[0]) == "writes df (line 1 → line 2)"


def workflow(**changes: Any) -> dict[str, Any]:
    data = json.loads((DATA / "wfformat-1.5.json").read_text())
    for place, value in changes.items():
        at: Any = data["workflow"]
        *ways, last = place.split("__")
        for way in ways:
            at = at[int(way) if way.isdecimal() else way]
        if value is ...:
            del at[int(last) if last.isdecimal() else last]
        else:
            at[int(last) if last.isdecimal() else last] = value
    return data


def issues_of(source: Any, **options: Any) -> list[Issue]:
    with pytest.raises(DefinitionError) as caught:
        read_graph(source if isinstance(source, str | Path) else json.dumps(source), **options)
    return list(caught.value.issues)


SPEC, RAN = "specification__tasks", "execution__tasks"
FAULTS: list[tuple[dict[str, Any], str]] = [
    (workflow(**{f"{RAN}__2__runtimeInSeconds": -1}), "text, workflow.execution.tasks[2].runtimeInSeconds: the runtime of 'map_1' must be seconds, zero or more, not -1"),
    (workflow(**{f"{RAN}__2__runtimeInSeconds": "2"}), "must be seconds, zero or more, not '2'"),
    (workflow(**{f"{RAN}__2__runtimeInSeconds": 1e300}), "must be seconds"),
    (workflow(**{f"{RAN}__2": ...}), "text, workflow.specification.tasks[1]: 'map_1' has no runtime; add it, or say missing=SECONDS"),
    (workflow(execution=...), "'split_1' has no runtime"),
    (workflow(**{f"{SPEC}__1__parents": ["splt_1"]}), "text, workflow.specification.tasks[1].parents[0]: 'map_1' needs 'splt_1', which does not exist; did you mean 'split_1'?"),
    (workflow(**{f"{SPEC}__1__parents": []}), "text, workflow.specification.tasks[0].children[0]: 'split_1' names 'map_1' as a child, which does not name it as a parent"),
    (workflow(**{f"{SPEC}__0__children": ["map_2"]}), "'map_1' names 'split_1' as a parent, which does not name it as a child"),
    (workflow(**{f"{SPEC}__1__parents": "split_1"}), "parents: must be a list of tasks"),
    (workflow(**{f"{SPEC}__2__id": "map_1"}), "text, workflow.specification.tasks[2]: 'map_1' is there already, at workflow.specification.tasks[1]"),
    (workflow(**{f"{SPEC}__2__id": 7}), "a task must have a name, not 7"),
    (workflow(**{f"{SPEC}__2": 7}), "workflow.specification.tasks[2]: a task must be a mapping, not 7"),
    (workflow(**{SPEC: {}}), "workflow.specification.tasks: the list of tasks must be a list"),
    (workflow(**{f"{SPEC}__0__parents": ["join_1"], f"{SPEC}__3__children": ["split_1"]}), "nodes wait for each other"),
    (workflow(**{f"{RAN}__0__id": "jion_1"}), "'jion_1' was executed, and is no task of the specification"),
    (workflow(**{f"{RAN}__1__id": "join_1"}), "what was measured of 'join_1' is there already, at workflow.execution.tasks[0]"),
    ({"activities": [{"name": "a", "dependencies": ["b"]}]}, "text, activities[0].dependencies[0]: 'a' needs 'b', which does not exist"),
    ({"activities": [{"path": "a"}]}, "text, activities[0]: a task must have a name, not None"),
    ({"activities": [3]}, "an activity must be a mapping"),
    ({"activities": [{"name": "a", "retry": "x"}]}, "activities[0].retry: must be a number"),
    ({"activities": [{"name": "a", "dependencies": "b"}]}, "must be a list of activities"),
    ({"activities": [{"name": "a", "dependencies": [1]}]}, "must name an activity, not 1"),
    ({"properties": {"activities": [{"name": "a", "policy": {"timeout": "soon"}}]}}, "properties.activities[0].policy.timeout: must be days"),
    ({"properties": {"activities": [{"name": "a"}, {"name": "b", "dependsOn": [{"activity": "a", "dependencyConditions": ["Failed"]}]}]}}, "on ['Failed']; here nodes come after what went well"),
    ({"nodes": [{"id": "a", "seconds": 1}, 3], "edges": []}, "nodes[1]: a node must be a mapping, not 3"),
    ({"nodes": [{"id": "a"}], "edges": []}, "text, nodes[0].seconds: 'a' has no seconds"),
    ({"nodes": [{"id": "a", "seconds": 1}], "edges": [{"source": "a", "target": "b"}]}, "edges[0]: 'b' is to need 'a', and does not exist"),
    ({"nodes": [{"id": "a", "seconds": 1}], "edges": [{"source": "a"}]}, "must name its source and its target"),
    ({"nodes": [{"id": "a", "seconds": 1}], "edges": [4]}, "an edge must be a mapping"),
    ({"nodes": [{"id": "a", "seconds": 1}], "edges": [{"source": "a", "target": "a", "kind": "odd"}]}, "edges[0].kind: an edge must be one of declared"),
    ({"nodes": [{"id": "a", "seconds": 1}], "edges": [{"source": "a", "target": "a"}]}, "'a' waits for itself"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "told"), FAULTS, ids=lambda value: value[:60] if isinstance(value, str) else "")
def test_a_fault_in_json_is_told_with_its_path(data: dict[str, Any], told: str) -> None:
    assert any(told in str(issue) for issue in issues_of(data)), list(map(str, issues_of(data)))


STG_FAULTS = [
    ("2\n0 0 0\n1 x 1 0\n2 3 1 1\n3 0 1 2\n", "line 3: must be numbers"),
    ("2\n0 0 0\n1 5 1 0\n2 -3 1 1\n3 0 1 2\n", "line 4: the time of '2' must be seconds, zero or more, not -3.0"),
    ("2\n0 0 0\n1 5 1 0\n2 nan 1 1\n3 0 1 2\n", "line 4: the time of '2' must be seconds"),
    ("2\n0 0 0\n1 5 1 0\n2 3 1 9\n3 0 1 2\n", "line 4: '2' needs '9', which does not exist"),
    ("2\n0 0 0\n1 5 1 2\n2 3 1 1\n3 0 1 2\n", "nodes wait for each other"),
    ("2\n0 0 0\n1 5 1 0\n1 3 1 1\n3 0 1 2\n", "line 4: task 1 is there already, at line 3"),
    ("2\n0 0 0\n1 5 1 0\n2 3 2 1\n3 0 1 2\n", "line 4: task 2 is said to need 2 tasks, and 1 are named"),
    (
        "5\n0 0 0\n1 5 1 0\n2 3 1 1\n3 0 1 2\n",
        "line 1: says that there are 5 tasks, and a dummy entry and exit; there are 4",
    ),
    ("2 1\n0 0 0\n1 5 1 0\n2 3\n3 0 1 2\n", "line 4: must have a task's number"),
    (
        "2 2\n0 0 0\n1 5 1\n0 0\n2 3 1\n1\n3 0 1\n2 0\n",
        "line 6: must have the number of a needed task and what it costs",
    ),
    ("2 2\n0 0 0\n1 5 1\n0 0\n2 3 2\n1 1\n", "ends before the last need"),
    ("2\n0 0 0\n1 5 1 0\n2 3 1 1.5\n3 0 1 2\n", "line 4: numbers of tasks must be whole"),
]


@pytest.mark.parametrize(("text", "told"), STG_FAULTS)
def test_a_fault_in_a_standard_task_graph_is_told_with_its_line(text: str, told: str) -> None:
    assert any(told in str(issue) for issue in issues_of(text)), list(map(str, issues_of(text)))


UNKNOWN = [
    ("a,b\n1,2\n", "is a file in none of the known formats: it begins with 'a,b'; known formats: WfFormat, Fabric pipeline"),
    ("\n\n", "it is empty"),
    ('{"tasks": []}', "it is a JSON object with 'tasks'"),
    ("[1]", "it is a list in JSON"),
    ('{"phases": []}', "it looks like a command definition, which load_command reads"),
    ('{"cells": []}', "it looks like a notebook"),
    ("digraph {\n}", "is DOT, which is written here and not read; GraphML has the same"),
    ("<svg>\n</svg>", "it begins with '<svg>'"),
    ("{", "is not JSON"),
    ('{"a": NaN}', "NaN is not a number in JSON"),
    ('{"nodes": [], "nodes": [], "edges": []}', "has the key 'nodes' twice"),
    ("[" * 50 + "]" * 50, "is nested deeper than 40"),
    ("<graphml>\n</graph>", "is not GraphML: mismatched tag"),
    ("<!DOCTYPE x>\n<graphml/>", "has a document type"),
    ('<graphml><key id="w" for="node" attr.name="cost" attr.type="double"/><graph edgedefault="undirected"><node id="a"/>'
     '<node id="b"/><edge source="a" target="b"/></graph></graphml>', "has edges without a direction"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), UNKNOWN, ids=lambda text: text[:20])
def test_what_is_none_of_these_is_told_what_it_looks_like(text: str, told: str) -> None:
    (issue,) = issues_of(text)
    assert told in str(issue)


def test_every_fault_is_told_at_once_and_of_too_many_how_many() -> None:
    data = workflow(
        **{f"{RAN}__0__runtimeInSeconds": -1, f"{RAN}__1__runtimeInSeconds": None, f"{SPEC}__1__parents": ["x"]}
    )
    assert [issue.code for issue in issues_of(data)] == [
        *("no-runtime", "bad-runtime", "contradiction", "unknown-node")
    ]
    many = {"activities": [{"name": "a", "dependencies": [f"b{i}" for i in range(MOST_FAULTS + 50)]}]}
    found = issues_of(many)
    assert len(found) == MOST_FAULTS + 1
    assert str(found[-1]) == "text: and 50 faults more"


def test_what_is_missing_can_be_said() -> None:
    data = workflow(execution=...)
    assert read_graph(json.dumps(data), missing=2).critical_time == 6
    with pytest.raises(ConfigError, match="missing must be seconds"):
        read_graph(json.dumps(data), missing=-2)


def test_a_format_that_is_asked_for_is_the_one() -> None:
    text = (DATA / "plan.json").read_text()
    assert read_graph(text, format="json") == read_graph(text)
    assert "is no WfFormat: it is a JSON object with 'success'" in str(issues_of(text, format="wfformat")[0])
    with pytest.raises(ConfigError, match="did you mean 'wfformat'"):
        read_graph(text, format="wformat")


def test_a_file_that_cannot_be_read_is_told_why(tmp_path: Path) -> None:
    (tmp_path / "rand0001.stg").write_text("")
    (tmp_path / "picture.stg").write_bytes(b"\xff\xfe\x00\x81")
    for name, told in {
        "rand001.stg": "there is no such file; did you mean 'rand0001.stg'?",
        "": "is a folder, not a file",
        "picture.stg": "is not UTF-8 text",
        "a\0b": "cannot be read",
        "y" * 300: "cannot be read",
    }.items():
        assert told in str(issues_of(tmp_path / name)[0])


@pytest.mark.parametrize("make", [DAGBuilder().build_dag, Pipeline])
def test_whoever_wants_to_run_a_task_graph_is_told_how_to_read_it(make: Any) -> None:
    with pytest.raises(DefinitionError, match=r"lanes.stg: is a task graph; read it with taskgraphs.read_graph"):
        make(str(DATA / "lanes.stg"))


def test_reading_changes_nothing_in_what_others_hold() -> None:
    data = workflow()
    before = deepcopy(data)
    dag = read_graph(json.dumps(data))
    assert data == before
    assert dag == read_graph(json.dumps(data))
