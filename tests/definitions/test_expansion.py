"""Dynamic phases: what their templates say, what they become in a run, and every fault by its path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.definitions.command import Dynamic, Phase
from orchestra_nb.definitions.expansion import agents_of, expands, expansion
from orchestra_nb.definitions.loading import load_command
from orchestra_nb.definitions.requirements import needs_of
from orchestra_nb.definitions.templates import Template
from orchestra_nb.errors import DefinitionError
from orchestra_nb.graph import DAG, grown
from orchestra_nb.planning import Plan, Skip

FALSE = "its condition is false"


def definition(mapping: Any, source: str = "context.parts", **phase: Any) -> dict[str, Any]:
    """A scan that makes parts, a phase with an agent for each, and one that joins what they found."""
    dynamic = {"source": source, **({"mapping": mapping} if mapping is not None else {})}
    return {
        "name": "/each",
        "phases": [
            {"name": "Scan", "agents": [{"id": "scan", "outputs": ["parts", "plan"]}, {"id": "other"}]},
            {"name": "Each", "parallel": True, "dynamicAgents": dynamic, **phase},
            {"name": "Join", "agents": [{"id": "join", "dependencies": ["Each"]}]},
        ],
    }


def dag_of(mapping: Any, **phase: Any) -> DAG:
    return load_command(definition(mapping, **phase)).dag


def grow(dag: DAG, node: str, parts: Any, **context: Any) -> DAG:
    found = expansion(dag, dag.nodes[node], {"context": {"parts": parts, **context}, "inputs": {}})
    return grown(dag, node, found.nodes, found.edges)


def made(mapping: Any, parts: Any) -> list[Any]:
    """The agents that a mapping makes."""
    phase = Phase("each", "Each", dynamic=Dynamic("context.parts", mapping), path="phases[1]")
    return [*agents_of(phase, {"context": {"parts": parts}})]


def faults(mapping: Any, parts: Any) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        grow(dag_of(mapping), "each", parts)
    assert all(issue.path for issue in caught.value.issues)
    return [str(issue) for issue in caught.value.issues]


def test_each_item_becomes_an_agent():
    one, two = made({"id": "do-${item.id}", "type": "item.kind", "task": "Do {{ item.id }} as no. ${index + 1}"}, ITEMS)
    assert (one.id, one.type, one.task) == ("do-a", "api", "Do a as no. 1")
    assert (two.id, two.type, two.task) == ("do-b", "page", "Do b as no. 2")


ITEMS = [{"id": "a", "kind": "api", "after": [], "ms": 1500}, {"id": "b", "kind": "page", "after": ["a"], "ms": 250}]


def test_a_text_that_is_one_hole_is_the_value_itself():
    mapping = {"id": "item.id", "input": {"all": "${item}", "n": ["${item.ms}", 7]}, "estimatedTime": "${item.ms}"}
    agent = made(mapping, ITEMS)[0]
    assert agent.input == {"all": ITEMS[0], "n": [1500, 7]}
    assert agent.input["all"] is ITEMS[0]
    assert agent.cost == 1.5


def test_values_in_a_longer_text_are_written_as_json():
    mapping = {"task": "${item.n} ${item.half} ${item.yes} ${item.list} ${item.map}"}
    item = {"n": 3, "half": 0.5, "yes": True, "list": [1, "ü"], "map": {"a": None}}
    assert made(mapping, [item])[0].task == '3 0.5 true [1, "ü"] {"a": null}'


def test_items_of_a_mapping_have_keys():
    found = made({"id": "${key}-${item.kind}"}, {"x": {"kind": "api"}, "y": {"kind": "page"}})
    assert [agent.id for agent in found] == ["x-api", "y-page"]


def test_agents_without_an_id_are_called_after_their_phase():
    assert [agent.id for agent in made({"type": "packer"}, ["x", "y"])] == ["each-1", "each-2"]


def test_without_a_mapping_the_items_are_agents():
    found = made({}, ["plain", {"id": "b", "timeout": 2000}])
    assert [(agent.id, agent.timeout) for agent in found] == [("plain", None), ("b", 2.0)]


def test_a_source_may_be_any_expression():
    dag = load_command(definition({"id": "${item.id}"}, "${context.parts.filter(p => p.kind === 'api')}")).dag
    assert "a" in grow(dag, "each", ITEMS).nodes
    assert "b" not in grow(dag, "each", ITEMS).nodes


def test_a_dynamic_phase_waits_for_what_its_agents_are_made_from():
    dag = dag_of({"id": "${item}", "task": "with ${results.other}"})
    edges = {edge.source: str(edge.evidence[0].reason) for edge in dag.edges if edge.target == "each"}
    assert edges == {"scan": "its agents are made from parts", "other": "its agents are made from other"}


def test_a_dynamic_phase_does_not_wait_for_an_agent_that_is_called_like_its_items():
    data = definition({"id": "do-${item.id}"})
    data["phases"][0]["agents"].append({"id": "item", "dependencies": ["join"]})
    assert load_command(data).dag.predecessors("each") == ("scan",)


def test_what_comes_after_a_dynamic_phase_sees_all_of_its_agents():
    dag = grow(
        dag_of({"id": "do-${item.id}", "dependencies": "${item.after.length > 0 ? ['do-a'] : []}"}), "each", ITEMS
    )
    assert dag.levels == (("scan",), ("other", "each"), ("do-a",), ("do-b",), ("join",))


def test_agents_are_wired_as_if_they_had_stood_in_the_definition():
    mapping = {
        "id": "do-${item}",
        "context": {"inputs": [{"key": "plan", "required": True}]},
        "dependencies": ["other"],
    }
    dag = grow(dag_of(mapping), "each", ["x"])
    written = definition(None)
    written["phases"][1] = {
        "name": "Each",
        "parallel": True,
        "agents": [{**mapping, "id": "do-x"}],
    }
    whole = load_command(written).dag
    edges = {(edge.source, edge.kind) for edge in dag.edges if edge.target == "do-x"}
    assert edges == {(edge.source, edge.kind) for edge in whole.edges if edge.target == "do-x"} | {("each", "order")}
    new, old = dag.nodes["do-x"], whole.nodes["do-x"]
    assert (new.after, new.reads, new.phase, new.kind) == (old.after, old.reads, old.phase, old.kind)


def test_the_agents_of_a_sequential_phase_follow_one_another():
    dag = grow(dag_of({"id": "${item}"}, parallel=False), "each", ["x", "y", "z"])
    assert [dag.predecessors(name) for name in "xyz"] == [("each",), ("x",), ("y",)]
    assert dag.predecessors("join") == ("each", "z")


def test_a_limit_of_the_phase_holds_for_its_agents():
    dag = grow(dag_of({"id": "${item}"}, parallelism={"maxConcurrent": 2}), "each", ["x"])
    assert dag.nodes["x"].uses == ("phase each",)


def test_the_condition_of_the_phase_is_not_asked_again_for_each_agent():
    dag = dag_of({"id": "${item}", "conditional": {"condition": "context.plan.ok"}}, condition="scan.ok")
    assert dag.nodes["each"].when == "scan.ok"
    assert grow(dag, "each", ["x"]).nodes["x"].when == "context.plan.ok"


def test_nothing_to_do_is_no_fault():
    dag = dag_of({"id": "${item}"})
    found = expansion(dag, dag.nodes["each"], {"context": {"parts": []}})
    assert (found.nodes, found.value, found.edges) == ((), [], ())


def test_only_the_node_of_a_phase_expands():
    dag = dag_of({"id": "${item}", "type": "expand"})
    assert [name for name in dag.nodes if expands(dag.nodes[name])] == ["each"]
    assert not expands(grow(dag, "each", ["x"]).nodes["x"])


def test_a_later_phase_knows_what_an_earlier_one_became():
    data = definition({"id": "${item}", "outputs": ["${item}_notes"]})
    later = {"id": "re-${item}", "dependencies": ["${item}"], "context": {"inputs": ["${item}_notes"]}}
    data["phases"][2:2] = [
        {"name": "Again", "parallel": True, "dynamicAgents": {"source": "context.parts", "mapping": later}}
    ]
    dag = grow(load_command(data).dag, "each", ["x", "y"])
    dag = grow(dag, "again", ["x", "y"])
    assert dag.predecessors("re-x") == ("again", "x")
    assert {edge.kind for edge in dag.edges if (edge.source, edge.target) == ("x", "re-x")} == {"value"}


def test_a_value_that_the_caller_gave_need_not_be_made():
    mapping = {"id": "${item}", "context": {"inputs": [{"key": "tone", "required": True}]}}
    assert "x" in grow(dag_of(mapping), "each", ["x"], tone="dry").nodes
    assert faults(mapping, ["x"]) == [
        "phases[1].dynamicAgents.agents[0].context.inputs[0]: 'x' needs the value 'tone', which nobody makes; "
        "list it under 'inputs', or let an agent before it put it out"
    ]


def test_every_fault_of_every_item_is_named_at_once():
    told = faults({"id": "${item.id}", "task": "${item.tsak.text} ${item.size}"}, [{"id": "a"}, {"size": 1}, 5])
    assert [line.partition(" for ")[2][:16] for line in told] == [
        *("context.parts[0]", "context.parts[1]", "context.parts[1]", "context.parts[2]", "context.parts[2]"),
    ]
    assert told[0].startswith("phases[1].dynamicAgents.mapping.task: '${item.tsak.text}' comes out as nothing")


def test_a_misspelt_member_is_told_with_the_nearest_one():
    assert faults({"id": "a${item.nmae}"}, [{"name": "x"}])[0].endswith("; did you mean 'name'?")


@pytest.mark.parametrize(
    ("mapping", "parts", "message"),
    [
        ({"id": "${item}"}, 5, "source: 'context.parts' is 5, expected a list"),
        ({"id": "${item}"}, "abc", "source: 'context.parts' is 'abc', expected a list"),
        ({"id": "${item}"}, None, "source: 'context.parts' is not there"),
        ({"id": "${item}"}, ["x"] * 10_001, "expected a list of 10,000 items at most"),
        ({"id": "${item}"}, {1: "x"}, "source: 'context.parts' is a mapping, expected a list"),
        ({"id": "${item}"}, ["x", "x"], "two nodes are named 'x'"),
        ({"id": "${item}"}, ["scan"], "two nodes are named 'scan'"),
        ({"id": "${item}"}, ["join"], "two nodes are named 'join'"),
        ({"id": "${item}"}, [["x"]], "agents[0].id: 'id' is a list of 1, expected a text"),
        ({"id": "${item}", "dependencies": ["scna"]}, ["x"], "agents[0].dependencies[0]: 'x' depends on 'scna'"),
        ({"id": "${item}", "dependencies": ["join"]}, ["x"], "nodes wait for each other"),
        ({"id": "${item}", "timeout": "${item}"}, ["x"], "agents[0].timeout: 'timeout' is 'x', expected a number"),
        ({"id": "${item}", "condition": "nobody.ok"}, ["x"], "reads 'nobody', which is no agent"),
        ({"id": "a", "input": "${item}"}, [{1: "x"}], "the key 1 is not text"),
        ({"id": "a${item}"}, [object()], "cannot be written as text"),
        ({"id": "a${item}"}, [None], "comes out as nothing"),
        ({"id": "a${item[key + '_']}"}, ["x"], "comes out as nothing"),
        ({"id": "a${item['_x']}"}, [{"_x": 1}], "begins with '_'"),
        (None, [5], "dynamicAgents.agents[0]: 5 is not an agent"),
        (None, [{"type": ""}], "agents[0]: the agent has no 'id'"),
        (None, [{1: "x"}], "the key 1 is not text"),
    ],
)
def test_what_makes_no_agent_is_told_by_its_path(mapping, parts, message):
    told = "\n".join(faults(mapping, parts))
    assert message in told
    assert "phases[1].dynamicAgents" in told


def test_a_list_that_holds_itself_is_told():
    parts: list[Any] = []
    parts.append({"id": "a", "input": parts})
    assert "nested too deeply, or holds itself" in faults(None, parts)[0]
    assert "cannot be written as text" in faults({"id": "a${item}"}, parts)[0]


@pytest.mark.parametrize(
    ("dynamic", "path", "message"),
    [
        ({"source": "context.", "mapping": {}}, "source", "column 9"),
        ({"source": "nobody.parts"}, "source", "the source reads 'nobody', which is no agent"),
        ({"source": "scan", "mapping": {"id": "a${item.}"}}, "mapping.id", "in '${item.}', column 6"),
        ({"source": "scan", "mapping": {"input": ["{{}}"]}}, "mapping.input[0]", "in '${}', column 1"),
        ({"source": "scan", "mapping": {"id": "${itme.id}"}}, "mapping.id", "the mapping reads 'itme'"),
    ],
)
def test_what_no_item_could_mend_is_told_when_the_definition_is_loaded(dynamic, path, message):
    data = definition({})
    data["phases"][1]["dynamicAgents"] = dynamic
    with pytest.raises(DefinitionError) as caught:
        load_command(data)
    (issue,) = caught.value.issues
    assert issue.path == f"phases[1].dynamicAgents.{path}"
    assert message in issue.message


def test_a_phase_with_agents_of_its_own_makes_none_and_says_so():
    command = load_command(definition({"id": "${item}"}, agents=[{"id": "own"}]))
    assert "so 'dynamicAgents' makes none" in "\n".join(map(str, command.warnings))
    assert not any(expands(node) for node in command.dag.nodes.values())


@given(st.text(alphabet="ab${}. item?", max_size=12))
def test_any_text_is_a_template_or_a_fault_with_a_path(text):
    template = Template({"id": text}, "mapping")
    issues: list[Any] = [*template.issues]
    if not issues:
        template.filled({"item": {"a": 1}, **dict.fromkeys("abtem", "x")}, "it", issues)
    assert all(issue.path == "mapping.id" for issue in issues)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text("xyz"), lambda inner: st.lists(inner, max_size=3))
)
def test_what_has_no_holes_stays_as_it_is(shape):
    assert Template(shape, "mapping").filled({}, "it", []) == shape


def test_a_run_of_a_dynamic_phase_goes_on_with_its_agents():
    dag = dag_of({"id": "do-${item.id}"})
    plan = Plan(dag, needs_value=needs_of())
    order = []
    while not plan.done:
        (name,) = plan.ready(1)
        plan.start(name)
        if expands(plan.dag.nodes[name]):
            assert plan.grow(grow(plan.dag, name, ITEMS)) == ()
        plan.finish(name)
        order.append(name)
    assert order.index("each") < order.index("do-a") < order.index("join")
    assert order.index("do-b") < order.index("join")


def test_an_agent_that_requires_a_value_is_passed_over_with_its_last_maker():
    def agent(name: str, **said: Any) -> dict[str, Any]:
        return {"id": name, **said}

    takes = {"inputs": [{"key": "plan", "required": True}, "notes"]}
    first, second = agent("a", outputs=["plan", "notes"]), agent("b", outputs=["plan"], dependencies=["a"])
    data = {
        "phases": [{"name": "P", "agents": [first, second, agent("c", context=takes), agent("d", condition="a.ok")]}]
    }
    plan = Plan(load_command(data).dag, needs_value=needs_of())
    assert plan.pass_over("a", FALSE) == (Skip("a", FALSE),)
    assert plan.ready() == ("b", "d")
    assert [skip.node for skip in plan.pass_over("b", FALSE)] == ["b", "c"]
    given_plan = Plan(load_command(data).dag, needs_value=needs_of({"plan"}))
    given_plan.pass_over("a", FALSE)
    assert given_plan.pass_over("b", FALSE) == (Skip("b", FALSE),)


def test_an_agent_that_is_called_like_a_value_does_not_make_it():
    takes = {"inputs": [{"key": "plan", "required": True}]}
    agents = [{"id": "a", "outputs": ["plan"]}, {"id": "plan"}, {"id": "c", "context": takes, "condition": "plan.ok"}]
    data = {"phases": [{"name": "P", "parallel": True, "agents": agents}]}
    plan = Plan(load_command(data).dag, needs_value=needs_of())
    plan.pass_over("a", FALSE)
    plan.start("plan")
    assert [skip.node for skip in plan.finish("plan")] == ["c"]


def test_a_dynamic_phase_is_passed_over_with_the_maker_of_its_items_and_what_follows_it_runs():
    plan = Plan(dag_of({"id": "${item}"}), needs_value=needs_of())
    skips = plan.pass_over("scan", FALSE)
    assert [skip.node for skip in skips] == ["scan", "each"]
    assert plan.ready() == ("other", "join")
