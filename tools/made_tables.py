"""Writes the tables of the pages that say what the code says: ``.venv/bin/python tools/made_tables.py``.

Policy: what a page would have to repeat (settings, subcommands, knobs, errors, codes of faults) is made from where it
is defined, between two comments in the page; everything else in the page is written by hand. Order: whatever order the
code has. Failure: a comment that names no table, and a notebook that nothing is said of, raise ``KeyError``.
``tests/workshop/test_pages.py`` sees that it was done. Rejected: pages that are made as a whole, in which nobody would
write the sentences around a table.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path

from orchestra_nb import errors
from orchestra_nb.cells.settings import EXPECTED, NodeSettings
from orchestra_nb.config import RunConfig
from orchestra_nb.grammar import TEXT_SETTINGS, commands, example_of

ROOT = Path(__file__).parents[1]
_MADE = re.compile(r"(<!-- made: (\w+) \(tools/made_tables\.py\) -->\n).*?(<!-- until here -->)", re.DOTALL)
_DEFAULTS = {"reads": "inferred", "writes": "inferred", "mutates": "inferred", "name": "`label`, else `cell-N`"}
_DEFAULTS |= {"cost": "what earlier runs took, else 1.0", "when": "always"}
_PLACES = {
    "agents": "agents' files",
    "cells": "notebooks and cells",
    "definitions": "command definitions",
    "graph": "any graph",
    "labs": "scripts of labs",
    "taskgraphs": "files of task graphs",
    "resources": "resources",
    "recovery": "retries, circuits and sagas",
    "notebook": "notebooks and cells",
    "running": "runs",
}

_NOTEBOOKS = {
    "01_quickstart": "an ordinary notebook that knows nothing of this library; `make demo` runs it",
    "02_declaring_nodes": "the same graph declared in three ways",
    "03_agent_pipeline": "tools that review this package: rehearsed, run, and with things that go wrong",
    "04_critical_paths": "levels, slack, the critical path, and what a faster node would gain",
    "05_policies_and_bounds": "policies side by side, the optimum, and when more workers are slower",
    "06_locks_and_deadlock": "who holds what, who waits for whom, and who gives way",
    "07_failures": "retry, circuit breaker, saga, and going on after a kill",
    "08_cache": "what is kept, and what makes it wrong",
    "09_benchmarking": "sweeps with repeats, intervals and a comparison with last time",
    "10_one_machine_to_dask": "threads, processes and a dask cluster, with the same results",
}


def notebooks() -> str:
    """List the notebooks that are there, one line each."""
    there = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return "\n".join(f"- [{path.stem}](notebooks/{path.name}): {_NOTEBOOKS[path.stem]}" for path in there)


def settings() -> str:
    """Make the table of a node's settings."""
    lines = ["| key | meaning | what it may be | default |", "| --- | --- | --- | --- |"]
    for key, field in NodeSettings.model_fields.items():
        meaning = {"name": "the node's id, unique in the graph", **TEXT_SETTINGS}[key]
        default = _DEFAULTS.get(key) or ("none" if field.default in (None, ()) else f"`{_plain(field.default)}`")
        lines.append(f"| `{key}` | {meaning} | {EXPECTED[key]} | {default} |")
        for nested, expected in EXPECTED.items():
            if nested.startswith(f"{key}."):
                lines.append(f"| `{nested}` | | {expected} | |")
    return "\n".join(lines)


def magics() -> str:
    """Make the table of the subcommands of the magic."""
    return _commands("magic")


def command_line() -> str:
    """Make the table of the subcommands of the command line."""
    return _commands("cli")


def _commands(surface: str) -> str:
    lines = ["| subcommand | what it does | as in |", "| --- | --- | --- |"]
    for name, summary in commands(surface).items():
        lines.append(f"| `{name}` | {summary} | `{example_of(name, surface)}` |")
    return "\n".join(lines)


def knobs() -> str:
    """Make the table of the knobs of a run, from the docstring of their class."""
    said = _said(RunConfig.__doc__ or "")
    lines = ["| knob | default | meaning |", "| --- | --- | --- |"]
    for field in fields(RunConfig):
        default = {} if field.default is MISSING else field.default
        lines.append(f"| `{field.name}` | `{default!r}` | {said[field.name]} |")
    return "\n".join(lines)


def _said(docstring: str) -> Mapping[str, str]:
    """Read what the Parameters section of a docstring says of each."""
    section = docstring.partition("Parameters\n    ----------\n")[2].partition("\n    Raises\n")[0]
    parts = re.findall(r"^    (\w+)\n((?:        .*\n|\n)+)", section + "\n", re.MULTILINE)
    return {name: _plain_markdown(text) for name, text in parts}


def _plain_markdown(text: str) -> str:
    """Write reStructuredText of one paragraph as Markdown, for a cell of a table."""
    named = re.sub(r":\w+:`~?\.?([^`]+)`", r"``\1``", text)
    return " ".join(named.replace("``", "`").split()).replace("|", r"\|")


def error_tree() -> str:
    """Take the tree of errors from the top of its module."""
    text = (errors.__doc__ or "").partition("::\n\n")[2].partition("\n\nThree promises")[0]
    return "```text\n" + "\n".join(line.removeprefix("    ") for line in text.splitlines()) + "\n```"


def codes() -> str:
    """List the codes of faults, each with where it is found; a line for each, which is easily merged."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "orchestra_nb").rglob("*.py")):
        part = path.relative_to(ROOT / "orchestra_nb").parts[0]
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if "Issue(" in text else ():
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Issue" and node.args:
                found[part] |= _texts(node.args[0])
    places: dict[str, set[str]] = defaultdict(set)
    for part, words in found.items():
        for code in words:
            places[code].add(_PLACES.get(part, "elsewhere"))
    lines = ["| code | found in |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| `{code}` | {', '.join(sorted(places[code]))} |" for code in sorted(places))])


def _texts(node: ast.expr) -> set[str]:
    """Read a code that is written where it is used; both, where one of two is chosen."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    if isinstance(node, ast.IfExp):
        return _texts(node.body) | _texts(node.orelse)
    return set()


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


TABLES: Mapping[str, Callable[[], str]] = {
    made.__name__: made for made in (notebooks, settings, magics, command_line, knobs, error_tree, codes)
}


def filled(text: str) -> str:
    """Make a page anew, with its tables as the code has them."""
    return _MADE.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n{found[3]}", text)


def main() -> None:
    """Write every page anew that has a table."""
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = path.read_text(encoding="utf-8")
        if filled(text) != text:
            path.write_text(filled(text), encoding="utf-8")


if __name__ == "__main__":
    main()
