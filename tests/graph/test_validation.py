from __future__ import annotations

from orchestra_nb.graph import check
from orchestra_nb.graph.validation import ValidationResult, cautions
from orchestra_nb.model import Edge, Evidence, Node


def codes(nodes, edges=()):
    return [issue.code for issue in check(nodes, edges)]


def test_a_sound_graph_has_no_faults():
    assert check([Node("a"), Node("b", after=["a"])]) == ()


def test_every_fault_is_found_in_one_pass():
    nodes = [
        Node("a", after=["b", "nope"]),
        Node("b", after=["a"]),
        Node("b"),
        Node("c", after=["c"]),
        Node("slow", cost=10, timeout=2),
    ]
    assert codes(nodes, [Edge("a", "ghost")]) == [
        "unknown-node", "duplicate-name", "unknown-node", "cycle", "cycle", "timeout-below-cost",
    ]  # fmt: skip


def test_each_cycle_is_named_once_in_its_shortest_form():
    nodes = [Node("a", after=["b", "c"]), Node("b", after=["a"]), Node("c", after=["b"]), Node("x", after=["x"])]
    found = [issue.nodes for issue in check(nodes) if issue.code == "cycle"]
    assert found == [("x", "x"), ("a", "b", "a"), ("a", "b", "c", "a")]


def test_an_unknown_name_brings_the_nearest_but_never_the_node_itself():
    (issue,) = check([Node("train", after=["trains"]), Node("test")])
    assert "did you mean 'train'" not in issue.suggestion
    assert issue.nodes == ("train",)


def test_cells_are_named_by_their_number():
    nodes = [Node("a", kind="cell", index=0), Node("a", kind="cell", index=3, after=["b"])]
    duplicate, unknown = check(nodes)
    assert str(duplicate) == "cell 4: two nodes are named 'a' (cell 1 and cell 4); give one of them another name"
    assert unknown.path == "cell 4"


def test_the_reader_of_a_document_says_where_a_setting_stands():
    (issue,) = check([Node("a", after=["b"])], place=lambda node, setting: f"{node.id}, {setting}")
    assert issue.path == "a, after"


def test_an_edge_between_strangers_is_two_faults():
    assert codes([Node("a")], [Edge("x", "y")]) == ["unknown-node", "unknown-node"]
    assert codes([Node("a")], [Edge("x", "x")]) == ["unknown-node"]


def test_a_timeout_below_the_cost_is_a_warning():
    (issue,) = check([Node("a", cost=5, timeout=1)])
    assert (issue.severity, issue.code) == ("warning", "timeout-below-cost")
    assert str(issue) == "'a' is expected to take 5 s and would be stopped after 1 s; raise its timeout"
    assert cautions([Node("a", timeout=0.5), Node("b", cost=5, timeout=9)]) == ()


def test_a_result_tells_errors_from_warnings():
    result = ValidationResult(check([Node("a", cost=5, timeout=1), Node("b", after=["c"])]))
    assert [i.code for i in result.errors] == ["unknown-node"]
    assert [i.code for i in result.warnings] == ["timeout-below-cost"]
    assert not result.valid
    assert ValidationResult(result.warnings).valid


def test_a_cycle_says_what_each_step_rests_on_and_which_after_to_drop():
    nodes = [Node("load", after=("train",), index=0, kind="cell"), Node("train", index=1, kind="cell")]
    needs = Edge("load", "train", "data", evidence=(Evidence("df", 1, 2, "writes df, then reads df"),))
    (issue,) = check(nodes, [needs])
    assert (
        issue.message
        == "nodes wait for each other: load → train → load (train needs load for df; load is after train (cell 1))"
    )
    assert issue.suggestion == "drop 'train' from the 'after' of 'load'"
    assert issue.path == "cell 1"


def test_a_second_node_of_a_name_after_the_first_is_one_fault():
    issues = check([Node("a"), Node("a", after=("a",), index=1)])
    assert [issue.code for issue in issues] == ["duplicate-name"]
