"""Command lines as agents: holes, limits, surroundings, and what the output means."""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb import (
    AgentCommand,
    AgentError,
    AnswerBroken,
    CommandFailed,
    ConfigError,
    DefinitionError,
    OutputTooLong,
    RunConfig,
    SubprocessExecutor,
)
from orchestra_nb.agents.command_line import arguments
from orchestra_nb.context.content import content_digest
from orchestra_nb.definitions.command import Agent
from orchestra_nb.model import Node
from orchestra_nb.pipeline import Pipeline
from tests.agents.test_process import FAMILY, all_gone, family_of


def agent(**told):
    return Node("scan", kind="agent", metadata={"agent": Agent("scan", **told)})


def done(command, context=None, **told):
    return asyncio.run(command(agent(**told), context or {}))


def python(code, *words, **knobs):
    return AgentCommand((sys.executable, "-c", code, *words), **knobs)


SHOW = "import json, sys; print(json.dumps(sys.argv[1:]))"
HOSTILE = ["; rm -rf /", "$(id)", "`id`", "a b", "'", '"', "\\", "*", "a\nb", "${input.x}", "{input.x}", "ä€", ""]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_is_one_argument_whatever_stands_in_it(value):
    show = python(SHOW, "{input.x}", "x=${input.x}", parse="json")
    assert done(show, input={"x": value}) == [value, f"x={value}"]


@given(st.text(st.characters(exclude_characters="\0")), st.text(st.characters(exclude_characters="\0{}$")))
def test_a_hole_never_makes_two_arguments_of_one_or_changes_another(value, before):
    made = arguments(["tool", "--", "{input.x}", f"{before}=${{input.x}}", "last"], {"input": {"x": value}})
    assert made == ["tool", "--", value, f"{before}={value}", "last"]


def test_holes_know_the_agent_its_input_and_its_context():
    show = python(SHOW, "{id}:{type}:{task}", "{input.n}", "{context.files[1]}", "${codeScan.ok}", "{{depth}}",
                  "${context.files}", "{}", '{"a": 1}', "{other}", parse="json")  # fmt: skip
    context = {"files": ["a.py", "b.py"], "code-scan": {"ok": True}, "depth": 2}
    assert done(show, context, type="t", task="look", input={"n": 1.5}) == [
        *("scan:t:look", "1.5", "b.py", "true", "2", '["a.py", "b.py"]', "{}", '{"a": 1}', "{other}"),
    ]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("{input.paht}", "hole for input.paht, which comes out as nothing; did you mean 'path'"),
        ("${nobody.knows}", "unknown name"),
        ("{context.none}", "comes out as nothing"),
        ("{input.option}", "comes out as '--fix', which .* would take for an option; put '--' before it"),
        ("{input.nul}", "NUL"),
    ],
)
def test_a_hole_that_cannot_be_filled_says_so_and_nothing_is_run(word, says):
    given = {"path": ".", "option": "--fix", "nul": "a\0b"}
    with pytest.raises(AgentError, match=says):
        done(python("raise SystemExit(7)", word), input=given)


def test_what_looks_like_an_option_may_stand_after_two_hyphens_and_a_number_anywhere():
    show = python(SHOW, "{input.n}", "--", "{input.option}", parse="json")
    assert done(show, input={"n": -3, "option": "--fix"}) == ["-3", "--", "--fix"]


def test_exit_codes_that_count_as_success_are_said_and_others_carry_what_was_complained():
    code = "import sys; print('[1]'); print('\\x1b[31mtwo faults\\x1b[0m', file=sys.stderr); sys.exit(1)"
    assert done(python(code, parse="json", success=(0, 1))) == [1]
    with pytest.raises(CommandFailed, match="ended with code 1: two faults") as caught:
        done(python(code))
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.code, again.stderr, str(again)) == (1, "two faults", str(caught.value))


def test_output_that_is_not_json_is_quoted():
    with pytest.raises(AnswerBroken, match=r"is not JSON.*begins with 'All checks passed"):
        done(python("print('All checks passed')", parse="json"))
    with pytest.raises(AnswerBroken, match="it is empty; it complained: no config"):
        done(python("import sys; print('no config', file=sys.stderr)", parse="json"))


def test_the_context_goes_in_as_json_where_it_is_asked_for():
    code = "import sys; sys.stdout.write(sys.stdin.read())"
    told = done(python(code, parse="json", stdin="context"), {"files": ["a"]}, type="t", task="x", input={"p": 1})
    assert told == {"agent": {"id": "scan", "type": "t", "task": "x", "input": {"p": 1}}, "context": {"files": ["a"]}}
    with pytest.raises(AgentError, match="'lock' cannot be written as JSON"):
        done(python(code, stdin="context"), {"lock": object()})
    assert done(python(code)) == ""


def test_a_program_sees_a_small_environment_and_what_it_is_given(monkeypatch, tmp_path):
    monkeypatch.setenv("MY_TOKEN", "secret")
    monkeypatch.setenv("MY_REGION", "north")
    show = "import json, os; print(json.dumps([dict(os.environ), os.getcwd()]))"
    seen, where = done(python(show, parse="json", env={"MODE": "fast"}, inherit=("MY_REGION",), cwd=tmp_path))
    assert (seen["MODE"], seen["MY_REGION"], where) == ("fast", "north", str(tmp_path))
    assert "MY_TOKEN" not in seen
    assert "PATH" in seen
    assert done(python(show, parse="json", inherit=("*",)))[0]["MY_TOKEN"] == "secret"


def test_programs_beside_this_python_are_found_first():
    found = done(AgentCommand(("python", "-c", "import sys; print(sys.executable)"))).strip()
    assert found.rpartition("/")[0] == sys.executable.rpartition("/")[0]


def test_too_much_output_is_an_error_of_its_agent():
    with pytest.raises(OutputTooLong):
        done(python("print('x' * 1000)", max_output=100))


LOOK = [{"id": "style", "type": "linter"}, {"id": "dead", "type": "finder"}]
SUM = [{"id": "sum", "type": "summer", "dependencies": ["style", "dead"]}]
COMMAND = {"phases": [{"name": "Look", "parallel": True, "agents": LOOK}, {"name": "Sum", "agents": SUM}]}


def pipeline(tools, command=COMMAND, **config):
    return Pipeline(command, RunConfig(history=False, **config), agents=tools)


def test_a_command_runs_through_programs_at_the_same_time_without_a_worker(tmp_path):
    meet = (
        "import os, sys, time\nopen(sys.argv[1], 'w').close()\nwhile not os.path.exists(sys.argv[2]): time.sleep(0.005)"
    )
    total = "import json, sys; print(len(json.load(sys.stdin)['context']))"

    def tools(folder):
        here, there = str(folder / "a"), str(folder / "b")
        return SubprocessExecutor(
            {
                "linter": [sys.executable, "-c", meet, here, there],
                "finder": {"words": [sys.executable, "-c", meet, there, here]},
                "summer": AgentCommand((sys.executable, "-c", total), stdin="context", parse="json"),
            },
            timeout=60,
        )

    result = pipeline(tools(tmp_path), jobs=2, async_jobs=2).run()
    assert result.success
    assert result.values["sum"] == 2
    assert result.outcomes["style"].worker == "event loop"


def test_agents_without_a_command_and_programs_that_are_not_there_are_all_found_before_anything_runs(tmp_path):
    trace = tmp_path / "ran"
    tools = SubprocessExecutor({"linter": ["touch", str(trace)], "summer": ["no-such-program-at-all"]})
    with pytest.raises(DefinitionError) as caught:
        pipeline(tools).run()
    assert [(issue.code, issue.path) for issue in caught.value.issues] == [
        ("unknown-agent", "phases[0].agents[1]"),
        ("no-program", "phases[1].agents[0]"),
    ]
    assert not trace.exists()


def test_stopping_a_run_ends_its_programs(tmp_path):
    path = tmp_path / "family"
    tools = SubprocessExecutor({"linter": [sys.executable, "-c", FAMILY, str(path), "wait"]})
    command = {"phases": [{"name": "Look", "agents": [{"id": "style", "type": "linter"}]}]}
    running = pipeline(tools, command, jobs=2)
    running.bus.on("execution:node-started", lambda event: cancel_when_there())

    def cancel_when_there():
        threading.Thread(target=lambda: (asyncio.run(family_of(path)), running.cancel())).start()

    result = running.run()
    assert result.outcomes["style"].status == "cancelled"
    asyncio.run(all_gone(asyncio.run(family_of(path))))


def test_a_result_is_found_again_until_its_own_command_changes(tmp_path):
    agents = [{"id": "a", "type": "x", "cache": True}]
    command = {"phases": [{"name": "One", "agents": agents}]}

    def status(**commands):
        found = pipeline(SubprocessExecutor(commands), command, cache=str(tmp_path)).run()
        return found.outcomes["a"].status, found.values["a"]

    assert status(x=["echo", "one"]) == ("done", "one\n")
    assert status(x=["echo", "one"], y=["echo", "another"]) == ("cached", "one\n")
    assert status(x=["echo", "two"]) == ("done", "two\n")


def test_equal_commands_have_equal_content_in_every_process():
    made = [AgentCommand(["ruff", "check"], env={"A": "1"}) for _ in range(2)]
    assert content_digest(made[0]) == content_digest(pickle.loads(pickle.dumps(made[1])))
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("ruff check .", r"lint: 'ruff check \.' is no command; no shell reads it, so give a list, such as \['ruff'"),
        ([], "lint: an agent's command needs a program"),
        (["{input.tool}"], r"lint: the program '\{input.tool\}' may have no holes"),
        (["ruff", 3], "lint: words: 3 is no text"),
        (["ruff", "${input.}"], "lint: .* cannot be read"),
        (["ruff", "{context.code-scan}"], "lint: .* is no plain path"),
        ({"argv": ["ruff"]}, "lint: there are no 'words'"),
        ({"words": ["ruff"], "tiemout": 3}, "lint: there is no 'tiemout'; did you mean 'timeout'"),
        ({"words": ["ruff"], "timeout": 0}, "lint: timeout"),
        ({"words": ["ruff"], "parse": "xml"}, "lint: parse='xml'"),
        ({"words": ["ruff"], "max_output": -1}, "lint: max_output=-1"),
        ({"words": ["ruff"], "success": 1}, "lint: success=1 must be a list"),
        ({"words": ["ruff"], "env": {"A": 1}}, "lint: env must be"),
        (None, "lint: None is no command"),
    ],
)
def test_a_command_that_cannot_be_meant_is_an_error_at_once(given, says):
    with pytest.raises(ConfigError, match=says):
        SubprocessExecutor({"lint": given})


def test_json_output_of_one_program_is_what_the_next_is_given(tmp_path):
    (tmp_path / "a.py").write_text("import os\n")
    command = {
        "phases": [
            {"name": "Lint", "agents": [{"id": "lint", "type": "ruff", "input": {"path": str(tmp_path)}}]},
            {"name": "Tell", "agents": [{"id": "tell", "type": "tell", "dependencies": ["lint"]}]},
        ]
    }
    ruff = ["ruff", "check", "--isolated", "--no-cache", "--output-format", "json", "{input.path}"]
    tools = SubprocessExecutor(
        {"ruff": {"words": ruff, "parse": "json", "success": [0, 1]}, "tell": ["echo", "${lint[0].code}"]}
    )
    assert json.dumps(pipeline(tools, command).run().values["tell"]) == '"F401\\n"'
