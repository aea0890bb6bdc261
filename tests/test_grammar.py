from __future__ import annotations

import re
from argparse import Namespace
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.cells.settings import KEYS
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import CommandError, ConfigError
from orchestra_nb.grammar import (
    TEXT_SETTINGS,
    commands,
    manual,
    options_to_config,
    parse,
    parse_cell,
    parser_of,
    settings_of,
    split_line,
)


def given_options(options: Namespace) -> dict[str, Any]:
    return {key: value for key, value in vars(options).items() if value not in (None, False, [])}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("run", {}),
        ("run a -j 2 'b c' --levels", {"nodes": ["a", "b c"], "jobs": 2, "schedule": "levels"}),
        ("run -j4 --backend=loky --policy fifo", {"jobs": 4, "backend": "loky", "policy": "fifo"}),
        ("run -j -1 --timeout 1.5 --seed 3", {"jobs": -1, "timeout": 1.5, "seed": 3}),
        ("run --notebook", {"notebook": ""}),
        ("run --notebook a.ipynb b", {"notebook": "a.ipynb", "nodes": ["b"]}),
        ("run --notebook -j 2", {"notebook": "", "jobs": 2}),
        (
            "run -o out.ipynb --html 'my page.html' --dry-run",
            {"output": "out.ipynb", "html": "my page.html", "dry_run": True},
        ),
        ("run --keep-going  # and a comment", {"keep_going": True}),
        ("plan --eager a", {"schedule": "eager", "nodes": ["a"]}),
        ("graph -o dag.svg", {"output": "dag.svg"}),
        ("why a b", {"source": "a", "target": "b"}),
        ("verify --runs 5", {"runs": 5}),
        ("verify", {"runs": 5}),
        ("status", {}),
        ("progress", {}),
        ("run --todos todos.md", {"todos": "todos.md"}),
        ("config jobs=2", {"assignments": ["jobs=2"]}),
        (
            "bench a -j 1,2 --backend loky,threading",
            {"nodes": ["a"], "sweep_jobs": [1, 2], "sweep_backends": ["loky", "threading"], "repeats": 5, "warmup": 1},
        ),
        ("bench --jobs=-1,1 --repeats 3", {"sweep_jobs": [-1, 1], "repeats": 3, "warmup": 1}),
    ],
)
def test_a_magic_line_is_understood(line: str, expected: dict[str, Any]) -> None:
    assert given_options(parse(line)) == {"command": line.split()[0], **expected}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("run a.ipynb", {"path": "a.ipynb"}),
        ("run a.ipynb x -j 2 y --json", {"path": "a.ipynb", "nodes": ["x", "y"], "jobs": 2, "json": True}),
        ("run --json a.ipynb --linear", {"path": "a.ipynb", "json": True, "linear": True}),
        ("why a.ipynb x y", {"path": "a.ipynb", "source": "x", "target": "y"}),
    ],
)
def test_a_command_line_names_the_notebook_first(words: str, expected: dict[str, Any]) -> None:
    assert given_options(parse(words.split(), "cli")) == {"command": words.split()[0], **expected}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("rnu", "%orchestrate: no subcommand 'rnu'; did you mean 'run'?"),
        ("run --jbos 2", "%orchestrate run: no option '--jbos'; did you mean '--jobs'?"),
        ("run --job=2", "%orchestrate run: no option '--job'; did you mean '--jobs'?"),
        ("run -j two", "'two' is not a whole number; see %orchestrate run --help"),
        ("run --timeout soon", "'soon' is not a number"),
        ("run -j", "expected one argument"),
        ("why a", "name two nodes, A and B, or one: --cache NODE"),
        ("why a b c", "'c' is one word too many"),
        ("status now", "'now' is one word too many"),
        ("run 'a", "an open quote"),
        ("run --json", "no option '--json'"),
    ],
)
def test_a_faulty_line_names_what_was_probably_meant(line: str, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse(line)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run"], "the following arguments are required: NOTEBOOK; see orchestra run --help"),
        (["status"], "orchestra: no subcommand 'status'"),
        (["progress"], "orchestra: no subcommand 'progress'"),
        (["plan", "a.ipynb", "--notebook"], "no option '--notebook'"),
    ],
)
def test_the_surfaces_differ_in_what_they_are_about(words: list[str], message: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse(words, "cli")
    assert message in str(caught.value)


@pytest.mark.parametrize("line", ["", "help", "-h", "--help"])
def test_help_lists_the_subcommands(line: str) -> None:
    options = parse(line)
    assert options.command == "help"
    assert all(name in options.text for name in commands("magic"))


@pytest.mark.parametrize("surface", ["magic", "cli"])
def test_every_subcommand_has_help_even_beside_a_faulty_line(surface: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for name, summary in commands(surface).items():
        options = parse([name, "--help", "--nonsense"], surface)
        assert options.command == "help"
        assert summary in options.text
        assert all(option in options.text for option in parser_of(name, surface).options)
    assert capsys.readouterr() == ("", "")


def test_a_parser_is_as_good_after_a_fault_as_before() -> None:
    for line in ("why a", "why --help", "why a b c"):
        with suppress(CommandError):
            parse(line)
    assert given_options(parse("why a b")) == {"command": "why", "source": "a", "target": "b"}


@given(st.text(max_size=30))
def test_any_line_is_understood_or_refused_by_our_own_error(text: str) -> None:
    for line in (text, f"run {text}"):
        with suppress(CommandError):
            assert parse(line).command


def test_a_cell_line_takes_every_setting_of_a_node() -> None:
    assert {"name", *TEXT_SETTINGS} == set(KEYS)
    line = "train " + " ".join(f"--{key} 1" for key in TEXT_SETTINGS)
    assert settings_of(parse_cell(line)) == {"name": "train", **dict.fromkeys(TEXT_SETTINGS, "1")}


def test_a_cell_line_takes_options_of_a_run() -> None:
    options = parse_cell("--run -j 2 --levels")
    assert (options.command, options.run, settings_of(options)) == ("cell", True, {})
    assert options_to_config(options, RunConfig()) == RunConfig(jobs=2, schedule="levels")
    assert parse_cell("--help").command == "help"


@pytest.mark.parametrize(
    ("line", "base", "config"),
    [
        ("run", RunConfig(jobs=3), RunConfig(jobs=3)),
        ("run -j 2 --backend loky", RunConfig(jobs=3), RunConfig(jobs=2, backend="loky")),
        ("run --eager --no-keep-going", RunConfig(schedule="levels", keep_going=True), RunConfig()),
        ("run --seed 0 --timeout 2", RunConfig(seed=4), RunConfig(timeout=2.0)),
        ("status", RunConfig(jobs=3), RunConfig(jobs=3)),
    ],
)
def test_options_change_only_what_they_name(line: str, base: RunConfig, config: RunConfig) -> None:
    assert options_to_config(parse(line), base) == config


@pytest.mark.parametrize(
    ("line", "message"),
    [("run -j 0", "jobs=0"), ("run --policy fastest", "policy='fastest'"), ("run --timeout -1", "timeout")],
)
def test_a_value_that_cannot_be_meant_is_a_config_error(line: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        options_to_config(parse(line), RunConfig())


def test_a_line_is_split_as_a_shell_splits_it() -> None:
    assert split_line(r"a 'b c' d\ e --x='1 2' # f") == ["a", "b c", "d e", "--x=1 2"]


@pytest.mark.parametrize("surface", ["magic", "cli"])
def test_a_subcommand_of_two_words_is_understood_and_has_help(surface: Any) -> None:
    options = parse("bench compare a.jsonl --with b.jsonl --alpha 0.01", surface)
    assert (options.command, options.path, options.with_file, options.alpha) == (
        "bench compare",
        "a.jsonl",
        "b.jsonl",
        0.01,
    )
    text = parse("bench compare --help", surface).text
    assert text.startswith("usage: ")
    example = split_line(text.rpartition("example:\n")[2].strip())
    assert parse(example[1:], surface).command == "bench compare"
    assert parse("bench --help", surface).command == "help"


@pytest.mark.parametrize("surface", ["magic", "cli"])
def test_each_subcommand_has_help_with_an_example_that_is_understood(surface: Any) -> None:
    for name, summary in commands(surface).items():
        text = parse([name, "--help"], surface).text
        assert text.startswith("usage: ")
        assert summary in text.replace("\n", " ")
        example = text.rpartition("example:\n")[2].strip()
        words = split_line(example)
        assert words[:2] == ["%orchestrate" if surface == "magic" else "orchestra", name]
        assert parse(words[1:], surface).command == name


def test_help_says_the_defaults_of_options() -> None:
    text = " ".join(parse("run --help").text.split())
    assert "critical-path, fifo, longest-first, ... (default: critical-path)" in text
    assert "(default: one per core)" in text
    assert "SUPPRESS" not in text
    assert "(default: threading)" not in parse_cell("--help").text


def test_the_manual_names_every_subcommand_with_its_line_and_two_examples() -> None:
    text = manual()
    for name, summary in commands("magic").items():
        assert re.search(rf"^ +{name} +{re.escape(summary)}$", text, re.MULTILINE)
    assert text.partition("Examples:")[2].count("%orchestrate") >= 2
    assert "%%orchestrate NAME" in text
    assert max(map(len, text.splitlines())) <= 100
