"""What changes a graph's hash: every field of a node, one by one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path

import pytest

from orchestra_nb.graph import DAG
from orchestra_nb.model import Edge, Evidence, Node


def body() -> int:
    return 1


def other_body() -> int:
    return 2


COUNTS = {
    "id": "b",
    "fn": other_body,
    "after": ("z",),
    "cost": 2.0,
    "reads": ("x",),
    "writes": ("x",),
    "mutates": ("x",),
    "cache": True,
    "when": "x > 1",
    "undo": "z",
    "kind": "agent",
    "source": "x = 1",
}
DOES_NOT = {
    "uses": ("db",),
    "priority": 3,
    "timeout": 60.0,
    "retry": 5,
    "breaker": "on",
    "phase": "train",
    "backend": "loky",
    "index": 7,
    "verdicts": {"loky": "why"},
    "metadata": {"title": "A", "tags": ("hide-input",), "place": "cell 3", "task": "only an agent is told"},
}
NODE = Node("a", fn=body)


def hash_of(*nodes: Node) -> str:
    return DAG([Node("z"), *nodes]).hash


@pytest.mark.parametrize(("name", "value"), COUNTS.items())
def test_what_can_change_a_result_counts(name, value):
    assert hash_of(replace(NODE, **{name: value})) != hash_of(NODE)


@pytest.mark.parametrize(("name", "value"), DOES_NOT.items())
def test_what_only_says_how_or_when_or_is_shown_does_not_count(name, value):
    assert hash_of(replace(NODE, **{name: value})) == hash_of(NODE)


def test_no_field_was_forgotten():
    assert {*COUNTS, *DOES_NOT, "parts"} == {field.name for field in fields(Node)}


def test_parts_count():
    one, two = Node("x", fn=body), Node("y", fn=body)
    merged = hash_of(Node("a", parts=(one, two)))
    assert merged != hash_of(Node("a"))
    assert merged != hash_of(Node("a", parts=(two, one)))
    assert merged != hash_of(Node("a", parts=(one, replace(two, fn=other_body))))
    assert merged == hash_of(Node("a", parts=(one, replace(two, timeout=5.0))))


@pytest.mark.parametrize("name", ["reads", "writes", "mutates"])
def test_the_order_of_names_does_not_count(name):
    assert hash_of(replace(NODE, **{name: ("x", "y")})) == hash_of(replace(NODE, **{name: ("y", "x")}))


def test_the_measured_time_of_a_cell_does_not_count():
    assert hash_of(Node("a", kind="cell", cost=1.0)) == hash_of(Node("a", kind="cell", cost=2.0))


def test_whether_a_cell_may_raise_counts():
    cells = [Node("a", kind="cell", metadata={"tags": tags}) for tags in ((), ("hide-input",), ("raises-exception",))]
    assert hash_of(cells[0]) == hash_of(cells[1]) != hash_of(cells[2])


@dataclass(frozen=True)
class Agent:
    task: str
    path: str = ""
    retry: object = None
    input: dict[str, object] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("metadata", "same"),
    [
        ({"agent": Agent("review")}, True),
        ({"agent": Agent("review", path="phases[3]"), "title": "Review"}, True),
        ({"agent": Agent("review", retry=3)}, True),
        ({"agent": Agent("rewrite")}, False),
        ({"agent": Agent("review", input={"files": ["a"]})}, False),
        ({"agent": "review"}, False),
        ({"agent": Agent("review"), "task": "all of it"}, False),
    ],
)
def test_an_agent_is_what_it_is_told(metadata, same):
    first = hash_of(Node("a", kind="agent", metadata={"agent": Agent("review")}))
    assert (hash_of(Node("a", kind="agent", metadata=metadata)) == first) == same


def test_the_order_of_nodes_and_their_places_do_not_count():
    nodes = [Node("a", fn=body), Node("b", after=["a"]), Node("c", after=["a"])]
    assert DAG(nodes).hash == DAG(nodes[::-1]).hash == DAG([replace(nodes[0], index=9), *nodes[1:]]).hash


def test_evidence_and_doubled_edges_do_not_count_and_their_kind_does():
    nodes = [Node("a"), Node("b")]
    edge = Edge("a", "b", "value", evidence=(Evidence("x", 3, 4, "writes x"),))
    plain = Edge("a", "b", "value")
    assert DAG(nodes, [edge]).hash == DAG(nodes, [plain]).hash == DAG(nodes, [plain, edge]).hash
    assert DAG(nodes, [plain]).hash != DAG(nodes, [Edge("a", "b", "file")]).hash
    assert DAG(nodes, [plain]).hash != DAG(nodes, [Edge("b", "a", "value")]).hash


def test_metadata_of_the_graph_does_not_count():
    assert DAG([NODE], metadata={"title": "x"}).hash == DAG([NODE]).hash


def test_the_hash_is_the_same_in_other_processes(tmp_path: Path):
    text = (
        "import functools, sys\n"
        "from orchestra_nb.graph import DAG\nfrom orchestra_nb.model import Node\n"
        "NAMES = frozenset('abcdef')\n"
        "def helper(x): return x in NAMES\n"
        "def body(x, *, y={'p', 'q', 'r'}): return [helper(z) for z in 'abc' if z in {'a', 'b', 'c'}]\n"
        "class Made:\n    def __call__(self): return helper(1)\n"
        "nodes = [Node('a', fn=body), Node('b', after=['a'], fn=functools.partial(body, {'k': {1, 2}})),\n"
        "         Node('c', fn=Made(), reads=tuple({'u', 'v', 'w'})), Node('d', fn=len, parts=())]\n"
        "print(DAG(nodes if len(sys.argv) > 1 else nodes[::-1]).hash)"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", text, *more], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            check=True, capture_output=True, text=True,
        ).stdout
        for seed in ("1", "2", "3") for more in ([], ["x"])
    }  # fmt: skip
    assert len(runs) == 1


def test_what_partial_binds_counts():
    assert hash_of(Node("a", fn=partial(body))) != hash_of(Node("a", fn=partial(body, 1)))
