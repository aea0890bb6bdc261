from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestra_nb.definitions.loading import load_command
from orchestra_nb.errors import DefinitionError

from .examples import FAN_OUT, MARKDOWN, RELEASE, YAML

REVIEW_ALL = Path(__file__).parents[3] / "shared" / "data" / "review-all.json"


def edges(command: Any) -> set[tuple[str, str, str]]:
    return {(edge.source, edge.target, edge.kind) for edge in command.dag.edges}


@pytest.mark.parametrize(
    "source", [FAN_OUT, *([REVIEW_ALL] if REVIEW_ALL.exists() else [])], ids=["ours", "real"][: 1 + REVIEW_ALL.exists()]
)
def test_a_fan_out_of_seven_agents_has_the_figures_of_the_real_one(source: Any) -> None:
    dag = load_command(source).dag
    assert len(dag) == 7
    assert [len(level) for level in dag.levels] == [1, 5, 1]
    assert dag.total_time == 41 * 60
    assert dag.critical_time == 17 * 60


@pytest.fixture(scope="module")
def release() -> Any:
    return load_command(RELEASE)


def test_a_definition_knows_its_phases_agents_inputs_and_resources(release: Any) -> None:
    assert (release.name, release.version, release.saga) == ("/release", "1.4.0", True)
    assert [phase.name for phase in release.phases] == ["Prepare", "Checks", "Publish", "Per package"]
    assert [agent.id for agent in release.agents] == [
        "freeze-branch", "bump-version", "unit-tests", "fuzz", "publish", "thaw-branch",
    ]  # fmt: skip
    assert release.required == ("version",)
    assert release.optional == {"channel": "stable", "frameworks": []}
    assert release.shared == ("settings", "secrets")
    resources = [(r.id, r.type, r.capacity) for r in release.resources]
    assert resources == [("registry", "api", 2), ("database", "database", 1)]
    assert release.metadata["team"] == "core"
    assert release.metadata["saga.strategy"] == "backward"


def test_every_duration_is_in_seconds(release: Any) -> None:
    agents = {agent.id: agent for agent in release.agents}
    assert agents["freeze-branch"].cost == 120
    assert agents["bump-version"].cost == 90
    assert agents["bump-version"].timeout == 120
    assert agents["unit-tests"].retry == {
        "attempts": 3, "initial_delay": 0.5, "max_delay": 4.0, "multiplier": 2.0, "on": ("timeout", "rate_limit"),
    }  # fmt: skip
    assert agents["unit-tests"].outputs[0].ttl == 1800
    assert agents["fuzz"].locks[0].timeout == 30
    assert agents["fuzz"].locks[0].priority == 3


def test_edges_come_from_dependencies_values_conditions_and_phase_order(release: Any) -> None:
    assert edges(release) == {
        ("freeze-branch", "bump-version", "value"),
        ("freeze-branch", "bump-version", "order"),
        ("bump-version", "unit-tests", "declared"),
        ("freeze-branch", "fuzz", "declared"),
        ("bump-version", "fuzz", "declared"),
        ("fuzz", "publish", "declared"),
        ("unit-tests", "publish", "value"),
        ("publish", "thaw-branch", "declared"),
        ("unit-tests", "thaw-branch", "value"),
        ("publish", "Per-package".lower(), "order"),
        ("freeze-branch", "thaw-branch", "order"),
    }


def test_a_node_has_what_the_agent_says(release: Any) -> None:
    node = release.dag.nodes["bump-version"]
    assert (node.kind, node.phase, node.uses, node.timeout) == ("agent", "Prepare", ("database",), 120)
    assert (node.reads, node.writes) == (("branch", "version"), ("tag",))
    assert release.dag.nodes["freeze-branch"].undo == "thaw-branch"
    assert release.dag.nodes["fuzz"].uses == ("registry", "phase checks")
    assert release.dag.nodes["fuzz"].when == "inputs.frameworks.length > 0 || settings.deep === true"
    assert release.dag.nodes["publish"].when == "context.risk.score <= 7 && !unitTests.failed"
    assert release.dag.nodes["per-package"].metadata["dynamic"].source == "context.packages"


def test_yaml_is_read_like_json(tmp_path: Path) -> None:
    path = tmp_path / "tidy.yaml"
    path.write_text(YAML, encoding="utf-8")
    command = load_command(path)
    assert command.version == "2"
    assert command.dag.levels == (("scan",), ("format", "sort-imports"))
    assert ("scan", "sort-imports", "value") in edges(command)


def test_markdown_headings_are_phases_one_after_another(tmp_path: Path) -> None:
    path = tmp_path / "docs.md"
    path.write_text(MARKDOWN, encoding="utf-8")
    command = load_command(path)
    assert (command.name, command.version, command.description) == ("/docs", "3", "Write what is missing.")
    assert command.dag.levels == (("gap-finder",), ("links",), ("write",), ("style", "facts"))
    agents = {agent.id: agent for agent in command.agents}
    assert (agents["gap-finder"].type, agents["gap-finder"].task) == ("analyst", "list what has no docs")
    assert agents["write"].task == "Write the missing pages, shortest first."


def test_a_file_without_a_known_ending_is_told_by_its_first_letter(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(json.dumps(RELEASE), encoding="utf-8")
    (tmp_path / "two").write_text(YAML, encoding="utf-8")
    assert load_command(tmp_path / "one").name == "/release"
    assert load_command(str(tmp_path / "two")).name == "/tidy"


def agents(*items: Any, **phase: Any) -> dict[str, Any]:
    return {"name": "/x", "phases": [{"name": "P", "agents": list(items), **phase}]}


def test_a_sequential_phase_follows_the_one_before_and_a_parallel_one_that_says_nothing_starts_at_once() -> None:
    first = {"name": "A", "parallel": True, "agents": ["a1", "a2"]}
    command = load_command({"phases": [first, {"name": "B", "agents": ["b1", "b2"]}]})
    assert command.dag.levels == (("a1", "a2"), ("b1",), ("b2",))
    command = load_command({"phases": [first, {"name": "B", "parallel": True, "agents": ["b1", "b2"]}]})
    assert command.dag.levels == (("a1", "a2", "b1", "b2"),)
    assert [issue.code for issue in command.warnings] == ["starts-at-once"]


def test_of_several_makers_those_before_the_taker_count() -> None:
    maker = {"id": "m1", "outputs": ["v"]}
    taker = {"id": "t", "context": {"inputs": ["v"]}}
    again = {"id": "m2", "outputs": ["v"], "dependencies": ["t"]}
    command = load_command(agents(maker, taker, again, parallel=True))
    assert command.dag.levels == (("m1",), ("t",), ("m2",))
    assert [issue.severity for issue in command.warnings if issue.code == "duplicate-output"] == ["warning"]


def test_what_is_not_understood_is_kept_and_said() -> None:
    command = load_command(agents({"id": "a", "colour": "red", "context": {"mode": 1}, "description": "x"}, budget=3))
    assert command.phases[0].agents[0].metadata == {"colour": "red", "context.mode": 1}
    assert command.phases[0].metadata == {"budget": 3}
    assert [(i.path, i.severity) for i in command.warnings] == [
        ("phases[0].agents[0].context.mode", "warning"),
        ("phases[0].agents[0].colour", "warning"),
        ("phases[0].budget", "warning"),
    ]


@pytest.mark.parametrize(
    ("definition", "path", "text"),
    [
        ({}, "phases", "the definition has no phases"),
        ({"phase": []}, "phases", "did you mean 'phase'?"),
        ({"phases": []}, "phases", "the list of phases is empty"),
        ({"phases": {"name": "A"}}, "phases", "'phases' is a mapping, expected a list of phases"),
        ({"phases": ["A"]}, "phases[0]", "'A' is not a phase"),
        (agents({"type": 5, "id": ["a"]}), "phases[0].agents[0].id", "'id' is a list of 1, expected a text"),
        (agents({"ID": "a"}), "phases[0].agents[0]", "the agent has no 'id'"),
        (agents({"id": "a"}, {"id": "a"}), "phases[0].agents[1].id", "two nodes are named 'a'"),
        (
            agents({"id": "load"}, {"id": "b", "dependencies": ["laod"]}),
            "phases[0].agents[1].dependencies[0]",
            "did you mean 'load'?",
        ),
        (agents({"id": "a", "dependencies": ["a"]}), "phases[0].agents[0].dependencies", "'a' waits for itself"),
        (
            agents({"id": "a", "dependencies": ["b"]}, {"id": "b", "dependencies": ["a"]}),
            "phases[0].agents[0].dependencies",
            "nodes wait for each other: a → b → a",
        ),
        (agents({"id": "a", "dependencies": [1]}), "phases[0].agents[0].dependencies[0]", "1 is not a name"),
        (agents({"id": "a", "dependencies": {"b": 1}}), "phases[0].agents[0].dependencies", "expected a list of names"),
        (agents({"id": "a", "timeout": "60"}), "phases[0].agents[0].timeout", "'timeout' is '60', expected a number"),
        (
            agents({"id": "a", "timeout": -1}),
            "phases[0].agents[0].timeout",
            "'timeout' is -1, expected a number from 0 on",
        ),
        (agents({"id": "a", "timeout": 0}), "phases[0].agents[0].timeout", "expected a number above 0"),
        (
            agents({"id": "a", "estimatedTime": True}),
            "phases[0].agents[0].estimatedTime",
            "'estimatedTime' is True, expected a number",
        ),
        (agents({"id": "a", "priority": 1.5}), "phases[0].agents[0].priority", "expected a whole number"),
        (agents({"id": "a"}, parallel="yes"), "phases[0].parallel", "'parallel' is 'yes', expected true or false"),
        (agents({"id": "a", "retry": 3}), "phases[0].agents[0].retry", "'retry' is 3, expected a mapping"),
        (
            agents({"id": "a", "retry": {"maxAttempts": 0}}),
            "phases[0].agents[0].retry.maxAttempts",
            "expected a whole number from 1 on",
        ),
        (
            agents({"id": "a", "context": {"inputs": [{"key": "v", "required": True}]}}),
            "phases[0].agents[0].context.inputs[0]",
            "'a' needs the value 'v', which nobody makes",
        ),
        (
            agents(
                {"id": "m", "outputs": ["plan"]},
                {"id": "a", "context": {"inputs": [{"key": "paln", "required": True}]}},
            ),
            "phases[0].agents[1].context.inputs[0]",
            "did you mean 'plan'?",
        ),
        (
            agents({"id": "a", "outputs": ["v"]}, {"id": "b", "outputs": ["v"]}, parallel=True),
            "phases[0].agents[1].outputs[0]",
            "'a' and 'b' both make the value 'v', and either may come last",
        ),
        (
            agents({"id": "a", "compensation": {"agent": "udno"}}, {"id": "undo"}),
            "phases[0].agents[0].compensation",
            "'a' is compensated by 'udno', which does not exist; did you mean 'undo'?",
        ),
        (
            agents({"id": "a", "conditional": {"condition": "x ="}}),
            "phases[0].agents[0].conditional.condition",
            "column",
        ),
        (
            agents({"id": "scan"}, {"id": "a", "conditional": {"condition": "scna.ok"}}),
            "phases[0].agents[1].conditional.condition",
            "did you mean 'scan'?",
        ),
        (
            {**agents({"id": "a", "resources": ["databse"]}), "resourceLocking": {"resources": ["database", "db2"]}},
            "phases[0].agents[0].resources[0]",
            "'a' locks 'databse', which nobody registered; did you mean 'database'?",
        ),
        (
            {
                **agents({"id": "a", "resources": ["db:3"]}),
                "resourceLocking": {"resources": [{"id": "db", "maxConcurrent": 2}]},
            },
            "phases[0].agents[0].resources[0]",
            "it can never be granted",
        ),
        (
            {**agents("a"), "resourceManagement": {"globalLocks": [{"maxConcurrent": 2}]}},
            "resourceManagement.globalLocks[0]",
            "the resource has no 'id'",
        ),
        (
            agents(
                {"id": "a", "conditional": {"condition": "a" + " || a" * 250}},
                conditional={"condition": "a" + " || a" * 250},
            ),
            "phases[0].agents[0].conditional.condition",
            "together with that of its phase",
        ),
        (
            {"phases": [{"name": "A", "agnets": [{"id": "a"}]}]},
            "phases[0].agents",
            "the phase 'A' has no agents; call 'agnets' 'agents'",
        ),
        ({"phases": [{"name": "A"}, {"name": "B", "agents": []}]}, "phases", "no phase has an agent"),
        ({"phase": [{"agents": ["a"]}], "name": "x"}, "phases", "did you mean 'phase'?"),
        (
            agents({"id": "a", "timeout": {"ms": 5}}),
            "phases[0].agents[0].timeout",
            "'timeout' is a mapping, expected a number",
        ),
        (
            agents({"id": "a", "context": ["x"]}),
            "phases[0].agents[0].context",
            "'context' is a list of 1, expected a mapping",
        ),
        (
            agents({"id": "a", "context": {"inputs": "plan, notes"}}),
            "phases[0].agents[0].context.inputs",
            "expected a list",
        ),
        (
            agents({"id": "a", "context": {"outputs": [{"ttl": 5}]}}),
            "phases[0].agents[0].context.outputs[0]",
            "there is no 'key'",
        ),
        (
            agents({"id": "a", "context": {"outputs": [{"key": "v", "ttl": -5}]}}),
            "phases[0].agents[0].context.outputs[0].ttl",
            "expected a number from 0 on",
        ),
        (
            agents({"id": "a", "resources": {"locks": [{"priority": 1}]}}),
            "phases[0].agents[0].resources.locks[0]",
            "the lock names no resource",
        ),
        (
            agents({"id": "a", "compensation": {"agent": "a"}}),
            "phases[0].agents[0].compensation",
            "'a' compensates itself",
        ),
        (
            agents({"id": "a"}, parallelism={"maxConcurrent": 0}),
            "phases[0].parallelism.maxConcurrent",
            "expected a whole number from 1 on",
        ),
        ({**agents("a"), "inputs": ["x"]}, "inputs", "'inputs' is a list of 1, expected a mapping"),
        ({**agents("a"), "saga": "yes"}, "saga", "'saga' is 'yes', expected a mapping"),
        ({"phases": [{"name": "A", "dynamicAgents": {"mapping": {}}}]}, "phases[0].dynamicAgents", "has no 'source'"),
        ({**agents("a"), 5: 1}, "", "the key 5 is not text"),
    ],
)
def test_a_fault_names_its_place_and_the_way_out(definition: Any, path: str, text: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        load_command(definition)
    errors = [issue for issue in caught.value.issues if issue.severity == "error"]
    assert any(issue.path == path and text in str(issue) for issue in errors), [str(e) for e in errors]


def test_every_fault_is_found_at_once() -> None:
    definition = agents(
        {"id": "a", "dependencies": ["nobody"], "timeout": "x"},
        {"id": "a", "conditional": {"condition": "("}},
        {"type": 3},
        7,
    )
    with pytest.raises(DefinitionError) as caught:
        load_command(definition)
    assert sorted(i.code for i in caught.value.issues if i.severity == "error") == [
        "bad-condition", "duplicate-name", "unknown-node", "wrong-type", "wrong-type",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "where", "told"),
    [
        ("a.json", '{"phases": [1,]}', "a.json, line 1, column 15", "take away the comma before it"),
        ("a.json", "{'phases': []}", "a.json, line 1, column 2", "use double quotes"),
        ("a.json", '{"phases": [],\n // no\n"name": "x"}', "a.json, line 2", "JSON has no comments"),
        ("a.json", '{"phases": [True]}', "a.json, line 1", "write true, false or null"),
        (
            "a.json",
            '{"phases": []\n"name": "x"}',
            "a.json, line 2, column 1",
            "a comma or a closing bracket is missing",
        ),
        ("a.json", '{"name": "a",\n"name": "b"}', "a.json, line 2", "has the key 'name' twice"),
        ("a.json", '{"phases": NaN}', "a.json", "NaN is not a number in JSON"),
        ("a.json", '{"phases": ' + "[" * 100 + "]" * 100 + "}", "a.json", "is nested deeper than 40"),
        ("a.json", '{"a": "' + "x" * 1_100_000 + '"}', "a.json", "is longer than 1024 KB"),
        ("a.json", '{"a": ' + "9" * 5000 + "}", "a.json", "a number of 5000 digits"),
        ("a.json", "[1]", "a.json", "is not a mapping with 'phases'"),
        ("a.yaml", "phases:\n\t- name: x\n", "a.yaml, line 2", "indent with spaces, not with tabs"),
        ("a.yaml", "a: &x [1]\nb: *x\n", "a.yaml, line 2", "holds an alias"),
        ("a.yaml", "name: a\nname: b\n", "a.yaml, line 2", "name"),
        ("a.yaml", "- 1\n", "a.yaml, line 1", "is not made of 'key: value' lines"),
        ("a.md", "---\nname: [\n---\n## Phase 1\nx", "a.md, line ", "is not YAML"),
        ("a.md", "---\nname: x\n", "a.md, line 1", "front matter that does not end"),
        ("a.md", "# Nothing here\n", "phases", "the list of phases is empty"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_what_to_do(
    tmp_path: Path, name: str, text: str, where: str, told: str
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        load_command(path)
    assert any(where in issue.path and told in str(issue) for issue in caught.value.issues), str(caught.value)


def test_a_missing_file_brings_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "review.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"there is no such file; did you mean 'review.json'"):
        load_command(tmp_path / "reviw.json")
    with pytest.raises(DefinitionError, match="is a folder"):
        load_command(tmp_path)
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DefinitionError, match="is not UTF-8 text"):
        load_command(tmp_path / "b.json")


def test_a_mapping_that_holds_itself_is_refused() -> None:
    loop: dict[str, Any] = {"phases": []}
    loop["phases"].append(loop)
    with pytest.raises(DefinitionError, match="holds itself"):
        load_command(loop)
    bomb: Any = ["x"]
    for _ in range(40):
        bomb = [bomb, bomb]
    with pytest.raises(DefinitionError, match="too large"):
        load_command({"phases": bomb})


def test_the_conditions_of_a_phase_and_of_an_agent_hold_both() -> None:
    one, two = {"condition": "inputs.x > 1"}, {"condition": "inputs.y || inputs.z"}
    command = load_command(agents({"id": "a", "conditional": two}, conditional=one))
    assert command.dag.nodes["a"].when == "(inputs.x > 1) && (inputs.y || inputs.z)"
