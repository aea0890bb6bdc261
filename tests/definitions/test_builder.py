from __future__ import annotations

from pathlib import Path

import pytest

from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.errors import CycleError, DefinitionError, GraphError, Issue, MissingDependencyError
from orchestra_nb.graph import DAG, task
from orchestra_nb.model import Node


def load():
    return [1]


@task(cost=2)
def total(load):
    return sum(load)


def build(definition):
    return DAGBuilder().build_dag(definition)


def test_parameters_that_name_a_node_are_value_edges():
    dag = build([load, total])
    assert [str(edge) for edge in dag.edges] == ["load → total  [value] parameter 'load' of total"]
    assert dag.nodes["total"].cost == 2


def test_a_value_edge_takes_the_place_of_a_declared_one():
    dag = build([Node("load", fn=load), Node("t", fn=lambda load: load, after=["load"])])
    assert [edge.kind for edge in dag.edges] == ["value"]


def test_a_parameter_that_names_its_own_node_is_left_to_the_context():
    assert build([Node("load", fn=lambda load, other: load)]).edges == ()


def test_a_mapping_gives_the_names():
    dag = build({"first": load, "second": Node("x", after=["first"]), "load": Node("load")})
    assert list(dag.nodes) == ["first", "second", "load"]
    assert dag.predecessors("second") == ("first",)


def test_a_generator_is_read_once():
    assert len(build(Node(f"n{i}") for i in range(3))) == 3


def test_a_dag_and_what_has_one_are_taken_as_they_are():
    dag = DAG([Node("a")])

    class Notebook:
        pass

    notebook = Notebook()
    notebook.dag = dag
    assert build(dag) is dag
    assert build(notebook) is dag
    assert DAGBuilder().validate(notebook).valid


@pytest.mark.parametrize("definition", [b"x", 3, None])
def test_what_is_no_definition_is_told_what_one_is(definition):
    with pytest.raises(DefinitionError, match=r"neither a node nor a function.*Notebook\.read"):
        build(definition)


def test_every_misfit_is_named_with_its_place():
    with pytest.raises(DefinitionError) as caught:
        build([load, "x", 3])
    assert [issue.path for issue in caught.value.issues] == ["item 2", "item 3"]
    with pytest.raises(DefinitionError, match="key 3"):
        build({3: load})
    with pytest.raises(DefinitionError, match="key 'a'"):
        build({"a": "load"})


def test_functions_that_need_each_other_are_a_cycle():
    with pytest.raises(CycleError):
        build({"a": lambda b: b, "b": lambda a: a})


def test_validate_takes_definitions_that_cannot_be_built():
    result = DAGBuilder().validate([Node("a", after=["nope"]), Node("b", after=["b"]), "x"])
    assert [issue.code for issue in result.issues] == ["not-a-node", "unknown-node", "cycle"]
    assert not result.valid


def test_validate_finds_what_is_odd_about_a_dag():
    result = DAGBuilder().validate(DAG([Node("a", cost=9, timeout=1)]))
    assert result.valid
    assert [issue.code for issue in result.warnings] == ["timeout-below-cost"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DefinitionError([Issue("bad-cell", "x")]), "bad-cell"),
        (CycleError(["a", "a"]), "cycle"),
        (MissingDependencyError("x"), "unknown-node"),
        (GraphError("x"), "duplicate-name"),
    ],
)
def test_validate_turns_the_errors_of_a_faulty_notebook_into_issues(error, code):
    class Faulty:
        @property
        def dag(self):
            raise error

    assert [issue.code for issue in DAGBuilder().validate(Faulty()).errors] == [code]


def test_a_notebook_or_a_missing_file_is_told_apart_from_a_definition():
    with pytest.raises(DefinitionError, match=r"analysis.ipynb: is a notebook; read it with Notebook.read"):
        build("analysis.ipynb")
    with pytest.raises(DefinitionError, match="there is no such file"):
        build(Path("nowhere.json"))


def test_nodes_may_be_written_as_mappings():
    dag = build({"load": {"fn": load, "cost": 2}, "show": {"after": "load", "fn": total}, "end": Node("end")})
    assert (dag.levels, dag.nodes["load"].cost) == ((("load", "end"), ("show",)), 2)
    dag = build([{"id": "a"}, {"name": "b", "dependencies": ["a"]}, {"fn": load}])
    assert dag.levels == (("a", "load"), ("b",))


def test_every_fault_of_mappings_is_found_at_once():
    definition = {
        "a": {"afetr": ["b"]},
        "b": {"cost": -1},
        "c": {"fn": 3},
        "d": {"after": [], "dependencies": []},
        "e": 5,
    }
    with pytest.raises(DefinitionError) as caught:
        build(definition)
    assert [(issue.code, issue.path) for issue in caught.value.issues] == [
        ("unknown-setting", "key 'a'"),
        ("wrong-type", "key 'b'"),
        ("not-a-node", "key 'c'"),
        ("twice", "key 'd'"),
        ("not-a-node", "key 'e'"),
    ]
    assert "did you mean 'after'?" in str(caught.value)


def test_a_command_is_built_and_validated_from_its_mapping_or_its_dag():
    command = {"name": "/x", "phases": [{"agents": [{"id": "a", "resources": ["db"]}, {"id": "b"}]}]}
    dag = build(command)
    assert dag.levels == (("a",), ("b",))
    for form in (command, dag, dag.metadata["definition"]):
        assert [issue.code for issue in DAGBuilder().validate(form).warnings] == ["unknown-resource"]
    faulty = {"phases": [{"agents": [{"id": "a", "dependencies": ["b"]}]}]}
    assert [issue.code for issue in DAGBuilder().validate(faulty).errors] == ["unknown-node"]
    assert not DAGBuilder().validate({"version": "1"}).valid


def test_what_no_root_reaches_and_no_target_needs_is_said():
    nodes = [Node("a"), Node("b", after=["a"]), Node("c"), Node("d", after=["b", "c"])]
    found = DAGBuilder().validate(nodes, roots=["a"], targets=["b"])
    assert [(i.code, i.nodes) for i in found.warnings] == [
        ("unreachable", ("c",)),
        ("dead-end", ("c",)),
        ("dead-end", ("d",)),
    ]
    assert DAGBuilder().validate(nodes, roots=["a", "c"], targets="d").issues == ()
    assert [str(i) for i in DAGBuilder().validate(nodes, targets=["zz"]).errors] == [
        "no node is named 'zz'; known: a, b, c, d"
    ]


def waits(phases):
    """Who waits for whom, in a command of such phases: the names of agents, each with what it declares."""
    made = [
        {"name": f"P{number}", "agents": [{"id": name, "dependencies": list(after)} for name, after in phase.items()]}
        for number, phase in enumerate(phases)
    ]
    dag = DAGBuilder().build_dag({"name": "/deploy", "phases": made})
    return {name: sorted(dag.predecessors(name)) for name in dag.nodes}


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        pytest.param(
            [{"unit": "", "e2e": ""}, {"deploy": "", "mail": ["deploy"]}],
            {"unit": [], "e2e": ["unit"], "deploy": ["e2e"], "mail": ["deploy"]},
            id="a dependency within a phase takes nobody else out of the order of phases",
        ),
        pytest.param(
            [{"unit": "", "e2e": ""}, {"deploy": ["unit"], "mail": ""}],
            {"unit": [], "e2e": ["unit"], "deploy": ["unit"], "mail": ["e2e"]},
            id="who declares one goes by it",
        ),
        pytest.param(
            [{"unit": ["deploy"]}, {"deploy": "", "mail": ["deploy"]}],
            {"unit": ["deploy"], "deploy": [], "mail": ["deploy"]},
            id="whom an earlier phase needs does not wait for it",
        ),
    ],
)
def test_agents_of_a_phase_that_declare_nothing_come_after_the_phase_before(phases, expected):
    assert waits(phases) == expected
