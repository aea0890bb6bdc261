"""What stands in the pages is true: their examples run, their command lines are understood, their tables are of today.

A page's blocks of Python run from top to bottom in one namespace and an empty folder, as a reader would run them. One
that cannot run says why in a comment above it, ``<!-- not run: … -->``.
"""

from __future__ import annotations

import ast
import doctest
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from orchestra_nb import grammar

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def tool(name: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tools"))
        return __import__(name)


def blocks(path: Path, *languages: str) -> list[Any]:
    found = tool("pages").blocks(path.read_text(encoding="utf-8"))
    return [block for block in found if block.language in languages]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_examples_of_a_page_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "__page__"}
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    told: list[str] = []
    for block in blocks(path, "python"):
        if block.not_run:
            ast.parse(block.code)  # it is Python all the same
        elif ">>>" in block.code:
            test = doctest.DocTestParser().get_doctest(block.code, namespace, path.name, str(path), block.line - 1)
            runner.run(test, out=told.append, clear_globs=False)
            namespace = test.globs
        else:
            exec(compile("\n" * (block.line - 1) + block.code, str(path), "exec"), namespace)
    assert not told, "".join(told)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_command_of_a_page_is_understood(path: Path) -> None:
    for block in blocks(path, "console", "ipython"):
        for line in block.code.splitlines():
            words = line.partition("  #")[0].strip()
            if words.startswith("orchestra "):
                assert grammar.parse(words.removeprefix("orchestra "), "cli").command
            elif words.startswith("%%orchestrate"):
                assert grammar.parse_cell(words.removeprefix("%%orchestrate")).command == "cell"
            elif words.startswith("%orchestrate"):
                assert grammar.parse(words.removeprefix("%orchestrate"), "magic").command


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_file_that_a_page_shows_can_be_read(path: Path) -> None:
    for block in blocks(path, "toml"):
        tomllib.loads(block.code)
    for block in blocks(path, "json"):
        json.loads(block.code)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_block_of_a_page_is_of_a_kind_that_is_checked(path: Path) -> None:
    known = {"python", "ipython", "console", "toml", "json", "text", "{toctree}"}
    assert {block.language for block in tool("pages").blocks(path.read_text(encoding="utf-8"))} <= known


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_tables_of_a_page_are_what_the_code_says(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert tool("made_tables").filled(text) == text, "run tools/made_tables.py"


def test_every_page_is_found_from_the_first() -> None:
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    named = {
        line.strip() for block in tool("pages").blocks(text) for line in block.code.splitlines() if line[:1].isalpha()
    }
    links = set(tool("pages").links(text))
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"}
    assert pages <= named
    assert {f"{page}.md" for page in pages} <= links


@pytest.fixture(autouse=True, scope="module")
def _tools_are_gone_afterwards() -> Any:
    yield
    for name in ("pages", "made_tables"):
        sys.modules.pop(name, None)
