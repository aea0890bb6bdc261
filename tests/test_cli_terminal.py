"""Commands, and IPython without a front end, at a real terminal: the screen, a dumb one, and what Ctrl-C leaves."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.pseudo_terminal import on_a_terminal

AGENTS = [
    {"id": "scan", "type": "reader", "estimatedTime": 1000},
    {"id": "整形する", "estimatedTime": 2000, "dependencies": ["scan"]},
    {"id": "[red]sort[/red]\x1b[31m\u202e", "estimatedTime": 1000, "dependencies": ["scan"]},
    {"id": "a-name-that-is-longer-than-a-narrow-terminal-has-columns", "estimatedTime": 1000},
]
SLOW = [{"id": "for-long", "estimatedTime": 3_600_000}]
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    for name, agents in (("tidy.json", AGENTS), ("slow.json", SLOW)):
        told = {"name": "/tidy", "phases": [{"name": "All", "parallel": True, "agents": agents}]}
        Path(name).write_text(json.dumps(told), encoding="utf-8")
    return "import sys; from orchestra_nb.cli import main; sys.exit(main({}))"


def test_a_run_leaves_a_table_and_the_verdict_on_a_clean_screen(command: str) -> None:
    ended = on_a_terminal(command.format(["run", "tidy.json", "--simulate", "0.1"]), size=(60, 24))
    assert (ended.code, ended.cursor_is_shown) == (0, True)
    screen = ended.screen
    assert screen[0].split()[:3] == ["node", "status", "seconds"]
    assert [line.split()[0] for line in screen[1:5]] == ["✓"] * 4
    assert screen[5].startswith("✓ done: 4 nodes (4 done) in ")
    assert not any("▶" in line for line in screen)
    assert all(cell_len(line) <= 60 for line in screen)


def test_names_bring_no_escapes_of_their_own_to_a_terminal(command: str) -> None:
    for words in (["plan", "tidy.json"], ["levels", "tidy.json"], ["validate", "tidy.json"]):
        ended = on_a_terminal(command.format(words), size=(60, 24))
        assert ended.code == 0
        plain = COLOURS.sub("", ended.written).replace("\r\n", "\n")
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", plain)
        assert "\x1b[31m\ufffd" not in ended.written
        assert all(cell_len(line) <= 60 for line in plain.split("\n"))
        if words[0] != "validate":
            assert "[red]sort[/red]" in plain


def test_ctrl_c_ends_a_run_with_a_clean_line_and_the_cursor(command: str) -> None:
    ended = on_a_terminal(command.format(["run", "slow.json", "--simulate", "1"]), interrupt="for-long")
    assert (ended.code, ended.cursor_is_shown) == (130, True)
    screen = [line.replace("^C", "") for line in ended.screen]
    assert "Traceback" not in ended.written
    assert any(re.match(r"■ for-long +cancelled", line) for line in screen)
    assert not any("▶" in line or "━" in line for line in screen)


def test_a_dumb_terminal_gets_lines_and_nothing_else(command: str) -> None:
    ended = on_a_terminal(command.format(["run", "tidy.json", "--simulate", "0.01"]), TERM="dumb")
    assert ended.code == 0
    assert not re.search("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]", ended.written)
    assert "scan  done  " in ended.written


def test_no_color_leaves_the_marks(command: str) -> None:
    ended = on_a_terminal(command.format(["levels", "tidy.json"]), NO_COLOR="1")
    assert ended.code == 0
    assert "◆ scan" in COLOURS.sub("", ended.written)
    assert not re.search(r"\x1b\[(?:\d+;)*(?:3|4|9|10)\d[;m]", ended.written)


def test_a_pipe_gets_the_same_plain_lines_each_time(command: str) -> None:
    words = [sys.executable, "-c", command.format(["plan", "tidy.json"])]
    first, second = (subprocess.run(words, capture_output=True, check=True) for _ in range(2))
    assert first.stdout == second.stdout
    assert not re.search(b"[\x00-\x09\x0b-\x1f\x7f]", first.stdout)
    assert first.stdout.decode().startswith("DAG: 4 nodes")


IPYTHON = """
from IPython.terminal.interactiveshell import TerminalInteractiveShell
shell = TerminalInteractiveShell.instance(simple_prompt=True)
shell.history_manager.enabled = False
def cell(text): shell.run_cell(text, store_history=False)
cell("from orchestra_nb import DAG, Node; dag = DAG([Node('load', cost=2), Node('[red]fit[/red]', after=['load'])])")
cell("%load_ext orchestra_nb\\ndag")
cell("%unload_ext orchestra_nb")
cell("dag")
"""


def test_ipython_draws_values_for_its_terminal_while_the_extension_is_loaded() -> None:
    ended = on_a_terminal(IPYTHON, size=(60, 60))
    assert ended.code == 0
    tree, plain = ended.screen, ended.screen
    assert "│  └─ ◆ load            2.0 s" in tree
    assert "levels:" in plain
    assert any("[red]fit[/red]" in line for line in tree)


def test_a_shell_without_a_terminal_is_left_as_it_is() -> None:
    found = subprocess.run([sys.executable, "-c", IPYTHON], capture_output=True, check=True, text=True)
    assert "└─" not in found.stdout
    assert "levels:" in found.stdout
